"""Check what a stack says about renames, protections and the like, against what it declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..kinds import KINDS, RENAMEABLE, kind_of
from ..kinds.conversion import CONVERTIBLE, temporary
from ..model.address import Address
from ..model.lifecycle import Lifecycle
from ..model.problem import Diagnostic
from ..model.resource import Resource, Tombstone
from ..model.stack import Rule, Stack


def resolve_lifecycle(
    stack: Stack, resources: Mapping[Address, Resource], tombstones: Mapping[Address, Tombstone]
) -> tuple[Lifecycle, list[Diagnostic]]:
    """The rules of a stack, and everything that is wrong with them."""
    work = _Rules(resources, tombstones)
    for rule in stack.rules:
        work.add(rule)
    work.check_renames()
    rules = Lifecycle(work.moved, work.forgotten, work.protected, work.ignored, frozenset(work.converted))
    return rules, work.problems


class _Rules:
    def __init__(self, resources: Mapping[Address, Resource], tombstones: Mapping[Address, Tombstone]) -> None:
        self._resources, self._tombstones = resources, tombstones
        self.moved: dict[Address, Address] = {}
        self.forgotten: dict[Address, str] = {}
        self.protected: dict[Address, str] = {}
        self.ignored: dict[Address, frozenset[str]] = {}
        self.converted: set[Address] = set()
        self._renames: dict[Address, Rule] = {}
        self.problems: list[Diagnostic] = []

    def add(self, rule: Rule) -> None:
        try:
            address = Address.parse(rule.address)
        except ValueError as error:
            self._complain(rule, str(error))
            return
        if address.kind not in KINDS:
            self._complain(rule, f"unknown kind {address.kind!r}")
            return
        for message in getattr(self, f"_{rule.kind}")(rule, address):
            self._complain(rule, message)

    def _complain(self, rule: Rule, message: str) -> None:
        self.problems.append(Diagnostic(rule.location, f"{rule.kind} {rule.address}", message))

    def _moved(self, rule: Rule, old: Address) -> Iterator[str]:
        try:
            new = Address.parse(rule.value)
        except ValueError as error:
            yield str(error)
            return
        if kind_of(old).rename is None:
            yield f"Appwrite cannot rename a {old.kind}; it can rename {', '.join(RENAMEABLE)}"
        if new.kind != old.kind or new.parts[:-1] != old.parts[:-1]:
            yield f"{new} lies elsewhere: a new name must be in the same place"
        if new not in self._resources:
            yield f"{new} is not declared"
        if old == new:
            yield "that is its name already"
        elif new in self.moved:
            yield f"{self.moved[new]} is renamed to {new} as well"
        elif old in self.moved.values():
            yield "it has a new name already"
        else:
            self.moved[new], self._renames[old] = old, rule

    def check_renames(self) -> None:
        """What only all renames together tell. In a chain, an old name is that of something else by now."""
        for new, old in self.moved.items():
            rule = self._renames[old]
            if old in self._resources and old not in self.moved:
                self._complain(rule, f"{old} is still declared, at {self._resources[old].location}")
            seen = [new]
            while seen[-1] in self._renames and (after := self._new_name(seen[-1])) not in seen:
                seen.append(after)
            if seen[-1] == old:
                self._complain(
                    rule, "names cannot go round in a circle; rename one to a free name, apply, then the rest"
                )

    def _new_name(self, old: Address) -> Address:
        return next(new for new, each in self.moved.items() if each == old)

    def _forget(self, rule: Rule, address: Address) -> Iterator[str]:
        if address in self._resources:
            yield f"it is still declared, at {self._resources[address].location}"
        if address in self._tombstones:
            yield "it is declared absent as well, which deletes it"
        self.forgotten[address] = rule.value

    def _protect(self, rule: Rule, address: Address) -> Iterator[str]:
        if address in self._tombstones:
            yield "it is declared absent as well, which deletes it"
        self.protected[address] = rule.value

    def _convert(self, rule: Rule, address: Address) -> Iterator[str]:  # noqa: ARG002
        wanted = self._resources.get(address)
        if wanted is None or not kind_of(address).holds_values:
            yield "it is not a declared attribute"
            return
        if wanted.fields["type"] not in CONVERTIBLE:
            yield f"values cannot be converted to {wanted.fields['type']}; they can to {', '.join(CONVERTIBLE)}"
        if temporary(address) in self._resources:
            yield f"{temporary(address)} is declared, and its name is needed in between"
        self.converted.add(address)

    def _ignore(self, rule: Rule, address: Address) -> Iterator[str]:
        if kind_of(address).is_code:
            yield "code cannot be ignored; declare code=KEEP"
            return
        if address not in self._resources:
            yield "it is not declared"
            return
        fields = self._resources[address].fields
        unknown = [name for name in rule.names if name not in fields]
        known = f"its fields are {', '.join(sorted(fields))}"
        if not rule.names:
            yield f"name the fields that are left to others; {known}"
        if unknown:
            yield f"it has no field {', '.join(map(repr, unknown))}; {known}"
        self.ignored[address] = self.ignored.get(address, frozenset()) | frozenset(rule.names)

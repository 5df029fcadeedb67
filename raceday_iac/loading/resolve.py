"""Check a stack's declarations together and turn them into desired resources. Collects every mistake; sends nothing.

What a stack says about renames, protections and the like is checked last, against what it declares.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..errors import StackError
from ..kinds import KINDS, RENAMEABLE, kind_of
from ..kinds.conversion import CONVERTIBLE, temporary
from ..kinds.fields import Checked
from ..model import declarations as declared
from ..model.address import Address
from ..model.local_time import read_local_time
from ..model.resource import (
    DEFAULTS,
    CodeSource,
    Desired,
    Diagnostic,
    KeptCode,
    Lifecycle,
    Location,
    Resource,
    Threshold,
    Tombstone,
    frozen,
)
from ..model.stack import Absence, Declaration, Rule, Stack
from .environment import Environment
from .migrations import read_migrations
from .yaml_file import read_yaml

# What checking a stack has gathered so far, and the steps that all kinds of declarations share.


Model = TypeVar("Model", bound=declared.Declared)


@dataclass
class Resolution:
    """Wanted resources and the mistakes found on the way. `root` is the folder that code paths are relative to."""

    environment: Environment
    root: Path
    variables: Mapping[str, str]
    keep_deployments: int
    resources: dict[Address, Resource] = field(default_factory=dict)
    code: dict[Address, CodeSource] = field(default_factory=dict)
    kept_code: dict[Address, KeptCode] = field(default_factory=dict)
    members: dict[Address, declared.Declared] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)
    overridden: set[str] = field(default_factory=set)
    #: Addresses of all declarations, also of those that turned out wrong.
    attempted: set[Address] = field(default_factory=set)

    def check(
        self, model: type[Model], arguments: Mapping[str, Any], address: Address, location: Location
    ) -> Model | None:
        """The checked declaration, or None after a complaint."""
        self.attempted.add(address)
        found, mistakes = declared.checked(model, arguments)
        for each in mistakes:
            self.complain(address, location, str(each))
        return found

    def complain(self, address: Address, location: Location, message: str) -> None:
        """Report a problem of a declaration, at the place of the override if there is one."""
        if str(address) in self.overridden:
            message = f"{message} (declared at {location}, overridden here)"
            location = self.override_place(str(address))
        self.problems.append(Diagnostic(location, str(address), message))

    def put(
        self,
        address: Address,
        fields: Mapping[str, Any],
        depends_on: tuple[Address, ...],
        location: Location,
        model: declared.Declared,
    ) -> None:
        """Keep a wanted resource; a second one of the same address is a mistake."""
        if address in self.resources:
            first = self.resources[address].location
            self.problems.append(Diagnostic(location, str(address), f"declared twice; the first is at {first}"))
            return
        self.resources[address] = Resource(address, frozen(fields), depends_on, location)
        self.members[address] = model

    def with_override(self, address: Address, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with what the environment says instead."""
        override = self.environment.overrides.get(str(address))
        if override is None:
            return arguments
        self.overridden.add(str(address))
        unknown = sorted(set(override) - set(arguments) | {"id", "key"} & set(override))
        for name in unknown:
            known = sorted(set(arguments) - {"id", "key"})
            near = declared.nearest(name, known)
            message = f"{name!r} cannot be overridden{near}; possible: {', '.join(known)}"
            self.problems.append(Diagnostic(self.override_place(str(address)), str(address), message))
        return {**arguments, **{name: value for name, value in override.items() if name not in unknown}}

    def unused_overrides(self) -> list[Diagnostic]:
        """Overrides of what the stack does not declare."""
        unused = sorted(set(self.environment.overrides) - self.overridden)
        message = "overrides a resource that the stack does not declare"
        known = list(map(str, self.resources))
        return [Diagnostic(self.override_place(name), name, message + declared.nearest(name, known)) for name in unused]

    def override_place(self, name: str) -> Location:
        """Where in the environment file an override is written."""
        path = Path(self.environment.file)
        if not path.is_file():
            return Location(f"environments/{self.environment.name}.yaml")
        return read_yaml(path, "").location("overrides", name)


def resolve(stack: Stack, environment: Environment, root: Path, variables: Mapping[str, str] = os.environ) -> Desired:
    """The wanted resources. `root` is the folder that code paths are relative to.

    Raises StackError with all mistakes found.
    """
    work = Resolution(environment, root, variables, stack.keep_deployments)
    # By stage, so that the order of writing does not matter: an index has to know its attributes.
    for declaration in sorted(_declarations(work, stack), key=lambda each: KINDS[each.kind].stage):
        declaring = KINDS[declaration.kind].declaring
        assert declaring is not None, "the language of stacks declares nothing else"
        declaring.put(work, declaration.owner, declaration.arguments, declaration.location)
    tombstones = _tombstones(work, stack)
    broken = work.attempted - set(work.resources)
    lifecycle, problems = resolve_lifecycle(stack, work.resources, tombstones)
    work.problems += problems
    migrations, problems = read_migrations(stack, root, work.resources)
    work.problems += problems
    local_time, mistakes = read_local_time(stack.timezone, stack.quiet_hours)
    desired = Desired(
        stack.name,
        work.resources,
        tombstones,
        work.code,
        work.kept_code,
        stack.lock_store,
        stack.expected_variables,
        lifecycle=lifecycle,
        thresholds=checked_thresholds(stack),
        local_time=local_time,
        extensions=tuple(stack.extensions),
        migrations=migrations,
    )
    work.problems += threshold_problems(stack)
    work.problems += [Diagnostic(Location(), "stack", message) for message in mistakes]
    if not isinstance(stack.extensions, list | tuple) or not all(isinstance(each, str) for each in stack.extensions):
        work.problems.append(Diagnostic(Location(), "stack", "extensions must be a list of dotted names"))
    work.problems += consistency_problems(Checked(desired, work.members, broken))
    work.problems += work.unused_overrides()
    if work.problems:
        raise StackError(sorted(set(work.problems)))
    return desired


def _declarations(work: Resolution, stack: Stack) -> Iterator[Declaration]:
    """All that the stack declares; the variables of the project also as one mapping."""
    yield from stack.declarations
    place = Location(stack.declarations[0].location.file) if stack.declarations else Location(stack.name)
    if not isinstance(stack.variables, Mapping):
        work.problems.append(Diagnostic(place, "stack", "variables: must be a mapping of names to values"))
        return
    for key, value in stack.variables.items():
        yield Declaration("project_variable", (), {"key": key, "value": value}, place)


def _tombstones(work: Resolution, stack: Stack) -> dict[Address, Tombstone]:
    found: dict[Address, Tombstone] = {}
    for absence in stack.absences:
        try:
            address = Address.parse(absence.address)
        except ValueError as error:
            work.problems.append(Diagnostic(absence.location, absence.address, str(error)))
            continue
        if address.kind not in KINDS:
            message = f"unknown kind {address.kind!r}{declared.nearest(address.kind, KINDS)}"
            work.problems.append(Diagnostic(absence.location, absence.address, message))
        elif address in work.resources:
            place = work.resources[address].location
            message = f"declared absent here, but also declared to exist at {place}"
            work.problems.append(Diagnostic(absence.location, absence.address, message))
        elif KINDS[address.kind].is_setting:
            _reset(work, address, absence)
            continue
        found[address] = Tombstone(address, absence.reason, absence.location)
    return found


def _reset(work: Resolution, address: Address, absence: Absence) -> None:
    """A setting cannot be gone: it is to be what Appwrite makes of it."""
    known = KINDS[address.kind].originals(address)
    if not known:
        message = "Appwrite cannot delete it, and its earlier value is not known; declare the value that it should have"
        work.problems.append(Diagnostic(absence.location, str(address), message))
    else:
        work.resources[address] = Resource(address, frozen(known[0]), (), absence.location)


def consistency_problems(stack: Checked) -> Iterator[Diagnostic]:
    """Every mistake that is only visible when declarations are seen together."""
    yield from _dangling(stack.desired, stack.broken)
    yield from _same_but_for_case(stack.desired)
    for kind in KINDS.values():
        if kind.declaring:
            yield from kind.declaring.problems(stack)


def _dangling(desired: Desired, broken: Collection[Address]) -> Iterator[Diagnostic]:
    for resource in desired.resources.values():
        for owner in resource.depends_on:
            # Index attributes have their own, more precise check.
            is_over = kind_of(resource.address).breaks_with_dependencies and kind_of(owner).is_column
            if owner not in desired.resources and owner not in broken and not is_over:
                near = declared.nearest(str(owner), [str(each.address) for each in desired.of_kind(owner.kind)])
                message = f"refers to {owner}, which is not declared{near}"
                yield Diagnostic(resource.location, str(resource.address), message)


def _same_but_for_case(desired: Desired) -> Iterator[Diagnostic]:
    """Names that are one to the server. Attributes and relationships have a check of their own."""
    seen: dict[tuple[str, ...], Address] = {}
    for resource in desired.resources.values():
        kind, (*owner, name) = kind_of(resource.address), resource.address.parts
        if kind.is_column or kind.is_code:
            continue
        first = seen.setdefault((kind.name, *owner, kind.folded(name)), resource.address)
        if first != resource.address:
            message = (
                f"differs from {first} only in {kind.folded_away}, and Appwrite treats them as the same; rename one"
            )
            yield Diagnostic(resource.location, str(resource.address), message)


# Check what a stack says about thresholds.


def checked_thresholds(stack: Stack) -> dict[str, Threshold]:
    """What can be used of them; `threshold_problems` reports the rest."""
    found = stack.thresholds if isinstance(stack.thresholds, Mapping) else {}
    return {name: limit for name, limit in found.items() if isinstance(limit, Threshold)}


def threshold_problems(stack: Stack) -> Iterator[Diagnostic]:
    """Thresholds that name no action or no kind, or a share that is none."""
    place = Location(stack.declarations[0].location.file) if stack.declarations else Location(stack.name)
    if not isinstance(stack.thresholds, Mapping):
        yield Diagnostic(place, "thresholds", "must be a mapping of names to limits")
        return
    for name, limit in stack.thresholds.items():
        subject = f"threshold {name!r}"
        action, _, kind = str(name).partition(" ")
        if action not in DEFAULTS or kind not in KINDS:
            actions, kinds = " or ".join(DEFAULTS), ", ".join(KINDS)
            yield Diagnostic(place, subject, f"write an action and a kind: {actions}, then one of {kinds}")
        if not isinstance(limit, Threshold):
            yield Diagnostic(place, subject, f"write Threshold(percent=10, number=1) instead of {limit!r}")
        elif not _is_share(limit.percent) or type(limit.number) is not int or limit.number < 0:
            yield Diagnostic(place, subject, f"{limit.percent} % and {limit.number} is not a valid limit")


def _is_share(percent: object) -> bool:
    return isinstance(percent, int | float) and not isinstance(percent, bool) and 0 <= percent <= 100


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
            self._complain(rule, f"unknown kind {address.kind!r}{declared.nearest(address.kind, KINDS)}")
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
            yield f"{new} is in another place: a rename must stay in the same place"
        if new not in self._resources:
            yield f"{new} is not declared{declared.nearest(str(new), map(str, self._resources))}"
        if old == new:
            yield "that is its name already"
        elif new in self.moved:
            yield f"{self.moved[new]} is renamed to {new} as well"
        elif old in self.moved.values():
            yield "it is renamed already"
        else:
            self.moved[new], self._renames[old] = old, rule

    def check_renames(self) -> None:
        """What only all renames together show. In a chain, an old name is that of something else by now."""
        for new, old in self.moved.items():
            rule = self._renames[old]
            if old in self._resources and old not in self.moved:
                self._complain(rule, f"{old} is still declared, at {self._resources[old].location}")
            seen = [new]
            while seen[-1] in self._renames and (after := self._new_name(seen[-1])) not in seen:
                seen.append(after)
            if seen[-1] == old:
                self._complain(rule, "renames cannot form a circle; rename one to a free name, apply, then the rest")

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
            yield f"{temporary(address)} is declared, but the conversion needs that name"
        self.converted.add(address)

    def _ignore(self, rule: Rule, address: Address) -> Iterator[str]:
        if kind_of(address).is_code:
            yield "code cannot be ignored; declare code=KEEP"
            return
        if address not in self._resources:
            yield f"it is not declared{declared.nearest(str(address), map(str, self._resources))}"
            return
        fields = self._resources[address].fields
        unknown = [name for name in rule.names if name not in fields]
        known = f"its fields are {', '.join(sorted(fields))}"
        if not rule.names:
            yield f"name the fields to ignore; {known}"
        if unknown:
            near = declared.nearest(unknown[0], fields)
            yield f"it has no field {', '.join(map(repr, unknown))}{near}; {known}"
        self.ignored[address] = self.ignored.get(address, frozenset()) | frozenset(rule.names)

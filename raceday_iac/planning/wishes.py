"""What is asked of a plan beyond the stack: which part of it, what to replace, and which guards to let pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..errors import IacError
from ..kinds import KINDS
from ..model.address import Address, owners
from ..model.desired import Desired
from ..model.evidence import Answer, read_number
from ..model.threshold import DEFAULTS
from ..state.document import State

#: Kinds that can be made anew, with what lies in them. A function is more than that: its code, its executions.
REPLACEABLE = ("collection", "attribute", "relationship", "index", "variable", "deployment")


@dataclass(frozen=True)
class Wishes:
    """Addresses also stand for what lies in them: `function.x` for its variables and its code.

    `allowed` may lose data, as much as the number that goes with it (None: no number was given, so what the plan
    shows). With `numbers_needed`, where nobody is asked, a permission without a number is none. `confirmed` repeats
    numbers that a threshold refused, by `action kind` (`delete function`).
    """

    allowed: Mapping[Address, Answer | None] = field(default_factory=dict)
    targets: frozenset[Address] = frozenset()
    excluded: frozenset[Address] = frozenset()
    replaced: frozenset[Address] = frozenset()
    refresh_only: bool = False
    confirmed: Mapping[str, int] = field(default_factory=dict)
    numbers_needed: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether the plan is not about the whole stack."""
        return bool(self.targets or self.excluded)

    def let_go(self, address: Address) -> bool:
        """Whether something may be deleted: it is a target (or there are none), and nothing excluded is in it."""
        wanted = not self.targets or lies_in(address, self.targets)
        return wanted and not self.keep(address)

    def keep(self, address: Address) -> bool:
        """Whether something must not go: it is excluded, lies in something excluded, or something excluded in it."""
        return lies_in(address, self.excluded) or any(lies_in(each, [address]) for each in self.excluded)

    def to_json(self) -> dict[str, object]:
        """Only what was asked for, so that a plain plan says nothing."""
        found: dict[str, object] = {
            name: sorted(map(str, getattr(self, name)))
            for name in ("targets", "excluded", "replaced")
            if getattr(self, name)
        }
        if self.allowed:
            found["allowed"] = {
                str(address): None if number is None else number.number
                for address, number in sorted(self.allowed.items())
            }
        if self.refresh_only:
            found["refreshOnly"] = True
        if self.confirmed:
            found["confirmed"] = dict(sorted(self.confirmed.items()))
        return found


def wishes_from_json(content: Mapping[str, object]) -> Wishes:
    """The inverse of `to_json`. Raises ValueError, TypeError or KeyError for anything else."""

    def addresses(name: str) -> frozenset[Address]:
        found = content.get(name, [])
        if not isinstance(found, Iterable):
            raise TypeError(f"{name} is no list")
        return frozenset(Address.parse(str(each)) for each in found)

    allowed, confirmed = content.get("allowed", {}), content.get("confirmed", {})
    if not isinstance(allowed, Mapping) or not isinstance(confirmed, Mapping):
        raise TypeError("allowed and confirmed are objects")
    return Wishes(
        {Address.parse(each): None if number is None else read_number(str(number)) for each, number in allowed.items()},
        addresses("targets"),
        addresses("excluded"),
        addresses("replaced"),
        bool(content.get("refreshOnly", False)),
        {str(name): int(number) for name, number in confirmed.items()},
    )


def lies_in(address: Address, places: Iterable[Address]) -> bool:
    """Whether an address is one of the places, or in one."""
    return any(place == address or place in owners(address) for place in places)


def check_wishes(wishes: Wishes, desired: Desired, state: State) -> None:
    """Raise IacError for addresses that name nothing, for replacements that cannot be, and for limits there are not."""
    everything = {*desired.resources, *desired.tombstones, *state.entries}
    places = everything.union(*map(owners, everything))
    for option, addresses in (("--target", wishes.targets), ("--exclude", wishes.excluded)):
        for address in sorted(addresses - places):
            raise _nothing_there(option, address, "declared or managed")
    for address in sorted(wishes.replaced):
        if address.kind in KINDS and address.kind not in REPLACEABLE:
            raise IacError(
                f"--replace {address}: a {address.kind} cannot be replaced by itself. Nothing was changed.",
                hint=f"replaceable are {', '.join(REPLACEABLE)}",
            )
        if address not in desired.resources:
            raise _nothing_there("--replace", address, "declared")
    for name in sorted(wishes.confirmed):
        action, _, kind = name.partition(" ")
        if action not in DEFAULTS or kind not in KINDS:
            raise IacError(
                f'--confirm "{name}=…": there is no such limit. Nothing was changed.',
                hint=f"write {' or '.join(DEFAULTS)}, then one of {', '.join(KINDS)}, as the plan shows it",
            )


def _nothing_there(option: str, address: Address, how: str) -> IacError:
    return IacError(
        f"{option} {address}: nothing of that address is {how}. Nothing was changed.",
        hint="raceday-iac state list shows what is managed",
    )

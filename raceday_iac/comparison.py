"""Two environments beside each other: what differs between them, and whether that was meant. Pure.

A side is what is live in one environment; or what a commit's stack, or a saved plan, says of one. What differs because
each environment's own stack says so (overrides, schedules that are off) is distinguished from what somebody changed on
a server, and from what is not applied there yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .diff import HIDDEN, Cause, FieldChange, same
from .drift import Item, Standing, Verdict, classify
from .errors import EXIT_CHANGES, EXIT_DRIFT, EXIT_DRIFT_AND_CHANGES, EXIT_OK
from .kinds import in_words_of, kind_of, outermost
from .model.address import Address, owners
from .model.resource import Desired, Fields
from .model.secret import Secret, is_fingerprint
from .model.server import NEWEST, ServerFacts
from .planning import Action, Plan
from .planning.saved import SavedPlan, restored
from .provider import Snapshot
from .state.document import State


class Stand(StrEnum):
    """How a side stands to its own stack in one thing. `planned`: a saved plan says so, and no more is known."""

    DECLARED = "declared"
    DRIFTED = "drifted"
    ACCEPTED = "accepted"
    PENDING = "not-applied"
    UNMANAGED = "unmanaged"
    PLANNED = "planned"


_STANDS = {
    Standing.CHANGED: Stand.DRIFTED,
    Standing.CONFLICT: Stand.DRIFTED,
    Standing.PENDING: Stand.PENDING,
    Standing.UNMANAGED: Stand.UNMANAGED,
}
_FACTS = ServerFacts(NEWEST)
#: Statuses in which something cannot be used.
_BROKEN = ("failed", "stuck")


@dataclass(frozen=True)
class Side:
    """One side. Fields are in the words of the newest server, so that servers of several ages can be compared.

    `fields` has what is there, by address. `wanted` is what its stack says; `known` what was last applied, secrets as
    fingerprints that are keyed by `salt`. `stands` has what is not as declared, by address and field (empty: the whole
    of it). `unread` are kinds that could not be read, with the reason. With `only`, nothing else is known: by address
    the fields, or None for all of it.
    """

    name: str
    where: str = ""
    fields: Mapping[Address, Fields] = field(default_factory=dict)
    wanted: Mapping[Address, Fields] = field(default_factory=dict)
    known: Mapping[Address, Fields] = field(default_factory=dict)
    salt: str = ""
    stands: Mapping[tuple[Address, str], Stand] = field(default_factory=dict)
    statuses: Mapping[Address, str] = field(default_factory=dict)
    #: What has another name there until it is renamed: by its new address.
    origins: Mapping[Address, Address] = field(default_factory=dict)
    ignored: Mapping[Address, frozenset[str]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[Address, frozenset[str] | None] | None = None
    notes: tuple[str, ...] = ()

    def stand(self, address: Address, name: str = "") -> Stand:
        """How it stands in a field, or (without one) in whether it is there."""
        if self.only is not None:
            return Stand.PLANNED
        for each in (name, *kind_of(address).instead(name)) if name else ("",):
            if (address, each) in self.stands:
                return self.stands[address, each]
        return self.stands.get((address, ""), Stand.DECLARED)

    def covers(self, address: Address, name: str = "") -> bool:
        """Whether anything is known of it here."""
        if outermost(address).kind in self.unread:
            return False
        if self.only is None:
            return True
        if address not in self.only:
            return False
        names = self.only[address]
        return not name or names is None or name in names


def _stand_of(item: Item) -> Stand:
    """Unmanaged is what nobody manages, accepted or not."""
    stand = _STANDS[item.standing]
    return Stand.ACCEPTED if stand is Stand.DRIFTED and item.accepted is not None else stand


def live_side(
    name: str,
    where: str,
    desired: Desired,
    state: State,
    snapshot: Snapshot,
    plan: Plan,
    verdict: Verdict | None = None,
) -> Side:
    """What is live in an environment. `plan` is the one that its own stack and state make of the snapshot, `verdict`
    says what of its differences is accepted; without it, nothing is."""
    # In the plan a renamed thing has its new name already.
    there = {address: live for address, live in plan.real.items() if live.status != "deleting"}
    stands = {
        (item.address, each): _stand_of(item)
        for item in (verdict or classify(plan)).items
        for each in ([field.name for field in item.fields] or [""])
        if item.address not in desired.migrations
    }
    # What has run is known by the state alone, and nothing of it is live.
    ran = {address: {"digest": each.digest} for address, each in state.migrations.items() if each.is_done}
    for address, migration in desired.migrations.items():
        record = state.migrations.get(address)
        if record is None or not record.is_done or record.digest != migration.digest:
            stands[address, ""] = Stand.PENDING
    missing = [] if state.serial else [f"{name} has no state yet: its drift counts as not applied"]
    return Side(
        name,
        where,
        {**{address: in_words_of(_FACTS, address, live.fields) for address, live in there.items()}, **ran},
        _wanted(desired),
        {address: in_words_of(_FACTS, address, entry.fields) for address, entry in state.entries.items()},
        state.salt,
        stands,
        {address: live.status for address, live in there.items()},
        {change.address: change.origin for change in plan.changes if change.origin is not None},
        desired.lifecycle.ignored,
        {kind: error.message for kind, error in snapshot.unread.items()},
        notes=tuple(missing),
    )


def declared_side(name: str, desired: Desired) -> Side:
    """What a stack says, as if all of it were live."""
    wanted = _wanted(desired)
    return Side(name, fields=wanted, wanted=wanted, ignored=desired.lifecycle.ignored)


def planned_side(name: str, saved: SavedPlan) -> Side:
    """What will be there when a saved plan is applied, of what it changes. Of the rest it says nothing."""
    fields: dict[Address, dict[str, Any]] = {}
    only: dict[Address, frozenset[str] | None] = {}
    for change in restored(saved).changes:
        at = change.address
        if not change.touches_server and change.goes_with is None:
            continue
        if change.action is Action.DELETE:
            only[at] = None
            continue
        if change.action is Action.MIGRATE:
            # That it will have run; it names but the beginning of its hash.
            fields[at], only[at] = {}, frozenset()
            continue
        values = {**change.values, **{each.name: each.after for each in change.fields}}
        fields[at] = {**fields.get(at, {}), **_in_newest_words(at, values)}
        only[at] = frozenset(fields[at])
        if change.origin is not None:
            only[change.origin] = None
    note = f"{name} does not contain what it does not change"
    return Side(name, fields=fields, wanted=fields, only=only, notes=(note,))


def _in_newest_words(address: Address, fields: Fields) -> Fields:
    try:
        return in_words_of(_FACTS, address, fields)
    except KeyError:
        # Not all fields: without its type nobody knows its model, and what has a type has no other words.
        return fields


def _wanted(desired: Desired) -> dict[Address, Fields]:
    resources = {address: in_words_of(_FACTS, address, each.fields) for address, each in desired.resources.items()}
    return {**resources, **{address: {"digest": each.digest} for address, each in desired.migrations.items()}}


@dataclass(frozen=True)
class SideDifference:
    """One difference: it is only on one side (`only` has the name of that), or both have it and `fields` differ, each
    with the value of the first side as `before` and of the second as `after`. `first` and `second` say how the sides
    stand to their own stacks in it."""

    address: Address
    first: Stand
    second: Stand
    only: str = ""
    fields: tuple[FieldChange, ...] = ()

    @property
    def is_declared(self) -> bool:
        """Whether it is as the stack of each side says."""
        return self.first is self.second is Stand.DECLARED

    @property
    def is_accepted(self) -> bool:
        """Whether somebody decided to live with it, on each side where it is not as declared."""
        return Stand.ACCEPTED in (stands := {self.first, self.second}) and stands <= {Stand.ACCEPTED, Stand.DECLARED}

    @property
    def is_unmanaged(self) -> bool:
        """Whether it concerns nothing that either stack manages."""
        return {self.first, self.second} <= {Stand.UNMANAGED, Stand.DECLARED} and not self.is_declared


@dataclass(frozen=True)
class Comparison:
    """All differences between two sides, what could not be compared, and notes. With `exact`, what is declared so
    counts too."""

    first: Side
    second: Side
    items: tuple[SideDifference, ...] = ()
    uncompared: tuple[str, ...] = ()
    exact: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self.first.notes, *self.second.notes)

    @property
    def drifted(self) -> tuple[SideDifference, ...]:
        """What somebody changed on a server."""
        return tuple(each for each in self.items if Stand.DRIFTED in (each.first, each.second))

    @property
    def pending(self) -> tuple[SideDifference, ...]:
        """What is not applied, or only planned; what is both drifted and that stands below drift."""
        return tuple(
            each
            for each in self.items
            if Stand.DRIFTED not in (each.first, each.second)
            and not (each.is_declared or each.is_accepted or each.is_unmanaged)
        )

    @property
    def accepted(self) -> tuple[SideDifference, ...]:
        """Drift that `policies.yaml` accepts."""
        return tuple(each for each in self.items if each.is_accepted)

    @property
    def declared(self) -> tuple[SideDifference, ...]:
        """What differs because the stacks say so."""
        return tuple(each for each in self.items if each.is_declared)

    @property
    def unmanaged(self) -> tuple[SideDifference, ...]:
        return tuple(each for each in self.items if each.is_unmanaged)

    @property
    def exit_code(self) -> int:
        """As of `drift`. What is unmanaged does not count, nor (unless `exact`) what is declared so or accepted."""
        differs = bool(self.pending) or (self.exact and bool(self.declared or self.accepted))
        differs |= any(Stand.PENDING in (each.first, each.second) for each in self.drifted)
        if self.drifted:
            return EXIT_DRIFT_AND_CHANGES if differs else EXIT_DRIFT
        return EXIT_CHANGES if differs else EXIT_OK

    def why(self, item: SideDifference) -> str:
        """Why it differs, in words."""
        if item.is_declared:
            return "as declared"
        if item.first is item.second:
            return {
                Stand.DRIFTED: "both drifted",
                Stand.ACCEPTED: "accepted in both",
                Stand.PENDING: "not applied in either",
                Stand.UNMANAGED: "unmanaged in both",
            }.get(item.first, "planned")
        sides = ((self.first, item.first), (self.second, item.second))
        return "; ".join(_WORDS[stand].format(side.name) for side, stand in sides if stand is not Stand.DECLARED)


_WORDS = {
    Stand.DRIFTED: "{} drifted",
    Stand.ACCEPTED: "accepted in {}",
    Stand.PENDING: "not applied in {}",
    Stand.UNMANAGED: "unmanaged in {}",
    Stand.PLANNED: "planned in {}",
}


def compare_sides(first: Side, second: Side, *, exact: bool = False) -> Comparison:
    """Everything in which they differ, in the order of the first stack; what only the second knows comes last."""
    work = _Work(first, second)
    listed = dict.fromkeys((*first.wanted, *second.wanted))
    others = sorted({*first.fields, *second.fields, *_only(first), *_only(second)} - listed.keys())
    items = [item for address in (*listed, *others) for item in work.items(address)]
    unread = {
        kind: f"{kind}: {side.name}: {reason}" for side in (first, second) for kind, reason in side.unread.items()
    }
    return Comparison(first, second, tuple(items), (*unread.values(), *work.uncompared), exact)


def _only(side: Side) -> Iterable[Address]:
    return side.only or ()


class _Work:
    """A comparison under way. `uncompared` grows with what cannot be."""

    def __init__(self, first: Side, second: Side) -> None:
        self.first, self.second = first, second
        self.uncompared: list[str] = []

    def items(self, address: Address) -> Iterator[SideDifference]:
        first, second = self.first, self.second
        if not (first.covers(address) and second.covers(address)):
            return
        here, there = first.fields.get(address), second.fields.get(address)
        if here is None and there is None:
            return
        if here is None or there is None:
            name = second.name if here is None else first.name
            yield SideDifference(address, first.stand(address), second.stand(address), only=name)
            return
        if first.stand(address) is second.stand(address) is Stand.UNMANAGED:
            return
        found: dict[tuple[Stand, Stand], list[FieldChange]] = {}
        for change in self._changes(address, here, there):
            stands = first.stand(address, change.name), second.stand(address, change.name)
            found.setdefault(stands, []).append(change)
        for (one, other), changes in found.items():
            yield SideDifference(address, one, other, fields=tuple(changes))

    def _changes(self, address: Address, here: Fields, there: Fields) -> Iterator[FieldChange]:
        first, second = self.first, self.second
        if first.origins.get(address) != second.origins.get(address):
            names = (str(side.origins.get(address, address)) for side in (first, second))
            yield _change("address", *names)
        kind = kind_of(address)
        for name in self._names(address):
            if self._is_secret(address, name):
                yield from self._secret(address, name)
                continue
            if (name in here) != (name in there):
                has_not = second if name in here else first
                if name in has_not.wanted.get(address, ()) or name == kind.secret_field:
                    # It is declared, and this server says nothing of it.
                    self.uncompared.append(f"{address}: {has_not.name} has no {name}")
                    continue
            one, other = here.get(name), there.get(name)
            is_set = name in kind.unordered
            if not same(one, other, unordered=is_set):
                yield _change(name, one, other, is_set=is_set)
        statuses = [side.statuses.get(address, "") for side in (first, second)]
        if statuses[0] != statuses[1] and any(each in _BROKEN for each in statuses):
            yield _change("status", *statuses)

    def _names(self, address: Address) -> list[str]:
        """The fields that one of the stacks speaks of, and neither leaves to others."""
        sides = (self.first, self.second)
        names = dict.fromkeys(name for side in sides for name in side.wanted.get(address, ()))
        return [
            name
            for name in names
            if not any(name in side.ignored.get(address, ()) for side in sides)
            and all(side.covers(address, name) for side in sides)
        ]

    def _is_secret(self, address: Address, name: str) -> bool:
        for side in (self.first, self.second):
            fields = side.fields.get(address, {})
            values = (fields.get(name), side.wanted.get(address, {}).get(name))
            is_hidden = name == kind_of(address).secret_field and bool(fields.get("secret"))
            if is_hidden or any(isinstance(each, Secret) or each == HIDDEN for each in values):
                return True
        return False

    def _secret(self, address: Address, name: str) -> Iterator[FieldChange]:
        prints = [_print_of(side, address, name) for side in (self.first, self.second)]
        candidates = [
            value
            for side in (self.first, self.second)
            for value in (side.fields.get(address, {}).get(name), side.wanted.get(address, {}).get(name))
            if isinstance(value, Secret) and not value.missing
        ]
        is_same = _are_same(prints[0], prints[1], candidates)
        if is_same is None:
            self.uncompared.append(f"{address}: whether {name} is the same secret cannot be compared")
        elif not is_same:
            yield _change(name, HIDDEN, HIDDEN)


def _change(name: str, one: Any, other: Any, *, is_set: bool = False) -> FieldChange:
    return FieldChange(name, one, other, None, Cause.UNKNOWN, is_set)


@dataclass(frozen=True)
class _Print:
    """What is known of a secret: the value, or its fingerprint and what keys it."""

    value: Secret | None = None
    fingerprint: str = ""
    salt: str = ""

    def fits(self, candidate: Secret) -> bool:
        if self.value is not None:
            return self.value == candidate
        return candidate.fingerprint(self.salt) == self.fingerprint


def _print_of(side: Side, address: Address, name: str) -> _Print | None:
    value = side.fields.get(address, {}).get(name)
    if isinstance(value, Secret):
        return None if value.missing else _Print(value)
    if isinstance(value, str) and value != HIDDEN:
        # It stands there in the open, while it is a secret on the other side.
        return _Print(Secret(value))
    known = side.known.get(address, {})
    if name == kind_of(address).secret_field:
        fingerprint = known.get("fingerprint", "")
    else:
        kept: Any = known.get(name)
        fingerprint = kept["fingerprint"] if is_fingerprint(kept) else ""
    return _Print(None, fingerprint, side.salt) if fingerprint else None


def _are_same(one: _Print | None, other: _Print | None, candidates: Iterable[Secret]) -> bool | None:
    """Whether two secrets are one; None where nobody can know. Fingerprints of two states have different keys, so they
    are compared by way of a value that is known here."""
    if one is None or other is None:
        return None
    if one.value is None and other.value is None and one.salt == other.salt:
        return one.fingerprint == other.fingerprint
    for candidate in candidates:
        fits = one.fits(candidate), other.fits(candidate)
        if any(fits):
            return all(fits)
    return None


def inner_differences(items: Iterable[SideDifference]) -> dict[Address, list[SideDifference]]:
    """By address of something that is only on one side: what lies in it and stands the same. It goes without saying."""
    items = list(items)
    by_address = {each.address: each for each in items if each.only}
    found: dict[Address, list[SideDifference]] = {}
    for each in items:
        if not each.only:
            continue
        for owner in owners(each.address):
            outer = by_address.get(owner)
            if outer is not None and (outer.only, outer.first, outer.second) == (each.only, each.first, each.second):
                found.setdefault(owner, []).append(each)
                break
    return found

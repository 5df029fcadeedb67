"""Verdicts about drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from .diff import Cause, FieldChange, field_text
from .errors import EXIT_CHANGES, EXIT_DRIFT, EXIT_DRIFT_AND_CHANGES, EXIT_OK
from .linting.findings import DRIFT_CODES, NOTICE, Acceptance, speaks_of
from .model.address import Address
from .planning import Action, Change, Plan, Reason

# Is the server still what we left it as, and is the stack applied? Made from a plan; needs nothing else.
#
# Each difference stands in exactly one place: somebody changed the server, the stack is not applied yet, both
# happened to the same field, nobody manages it, or somebody has accepted it until a day.


class Standing(StrEnum):
    """Who caused a difference. `conflict`: the stack and somebody on the server, each another value."""

    CHANGED = "changed"
    CONFLICT = "conflict"
    PENDING = "pending"
    UNMANAGED = "unmanaged"


#: What each is called in a policies file. What is not applied yet cannot be accepted: apply it, or take it back.
CODES = {Standing.CHANGED: "DRF001", Standing.CONFLICT: "DRF002", Standing.UNMANAGED: "DRF003"}
NOT_OURS = "live, but neither declared nor managed"


@dataclass(frozen=True)
class Item:
    """One difference, with those fields of the change that mends it that stand so. `ended`: it was accepted, but the
    last day of that is over."""

    address: Address
    standing: Standing
    reason: str
    why: Reason
    fields: tuple[FieldChange, ...] = ()
    change: Change | None = None
    accepted: Acceptance | None = None
    ended: Acceptance | None = None

    @property
    def messages(self) -> tuple[str, ...]:
        """What acceptances are compared with: each field as it is shown, or the reason where no field differs."""
        return tuple(map(field_text, self.fields)) or (self.reason,)


@dataclass(frozen=True)
class Verdict:
    """All differences. `notices` are about acceptances: some end soon, some fit nothing any more."""

    items: tuple[Item, ...] = ()
    notices: tuple[str, ...] = ()

    def of(self, *standings: Standing) -> tuple[Item, ...]:
        """What stands so and is not accepted."""
        return tuple(each for each in self.items if each.standing in standings and each.accepted is None)

    @property
    def accepted(self) -> tuple[Item, ...]:
        return tuple(each for each in self.items if each.accepted is not None)

    @property
    def drifted(self) -> tuple[Change, ...]:
        """Changes that undo what somebody else did."""
        return _changes(self.of(Standing.CHANGED, Standing.CONFLICT))

    @property
    def pending(self) -> tuple[Change, ...]:
        """Changes that bring what the stack says and the server never had. A conflict is both."""
        return _changes(self.of(Standing.PENDING, Standing.CONFLICT))

    @property
    def exit_code(self) -> int:
        """The exit code. Unmanaged resources and accepted drift do not count."""
        if self.drifted and self.pending:
            return EXIT_DRIFT_AND_CHANGES
        if self.drifted:
            return EXIT_DRIFT
        return EXIT_CHANGES if self.pending else EXIT_OK


def classify(plan: Plan) -> Verdict:
    """Everything in which the server differs, nothing of it accepted."""
    items = [item for change in plan.changes for item in _items(change)]
    items += [Item(address, Standing.UNMANAGED, NOT_OURS, Reason.NOT_OURS) for address in plan.unmanaged]
    return Verdict(tuple(items))


def _items(change: Change) -> Iterator[Item]:
    if change.action is Action.SCHEDULE and not change.fields:
        # A step of what creates the function; the difference is the function.
        return
    if not change.fields:
        standing = Standing.CHANGED if change.drifted else Standing.PENDING
        yield Item(change.address, standing, change.reason, change.why, change=change)
        return
    for standing in Standing:
        fields = tuple(each for each in change.fields if _standing(each, change) is standing)
        if fields:
            yield Item(change.address, standing, change.reason, change.why, fields, change)


def _standing(field: FieldChange, change: Change) -> Standing:
    if field.cause is Cause.UNKNOWN:
        # Beside something that somebody changed it is a part of that: a variable made secret hides its value.
        is_part = any(each.cause in (Cause.DRIFT, Cause.CONFLICT) for each in change.fields)
        return Standing.CHANGED if is_part else Standing.PENDING
    return {Cause.DRIFT: Standing.CHANGED, Cause.CONFLICT: Standing.CONFLICT}.get(field.cause, Standing.PENDING)


def _changes(items: Iterable[Item]) -> tuple[Change, ...]:
    return tuple({each.change.key: each.change for each in items if each.change is not None}.values())


# Differences that somebody decided to live with, by `policies.yaml`. An acceptance whose last day is over is none.


#: An acceptance that counts, and one that did until a day that is over. At most one of them is there.
_Answer = tuple[Acceptance | None, Acceptance | None]


def accept(verdict: Verdict, acceptances: Sequence[Acceptance], today: date) -> Verdict:
    """The verdict with what is accepted on a day set apart, field by field."""
    ours = [each for each in acceptances if each.code in DRIFT_CODES]
    used: set[Acceptance] = set()
    items = [part for item in verdict.items for part in _parts(item, ours, today, used)]
    return Verdict(tuple(items), tuple(_notices(ours, used, today)))


def _parts(item: Item, acceptances: Sequence[Acceptance], today: date, used: set[Acceptance]) -> Iterator[Item]:
    """The item, cut where one of its fields is accepted and another is not."""
    fitting = [each for each in acceptances if each.code == CODES.get(item.standing)]
    if not item.fields:
        accepted, ended = _answer(item, item.reason, fitting, today, used)
        yield replace(item, accepted=accepted, ended=ended)
        return
    answered: dict[_Answer, list[FieldChange]] = {}
    for field, message in zip(item.fields, item.messages, strict=True):
        answered.setdefault(_answer(item, message, fitting, today, used), []).append(field)
    for (accepted, ended), fields in answered.items():
        yield replace(item, fields=tuple(fields), accepted=accepted, ended=ended)


def _answer(item: Item, message: str, acceptances: Sequence[Acceptance], today: date, used: set[Acceptance]) -> _Answer:
    fitting = [each for each in acceptances if speaks_of(each, str(item.address), message)]
    used.update(fitting)
    if not fitting:
        return None, None
    longest = max(fitting, key=lambda each: each.until)
    return (longest, None) if today <= longest.until else (None, longest)


def _notices(acceptances: Sequence[Acceptance], used: set[Acceptance], today: date) -> Iterator[str]:
    for each in acceptances:
        what = f"{each.code} of {each.subject}"
        if each not in used:
            yield f"{each.location}: {what} is accepted, but there is no such difference: delete the entry"
        elif today <= each.until <= today + NOTICE:
            yield f"{each.location}: the acceptance of {what} ends on {each.until}"

"""Differences that somebody decided to live with, by `policies.yaml`. An acceptance whose last day is over is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from ..diff import FieldChange
from ..linting.acceptance import NOTICE, speaks_of
from ..linting.findings import DRIFT_CODES, Acceptance
from .verdict import CODES, Item, Verdict

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

"""The agenda of a day for a terminal and for machines: a timeline of half hours, and the next runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from ..linting.agenda import Agenda, Lane
from ..linting.nz import ZONE, is_quiet, said
from .lines import Line

SLOT = timedelta(minutes=30)
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_LABEL_EVERY = 6


def schedule_lines(agenda: Agenda) -> Iterator[Line]:
    """The picture first, then the runs."""
    width = max((len(lane.function) for lane in agenda.lanes), default=8) + 2
    slots = list(_slots(agenda))
    yield Line(f"{agenda.day:%A} {agenda.day.day} {agenda.day:%B %Y} in New Zealand, half an hour a column", "bold")
    yield Line()
    yield Line(f"{_zone(agenda):<{width}}{_axis(slots, local=True)}", "bold")
    for lane in agenda.lanes:
        bars = "".join(_mark(lane, slot) for slot in slots)
        yield Line(f"{lane.function:<{width}}{bars}".rstrip(), "red" if lane.overlaps else "")
    yield Line(f"{'UTC':<{width}}{_axis(slots, local=False)}", "dim")
    yield Line("▁ to █ how much of it a run may take · quiet window (01:00 to 06:00)", "dim")
    yield Line()
    yield from _next_runs(agenda, width)


def _next_runs(agenda: Agenda, width: int) -> Iterator[Line]:
    yield Line(f"Next runs after {said(agenda.after)}", "bold")
    for lane in agenda.lanes:
        yield Line(f"{lane.function:<{width}}{lane_note(lane)}")
        for moment in lane.following:
            yield Line(f"{'':<{width}}{said(moment)}", "dim")
        if lane.schedule and not lane.following:
            yield Line(f"{'':<{width}}none within four years", "dim")


def lane_note(lane: Lane) -> str:
    """What starts a function, and how long a run may take, in words."""
    parts = [f"{lane.schedule} UTC"] if lane.schedule else []
    if lane.called_by:
        parts.append(f"started by {', '.join(lane.called_by)}")
    if not parts:
        return "nothing starts it by itself"
    parts.append(f"timeout {lane.timeout} s")
    parts.append(f"lock expires after {lane.lock_expiry} s" if lane.lock_expiry else "no lock")
    if lane.overlaps:
        parts.append("OVERLAPS ITSELF")
    return ", ".join(parts)


def _slots(agenda: Agenda) -> Iterator[datetime]:
    moment = agenda.begin
    while moment < agenda.end:
        yield moment
        moment += SLOT


def _mark(lane: Lane, slot: datetime) -> str:
    """How much of half an hour a function may be at work."""
    taken = timedelta()
    for span in lane.spans:
        taken += max(timedelta(), min(span.end, slot + SLOT) - max(span.begin, slot))
    if not taken:
        return "·" if is_quiet(slot) else " "
    return _HEIGHTS[max(1, round(taken / SLOT * 8))]


def _axis(slots: list[datetime], *, local: bool) -> str:
    """A time every three hours."""
    text = ""
    for number in range(0, len(slots), _LABEL_EVERY):
        moment = slots[number].astimezone(ZONE) if local else slots[number]
        text += f"{moment:%H:%M}".ljust(_LABEL_EVERY)
    return text.rstrip()


def _zone(agenda: Agenda) -> str:
    names = dict.fromkeys(moment.astimezone(ZONE).tzname() or "NZ" for moment in (agenda.begin, agenda.end))
    return "/".join(names)


def schedule_document(agenda: Agenda) -> dict[str, Any]:
    return {
        "day": agenda.day.isoformat(),
        "begin": agenda.begin.isoformat(),
        "end": agenda.end.isoformat(),
        "functions": [_document(lane) for lane in agenda.lanes],
    }


def _document(lane: Lane) -> dict[str, Any]:
    return {
        "function": lane.function,
        "schedule": lane.schedule or None,
        "startedBy": list(lane.called_by),
        "timeout": lane.timeout,
        "lockExpiry": lane.lock_expiry,
        "overlapsItself": lane.overlaps,
        "startsOnDay": lane.starts,
        "next": [
            {"utc": moment.isoformat(), "newZealand": moment.astimezone(ZONE).isoformat()} for moment in lane.following
        ],
        "spans": [[span.begin.isoformat(), span.end.isoformat()] for span in lane.spans],
    }

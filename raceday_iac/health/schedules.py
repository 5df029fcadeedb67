"""Runs that a cron asks for, compared with those that there were. Pure. Crons are UTC, as everywhere on Appwrite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from ..linting.expansion import Expansion, expand
from .findings import Finding, Severity
from .observations import FunctionSeen, moment
from .spans import said_span
from .watched import Grace

#: The server's clock may stand a little before the minute when it creates what is due.
EARLY = timedelta(seconds=5)
#: Far enough for the next run of a yearly cron.
_AHEAD = 367


@dataclass(frozen=True)
class Punctuality:
    """What became of a schedule. `missed` are moments without a run, oldest first; `overdue` tells that nothing began
    at the newest one or since; `next` is None without a schedule."""

    expected: int = 0
    missed: tuple[datetime, ...] = ()
    overdue: bool = False
    next: datetime | None = None


def punctuality(seen: FunctionSeen, since: datetime, now: datetime, grace: Grace) -> Punctuality:
    """Look for a run of the scheduler after each moment of the cron.

    Nothing is counted from before the schedule can be known to have stood: the server does not tell since when it does,
    so that is its last change, or the oldest run that it began.
    """
    runs = expand(seen.schedule, since.date(), (now.date() - since.date()).days + _AHEAD) if seen.schedule else None
    if runs is None:
        return Punctuality()
    began = sorted(moment(each.created_at) for each in seen.executions if each.trigger == "schedule")
    due = list(_between(runs, since, now - grace.schedule))
    begin = _standing_since(seen, due, began, now, grace.schedule)
    if seen.is_cut and seen.executions:
        begin = max(begin, moment(seen.executions[-1].created_at))
    due = [each for each in due if each > begin]
    missed = tuple(_without_run(due, began, grace.schedule))
    following = next(iter(runs.runs_after(now)), None)
    # A run that began since shows that the schedule is alive: what is missing before it is missed, not overdue.
    is_overdue = bool(due) and due[-1] in missed and not (began and began[-1] > due[-1])
    return Punctuality(len(due), missed, is_overdue, following)


def schedule_findings(seen: FunctionSeen, found: Punctuality, now: datetime) -> Iterator[Finding]:
    """The newest run missing is an error; earlier ones are for the record."""
    subject = f"function.{seen.id}"
    if found.overdue:
        last = found.missed[-1]
        message = f"the run of {last:%m-%d %H:%M} UTC did not begin, {said_span(now - last)} ago ({seen.schedule})"
        advice = "is the scheduler of the server running? See also: raceday-iac recover --dry-run"
        yield Finding("run.overdue", Severity.ERROR, subject, message, advice, last)
    earlier = len(found.missed) - found.overdue
    if earlier:
        first = found.missed[0]
        message = f"{earlier} of {found.expected} runs did not take place, the first at {first:%m-%d %H:%M} UTC"
        yield Finding("run.missed", Severity.INFO if found.overdue else Severity.WARNING, subject, message, "", first)


def last_due(schedule: str, now: datetime, grace: timedelta) -> datetime | None:
    """The newest moment of a cron that has passed, the grace included."""
    begin = now.date() - timedelta(days=8)
    runs = expand(schedule, begin, 10)
    if runs is None:
        return None
    passed = list(_between(runs, now - timedelta(days=7), now - grace))
    return passed[-1] if passed else None


def _between(runs: Expansion, begin: datetime, end: datetime) -> Iterator[datetime]:
    for each in runs.runs_after(begin):
        if each > end:
            return
        yield each


def _standing_since(
    seen: FunctionSeen, due: Sequence[datetime], began: Sequence[datetime], now: datetime, grace: timedelta
) -> datetime:
    """The function's last change, or before it the first run that fits this very cron."""
    changed = moment(seen.live.updated_at) if seen.live and seen.live.updated_at else now
    early = [each for each in began if each < changed]
    fitting = (each for each in due if any(each - EARLY <= start <= each + grace for start in early))
    first = next(fitting, None)
    return changed if first is None else first - timedelta(minutes=1)


def _without_run(due: Sequence[datetime], began: Sequence[datetime], grace: timedelta) -> Iterator[datetime]:
    """Each run answers for one moment: the last one before it."""
    position = 0
    for each, following in zip_longest(due, due[1:]):
        while position < len(began) and began[position] < each - EARLY:
            position += 1
        latest = each + grace if following is None else min(each + grace, following - EARLY)
        if position < len(began) and began[position] <= latest:
            position += 1
        else:
            yield each

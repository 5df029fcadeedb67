"""When functions run next, and what a local day of theirs looks like."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from ..model.local_time import UTC_TIME, LocalTime
from .expansion import Expansion, callers_of, expand
from .facts import Configuration, FunctionFacts
from .findings import Finding
from .usage import usages

#: A leap year's 29 February comes within it, most times.
_YEARS = 366 * 4 + 1


@dataclass(frozen=True)
class Span:
    """From when to when a function may be at work."""

    begin: datetime
    end: datetime


@dataclass(frozen=True)
class Lane:
    """One function on a day. `called_by` start it; it is then at work sometime within its spans."""

    function: str
    schedule: str
    spans: tuple[Span, ...]
    #: Runs that begin on the day.
    starts: int
    following: tuple[datetime, ...]
    called_by: tuple[str, ...] = ()
    #: Seconds.
    timeout: int = 0
    lock_expiry: int | None = None
    overlaps: bool = False


@dataclass(frozen=True)
class Timetable:
    """A local day, from midnight to midnight, and the findings about its schedules."""

    day: date
    begin: datetime
    end: datetime
    after: datetime
    lanes: tuple[Lane, ...]
    findings: tuple[Finding, ...] = ()
    local_time: LocalTime = UTC_TIME


def timetable_of(
    configuration: Configuration,
    day: date,
    after: datetime,
    number: int,
    only: Collection[str] = (),
    findings: tuple[Finding, ...] = (),
) -> Timetable:
    """The day, and the next `number` runs after an instant, of all functions or of some."""
    begin, end = configuration.local_time.bounds(day)
    used = usages(configuration)
    functions = tuple(each for each in configuration.functions if each.enabled)
    first = min(begin, after).date() - timedelta(days=1)
    runs = {each.id: expand(each.schedule, first, _YEARS) for each in functions if each.schedule}
    known = {name: each for name, each in runs.items() if each is not None}
    lanes = []
    for function in functions:
        callers = [each for each in callers_of(function, functions, used) if each.id in known]
        if not only or function.id in only:
            lanes.append(_lane(function, callers, known, (begin, end), after, number))
    ordered = tuple(sorted(lanes, key=_order))
    return Timetable(day, begin, end, after, ordered, findings, configuration.local_time)


def _lane(
    function: FunctionFacts,
    callers: list[FunctionFacts],
    runs: Mapping[str, Expansion],
    day: tuple[datetime, datetime],
    after: datetime,
    number: int,
) -> Lane:
    own = runs.get(function.id)
    spans = list(_spans(own, day, function.longest_run)) if own else []
    for caller in callers:
        spans += _spans(runs[caller.id], day, caller.longest_run + function.longest_run)
    gap = own.shortest_gap if own else None
    return Lane(
        function.id,
        function.schedule,
        tuple(_merged(spans)),
        sum(day[0] <= each.begin for each in _spans(own, day, function.longest_run)) if own else 0,
        tuple(islice(own.runs_after(after), number)) if own else (),
        tuple(each.id for each in callers),
        function.timeout,
        function.lock.expiry if function.lock else None,
        function.lock is None and gap is not None and gap[0].total_seconds() < function.timeout,
    )


def _spans(runs: Expansion, day: tuple[datetime, datetime], seconds: int) -> Iterator[Span]:
    """Runs that are under way at some instant of the day."""
    length = timedelta(seconds=seconds)
    for instant in runs.runs_after(day[0] - length):
        if instant >= day[1]:
            return
        yield Span(instant, instant + length)


def _merged(spans: list[Span]) -> Iterator[Span]:
    """What overlaps, as one."""
    current: Span | None = None
    for span in sorted(spans, key=lambda each: each.begin):
        if current is not None and span.begin < current.end:
            current = Span(current.begin, max(current.end, span.end))
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current


def _order(lane: Lane) -> tuple[bool, bool, datetime, str]:
    """By their first work of the day; what nothing starts comes last."""
    first = lane.spans[0].begin if lane.spans else datetime.max.replace(tzinfo=UTC)
    return not lane.spans, not lane.schedule, first, lane.function

"""A cron expression as the days and minutes of a year at which Appwrite's scheduler starts it, in UTC. The timetable
follows from it: when functions run next, and what a local day of theirs looks like.

An every-minute schedule fires half a million times a year, so a year is held as days, of which most share their
minutes, and what a function occupies of a day as the bits of one number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import islice, pairwise
from math import ceil

from ..cron import Cron, CronError, parse
from ..model.local_time import UTC_TIME, LocalTime
from .facts import Configuration, FunctionFacts
from .findings import Finding
from .usage import Usage, usages

DAY = 1440
YEAR = 365
Minutes = tuple[int, ...]

#: A leap year's 29 February comes within it, most times.
_YEARS = 366 * 4 + 1


@dataclass(frozen=True)
class Expansion:
    """When a cron fires from `begin` for `days` days. `by_day` has the minutes of each UTC day, in order, and
    `before` those of the day before the first. `local_time` is the clock that its runs are held against."""

    cron: Cron
    begin: date
    by_day: tuple[Minutes, ...]
    before: Minutes = ()
    local_time: LocalTime = UTC_TIME

    @property
    def days(self) -> int:
        return len(self.by_day)

    @property
    def is_empty(self) -> bool:
        return not any(self.by_day)

    @property
    def total(self) -> int:
        """How often it fires in all."""
        return sum(map(len, self.by_day))

    @cached_property
    def minutes(self) -> Minutes:
        """The minutes of the UTC day at which it fires on any day."""
        kinds = {id(each): each for each in self.by_day}
        return tuple(sorted({minute for each in kinds.values() for minute in each}))

    def on(self, number: int) -> Minutes:
        """The minutes of a day; none beyond the year."""
        return self.by_day[number] if 0 <= number < self.days else ()

    def day(self, number: int) -> date:
        return self.begin + timedelta(days=number)

    def instant(self, number: int, minute: int) -> datetime:
        """The instant of a minute of a day; minutes beyond the day are on the next one."""
        return datetime.combine(self.day(number), time(), UTC) + timedelta(minutes=minute)

    def runs_after(self, instant: datetime) -> Iterator[datetime]:
        """The runs after an instant, within the year, in order."""
        for number in range(max(0, (instant.date() - self.begin).days), self.days):
            if self.by_day[number]:
                runs = (self.instant(number, minute) for minute in self.by_day[number])
                yield from (run for run in runs if run > instant)

    @cached_property
    def shortest_gap(self) -> tuple[timedelta, datetime] | None:
        """The shortest time between two runs, and when it first happens: the second of the two runs."""
        found: tuple[int, datetime] | None = None
        last: int | None = None
        inner: dict[int, tuple[int, int] | None] = {}
        for number, minutes in enumerate(self.by_day):
            if not minutes:
                continue
            start = number * DAY
            gaps = [(start + minutes[0] - last, minutes[0])] if last is not None else []
            if id(minutes) not in inner:
                inner[id(minutes)] = min(((b - a, b) for a, b in pairwise(minutes)), default=None)
            within = inner[id(minutes)]
            for gap, minute in [*gaps, *([within] if within else [])]:
                if found is None or gap < found[0]:
                    found = (gap, self.instant(number, minute))
            last = start + minutes[-1]
        return (timedelta(minutes=found[0]), found[1]) if found else None

    def occupied(self, number: int, seconds: int) -> int:
        """The minutes of a day in which runs of that length are under way, as bits: bit 0 is 00:00 UTC."""
        # What began yesterday may reach into today.
        yesterday = self.before if number == 0 else self.on(number - 1)
        return (_bits(self.on(number), seconds) | _bits(yesterday, seconds) >> DAY) & ((1 << DAY) - 1)


@lru_cache(maxsize=256)
def _bits(minutes: Minutes, seconds: int) -> int:
    """Runs that begin at these minutes of a day, as bits; they may reach beyond it."""
    run = (1 << max(1, ceil(seconds / 60))) - 1
    bits = 0
    for minute in minutes:
        bits |= run << minute
    return bits


def expand(expression: str, begin: date, days: int = YEAR, local_time: LocalTime = UTC_TIME) -> Expansion | None:
    """The runs of a year; None when the expression cannot be read."""
    try:
        cron = parse(expression)
    except CronError:
        return None
    before, *by_day = (cron.runs_on(begin + timedelta(days=number - 1)) for number in range(days + 1))
    return Expansion(cron, begin, tuple(by_day), before, local_time)


# When a function may be at work: after its own schedule, and while (or after) those work that start it.


@dataclass(frozen=True)
class Concurrency:
    """Schedules, each with the seconds after a start in which the function may be at work."""

    sources: tuple[tuple[Expansion, int], ...]

    @cached_property
    def days(self) -> tuple[int, ...]:
        """The minutes of each day of the year in which it may be at work, as bits."""
        return tuple(self._on(day) for day in range(YEAR))

    @property
    def minutes(self) -> int:
        """How much of a week it takes, to find the busier of two."""
        return sum(bits.bit_count() for bits in self.days[:7])

    def _on(self, day: int) -> int:
        bits = 0
        for runs, seconds in self.sources:
            bits |= runs.occupied(day, seconds)
        return bits


def presences(
    functions: tuple[FunctionFacts, ...], runs: Mapping[str, Expansion], used: Mapping[str, Usage]
) -> dict[str, Concurrency]:
    """By function id, for all that are started by a schedule, if only through another function."""
    found = {}
    for function in functions:
        sources = [(runs[function.id], function.longest_run)] if function.id in runs else []
        for caller in callers_of(function, functions, used):
            if caller.id in runs:
                sources.append((runs[caller.id], caller.longest_run + function.longest_run))
        if sources:
            found[function.id] = Concurrency(tuple(sources))
    return found


def callers_of(
    function: FunctionFacts, functions: tuple[FunctionFacts, ...], used: Mapping[str, Usage]
) -> list[FunctionFacts]:
    """The functions that start it."""
    return [each for each in functions if function.id in used[each.id].calls]


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

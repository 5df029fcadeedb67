"""Simulating a day: a server in virtual time, its scheduler every minute, and the functions it starts.

The server has been set up as any other: the stack was applied to it. From here on time is virtual, executions run in
this process, and everything they send is written down.

Polls are counted by the phases of a race: the rows of the scheduler's interval table, each under the name that the
functions give it. Two more come only from the new functions: `overdue` (an hour late) and `settling` (final, but
dividends may still come).
"""

from __future__ import annotations

import gc
import heapq
import os
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from math import inf
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ...devserver.functions.executions import scheduler_of
from ...devserver.runner import RunningServer
from ...devserver.server import Server
from .executor import VirtualExecutor
from .ledger import Ledger, Run
from .virtual_time import VirtualTime

NZ = ZoneInfo("Pacific/Auckland")
#: A day ends when its last hour, which reaches past midnight, is over.
END_OF_DAY = time(1)
MINUTE = 60.0
#: New values after which the youngest are searched, and searches after which the older ones are.
COLLECTIONS = (50_000, 50, 50)
#: Called with the instant, at every full hour of New Zealand time.
Observer = Callable[[datetime], None]


@dataclass(frozen=True)
class DaySpec:
    """Which day, and how. `until` is a New Zealand clock time of that day; None is 01:00 of the next."""

    day: date
    seed: int = 1
    races: int | None = None
    until: time | None = None
    with_locks: bool = True
    #: Environment of the functions beside what Appwrite gives them.
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def begin(self) -> datetime:
        """Midnight in New Zealand, in UTC."""
        return datetime.combine(self.day, time(), NZ).astimezone(UTC)

    @property
    def end(self) -> datetime:
        if self.until is None:
            return datetime.combine(self.day + timedelta(days=1), END_OF_DAY, NZ).astimezone(UTC)
        return datetime.combine(self.day, self.until, NZ).astimezone(UTC)


def run_day(
    server: RunningServer, time: VirtualTime, wanted: DaySpec, folder: Path, observe: Observer = lambda _: None
) -> Ledger:
    """Run the scheduler from the beginning of the day to its end, and wait until everything it started is over."""
    ledger = Ledger()
    executor = VirtualExecutor(time, ledger, folder, seed=wanted.seed, with_locks=wanted.with_locks)
    server.call(lambda inner: prepare(inner, executor, time))
    end = wanted.end.timestamp()
    with environment(server, wanted), fewer_collections():
        while time.seconds() < end:
            server.call(lambda inner: scheduler_of(inner).tick())
            if time.seconds() % 3600 == 0:
                observe(time.now())
            time.sleep(MINUTE - time.seconds() % MINUTE)
        # Sleeping comes first: what was started an instant ago has begun when this thread wakes.
        time.sleep(1.0)
        while ledger.active():
            time.sleep(1.0)
    return ledger


def prepare(server: Server, executor: VirtualExecutor, time: VirtualTime) -> None:
    """Have the server run its functions by this executor from now on, and count its work in the background as awake."""
    server.services["executor"] = executor
    server.at_close(executor.close)

    def counted(work: Coroutine[Any, Any, object]) -> Coroutine[Any, Any, object]:
        """Work in the background is awake, from the instant it is asked for."""
        time.join_in()

        async def held() -> object:
            try:
                return await work
            finally:
                time.leave()

        return held()

    server.around = counted


@contextmanager
def fewer_collections() -> Iterator[None]:
    """Look for unreachable values less often. What a day leaves behind lives to its end: to search it all again and
    again takes an eighth of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def environment(server: RunningServer, wanted: DaySpec) -> Iterator[None]:
    """What the runtime puts into the environment of each function. One process, so all share it."""
    given = {
        "APPWRITE_FUNCTION_API_ENDPOINT": server.endpoint,
        "APPWRITE_FUNCTION_PROJECT_ID": server.project,
        **wanted.variables,
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


#: Statuses after which nothing about a race changes any more.
TERMINAL = frozenset({"Final", "Finalized", "Abandoned"})
#: In the order in which a race passes through them.
PHASES = ("baseline", "approaching", "critical", "jump", "overdue", "closed", "interim", "settling", "terminal")


def phase_of(status: str, minutes: float) -> str:
    """The row of the table for a race with this status, `minutes` before its advertised start (negative after it)."""
    if status in TERMINAL:
        return "terminal"
    if status in ("Closed", "Running"):
        return "closed"
    if status == "Interim":
        return "interim"
    if minutes > 65:
        return "baseline"
    if minutes > 5:
        return "approaching"
    return "critical" if minutes > 3 else "jump"


def count_phases(phases: Iterable[str]) -> dict[str, int]:
    """How often each phase occurs: those that do, in the order of a race's life, unknown names last."""
    counts: dict[str, int] = {}
    for phase in phases:
        counts[phase] = counts.get(phase, 0) + 1
    known = {name: counts.pop(name) for name in PHASES if name in counts}
    return {**known, **dict(sorted(counts.items()))}


# What the interval table demands, said a second time: the functions have their own copy, this one checks them.
#
# A race is *due* when its last poll is as long ago as the row it is in demands. It may stay due for as long as it
# takes to start the poller; near its start that is hardly any time, because one run follows the other there.


#: Seconds, by row. The poller goes round every 15 to 30 s near the jump; domain facts give the table in minutes.
INTERVALS = {
    "baseline": 1800.0,
    "approaching": 150.0,
    "critical": 30.0,
    "jump": 15.0,
    "closed": 15.0,
    "interim": 30.0,
}
#: Seconds that a race may be due: a scheduler's minute, less what the poller does in it, and the start of a poller.
PATIENCE = 75.0
#: The same in rows of up to 30 s: the time between the last round of one run and the first of the next, which is less
#: than a minute, so that polls once a minute do not pass.
URGENT, URGENT_PATIENCE = 30.0, 25.0
#: A race more than an hour late is looked at every half hour.
HOUR_LATE = -60.0
STEP = 5.0


@dataclass(frozen=True)
class Followed:
    """One race as the day went: when it was polled, and from when on its stored status was what. Both in order."""

    race: str
    start: float
    polls: Sequence[float]
    statuses: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Gap:
    """A race that was due for too long."""

    race: str
    row: str
    since: float
    seconds: float


def gaps(followed: Followed, begin: float, end: float) -> tuple[int, list[Gap]]:
    """Checks a race from `begin` to `end`: how many waits for a poll there were, and in which it was due for too long.
    The last wait is the one that the end of the day, or of the race, cuts off."""
    waits, found, last = 0, list[Gap](), begin
    for poll in (*followed.polls, inf):
        if poll > begin:
            waits += 1
            due = _due_since(followed, last, max(begin, last), min(poll, end))
            if due is not None and min(poll, end) - due[1] > patience_of(due[0]):
                found.append(Gap(followed.race, *due, min(poll, end) - due[1]))
        if poll > end:
            break
        last = poll
    return waits, found


def patience_of(row: str) -> float:
    """Seconds that a race in this row may be due."""
    return URGENT_PATIENCE if INTERVALS[row] <= URGENT else PATIENCE


def row_of(start: float, status: str, now: float) -> str:
    """The row of the table that a race is in at an instant; `terminal` when it is over."""
    minutes = (start - now) / 60
    row = "terminal" if status in TERMINAL else phase_of(status, minutes)
    return "baseline" if row == "jump" and minutes < HOUR_LATE else row


def _due_since(followed: Followed, last: float, begin: float, end: float) -> tuple[str, float] | None:
    """When, from `begin` until before `end`, the race became due after its poll at `last`, and in which row."""
    now = begin
    while now < end:
        row = row_of(followed.start, _status(followed.statuses, now), now)
        if row == "terminal":
            return None
        if now - last >= INTERVALS[row]:
            return row, now
        now += STEP
    return None


def _status(statuses: Sequence[tuple[float, str]], now: float) -> str:
    current = "Open"
    for instant, status in statuses:
        if instant > now:
            break
        current = status
    return current


# Overlaps and conflicts among the runs of a day: one definition for the legacy model and the real functions.
#
# Overlap: two runs of one function, or of two different pollers with a race in common, at the same time. Each pair of
# runs counts once. A run that was refused by a lock did nothing and makes no overlap; `overlaps_with_refused` counts
# those pairs too.
#
# Conflict: two runs, of whatever function, that hold the same race or meeting at the same time, that is between the
# upstream fetch and the last write for it. Each pair of runs counts once per race or meeting.
#
# Periods are half open: a run that starts in the very instant another ends does not meet it. Two that begin in the
# same instant do, however short they are: in virtual time work may take none.


#: Functions that poll races: two of them on one race at once are an overlap although their names differ.
POLLERS = frozenset({"enhanced-race-poller", "race-data-poller", "single-race-poller", "batch-race-poller"})


@dataclass(frozen=True)
class Period:
    """When something was occupied, and by which run (its index in the sequence given)."""

    begin: float
    end: float
    owner: int


@dataclass(frozen=True)
class Clash:
    """Two runs at the same time: on one race or meeting, or (without a subject) merely at once."""

    first: Run
    second: Run
    begin: float
    end: float
    subject: str | None = None


def overlaps(runs: Sequence[Run]) -> tuple[Clash, ...]:
    """Pairs of working runs of one function, or of two pollers of the same races, at the same time."""
    return _overlaps([run for run in runs if run.worked])


def overlaps_with_refused(runs: Sequence[Run]) -> tuple[Clash, ...]:
    """The same, counting also the instants that refused duplicates lived."""
    return _overlaps(runs)


def conflicts(runs: Sequence[Run]) -> tuple[Clash, ...]:
    """Pairs of runs that wrote, or polled for, the same race or meeting at the same time; once per race or meeting."""
    by_subject: dict[str, list[Period]] = defaultdict(list)
    for owner, run in enumerate(runs):
        for each in run.races:
            by_subject[each.subject].append(Period(each.begin, each.end, owner))
    found: list[Clash] = []
    for subject, periods in sorted(by_subject.items()):
        seen: set[tuple[int, int]] = set()
        for one, other in meeting_pairs(periods):
            pair = (min(one.owner, other.owner), max(one.owner, other.owner))
            if one.owner != other.owner and pair not in seen:
                seen.add(pair)
                found.append(_clash(runs, one, other, subject))
    return tuple(sorted(found, key=lambda clash: clash.begin))


def meeting_pairs(periods: Iterable[Period]) -> Iterator[tuple[Period, Period]]:
    """Every pair of periods that share an instant, by one sweep in order of their beginnings."""
    active: list[tuple[float, int, Period]] = []
    ordered = sorted(periods, key=lambda each: (each.begin, each.end, each.owner))
    for number, period in enumerate(ordered):
        while active and active[0][0] <= period.begin and not _is_instant_at(active[0][2], period.begin):
            heapq.heappop(active)
        # An instant at exactly this instant is kept above, and with it perhaps a period that has just ended.
        for end, _, earlier in active:
            if end > period.begin or earlier.begin == period.begin:
                yield earlier, period
        heapq.heappush(active, (period.end, number, period))


def reduction(legacy: int, now: int) -> float:
    """How many per cent fewer, 0 to 100. Nothing can be reduced where there was nothing; growth is no reduction."""
    if legacy <= 0 or now >= legacy:
        return 0.0
    return round(100.0 * (legacy - now) / legacy, 2)


def clashes_by_function(clashes: Iterable[Clash]) -> dict[str, int]:
    """Counts by the functions involved, as `a` or `a + b`."""
    totals: dict[str, int] = {}
    for clash in clashes:
        key = " + ".join(sorted({clash.first.function, clash.second.function}))
        totals[key] = totals.get(key, 0) + 1
    return dict(sorted(totals.items()))


def _overlaps(runs: Sequence[Run]) -> tuple[Clash, ...]:
    periods = [Period(run.start, run.end, owner) for owner, run in enumerate(runs)]
    return tuple(
        _clash(runs, one, other)
        for one, other in meeting_pairs(periods)
        if _are_alike(runs[one.owner], runs[other.owner])
    )


def _are_alike(one: Run, other: Run) -> bool:
    if one.function == other.function:
        return True
    both_poll = one.function in POLLERS and other.function in POLLERS
    return both_poll and not one.subjects.isdisjoint(other.subjects)


def _is_instant_at(period: Period, instant: float) -> bool:
    return period.begin == period.end == instant


def _clash(runs: Sequence[Run], one: Period, other: Period, subject: str | None = None) -> Clash:
    begin, end = max(one.begin, other.begin), min(one.end, other.end)
    return Clash(runs[one.owner], runs[other.owner], begin, max(begin, end), subject)

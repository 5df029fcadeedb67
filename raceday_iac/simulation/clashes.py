"""Overlaps and conflicts among the runs of a day: one definition for the legacy model and the real functions.

Overlap: two runs of one function, or of two different pollers with a race in common, at the same time. Each pair of
runs counts once. A run that was refused by a lock did nothing and makes no overlap; `overlaps_with_refused` counts
those pairs too.

Conflict: two runs, of whatever function, that hold the same race or meeting at the same time, that is between the
upstream fetch and the last write for it. Each pair of runs counts once per race or meeting.

Periods are half open: a run that starts in the very moment another ends does not meet it. Two that begin in the same
moment do, however short they are: in virtual time work may take none.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .runs import Run

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
    """The same, counting also the moments that refused duplicates lived."""
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
    """Every pair of periods that share a moment, by one sweep in order of their beginnings."""
    active: list[tuple[float, int, Period]] = []
    ordered = sorted(periods, key=lambda each: (each.begin, each.end, each.owner))
    for number, period in enumerate(ordered):
        while active and active[0][0] <= period.begin and not _is_instant_at(active[0][2], period.begin):
            heapq.heappop(active)
        # An instant at exactly this moment is kept above, and with it perhaps a period that has just ended.
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


def _is_instant_at(period: Period, moment: float) -> bool:
    return period.begin == period.end == moment


def _clash(runs: Sequence[Run], one: Period, other: Period, subject: str | None = None) -> Clash:
    begin, end = max(one.begin, other.begin), min(one.end, other.end)
    return Clash(runs[one.owner], runs[other.owner], begin, max(begin, end), subject)

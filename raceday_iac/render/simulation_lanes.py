"""Where each run of a race day stands in its function's lane. Runs at the same time stand on each other, so the height
of a lane is how many there were at once. In units of time; pixels are the picture's business."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..simulation.clashes import overlaps
from ..simulation.runs import Outcome, Run

#: From top to bottom, in the order of a day.
ORDER = (
    "daily-meetings",
    "daily-races",
    "daily-initial-data",
    "master-race-scheduler",
    "enhanced-race-poller",
    "race-data-poller",
    "single-race-poller",
    "batch-race-poller",
    "meeting-status-poller",
)


class Kind(StrEnum):
    """What a bar is drawn as."""

    RUN = "run"
    #: It started while another run of the function, or another poller of its races, was at work.
    CLASH = "clash"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Placed:
    """One run in its lane; level 0 stands on the floor."""

    run: Run
    level: int
    kind: Kind


@dataclass(frozen=True)
class Lane:
    """All runs of one function."""

    function: str
    placed: tuple[Placed, ...]
    #: How many ran at once, at most; at least 1.
    levels: int

    def count(self, kind: Kind) -> int:
        return sum(each.kind is kind for each in self.placed)


def lanes(runs: Sequence[Run]) -> tuple[Lane, ...]:
    """One lane for each function that ran, in the order of a day."""
    later = {id(clash.second) for clash in overlaps(runs)}
    by_function: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_function[run.function].append(run)
    return tuple(_lane(name, by_function[name], later) for name in sorted(by_function, key=_place))


def _lane(function: str, runs: Iterable[Run], later: Collection[int]) -> Lane:
    placed: list[Placed] = []
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    levels = 0
    for run in sorted(runs, key=lambda each: (each.start, each.end)):
        if not run.worked:
            placed.append(Placed(run, 0, Kind.REFUSED))
            continue
        while busy and busy[0][0] <= run.start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            heapq.heappush(free, levels)
            levels += 1
        level = heapq.heappop(free)
        heapq.heappush(busy, (run.end, level))
        placed.append(Placed(run, level, _kind(run, later)))
    return Lane(function, tuple(placed), max(1, levels))


def _kind(run: Run, later: Collection[int]) -> Kind:
    if run.outcome in (Outcome.FAILED, Outcome.KILLED):
        return Kind.FAILED
    return Kind.CLASH if id(run) in later else Kind.RUN


def _place(function: str) -> tuple[int, str]:
    return (ORDER.index(function) if function in ORDER else len(ORDER), function)

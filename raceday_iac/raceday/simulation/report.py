"""The report of one race day as a value: what was counted, what it is compared with, and which invariants held.

Renderers make a table, a page and JSON of it. Nothing here decides what is good: a number is a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .day import Clash, clashes_by_function, conflicts, overlaps, overlaps_with_refused, reduction
from .ledger import Outcome, Run, appwrite_requests_by_function

FORMAT_VERSION = 1
#: Examples of a violated invariant that the JSON carries at most; the count is always complete.
EXAMPLES = 10


@dataclass(frozen=True)
class FunctionCount:
    """What became of one function's executions."""

    count: int = 0
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "refused": self.refused,
            "failed": self.failed,
            "totalSeconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Comparison:
    """One count of the legacy model against the same count now."""

    legacy: int
    with_locks: int
    #: The same counts by the functions involved (`a`, or `a + b`).
    legacy_by_function: Mapping[str, int] = field(default_factory=dict)
    with_locks_by_function: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, legacy: Sequence[Clash], now: Sequence[Clash]) -> Comparison:
        return cls(len(legacy), len(now), clashes_by_function(legacy), clashes_by_function(now))

    @property
    def reduction(self) -> float:
        """Per cent fewer than legacy, 0 to 100."""
        return reduction(self.legacy, self.with_locks)

    def to_json(self) -> dict[str, Any]:
        return {
            "legacy": self.legacy,
            "with_locks": self.with_locks,
            "reduction": self.reduction,
            "by_function": {"legacy": dict(self.legacy_by_function), "with_locks": dict(self.with_locks_by_function)},
        }


@dataclass(frozen=True)
class Quantiles:
    """A distribution in a few numbers, in the unit of what was measured. All None when nothing was measured."""

    count: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None

    @classmethod
    def of(cls, values: Iterable[float]) -> Quantiles:
        """Nearest-rank percentiles: each is a value that was really measured."""
        ordered = sorted(values)
        if not ordered:
            return cls()
        p50, p95, p99 = (_nearest_rank(ordered, share) for share in (0.50, 0.95, 0.99))
        return cls(len(ordered), p50, p95, p99, ordered[-1])

    def to_json(self) -> dict[str, Any]:
        numbers = {"p50": self.p50, "p95": self.p95, "p99": self.p99, "max": self.max}
        rounded = {name: None if value is None else round(value, 3) for name, value in numbers.items()}
        return {**rounded, "count": self.count}


@dataclass(frozen=True)
class Invariant:
    """Something that must hold all day: how often it was looked at, and how often it did not."""

    name: str
    checked: int
    violations: int = 0
    examples: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return self.violations == 0

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "checked": self.checked,
            "violations": self.violations,
            "examples": list(self.examples[:EXAMPLES]),
        }


@dataclass(frozen=True)
class Polls:
    """Race polls by phase of the race, and per race."""

    by_phase: Mapping[str, int] = field(default_factory=dict)
    per_race_mean: float = 0.0

    @property
    def total(self) -> int:
        return sum(self.by_phase.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "by_phase": dict(self.by_phase),
            "per_race_mean": round(self.per_race_mean, 2),
        }


@dataclass(frozen=True)
class RequestTotals:
    """Appwrite requests of the day, now and in the legacy model."""

    by_function: Mapping[str, int] = field(default_factory=dict)
    legacy_by_function: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_function.values())

    @property
    def legacy(self) -> int:
        return sum(self.legacy_by_function.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "by_function": dict(self.by_function),
            "legacy": self.legacy,
            "legacy_by_function": dict(self.legacy_by_function),
            "reduction": reduction(self.legacy, self.total),
        }


@dataclass(frozen=True)
class Duplicates:
    """Runs that found the lock held, and what they did not spend, by name of the unit (`cpu_ms`, `requests`, …)."""

    refused: int = 0
    saved: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"refused": self.refused, "saved": {name: round(value, 3) for name, value in self.saved.items()}}


@dataclass(frozen=True)
class DayReport:
    """One race day. `begin` and `end` are seconds since 1970, UTC; the runs are what the picture is drawn from."""

    day: str
    seed: int
    races: int
    begin: float
    end: float
    runs: tuple[Run, ...]
    legacy_runs: tuple[Run, ...]
    executions: Mapping[str, FunctionCount]
    overlaps: Comparison
    conflicts: Comparison
    #: Overlaps that only the brief life of refused duplicates makes; not in `overlaps`.
    refused_overlaps: int = 0
    appwrite_requests: RequestTotals = RequestTotals()
    lock_latency_ms: Quantiles = Quantiles()
    invariants: tuple[Invariant, ...] = ()
    polls: Polls = Polls()
    legacy_polls: Polls = Polls()
    status_delay_seconds: Quantiles = Quantiles()
    duplicates: Duplicates = Duplicates()
    assumptions: tuple[str, ...] = ()
    #: Advertised starts, for the picture.
    race_starts: tuple[float, ...] = ()
    #: How the day was asked for, for example {"locks": False}.
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def violations(self) -> int:
        return sum(each.violations for each in self.invariants)

    def to_json(self) -> dict[str, Any]:
        """The report without the runs themselves, which only the picture needs."""
        return {
            "formatVersion": FORMAT_VERSION,
            "day": self.day,
            "seed": self.seed,
            "races": self.races,
            "options": dict(self.options),
            "executions": {name: count.to_json() for name, count in self.executions.items()},
            "overlaps": {**self.overlaps.to_json(), "with_refused_duplicates": self._with_refused},
            "conflicts": self.conflicts.to_json(),
            "appwrite_requests": self.appwrite_requests.to_json(),
            "lock_latency_ms": self.lock_latency_ms.to_json(),
            "invariants": [each.to_json() for each in self.invariants],
            "violations": self.violations,
            "polls": {**self.polls.to_json(), "legacy": self.legacy_polls.to_json()},
            "status_delay_seconds": self.status_delay_seconds.to_json(),
            "duplicates": self.duplicates.to_json(),
            "assumptions": list(self.assumptions),
        }

    @property
    def _with_refused(self) -> int:
        return self.overlaps.with_locks + self.refused_overlaps


def count_executions(runs: Iterable[Run]) -> dict[str, FunctionCount]:
    """Executions by function: all, refused by a lock, failed or killed, and their seconds together."""
    totals: dict[str, FunctionCount] = {}
    for run in runs:
        so_far = totals.get(run.function, FunctionCount())
        totals[run.function] = FunctionCount(
            so_far.count + 1,
            so_far.refused + (run.outcome is Outcome.REFUSED),
            so_far.failed + (run.outcome in (Outcome.FAILED, Outcome.KILLED)),
            so_far.seconds + run.seconds,
        )
    return dict(sorted(totals.items()))


def compare_runs(runs: Sequence[Run], legacy_runs: Sequence[Run]) -> dict[str, Any]:
    """The fields of a DayReport that follow from the two lists of runs alone, ready to be passed to it."""
    working = overlaps(runs)
    return {
        "runs": tuple(runs),
        "legacy_runs": tuple(legacy_runs),
        "executions": count_executions(runs),
        "overlaps": Comparison.of(overlaps(legacy_runs), working),
        "refused_overlaps": len(overlaps_with_refused(runs)) - len(working),
        "conflicts": Comparison.of(conflicts(legacy_runs), conflicts(runs)),
        "appwrite_requests": RequestTotals(
            appwrite_requests_by_function(runs), appwrite_requests_by_function(legacy_runs)
        ),
        "duplicates": Duplicates(sum(run.outcome is Outcome.REFUSED for run in runs)),
    }


def _nearest_rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

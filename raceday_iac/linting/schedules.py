"""Rules on one function's schedule: overlaps with itself, and schedules that never fire."""

from __future__ import annotations

from collections.abc import Iterator

from .expansion import Expansion
from .facts import FunctionFacts
from .findings import Finding, Severity


def self_overlap(function: FunctionFacts, runs: Expansion) -> Iterator[Finding]:
    """SCH001: the shortest time between two runs is below the timeout."""
    gap = runs.shortest_gap
    if gap is None or gap[0].total_seconds() >= function.timeout:
        return
    seconds = int(gap[0].total_seconds())
    most = -(-function.timeout // seconds)
    yield Finding(
        "SCH001",
        Severity.ERROR,
        function.address,
        f"starts every {seconds} s ({function.schedule}), but a run may take {function.timeout} s: "
        f"up to {most} runs at once",
        f"take a lock before anything else, or end within {seconds} s, or start less often",
        function.location,
        gap[1],
        runs.per_day * sum(runs.firing),
        lock_answer(function, "a second run ends at once"),
    )


def never_fires(function: FunctionFacts, runs: Expansion) -> Iterator[Finding]:
    """SCH012."""
    if runs.is_empty:
        yield Finding(
            "SCH012",
            Severity.WARNING,
            function.address,
            f"its schedule {function.schedule!r} does not fire in the {runs.days} days from {runs.begin}",
            "write a schedule that fires, or none",
            function.location,
        )


def lock_answer(function: FunctionFacts, effect: str) -> str:
    """What a function's lock answers to two runs at once; nothing without one."""
    if function.lock is None:
        return ""
    return f"lock {function.lock.lock_id}: {effect}"

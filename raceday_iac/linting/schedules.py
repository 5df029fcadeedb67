"""Rules on one function's schedule: overlaps with itself, schedules that never fire, or not as one reads them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time

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
        runs.total,
        lock_answer(function, "a second run ends at once"),
    )


def never_fires(function: FunctionFacts, runs: Expansion) -> Iterator[Finding]:
    """SCH012: an error where Appwrite finds no next run at all."""
    if not runs.is_empty:
        return
    begin = datetime.combine(runs.begin, time(), UTC)
    never = runs.cron.why_never(begin)
    if never:
        message = f"its schedule {function.schedule!r} is valid and never fires: {never}"
        advice = (
            "write a schedule that fires, or none; Appwrite 1.9 refuses this one, and the scheduler of 1.8 fails at it"
        )
        yield Finding("SCH012", Severity.ERROR, function.address, message, advice, function.location)
        return
    message = f"its schedule {function.schedule!r} does not fire in the {runs.days} days from {runs.begin}"
    first = runs.cron.next_run(begin)
    yield Finding(
        "SCH012", Severity.WARNING, function.address, message, "make sure that it is meant", function.location, first
    )


def fires_otherwise(function: FunctionFacts, runs: Expansion) -> Iterator[Finding]:
    """SCH013: Appwrite makes something else of the expression than its reader."""
    surprises = [] if runs.is_empty else list(runs.cron.surprises())
    if surprises:
        yield Finding(
            "SCH013",
            Severity.WARNING,
            function.address,
            f"its schedule {function.schedule!r} is not what it seems: {'; '.join(surprises)}",
            "write what is meant, and look at raceday-iac schedule",
            function.location,
        )


def lock_answer(function: FunctionFacts, effect: str) -> str:
    """What a function's lock answers to two runs at once; nothing without one."""
    if function.lock is None:
        return ""
    return f"lock {function.lock.lock_id}: {effect}"

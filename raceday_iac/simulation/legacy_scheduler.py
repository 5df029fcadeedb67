"""The legacy master-race-scheduler: every minute it finds the races that are due and has them polled, group by group,
then stamps them all. No locks, and not told what other runs just started."""

from __future__ import annotations

from .legacy_day import LegacyWorld, RaceRow
from .legacy_engine import Body, LegacyExecution, Steps
from .legacy_pollers import start_poller
from .phases import TERMINAL

OPENING_HOUR = 9
LARGEST_GROUP = 10
#: Races further past their start than this are left alone, in minutes.
TOO_LATE = -60.0


def interval_minutes(status: str, minutes: float) -> float | None:
    """Minutes between two polls by the legacy table; None: never."""
    if status in TERMINAL:
        return None
    if status in ("Closed", "Running"):
        return 0.25
    if status == "Interim":
        return 0.5
    return next(interval for above, interval in _OPEN if minutes > above)


_OPEN = ((65.0, 30.0), (5.0, 2.5), (3.0, 0.5), (float("-inf"), 0.25))


def is_due(row: RaceRow, now: float) -> bool:
    """Whether the scheduler would have this race polled now."""
    minutes = row.minutes_to_start(now)
    interval = interval_minutes(row.status, minutes)
    if interval is None or minutes < TOO_LATE:
        return False
    return row.last_poll is None or now - row.last_poll >= interval * 60


def master_race_scheduler(world: LegacyWorld) -> Body:
    """One tick."""

    def body(execution: LegacyExecution) -> Steps:
        now = execution.start
        today, hour = world.clock.date(), world.clock.hour
        world.scheduler_ticks += 1
        yield from execution.call_appwrite(1)
        races = [row for row in world.rows.values() if row.date_nz == today]
        # An Abandoned race is never Final: with one of them the day does not end.
        if not races or hour < OPENING_HOUR or all(row.status == "Final" for row in races):
            return
        yield from execution.call_appwrite(1)
        due = [row for row in races if row.status != "Final" and is_due(row, now)]
        if due:
            yield from _poll_due(world, execution, due)

    return body


def _poll_due(world: LegacyWorld, execution: LegacyExecution, due: list[RaceRow]) -> Steps:
    world.ticks_with_work += 1
    for begin in range(0, len(due), LARGEST_GROUP):
        world.poller_executions += 1
        group = due[begin : begin + LARGEST_GROUP]
        yield from start_poller(world, execution, [row.card.race for row in group])
    for row in due:
        execution.occupy(row.card.race)
        yield from execution.call_appwrite(1)
        row.last_poll = execution.now
        execution.leave(row.card.race)

"""The legacy functions that poll all day: enhanced-race-poller as it behaved when started with a list of races,
race-data-poller on its cron, and meeting-status-poller. No locks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from .legacy_day import MEETINGS_SECONDS, WARM_START_SECONDS, LegacyWorld, RaceRow, write_race
from .legacy_engine import Body, LegacyExecution, Steps

#: enhanced-race-poller outside its loops: groups of 5, pauses between calls and between groups.
GROUP = 5
BETWEEN_CALLS = 0.8
BETWEEN_GROUPS = 0.5
#: race-data-poller: selection window, default list limit, pause between races.
WINDOW = 3600.0
DEFAULT_LIMIT = 25
BETWEEN_RACES = 0.5
#: A synchronous execution holds its caller until the answer, at most this long.
SYNCHRONOUS_LIMIT = 30.0


def enhanced_race_poller(world: LegacyWorld, races: Sequence[str], caller: str) -> Body:
    """Look these races up, answer, and only then poll each of them once."""

    def body(execution: LegacyExecution) -> Steps:
        yield WARM_START_SECONDS
        yield from execution.call_appwrite(len(races))
        # Only the exact word Final counts as finished.
        wanted = [world.rows[race] for race in races if world.rows[race].status != "Final"]
        for begin in range(0, len(wanted), GROUP):
            if begin:
                yield BETWEEN_GROUPS
            yield from _poll_group(world, execution, wanted[begin : begin + GROUP], caller)

    return body


def _poll_group(world: LegacyWorld, execution: LegacyExecution, group: Sequence[RaceRow], caller: str) -> Steps:
    """Fetch the whole group, one race after another, then write it."""
    fetched: list[tuple[RaceRow, str]] = []
    for number, row in enumerate(group):
        if number:
            yield BETWEEN_CALLS
        fetched.append((row, (yield from world.fetch_race(execution, row, caller))))
    for row, status in fetched:
        yield from write_race(execution, row, status)


def start_poller(world: LegacyWorld, execution: LegacyExecution, races: Sequence[str]) -> Steps:
    """Start the poller from another function, synchronously: it answers as soon as it has looked the races up."""
    execution.appwrite_requests += 1
    world.engine.start("enhanced-race-poller", enhanced_race_poller(world, races, execution.function))
    answer = WARM_START_SECONDS + len(races) * world.engine.appwrite_seconds
    yield min(answer, SYNCHRONOUS_LIMIT)


def race_data_poller(world: LegacyWorld) -> Body:
    """Every race within an hour either side that is not Final, one after another."""

    def body(execution: LegacyExecution) -> Steps:
        yield WARM_START_SECONDS
        yield from execution.call_appwrite(1)
        now = execution.now
        near = [row for row in world.existing() if abs(row.card.start - now) <= WINDOW and row.status != "Final"]
        for number, row in enumerate(near[:DEFAULT_LIMIT]):
            if number:
                yield BETWEEN_RACES
            status = yield from world.fetch_race(execution, row, execution.function)
            yield from write_race(execution, row, status)

    return body


def meeting_status_poller(world: LegacyWorld, day: date) -> Body:
    """One request upstream for all meetings of the NZ date. Track conditions are taken not to change, so it writes
    nothing; what it discards or finds empty ends it early."""

    def body(execution: LegacyExecution) -> Steps:
        yield WARM_START_SECONDS
        if world.clock.hour < 8:
            return
        yield from execution.call_appwrite(1)
        if world.clock.date() != day:
            return
        meetings = sorted({row.card.meeting for row in world.existing()})
        for meeting in meetings:
            execution.occupy(meeting)
        yield MEETINGS_SECONDS if meetings else 0.0
        for meeting in meetings:
            execution.leave(meeting)

    return body

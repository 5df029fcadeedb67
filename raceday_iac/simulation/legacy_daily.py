"""The three legacy daily jobs: meetings, races with entrants, and the first poll of every race."""

from __future__ import annotations

from datetime import UTC, datetime, time

from .legacy_day import EVENT_SECONDS, MEETINGS_SECONDS, WARM_START_SECONDS, LegacyWorld, RaceRow
from .legacy_engine import Body, LegacyExecution, Steps
from .legacy_pollers import start_poller

#: daily-meetings verified the schema first, fetching a collection once for each of its attributes.
SCHEMA_REQUESTS = 1 + 9 + 181 + 6 + 23
#: Upserts of races at the same time.
UPSERTS_AT_ONCE = 15
#: daily-races: races per chunk, pauses after a race and after a chunk.
CHUNK = 10
AFTER_RACE = 1.0
AFTER_CHUNK = 2.0
#: daily-initial-data: races per poller execution, and the pause between two.
GROUP = 8
BETWEEN_GROUPS = 3.0


def daily_meetings(world: LegacyWorld) -> Body:
    """Verify the schema, fetch the list of meetings, create meetings and bare races."""

    def body(execution: LegacyExecution) -> Steps:
        yield WARM_START_SECONDS
        yield from execution.call_appwrite(SCHEMA_REQUESTS)
        meetings = sorted({row.card.meeting for row in world.rows.values()})
        for meeting in meetings:
            execution.occupy(meeting)
        yield MEETINGS_SECONDS
        # An upsert of something new is an update, refused with 404, and a create.
        yield from execution.call_appwrite(2 * len(meetings), at_once=max(1, len(meetings)))
        for meeting in meetings:
            execution.leave(meeting)
        rows = list(world.rows.values())
        for begin in range(0, len(rows), UPSERTS_AT_ONCE):
            yield from _create_races(execution, rows[begin : begin + UPSERTS_AT_ONCE])

    return body


def _create_races(execution: LegacyExecution, rows: list[RaceRow]) -> Steps:
    for row in rows:
        execution.occupy(row.card.race)
    yield from execution.call_appwrite(2 * len(rows), at_once=len(rows))
    for row in rows:
        row.exists = True
        row.status = row.card.status_at(execution.now)
        execution.leave(row.card.race)


def daily_races(world: LegacyWorld) -> Body:
    """Fetch every race's details, all of them before the first is written. Races before noon (UTC midnight) are not
    found; without the date that only this function writes, the scheduler never sees them."""

    def body(execution: LegacyExecution) -> Steps:
        yield WARM_START_SECONDS
        yield from execution.call_appwrite(1)
        rows = _from_utc_midnight(world)
        for number, row in enumerate(rows, 1):
            execution.occupy(row.card.race)
            execution.polls += 1
            yield EVENT_SECONDS + (AFTER_RACE if number < len(rows) else 0)
            if number % CHUNK == 0 and number < len(rows):
                yield AFTER_CHUNK
        day = world.clock.date()
        for row in rows:
            yield from execution.call_appwrite(1 + 2 * row.card.runners)
            row.date_nz = day
            execution.leave(row.card.race)

    return body


def daily_initial_data(world: LegacyWorld) -> Body:
    """Have every race polled once, eight at a time. The poller has only accepted a group when the next one starts."""

    def body(execution: LegacyExecution) -> Steps:
        yield WARM_START_SECONDS
        yield from execution.call_appwrite(1)
        races = [row.card.race for row in _from_utc_midnight(world)]
        for begin in range(0, len(races), GROUP):
            if begin:
                yield BETWEEN_GROUPS
            yield from start_poller(world, execution, races[begin : begin + GROUP])

    return body


def _from_utc_midnight(world: LegacyWorld) -> list[RaceRow]:
    """Races with `startTime >= "<NZ date>"`: the bare date is midnight UTC, noon in New Zealand."""
    bound = datetime.combine(world.clock.date(), time(), UTC).timestamp()
    return [row for row in world.existing() if row.card.start >= bound]

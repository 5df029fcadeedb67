"""One day of the legacy system, as a discrete-event model: its schedules, timeouts, pauses and call counts, without
locks. No legacy code is run. What the sources leave open is in ASSUMPTIONS, which belong next to every result."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from .day import TERMINAL, count_phases
from .ledger import Run, appwrite_requests_by_function
from .legacy_world import (
    APPWRITE_SECONDS,
    CHANGED_ODDS,
    EVENT_SECONDS,
    FUNCTIONS,
    MEETINGS_SECONDS,
    NZ,
    WARM_START_SECONDS,
    Body,
    CardRace,
    LegacyExecution,
    LegacyPoll,
    LegacyWorld,
    RaceRow,
    Steps,
    occurrences,
    write_race,
)
from .report import Polls

SCHEDULER = "master-race-scheduler"

ASSUMPTIONS = (
    "The legacy side is a model: no legacy code was run. Schedules, timeouts, pauses, group sizes, selections and the"
    " requests per poll are those of the legacy sources.",
    f"One Appwrite request takes {APPWRITE_SECONDS * 1000:g} ms, always, also for queries that were slow in reality;"
    " requests of one run follow one another, except daily-meetings' upserts (15 at once).",
    f"The NZ TAB answers a race in {EVENT_SECONDS * 1000:g} ms and the list of meetings in"
    f" {MEETINGS_SECONDS * 1000:g} ms, always; nothing fails and nothing is retried.",
    f"An execution's code runs {WARM_START_SECONDS * 1000:g} ms after its start: containers are always warm, and as"
    " many run at once as are asked for.",
    f"From one poll to the next {CHANGED_ODDS:.0%} of a race's odds change (8 odds-history rows with 10 runners).",
    "enhanced-race-poller answers when it has looked its races up, and works after that; so its synchronous callers"
    " wait a fraction of a second, not thirty. Started by others it never enters its loops.",
    "A group of five races is fetched first and written then; last_poll_time is written at the end of a race.",
    "The scheduler stamps its due races one after another when all groups have been started; a stamp counts as a"
    " write to the race.",
    "single-race-poller and batch-race-poller have no schedule, and nobody calls them.",
    "Track conditions do not change during the day, so meeting-status-poller writes nothing; daily jobs run once.",
    "The database is empty of the day's races when it begins; races before noon (UTC midnight) are lost to"
    " daily-races and so to the scheduler, as they were.",
    "Where a choice was open, the one with shorter runs was taken, which makes fewer overlaps.",
)


@dataclass(frozen=True)
class LegacyDay:
    """What the legacy system did in a day."""

    runs: tuple[Run, ...]
    polls: tuple[LegacyPoll, ...]
    races: int
    scheduler_ticks: int
    ticks_with_work: int
    #: Executions of enhanced-race-poller that the scheduler created.
    poller_executions: int

    @property
    def scheduled_polls(self) -> tuple[LegacyPoll, ...]:
        """Race polls that the scheduler brought about."""
        return tuple(poll for poll in self.polls if poll.caller == SCHEDULER)

    @property
    def polls_by_phase(self) -> dict[str, int]:
        return count_phases(poll.phase for poll in self.polls)

    @property
    def appwrite_requests(self) -> dict[str, int]:
        """By function."""
        return appwrite_requests_by_function(self.runs)

    def polls_report(self) -> Polls:
        """All race polls, whoever made them."""
        return Polls(self.polls_by_phase, len(self.polls) / self.races if self.races else 0.0)


def simulate_legacy(
    card: Sequence[CardRace], begin: float, end: float, *, schedules: Mapping[str, str] | Collection[str] | None = None
) -> LegacyDay:
    """Live through [begin, end), seconds since 1970, with this card; runs started by then are finished.

    `schedules` limits which functions' crons fire (all by default)."""
    world = LegacyWorld.of(card, begin)
    bodies = _bodies(world, datetime.fromtimestamp(begin, NZ).date())
    for function in FUNCTIONS:
        if function.cron is None or (schedules is not None and function.name not in schedules):
            continue
        for instant in occurrences(function.cron, begin, end):
            world.engine.start_at(instant, function.name, bodies[function.name])
    runs = world.engine.run()
    return LegacyDay(
        runs, tuple(world.polls), len(card), world.scheduler_ticks, world.ticks_with_work, world.poller_executions
    )


def _bodies(world: LegacyWorld, day: date) -> dict[str, Body]:
    return {
        "daily-meetings": daily_meetings(world),
        "daily-races": daily_races(world),
        "daily-initial-data": daily_initial_data(world),
        "race-data-poller": race_data_poller(world),
        "meeting-status-poller": meeting_status_poller(world, day),
        SCHEDULER: master_race_scheduler(world),
    }


# The three legacy daily jobs: meetings, races with entrants, and the first poll of every race.


#: daily-meetings verified the schema first, fetching a collection once for each of its attributes.
SCHEMA_REQUESTS = 1 + 9 + 181 + 6 + 23
#: Upserts of races at the same time.
UPSERTS_AT_ONCE = 15
#: daily-races: races per chunk, pauses after a race and after a chunk.
CHUNK = 10
AFTER_RACE = 1.0
AFTER_CHUNK = 2.0
#: daily-initial-data: races per poller execution, and the pause between two.
RACES_AT_ONCE = 8
BETWEEN_RACE_GROUPS = 3.0


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
        for begin in range(0, len(races), RACES_AT_ONCE):
            if begin:
                yield BETWEEN_RACE_GROUPS
            yield from start_poller(world, execution, races[begin : begin + RACES_AT_ONCE])

    return body


def _from_utc_midnight(world: LegacyWorld) -> list[RaceRow]:
    """Races with `startTime >= "<NZ date>"`: the bare date is midnight UTC, noon in New Zealand."""
    bound = datetime.combine(world.clock.date(), time(), UTC).timestamp()
    return [row for row in world.existing() if row.card.start >= bound]


# The legacy functions that poll all day: enhanced-race-poller as it behaved when started with a list of races,
# race-data-poller on its cron, and meeting-status-poller. No locks.


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


# The legacy master-race-scheduler: every minute it finds the races that are due and has them polled, group by group,
# then stamps them all. No locks, and without knowing what other runs just started.


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

"""One day of the legacy system, as a discrete-event model: its schedules, timeouts, pauses and call counts, without
locks. No legacy code is run. What the sources leave open is in ASSUMPTIONS, which belong next to every result."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from .legacy_card import CardRace
from .legacy_daily import daily_initial_data, daily_meetings, daily_races
from .legacy_day import (
    APPWRITE_SECONDS,
    CHANGED_ODDS,
    EVENT_SECONDS,
    MEETINGS_SECONDS,
    NZ,
    WARM_START_SECONDS,
    LegacyPoll,
    LegacyWorld,
)
from .legacy_engine import Body
from .legacy_pollers import meeting_status_poller, race_data_poller
from .legacy_scheduler import master_race_scheduler
from .legacy_schedules import FUNCTIONS, occurrences
from .phases import count_phases
from .report import Polls
from .runs import Run, appwrite_requests_by_function

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
        for moment in occurrences(function.cron, begin, end):
            world.engine.start_at(moment, function.name, bodies[function.name])
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

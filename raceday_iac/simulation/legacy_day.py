"""The state that legacy executions share: the database rows that decide what is due, and the notes of every poll.

Also what one race poll costs, call by call; the numbers follow from the field's size and the race's status."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from .legacy_card import CardRace
from .legacy_engine import Engine, LegacyExecution, Steps
from .phases import phase_of

NZ = ZoneInfo("Pacific/Auckland")

#: Seconds that one Appwrite request takes, the legacy functions sitting on the same machine as Appwrite.
APPWRITE_SECONDS = 0.0055
#: Seconds for one race event (0.3 MB) and for the list of meetings from the NZ TAB.
EVENT_SECONDS = 0.3
MEETINGS_SECONDS = 0.5
#: Seconds from the start of an execution until its code runs, the container being warm.
WARM_START_SECONDS = 0.2
#: Of a runner's four odds, the share that differs from the poll before.
CHANGED_ODDS = 0.2


@dataclass
class RaceRow:
    """A race document, as far as it decides anything."""

    card: CardRace
    status: str = "Open"
    last_poll: float | None = None
    #: Written by daily-meetings.
    exists: bool = False
    #: `raceDateNz`, which only daily-races writes and by which the scheduler selects.
    date_nz: date | None = None
    has_pools: bool = False

    def minutes_to_start(self, now: float) -> float:
        return (self.card.start - now) / 60


@dataclass(frozen=True)
class LegacyPoll:
    """One race fetched once: by which function, on whose behalf, and the status that came back."""

    race: str
    at: float
    function: str
    caller: str
    status: str
    phase: str


@dataclass
class LegacyWorld:
    """One day of the legacy system while it happens."""

    engine: Engine
    rows: dict[str, RaceRow]
    polls: list[LegacyPoll] = field(default_factory=list)
    scheduler_ticks: int = 0
    ticks_with_work: int = 0
    poller_executions: int = 0

    @classmethod
    def of(cls, card: Sequence[CardRace], begin: float) -> LegacyWorld:
        ordered = sorted(card, key=lambda race: (race.start, race.race))
        return cls(Engine(begin, APPWRITE_SECONDS), {race.race: RaceRow(race) for race in ordered})

    @property
    def clock(self) -> datetime:
        """Now on the New Zealand clock."""
        return datetime.fromtimestamp(self.engine.now, NZ)

    def existing(self) -> list[RaceRow]:
        return [row for row in self.rows.values() if row.exists]

    def fetch_race(self, execution: LegacyExecution, row: RaceRow, caller: str) -> Generator[float, None, str]:
        """Fetch a race from upstream and return its status. From here on the run works on the race."""
        race = row.card
        execution.occupy(race.race)
        execution.polls += 1
        yield EVENT_SECONDS
        now = execution.now
        status = race.status_at(now)
        phase = phase_of(status, row.minutes_to_start(now))
        self.polls.append(LegacyPoll(race.race, now, execution.function, caller, status, phase))
        return status


def write_race(execution: LegacyExecution, row: RaceRow, fetched: str) -> Steps:
    """Write one fetched race: status, pools, entrants, odds, money flow, stamp, one request after another."""
    runners = row.card.runners
    yield from execution.call_appwrite(1)  # the stored status
    if fetched != row.status:
        row.status = fetched
        # The status itself; with results known also the results document, queried and then written.
        yield from execution.call_appwrite(3 if fetched in ("Interim", "Final") else 1)
    yield from execution.call_appwrite(1 if row.has_pools else 2)  # update, on 404 create
    row.has_pools = True
    yield from execution.call_appwrite(2 * runners + round(4 * runners * CHANGED_ODDS))
    if fetched == "Open":
        # Per runner: the race read again, hold and bet created, the previous bucket queried, the bucket created.
        yield from execution.call_appwrite(5 * runners)
    yield from execution.call_appwrite(1)
    row.last_poll = execution.now
    execution.leave(row.card.race)

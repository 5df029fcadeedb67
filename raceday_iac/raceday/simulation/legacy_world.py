"""A small discrete-event engine: executions are generators that yield how many seconds pass, and are cut off at their
timeout. It knows nothing of races; what an execution did is recorded as a Run."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ...cron import parse
from .day import phase_of
from .ledger import Occupation, Outcome, Run

#: Yields seconds to wait.
Steps = Generator[float, None, None]


class LegacyExecution:
    """A running execution: its notes, and the clock as it sees it."""

    def __init__(self, engine: Engine, function: str) -> None:
        self.engine = engine
        self.function = function
        self.start = engine.now
        self.deadline = engine.now + TIMEOUTS[function]
        self.appwrite_requests = 0
        self.polls = 0
        self._open: dict[str, float] = {}
        self._closed: list[Occupation] = []

    @property
    def now(self) -> float:
        return self.engine.now

    def call_appwrite(self, count: int, *, at_once: int = 1) -> Steps:
        """Requests one after another, or `at_once` of them at the same time. No time passes for none."""
        self.appwrite_requests += count
        yield -(-count // at_once) * self.engine.appwrite_seconds

    def occupy(self, subject: str) -> None:
        self._open.setdefault(subject, self.now)

    def leave(self, subject: str) -> None:
        self._closed.append(Occupation(subject, self._open.pop(subject), self.now))

    def record(self, outcome: Outcome) -> Run:
        """The run as it was until now; what it still held, it held until now."""
        for subject in list(self._open):
            self.leave(subject)
        races = tuple(sorted(self._closed, key=lambda each: (each.begin, each.subject)))
        return Run(self.function, self.start, self.now, races, self.appwrite_requests, self.polls, outcome)


Body = Callable[[LegacyExecution], Steps]


class Engine:
    """Runs executions in the order of time; equal instants in the order they were asked for."""

    def __init__(self, begin: float, appwrite_seconds: float) -> None:
        self.now = begin
        self.appwrite_seconds = appwrite_seconds
        self.runs: list[Run] = []
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._asked = 0

    def start_at(self, instant: float, function: str, body: Body) -> None:
        self._at(instant, lambda: self.start(function, body))

    def start(self, function: str, body: Body) -> None:
        """Start an execution now."""
        execution = LegacyExecution(self, function)
        self._resume(execution, body(execution))

    def run(self) -> tuple[Run, ...]:
        """Until nothing is left to happen. The runs in order of their starts."""
        while self._queue:
            self.now, _, action = heapq.heappop(self._queue)
            action()
        return tuple(sorted(self.runs, key=lambda run: (run.start, run.function)))

    def _resume(self, execution: LegacyExecution, steps: Steps) -> None:
        try:
            wake = self.now + next(steps)
        except StopIteration:
            self.runs.append(execution.record(Outcome.COMPLETED))
            return
        if wake > execution.deadline:
            self._at(execution.deadline, lambda: self._kill(execution, steps))
        else:
            self._at(wake, lambda: self._resume(execution, steps))

    def _kill(self, execution: LegacyExecution, steps: Steps) -> None:
        steps.close()
        self.runs.append(execution.record(Outcome.KILLED))

    def _at(self, instant: float, action: Callable[[], None]) -> None:
        self._asked += 1
        heapq.heappush(self._queue, (instant, self._asked, action))


# The races of a day as the legacy model sees them: when each one starts, closes and ends upstream.


#: Domain facts: the sample day's volumes count a race as Final this long after its advertised start.
FINAL_AFTER = 8 * 60.0


@dataclass(frozen=True)
class CardRace:
    """One race. All instants are seconds since 1970, UTC; None means that it never comes to that."""

    race: str
    meeting: str
    #: The advertised start, by which pollers choose.
    start: float
    #: When betting closes.
    jump: float
    final: float | None
    interim: float | None = None
    abandoned: float | None = None
    runners: int = 10

    def status_at(self, instant: float) -> str:
        """What the NZ TAB says of it at that instant."""
        if _reached(self.abandoned, instant):
            return "Abandoned"
        if _reached(self.final, instant):
            return "Final"
        if _reached(self.interim, instant):
            return "Interim"
        return "Closed" if instant >= self.jump else "Open"


def card_of(races: Iterable[Mapping[str, Any]]) -> tuple[CardRace, ...]:
    """A punctual card from `id`, `meeting` and `start` (ISO 8601): every race jumps at its advertised start and is
    Final eight minutes later. In order of their starts."""
    card = []
    for each in races:
        start = datetime.fromisoformat(each["start"]).astimezone(UTC).timestamp()
        runners = int(each.get("runners", 10))
        card.append(CardRace(each["id"], each["meeting"], start, start, start + FINAL_AFTER, runners=runners))
    return tuple(sorted(card, key=lambda race: (race.start, race.race)))


def _reached(instant: float | None, now: float) -> bool:
    return instant is not None and now >= instant


# The state that legacy executions share: the database rows that decide what is due, and the notes of every poll.
#
# Also what one race poll costs, call by call; the numbers follow from the field's size and the race's status.


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


# When the legacy system started what, and after how long it was cut off: its nine functions as they were configured
# before the clean-up. Crons are UTC.


@dataclass(frozen=True)
class LegacyFunction:
    """Schedule (none: only over HTTP) and timeout in seconds."""

    name: str
    cron: str | None
    timeout: float


FUNCTIONS = (
    LegacyFunction("daily-meetings", "0 19 * * *", 840),
    LegacyFunction("daily-races", "0 20 * * *", 840),
    LegacyFunction("race-data-poller", "*/10 * * * *", 840),
    LegacyFunction("single-race-poller", None, 300),
    LegacyFunction("batch-race-poller", None, 600),
    LegacyFunction("daily-initial-data", "30 20 * * *", 840),
    LegacyFunction("meeting-status-poller", "*/15 21-23,0-11 * * *", 300),
    LegacyFunction("enhanced-race-poller", None, 840),
    LegacyFunction("master-race-scheduler", "*/1 * * * *", 120),
)
TIMEOUTS = {each.name: each.timeout for each in FUNCTIONS}


def occurrences(cron: str, begin: float, end: float) -> Iterator[float]:
    """The full minutes in [begin, end), seconds since 1970, at which Appwrite starts what has that cron."""
    for run in parse(cron).runs_between(datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC)):
        yield run.timestamp()

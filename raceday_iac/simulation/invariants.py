"""What must hold of a day, checked from what was seen on the wires and what is stored in the end.

The truth is the player's day: it knows when each race changed and what it paid. Nothing here shares code with the
functions that are judged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

from ..devserver.nztab.events import event_at
from ..devserver.nztab.model import Day, Race
from .clashes import conflicts, overlaps
from .day import NZ, Wanted
from .demand import Followed, gaps
from .ledger import Ledger
from .report import Invariant
from .stored import Stored

#: Polling begins at this time of the New Zealand clock.
OPENING = time(9)
#: Inside this window of the New Zealand clock nothing is written.
QUIET = (time(1), time(6))
#: How long a race may be due: a scheduler's minute, less what the poller does in it, and the start of a poller.
PATIENCE = 75.0
#: The end of a race must be stored so soon after it happened.
SETTLED_AFTER = timedelta(minutes=6)
BUCKETS = (*range(60, 0, -5), 4, 3, 2, 1, 0)


@dataclass(frozen=True)
class Lived:
    """All there is to judge a day by."""

    wanted: Wanted
    day: Day
    ledger: Ledger
    stored: Stored

    @property
    def opening(self) -> datetime:
        return datetime.combine(self.wanted.day, OPENING, NZ).astimezone(UTC)

    def ended(self, slack: timedelta = SETTLED_AFTER) -> Iterator[Race]:
        """Races whose end, dividends included, came early enough before the end of the day to be stored."""
        for race in self.day.imported:
            last = max(race.timeline.ended, race.timeline.dividends if not race.timeline.abandoned else race.start)
            if last + slack <= self.wanted.end and race.timeline.ended > self.opening:
                yield race


Violations = Iterator[str]
Check = Callable[[Lived], tuple[int, Violations]]


def check_all(lived: Lived) -> tuple[Invariant, ...]:
    """All invariants, in the order in which a reader would ask for them."""
    return tuple(_checked(name, check, lived) for name, check in CHECKS.items())


def _checked(name: str, check: Check, lived: Lived) -> Invariant:
    checked, violations = check(lived)
    found = tuple(violations)
    return Invariant(name, checked, len(found), found)


def _card_is_imported(lived: Lived) -> tuple[int, Violations]:
    races = lived.day.imported

    def missing() -> Violations:
        for race in races:
            if race.id not in lived.stored.races:
                yield f"race {race.id} is not stored"
            elif not lived.stored.entrants.get(race.id):
                yield f"race {race.id} has no entrants"

    return len(races), missing()


def _polled_as_demanded(lived: Lived) -> tuple[int, Violations]:
    demanded, found = 0, list[str]()
    begin = lived.opening.timestamp()
    for race in lived.day.imported:
        polls = [poll.begin for poll in lived.ledger.polls if poll.race == race.id and poll.function == POLLER]
        statuses = [(each.at, each.status) for each in lived.ledger.statuses if each.race == race.id]
        followed = Followed(race.id, race.start.timestamp(), sorted(polls), sorted(statuses))
        count, late = gaps(followed, begin, lived.wanted.end.timestamp(), PATIENCE)
        demanded += count
        found += [f"{gap.race} ({gap.row}) was due for {gap.seconds:.0f} s from {_clock(gap.since)}" for gap in late]
    return demanded, iter(found)


def _never_polled_twice_at_once(lived: Lived) -> tuple[int, Violations]:
    by_race: dict[str, list[tuple[float, float]]] = {}
    for poll in lived.ledger.polls:
        by_race.setdefault(poll.race, []).append((poll.begin, poll.end))

    def doubled() -> Violations:
        for race, polls in by_race.items():
            polls.sort()
            for (_, end), (begin, _) in pairwise(polls):
                if begin < end:
                    yield f"{race} was asked for twice at {_clock(begin)}"

    return len(lived.ledger.polls), doubled()


def _one_writer(lived: Lived) -> tuple[int, Violations]:
    """No write by a run that does not own its lock; no two runs of one function at work at once."""

    def found() -> Violations:
        for what in lived.ledger.unowned:
            yield f"wrote without its lock: {what}"
        for clash in overlaps(lived.ledger.runs()):
            yield f"two runs of {clash.first.function} at {_clock(clash.begin)}"

    return lived.ledger.writes, found()


def _no_conflicts(lived: Lived) -> tuple[int, Violations]:
    runs = lived.ledger.runs()

    def found() -> Violations:
        for clash in conflicts(runs):
            yield f"{clash.first.function} and {clash.second.function} on {clash.subject} at {_clock(clash.begin)}"

    return sum(len(run.races) for run in runs), found()


def _buckets_complete(lived: Lived) -> tuple[int, Violations]:
    checked, missing = 0, list[str]()
    for race in lived.ended():
        if race.timeline.abandoned is not None:
            continue
        expected = _runners_in_the_market(race)
        polls = [poll.begin for poll in lived.ledger.polls if poll.race == race.id and poll.function == POLLER]
        first = min(polls, default=0.0)
        found: dict[int, set[str]] = {}
        for each in lived.stored.money_flow.get(race.id, ()):
            found.setdefault(int(each["timeInterval"]), set()).add(str(each["entrantId"]))
        for bucket in BUCKETS:
            if race.start.timestamp() - bucket * 60 < max(first, lived.opening.timestamp()) + PATIENCE:
                continue
            checked += len(expected)
            absent = expected - found.get(bucket, set())
            missing += [f"{race.id}: no bucket {bucket} of {entrant}" for entrant in sorted(absent)]
    return checked, iter(missing)


def _buckets_once(lived: Lived) -> tuple[int, Violations]:
    documents = [each for found in lived.stored.money_flow.values() for each in found]

    def doubled() -> Violations:
        seen: set[tuple[str, int, str]] = set()
        for each in documents:
            key = (str(each["entrantId"]), int(each["timeInterval"]), str(each["type"]))
            if key in seen:
                yield f"bucket {key[1]} of {key[0]} is stored twice"
            seen.add(key)

    return len(documents), doubled()


def _odds_once(lived: Lived) -> tuple[int, Violations]:
    extra = lived.stored.odds - lived.stored.odds_keys
    return lived.stored.odds, iter([f"{extra} odds are stored twice"] if extra else [])


def _status_is_upstreams(lived: Lived) -> tuple[int, Violations]:
    races = list(lived.ended())

    def wrong() -> Violations:
        for race in races:
            stored = lived.stored.races.get(race.id)
            status = race.timeline.status_at(lived.wanted.end)
            if stored is None or stored["status"] != status:
                yield f"race {race.id} is {stored and stored['status']}, upstream says {status}"

    return len(races), wrong()


def _results_complete(lived: Lived) -> tuple[int, Violations]:
    races = [race for race in lived.ended() if race.timeline.abandoned is None]

    def wrong() -> Violations:
        for race in races:
            truth = event_at(race, lived.wanted.end)
            stored = lived.stored.results.get(race.id)
            if stored is None:
                yield f"race {race.id} has no results"
            elif stored["resultStatus"] != "final":
                yield f"results of race {race.id} are {stored['resultStatus']}"
            elif len(json.loads(stored["dividendsData"] or "[]")) != len(truth["dividends"]):
                yield f"dividends of race {race.id} are not all stored"

    return len(races), wrong()


def _midnight(lived: Lived) -> tuple[int, Violations]:
    """Races that were still under way at midnight are polled until they end."""
    midnight = datetime.combine(lived.wanted.day + timedelta(days=1), time(), NZ).astimezone(UTC)
    races = [race for race in lived.ended() if race.timeline.ended >= midnight]

    def lost() -> Violations:
        for race in races:
            stored = lived.stored.races.get(race.id)
            if stored is None or stored["status"] != race.timeline.status_at(lived.wanted.end):
                yield f"race {race.id} was lost at midnight"

    return len(races), lost()


def _quiet(lived: Lived) -> tuple[int, Violations]:
    def loud() -> Violations:
        for execution in lived.ledger.executions.values():
            if execution.wrote is not None and (_is_quiet(execution.wrote[0]) or _is_quiet(execution.wrote[1])):
                yield f"{execution.function} wrote at {_clock(execution.wrote[1])}"

    return len(lived.ledger.executions), loud()


def _within_expiry(lived: Lived) -> tuple[int, Violations]:
    """No run is still at work when its lock has expired, nor is one killed by its timeout."""

    def late() -> Violations:
        for run in lived.ledger.runs():
            if run.outcome == "killed":
                yield f"{run.function} of {_clock(run.start)} was killed by its timeout"

    return len(lived.ledger.executions), late()


def _daily_runs_worked(lived: Lived) -> tuple[int, Violations]:
    """The quiet window stops none of the daily runs, whatever the offset of the day."""
    daily = [each for each in lived.ledger.executions.values() if each.function.startswith("daily-")]

    def stopped() -> Violations:
        for execution in daily:
            outcomes = [each.get("outcome") for each in execution.events if each.get("event") == "run.summary"]
            if outcomes != ["done"]:
                yield f"{execution.function} of {_clock(execution.start)}: {outcomes}"

    return len(daily), stopped()


POLLER = "enhanced-race-poller"
CHECKS: dict[str, Check] = {
    "the whole card is imported": _card_is_imported,
    "the daily runs do their work": _daily_runs_worked,
    "every race is polled as its table demands": _polled_as_demanded,
    "no race is polled twice at once": _never_polled_twice_at_once,
    "no two writers": _one_writer,
    "no two runs on one race": _no_conflicts,
    "every bucket has every runner": _buckets_complete,
    "no bucket twice": _buckets_once,
    "no odds twice": _odds_once,
    "every race ends as upstream": _status_is_upstreams,
    "results and dividends are complete": _results_complete,
    "nothing is lost at midnight": _midnight,
    "nothing is written in the quiet window": _quiet,
    "no run is killed": _within_expiry,
}


def _runners_in_the_market(race: Race) -> set[str]:
    """Runners that the money tracker has, an hour before the start and at it."""
    found: set[str] | None = None
    for moment in (race.start - timedelta(minutes=61), race.timeline.jump):
        event = event_at(race, moment)
        field = {str(each["entrant_id"]) for each in event["runners"]}
        tracked = {str(each["entrant_id"]) for each in (event["money_tracker"] or {}).get("entrants", ())} & field
        found = tracked if found is None else found & tracked
    return found or set()


def _is_quiet(moment: float) -> bool:
    return QUIET[0] <= datetime.fromtimestamp(moment, NZ).time() < QUIET[1]


def _clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, NZ):%H:%M:%S}"

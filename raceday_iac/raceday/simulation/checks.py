"""What must hold of a day: the invariants by name, and checking them all.

An invariant that found nothing to check on a whole day is violated: it would hold of a day on which nothing happened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from ..nztab.events import event_at
from ..nztab.model import Day, Race
from .day import INTERVALS, NZ, PATIENCE, DaySpec, Followed, conflicts, gaps, overlaps, patience_of, row_of
from .ledger import Ledger, Outcome
from .report import Invariant

# Invariants of what was seen on the wires: who ran and wrote when, and which race was polled when.
#
# Nothing here shares code with the functions that are checked.


#: Inside this window of the New Zealand clock nothing is written.
QUIET = (time(1), time(6))
#: When the daily functions start, UTC, on the date before the New Zealand one; and their longest run.
DAILY = {"daily-meetings": time(19), "daily-races": time(20), "daily-initial-data": time(20, 30)}
LONGEST_DAILY = timedelta(minutes=14)
#: Seconds from a poll to its commit: the answer, with retries that are not too long, and the transaction.
WRITING = 15.0


def daily_runs_worked(lived: DayResult) -> tuple[int, Violations]:
    """Each daily function comes to its end; the quiet window stops none, whatever the offset of the day."""
    due = [name for name, start in DAILY.items() if _daily_start(lived, start) + LONGEST_DAILY <= lived.wanted.end]
    executions = [each for each in lived.ledger.executions.values() if each.function in DAILY]

    def stopped() -> Violations:
        done = set[str]()
        for each in executions:
            outcomes = [event.get("outcome") for event in each.events if event.get("event") == "run.summary"]
            if outcomes == ["done"]:
                done.add(each.function)
            elif each.outcome is not Outcome.REFUSED:
                yield f"{each.function} of {clock(each.start)}: {', '.join(map(str, outcomes)) or 'no summary'}"
        yield from (f"{name} never came to its end" for name in due if name not in done)

    return max(len(due), len(executions)), stopped()


def polled_as_demanded(lived: DayResult) -> tuple[int, Violations]:
    demanded, found = 0, list[str]()
    begin, end = lived.opening.timestamp(), lived.wanted.end.timestamp()
    for race in lived.day.imported:
        followed = Followed(race.id, race.start.timestamp(), lived.polls_of(race.id), lived.statuses_of(race.id))
        count, late = gaps(followed, begin, end)
        demanded += count
        found += [f"{gap.race} ({gap.row}) was due for {gap.seconds:.0f} s from {clock(gap.since)}" for gap in late]
    return demanded, iter(found)


def changes_stored_soon(lived: DayResult) -> tuple[int, Violations]:
    """A status that upstream shows until the next poll that the table demands, is stored then."""
    checked, late = 0, list[str]()
    for race in lived.day.imported:
        written = lived.statuses_of(race.id)
        for status, instant, limit in _changes(lived, race):
            checked += 1
            if not any(instant <= at <= limit for at, found in written if found == status):
                late.append(f"{race.id} was {status} at {clock(instant)} and not stored as that by {clock(limit)}")
    return checked, iter(late)


def never_polled_twice_at_once(lived: DayResult) -> tuple[int, Violations]:
    by_race: dict[str, list[tuple[float, float]]] = {}
    for poll in lived.ledger.polls:
        by_race.setdefault(poll.race, []).append((poll.begin, poll.end))

    def doubled() -> Violations:
        for race, polls in by_race.items():
            until = float("-inf")
            for begin, end in sorted(polls):
                if begin < until:
                    yield f"{race} was requested twice at {clock(begin)}"
                until = max(until, end)

    return len(lived.ledger.polls), doubled()


def one_writer(lived: DayResult) -> tuple[int, Violations]:
    """No write by a run that does not own its lock, or without its fence; no two runs of one function at once."""

    def found() -> Violations:
        for what in lived.ledger.unowned:
            yield f"wrote without its lock: {what}"
        for what in lived.ledger.unfenced:
            yield f"wrote without its fence: {what}"
        for clash in overlaps(lived.ledger.runs()):
            yield f"two runs of {clash.first.function} at {clock(clash.begin)}"

    return lived.ledger.writes, found()


def no_conflicts(lived: DayResult) -> tuple[int, Violations]:
    runs = lived.ledger.runs()

    def found() -> Violations:
        for clash in conflicts(runs):
            yield f"{clash.first.function} and {clash.second.function} on {clash.subject} at {clock(clash.begin)}"

    return sum(len(run.races) for run in runs), found()


def quiet_window(lived: DayResult) -> tuple[int, Violations]:
    def loud() -> Violations:
        for each in lived.ledger.executions.values():
            if each.wrote is not None and (_is_quiet(each.wrote[0]) or _is_quiet(each.wrote[1])):
                yield f"{each.function} wrote at {clock(each.wrote[1])}"

    return len(lived.ledger.executions), loud()


def none_killed(lived: DayResult) -> tuple[int, Violations]:
    """No run is cut off by its timeout, or still at work when its lock has expired."""

    def late() -> Violations:
        for each in lived.ledger.executions.values():
            end = lived.wanted.end.timestamp() if each.end is None else each.end
            if each.outcome is Outcome.KILLED:
                yield f"{each.function} of {clock(each.start)} was killed by its timeout"
            elif each.expiry is not None and end - each.start > each.expiry:
                yield f"{each.function} of {clock(each.start)} lived for {end - each.start:.0f} s, longer than its lock"

    return len(lived.ledger.executions), late()


def none_failed(lived: DayResult) -> tuple[int, Violations]:
    """Upstream and server do nothing wrong on this day, so nothing is a reason to fail."""

    def failed() -> Violations:
        for each in lived.ledger.executions.values():
            if each.outcome is Outcome.FAILED:
                yield f"{each.function} of {clock(each.start)} failed"

    return len(lived.ledger.executions), failed()


def _changes(lived: DayResult, race: Race) -> Iterator[tuple[str, float, float]]:
    """The changes of status that must be seen: into what, when, and until when it must be stored."""
    changes = [(instant.timestamp(), status) for instant, status in race.timeline.changes]
    before, end = "Open", lived.wanted.end.timestamp()
    for number, (instant, status) in enumerate(changes):
        row = row_of(race.start.timestamp(), before, instant)
        limit = instant + INTERVALS[row] + patience_of(row) + WRITING
        following = changes[number + 1][0] if number + 1 < len(changes) else end
        if instant >= lived.opening.timestamp() and limit <= min(following, end):
            yield status, instant, limit
        before = status


def _daily_start(lived: DayResult, start: time) -> datetime:
    return datetime.combine(lived.wanted.day - timedelta(days=1), start, UTC)


def _is_quiet(instant: float) -> bool:
    return QUIET[0] <= datetime.fromtimestamp(instant, NZ).time() < QUIET[1]


# Invariants of what is stored when the day is over, held against what upstream played.
#
# Nothing here shares code with the functions that are checked.


#: Steps of the money-flow timeline, each from so many minutes before the start to the one before it.
BUCKETS = (*range(60, 0, -5), 4, 3, 2, 1, 0)


def card_is_imported(lived: DayResult) -> tuple[int, Violations]:
    """Every race, with every runner that upstream lists. On a day that ends before the import there is no card yet."""
    imported = datetime.combine(lived.wanted.day - timedelta(days=1), DAILY["daily-races"], UTC) + LONGEST_DAILY
    races = lived.day.imported if imported <= lived.wanted.end else ()

    def missing() -> Violations:
        for race in races:
            if race.id not in lived.stored.races:
                yield f"race {race.id} is not stored"
                continue
            stored = {str(each["$id"]) for each in lived.stored.entrants.get(race.id, ())}
            absent = _field(event_at(race, race.start)) - stored
            if absent:
                yield f"race {race.id} lacks {len(absent)} entrants"

    return len(races), missing()


def buckets_complete(lived: DayResult) -> tuple[int, Violations]:
    """From the opening on, as long as a race is not abandoned, each step has each runner."""
    checked, missing = 0, list[str]()
    for race in lived.ended():
        expected = runners_in_the_market(race)
        found: dict[int, set[str]] = {}
        for each in lived.stored.money_flow.get(race.id, ()):
            found.setdefault(int(each["timeInterval"]), set()).add(str(each["entrantId"]))
        for bucket in BUCKETS:
            end = race.start - timedelta(minutes=bucket)
            if end < lived.opening + timedelta(seconds=PATIENCE) or _is_void(race, end):
                continue
            checked += max(1, len(expected))
            absent = expected - found.get(bucket, set())
            missing += [f"{race.id}: no bucket {bucket} of {entrant}" for entrant in sorted(absent)]
            if not expected:
                missing.append(f"{race.id}: upstream has no runners, which cannot be")
    return checked, iter(missing)


def buckets_once(lived: DayResult) -> tuple[int, Violations]:
    documents = [each for found in lived.stored.money_flow.values() for each in found]

    def doubled() -> Violations:
        seen: set[tuple[str, int, str]] = set()
        for each in documents:
            key = (str(each["entrantId"]), int(each["timeInterval"]), str(each["type"]))
            if key in seen:
                yield f"bucket {key[1]} of {key[0]} is stored twice"
            seen.add(key)

    return len(documents), doubled()


def odds_once(lived: DayResult) -> tuple[int, Violations]:
    """Odds have a history of their changes only."""
    repeated = lived.stored.odds_repeated
    return lived.stored.odds, iter([f"{repeated} odds repeat the value before"] if repeated else [])


def status_is_upstreams(lived: DayResult) -> tuple[int, Violations]:
    races = list(lived.ended())
    return len(races), (problem for race in races if (problem := _wrong_status(lived, race)))


def midnight(lived: DayResult) -> tuple[int, Violations]:
    """Races that were still under way at midnight are polled until they end."""
    begin = datetime.combine(lived.wanted.day + timedelta(days=1), time(), NZ).astimezone(UTC)
    races = [race for race in lived.ended() if race.timeline.ended >= begin]
    return len(races), (f"lost at midnight: {problem}" for race in races if (problem := _wrong_status(lived, race)))


def results_complete(lived: DayResult) -> tuple[int, Violations]:
    """One document a race that says final, with each placing and each dividend as upstream has it."""
    races = [race for race in lived.ended() if race.timeline.abandoned is None]

    def wrong() -> Violations:
        for race in races:
            stored = lived.stored.results.get(race.id, ())
            if len(stored) != 1:
                yield f"race {race.id} has {len(stored) or 'no'} results"
            else:
                yield from _wrong_results(lived, race, stored[0])

    return len(races), wrong()


def pools_final(lived: DayResult) -> tuple[int, Violations]:
    """The totals that upstream has when a race is over, in cents."""
    races = [race for race in lived.ended() if race.timeline.abandoned is None]

    def wrong() -> Violations:
        for race in races:
            pools = event_at(race, lived.wanted.end)["tote_pools"] or ()
            totals = {each["product_type"]: each["total"] for each in pools}
            stored = lived.stored.pools.get(race.id, ())
            for kind, attribute in (("Win", "winPoolTotal"), ("Place", "placePoolTotal")):
                cents = round(totals.get(kind, 0) * 100)
                if [each[attribute] for each in stored] != [cents] and (cents or stored):
                    found = ", ".join(str(each[attribute]) for each in stored) or "missing"
                    yield f"race {race.id}: {attribute} is {found}, upstream has {cents}"

    return len(races), wrong()


def runners_in_the_market(race: Race) -> set[str]:
    """Runners that the money tracker has, an hour before the start and at the last instant before the race is run."""
    last = min(race.timeline.jump, race.timeline.ended - timedelta(seconds=1))
    tracked = [
        {str(each["entrant_id"]) for each in event["money_tracker"]["entrants"]} & _field(event)
        for event in (event_at(race, instant) for instant in (race.start - timedelta(minutes=61), last))
    ]
    return tracked[0] & tracked[1]


def _field(event: Mapping[str, Any]) -> set[str]:
    return {str(each["entrant_id"]) for each in event["runners"]}


def _is_void(race: Race, instant: datetime) -> bool:
    return race.timeline.abandoned is not None and race.timeline.abandoned <= instant


def _wrong_status(lived: DayResult, race: Race) -> str | None:
    stored = lived.stored.races.get(race.id)
    status = race.timeline.status_at(lived.wanted.end)
    if stored is not None and stored["status"] == status:
        return None
    return f"race {race.id} is {'missing' if stored is None else stored['status']}, upstream says {status}"


def _wrong_results(lived: DayResult, race: Race, stored: Mapping[str, Any]) -> Violations:
    truth = event_at(race, lived.wanted.end)
    if stored["resultStatus"] != "final":
        yield f"results of race {race.id} are {stored['resultStatus']}"
    for what, attribute in (("results", "resultsData"), ("dividends", "dividendsData")):
        rows = json.loads(stored[attribute] or "[]")
        missing = [each for each in truth[what] if each not in rows]
        if missing or len(rows) != len(truth[what]):
            right = len(truth[what]) - len(missing)
            yield f"{what} of race {race.id}: {len(rows)} are stored, {right} of {len(truth[what])} are right"


# What a day left in the database, by what it is looked up by.


Document = Mapping[str, Any]
#: All documents of a collection.
Read = Callable[[str], Iterable[Document]]


@dataclass(frozen=True)
class Stored:
    """Race documents by id, and what belongs to each race. Nothing is left out: what should be there once may be
    there twice."""

    races: Mapping[str, Document]
    entrants: Mapping[str, tuple[Document, ...]]
    results: Mapping[str, tuple[Document, ...]]
    pools: Mapping[str, tuple[Document, ...]]
    money_flow: Mapping[str, tuple[Document, ...]]
    odds: int
    #: Odds that say the same as the ones before them of the same runner and type.
    odds_repeated: int

    @classmethod
    def read(cls, read: Read) -> Stored:
        odds, repeated = _odds(read("odds-history"))
        return cls(
            races={str(each["$id"]): each for each in read("races")},
            entrants=_grouped(read("entrants")),
            results=_grouped(read("race-results")),
            pools=_grouped(read("race-pools")),
            money_flow=_grouped(read("money-flow-history")),
            odds=odds,
            odds_repeated=repeated,
        )


def _grouped(documents: Iterable[Document]) -> dict[str, tuple[Document, ...]]:
    groups: dict[str, list[Document]] = {}
    for each in documents:
        groups.setdefault(str(each["raceId"]), []).append(each)
    return {race: tuple(found) for race, found in groups.items()}


def _odds(documents: Iterable[Document]) -> tuple[int, int]:
    """How many there are, and how many of them repeat what was known."""
    rows: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for each in documents:
        rows.setdefault((_related(each["entrant"]), each["type"]), []).append((each["eventTimestamp"], each["odds"]))
    histories = [sorted(each) for each in rows.values()]
    repeated = sum(one[1] == other[1] for history in histories for one, other in pairwise(history))
    return sum(map(len, histories)), repeated


def _related(value: Any) -> str:
    """A relationship comes as an id, or as the document when it was asked for."""
    return str(value["$id"]) if isinstance(value, Mapping) else str(value)


# All there is to check a day by, and which races can be checked by its end.
#
# The truth is the player's day: it knows when each race changed and what it paid.


#: Polling begins at this time of the New Zealand clock.
OPENING = time(9)
#: A race that ended this long before the end of the day has everything stored: results, and dividends that came late.
SETTLED_AFTER = timedelta(minutes=6)
POLLER = "enhanced-race-poller"

#: What is wrong, one sentence each.
Violations = Iterator[str]


@dataclass(frozen=True)
class DayResult:
    """One day: what was wanted, what was played, what was seen on the wires, and what is stored in the end."""

    wanted: DaySpec
    day: Day
    ledger: Ledger
    stored: Stored

    @property
    def opening(self) -> datetime:
        return datetime.combine(self.wanted.day, OPENING, NZ).astimezone(UTC)

    @property
    def is_whole(self) -> bool:
        """Whether it was lived to its end, so that there was something of everything."""
        return self.wanted.until is None

    def ended(self, slack: timedelta = SETTLED_AFTER) -> Iterator[Race]:
        """Races whose end, dividends included, came early enough before the end of the day to be stored. Of races
        that were run before polling began nobody could have seen the end."""
        for race in self.day.imported:
            line = race.timeline
            last = max(line.ended, line.dividends if line.abandoned is None else race.start)
            if last + slack <= self.wanted.end and last > self.opening:
                yield race

    def polls_of(self, race: str) -> list[float]:
        """When the poller asked for it, in order."""
        return sorted(each.begin for each in self.ledger.polls if each.race == race and each.function == POLLER)

    def statuses_of(self, race: str) -> list[tuple[float, str]]:
        """From when on its document had which status, in order."""
        return sorted((each.at, each.status) for each in self.ledger.statuses if each.race == race)


Check = Callable[[DayResult], tuple[int, Violations]]


def clock(instant: float) -> str:
    """An instant on the New Zealand clock."""
    return f"{datetime.fromtimestamp(instant, NZ):%H:%M:%S}"


#: In the order in which a reader would ask for them.
CHECKS: dict[str, Check] = {
    "the whole card is imported": card_is_imported,
    "the daily runs do their work": daily_runs_worked,
    "every race is polled as its table demands": polled_as_demanded,
    "every change of status is stored soon": changes_stored_soon,
    "no race is polled twice at once": never_polled_twice_at_once,
    "no two writers": one_writer,
    "no two runs on one race": no_conflicts,
    "every bucket has every runner": buckets_complete,
    "no bucket twice": buckets_once,
    "odds are stored on change only": odds_once,
    "every race ends as upstream": status_is_upstreams,
    "results and dividends are complete": results_complete,
    "pools are stored with their final totals": pools_final,
    "nothing is lost at midnight": midnight,
    "nothing is written in the quiet window": quiet_window,
    "no run is killed or outlives its lock": none_killed,
    "no run fails": none_failed,
}
#: Not every day has a race under way at midnight.
MAY_BE_EMPTY = frozenset({"nothing is lost at midnight"})


def check_all(lived: DayResult) -> tuple[Invariant, ...]:
    """All invariants."""
    return tuple(_checked(name, check, lived) for name, check in CHECKS.items())


def _checked(name: str, check: Check, lived: DayResult) -> Invariant:
    checked, violations = check(lived)
    found = tuple(violations)
    if not checked and not found and lived.is_whole and name not in MAY_BE_EMPTY:
        found = ("nothing to check on a whole day",)
    return Invariant(name, checked, len(found), found)

"""A made-up day on which everything was done right, from which a test takes one thing away."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

from raceday_iac.raceday.nztab.events import event_at
from raceday_iac.raceday.nztab.model import Day, Meeting, MeetingFacts, Race, Steps, Timeline
from raceday_iac.raceday.simulation.checks import BUCKETS, DayResult, Stored, check_all, runners_in_the_market
from raceday_iac.raceday.simulation.day import INTERVALS, NZ, DaySpec, row_of
from raceday_iac.raceday.simulation.ledger import Execution, Ledger, Outcome

DATE = date(2025, 7, 17)
POLLER = "enhanced-race-poller"
FACTS = MeetingFacts("m1", "Te Rapa", DATE, "T", "NZ", "NZ", tote=1, tote_day=DATE)

#: By id: the usual race, one that is abandoned, and one that is under way at midnight.
USUAL, VOID, LATE = "usual", "void", "late"


def at(hour: int, minute: int = 0, second: float = 0, day: date = DATE) -> float:
    """An instant on the New Zealand clock of the day; hours beyond 23 are those of the next."""
    wall = datetime.combine(day, time(), NZ) + timedelta(hours=hour, minutes=minute, seconds=second)
    return wall.timestamp()


def instant(*clock: float) -> datetime:
    return datetime.fromtimestamp(at(*clock), UTC)  # type: ignore[arg-type]


def race(name: str, start: datetime, *, abandoned: datetime | None = None, dividends_late: float = 0) -> Race:
    jump, interim, final = (start + timedelta(seconds=each) for each in (40, 200, 440))
    line = Timeline(start, jump, interim, final, final + timedelta(seconds=dividends_late), abandoned)
    return Race(name, 1, f"{name} stakes", 1200, FACTS, line, Steps("Good4"), Steps("Fine"), seed=1)


@cache
def the_day() -> Day:
    races = (
        race(USUAL, instant(11, 45), dividends_late=100),
        race(VOID, instant(12, 30), abandoned=instant(12, 10)),
        race(LATE, instant(23, 57)),
    )
    return Day(DATE, 1, (Meeting(FACTS, races, Steps("Good4")),))


WANTED = DaySpec(DATE)


@cache
def polls_of(race: Race) -> tuple[float, ...]:
    """One early, then each in the second in which it is due, by a poller that knows the truth an instant later."""
    polls, now, end = [at(8, 31)], at(9), WANTED.end.timestamp()
    while now <= end:
        # Of a change during the wait for a poll nobody knows before that poll.
        row = row_of(race.start.timestamp(), status_known(race, polls[-1]), now)
        if row == "terminal":
            break
        if now - polls[-1] >= INTERVALS[row]:
            polls.append(now)
        now += 1
    return (*polls, polls[-1] + 150)


def status_known(race: Race, polled: float) -> str:
    return race.timeline.status_at(datetime.fromtimestamp(polled, UTC))


def right_ledger() -> Ledger:
    """Every poll by a run of its own minute, every change written with it."""
    ledger = Ledger()
    for name, clock in (("daily-meetings", at(7)), ("daily-races", at(8)), ("daily-initial-data", at(8, 30))):
        begin(ledger, name, clock)
        end(ledger, name, clock + 20, summary("done"))
    everything = [(poll, each) for each in the_day().imported for poll in polls_of(each)]
    everything.sort(key=lambda item: item[0])
    minutes = sorted({poll // 60 for poll, _ in everything})
    for minute in minutes:
        begin(ledger, f"{POLLER}-{minute:.0f}", minute * 60, POLLER)
    before: dict[str, str] = {}
    for poll, each in everything:
        poll_race(ledger, ledger.executions[f"{POLLER}-{poll // 60:.0f}"], each, poll, before)
    for minute in minutes:
        end(ledger, f"{POLLER}-{minute:.0f}", minute * 60 + 59.9)
    return ledger


def poll_race(ledger: Ledger, execution: Execution, race: Race, poll: float, before: dict[str, str]) -> None:
    lock = f"{POLLER}-lock"
    ledger.lock_changed(lock, execution.identity)
    ledger.took(execution, race.id, poll)
    ledger.polled(execution, race.id, poll, poll + 0.3)
    ledger.wrote(execution, lock, poll + 0.5, "commit")
    ledger.committed(execution, [race.id], poll + 0.5, poll + 0.6)
    status = status_known(race, poll)
    if before.get(race.id, "Open") != status:
        ledger.status_written(race.id, status, poll + 0.5)
        before[race.id] = status


def begin(ledger: Ledger, identity: str, start: float, function: str = "", expiry: float = 120) -> Execution:
    execution = Execution(identity, function or identity, start, expiry=expiry)
    ledger.begun(execution)
    return execution


def end(ledger: Ledger, identity: str, at: float, logs: str = "", outcome: Outcome = Outcome.COMPLETED) -> None:
    ledger.ended(ledger.executions[identity], at, outcome, logs)


def summary(outcome: str) -> str:
    return json.dumps({"event": "run.summary", "outcome": outcome})


@cache
def right_stored() -> Stored:
    day = the_day()
    return Stored(
        races={each.id: {"$id": each.id, "status": each.timeline.status_at(WANTED.end)} for each in day.imported},
        entrants={each.id: tuple({"$id": runner} for runner in runners(each)) for each in day.imported},
        results={each.id: (results(each),) for each in day.imported if each.timeline.abandoned is None},
        pools={each.id: (pools(each),) for each in day.imported},
        money_flow={each.id: tuple(buckets(each)) for each in day.imported},
        odds=40,
        odds_repeated=0,
    )


def runners(race: Race) -> list[str]:
    return [each["entrant_id"] for each in event_at(race, race.start)["runners"]]


def results(race: Race) -> dict[str, Any]:
    truth = event_at(race, WANTED.end)
    texts = {"resultsData": json.dumps(truth["results"]), "dividendsData": json.dumps(truth["dividends"][::-1])}
    return {"$id": race.id, "raceId": race.id, "resultStatus": "final", **texts}


def pools(race: Race) -> dict[str, Any]:
    totals = {each["product_type"]: each["total"] for each in event_at(race, WANTED.end)["tote_pools"]}
    return {"winPoolTotal": round(totals["Win"] * 100), "placePoolTotal": round(totals["Place"] * 100)}


def buckets(race: Race) -> list[dict[str, Any]]:
    """All steps; of an abandoned race those that were over by then."""
    void = race.timeline.abandoned
    return [
        {"entrantId": runner, "timeInterval": bucket, "type": "bucketed_aggregation"}
        for runner in sorted(runners_in_the_market(race))
        for bucket in BUCKETS
        if void is None or race.start - timedelta(minutes=bucket) < void
    ]


def right_day(**changes: Any) -> DayResult:
    """The day, with other values of `DayResult`."""
    return replace(DayResult(WANTED, the_day(), right_ledger(), right_stored()), **changes)


def stored_with(**changes: Any) -> DayResult:
    """The day, with other documents in the end."""
    return right_day(stored=replace(right_stored(), **changes))


def until(clock: time, **changes: Any) -> DayResult:
    """The day, lived only until this New Zealand time."""
    return right_day(wanted=replace(WANTED, until=clock), **changes)


def violated(lived: DayResult) -> dict[str, tuple[str, ...]]:
    """What did not hold, with the sentences."""
    return {each.name: each.examples for each in check_all(lived) if not each.holds}

"""Each invariant: it holds of a day on which everything was done right, and fails when one thing is not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import time, timedelta
from functools import cache
from typing import Any

import pytest

from raceday_iac.raceday.nztab.model import Day
from raceday_iac.raceday.simulation import checks
from raceday_iac.raceday.simulation.checks import CHECKS, MAY_BE_EMPTY, DayResult, check_all, runners_in_the_market
from raceday_iac.raceday.simulation.day import DaySpec
from raceday_iac.raceday.simulation.ledger import Ledger, Outcome, Poll
from raceday_iac.raceday.simulation.report import Invariant

from .right_day import (
    DATE,
    LATE,
    POLLER,
    USUAL,
    VOID,
    at,
    begin,
    end,
    right_day,
    right_ledger,
    right_stored,
    stored_with,
    summary,
    the_day,
    until,
    violated,
)

DAY = the_day()
usual, void, late = DAY.imported


#: What upstream says of a race at an instant never changes, and takes long to make up.
known_event_at = cache(checks.event_at)


@pytest.fixture(autouse=True)
def _events_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "event_at", known_event_at)


def seen_with(ledger: Ledger) -> DayResult:
    return right_day(ledger=ledger)


def checked(lived: DayResult) -> dict[str, Invariant]:
    return {each.name: each for each in check_all(lived)}


# The right day.


def test_all_invariants_hold_of_the_right_day() -> None:
    assert violated(right_day()) == {}


@pytest.mark.parametrize("name", CHECKS)
def test_each_invariant_has_something_to_check_on_the_right_day(name: str) -> None:
    assert checked(right_day())[name].checked > 0


# Nothing to check.


@pytest.mark.parametrize("name", sorted(CHECKS.keys() - MAY_BE_EMPTY))
def test_nothing_to_check_on_a_whole_day_is_a_violation(name: str) -> None:
    empty = DayResult(DaySpec(DATE), Day(DATE, 1, ()), Ledger(), replace(right_stored(), money_flow={}, odds=0))

    assert name in violated(empty)


def test_on_a_part_of_a_day_there_may_be_nothing_to_check() -> None:
    early = until(time(3), ledger=Ledger(), stored=replace(right_stored(), races={}, entrants={}))

    assert violated(early) == {}


def test_not_every_day_has_a_race_under_way_at_midnight() -> None:
    without = replace(DAY.meetings[0], races=DAY.meetings[0].races[:2])
    found = checked(right_day(day=Day(DATE, 1, (without,))))["nothing is lost at midnight"]

    assert (found.checked, found.holds) == (0, True)


# The card and the daily runs.


def test_a_race_that_is_not_stored_is_missed() -> None:
    races = {name: each for name, each in right_stored().races.items() if name != USUAL}

    assert violated(stored_with(races=races))["the whole card is imported"] == (f"race {USUAL} is not stored",)


def test_a_runner_that_is_not_stored_is_missed() -> None:
    entrants = right_stored().entrants

    found = violated(stored_with(entrants={**entrants, USUAL: entrants[USUAL][1:]}))

    assert found == {"the whole card is imported": (f"race {USUAL} lacks 1 entrants",)}


@pytest.mark.parametrize("function", ["daily-meetings", "daily-races", "daily-initial-data"])
def test_a_daily_function_that_never_ran_is_missed(function: str) -> None:
    ledger = right_ledger()
    del ledger.executions[function]

    assert violated(seen_with(ledger)) == {"the daily runs do their work": (f"{function} never came to its end",)}


def test_a_daily_run_that_was_stopped_is_found() -> None:
    ledger = right_ledger()
    begin(ledger, "again", at(9, 30), "daily-races")
    end(ledger, "again", at(9, 31), summary("stopped"))

    assert violated(seen_with(ledger)) == {"the daily runs do their work": ("daily-races of 09:30:00: stopped",)}


def test_a_daily_run_without_a_summary_is_found() -> None:
    ledger = right_ledger()
    end(ledger, "daily-races", at(8, 1))

    assert "daily-races of 08:00:00: no summary" in violated(seen_with(ledger))["the daily runs do their work"]


def test_a_refused_daily_run_need_not_do_any_work() -> None:
    ledger = right_ledger()
    begin(ledger, "again", at(9, 30), "daily-races")
    end(ledger, "again", at(9, 30, 0.1), '{"event":"lock.refused","checkMs":2}')

    assert violated(seen_with(ledger)) == {}


# Polls.


def test_a_race_whose_polls_near_the_start_are_missing_is_found() -> None:
    ledger = right_ledger()
    quiet = (at(11, 40, 10), at(11, 41, 20))
    ledger.polls = [each for each in ledger.polls if each.race != USUAL or not quiet[0] < each.begin < quiet[1]]

    (found,) = violated(seen_with(ledger))["every race is polled as its table demands"]

    assert found.startswith(f"{USUAL} (critical) was due for")


def test_polls_of_other_functions_are_none_of_the_poller() -> None:
    ledger = right_ledger()
    ledger.polls = [replace(each, function="daily-races") for each in ledger.polls]

    assert len(violated(seen_with(ledger))["every race is polled as its table demands"]) >= 3


def test_a_race_asked_for_twice_at_once_is_found() -> None:
    ledger = right_ledger()
    first = ledger.polls[0]
    ledger.polls.append(Poll("x", POLLER, first.race, first.begin + 0.1, first.end))

    assert len(violated(seen_with(ledger))["no race is polled twice at once"]) == 1


def test_a_long_poll_meets_each_of_the_short_ones_within_it() -> None:
    ledger = right_ledger()
    noon = at(13)
    ledger.polls += [Poll("x", "f", "r", noon + begun, noon + ended) for begun, ended in ((0, 9), (1, 2), (3, 4))]

    assert len(violated(seen_with(ledger))["no race is polled twice at once"]) == 2


def test_polls_that_follow_each_other_are_not_at_once() -> None:
    ledger = right_ledger()
    first = ledger.polls[0]
    ledger.polls.append(Poll("x", POLLER, first.race, first.end, first.end + 1))

    assert violated(seen_with(ledger)) == {}


def test_a_status_that_was_never_stored_is_missed() -> None:
    ledger = right_ledger()
    ledger.statuses = [each for each in ledger.statuses if (each.race, each.status) != (USUAL, "Interim")]

    (found,) = violated(seen_with(ledger))["every change of status is stored soon"]

    assert found == f"{USUAL} was Interim at 11:48:20 and not stored as that by 11:49:15"


def test_a_status_that_was_stored_hours_later_is_late() -> None:
    ledger = right_ledger()
    ledger.statuses = [
        replace(each, at=each.at + 7200) if (each.race, each.status) == (USUAL, "Final") else each
        for each in ledger.statuses
    ]

    assert len(violated(seen_with(ledger))["every change of status is stored soon"]) == 1


def test_a_status_that_upstream_shows_for_an_instant_need_not_be_seen() -> None:
    """Declared void a second after the jump: nobody can be asked to have stored that it was closed."""
    line = replace(usual.timeline, abandoned=usual.timeline.jump + timedelta(seconds=1))
    day = Day(DATE, 1, (replace(DAY.meetings[0], races=(replace(usual, timeline=line),)),))
    ledger = right_ledger()
    ledger.statuses = [
        replace(each, status="Abandoned", at=line.ended.timestamp() + 20)
        for each in ledger.statuses
        if (each.race, each.status) == (USUAL, "Final")
    ]

    assert checked(right_day(day=day, ledger=ledger))["every change of status is stored soon"].violations == 0


# Writers.


def test_a_write_without_the_lock_is_found() -> None:
    ledger = right_ledger()
    intruder = begin(ledger, "intruder", at(13), "meeting-status-poller")
    ledger.wrote(intruder, f"{POLLER}-lock", at(13, 0, 1), "PATCH races")
    end(ledger, "intruder", at(13, 0, 2))

    assert violated(seen_with(ledger)) == {
        "no two writers": ("wrote without its lock: meeting-status-poller intruder: PATCH races",)
    }


def test_two_runs_of_one_function_at_once_are_found() -> None:
    ledger = right_ledger()
    for name, start in (("one", at(13)), ("two", at(13, 0, 5))):
        begin(ledger, name, start, "meeting-status-poller")
        end(ledger, name, start + 10)

    assert violated(seen_with(ledger)) == {"no two writers": ("two runs of meeting-status-poller at 13:00:05",)}


def test_a_refused_run_is_no_second_writer() -> None:
    ledger = right_ledger()
    for name, start, logs in (("one", at(13), ""), ("two", at(13, 0, 5), '{"event":"lock.refused","checkMs":1}')):
        begin(ledger, name, start, "meeting-status-poller")
        end(ledger, name, start + 10, logs)

    assert violated(seen_with(ledger)) == {}


def test_two_functions_at_one_race_at_once_are_found() -> None:
    ledger = right_ledger()
    for name, start in (("daily-races", at(13)), ("meeting-status-poller", at(13, 0, 5))):
        execution = begin(ledger, f"{name} at one", start, name)
        ledger.took(execution, "r", start)
        end(ledger, execution.identity, start + 10, summary("done"))

    assert violated(seen_with(ledger)) == {
        "no two runs on one race": ("daily-races and meeting-status-poller on r at 13:00:05",)
    }


# Money flow, odds and pools.


def test_a_missing_bucket_of_one_runner_is_found() -> None:
    flow = right_stored().money_flow
    gone = next(each for each in flow[USUAL] if each["timeInterval"] == 3)

    found = violated(stored_with(money_flow={**flow, USUAL: tuple(each for each in flow[USUAL] if each is not gone)}))

    assert found == {"every bucket has every runner": (f"{USUAL}: no bucket 3 of {gone['entrantId']}",)}


def test_a_race_without_any_bucket_is_found_whenever_it_was_first_polled() -> None:
    flow = right_stored().money_flow
    ledger = right_ledger()
    ledger.polls = [each for each in ledger.polls if each.race != USUAL]

    found = checked(right_day(ledger=ledger, stored=replace(right_stored(), money_flow={**flow, USUAL: ()})))

    assert found["every bucket has every runner"].violations == 17 * len(runners_in_the_market(usual))


@pytest.mark.parametrize(("bucket", "is_demanded"), [(25, True), (20, False), (0, False)])
def test_of_an_abandoned_race_the_buckets_until_then_are_demanded(bucket: int, is_demanded: bool) -> None:
    """It starts at 12:30 and is abandoned at 12:10, at the instant in which bucket 20 would have ended."""
    flow = right_stored().money_flow
    kept = tuple(each for each in flow[VOID] if each["timeInterval"] != bucket)

    found = "every bucket has every runner" in violated(stored_with(money_flow={**flow, VOID: kept}))

    assert found == is_demanded


def test_a_bucket_twice_is_found() -> None:
    flow = right_stored().money_flow

    found = violated(stored_with(money_flow={**flow, USUAL: (*flow[USUAL], dict(flow[USUAL][0]))}))

    assert list(found) == ["no bucket twice"]


def test_odds_that_repeat_what_was_known_are_found() -> None:
    assert violated(stored_with(odds_repeated=2)) == {
        "odds are stored on change only": ("2 odds repeat the value before",)
    }


@pytest.mark.parametrize("attribute", ["winPoolTotal", "placePoolTotal"])
def test_a_pool_that_was_not_looked_at_in_the_end_is_found(attribute: str) -> None:
    pools = right_stored().pools
    early = {**pools[USUAL][0], attribute: 1}

    assert list(violated(stored_with(pools={**pools, USUAL: (early,)}))) == ["pools are stored with their final totals"]


def test_missing_pools_are_found() -> None:
    found = violated(stored_with(pools={**right_stored().pools, USUAL: ()}))

    assert "winPoolTotal is missing" in found["pools are stored with their final totals"][0]


# How races end.


def test_a_race_that_does_not_end_as_upstream_is_found() -> None:
    races = right_stored().races

    assert violated(stored_with(races={**races, VOID: {"$id": VOID, "status": "Open"}})) == {
        "every race ends as upstream": (f"race {VOID} is Open, upstream says Abandoned",)
    }


def test_a_race_abandoned_before_polling_began_must_end_as_abandoned_too() -> None:
    line = replace(void.timeline, abandoned=DAY.races[0].start - timedelta(hours=4))
    day = Day(DATE, 1, (replace(DAY.meetings[0], races=(replace(void, timeline=line),)),))
    races = {VOID: {"$id": VOID, "status": "Open"}}

    assert "every race ends as upstream" in violated(right_day(day=day, stored=replace(right_stored(), races=races)))


def test_a_race_that_was_lost_at_midnight_is_found() -> None:
    races = right_stored().races

    found = violated(stored_with(races={**races, LATE: {"$id": LATE, "status": "Closed"}}))

    assert found["nothing is lost at midnight"] == (f"lost at midnight: race {LATE} is Closed, upstream says Final",)


def test_a_race_whose_end_is_too_near_to_the_end_of_the_day_is_not_checked() -> None:
    """Dividends of the usual race come 9 minutes after 11:45; six minutes later they must be there."""
    races: dict[str, Any] = {**right_stored().races, USUAL: {"$id": USUAL, "status": "Closed"}}
    stored = replace(right_stored(), races=races)

    assert "every race ends as upstream" not in violated(until(time(11, 59), stored=stored))
    assert "every race ends as upstream" in violated(until(time(12, 1), stored=stored))


# Results.


def results_with(**changes: Any) -> dict[str, tuple[str, ...]]:
    results = right_stored().results
    return violated(stored_with(results={**results, USUAL: ({**results[USUAL][0], **changes},)}))


def test_missing_results_are_found() -> None:
    results = {LATE: right_stored().results[LATE]}

    assert violated(stored_with(results=results)) == {
        "results and dividends are complete": (f"race {USUAL} has no results",)
    }


def test_results_that_are_stored_twice_are_found() -> None:
    results = right_stored().results

    found = violated(stored_with(results={**results, USUAL: results[USUAL] * 2}))

    assert found == {"results and dividends are complete": (f"race {USUAL} has 2 results",)}


def test_results_that_stayed_interim_are_found() -> None:
    assert list(results_with(resultStatus="interim")) == ["results and dividends are complete"]


@pytest.mark.parametrize("attribute", ["resultsData", "dividendsData"])
def test_a_placing_or_a_dividend_that_is_missing_is_found(attribute: str) -> None:
    rows = json.loads(right_stored().results[USUAL][0][attribute])

    assert list(results_with(**{attribute: json.dumps(rows[1:])})) == ["results and dividends are complete"]


def test_a_dividend_with_another_amount_is_found() -> None:
    rows = json.loads(right_stored().results[USUAL][0]["dividendsData"])
    rows[0]["dividend"] += 1

    (found,) = results_with(dividendsData=json.dumps(rows))["results and dividends are complete"]

    assert found == f"dividends of race {USUAL}: {len(rows)} are stored, {len(rows) - 1} of {len(rows)} are right"


def test_no_data_at_all_is_found() -> None:
    assert len(results_with(resultsData=None, dividendsData=None)["results and dividends are complete"]) == 2


# Runs.


@pytest.mark.parametrize(("hour", "minute", "is_loud"), [(0, 59, False), (1, 0, True), (5, 59, True), (6, 0, False)])
def test_a_write_in_the_quiet_window_is_found(hour: int, minute: int, is_loud: bool) -> None:
    ledger = right_ledger()
    execution = begin(ledger, "nightly", at(hour, minute), "meeting-status-poller")
    ledger.lock_changed("l", "nightly")
    ledger.wrote(execution, "l", at(hour, minute), "PATCH meetings")
    end(ledger, "nightly", at(hour, minute, 1))

    assert ("nothing is written in the quiet window" in violated(seen_with(ledger))) == is_loud


def test_a_run_that_began_before_the_quiet_window_must_not_write_in_it_either() -> None:
    ledger = right_ledger()
    execution = begin(ledger, "nightly", at(24, 59, 50), "meeting-status-poller")
    ledger.lock_changed("l", "nightly")
    for instant in (at(24, 59, 55), at(25, 0, 5)):
        ledger.wrote(execution, "l", instant, "PATCH meetings")
    end(ledger, "nightly", at(25, 0, 6))

    assert list(violated(seen_with(ledger))) == ["nothing is written in the quiet window"]


def test_a_killed_run_is_found() -> None:
    ledger = right_ledger()
    begin(ledger, "slow", at(13), "meeting-status-poller", expiry=270)
    end(ledger, "slow", at(13, 5), outcome=Outcome.KILLED)

    assert violated(seen_with(ledger)) == {
        "no run is killed or outlives its lock": ("meeting-status-poller of 13:00:00 was killed by its timeout",)
    }


@pytest.mark.parametrize(("seconds", "is_late"), [(270, False), (271, True)])
def test_a_run_that_outlives_its_lock_is_found(seconds: int, is_late: bool) -> None:
    ledger = right_ledger()
    begin(ledger, "slow", at(13), "meeting-status-poller", expiry=270)
    end(ledger, "slow", at(13) + seconds)

    assert ("no run is killed or outlives its lock" in violated(seen_with(ledger))) == is_late


def test_a_run_that_never_ended_is_found() -> None:
    ledger = right_ledger()
    begin(ledger, "lost", at(13), "meeting-status-poller", expiry=270)

    assert list(violated(seen_with(ledger))) == ["no run is killed or outlives its lock"]


def test_a_failed_run_is_found() -> None:
    ledger = right_ledger()
    begin(ledger, "bad", at(13), "meeting-status-poller")
    end(ledger, "bad", at(13, 0, 1), outcome=Outcome.FAILED)

    assert violated(seen_with(ledger)) == {"no run fails": ("meeting-status-poller of 13:00:00 failed",)}

"""From a lived day to its report: the numbers that neither the ledger nor the legacy model has by itself."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, time, timedelta
from functools import cache

import pytest

from raceday_iac.raceday.cli.simulate import (
    assumptions,
    legacy_card,
    report_of,
    saved_by_refusing,
    status_delays,
    wanted_options,
)
from raceday_iac.raceday.simulation.day import DaySpec
from raceday_iac.raceday.simulation.ledger import Execution, Ledger, Outcome, StatusWrite
from raceday_iac.raceday.simulation.legacy import ASSUMPTIONS
from raceday_iac.raceday.simulation.report import DayReport
from raceday_iac.raceday.simulation.virtual_time import Latencies

from .right_day import DATE, LATE, USUAL, VOID, begin, right_day, right_ledger, the_day

DAY = the_day()
usual, void, late = DAY.imported
NAMES = (USUAL, VOID, LATE)


@cache
def the_report() -> DayReport:
    return report_of(right_day(), {"locks": True})


# The report.


def test_the_report_has_all_that_was_promised_and_can_be_sent_as_json() -> None:
    sent = json.loads(json.dumps(the_report().to_json()))

    assert sent["executions"]["enhanced-race-poller"]["count"] > 0
    for name in ("overlaps", "conflicts"):
        assert sent[name].keys() >= {"legacy", "with_locks", "reduction"}
    assert sent["appwrite_requests"].keys() >= {"total", "by_function"}
    assert sent["lock_latency_ms"].keys() >= {"p50", "p95", "p99"}
    assert all(each.keys() >= {"name", "checked", "violations"} for each in sent["invariants"])
    assert sent["violations"] == 0


def test_the_report_is_of_the_day_that_was_wanted() -> None:
    report = the_report()

    assert (report.day, report.seed, report.races) == ("2025-07-17", 1, 3)
    assert report.end - report.begin == 25 * 3600
    assert report.race_starts == tuple(each.start.timestamp() for each in DAY.imported)
    assert report.options == {"locks": True}


def test_every_poll_is_in_some_phase_those_from_the_end_on_in_settling() -> None:
    """Of each race the poll that finds its end, and the one after it."""
    report = the_report()

    assert report.polls.total == len(right_ledger().polls)
    assert report.polls.by_phase["settling"] == 6
    assert "terminal" not in report.polls.by_phase
    assert report.polls.per_race_mean == report.polls.total / 3


def test_the_legacy_model_lives_through_the_same_card() -> None:
    report = the_report()

    assert {each.subject for run in report.legacy_runs for each in run.races} >= set(NAMES)
    assert report.legacy_polls.total > 0
    assert report.assumptions[:-1] == ASSUMPTIONS


def test_what_violates_an_invariant_is_in_the_report() -> None:
    ledger = right_ledger()
    begin(ledger, "lost", DAY.imported[0].start.timestamp(), "meeting-status-poller")

    report = report_of(right_day(ledger=ledger), {})

    assert report.violations == 1


# From change to database.


def with_statuses(*writes: StatusWrite) -> list[float]:
    ledger = Ledger()
    ledger.statuses = list(writes)
    return status_delays(DAY, ledger)


def written(name: str, status: str, delay: float) -> StatusWrite:
    race = DAY.race(name)
    assert race is not None
    change = next(instant for instant, each in race.timeline.changes if each == status)
    return StatusWrite(name, status, change.timestamp() + delay)


def test_the_delay_of_a_status_is_from_its_change_to_its_first_commit() -> None:
    assert with_statuses(written(USUAL, "Closed", 20), written(USUAL, "Closed", 8)) == [8]


def test_delays_are_of_all_races_and_changes() -> None:
    listed = with_statuses(written(USUAL, "Closed", 8), written(USUAL, "Final", 20), written(VOID, "Abandoned", 60))

    assert sorted(listed) == [8, 20, 60]


def test_a_change_that_nobody_saw_has_no_delay() -> None:
    """That it was not seen is for the invariants to find."""
    assert with_statuses() == []


def test_a_status_that_was_there_before_its_change_has_no_delay() -> None:
    assert with_statuses(written(USUAL, "Closed", -1)) == []


# The card of the legacy model.


def test_a_usual_race_is_taken_over_with_its_instants() -> None:
    card = {each.race: each for each in legacy_card(DAY)}[USUAL]
    line = usual.timeline

    assert (card.meeting, card.start, card.jump) == ("m1", line.advertised.timestamp(), line.jump.timestamp())
    assert (card.interim, card.final, card.abandoned) == (line.interim.timestamp(), line.final.timestamp(), None)


@pytest.mark.parametrize("seconds_late", [-1200, 10, 100, 199])
def test_an_abandoned_race_never_comes_to_its_later_instants(seconds_late: int) -> None:
    end = usual.start + timedelta(seconds=seconds_late)
    line = replace(usual.timeline, abandoned=end)
    day = replace(DAY, meetings=(replace(DAY.meetings[0], races=(replace(usual, timeline=line),)),))

    (card,) = legacy_card(day)

    for second in range(-1500, 900, 7):
        instant = usual.start + timedelta(seconds=second)
        upstream = line.status_at(instant)
        assert card.status_at(instant.timestamp()) == upstream


# What refusing saved.


def ledger_of(*executions: tuple[str, Outcome, int, float, int]) -> Ledger:
    """Executions as function, outcome, requests, seconds and polls."""
    ledger = Ledger()
    for number, (function, outcome, requests, seconds, polls) in enumerate(executions):
        execution = Execution(str(number), function, 0.0, seconds, outcome, requests, polls)
        ledger.executions[execution.identity] = execution
    return ledger


def test_a_refused_run_saved_what_the_others_of_its_function_spent_on_average() -> None:
    ledger = ledger_of(
        ("poller", Outcome.COMPLETED, 30, 90.0, 8),
        ("poller", Outcome.COMPLETED, 10, 30.0, 4),
        ("poller", Outcome.REFUSED, 3, 0.1, 0),
        ("other", Outcome.COMPLETED, 999, 999.0, 999),
        ("poller", Outcome.FAILED, 999, 999.0, 999),
    )

    assert saved_by_refusing(ledger) == {"requests": 17, "seconds": 60, "polls": 6}


def test_each_refused_run_counts() -> None:
    refused = ("poller", Outcome.REFUSED, 0, 0.1, 0)
    ledger = ledger_of(("poller", Outcome.COMPLETED, 10, 30.0, 4), refused, refused)

    assert saved_by_refusing(ledger)["requests"] == 20


def test_refusing_never_costs_more_than_working() -> None:
    ledger = ledger_of(("poller", Outcome.COMPLETED, 1, 30.0, 0), ("poller", Outcome.REFUSED, 4, 0.1, 0))

    assert saved_by_refusing(ledger)["requests"] == 0


def test_where_nothing_was_refused_or_nothing_else_ran_nothing_is_said_to_be_saved() -> None:
    assert saved_by_refusing(ledger_of(("poller", Outcome.COMPLETED, 1, 1.0, 1))) == {}
    assert saved_by_refusing(ledger_of(("poller", Outcome.REFUSED, 1, 1.0, 1))) == {}


# How it was asked for.


def test_the_options_say_how_the_day_was_asked_for() -> None:
    whole = DaySpec(DATE)
    part = DaySpec(DATE, until=time(13), with_locks=False)

    assert wanted_options(whole, legacy_schedules=False) == {"locks": True, "legacy_schedules": False}
    assert wanted_options(part, legacy_schedules=True) == {"locks": False, "legacy_schedules": True, "until": "13:00"}


def test_the_assumptions_name_the_latencies_that_were_used() -> None:
    (usual_ones,) = assumptions()
    (slow,) = assumptions(Latencies(read=0.25, upstream=1.5))

    assert "A read of Appwrite takes 6 ms" in usual_ones
    assert "takes 250 ms" in slow
    assert "1500 ms" in slow


@pytest.mark.parametrize(("day", "hours"), [(date(2025, 7, 17), 25), (date(2025, 9, 28), 24), (date(2025, 4, 6), 26)])
def test_a_day_goes_from_midnight_to_one_o_clock_whatever_its_length(day: date, hours: int) -> None:
    wanted = DaySpec(day)

    assert wanted.end - wanted.begin == timedelta(hours=hours)

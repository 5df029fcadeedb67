"""Figures of executions, and what is wrong with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from raceday_iac.health.observations import FunctionSeen, Severity
from raceday_iac.health.runs import Durations, Usage, check_target, figures_of, run_findings, standing, usage_of
from raceday_iac.health.watched import FunctionWatch, Grace
from raceday_iac.kinds.code import size_of
from raceday_iac.model.limits import SPECIFICATIONS
from raceday_iac.model.resource import frozen

from .made import LOCK, NOW, ago, execution, function, summary

WATCH = FunctionWatch()


def codes(seen: FunctionSeen, slow_after: float | None = None) -> dict[str, Severity]:
    found = run_findings(seen, figures_of(seen), WATCH, slow_after, Grace(), NOW)
    return {each.code: each.severity for each in found}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [([], Durations()), ([4.0], Durations(4, 4, 4)), ([float(n) for n in range(1, 101)], Durations(50, 95, 100))],
)
def test_quantiles_are_durations_that_there_were(seconds: list[float], expected: Durations) -> None:
    assert Durations.of(seconds) == expected


def test_duplicates_went_well_but_are_no_durations() -> None:
    refused = execution(ago(minutes=1), logs='{"event": "lock.refused"}', seconds=0.1)
    figures = figures_of(function(refused, execution(ago(minutes=2), seconds=8, logs=summary("done"))))
    assert (figures.over, figures.duplicates, figures.success) == (2, 1, 1.0)
    assert figures.durations == Durations(8, 8, 8)
    assert figures.outcomes == {"duplicate": 1, "done": 1}


def test_a_streak_reaches_back_to_the_last_success_and_is_not_ended_by_a_duplicate() -> None:
    failed = [execution(ago(minutes=n), "failed", errors="timed out") for n in (1, 3, 4)]
    refused = execution(ago(minutes=2), logs='{"event": "lock.refused"}')
    older = execution(ago(minutes=6), "failed")
    figures = figures_of(function(*failed, refused, execution(ago(minutes=5)), older))
    assert (figures.streak, figures.category, figures.streak_since) == (3, "timeout", ago(minutes=4))


@pytest.mark.parametrize(("failures", "severity"), [(1, Severity.WARNING), (2, Severity.WARNING), (3, Severity.ERROR)])
def test_a_few_failures_in_a_row_are_a_warning_and_many_an_error(failures: int, severity: Severity) -> None:
    runs = [execution(ago(minutes=n), "failed") for n in range(failures)]
    assert codes(function(*runs))["run.failing"] is severity


@pytest.mark.parametrize(("failures", "is_reported"), [(1, False), (2, True)])
def test_a_share_of_failures_is_reported_only_beyond_what_is_expected(failures: int, is_reported: bool) -> None:
    runs = [execution(ago(minutes=n), "failed" if n >= 20 - failures else "completed") for n in range(20)]
    assert ("run.success" in codes(function(*runs))) is is_reported


@pytest.mark.parametrize(("extra", "state"), [(0, ""), (1, "stuck")])
def test_an_execution_is_lost_after_its_timeout_the_longest_wait_and_the_grace(extra: int, state: str) -> None:
    grace = Grace()
    begun = NOW - timedelta(seconds=300) - grace.execution - grace.waiting - timedelta(seconds=extra)
    assert standing(execution(begun, "processing"), 300, grace, NOW) == state


@pytest.mark.parametrize(("minutes", "state"), [(15, ""), (16, "waiting")])
def test_an_execution_may_wait_for_a_while(minutes: int, state: str) -> None:
    assert standing(execution(ago(minutes=minutes), "waiting"), 300, Grace(), NOW) == state


@pytest.mark.parametrize(("minutes", "state"), [(15, ""), (16, "expired")])
def test_a_scheduled_execution_that_never_began_has_expired(minutes: int, state: str) -> None:
    late = execution(ago(hours=3), "scheduled", scheduled=ago(minutes=minutes))
    assert standing(late, 300, Grace(), NOW) == state


def test_an_execution_that_takes_longer_than_it_should_is_overlong_before_it_is_stuck() -> None:
    seen = function(execution(ago(seconds=100), "processing"))
    assert codes(seen, slow_after=99) == {"run.overlong": Severity.WARNING}
    assert codes(seen, slow_after=100) == {}


def specified(seen: FunctionSeen, specification: str) -> FunctionSeen:
    assert seen.live is not None
    fields = frozen({**seen.live.fields, "specification": specification})
    return replace(seen, live=replace(seen.live, fields=fields))


@pytest.mark.parametrize(
    ("specification", "gb_hours"),
    [
        ("s-0.5vcpu-512mb", 0.5),
        ("s-1vcpu-512mb", 1.0),
        ("s-1vcpu-1gb", 2.0),
        ("s-2vcpu-2gb", 8.0),
        ("s-4vcpu-4gb", 32.0),
        ("huge", None),
        ("", None),
    ],
)
def test_gb_hours_are_memory_times_processors_times_duration_refused_starts_included(
    specification: str, gb_hours: float | None
) -> None:
    runs = [execution(ago(hours=n), seconds=1800, logs='{"event": "lock.refused"}' if n == 1 else "") for n in range(4)]
    seen = specified(function(*runs, execution(ago(minutes=1), "processing")), specification)
    found = usage_of(seen, NOW - timedelta(hours=24), NOW)
    assert (found.runs, found.gb_hours) == (4, gb_hours)


def test_half_a_day_counts_for_a_whole_one() -> None:
    seen = specified(function(execution(ago(hours=1), seconds=3600)), "s-1vcpu-1gb")
    assert usage_of(seen, NOW - timedelta(hours=12), NOW) == Usage(2, 2.0)


def test_of_more_runs_than_were_read_their_own_span_counts() -> None:
    runs = [execution(ago(minutes=n), seconds=60) for n in range(1, 61)]
    seen = replace(specified(function(*runs), "s-1vcpu-1gb"), is_cut=True)
    found = usage_of(seen, NOW - timedelta(hours=24), NOW)
    assert (found.runs, found.gb_hours) == (1440, pytest.approx(24))


def test_what_is_not_on_the_server_takes_nothing() -> None:
    assert usage_of(replace(function(), live=None), NOW - timedelta(hours=24), NOW) == Usage(0, None)


def checked(*milliseconds: float, event: str = "lock.acquired") -> FunctionSeen:
    logs = [f'{{"event": "{event}", "checkMs": {each}}}' for each in milliseconds]
    runs = [execution(ago(minutes=n), logs=text) for n, text in enumerate(logs)]
    return replace(function(*runs), lock=replace(LOCK, check_target_ms=25))


@pytest.mark.parametrize(
    ("checks", "is_reported"),
    [
        ((25, 25, 25, 25, 25), False),
        ((24, 24, 26, 26, 26), True),
        ((99, 99, 99, 99), False),
        ((9, 9, 9, 99, 99), False),
    ],
)
def test_a_lock_that_takes_longer_than_its_target_is_reported(checks: tuple[float, ...], is_reported: bool) -> None:
    for event in ("lock.acquired", "lock.refused"):
        assert ("lock.slow" in codes(checked(*checks, event=event))) is is_reported


def test_the_target_of_a_lock_is_the_stacks_unless_health_yaml_says_otherwise() -> None:
    seen = checked(*[40.0] * 5)
    reported = list(run_findings(seen, figures_of(seen), WATCH, None, Grace(), NOW))
    assert [each.message for each in reported] == [
        "the lock check takes 40 ms (the median of 5 runs); its target is 25 ms"
    ]
    patient = FunctionWatch(lock_check_ms=40)
    assert not list(run_findings(seen, figures_of(seen), patient, None, Grace(), NOW))
    assert (check_target(seen, WATCH), check_target(seen, patient)) == (25, 40)
    assert check_target(function(), WATCH) is None


@pytest.mark.parametrize("value", ['"fast"', "true", "null", "[1]", "NaN", "1e999", "-1", "1" + "0" * 400])
def test_a_check_that_is_no_number_is_not_counted(value: str) -> None:
    run = execution(ago(minutes=1), logs=f'{{"event": "lock.acquired", "checkMs": {value}}}')
    assert figures_of(function(run)).lock_checks == ()


@pytest.mark.parametrize(("megabytes", "is_reported"), [(409.6, False), (409.7, True)])
def test_a_run_that_takes_most_of_its_memory_is_reported(megabytes: float, is_reported: bool) -> None:
    lines = "\n".join(f'{{"event": "run.summary", "memoryMb": {each}}}' for each in (megabytes, 30, "null"))
    seen = specified(function(execution(ago(minutes=1), logs=lines), execution(ago(minutes=2))), "s-1vcpu-512mb")
    assert figures_of(seen).memory == megabytes
    assert ("run.memory" in codes(seen)) is is_reported
    assert "run.memory" not in codes(specified(seen, "huge"))


def test_events_are_counted_by_name_over_all_runs_but_for_those_that_every_run_has() -> None:
    first = ['{"event": "lock.acquired"}', '{"event": "race.missed"}', '{"event": "race.missed"}', summary("done")]
    second = ['{"event": "memory.high"}', '{"event": "race.missed"}', '{"event": "Odd\\n"}', '{"event": 3}', "text"]
    seen = function(*(execution(ago(minutes=n), logs="\n".join(each)) for n, each in enumerate((first, second))))
    assert figures_of(seen).events == {"race.missed": 3, "memory.high": 1}


def test_every_specification_of_the_stack_language_has_a_size() -> None:
    sizes = [size_of(each) for each in SPECIFICATIONS]
    assert sizes[:4] == [(0.5, 0.5), (1, 0.5), (1, 1), (2, 2)]
    assert None not in sizes


@pytest.mark.parametrize(
    ("seconds", "found"), [(60.0, set()), (60.1, {"run.slow"}), (271.0, {"run.slow", "run.near_timeout"})]
)
def test_slow_runs_are_reported(seconds: float, found: set[str]) -> None:
    assert set(codes(function(execution(ago(hours=1), seconds=seconds)), slow_after=60)) == found

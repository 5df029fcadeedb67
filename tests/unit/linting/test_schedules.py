from __future__ import annotations

from datetime import UTC, datetime

import pytest

from raceday_iac.linting.expansion import presences
from raceday_iac.linting.facts import FunctionFacts
from raceday_iac.linting.findings import Finding, Severity
from raceday_iac.linting.policies import late_expiry, late_staleness, slow_heartbeat, timeout_limit
from raceday_iac.linting.schedules import called_too_often, collisions, fires_otherwise, never_fires, self_overlap
from raceday_iac.linting.usage import Usage

from .made import codes, function, locked, runs_of


@pytest.mark.parametrize(("timeout", "found"), [(60, []), (61, ["SCH001"]), (120, ["SCH001"])])
def test_a_timeout_above_the_interval_is_an_overlap(timeout: int, found: list[str]) -> None:
    assert codes(list(self_overlap(function(timeout=timeout), runs_of("*/1 * * * *")))) == found


def test_an_overlap_is_an_error_and_with_a_lock_it_is_answered() -> None:
    (bare,) = self_overlap(function(timeout=120), runs_of("*/1 * * * *"))
    (held,) = self_overlap(function(timeout=120, lock=locked()), runs_of("*/1 * * * *"))
    assert (bare.effective, held.effective) == (Severity.ERROR, Severity.INFO)
    assert bare.first == datetime(2025, 7, 17, 0, 1, tzinfo=UTC)


def test_a_schedule_without_runs_is_reported() -> None:
    (finding,) = never_fires(function(schedule="0 22-2 * * *"), runs_of("0 22-2 * * *"))
    assert (finding.code, finding.severity) == ("SCH012", Severity.ERROR)
    assert "'0 22-2 * * *' is valid and never fires: '22-2' is empty" in finding.message
    assert not list(never_fires(function(), runs_of("0 0 29 1 *")))


def test_a_schedule_that_comes_only_after_the_year_is_a_warning_with_its_day() -> None:
    (finding,) = never_fires(function(), runs_of("0 0 29 2 *"))
    assert (finding.severity, finding.first) == (Severity.WARNING, datetime(2028, 2, 29, tzinfo=UTC))


@pytest.mark.parametrize("schedule", ["0 20,8 * * *", "0 9 * * FRI-SUN", "*/5,*/7 * * * *", "0 0 LW * *"])
def test_a_schedule_that_appwrite_reads_otherwise_is_a_warning(schedule: str) -> None:
    (finding,) = fires_otherwise(function(schedule=schedule), runs_of(schedule))
    assert (finding.code, finding.severity) == ("SCH013", Severity.WARNING)
    assert f"{schedule!r} does not fire as it seems" in finding.message


@pytest.mark.parametrize("schedule", ["0 8,20 * * *", "0 9 * * 5-7", "*/5 * * * *", "0 22-2 * * *"])
def test_a_schedule_that_is_read_as_written_or_never_fires_is_none(schedule: str) -> None:
    assert not list(fires_otherwise(function(schedule=schedule), runs_of(schedule)))


def lock_numbers(function: FunctionFacts) -> list[Finding]:
    rules = (late_expiry, late_staleness, slow_heartbeat)
    return [found for rule in rules for found in rule(function, function.lock)]


@pytest.mark.parametrize(
    ("expiry", "stale", "beat", "found"),
    [
        (59, 40, 10, []),
        (60, 40, 10, ["SCH007"]),
        (50, 51, 10, ["SCH008"]),
        (50, 49, 49, ["SCH009"]),
        (50, 49, 48, []),
    ],
)
def test_the_numbers_of_a_lock_have_an_order(expiry: int, stale: int, beat: int, found: list[str]) -> None:
    assert codes(list(lock_numbers(function(timeout=60, lock=locked(expiry, stale, beat))))) == found


def test_stale_at_its_expiry_is_reported_but_is_no_mistake() -> None:
    (finding,) = lock_numbers(function(lock=locked(50, 50, 10)))
    assert (finding.code, finding.severity) == ("SCH008", Severity.INFO)


def test_a_timeout_may_be_the_limit_and_not_more() -> None:
    assert not list(timeout_limit(function(timeout=900), 900))
    assert codes(list(timeout_limit(function(timeout=901), 900))) == ["SCH010"]


def test_a_function_that_is_called_faster_than_it_ends_is_found() -> None:
    caller, called = function("caller", "*/1 * * * *"), function("called", timeout=150)
    used = {"caller": Usage(calls=("called",)), "called": Usage()}
    (finding,) = called_too_often(called, (caller, called), {"caller": runs_of("*/1 * * * *")}, used)
    assert (finding.code, finding.effective, finding.subject) == ("SCH002", Severity.ERROR, "function.called")


def _meeting(one: str, other: str, *, shared: str = "races", lock: bool = False) -> list[str]:
    functions = tuple(
        function(name, schedule, 600, lock=locked(500) if lock else None)
        for name, schedule in (("a", one), ("b", other))
    )
    used = {"a": Usage(writes=frozenset({"races"})), "b": Usage(writes=frozenset({shared}))}
    runs = {"a": runs_of(one), "b": runs_of(other)}
    return [each.effective for each in collisions(functions, presences(functions, runs, used), used)]


def test_functions_collide_when_they_write_the_same_at_the_same_time() -> None:
    assert _meeting("0 1 * * *", "9 1 * * *") == ["warning"]
    assert _meeting("0 1 * * *", "10 1 * * *") == []
    assert _meeting("0 1 * * *", "9 1 * * *", shared="meetings") == []


def test_a_collision_of_two_locked_functions_is_answered() -> None:
    assert _meeting("0 1 * * *", "5 1 * * *", lock=True) == ["info"]


def test_a_collision_on_one_day_of_the_year_is_found() -> None:
    assert _meeting("55 23 28 2 *", "1 0 1 3 *") == ["warning"]

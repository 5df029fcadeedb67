from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from raceday_iac.linting.findings import Severity
from raceday_iac.linting.schedules import clock_change_runs, day_crossings, drift, quiet_runs
from raceday_iac.linting.usage import Usage
from raceday_iac.model.local_time import UTC_TIME, LocalTime

from .made import BEGIN, NZ_TIME, function, locked, runs_of

STATUS = "*/15 21-23,0-11 * * *"


def test_the_clock_is_changed_twice_a_year() -> None:
    assert list(NZ_TIME.clock_changes(BEGIN, 365)) == [
        datetime(2025, 9, 27, 14, tzinfo=UTC),
        datetime(2026, 4, 4, 14, tzinfo=UTC),
    ]


def test_the_status_polling_goes_over_the_date_from_the_first_midnight_of_summer_time() -> None:
    (finding,) = day_crossings(function("s", STATUS, 300), runs_of(STATUS))
    assert (finding.code, finding.effective) == ("SCH004", Severity.ERROR)
    assert finding.first == datetime(2025, 9, 28, 11, tzinfo=UTC)
    assert finding.times == 189
    assert "UTC date" in finding.message


def test_short_runs_that_go_on_every_night_are_a_warning() -> None:
    (finding,) = day_crossings(function("s", "*/1 * * * *", 60), runs_of("*/1 * * * *"))
    assert finding.effective is Severity.WARNING


def test_a_lock_answers_the_change_of_the_date() -> None:
    (finding,) = day_crossings(function("s", STATUS, 300, lock=locked()), runs_of(STATUS))
    assert finding.effective is Severity.INFO


def test_a_run_that_is_under_way_at_midnight_crosses_the_date() -> None:
    daily = "55 11 * * *"  # 23:55 in winter
    assert [each.times for each in day_crossings(function("f", daily, 301), runs_of(daily))] == [175]
    assert not list(day_crossings(function("f", daily, 300), runs_of(daily)))


def test_the_quiet_window_is_from_one_to_six_on_the_clock() -> None:
    for schedule, days in {"59 11 * * *": 0, "0 12 * * *": 189, "0 13 * * *": 364, "0 17 * * *": 175}.items():
        found = list(quiet_runs(function("f", schedule), runs_of(schedule), Usage("not read")))
        assert sum(each.times for each in found) == days, schedule


def test_code_that_minds_the_quiet_window_answers_it() -> None:
    (finding,) = quiet_runs(function("f", "0 14 * * *"), runs_of("0 14 * * *"), Usage("", minds_quiet=True))
    assert finding.effective is Severity.INFO


def test_runs_around_a_change_of_the_clock_are_reported() -> None:
    (finding,) = clock_change_runs(function("f", "30 13 * * *"), runs_of("30 13 * * *"))
    assert finding.severity is Severity.INFO
    assert "2025-09-28: 02:00 to 03:00 does not exist" in finding.message
    assert "2026-04-05: 02:00 to 03:00 happens twice" in finding.message
    assert not list(clock_change_runs(function("f", "0 19 * * *"), runs_of("0 19 * * *")))


def test_the_drift_names_the_times_of_both_halves_of_the_year() -> None:
    (daily,) = drift(function("f", "0 19 * * *"), runs_of("0 19 * * *"))
    assert daily.message == "0 19 * * * UTC is 07:00 in NZST, 08:00 in NZDT"
    (status,) = drift(function("f", STATUS), runs_of(STATUS))
    assert status.message.endswith("UTC is 09:00 to 23:45 in NZST, 10:00 to 00:45 in NZDT")
    assert not list(drift(function("f", "*/1 * * * *"), runs_of("*/1 * * * *")))


VIENNA = LocalTime("Europe/Vienna", (time(22), time(6)))
LONDON = LocalTime("Europe/London")


def test_the_rules_hold_for_any_zone() -> None:
    night = "30 0 * * *"
    (change,) = clock_change_runs(function("f", night), runs_of(night, VIENNA))
    assert "2025-10-26: 02:00 to 03:00 happens twice" in change.message
    (shift,) = drift(function("f", night), runs_of(night, VIENNA))
    assert shift.message == "30 0 * * * UTC is 01:30 in CET, 02:30 in CEST"
    (quiet,) = quiet_runs(function("f", night), runs_of(night, VIENNA), Usage("not read"))
    assert "363 runs a year, on 363 days, begin between 22:00 and 06:00 in Europe/Vienna" in quiet.message


def test_a_midnight_that_is_also_that_of_utc_is_seen_from_both_sides() -> None:
    """In winter London's day begins with the UTC day: the run before it is on the UTC day before."""
    late = "59 23 * * *"
    assert [each.times for each in day_crossings(function("f", late, 120), runs_of(late, LONDON))] == [154]
    assert not list(day_crossings(function("f", late, 60), runs_of(late, LONDON)))


@pytest.mark.parametrize("schedule", ["*/15 * * * *", "0 19 * * *", "59 23 * * *"])
def test_where_no_zone_is_declared_clocks_and_dates_are_no_subject(schedule: str) -> None:
    runs, one = runs_of(schedule, UTC_TIME), function("f", schedule, 300)
    assert not [*day_crossings(one, runs), *clock_change_runs(one, runs), *drift(one, runs)]
    assert not list(quiet_runs(one, runs, Usage("not read")))

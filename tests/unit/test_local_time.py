"""The clock of a stack: days, quiet hours and changes of the clock in any zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from raceday_iac.model.local_time import UTC_TIME, LocalTime, read_local_time

VIENNA = LocalTime("Europe/Vienna", (time(22), time(6)))


@pytest.mark.parametrize(
    ("clock", "quiet"), [("21:59", False), ("22:00", True), ("00:00", True), ("05:59", True), ("06:00", False)]
)
def test_quiet_hours_may_go_over_midnight(clock: str, quiet: bool) -> None:
    assert VIENNA.is_quiet(VIENNA.at(date(2025, 7, 17), time.fromisoformat(clock))) is quiet
    assert not UTC_TIME.is_quiet(datetime(2025, 7, 17, tzinfo=UTC))


def test_quiet_spans_end_on_the_next_day_where_they_go_over_midnight() -> None:
    ((begin, end),) = VIENNA.quiet_spans(iter([date(2025, 7, 17)]))
    assert (begin, end) == (datetime(2025, 7, 17, 20, tzinfo=UTC), datetime(2025, 7, 18, 4, tzinfo=UTC))


@pytest.mark.parametrize(("day", "hours"), [(date(2025, 3, 30), 23), (date(2025, 10, 26), 25), (date(2025, 7, 1), 24)])
def test_a_day_is_as_long_as_it_is_there(day: date, hours: int) -> None:
    begin, end = VIENNA.bounds(day)
    assert end - begin == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("zone", "changes"),
    [
        ("UTC", []),
        ("Asia/Kolkata", []),
        ("Europe/Vienna", ["02:00 to 03:00 does not exist", "02:00 to 03:00 happens twice"]),
        ("Pacific/Auckland", ["02:00 to 03:00 happens twice", "02:00 to 03:00 does not exist"]),
        ("Australia/Lord_Howe", ["01:30 to 02:00 happens twice", "02:00 to 02:30 does not exist"]),
    ],
)
def test_changes_of_the_clock_are_found_in_any_zone(zone: str, changes: list[str]) -> None:
    local = LocalTime(zone)
    assert [local.change_text(each) for each in local.clock_changes(date(2025, 1, 1), 365)] == changes


def test_an_instant_is_said_on_the_clock_of_the_zone_and_in_utc() -> None:
    instant = datetime(2025, 7, 17, 22, 30, tzinfo=UTC)
    assert VIENNA.said(instant) == "Fri 2025-07-18 00:30 CEST (07-17 22:30 UTC)"
    assert UTC_TIME.said(instant) == "Thu 2025-07-17 22:30 UTC"
    assert (VIENNA.day_of(instant), UTC_TIME.day_of(instant)) == (date(2025, 7, 18), date(2025, 7, 17))


def test_what_is_declared_is_read() -> None:
    assert read_local_time("Europe/Vienna", ("22:00", "06:00")) == (VIENNA, [])
    assert read_local_time("UTC", None) == (UTC_TIME, [])


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", 3, "/etc/passwd", "../UTC"])
def test_a_zone_that_is_none_is_a_mistake(zone: object) -> None:
    found, problems = read_local_time(zone, None)
    assert found == UTC_TIME
    assert "is not a name of the IANA database" in problems[0]


@pytest.mark.parametrize(
    "hours", ["01:00", ("01:00",), (1, 6), ("01:00", "01:00"), ("1", "25:00"), ("01:00Z", "02:00Z")]
)
def test_quiet_hours_that_are_none_are_a_mistake(hours: object) -> None:
    found, problems = read_local_time("UTC", hours)
    assert found == UTC_TIME
    assert "quiet_hours" in problems[0]

"""The New Zealand clock, on ordinary days and on the days when the clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from _shared import nz_time
from _shared.racing_date import racing_date
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.cron import parse
from raceday_iac.loading.stack_file import load_stack

STACK = Path(__file__).parents[2] / "stacks" / "raceday.py"
DAILY = ("daily-meetings", "daily-races", "daily-initial-data")
#: A week around each change of the clocks, and one in the middle of each offset.
WEEKS = ("2025-04-02", "2025-09-24", "2026-04-01", "2026-09-23", "2025-07-14", "2025-12-29")
INSTANTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def runs(cron: str, begin: datetime, days: int) -> Iterator[datetime]:
    """The instants of a cron of the stack, which is in UTC."""
    return parse(cron).runs_between(begin, begin + timedelta(days=days))


@pytest.fixture(scope="module")
def crons() -> dict[str, str]:
    """The schedules of the real stack by function."""
    functions = [each for each in load_stack(STACK).declarations if each.kind == "function"]
    return {each.arguments["id"]: each.arguments["schedule"] for each in functions if each.arguments["schedule"]}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("utc", "quiet"),
    [
        ("2025-07-17T12:59:59.999", False),  # 00:59:59 NZST
        ("2025-07-17T13:00", True),  # 01:00
        ("2025-07-17T17:59:59", True),  # 05:59:59
        ("2025-07-17T18:00", False),  # 06:00
        ("2025-01-17T11:59", False),  # 00:59 NZDT
        ("2025-01-17T12:00", True),
        ("2025-09-27T14:30", True),  # the clocks have just been put forward
        ("2025-04-05T14:30", True),  # the hour that happens twice
    ],
)
def test_the_quiet_window_is_from_one_until_before_six(utc: str, quiet: bool) -> None:
    assert nz_time.is_quiet(at(utc)) is quiet


@pytest.mark.parametrize("utc", ["2025-07-16T19:00", "2025-07-16T20:00", "2025-07-16T20:30", "2025-01-16T19:00"])
def test_the_daily_jobs_never_run_in_the_quiet_window(utc: str) -> None:
    assert not nz_time.is_quiet(at(utc))


@pytest.mark.parametrize(
    ("utc", "day"),
    [
        ("2025-07-17T11:59", date(2025, 7, 17)),  # 23:59
        ("2025-07-17T12:30", date(2025, 7, 17)),  # 00:30 still belongs to yesterday's card
        ("2025-07-17T12:59:59", date(2025, 7, 17)),
        ("2025-07-17T13:00", date(2025, 7, 18)),  # 01:00
        ("2025-01-17T11:30", date(2025, 1, 17)),  # 00:30 NZDT
        ("2025-01-17T12:00", date(2025, 1, 18)),
    ],
)
def test_the_racing_day_ends_one_hour_after_midnight(utc: str, day: date) -> None:
    assert nz_time.racing_day(at(utc)) == day


@given(instant=INSTANTS)
def test_the_date_for_the_lock_is_the_racing_day(instant: datetime) -> None:
    """Worked out without the zone data."""
    assert racing_date(instant.timestamp()) == nz_time.racing_day(instant).isoformat()


@pytest.mark.parametrize("year", range(2024, 2038))
def test_the_date_for_the_lock_is_the_racing_day_when_the_clocks_change(year: int) -> None:
    hours = [datetime(year, month, 1, tzinfo=UTC) + timedelta(hours=hour) for month in (4, 9) for hour in range(720)]
    edges = [each + timedelta(seconds=seconds) for each in hours for seconds in (-1, 0)]

    assert [each for each in edges if racing_date(each.timestamp()) != nz_time.racing_day(each).isoformat()] == []


@given(instant=INSTANTS)
def test_waiting_for_the_quiet_window_leads_into_it(instant: datetime) -> None:
    wait = nz_time.seconds_until_quiet(instant)

    assert nz_time.is_quiet(instant + timedelta(seconds=wait))
    assert 0 <= wait <= 20 * 3600
    assert wait == 0 or not nz_time.is_quiet(instant + timedelta(seconds=wait - 0.001))


@pytest.mark.parametrize("week", WEEKS)
@pytest.mark.parametrize("function", DAILY)
def test_no_run_of_a_daily_function_falls_into_the_quiet_window(
    crons: dict[str, str], function: str, week: str
) -> None:
    instants = list(runs(crons[function], at(week), 7))

    assert len(instants) == 7
    assert not any(nz_time.is_quiet(instant) for instant in instants)
    # Nor does it come near: the longest may take 14 minutes.
    assert all(nz_time.seconds_until_quiet(instant) > 840 for instant in instants)


@pytest.mark.parametrize("week", WEEKS)
def test_no_run_of_the_status_poller_falls_into_the_quiet_window(crons: dict[str, str], week: str) -> None:
    instants = list(runs(crons["meeting-status-poller"], at(week), 7))

    assert len(instants) == 7 * 60
    assert not any(nz_time.is_quiet(instant) for instant in instants)


@pytest.mark.parametrize("week", WEEKS)
@pytest.mark.parametrize("function", DAILY)
def test_the_daily_functions_work_on_the_day_that_has_begun(crons: dict[str, str], function: str, week: str) -> None:
    instants = list(runs(crons[function], at(week), 7))

    days = [nz_time.racing_day(instant) for instant in instants]
    assert days == [instant.astimezone(nz_time.ZONE).date() for instant in instants]
    assert {later - earlier for earlier, later in pairwise(days)} == {timedelta(days=1)}
    # A day later than in UTC, in both offsets.
    assert all(day == instant.date() + timedelta(days=1) for day, instant in zip(days, instants, strict=True))


def test_every_schedule_of_the_stack_is_one_of_these(crons: dict[str, str]) -> None:
    """The scheduler starts every minute, and stops itself in the quiet window; all others are tested above."""
    assert crons.keys() == {*DAILY, "meeting-status-poller", "master-race-scheduler"}


@pytest.mark.parametrize("week", WEEKS)
def test_the_quiet_window_is_five_hours_of_the_local_clock_on_every_day(week: str) -> None:
    minutes = [at(week) + timedelta(minutes=minute) for minute in range(7 * 24 * 60)]
    quiet = [instant for instant in minutes if nz_time.is_quiet(instant)]

    hours = {instant.astimezone(nz_time.ZONE).hour for instant in quiet}
    assert hours == {1, 2, 3, 4, 5}
    # One day of a week in which the clocks change has an hour more or less, and it lies in the window.
    expected = 7 * 300 + {"2025-04-02": 60, "2026-04-01": 60, "2025-09-24": -60, "2026-09-23": -60}.get(week, 0)
    assert len(quiet) == expected


@pytest.mark.parametrize("week", WEEKS)
def test_the_hour_after_midnight_belongs_to_the_day_before(week: str) -> None:
    for minute in range(7 * 24 * 60):
        instant = at(week) + timedelta(minutes=minute)
        local = instant.astimezone(nz_time.ZONE)
        day_before = local.date() - timedelta(days=1)
        assert nz_time.racing_day(instant) == (day_before if local.hour == 0 else local.date())


@pytest.mark.parametrize(
    ("utc", "seconds"),
    [
        ("2025-07-17T12:00", 3600),  # midnight NZST
        ("2025-07-17T12:59:59", 1),
        ("2025-01-17T11:00", 3600),  # midnight NZDT
        ("2025-09-27T11:30", 5400),  # 23:30 NZST, the clocks go forward at 14:00Z
        ("2025-09-28T11:30", 1800),  # 00:30 NZDT, the evening after
        ("2025-04-05T11:30", 1800),  # 00:30 NZDT, the clocks go back at 14:00Z
        ("2025-04-06T11:30", 5400),  # 23:30 NZST, the evening after
        ("2025-09-27T17:00", 19 * 3600),  # 06:00 NZDT after the change
        ("2025-04-05T18:00", 19 * 3600),  # 06:00 NZST after the change
    ],
)
def test_the_wait_for_the_quiet_window_is_counted_in_real_seconds(utc: str, seconds: float) -> None:
    assert nz_time.seconds_until_quiet(at(utc)) == seconds


@pytest.mark.parametrize(
    ("utc", "quiet"),
    [
        # The clocks go forward on 28 September 2025, from 02:00 to 03:00 (14:00Z).
        ("2025-09-27T12:59:59", False),
        ("2025-09-27T13:00", True),  # 01:00 NZST
        ("2025-09-27T13:59:59", True),  # 01:59:59 NZST
        ("2025-09-27T14:00", True),  # 03:00 NZDT
        ("2025-09-27T16:59:59", True),  # 05:59:59 NZDT
        ("2025-09-27T17:00", False),  # 06:00 NZDT
        # They go back on 6 April 2025, from 03:00 to 02:00 (14:00Z).
        ("2025-04-05T11:59:59", False),
        ("2025-04-05T12:00", True),  # 01:00 NZDT
        ("2025-04-05T13:59:59", True),  # 02:59:59 NZDT
        ("2025-04-05T14:00", True),  # 02:00 NZST, again
        ("2025-04-05T17:59:59", True),  # 05:59:59 NZST
        ("2025-04-05T18:00", False),  # 06:00 NZST
    ],
)
def test_the_quiet_window_holds_when_the_clocks_change(utc: str, quiet: bool) -> None:
    assert nz_time.is_quiet(at(utc)) is quiet

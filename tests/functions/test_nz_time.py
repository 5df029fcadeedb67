"""The New Zealand clock, on ordinary days and on the days when the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from _shared import nz_time
from hypothesis import given
from hypothesis import strategies as st

MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


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


@pytest.mark.parametrize(
    ("day", "start", "hours"),
    [
        (date(2025, 7, 17), "2025-07-16T12:00", 24),
        (date(2025, 1, 17), "2025-01-16T11:00", 24),
        (date(2025, 9, 28), "2025-09-27T12:00", 23),
        (date(2025, 4, 6), "2025-04-05T11:00", 25),
    ],
)
def test_a_day_begins_at_midnight_in_new_zealand(day: date, start: str, hours: int) -> None:
    begins, ends = nz_time.day_bounds(day)

    assert begins == at(start)
    assert ends - begins == timedelta(hours=hours)


@given(moment=MOMENTS)
def test_waiting_for_the_quiet_window_leads_into_it(moment: datetime) -> None:
    wait = nz_time.seconds_until_quiet(moment)

    assert nz_time.is_quiet(moment + timedelta(seconds=wait))
    assert 0 <= wait <= 20 * 3600
    assert wait == 0 or not nz_time.is_quiet(moment + timedelta(seconds=wait - 0.001))


@given(moment=MOMENTS)
def test_every_moment_lies_in_its_day(moment: datetime) -> None:
    start, end = nz_time.day_bounds(moment.astimezone(nz_time.ZONE).date())

    assert start <= moment < end

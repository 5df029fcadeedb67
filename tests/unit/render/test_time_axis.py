"""The time axis, in both offsets and across the changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from raceday_iac.raceday.simulation_picture import NZ_TIME, clock
from raceday_iac.render.theme import Scale, midnights, offset_name, quiet_windows, ticks

NZ = NZ_TIME.zone


def scale_of(day: date) -> Scale:
    begin = datetime.combine(day, time(6), NZ).timestamp()
    end = datetime.combine(day + timedelta(days=1), time(6), NZ).timestamp()
    return Scale(begin, end, left=100, width=1000)


WINTER = scale_of(date(2025, 7, 17))


def test_a_scale_puts_the_day_between_its_edges() -> None:
    assert [WINTER.x(WINTER.begin), WINTER.x((WINTER.begin + WINTER.end) / 2), WINTER.x(WINTER.end)] == [100, 600, 1100]


@pytest.mark.parametrize(("zone", "first"), [(NZ, "06:00"), (UTC, "18:00")])
def test_a_day_has_a_tick_every_second_hour(zone: object, first: str) -> None:
    found = [tick.label for tick in ticks(WINTER, zone)]  # type: ignore[arg-type]
    assert (len(found), found[0]) == (13, first)


def test_a_detail_has_a_tick_every_ten_minutes() -> None:
    detail = Scale(WINTER.begin, WINTER.begin + 3600, 0, 100)
    assert [tick.label for tick in ticks(detail, NZ)] == [f"06:{m}0" for m in range(6)] + ["07:00"]


@pytest.mark.parametrize("day", [date(2025, 7, 17), date(2025, 12, 6), date(2025, 4, 5), date(2025, 9, 27)])
def test_the_date_changes_once_and_the_quiet_window_is_one_stretch(day: date) -> None:
    scale = scale_of(day)
    (midnight,) = midnights(scale, NZ_TIME)
    ((begin, end),) = quiet_windows(scale, NZ_TIME)
    assert (clock(midnight), clock(begin), end) == ("00:00", "01:00", scale.end)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2025, 7, 17), 5), (date(2025, 4, 5), 6), (date(2025, 9, 27), 4)], ids=str
)
def test_the_quiet_window_is_as_long_as_its_night(day: date, hours: int) -> None:
    ((begin, end),) = quiet_windows(scale_of(day), NZ_TIME)
    assert end - begin == hours * 3600


def test_the_offset_has_its_name() -> None:
    assert [offset_name(scale_of(date(2025, month, 17)).begin, NZ_TIME) for month in (1, 7)] == ["NZDT", "NZST"]

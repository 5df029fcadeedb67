from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from raceday_iac.linting.expansion import Timetable, timetable_of
from raceday_iac.linting.facts import FunctionFacts

from .made import configuration, function, locked

AFTER = datetime(2025, 9, 27, 12, tzinfo=UTC)


def timetable(*functions: FunctionFacts, day: date = date(2025, 9, 28), number: int = 2) -> Timetable:
    return timetable_of(configuration(*functions), day, AFTER, number)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2025, 9, 27), 24), (date(2025, 9, 28), 23), (date(2026, 4, 5), 25), (date(2026, 4, 6), 24)]
)
def test_a_day_is_from_midnight_to_midnight_in_new_zealand(day: date, hours: int) -> None:
    found = timetable(day=day)
    assert found.end - found.begin == timedelta(hours=hours)


def test_the_next_runs_are_after_the_instant_asked_for() -> None:
    (lane,) = timetable(function("f", "0 12,13 * * *")).lanes
    assert lane.following == (AFTER + timedelta(hours=1), AFTER + timedelta(hours=24))


def test_the_next_runs_are_those_that_the_scheduler_starts() -> None:
    """From 20:30 alone the library would come to 20:30 of the next day; at 20:00 the scheduler starts nothing."""
    (lane,) = timetable(function("f", "0,30 20,8 * * *"), number=4).lanes
    assert [f"{each:%d %H:%M}" for each in lane.following] == ["27 20:00", "27 20:30", "28 08:30", "28 20:00"]


def test_a_run_lasts_until_its_lock_expires() -> None:
    (lane,) = timetable(function("f", "0 13 * * *", 100, lock=locked(70))).lanes
    assert [each.end - each.begin for each in lane.spans] == [timedelta(seconds=70)]


def test_runs_that_touch_the_day_are_drawn_and_only_its_own_are_counted() -> None:
    # 11:55 UTC on the day before is 23:55 in New Zealand.
    (lane,) = timetable(function("f", "55 11 27 9 *", 600)).lanes
    assert (len(lane.spans), lane.starts) == (1, 0)


def test_what_overlaps_is_one_stretch_and_marked_without_a_lock() -> None:
    bare = function("f", "*/1 * * * *", 120)
    assert [(len(each.spans), each.overlaps) for each in timetable(bare).lanes] == [(1, True)]
    assert [each.overlaps for each in timetable(function("f", "*/1 * * * *", 120, lock=locked())).lanes] == [False]


def test_a_function_that_is_called_may_work_until_long_after_its_caller() -> None:
    caller = function("caller", "0 13 * * *", 100, scopes=("execution.write",))
    lanes = {each.function: each for each in timetable(caller, function("called", timeout=50)).lanes}
    assert lanes["called"].called_by == ("caller",)
    assert [each.end - each.begin for each in lanes["called"].spans] == [timedelta(seconds=150)]


def test_only_the_functions_asked_for_are_shown() -> None:
    found = timetable_of(configuration(function("a"), function("b")), date(2025, 9, 28), AFTER, 1, ("b",))
    assert [each.function for each in found.lanes] == ["b"]

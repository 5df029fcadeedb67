"""Runs that a cron asks for and that there were not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.health.runs import Punctuality, last_due, punctuality, schedule_findings
from raceday_iac.health.watched import Grace
from raceday_iac.linting.expansion import expand

from .made import NOW, SINCE, ago, execution, function

HOURLY = "0 * * * *"


def look(*executions: object, schedule: str = HOURLY, changed: object = SINCE, **more: object) -> Punctuality:
    seen = function(*executions, schedule=schedule, changed=changed, **more)  # type: ignore[arg-type]
    return punctuality(seen, SINCE, NOW, Grace())


def every_hour(*missing: int) -> list[object]:
    return [execution(ago(hours=n)) for n in range(24) if n not in missing]


def test_a_function_that_ran_each_time_missed_nothing() -> None:
    found = look(*every_hour())
    # That of this very minute has its grace.
    assert (found.expected, found.missed, found.overdue) == (23, (), False)
    assert found.next == NOW + timedelta(hours=1)


def test_a_run_that_is_missing_in_between_is_missed_and_nothing_is_overdue() -> None:
    found = look(*every_hour(5))
    assert (found.missed, found.overdue) == ((ago(hours=5),), False)


def test_the_newest_run_missing_is_overdue() -> None:
    found = look(*every_hour(0, 1))
    assert (found.missed, found.overdue) == ((ago(hours=1),), True)
    assert [each.code for each in schedule_findings(function(schedule=HOURLY), found, NOW)] == ["run.overdue"]


def test_a_schedule_that_is_alive_again_is_not_overdue() -> None:
    found = look(*every_hour(1, 2))
    assert (found.missed, found.overdue) == ((ago(hours=2), ago(hours=1)), False)


@pytest.mark.parametrize(("minutes", "is_missed"), [(5, False), (6, True)])
def test_a_run_may_begin_late_within_the_grace(minutes: int, is_missed: bool) -> None:
    late = execution(ago(hours=5) + timedelta(minutes=minutes))
    assert bool(look(*every_hour(5), late).missed) is is_missed


def test_a_run_that_somebody_started_by_hand_does_not_count() -> None:
    assert look(*every_hour(5), execution(ago(hours=5), trigger="http")).missed == (ago(hours=5),)


def test_one_run_does_not_stand_for_two() -> None:
    runs = [execution(ago(minutes=n)) for n in range(10, 70) if n not in (31, 32)]
    found = punctuality(function(*runs, schedule="* * * * *"), ago(minutes=69), NOW, Grace())
    assert found.missed == (ago(minutes=32), ago(minutes=31), *(ago(minutes=n) for n in range(9, 4, -1)))


def test_nothing_is_missed_from_before_the_schedule_is_known_to_have_stood() -> None:
    found = look(changed=ago(hours=3, minutes=30))
    assert found.missed == (ago(hours=3), ago(hours=2), ago(hours=1))


def test_a_run_that_fits_the_schedule_shows_that_it_stood_before_the_last_change() -> None:
    found = look(execution(ago(hours=6)), changed=ago(minutes=90))
    assert found.missed == tuple(ago(hours=n) for n in (5, 4, 3, 2, 1))


def test_where_not_all_executions_were_read_only_those_are_checked() -> None:
    runs = [execution(ago(hours=n)) for n in (1, 2, 3)]
    assert look(*runs, is_cut=True).expected == 2


def test_what_the_scheduler_of_appwrite_starts_is_what_is_expected() -> None:
    """It starts the run of 08:30 and never one at 08:00, whatever the list says."""
    early, late = NOW.replace(day=16, hour=8, minute=30), NOW.replace(day=16, hour=20)
    found = look(execution(early), execution(late), schedule="0,30 20,8 * * *")
    assert (found.expected, found.missed) == (3, (late + timedelta(minutes=30),))
    assert found.next == early + timedelta(days=1)


@pytest.mark.parametrize("schedule", ["0 9 * * SUN-SAT", "0 22-2 * * *"])
def test_of_a_schedule_that_never_comes_nothing_is_expected(schedule: str) -> None:
    assert look(schedule=schedule) == Punctuality()


@pytest.mark.parametrize("schedule", ["", "not a cron"])
def test_without_a_schedule_nothing_is_expected(schedule: str) -> None:
    assert look(schedule=schedule) == Punctuality()


def test_the_newest_instant_that_has_passed() -> None:
    assert last_due("30 20 * * *", NOW, timedelta(minutes=5)) == ago(hours=5, minutes=30)
    assert last_due("0 2 * * *", NOW, timedelta(minutes=5)) == ago(hours=24)
    assert last_due("0 0 30 2 *", NOW, timedelta()) is None


@given(
    schedule=st.sampled_from(["*/5 * * * *", "0 * * * *", "*/15 21-23,0-11 * * *", "30 20 * * *", "0 3 1 1 *"]),
    delays=st.lists(st.integers(0, 290), min_size=1, max_size=5),
    lost=st.sets(st.integers(0, 300), max_size=6),
)
def test_what_is_missed_is_exactly_what_was_lost(schedule: str, delays: list[int], lost: set[int]) -> None:
    """However late each run begins within the grace, and whichever are lost."""
    runs = expand(schedule, SINCE.date(), 3)
    assert runs is not None
    due = [each for each in runs.runs_after(SINCE) if each <= NOW - Grace().schedule]
    kept = [each for number, each in enumerate(due) if number not in lost]
    began = [execution(each + timedelta(seconds=delays[n % len(delays)])) for n, each in enumerate(kept)]
    found = look(*began, schedule=schedule)
    assert found.expected == len(due)
    assert found.missed == tuple(each for number, each in enumerate(due) if number in lost)

"""When the scheduler starts what has a cron, and what it says of crons that it never starts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.cron import Cron, NoNextRun, next_run, parse

BEGIN = datetime(2025, 7, 17, 23, 59, tzinfo=UTC)
DAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str)
    span = st.tuples(st.integers(low, high), st.integers(low, high)).map(lambda ends: f"{ends[0]}-{ends[1]}")
    stepped = st.tuples(st.one_of(st.just("*"), span), st.integers(1, high + 2)).map(lambda two: f"{two[0]}/{two[1]}")
    item = st.one_of(number, span, stepped)
    return st.one_of(st.just("*"), item, st.lists(item, min_size=2, max_size=4).map(",".join))


MONTH_DAYS = st.one_of(numbers(1, 31), st.sampled_from(["L", "LW", "15W", "31W", "1W", "?", "L-3", "5-L"]))
WEEKDAYS = st.one_of(numbers(0, 7), st.sampled_from(["5L", "1#1", "5#5", "FRI-SUN", "MON-FRI/2", "*L", "1#1/2"]))
EXPRESSIONS = st.tuples(numbers(0, 59), numbers(0, 23), MONTH_DAYS, numbers(1, 12), WEEKDAYS).map(" ".join)


def comes_at(cron: Cron, run: datetime) -> bool:
    """What the scheduler does in the minute before."""
    try:
        return cron.next_run(run - timedelta(minutes=1)) == run
    except NoNextRun:
        return False


@given(expression=EXPRESSIONS, day=DAYS)
def test_a_day_has_the_runs_that_are_next_in_the_minute_before_them(expression: str, day: date) -> None:
    cron = parse(expression)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    # Every minute would be too slow; whatever is odd shows within some hours, and around midnight.
    minutes = [*range(200), *range(700, 800), *range(1300, 1440)]
    started = [minute for minute in minutes if comes_at(cron, midnight + timedelta(minutes=minute))]
    assert [minute for minute in cron.runs_on(day) if minute in set(minutes)] == started


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("5-5 * * * *", ["00:05", "01:05", "02:05"]),
        # The hours are gone along as they are listed; at half past, the minute before is within the hour already.
        ("0 20,8 * * *", ["20:00"]),
        ("30 20,8 * * *", ["08:30", "20:30"]),
        ("*/59 1-3 * * *", ["01:00", "01:59", "02:59", "03:59"]),
        ("*/5,*/7 5 * * *", [*(f"05:{minute:02}" for minute in range(0, 60, 5)), "05:56"]),
        ("0 22-23,0-2 * * *", ["00:00", "01:00", "02:00", "22:00", "23:00"]),
        ("0 22-2 * * *", []),
        ("*/60 7 * * *", ["07:00"]),
        ("*/61 7 * * *", ["07:01"]),
    ],
)
def test_the_runs_of_a_day_are_those_of_appwrite(expression: str, times: list[str]) -> None:
    minutes = parse(expression).runs_on(date(2025, 7, 18))
    assert [f"{minute // 60:02}:{minute % 60:02}" for minute in minutes][: max(3, len(times))] == times


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 0 31W * *", ["2025-07-31", "2025-08-29", "2025-09-01"]),
        ("0 0 15W 1-6 *", ["2026-01-15", "2026-02-16", "2026-03-16"]),
        ("0 12 15W * 1", ["2025-07-21", "2025-07-28", "2025-08-04", "2025-08-11", "2025-08-15"]),
        ("0 0 1 * 1#1", ["2025-08-01", "2025-08-04", "2025-09-01", "2025-10-01"]),
        ("0 0 * * SUN-FRI/2", ["2025-07-20", "2025-07-27"]),
        ("0 0 * * 5L", ["2025-07-25", "2025-08-29", "2025-09-26"]),
        ("0 0 LW * *", ["2025-07-30", "2025-08-31", "2025-09-01"]),
        ("0 0 * * 5-0", ["2025-07-18", "2025-07-19", "2025-07-20", "2025-07-25"]),
        ("0 0 * * FRI-SUN", ["2025-07-18", "2025-07-19", "2025-07-25", "2025-07-26"]),
        ("0 0 * * SAT-SUN", ["2025-07-19", "2025-07-26"]),
    ],
)
def test_days_are_those_of_appwrite(expression: str, days: list[str]) -> None:
    cron = parse(expression)
    found = list(cron.runs_between(BEGIN, BEGIN + timedelta(days=400)))[: len(days)]
    assert [run.date().isoformat() for run in found] == days


def test_a_window_has_its_first_instant_and_not_its_last() -> None:
    cron, begin = parse("*/10 * * * *"), datetime(2025, 7, 17, 10, tzinfo=UTC)
    minutes = [run.minute for run in cron.runs_between(begin, begin + timedelta(minutes=30))]
    assert minutes == [0, 10, 20]
    later = begin + timedelta(seconds=1)
    assert [run.minute for run in cron.runs_between(later, later + timedelta(minutes=30))] == [10, 20, 30]


def test_instants_of_any_zone_are_taken_and_runs_are_in_utc() -> None:
    auckland = timezone(timedelta(hours=12))
    assert next_run("0 19 * * *", datetime(2025, 7, 18, 6, 30, tzinfo=auckland)) == datetime(
        2025, 7, 17, 19, tzinfo=UTC
    )
    found = list(parse("0 19 * * *").runs_between(*(datetime(2025, 7, day, tzinfo=auckland) for day in (18, 19))))
    assert found == [datetime(2025, 7, 17, 19, tzinfo=UTC)]


def test_the_seconds_of_an_instant_do_not_count() -> None:
    at = datetime(2025, 7, 17, 10, 0, 59, 999_999, tzinfo=UTC)
    assert next_run("* * * * *", at) == datetime(2025, 7, 17, 10, 1, tzinfo=UTC)


def test_the_library_gives_up_after_a_thousand_steps() -> None:
    """A fifth Monday of February comes every 28 years: too far from just after one, near enough from later on."""
    assert next_run("0 0 * 2 1#5", datetime(2016, 3, 1, tzinfo=UTC)) is None
    assert next_run("0 0 * 2 1#5", datetime(2024, 3, 1, tzinfo=UTC)) == datetime(2044, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize("at", [datetime(9999, 12, 31, 23, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
def test_the_ends_of_the_calendar_are_no_mistake(at: datetime) -> None:
    assert next_run("0 0 31 2 *", at) is None


def test_a_step_below_zero_is_valid_and_never_comes() -> None:
    """PHP below 8.3 took it for its absolute value; Appwrite has 8.3 and later, where range() refuses it."""
    for expression in ("*/-5 * * * *", "0 */-2 * * *", "0 0 */-3 * *", "0 0 * */-1 *", "0 0 * * */-2"):
        assert next_run(expression, BEGIN) is None
    # Of one value there is nothing to step over.
    assert next_run("0 0 5-5/-1 * *", BEGIN) == datetime(2025, 8, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("0 22-2 * * *", "'22-2' is empty, because ranges do not wrap; write '0-2,22-23'"),
        ("0 9 * * SUN-SAT", "'SUN-SAT' is empty, because ranges do not wrap; write '0-6'"),
        ("0 9 * * 5-3", "write '0-3,5-6'"),
        ("0 9 * NOV-FEB *", "write '1-2,11-12'"),
        ("0 9 25-5 * *", "write '1-5,25-31'"),
        ("59-0 9 * * *", "write '0,59'"),
        ("0 23-7/2 * * *", "'23-7/2' is empty, because ranges do not wrap; write two ranges, each with its step"),
        ("0 9 L/2 * *", "'L/2' matches no day"),
        ("0 9 * * SUN-SUN", "'SUN-SUN' matches no day; write 'SUN'"),
        ("0 9 * JAN/2 *", "'JAN/2': a name with a step counts as 0; write numbers"),
        ("0 9 L-3 * *", "'L-3' matches no day; 'L' alone is the last day of the month"),
        ("0 9 * * *#1", "'*#1' matches no day; name one, as in '1#2' (the second Monday) or '5L' (the last Friday)"),
        ("0 0 30 2 *", "there is no such date"),
    ],
)
def test_what_never_runs_has_a_reason(expression: str, why: str) -> None:
    assert why in parse(expression).why_never(BEGIN)


@pytest.mark.parametrize("expression", ["* * * * *", "0 0 29 2 *", "0 0 * * FRI-SUN", "@yearly", "*/59 * * * *"])
def test_what_runs_at_some_time_has_no_reason_not_to(expression: str) -> None:
    assert parse(expression).why_never(BEGIN) == ""


@pytest.mark.parametrize(
    ("expression", "surprise"),
    [
        ("0 20,8 * * *", "it names 08:00, and Appwrite's scheduler starts nothing then"),
        ("*/59 * * * *", "it names 00:00, 01:00, 02:00, 03:00 and 20 more times a day"),
        ("*/5,*/7 * * * *", "it names 00:07"),
        ("9,10,2-5 * * * *", "it names 00:02"),
        ("0 0 * * FRI-SUN", "'FRI-SUN' leaves Sunday out; write '5-7'"),
        ("0 0 * * SAT-SUN", "write '6-7'"),
        ("0 0 * * MON-FRI/2", "'MON-FRI/2': a name with a step counts as 0"),
        ("0 0 LW * *", "'LW' is not the last working day"),
        ("0 8,22-2 * * *", "'22-2' is empty"),
        ("4-5,10-5/2 * * * *", "Appwrite's library fails at a part of it"),
    ],
)
def test_what_appwrite_reads_otherwise_is_a_surprise(expression: str, surprise: str) -> None:
    assert any(surprise in each for each in parse(expression).surprises())


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "*/15 21-23,0-11 * * *",
        "30 20,8 * * *",
        "0 0 L * *",
        "0 0 * * 5-7",
        "0 0 15W * 1",
        "0 0 ? * MON-FRI",
        "0 0 5-L * *",
    ],
)
def test_what_is_read_as_it_is_written_is_none(expression: str) -> None:
    assert list(parse(expression).surprises()) == []


@given(expression=EXPRESSIONS)
def test_whatever_is_valid_can_be_explained(expression: str) -> None:
    cron = parse(expression)
    assert bool(cron.why_never(BEGIN)) == (next_run(expression, BEGIN) is None)
    assert all(cron.surprises())

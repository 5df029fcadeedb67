from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest

from raceday_iac.cron import parse
from raceday_iac.linting.expansion import expand

from .made import BEGIN, runs_of

MIDNIGHT = datetime(2025, 7, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression", ["*/15 21-23,0-11 * * *", "30 20,8 1-7 * 1", "0 0 15W * *", "*/59 3 * * FRI-SUN"]
)
def test_runs_are_those_of_the_cron(expression: str) -> None:
    found = list(islice(runs_of(expression).runs_after(MIDNIGHT), 50))
    window = parse(expression).runs_between(MIDNIGHT + timedelta(minutes=1), MIDNIGHT + timedelta(days=365))
    assert found == list(islice(window, 50))


def test_days_that_fire_alike_share_their_minutes() -> None:
    """A year of every minute would be half a million numbers."""
    runs = runs_of("* * * * *")
    assert len({id(each) for each in runs.by_day}) == 1
    assert runs.total == 365 * 1440


def test_a_day_after_one_without_runs_may_begin_otherwise() -> None:
    """To the midnight after a day that fits, the library does not come; to that after any other day it does."""
    runs = expand("*/59 * 1,2 8 *", date(2025, 7, 31), 4)
    assert runs is not None
    assert [each[:2] for each in runs.by_day] == [(), (0, 59), (59, 119), ()]
    assert runs.minutes[:3] == (0, 59, 119)


@pytest.mark.parametrize("expression", ["", "* * * *", "61 * * * *", "* * * * * *", "nonsense"])
def test_what_is_no_cron_has_no_runs(expression: str) -> None:
    assert expand(expression, BEGIN) is None


@pytest.mark.parametrize(
    ("expression", "minutes"), [("*/1 * * * *", 1), ("*/10 * * * *", 10), ("0 19 * * *", 1440), ("0,50 23 * * *", 50)]
)
def test_the_shortest_gap_is_found_within_a_day_and_across_days(expression: str, minutes: int) -> None:
    gap = runs_of(expression).shortest_gap
    assert gap is not None
    assert gap[0] == timedelta(minutes=minutes)


def test_the_gap_over_midnight_counts() -> None:
    gap = runs_of("55,5 0,23 * * *").shortest_gap
    assert gap == (timedelta(minutes=10), datetime(2025, 7, 18, 0, 5, tzinfo=UTC))


def test_thirty_first_of_february_never_comes() -> None:
    assert runs_of("0 0 31 2 *").is_empty


def test_a_run_of_the_day_before_the_first_reaches_into_it() -> None:
    assert runs_of("55 23 16 7 *").occupied(0, 600) == 0b11111
    assert runs_of("55 23 15 7 *").occupied(0, 600) == 0


def test_a_run_reaches_into_the_next_day() -> None:
    runs = runs_of("55 23 * * *")
    assert runs.occupied(1, 600) == (0b11111) | (0b11111 << 1435)

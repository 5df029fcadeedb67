"""Crons of the legacy system."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from raceday_iac.raceday.simulation.legacy_world import FUNCTIONS, TIMEOUTS, occurrences

BEGIN = datetime(2025, 7, 16, 18, tzinfo=UTC).timestamp()
DAY = 86400.0


def clock(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%H:%M")


def test_there_are_nine_functions_and_three_have_no_schedule() -> None:
    assert (len(FUNCTIONS), sum(each.cron is None for each in FUNCTIONS)) == (9, 3)
    assert TIMEOUTS["master-race-scheduler"] == 120


@pytest.mark.parametrize(
    ("cron", "times"), [("30 20 * * *", 1), ("*/10 * * * *", 144), ("*/15 21-23,0-11 * * *", 60), ("*/1 * * * *", 1440)]
)
def test_a_cron_fires_as_often_as_it_says(cron: str, times: int) -> None:
    assert len(list(occurrences(cron, BEGIN, BEGIN + DAY))) == times


def test_the_hours_of_a_cron_are_utc() -> None:
    instants = [clock(instant) for instant in occurrences("*/15 21-23,0-11 * * *", BEGIN, BEGIN + DAY)]
    assert (instants[0], instants[-1]) == ("21:00", "11:45")


def test_the_first_instant_is_included_and_the_last_is_not() -> None:
    assert [clock(instant) for instant in occurrences("*/1 * * * *", BEGIN, BEGIN + 120)] == ["18:00", "18:01"]
    assert [clock(instant) for instant in occurrences("*/1 * * * *", BEGIN + 1, BEGIN + 121)] == ["18:01", "18:02"]


def test_a_cron_may_have_days() -> None:
    assert [clock(instant) for instant in occurrences("0 3 17 7 *", BEGIN, BEGIN + 9 * DAY)] == ["03:00"]

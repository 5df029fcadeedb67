"""The legacy interval table, both sides of every threshold."""

from __future__ import annotations

import pytest

from raceday_iac.raceday.simulation.legacy import interval_minutes, is_due
from raceday_iac.raceday.simulation.legacy_world import RaceRow

from .cards import race


@pytest.mark.parametrize(
    ("status", "minutes", "interval"),
    [
        ("Open", 65.1, 30.0),
        ("Open", 65.0, 2.5),
        ("Open", 5.1, 2.5),
        ("Open", 5.0, 0.5),
        ("Open", 3.1, 0.5),
        ("Open", 3.0, 0.25),
        ("Open", -10.0, 0.25),
        ("Closed", 200.0, 0.25),
        ("Interim", 0.0, 0.5),
        ("Final", 0.0, None),
        ("Abandoned", 100.0, None),
    ],
)
def test_the_interval_follows_the_table(status: str, minutes: float, interval: float | None) -> None:
    assert interval_minutes(status, minutes) == interval


def row(start: float, last_poll: float | None) -> RaceRow:
    return RaceRow(race("r", start), last_poll=last_poll)


def test_a_race_never_polled_is_due_whatever_its_interval() -> None:
    assert is_due(row(10_000.0, None), 0.0)


@pytest.mark.parametrize(("since", "due"), [(149.0, False), (150.0, True)])
def test_a_race_is_due_when_its_interval_has_passed(since: float, due: bool) -> None:
    assert is_due(row(1_000.0 + 1800, 1_000.0 - since), 1_000.0) is due


@pytest.mark.parametrize(("late", "due"), [(60.0, True), (60.1, False)])
def test_a_race_an_hour_late_is_given_up(late: float, due: bool) -> None:
    assert is_due(row(0.0, None), late * 60) is due

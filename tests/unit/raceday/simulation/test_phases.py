"""Phases, both sides of every threshold."""

from __future__ import annotations

import pytest

from raceday_iac.raceday.simulation.day import count_phases, phase_of


@pytest.mark.parametrize(
    ("status", "minutes", "phase"),
    [
        ("Open", 65.1, "baseline"),
        ("Open", 65, "approaching"),
        ("Open", 5.1, "approaching"),
        ("Open", 5, "critical"),
        ("Open", 3.1, "critical"),
        ("Open", 3, "jump"),
        ("Open", -20, "jump"),
        ("Closed", 30, "closed"),
        ("Running", -1, "closed"),
        ("Interim", -4, "interim"),
        ("Final", -8, "terminal"),
        ("Abandoned", 90, "terminal"),
    ],
)
def test_a_race_is_in_the_phase_of_its_status_and_time(status: str, minutes: float, phase: str) -> None:
    assert phase_of(status, minutes) == phase


def test_phases_are_counted_in_the_order_of_a_race_s_life() -> None:
    assert list(count_phases(["other", "jump", "baseline", "jump"]).items()) == [
        ("baseline", 1), ("jump", 2), ("other", 1),
    ]  # fmt: skip

"""Days on which NZ TAB misbehaves about some races. In twelve of them it does everything that it can do wrong twice, to
each answer and to every other one. HOSTILE_DAYS=200 lives through that many."""

from __future__ import annotations

import os
from typing import Any

import pytest

from .hostile_day import HostileDay

DAYS = int(os.environ.get("HOSTILE_DAYS", "12"))


@pytest.mark.parametrize("seed", range(DAYS))
def test_every_other_race_is_polled_on_time_and_every_run_says_how_it_ended(raceday: Any, seed: int) -> None:
    day = HostileDay(raceday, seed).live()

    told = {race: f"{each.kind} every {each.every}" for race, each in day.hostile.items()}
    assert list(day.problems()) == [], told
    assert sum(len(day.polls[race.id]) for race in day.good) > 10 * len(day.good)

"""Days on which NZ TAB misbehaves about some races. In twelve of them it does everything that it can do wrong twice, to
each answer and to every other one. HOSTILE_DAYS=200 lives through that many."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from raceday_iac.devserver.ages import MAIN

from .hostile_day import HostileDay
from .raceday import Raceday, fresh, set_up_database

DAYS = int(os.environ.get("HOSTILE_DAYS", "12"))


@pytest.fixture(scope="session")
def newest_data(tmp_path_factory: pytest.TempPathFactory, bundles: Path) -> Path:
    """As `raceday_data`, of the newest Appwrite."""
    data = tmp_path_factory.mktemp("newest") / "data"
    set_up_database(data, bundles, MAIN)
    return data


@pytest.fixture
def somewhere(seed: int, tmp_path: Path, raceday_data: Path, newest_data: Path, bundles: Path) -> Iterator[Raceday]:
    """The recorded day on the oldest Appwrite and on the newest by turns."""
    data = fresh(newest_data if seed % 2 else raceday_data, tmp_path / "data")
    made = Raceday(data, bundles, datetime(2025, 7, 16, 19, 0, tzinfo=UTC))
    yield made
    made.close()


@pytest.mark.parametrize("seed", range(DAYS))
def test_every_other_race_is_polled_on_time_and_every_run_says_how_it_ended(somewhere: Raceday, seed: int) -> None:
    day = HostileDay(somewhere, seed).live()

    reported = {race: f"{each.kind} every {each.every}" for race, each in day.hostile.items()}
    assert list(day.problems()) == [], reported
    assert sum(len(day.polls[race.id]) for race in day.good) > 10 * len(day.good)

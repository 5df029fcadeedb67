"""Cards and days for the tests of the legacy model."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path

from raceday_iac.raceday.simulation.legacy import LegacyDay, simulate_legacy
from raceday_iac.raceday.simulation.legacy_world import NZ, CardRace, card_of

SAMPLE = Path(__file__).parents[3] / "data" / "raceday" / "card-2025-07-17.json"


def sample_card() -> tuple[CardRace, ...]:
    """The 96 imported races of 17 July 2025, all punctual."""
    return card_of(json.loads(SAMPLE.read_text(encoding="utf-8"))["races"])


@cache
def sample_day(*schedules: str) -> LegacyDay:
    """The sample day, with only these functions' schedules, or all."""
    begin, end = day_bounds(date(2025, 7, 17))
    return simulate_legacy(sample_card(), begin, end, schedules=schedules or None)


def day_bounds(day: date) -> tuple[float, float]:
    """From six in the morning to six in the morning, on New Zealand's clock."""
    return at(day, 6), at(day + timedelta(days=1), 6)


def at(day: date, hour: int, minute: int = 0) -> float:
    return datetime.combine(day, time(hour, minute), NZ).timestamp()


def race(name: str, start: float, *, meeting: str = "m", final: float | None = 480, **fields: float) -> CardRace:
    """A race that jumps at its advertised start; `final` is seconds after it."""
    return CardRace(name, meeting, start, start, None if final is None else start + final, **fields)  # type: ignore[arg-type]

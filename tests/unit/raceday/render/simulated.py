"""A small race day with one of everything, for the tests of its renderers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from raceday_iac.raceday.simulation.ledger import Occupation, Outcome, Run
from raceday_iac.raceday.simulation.report import DayReport, Duplicates, Invariant, Polls, Quantiles, compare_runs
from raceday_iac.raceday.simulation_picture import NZ_TIME

NZ = NZ_TIME.zone
BEGIN = datetime(2025, 7, 17, 6, tzinfo=NZ).timestamp()
END = BEGIN + 86400
HOUR = 3600.0

NOW = (
    Run("daily-races", BEGIN + 2 * HOUR, BEGIN + 2 * HOUR + 200, appwrite_requests=40, polls=96),
    Run("enhanced-race-poller", BEGIN + 6 * HOUR, BEGIN + 6 * HOUR + 100, (), 60, 12),
    Run("enhanced-race-poller", BEGIN + 6 * HOUR + 50, BEGIN + 6 * HOUR + 50.1, outcome=Outcome.REFUSED),
    Run("master-race-scheduler", BEGIN + 6 * HOUR, BEGIN + 6 * HOUR + 1, outcome=Outcome.FAILED),
)


def _poller(function: str, start: float, end: float) -> Run:
    return Run(function, start, end, (Occupation("r", start, end),), appwrite_requests=500, polls=1)


LEGACY = (
    _poller("enhanced-race-poller", BEGIN + 8 * HOUR, BEGIN + 8 * HOUR + 20),
    _poller("enhanced-race-poller", BEGIN + 8 * HOUR + 5, BEGIN + 8 * HOUR + 25),
    _poller("race-data-poller", BEGIN + 8 * HOUR + 10, BEGIN + 8 * HOUR + 40),
)


def day_report(**fields: Any) -> DayReport:
    """A report of that day, with these fields changed."""
    given: dict[str, Any] = {
        "day": "2025-07-17",
        "seed": 7,
        "races": 96,
        "begin": BEGIN,
        "end": END,
        **compare_runs(NOW, LEGACY),
        "duplicates": Duplicates(1, {"cpu_ms": 1234.4, "requests": 58}),
        "lock_latency_ms": Quantiles.of([5.0, 6.0, 7.0]),
        "status_delay_seconds": Quantiles.of([]),
        "invariants": (Invariant("no two writers", 1200),),
        "polls": Polls({"baseline": 96, "settling": 4}, 12.5),
        "legacy_polls": Polls({"baseline": 2, "terminal": 1}, 3.0),
        "assumptions": ("Nothing fails.",),
        "race_starts": (BEGIN + 7 * HOUR, BEGIN + 9 * HOUR),
    }
    return DayReport(**{**given, **fields})

"""The report of a day as a value."""

from __future__ import annotations

import json

import pytest

from raceday_iac.raceday.simulation.ledger import Occupation, Outcome, Run
from raceday_iac.raceday.simulation.report import (
    EXAMPLES,
    Comparison,
    DayReport,
    FunctionCount,
    Invariant,
    Polls,
    Quantiles,
    compare_runs,
    count_executions,
)

NOW = (
    Run("poller", 0, 100, (Occupation("r", 0, 50),), appwrite_requests=5),
    Run("poller", 60, 60.1, outcome=Outcome.REFUSED, appwrite_requests=2),
    Run("poller", 120, 130, outcome=Outcome.FAILED),
)
LEGACY = (
    Run("poller", 0, 100, (Occupation("r", 0, 50),), appwrite_requests=500),
    Run("poller", 60, 90, (Occupation("r", 40, 70),), appwrite_requests=500),
)


def report(**fields: object) -> DayReport:
    return DayReport("2025-07-17", 7, 1, 0, 86400, **{**compare_runs(NOW, LEGACY), **fields})  # type: ignore[arg-type]


def test_executions_are_counted_by_function_and_outcome() -> None:
    assert count_executions(NOW) == {"poller": FunctionCount(3, 1, 1, pytest.approx(110.1))}


def test_runs_are_compared_by_the_same_rules() -> None:
    compared = report()
    once = Comparison(1, 0, {"poller": 1}, {})
    assert (compared.overlaps, compared.conflicts) == (once, once)
    assert (compared.refused_overlaps, compared.duplicates.refused) == (1, 1)
    assert (compared.appwrite_requests.total, compared.appwrite_requests.legacy) == (7, 1000)


def test_the_json_has_what_is_promised() -> None:
    document = json.loads(json.dumps(report().to_json()))
    assert document.keys() >= {
        "formatVersion", "day", "seed", "races", "executions", "overlaps", "conflicts", "appwrite_requests",
        "lock_latency_ms", "invariants", "polls", "status_delay_seconds", "duplicates", "assumptions",
    }  # fmt: skip
    assert document["overlaps"] == {
        "legacy": 1,
        "with_locks": 0,
        "reduction": 100.0,
        "by_function": {"legacy": {"poller": 1}, "with_locks": {}},
        "with_refused_duplicates": 1,
    }
    assert document["executions"]["poller"] == {"count": 3, "refused": 1, "failed": 1, "totalSeconds": 110.1}
    assert document["appwrite_requests"].keys() >= {"total", "by_function", "legacy"}
    assert document["lock_latency_ms"].keys() >= {"p50", "p95", "p99"}
    assert document["status_delay_seconds"].keys() >= {"p50", "p95", "max"}


def test_quantiles_are_values_that_were_measured() -> None:
    assert Quantiles.of(range(1, 101)) == Quantiles(100, 50, 95, 99, 100)
    assert Quantiles.of([3.0]) == Quantiles(1, 3.0, 3.0, 3.0, 3.0)
    assert Quantiles.of([]).to_json() == {"p50": None, "p95": None, "p99": None, "max": None, "count": 0}


def test_violations_are_counted_whole_and_shown_in_part() -> None:
    broken = Invariant("no race twice at once", 400, 30, tuple(f"race {n}" for n in range(30)))
    document = report(invariants=(Invariant("fine", 9), broken)).to_json()
    assert document["violations"] == 30
    assert [len(each["examples"]) for each in document["invariants"]] == [0, EXAMPLES]


def test_polls_are_summed_over_phases() -> None:
    assert Polls({"baseline": 3, "near": 4}, 7.0).to_json() == {
        "total": 7, "by_phase": {"baseline": 3, "near": 4}, "per_race_mean": 7.0,
    }  # fmt: skip

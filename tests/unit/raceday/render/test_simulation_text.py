"""A race day on a terminal."""

from __future__ import annotations

from typing import Any

from raceday_iac.raceday.simulation.report import DayReport, Invariant
from raceday_iac.raceday.simulation_page import simulation_lines

from .simulated import day_report


def shown(report: DayReport, **settings: Any) -> str:
    return "\n".join(line.text for line in simulation_lines(report, **settings))


def test_it_begins_with_the_day_and_the_comparison() -> None:
    assert shown(day_report()).splitlines()[:11] == [
        "Race day Thursday 17 July 2025",
        "96 races, seed 7, now, with locks",
        "",
        "Against the legacy schedules",
        "                           legacy   now    fewer",
        "  Overlapping executions        3     0    100 %",
        "  Execution conflicts           3     0    100 %",
        "  Appwrite requests         1,500   100   93.3 %",
        "",
        "Invariants",
        "  ok        no two writers     1,200 checked",
    ]


def test_columns_are_aligned() -> None:
    lines = shown(day_report()).splitlines()
    start = lines.index("Executions")
    table = lines[start + 1 : lines.index("", start)]
    assert len({len(line) for line in table}) == 1


def test_a_day_without_locks_says_so() -> None:
    assert "now, without locks" in shown(day_report(options={"locks": False}))


def test_violations_are_shown_with_examples_and_how_many_more() -> None:
    broken = Invariant("no two writers", 90, 12, tuple(f"race {n}" for n in range(12)))
    text = shown(day_report(invariants=(broken,)))
    assert "VIOLATED  no two writers        90 checked, 12 violations" in text
    assert "race 2" in text
    assert "race 3" not in text
    assert "and 9 more" in text
    assert "race 11" in shown(day_report(invariants=(broken,)), verbose=True)


def test_an_invariant_that_had_nothing_to_check_does_not_look_as_if_it_held() -> None:
    text = shown(day_report(invariants=(Invariant("nothing is lost", 0), Invariant("no two writers", 90))))
    assert "  -         nothing is lost   nothing to check" in text.splitlines()
    assert text.count("  ok  ") == 1


def test_who_clashed_with_whom_is_for_those_who_ask() -> None:
    asked = "overlap: enhanced-race-poller + race-data-poller"
    assert asked not in shown(day_report())
    assert asked in shown(day_report(), verbose=True)


def test_assumptions_are_always_printed() -> None:
    assert shown(day_report()).endswith("Assumptions of the legacy model\n  - Nothing fails.")

"""Overlaps and conflicts, each side of the definitions."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.raceday.simulation.day import (
    Period,
    clashes_by_function,
    conflicts,
    meeting_pairs,
    overlaps,
    overlaps_with_refused,
    reduction,
)
from raceday_iac.raceday.simulation.ledger import Occupation, Outcome, Run


def run(function: str, start: float, end: float, *races: str, outcome: Outcome = Outcome.COMPLETED) -> Run:
    """A run that holds its races all the time."""
    return Run(function, start, end, tuple(Occupation(race, start, end) for race in races), outcome=outcome)


def test_two_runs_of_one_function_at_once_overlap() -> None:
    assert len(overlaps([run("a", 0, 10), run("a", 9, 12)])) == 1


def test_a_run_that_starts_when_another_ends_does_not_overlap() -> None:
    assert overlaps([run("a", 0, 10), run("a", 10, 12)]) == ()


def test_runs_of_different_functions_do_not_overlap_even_on_one_race() -> None:
    assert overlaps([run("daily-races", 0, 10, "r"), run("enhanced-race-poller", 0, 10, "r")]) == ()


def test_two_pollers_overlap_only_when_they_share_a_race() -> None:
    poller = run("enhanced-race-poller", 0, 10, "r")
    assert len(overlaps([poller, run("race-data-poller", 5, 15, "r")])) == 1
    assert overlaps([poller, run("race-data-poller", 5, 15, "s")]) == ()


def test_three_at_once_are_three_pairs() -> None:
    assert len(overlaps([run("a", 0, 10), run("a", 1, 10), run("a", 2, 10)])) == 3


def test_a_refused_duplicate_overlaps_only_where_it_is_asked_for() -> None:
    runs = [run("a", 0, 10), run("a", 5, 5.1, outcome=Outcome.REFUSED)]
    assert (len(overlaps(runs)), len(overlaps_with_refused(runs))) == (0, 1)


def test_a_conflict_needs_the_same_race_at_the_same_instant() -> None:
    first = Run("a", 0, 10, (Occupation("r", 0, 4), Occupation("s", 4, 10)))
    later = Run("b", 0, 10, (Occupation("s", 0, 4), Occupation("r", 4, 10)))
    meeting = Run("c", 0, 10, (Occupation("r", 3, 5),))
    assert conflicts([first, later]) == ()
    assert [clash.subject for clash in conflicts([first, later, meeting])] == ["r", "r"]


def test_a_pair_conflicts_once_per_race_however_often_it_meets() -> None:
    first = Run("a", 0, 10, tuple(Occupation("r", t, t + 1) for t in range(10)))
    other = Run("b", 0, 10, tuple(Occupation("r", t, t + 1) for t in range(10)))
    assert len(conflicts([first, other])) == 1


def test_two_runs_conflict_once_for_each_race_they_share() -> None:
    assert len(conflicts([run("a", 0, 10, "r", "s", "t"), run("b", 5, 10, "s", "t", "u")])) == 2


def test_a_run_does_not_conflict_with_itself() -> None:
    assert conflicts([Run("a", 0, 10, (Occupation("r", 0, 5), Occupation("r", 3, 8)))]) == ()


def test_a_clash_says_when_it_was() -> None:
    (clash,) = conflicts([run("a", 0, 10, "r"), run("b", 7, 20, "r")])
    assert (clash.begin, clash.end) == (7, 10)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ((5, 5), (5, 5), True),
        ((5, 5), (5, 9), True),
        ((1, 9), (5, 5), True),
        ((1, 5), (5, 5), False),
        ((4, 4), (5, 5), False),
    ],
)
def test_work_that_takes_no_time_still_meets_what_is_there(
    one: tuple[float, float], other: tuple[float, float], meet: bool
) -> None:
    assert bool(list(meeting_pairs([Period(*one, 0), Period(*other, 1)]))) is meet


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), max_size=12))
def test_the_sweep_finds_the_pairs_that_comparing_all_with_all_finds(spans: list[tuple[int, int]]) -> None:
    periods = [Period(begin, begin + length, owner) for owner, (begin, length) in enumerate(spans)]
    swept = {frozenset((one.owner, other.owner)) for one, other in meeting_pairs(periods)}
    slow = {
        frozenset((one.owner, other.owner))
        for one, other in combinations(periods, 2)
        if (one.begin < other.end and other.begin < one.end) or one.begin == other.begin
    }
    assert swept == slow


@pytest.mark.parametrize(
    ("legacy", "now", "expected"), [(200, 10, 95.0), (7, 0, 100.0), (0, 0, 0.0), (0, 5, 0.0), (10, 12, 0.0)]
)
def test_reduction_is_a_percentage(legacy: int, now: int, expected: float) -> None:
    assert reduction(legacy, now) == expected


def test_clashes_are_counted_by_the_functions_involved() -> None:
    found = conflicts([run("b", 0, 9, "r"), run("a", 0, 9, "r"), run("a", 0, 9, "r")])
    assert clashes_by_function(found) == {"a": 1, "a + b": 2}

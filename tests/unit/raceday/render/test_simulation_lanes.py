"""Lanes: who stands on whom."""

from __future__ import annotations

from raceday_iac.raceday.simulation.ledger import Occupation, Outcome, Run
from raceday_iac.raceday.simulation_picture import Kind, lanes


def placed(*runs: Run) -> list[tuple[int, Kind]]:
    (lane,) = lanes(runs)
    return [(each.level, each.kind) for each in lane.placed]


def test_runs_one_after_another_stand_on_the_floor() -> None:
    assert placed(Run("f", 0, 10), Run("f", 10, 20)) == [(0, Kind.RUN), (0, Kind.RUN)]


def test_a_run_during_another_stands_on_it_and_is_marked() -> None:
    assert placed(Run("f", 0, 10), Run("f", 5, 20), Run("f", 12, 15)) == [
        (0, Kind.RUN), (1, Kind.CLASH), (0, Kind.CLASH),
    ]  # fmt: skip


def test_a_lane_is_as_high_as_its_busiest_instant() -> None:
    (lane,) = lanes([Run("f", 0, 10), Run("f", 1, 10), Run("f", 2, 10), Run("f", 20, 30)])
    assert (lane.levels, lane.count(Kind.CLASH)) == (3, 2)


def test_a_refused_run_takes_no_place() -> None:
    assert placed(Run("f", 0, 10), Run("f", 5, 5.1, outcome=Outcome.REFUSED), Run("f", 10, 20)) == [
        (0, Kind.RUN), (0, Kind.REFUSED), (0, Kind.RUN),
    ]  # fmt: skip


def test_another_poller_of_the_same_race_is_marked_in_its_own_lane() -> None:
    first, second = lanes(
        [
            Run("enhanced-race-poller", 0, 10, (Occupation("r", 0, 10),)),
            Run("race-data-poller", 5, 10, (Occupation("r", 5, 10),)),
        ]
    )
    assert ([each.kind for each in first.placed], [each.kind for each in second.placed]) == ([Kind.RUN], [Kind.CLASH])


def test_lanes_come_in_the_order_of_a_day_and_unknown_functions_last() -> None:
    names = ("zebra", "meeting-status-poller", "daily-meetings", "apple", "master-race-scheduler")
    assert [lane.function for lane in lanes([Run(name, 0, 1) for name in names])] == [
        "daily-meetings", "master-race-scheduler", "meeting-status-poller", "apple", "zebra",
    ]  # fmt: skip

"""The picture: one well-formed SVG that stands alone."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from raceday_iac.raceday.simulation.ledger import Run
from raceday_iac.raceday.simulation.report import compare_runs
from raceday_iac.raceday.simulation_picture import busiest_hour, day_name, timeline_svg

from .simulated import BEGIN, HOUR, day_report

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def classes(svg: str) -> set[str]:
    return {node.get("class", "") for node in ElementTree.fromstring(svg).iter()}


def test_the_picture_is_well_formed_and_loads_nothing() -> None:
    svg = timeline_svg(day_report())
    assert ElementTree.fromstring(svg).tag == f"{SVG}svg"
    assert not re.search(r"url\(|href|<script|<image|@import", svg)
    assert re.findall(r"https?://[^\"' ]+", svg) == ["http://www.w3.org/2000/svg"]


def test_both_sides_have_their_lanes_and_totals() -> None:
    shown = texts(timeline_svg(day_report()))
    assert [text for text in shown if text.endswith(("poller", "scheduler", "races"))] == [
        "daily-races", "master-race-scheduler", "enhanced-race-poller", "enhanced-race-poller", "race-data-poller",
    ]  # fmt: skip
    assert "1 run, 1 refused" in shown
    assert "2 runs, 1 overlapping" in shown
    assert "0 overlaps · 0 conflicts · 100 Appwrite requests" in shown
    assert "3 overlaps · 3 conflicts · 1,500 Appwrite requests" in shown


def test_the_axis_names_the_clocks_the_boundary_and_the_quiet_window() -> None:
    shown = texts(timeline_svg(day_report()))
    assert {"NZST", "UTC", "NZ date changes", "quiet window", "06:00", "18:00"} <= set(shown)


def test_overlaps_refusals_and_failures_are_distinguished() -> None:
    assert {"now", "legacy", "clash", "failed", "refused-tick"} <= classes(timeline_svg(day_report()))


def test_a_detail_shows_only_what_ran_in_it() -> None:
    shown = texts(timeline_svg(day_report(), begin=BEGIN + 8 * HOUR, end=BEGIN + 9 * HOUR))
    assert "daily-races" not in shown
    assert "14:00" in shown
    assert "Race day Thursday 17 July 2025, 14:00 to 15:00" in shown


def test_the_busiest_hour_is_the_one_with_most_legacy_conflicts() -> None:
    assert busiest_hour(day_report()) == (BEGIN + 8 * HOUR, BEGIN + 9 * HOUR)


def test_a_day_on_which_nothing_ran_is_still_a_picture() -> None:
    empty = day_report(**compare_runs([], []), race_starts=())
    assert busiest_hour(empty) == (BEGIN, BEGIN + HOUR)
    assert "quiet window" in texts(timeline_svg(empty))


def test_bars_that_touch_are_joined() -> None:
    def bars(runs: list[Run]) -> int:
        svg = timeline_svg(day_report(**compare_runs(runs, [])))
        lane = next(n for n in ElementTree.fromstring(svg).iter(f"{SVG}path") if n.get("class") == "now")
        return lane.get("d", "").count("M")

    every_minute = [Run("f", BEGIN + 60 * n, BEGIN + 60 * n + 1) for n in range(600)]
    assert (bars(every_minute), bars(every_minute[::60])) == (1, 10)


def test_names_are_escaped() -> None:
    svg = timeline_svg(day_report(**compare_runs([Run("<b>&", BEGIN, BEGIN + 1)], []), day="<i>"))
    assert {"<b>&", "Race day <i>"} <= set(texts(svg))


@pytest.mark.parametrize(("day", "name"), [("2025-07-17", "Thursday 17 July 2025"), ("someday", "someday")])
def test_a_day_is_named_as_people_say_it(day: str, name: str) -> None:
    assert day_name(day) == name

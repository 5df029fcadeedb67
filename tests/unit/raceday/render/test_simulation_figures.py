"""Numbers as text."""

from __future__ import annotations

import pytest

from raceday_iac.raceday.simulation_page import (
    comparison_table,
    duplicate_table,
    duration,
    execution_table,
    latency_table,
    percent,
    poll_table,
    request_table,
    tables,
)

from .simulated import day_report


def test_the_comparison_has_legacy_now_and_the_reduction() -> None:
    assert comparison_table(day_report()).rows == (
        ("Overlapping executions", "3", "0", "100 %"),
        ("Execution conflicts", "3", "0", "100 %"),
        ("Appwrite requests", "1,500", "100", "93.3 %"),
    )


def test_executions_are_summed() -> None:
    assert execution_table(day_report()).foot == ("together", "4", "1", "1", "5 min 01 s")


def test_requests_name_the_functions_of_both_sides() -> None:
    assert [row[0] for row in request_table(day_report()).rows] == [
        "daily-races", "enhanced-race-poller", "master-race-scheduler", "race-data-poller",
    ]  # fmt: skip


def test_polls_come_in_the_order_of_a_race_s_life() -> None:
    assert [row[0] for row in poll_table(day_report()).rows] == ["baseline", "settling", "terminal", "mean per race"]


def test_what_was_not_measured_is_a_dash() -> None:
    assert [row[1:] for row in latency_table(day_report()).rows] == [
        ("3", "6.00", "7.00", "7.00", "7.00"),
        ("0", "-", "-", "-", "-"),
    ]


def test_duplicates_say_what_they_saved_and_that_they_met() -> None:
    rows = dict(duplicate_table(day_report()).rows)
    assert (rows["refused by the lock"], rows["saved CPU ms"], rows["saved requests"]) == ("1", "1,234", "58")
    assert rows["met a running one of their kind (no overlap: they did nothing)"] == "1"


def test_every_row_has_a_cell_for_every_column() -> None:
    for table in tables(day_report()):
        assert {len(row) for row in (*table.rows, table.foot or table.head)} == {len(table.head)}


@pytest.mark.parametrize(
    ("value", "text"), [(100.0, "100 %"), (99.99, "99.9 %"), (93.33, "93.3 %"), (0.0, "0 %"), (60.0, "60 %")]
)
def test_a_percentage_is_never_rounded_up_to_all(value: float, text: str) -> None:
    assert percent(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.24, "4.2 s"), (59.9, "59.9 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (3720, "1 h 02 min")],
)
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text

from __future__ import annotations

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.model.cron import cron_problem

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@pytest.mark.parametrize(
    "expression",
    [
        "0 19 * * *",
        "30 20 * * *",
        "*/1 * * * *",
        "*/15 21-23,0-11 * * *",
        "0 0 1 1 0",
        "59 23 31 12 7",
        "0 0 * JAN MON-FRI",
        "0 0 * jan sun",
        "1-5/2 * * * *",
        "0 0 L * *",
        "0 0 15W * *",
        "0 0 * * 5L",
        "0 0 * * 1#2",
        "0 0 ? * 1",
    ],
)
def test_accepts_what_appwrite_accepts(expression: str) -> None:
    assert cron_problem(expression) == ""


@pytest.mark.parametrize("macro", ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"])
def test_accepts_macros(macro: str) -> None:
    assert cron_problem(macro) == ""


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("* * * * * *", "6 fields"),
        ("@reboot", "1 fields"),
        ("60 * * * *", "not a valid minute (0-59)"),
        ("-1 * * * *", "not a valid minute"),
        ("* 24 * * *", "not a valid hour (0-23)"),
        ("* * 0 * *", "not a valid day of month (1-31)"),
        ("* * 32 * *", "not a valid day of month"),
        ("* * * 0 *", "not a valid month (1-12)"),
        ("* * * 13 *", "not a valid month"),
        ("* * * * 8", "not a valid day of week (0-7)"),
        ("5-1 * * * *", "not a valid minute"),
        ("*/0 * * * *", "not a valid minute"),
        ("*/x * * * *", "not a valid minute"),
        ("1,,2 * * * *", "not a valid minute"),
        ("1, * * * *", "not a valid minute"),
        ("1-2-3 * * * *", "not a valid minute"),
        ("* * * FEBRUARY *", "not a valid month"),
        ("MON * * * *", "not a valid minute"),
        ("L * * * *", "not a valid minute"),
        ("* * * * monday", "not a valid day of week"),
    ],
)
def test_says_which_field_is_wrong_and_what_it_may_be(expression: str, said: str) -> None:
    assert said in cron_problem(expression)


@given(st.tuples(*(st.integers(low, high) for low, high in RANGES)))
def test_every_combination_of_numbers_in_range_is_valid(numbers: tuple[int, ...]) -> None:
    assert cron_problem(" ".join(map(str, numbers))) == ""


@given(st.tuples(*(st.one_of(st.just("*"), st.integers(low, high).map(str)) for low, high in RANGES)))
def test_what_is_accepted_has_a_next_run(fields: tuple[str, ...]) -> None:
    expression = " ".join(fields)
    assert cron_problem(expression) == ""
    assert croniter.is_valid(expression)


@given(st.integers(0, 4), st.integers())
def test_a_number_is_valid_exactly_when_it_is_in_its_range(position: int, number: int) -> None:
    fields = ["*"] * 5
    fields[position] = str(number)
    low, high = RANGES[position]
    assert (cron_problem(" ".join(fields)) == "") == (low <= number <= high)

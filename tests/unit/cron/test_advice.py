"""What people learn about an expression that Appwrite refuses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.cron import CronError, cron_problem, parse
from raceday_iac.cron.fields import FIELDS

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@pytest.mark.parametrize(
    "expression",
    [
        "0 19 * * *",
        "*/15 21-23,0-11 * * *",
        "0 0 * jan sun",
        "1-5/2 * * * *",
        "0 0 L * *",
        "0 0 15W * *",
        "0 0 * * 5L",
        "0 0 * * 1#2",
        "0 0 ? * 1",
        "@midnight",
        "@Daily",
        "0 9 * * FRI-SUN",
        "0 9 * * 5-0",
        "0 9 * * SAT-SUN",
        "0 0 * * MONL",
        "0 0 * * 0L",
        "0 0 LW * *",
        "  0\t0 * * *\n",
    ],
)
def test_what_appwrite_takes_is_taken(expression: str) -> None:
    assert cron_problem(expression) == ""


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "it has 0 fields"),
        ("* * * *", "it has 4 fields; a cron has 5 (minute hour day month weekday)"),
        ("* * * * * *", "6 fields; a cron has 5 (minute hour day month weekday), no seconds and no year"),
        ("@reboot", "1 field; a cron has 5 (minute hour day month weekday), or is one of @yearly, @annually"),
        (" @daily", "1 field;"),
        ("60 * * * *", "'60' is not a valid minute (0-59)"),
        ("* 24 * * *", "'24' is not a valid hour (0-23)"),
        ("* * 0 * *", "'0' is not a valid day of month (1-31)"),
        ("* * * 13 *", "'13' is not a valid month (1-12)"),
        ("* * * * 8", "'8' is not a valid day of week (0-7)"),
        ("-1 * * * *", "'-1' is not a valid minute"),
        ("1,60 * * * *", "'60' is not a valid minute"),
        ("1,,2 * * * *", "'' is not a valid minute (0-59); there is a comma too many"),
        ("1-2-3 * * * *", "'1-2-3' is not a valid minute"),
        ("0/15 * * * *", "a step needs a range: write '0-59/15' or '*/15'"),
        ("5/15 * * * *", "a step needs a range: write '5-59/15' or '*/15'"),
        ("0 0/2 * * *", "write '0-23/2' or '*/2'"),
        ("0 0 * * 1/2", "write '1-6/2' or '*/2'"),
        ("0 0 * * 7/2", "write '0-6/2' or '*/2'"),
        ("*/0 * * * *", "the step '0' must be a whole number from 1, without leading zeros"),
        ("*/05 * * * *", "the step '05' must be"),
        ("*/x * * * *", "the step 'x' must be"),
        ("? * * * *", "'?' is not a valid minute (0-59); write '*'"),
        ("* * * ? *", "'?' is not a valid month (1-12); write '*'"),
        ("0 0 ? * ?", "'?' can stand for the day of month or the day of week, not for both; write '*'"),
        ("0 0 99W * *", "'99W' is not a valid day of month (1-31)"),
        ("0 0 * * L", "write for example '5L' for the last Friday of the month"),
        ("0 0 * * 5#6", "with 1 to 5 after the '#'"),
        ("0 0 5#2 * *", "'5#2' is not a valid day of month"),
        ("0 0 foo#bar * *", "'foo#bar' is not a valid day of month"),
        ("0 0 fooL * *", "'fooL' is not a valid day of month"),
        ("0 0 1,L * *", "'1,L' is not a valid day of month (1-31); L and W cannot be in a list"),
        ("0 0 * * 15W", "'15W' is not a valid day of week"),
        ("0 0 15w * *", "write '15W'"),
        ("0 0 * * 5l", "write '5L'"),
        ("٣ * * * *", "write the digits 0 to 9"),
        ("0 0 * * \u017fUN", "write the digits 0 to 9"),
        (
            "* * * FEBRUARY *",
            "names are JAN, FEB, MAR, APR, MAY, JUN, JUL, AUG, SEP, OCT, NOV, DEC (did you mean 'FEB'?)",
        ),
        ("* * * * monday", "(did you mean 'MON'?)"),
        ("MON * * * *", "'MON' is not a valid minute"),
        ("H * * * *", "'H' is not a valid minute"),
        ("R * * * *", "'R' is not a valid minute"),
    ],
)
def test_it_is_said_which_part_is_wrong_and_what_to_write(expression: str, said: str) -> None:
    assert said in cron_problem(expression)
    with pytest.raises(CronError):
        parse(expression)


@given(st.tuples(*(st.integers(low, high) for low, high in RANGES)))
def test_every_combination_of_numbers_in_range_is_valid(numbers: tuple[int, ...]) -> None:
    assert cron_problem(" ".join(map(str, numbers))) == ""


@given(st.integers(0, 4), st.integers())
def test_a_number_is_valid_exactly_when_it_is_in_its_range(position: int, number: int) -> None:
    fields = ["*"] * 5
    fields[position] = str(number)
    low, high = RANGES[position]
    assert (cron_problem(" ".join(fields)) == "") == (low <= number <= high)


@given(position=st.integers(0, 4), start=st.integers(0, 59), step=st.integers(1, 99))
def test_what_is_to_be_written_instead_of_a_start_and_a_step_is_valid(position: int, start: int, step: int) -> None:
    fields = ["*"] * 5
    fields[position] = f"{start}/{step}"
    reported = cron_problem(" ".join(fields))
    assert reported
    is_in_range = FIELDS[position].low <= start <= FIELDS[position].high
    instead = re.findall(r"'([^']*)'", reported.partition("write")[2])
    assert len(instead) == (2 if is_in_range else 0)
    for each in instead:
        fields[position] = each
        assert cron_problem(" ".join(fields)) == ""


def test_a_long_expression_is_not_shown_whole() -> None:
    reported = cron_problem("1," * 5000)
    assert len(reported) < 300


@given(st.text(max_size=40))
def test_no_text_is_too_much(text: str) -> None:
    assert isinstance(cron_problem(text), str)


@pytest.mark.parametrize("letter", ["L", "W", "0", "/", "-", "#", "*", ",", "1"])
def test_a_very_long_field_is_read_in_time_and_without_a_traceback(letter: str) -> None:
    for fields in (["*", "*", letter * 3000, "*", "*"], ["*", "*", "*", "*", f"5{letter * 3000}"]):
        assert isinstance(cron_problem(" ".join(fields)), str)

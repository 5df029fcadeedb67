from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.linting.expansion import expand

from .made import BEGIN, runs_of

MIDNIGHT = datetime(2025, 7, 17, tzinfo=UTC)
FIELDS = st.tuples(
    st.sampled_from(["*", "*/15", "0", "5,35", "10-20/5"]),
    st.sampled_from(["*", "21-23,0-11", "3", "*/6"]),
    st.sampled_from(["*", "1", "31", "1-7", "L"]),
    st.sampled_from(["*", "2", "1-6", "FEB,DEC"]),
    st.sampled_from(["*", "1-5", "SUN", "0,3"]),
)


@given(FIELDS)
def test_runs_are_those_of_the_cron(fields: tuple[str, ...]) -> None:
    expression = " ".join(fields)
    runs = expand(expression, BEGIN)
    assert runs is not None
    found = list(islice(runs.runs_after(MIDNIGHT), 5))
    if found:
        cron = croniter(expression, MIDNIGHT)
        assert found == [cron.get_next(datetime) for _ in found]


@pytest.mark.parametrize("expression", ["", "* * * *", "61 * * * *", "* * * * * *", "nonsense"])
def test_what_is_no_cron_has_no_runs(expression: str) -> None:
    assert expand(expression, BEGIN) is None


@pytest.mark.parametrize(
    ("expression", "minutes"), [("*/1 * * * *", 1), ("*/10 * * * *", 10), ("0 19 * * *", 1440), ("0,50 23 * * *", 50)]
)
def test_the_shortest_gap_is_found_within_a_day_and_across_days(expression: str, minutes: int) -> None:
    gap = runs_of(expression).shortest_gap
    assert gap is not None
    assert gap[0] == timedelta(minutes=minutes)


def test_the_gap_over_midnight_counts() -> None:
    gap = runs_of("55,5 0,23 * * *").shortest_gap
    assert gap == (timedelta(minutes=10), datetime(2025, 7, 18, 0, 5, tzinfo=UTC))


def test_thirty_first_of_february_never_comes() -> None:
    assert runs_of("0 0 31 2 *").is_empty


def test_a_run_reaches_into_the_next_day() -> None:
    runs = runs_of("55 23 * * *")
    assert runs.occupied(1, 600) == (0b11111) | (0b11111 << 1435)

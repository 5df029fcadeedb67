"""What checks polls: what is in time passes, what is missing near the jump does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.raceday.simulation.day import (
    INTERVALS,
    PATIENCE,
    URGENT_PATIENCE,
    Followed,
    Gap,
    gaps,
    patience_of,
    row_of,
)

START = 1_752_709_860.0
BEGIN, END = START - 1200, START + 1800


@dataclass(frozen=True)
class Course:
    """What upstream shows of a race: seconds after its advertised start."""

    jump: int
    interim: int
    final: int

    def status_at(self, instant: float) -> str:
        passed = instant - START
        if passed < self.jump:
            return "Open"
        if passed < self.interim:
            return "Closed"
        return "Interim" if passed < self.final else "Final"


@st.composite
def courses(draw: st.DrawFn) -> Course:
    jump = draw(st.integers(0, 900))
    interim = jump + draw(st.integers(120, 240))
    return Course(jump, interim, interim + draw(st.integers(180, 420)))


PUNCTUAL = Course(40, 200, 440)


def polled(course: Course, late: int = 0, begin: float = BEGIN) -> Followed:
    """Polls so many seconds after each demand; what they see is stored a second later."""
    last, polls, statuses = begin, list[float](), list[tuple[float, str]]()
    known, now = "Open", begin
    while now < END and known != "Final":
        if now - last >= INTERVALS[row_of(START, known, now)]:
            last = now = now + late
            polls.append(now)
            if known != (known := course.status_at(now)):
                statuses.append((now + 1, known))
        now += 1
    return Followed("r", START, polls, statuses)


def without(followed: Followed, *numbers: int) -> Followed:
    return replace(followed, polls=[poll for number, poll in enumerate(followed.polls) if number not in numbers])


def found(followed: Followed, begin: float = BEGIN, end: float = END) -> list[Gap]:
    return gaps(followed, begin, end)[1]


def rows(followed: Followed) -> list[str]:
    """The row that each poll was made in."""
    statuses = dict(followed.statuses)
    known, listed = "Open", []
    for poll in followed.polls:
        listed.append(row_of(START, known, poll))
        known = statuses.get(poll + 1, known)
    return listed


# Polls made as demanded.


@given(courses(), st.integers(0, int(URGENT_PATIENCE)))
def test_polls_made_as_demanded_or_a_little_later_leave_no_gap(course: Course, late: int) -> None:
    assert found(polled(course, late)) == []


@given(courses(), st.data())
def test_without_one_poll_of_a_row_of_half_a_minute_there_is_a_gap(course: Course, data: st.DataObject) -> None:
    followed = polled(course)
    half_minutes = [number for number, row in enumerate(rows(followed)) if row in ("critical", "interim")]

    assert len(found(without(followed, data.draw(st.sampled_from(half_minutes))))) == 1


@given(courses(), st.data())
def test_without_two_polls_in_a_row_at_the_jump_there_is_a_gap(course: Course, data: st.DataObject) -> None:
    followed = polled(course)
    jumping = [number for number, row in enumerate(rows(followed)) if row in ("jump", "closed")]
    number = data.draw(st.sampled_from(jumping))

    assert len(found(without(followed, number, number + 1))) == 1


@given(courses(), st.data())
def test_a_round_of_half_a_minute_at_the_jump_is_allowed(course: Course, data: st.DataObject) -> None:
    followed = polled(course)
    listed = rows(followed)
    inside = [
        number
        for number, row in enumerate(listed[:-1])
        if row == listed[number + 1] == "jump" and followed.polls[number] + 15 == followed.polls[number + 1]
    ]

    assert found(without(followed, data.draw(st.sampled_from(inside)))) == []


def test_polls_once_a_minute_are_too_few_from_five_minutes_before_the_start_to_the_end() -> None:
    right = polled(PUNCTUAL)
    lazy = replace(right, polls=[BEGIN + 60 * number for number in range(28)])

    assert {gap.row for gap in found(lazy)} == {"critical", "jump", "closed", "interim"}


# Both sides of patience.


@pytest.mark.parametrize("row", INTERVALS)
def test_a_race_may_be_due_for_its_patience_and_no_longer(row: str) -> None:
    begin, status = {
        "baseline": (START - 9000, "Open"),
        "approaching": (START - 3000, "Open"),
        "critical": (START - 299, "Open"),
        "jump": (START - 170, "Open"),
        "closed": (START, "Closed"),
        "interim": (START, "Interim"),
    }[row]
    end = begin + INTERVALS[row] + patience_of(row)
    followed = Followed("r", START, (begin,), ((begin, status),))

    assert (found(followed, begin, end), [gap.row for gap in found(followed, begin, end + 1)]) == ([], [row])


def test_there_is_less_patience_near_the_jump_than_polls_of_once_a_minute_need() -> None:
    assert {row for row in INTERVALS if patience_of(row) < 60 - INTERVALS[row]} == {
        "critical",
        "jump",
        "closed",
        "interim",
    }
    assert patience_of("baseline") == PATIENCE


# What is looked at.


def test_a_race_that_is_never_polled_is_one_gap() -> None:
    number, listed = gaps(Followed("r", START, (), ()), BEGIN, END)

    assert (number, listed) == (1, [Gap("r", "approaching", BEGIN + 150, END - BEGIN - 150)])


def test_every_wait_is_counted_also_those_that_perfect_polls_end() -> None:
    followed = polled(PUNCTUAL)

    assert gaps(followed, BEGIN, END)[0] == len(followed.polls) + 1


def test_nothing_is_demanded_of_a_race_that_is_stored_as_over() -> None:
    assert found(Followed("r", START, (), ((BEGIN, "Abandoned"),))) == []


def test_a_poll_before_the_begin_counts_as_the_last_one() -> None:
    far = replace(polled(PUNCTUAL), start=START + 86_400, statuses=())

    assert found(replace(far, polls=(BEGIN - 1700,)), BEGIN, BEGIN + 170) == []
    assert [gap.since for gap in found(replace(far, polls=(BEGIN - 1700,)), BEGIN, BEGIN + 176)] == [BEGIN + 100]


def test_a_gap_that_the_end_of_the_day_cuts_off_is_one() -> None:
    late = without(polled(PUNCTUAL), *range(10, 100))

    assert found(late, end=late.polls[-1] + 39) == []
    assert len(found(late, end=late.polls[-1] + 60)) == 1


def test_polls_after_the_end_do_not_help() -> None:
    followed = Followed("r", START, (START + 5000,), ())

    assert len(found(followed)) == 1


def test_a_race_more_than_an_hour_late_is_demanded_every_half_hour() -> None:
    assert [row_of(START, "Open", START + late) for late in (3600, 3601)] == ["jump", "baseline"]
    assert row_of(START, "Closed", START + 7200) == "closed"


def gap_rows(polls: Sequence[float]) -> list[str]:
    return [gap.row for gap in found(Followed("r", START, polls, ()))]


def test_becoming_urgent_does_not_wait_for_the_interval_of_the_calm_row() -> None:
    """Polled 6 minutes before the start, the next demand comes at 5 minutes, not at 3:30."""
    early = [BEGIN + 100 * number for number in range(9)]

    assert early[-1] == START - 400
    assert gap_rows(early)[0] == "critical"

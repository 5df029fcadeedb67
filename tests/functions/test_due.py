"""The table of intervals: which row a race is in, and when it is due. Both sides of every limit."""

from __future__ import annotations

from itertools import pairwise

import pytest
from _shared import due
from _shared.due import BASELINE, MINUTE, CardRace
from hypothesis import given
from hypothesis import strategies as st

START = 1_752_713_400.0
OPENING = START - 4 * 3600
STATUSES = ["Open", "Closed", "Running", "Interim", "Final", "Finalized", "Abandoned", "Something new"]

RACES = st.builds(
    CardRace,
    identity=st.uuids().map(str),
    status=st.sampled_from(STATUSES),
    start=st.just(START),
    polled=st.none() | st.floats(START - 20_000, START + 20_000),
    finished=st.none() | st.floats(START - 20_000, START + 20_000),
)
INSTANTS = st.floats(START - 20_000, START + 20_000)


def race(status: str = "Open", polled: float | None = None, finished: float | None = None) -> CardRace:
    return CardRace("0f57e087-00d9-4c61-9549-835abe2ae2ed", status, START, polled, finished)


@pytest.mark.parametrize(
    ("minutes", "row", "seconds"),
    [
        (600, "baseline", 1800),
        (65.01, "baseline", 1800),
        (65, "approaching", 150),
        (62, "approaching", 150),
        (30, "approaching", 150),
        (5.01, "approaching", 150),
        (5, "critical", 30),
        (3.01, "critical", 30),
        (3, "jump", 15),
        (0, "jump", 15),
        (-20, "jump", 15),
        (-60, "jump", 15),
        (-60.01, "overdue", 1800),
        (-300, "overdue", 1800),
    ],
)
@pytest.mark.parametrize("status", ["Open", "Something new"])
def test_an_open_race_is_polled_the_more_often_the_nearer_its_start(
    minutes: float, row: str, seconds: float, status: str
) -> None:
    assert due.phase(race(status), START - minutes * MINUTE) == row
    assert due.INTERVALS[row] == seconds


@pytest.mark.parametrize(("status", "row"), [("Closed", "closed"), ("Running", "closed"), ("Interim", "interim")])
@pytest.mark.parametrize("minutes", [100, 30, 4, 0, -30, -300])
def test_a_race_that_has_begun_is_followed_at_any_time(status: str, row: str, minutes: float) -> None:
    assert due.phase(race(status), START - minutes * MINUTE) == row


@pytest.mark.parametrize("status", ["Final", "Finalized", "Abandoned"])
def test_a_finished_race_settles_and_is_over(status: str) -> None:
    ended = race(status, polled=START, finished=START)

    assert due.phase(ended, START + due.SETTLING) == "settling"
    assert due.phase(ended, START + due.SETTLING + 1) == "over"
    assert due.phase(race(status), START) == "over"


def test_a_settling_race_is_looked_at_twice_even_when_a_look_is_a_minute_late() -> None:
    polled, looks = START, 0
    for second in range(int(due.SETTLING) + 1):
        # A poll happens within the minute after it is due.
        if due.is_due(race("Final", polled=polled, finished=START), START + second - 60, OPENING):
            polled, looks = START + second, looks + 1

    assert looks >= 2


@given(each=RACES, now=INSTANTS)
def test_a_race_that_is_over_is_never_due(each: CardRace, now: float) -> None:
    is_over = due.phase(each, now) == "over"

    assert (due.due_at(each, now, OPENING) is None) == is_over
    assert not (is_over and due.is_due(each, now, OPENING))


@given(each=RACES, now=INSTANTS)
def test_after_a_poll_a_race_is_not_due_at_once(each: CardRace, now: float) -> None:
    polled = each._replace(polled=now)

    assert not due.is_due(polled, now, OPENING)


@given(each=RACES, now=INSTANTS)
def test_a_race_is_due_at_the_latest_one_interval_after_its_poll(each: CardRace, now: float) -> None:
    row = due.phase(each, now)
    if row != "over" and each.polled is not None and now - each.polled >= due.INTERVALS[row]:
        assert due.is_due(each, now, OPENING)


@given(each=RACES, now=INSTANTS, later=st.floats(0, 1000))
def test_being_due_does_not_pass_within_a_row(each: CardRace, now: float, later: float) -> None:
    if due.is_due(each, now, OPENING) and due.phase(each, now) == due.phase(each, now + later):
        assert due.is_due(each, now + later, OPENING)


def test_a_race_never_polled_is_due_from_the_opening_on() -> None:
    near = race()._replace(start=OPENING + 30 * MINUTE)

    assert not due.is_due(near, OPENING - 1, OPENING)
    assert due.is_due(near, OPENING, OPENING)


def test_baseline_polls_come_once_in_each_half_hour() -> None:
    each, polls = race(polled=OPENING), []
    for instant in range(int(OPENING), int(OPENING + 2 * 3600), 10):
        if due.is_due(each, instant, OPENING):
            polls.append(instant)
            each = each._replace(polled=float(instant))

    assert len(polls) == 4
    assert {later - earlier for earlier, later in pairwise(polls)} == {BASELINE}


@given(identities=st.lists(st.uuids().map(str), min_size=96, max_size=96, unique=True))
def test_baseline_polls_are_spread_over_the_half_hour(identities: list[str]) -> None:
    slots = [due.slot(identity) for identity in identities]

    assert all(0 <= slot < BASELINE for slot in slots)
    # 96 races in 30 minutes: about 3 in each.
    assert max(sum(minute * 60 <= slot < minute * 60 + 60 for slot in slots) for minute in range(30)) <= 20


@given(identity=st.text())
def test_a_slot_is_the_same_on_every_run(identity: str) -> None:
    assert due.slot(identity) == due.slot(identity)

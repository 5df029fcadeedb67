"""A day written down and read back: the same runs, and each race as it was stored at any instant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.raceday.cli.simulate import report_of
from raceday_iac.raceday.simulation.recording import PlayedRace, Recording, read_recording, record

from .right_day import LATE, USUAL, VOID, at, right_day


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    lived = right_day()
    found: dict[str, Any] = json.loads(json.dumps(record(lived, report_of(lived, {"locks": True}))))
    return found


@pytest.fixture(scope="module")
def recording(written: dict[str, Any]) -> Recording:
    return read_recording(written)


def test_what_is_read_back_is_what_was_lived(recording: Recording) -> None:
    lived = right_day()
    report = report_of(lived, {"locks": True})
    found = recording.report
    assert (found.day, found.seed, found.races, found.begin, found.end) == (
        "2025-07-17",
        1,
        3,
        report.begin,
        report.end,
    )
    assert found.executions.keys() == report.executions.keys()
    assert [each.count for each in found.executions.values()] == [each.count for each in report.executions.values()]
    assert found.overlaps == report.overlaps
    assert found.conflicts == report.conflicts
    assert found.appwrite_requests == report.appwrite_requests
    assert [(each.name, each.checked, each.holds) for each in found.invariants] == [
        (each.name, each.checked, each.holds) for each in report.invariants
    ]
    assert {each.identity: each.polls for each in recording.card} == {
        each: tuple(lived.polls_of(each)) for each in (USUAL, VOID, LATE)
    }


def test_a_stored_race_is_as_it_was_at_an_instant(recording: Recording) -> None:
    usual = next(each for each in recording.card if each.identity == USUAL)
    last, status = usual.stored[-1]
    assert status == "Final"
    after = usual.document_at(last + 1)
    assert after is not None
    assert after["status"] == "Final"
    assert after["finalizedAt"] is not None
    before = usual.document_at(last - 0.001)
    assert before is not None
    assert (before["status"], before["finalizedAt"]) == ("Interim", None)
    void = next(each for each in recording.card if each.identity == VOID)
    assert void.upstream_at(at(12, 9)) == "Open"
    assert void.upstream_at(at(12, 11)) == "Abandoned"
    ended = void.document_at(at(13))
    assert ended is not None
    assert (ended["abandonedAt"] is None, ended["finalizedAt"]) == (False, None)


def test_runs_are_under_way_from_their_begin_until_before_their_end(recording: Recording) -> None:
    run = next(each for each in recording.report.runs if each.function == "daily-races")
    for instant, there in ((run.start - 0.001, False), (run.start, True), (run.end - 0.001, True), (run.end, False)):
        assert (run in recording.under_way(instant)) is there
        assert (run in recording.begun(instant)) is (instant >= run.start)


_INSTANTS = st.integers(0, 40).map(float)


@given(
    st.lists(_INSTANTS, max_size=8),
    st.lists(st.tuples(_INSTANTS, st.sampled_from(["Open", "Closed", "Final", "Abandoned"])), max_size=6),
    _INSTANTS,
)
def test_an_instant_knows_nothing_of_what_comes_later(
    polls: list[float], stored: list[tuple[float, str]], instant: float
) -> None:
    stored.sort(key=lambda each: each[0])
    race = PlayedRace("r", 1, "x", "y", 20.0, (), tuple(stored), tuple(sorted(polls)))
    document = race.document_at(instant)
    past = [each for each in stored if each[0] <= instant]
    assert (document is None) is (not past)
    if document is not None:
        assert document["status"] == past[-1][1]
        until_then = PlayedRace(
            "r", 1, "x", "y", 20.0, (), tuple(past), tuple(each for each in race.polls if each <= instant)
        )
        assert until_then.document_at(instant) == document
        assert (document["last_poll_time"] is None) is (not until_then.polls)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"formatVersion": 2}, "another version"),
        ({"runs": [["x", 1]]}, "not enough values"),
        ({"runs": None}, "lacks"),
        ({"card": [{}]}, "lacks"),
        ({"end": 0}, "before it begins"),
        ({"end": float("inf")}, "longer than two"),
        ({"end": float("nan")}, "before it begins"),
        ({"runs": [["x", 1, 2, [], 0, 0, "sleeping"]]}, "sleeping"),
    ],
)
def test_what_is_no_recording_is_said(written: dict[str, Any], change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_recording({**written, **change})

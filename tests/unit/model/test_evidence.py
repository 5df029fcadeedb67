"""What was agreed to, and what that covers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.model.address import Address
from raceday_iac.model.evidence import (
    Answer,
    Ask,
    Question,
    evidence_from_json,
    evidence_to_json,
    read_number,
    total,
)

KNOWN = st.builds(Answer, st.integers(0, 20), st.booleans())
ANSWERS = KNOWN | st.just(Answer(None))
NAMES = st.lists(st.text(max_size=5), max_size=3).map(tuple)
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | NAMES
BOUNDS = st.none() | st.integers(-9, 9) | st.floats(-9, 9)
QUESTIONS = st.builds(
    Question,
    st.builds(Address, st.sampled_from(["database", "collection", "function"]), st.text("abc/", min_size=1)),
    st.sampled_from(Ask),
    NAMES,
    st.just(0),
    NAMES,
    BOUNDS,
    BOUNDS,
    st.dictionaries(st.text(max_size=3), VALUES, max_size=3).map(lambda found: tuple(sorted(found.items()))),
    st.booleans(),
)
FULL = st.builds(Answer, st.none() | st.integers(0, 20), st.booleans(), st.integers(0, 9), NAMES)


@given(ANSWERS)
def test_a_number_is_read_as_it_is_shown(answer: Answer) -> None:
    assert read_number(answer.number) == answer
    assert answer.covers(answer)


@given(ANSWERS, ANSWERS, ANSWERS)
def test_what_covers_something_covers_all_that_this_covers(one: Answer, other: Answer, third: Answer) -> None:
    if one.covers(other) and other.covers(third):
        assert one.covers(third)


@given(st.lists(ANSWERS, max_size=4))
def test_all_together_cover_each_and_are_nothing_only_if_each_is(parts: list[Answer]) -> None:
    assert all(total(parts).covers(each) for each in parts)
    assert total(parts).is_nothing == all(each.is_nothing for each in parts)


@given(st.integers(0, 9), st.integers(0, 9))
def test_a_number_covers_as_much_and_less_and_not_more(agreed: int, found: int) -> None:
    assert Answer(agreed).covers(Answer(found)) == (found <= agreed)


@given(st.integers(0, 9))
def test_what_is_unknown_is_covered_by_nothing_that_is_a_number(number: int) -> None:
    assert not Answer(number).covers(Answer(None))
    assert not Answer(number, at_least=True).covers(Answer(None))
    assert not Answer(number + 9).covers(Answer(number, at_least=True))
    assert Answer(None).covers(Answer(number, at_least=True))


def test_an_open_end_covers_what_is_beyond() -> None:
    assert Answer(5000, at_least=True).covers(Answer(90_000))


@pytest.mark.parametrize("text", ["", "many", "-1", "1.0", "+", "5 000", "٣", "unknown+", "None"])
def test_nothing_else_is_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        read_number(text)


@given(st.dictionaries(QUESTIONS.filter(lambda each: each.ask is not Ask.LONGER), FULL, max_size=3))
def test_what_was_counted_is_written_down_and_read_back(evidence: dict[Question, Answer]) -> None:
    assert evidence_from_json(json.loads(json.dumps(evidence_to_json(evidence)))) == evidence


def test_a_limit_is_written_down_where_it_means_something() -> None:
    asked = Question(Address("collection", "d/c"), Ask.LONGER, ("a",), limit=0)
    assert evidence_to_json({asked: Answer(2, longest=9)}) == [
        {"place": "collection.d/c", "asks": "longer", "attributes": ["a"], "limit": 0, "count": 2, "longest": 9}
    ]


@pytest.mark.parametrize("count", ["7", 1.5, True, -1])
def test_a_count_that_is_none_is_refused(count: Any) -> None:
    with pytest.raises(TypeError):
        evidence_from_json([{"place": "collection.d/c", "asks": "documents", "count": count}])

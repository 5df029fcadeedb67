"""Questions about documents, answered by a server that counts what it can and refuses what it cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from raceday_iac.errors import (
    AccessError,
    ForeignAnswerError,
    NotFoundError,
    ProviderError,
    ServerFaultError,
    UnreachableError,
)
from raceday_iac.model.evidence import Answer, Ask, Question
from raceday_iac.provider import Condition
from raceday_iac.refresh.snapshot import answer

from ..fake_documents import COLLECTION, integer


class Reading:
    """`counts` by the method of the query, or an error instead; documents with `values` of `a` and `b`."""

    def __init__(self, *values: Any, counts: Mapping[str, int] | ProviderError | None = None) -> None:
        self.documents_there = [
            {"$id": str(number), **(each if isinstance(each, dict) else {"a": each})}
            for number, each in enumerate(values)
        ]
        self.counts = counts
        self.asked: list[tuple[str, Any]] = []
        self.read: Sequence[str] | None = None
        self.portions = 0

    def count_all(self, database: str, collection: str, *conditions: Condition) -> Answer:
        if isinstance(self.counts, ProviderError):
            raise self.counts
        self.asked += [(each.method, each.values) for each in conditions]
        counts = {"": len(self.documents_there)} if self.counts is None else self.counts
        return Answer(counts[conditions[0].method if conditions else ""])

    def every_document(
        self, database: str, collection: str, *, only: Sequence[str] = ()
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """In portions of two."""
        self.read = only
        for first in range(0, len(self.documents_there), 2):
            self.portions += 1
            yield self.documents_there[first : first + 2]


def ask(reading: Reading, what: Ask, *attributes: str, look_at: int = 0, **settings: Any) -> Answer:
    question = Question(COLLECTION, what, attributes or ("a",), **settings)
    return answer(reading, question, look_at)  # type: ignore[arg-type]


REFUSED = ProviderError("Cannot query encrypted attribute: a", code=400)


@pytest.mark.parametrize(
    ("what", "settings", "asked"),
    [
        (Ask.VALUES, {}, [("isNotNull", ())]),
        (Ask.NULLS, {}, [("isNull", ())]),
        (Ask.AMONG, {"among": ("x", "y")}, [("equal", ("x", "y"))]),
        (Ask.OUTSIDE, {"low": 1}, [("lessThan", (1,))]),
        (Ask.OUTSIDE, {"low": 1, "high": 5}, [("lessThan", (1,)), ("greaterThan", (5,))]),
    ],
)
def test_counting_is_left_to_the_server(what: Ask, settings: dict[str, Any], asked: list[tuple[str, Any]]) -> None:
    reading = Reading("never read", counts=dict.fromkeys([method for method, _ in asked], 3))
    assert ask(reading, what, **settings) == Answer(3 * len(asked))
    assert reading.asked == [(method, tuple(values)) for method, values in asked]
    assert reading.read is None


def test_documents_are_counted_without_a_condition() -> None:
    assert answer(Reading(counts={"": 7}), Question(COLLECTION, Ask.DOCUMENTS)) == Answer(7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "settings", "count"),
    [
        (Ask.VALUES, {}, 3),
        (Ask.NULLS, {}, 2),
        (Ask.AMONG, {"among": ("x", "z")}, 2),
    ],
)
def test_what_cannot_be_queried_is_read(what: Ask, settings: dict[str, Any], count: int) -> None:
    """Encrypted texts, and arrays; one that was never set is answered as an empty one."""
    reading = Reading("x", ["x", "y"], None, [], "y", counts=REFUSED)
    assert ask(reading, what, **settings) == Answer(count)
    assert reading.read == ("a",)


def test_arrays_of_numbers_are_looked_at_one_by_one() -> None:
    assert ask(Reading([1, 9], [3], [0], None, counts=REFUSED), Ask.OUTSIDE, low=1, high=5) == Answer(2)


@pytest.mark.parametrize(
    "error", [AccessError("no scope", code=401), ServerFaultError("", code=500, type="general_unknown")]
)
def test_what_the_server_does_not_say_is_unknown(error: ProviderError) -> None:
    found = ask(Reading("x", counts=error), Ask.VALUES)
    assert found == Answer(None)
    assert str(found) == "an unknown number of"
    assert not found.is_nothing


@pytest.mark.parametrize(
    "error",
    [
        UnreachableError("gone"),
        ForeignAnswerError("404 text/plain"),
        ServerFaultError("Bad Gateway", code=502),
        ProviderError("no such route", code=404, type="general_route_not_found"),
    ],
)
def test_what_nobody_answered_is_no_answer(error: ProviderError) -> None:
    with pytest.raises(type(error)):
        ask(Reading("x", counts=error), Ask.VALUES)


def test_in_a_collection_that_is_not_there_is_nothing() -> None:
    gone = NotFoundError("gone", code=404, type="collection_not_found")
    assert ask(Reading("x", counts=gone), Ask.VALUES) == Answer(0)


def test_longer_texts_are_counted_with_the_longest() -> None:
    assert ask(Reading("abc", "abcdef", ["a", "abcd"], None, 5), Ask.LONGER, limit=3) == Answer(2, longest=6)


def test_characters_are_counted_and_not_bytes() -> None:
    assert ask(Reading("äöü"), Ask.LONGER, limit=3) == Answer(0, longest=3)


def test_values_that_cannot_be_converted_are_counted() -> None:
    target = tuple(sorted(integer(max=9).items()))
    assert ask(Reading("1", "x", "10", None), Ask.UNCONVERTIBLE, target=target) == Answer(2)


def test_duplicates_are_compared_as_the_database_does() -> None:
    """Texts without case; a null never equals another."""
    rows = [{"a": "X", "b": 1}, {"a": "x", "b": 1}, {"a": "x", "b": 2}, {"a": None, "b": 3}, {"a": None, "b": 3}]
    reading = Reading(*rows)
    assert ask(reading, Ask.DUPLICATES, "a", "b") == Answer(2)
    assert reading.read == ("a", "b")


@pytest.mark.parametrize(("look_at", "count", "of"), [(1, 1, 5), (2, 1, 5), (3, 2, 5), (4, 2, 5), (5, 3, 0), (0, 3, 0)])
def test_no_more_is_looked_at_than_somebody_wants_and_the_answer_says_so(look_at: int, count: int, of: int) -> None:
    reading = Reading("abcd", "a", "abcd", "a", "abcd")
    found = ask(reading, Ask.LONGER, limit=3, look_at=look_at)
    assert (found, found.looked, found.of) == (Answer(count, of > 0, 4), look_at or 5, of)
    assert reading.portions <= (look_at or 5) // 2 + 1


def test_what_no_query_can_ask_is_read_without_a_query() -> None:
    reading = Reading([1.0, 2.0], None, [3.0, 4.0], counts={})
    assert ask(reading, Ask.VALUES, must_read=True) == Answer(2)
    assert ask(reading, Ask.NULLS, must_read=True) == Answer(1)
    assert reading.asked == []

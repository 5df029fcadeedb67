"""Millions of documents, read and counted by ranges, from a server that answers queries on their numbers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from raceday_iac.errors import ForeignAnswerError, NotFoundError, ProviderError, UnreachableError
from raceday_iac.model.evidence import Answer
from raceday_iac.provider.appwrite.documents import COUNTED, SIZES, DocumentList, PageSize, pages, query

KIND = "general_query_invalid"
REFUSED = ProviderError(
    "Invalid query: Attribute not found in schema: $sequence", code=400, type="general_query_invalid"
)


class Server:
    """Documents that have these numbers; `matching` says which a condition named `mine` counts. `largest` pages are
    answered, `numbered` says whether queries may name numbers."""

    def __init__(self, numbers: Sequence[int], *, largest: int = 10**9, numbered: bool = True) -> None:
        self.numbers = sorted(numbers)
        self.largest = largest
        self.numbered = numbered
        self.matching: Callable[[int], bool] = lambda _number: True
        self.gives = 10**9
        self.requests = 0
        self.too_large: ProviderError = ProviderError("Invalid limit: range between 1 and 100", code=400)
        self.meanwhile: Callable[[int], object] = lambda _request: None
        self._lock = threading.Lock()

    def __call__(self, *texts: str) -> dict[str, Any]:
        with self._lock:
            self.requests += 1
            self.meanwhile(self.requests)
            return self._answer([json.loads(each) for each in texts])

    def _answer(self, asked: list[dict[str, Any]]) -> dict[str, Any]:
        limit = next(each["values"][0] for each in asked if each["method"] == "limit")
        if limit > self.largest:
            raise self.too_large
        if not self.numbered and any("$sequence" in (each.get("attribute"), *each["values"]) for each in asked):
            raise REFUSED
        found = list(self.numbers)
        for each in asked:
            found = self._applied(each, found)
        documents = [{"$id": f"d{number}"} | ({"$sequence": number} if self.numbered else {}) for number in found]
        return {"total": min(len(found), COUNTED), "documents": documents[: min(limit, self.gives)]}

    def _applied(self, asked: dict[str, Any], found: list[int]) -> list[int]:
        method, values = asked["method"], asked["values"]
        if asked.get("attribute") == "$sequence" and values and int(values[0]) < 1:
            raise ProviderError("Query value is invalid for attribute", code=400, type=KIND)
        if method == "greaterThan":
            return [number for number in found if number > int(values[0])]
        if method == "lessThanEqual":
            return [number for number in found if number <= int(values[0])]
        if method == "equal":
            return [number for number in found if self.matching(number)]
        if method == "cursorAfter":
            if int(values[0][1:]) not in self.numbers:
                raise ProviderError("no cursor", code=400, type="general_cursor_not_found")
            return [number for number in found if number > int(values[0][1:])]
        return found[::-1] if method == "orderDesc" else found

    def list(self, sizes: Sequence[int] = SIZES, clock: Callable[[], float] = lambda: 0.0) -> DocumentList:
        return DocumentList(self, "d/c", PageSize(sizes, clock))


def read(of: DocumentList) -> list[int]:
    """The numbers of all documents; each must be met once."""
    found = [int(each["$id"][1:]) for portion in of.every(("a",)) for each in portion]
    assert len(found) == len(set(found))
    return sorted(found)


MINE = query("equal", "x", attribute="mine")


@pytest.mark.parametrize(
    ("count", "requests"), [(0, 1), (1, 1), (4999, 1), (5000, 3), (5001, 3), (20_000, 6), (20_001, 6), (50_000, 12)]
)
def test_documents_are_read_in_as_few_requests_as_the_server_allows(count: int, requests: int) -> None:
    server = Server(range(1, count + 1))
    assert read(server.list()) == server.numbers
    assert server.requests <= requests


@pytest.mark.parametrize(
    "numbers",
    [
        range(1, 60_000, 3),
        [*range(1, 7000), *range(10**7, 10**7 + 7000)],
        [*range(10**6, 10**6 + 12_000)],
        [number**2 for number in range(1, 12_000)],
        [*range(1, 5001), *range(10**9, 10**9 + 20_000)],
    ],
    ids=["thinned", "two heaps", "late", "ever thinner", "far apart"],
)
def test_gaps_between_the_numbers_cost_little(numbers: Sequence[int]) -> None:
    server = Server(numbers)
    assert read(server.list()) == server.numbers
    assert server.requests < 3 * len(server.numbers) // 5000 + 15


def test_what_comes_and_goes_meanwhile_does_no_harm() -> None:
    """Nothing is met twice, and what is there all the time is met; what comes last is met too."""
    server = Server(range(1, 25_001))

    def meanwhile(request: int) -> None:
        if request > 1:
            server.numbers.append(25_000 + request)
            server.numbers.remove(5000 - request)
            server.numbers.remove(20_000 + request)

    server.meanwhile = meanwhile
    found = read(server.list())
    assert set(server.numbers) - set(found) <= set(range(25_000, 25_100))
    assert 25_002 in found


@pytest.mark.parametrize("largest", [5000, 4999, 1000, 250, 100])
def test_pages_become_as_small_as_the_server_wants_them(largest: int) -> None:
    server = Server(range(1, 6001), largest=largest)
    of = server.list()
    assert read(of) == server.numbers
    first = server.requests
    assert read(of) == server.numbers
    assert server.requests - first <= first, "the size is remembered"


TIMED_OUT = UnreachableError("it did not answer in time")
TIMED_OUT.timed_out = True
TOO_LONG = ForeignAnswerError("longer than 64 MB", type="answer_too_long")


@pytest.mark.parametrize(
    "error",
    [ProviderError("slow", code=408, type="database_timeout"), TIMED_OUT, TOO_LONG, ProviderError("", code=413)],
)
def test_a_page_that_is_too_much_in_another_way_is_asked_for_smaller(error: ProviderError) -> None:
    server = Server(range(1, 3001), largest=1000)
    server.too_large = error
    assert read(server.list()) == server.numbers


def test_a_server_that_silently_gives_fewer_than_asked_for_is_not_taken_to_be_at_its_end() -> None:
    server = Server(range(1, 3001))
    server.gives = 700
    assert read(server.list()) == server.numbers


def test_what_refuses_the_smallest_page_too_is_an_error() -> None:
    with pytest.raises(ProviderError, match="range between"):
        read(Server(range(10), largest=99).list())


def test_a_page_that_takes_long_makes_the_next_ones_smaller() -> None:
    server, instants = Server(range(1, 8001)), iter([0.0, 10.1])
    of = server.list(clock=lambda: next(instants, 0.0))
    assert [len(portion) for portion in of.every()][:2] == [5000, 1000]


def test_a_server_that_knows_no_numbers_is_read_page_after_page() -> None:
    server = Server(range(1, 12_001), numbered=False)
    assert read(server.list()) == server.numbers
    assert server.requests == 4


def test_a_collection_that_is_not_there_is_an_error() -> None:
    def get(*_queries: str) -> dict[str, Any]:
        raise NotFoundError("gone", code=404, type="collection_not_found")

    for ask in (lambda of: list(of.every()), lambda of: of.count_all()):
        with pytest.raises(NotFoundError):
            ask(DocumentList(get, "d/c", PageSize()))


@pytest.mark.parametrize("count", [0, 4999, 5000, 5001, 20_000, 40_003])
def test_more_is_counted_than_a_server_counts(count: int) -> None:
    server = Server(range(1, count + 1))
    assert server.list().count_all() == Answer(count)
    assert server.requests < 3 * count // 5000 + 15


@pytest.mark.parametrize(
    "matching",
    [lambda number: number % 3 == 0, lambda number: number > 30_000, lambda number: number % 20_000 < 3000],
    ids=["every third", "the last", "here and there"],
)
def test_what_meets_a_condition_is_counted_range_by_range(matching: Callable[[int], bool]) -> None:
    server = Server(range(1, 40_001))
    server.matching = matching
    assert server.list().count_all(MINE) == Answer(sum(map(matching, server.numbers)))


def test_without_numbers_the_count_ends_where_the_server_stops() -> None:
    server = Server(range(1, 6001), numbered=False)
    assert server.list().count_all() == Answer(COUNTED, at_least=True)


def test_who_stops_listening_stops_the_reading() -> None:
    server = Server(range(1, 60_001))
    portions = server.list().every()
    next(portions)
    next(portions)
    portions.close()
    assert server.requests < 12


def test_a_list_that_is_answered_with_the_same_page_for_ever_is_an_error() -> None:
    same = [{"$id": "a"}, {"$id": "b"}]
    with pytest.raises(ProviderError, match="the same page of a list again"):
        list(pages(lambda *_queries: (same, len(same))))


@pytest.mark.parametrize(
    ("characters", "size"), [(790, 5000), (820, 1000), (3_900, 1000), (4_100, 250), (500_000, 100)]
)
def test_pages_of_whole_documents_are_as_large_as_the_documents_allow(characters: int, size: int) -> None:
    sizes = PageSize()
    sizes.fit([{"text": "x" * (characters - len(str({"text": ""})))}] * 20)
    assert sizes.now == size


def test_no_documents_leave_pages_as_they_are() -> None:
    sizes = PageSize()
    sizes.fit([])
    assert sizes.now == SIZES[0]

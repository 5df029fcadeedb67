"""Guards and conversions over many documents, on the embedded server: how often they ask, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.applying.convert import convert_attribute
from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.model.address import Address, collection_address
from raceday_iac.model.evidence import NOTHING, Answer, Ask, Question
from raceday_iac.model.resource import frozen
from raceday_iac.model.secret import Secret
from raceday_iac.provider import Written
from raceday_iac.provider.appwrite import AppwriteProvider, Transport
from raceday_iac.refresh.snapshot import answer

MANY = 20_000
PLACE = collection_address("d", "c")
LIST = ("GET", "/v1/databases/{databaseId}/collections/{collectionId}/documents")


class Many:
    """A server with a collection `c` of many documents, whose `text` is their number."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.provider = AppwriteProvider(Transport(server.endpoint, server.project, Secret(server.key)))
        self.provider.create(Address("database", "d"), frozen({"name": "D", "enabled": True}))
        self.provider.create(
            PLACE, frozen({"name": "C", "enabled": True, "documentSecurity": False, "permissions": ()})
        )
        text = {"type": "string", "required": False, "default": None, "array": False, "encrypt": False, "size": 30}
        self.provider.create(PLACE.child("attribute", "text"), frozen(text))
        while any(live.status != "available" for live in self.provider.members("d", "c", "attributes").values()):
            pass
        self.execute("DELETE FROM {table}")

    def fill(self, count: int) -> None:
        rows = [
            (f"d{number:07}", f"2026-01-01T00:00:00.{number % 1000:03}+00:00", str(number)) for number in range(count)
        ]
        sql = "INSERT INTO {table} (_uid, _createdAt, _updatedAt, _permissions, text) VALUES (?1, ?2, ?2, '[]', ?3)"
        self.execute(sql, rows)

    def execute(self, sql: str, rows: list[tuple[Any, ...]] | None = None) -> None:
        """Behind the API's back: a million requests would take too long."""

        def act(server: Any) -> None:
            (number,) = server.db.execute("SELECT max(number) FROM db_collections").fetchone()
            server.db.executemany(sql.format(table=f"docs_{number}"), rows or [()])

        self.server.call(act)

    def asked(self, ask: Callable[[], object]) -> int:
        """How many lists of documents are read for something."""
        before = self.server.server.requests[LIST]
        ask()
        return self.server.server.requests[LIST] - before


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Many]:
    with start_server(tmp_path_factory.mktemp("many")) as server:
        found = Many(server)
        found.fill(MANY)
        yield found


def question(ask: Ask, **settings: Any) -> Question:
    return Question(PLACE, ask, ("text",), **settings)


NUMBER = tuple(sorted({"type": "integer", "array": False, "min": None, "max": None}.items()))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (question(Ask.LONGER, limit=4), Answer(10_000, longest=5)),
        (question(Ask.LONGER, limit=5), Answer(0, longest=5)),
        (question(Ask.DUPLICATES), Answer(0)),
        (question(Ask.UNCONVERTIBLE, target=NUMBER), Answer(0)),
        (question(Ask.VALUES, must_read=True), Answer(MANY)),
    ],
    ids=lambda each: str(each.ask) if isinstance(each, Question) else "",
)
def test_a_guard_looks_at_twenty_thousand_documents_in_six_requests(
    many: Many, asked: Question, expected: Answer
) -> None:
    found: list[Answer] = []
    assert many.asked(lambda: found.append(answer(many.provider, asked))) <= 6
    assert (found[0], found[0].looked) == (expected, MANY)


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        (Question(PLACE, Ask.DOCUMENTS), MANY),
        (question(Ask.VALUES), MANY),
        (question(Ask.NULLS), 0),
        (question(Ask.AMONG, among=("7", "8", "nine")), 2),
    ],
    ids=lambda each: str(each.ask) if isinstance(each, Question) else "",
)
def test_what_appwrite_can_count_is_counted_to_the_end_and_not_read(many: Many, asked: Question, count: int) -> None:
    found: list[Answer] = []
    assert many.asked(lambda: found.append(answer(many.provider, asked))) <= 20
    assert (found[0], found[0].looked) == (Answer(count), 0)


def test_who_wants_no_more_than_a_part_looked_at_learns_of_how_many(many: Many) -> None:
    found: list[Answer] = []
    ask = question(Ask.LONGER, limit=5)
    assert many.asked(lambda: found.append(answer(many.provider, ask, 6000))) <= 25
    assert (found[0].number, found[0].looked, found[0].of) == ("0+", 6000, MANY)


# Conversions.

TO_NUMBER = {"type": "integer", "required": False, "default": None, "array": False, "min": None, "max": None}
BULK = ("PUT", LIST[1])
COMMIT = ("PATCH", "/v1/databases/transactions/{transactionId}")


@pytest.fixture
def fewer(tmp_path: Path) -> Iterator[Many]:
    """Five hundred documents, which nobody has changed for long."""
    with start_server(tmp_path) as server:
        found = Many(server)
        found.fill(500)
        yield found


def convert(many: Many, provider: AppwriteProvider) -> list[str]:
    """Texts become numbers; what is reported on the way."""
    reported: list[str] = []
    stages = convert_attribute(
        provider,
        PLACE.child("attribute", "text"),
        frozen(TO_NUMBER),
        may_lose=NOTHING,
        note=reported.append,
        first_look=0.01,
    )
    for _ in stages:
        pass
    return reported


def numbers(many: Many) -> dict[str, Any]:
    return {each["$id"]: each["text"] for each in many.provider.documents("d", "c", only=("text",))}


class Meanwhile(AppwriteProvider):
    """Somebody does something right before the first values are written."""

    act: Callable[[], object] | None = None

    def change_values(self, *arguments: Any) -> Written:
        act, self.act = self.act, None
        if act is not None:
            act()
        return super().change_values(*arguments)


def meanwhile(many: Many, act: Callable[[], object]) -> Meanwhile:
    provider = Meanwhile(many.provider._transport)
    provider.act = act
    return provider


def test_documents_are_converted_by_transactions_of_a_hundred_and_never_by_bulk_upserts(fewer: Many) -> None:
    """An upsert writes back what it read of a document: another value that somebody writes meanwhile is lost."""
    requests = fewer.server.server.requests
    reported = convert(fewer, fewer.provider)
    assert numbers(fewer) == {f"d{number:07}": number for number in range(500)}
    assert (requests[COMMIT], requests[BULK]) == (5, 0)
    assert any(each.startswith("verified 500 documents: checksum") for each in reported)


def test_a_document_that_is_deleted_while_it_is_copied_does_not_come_back(fewer: Many) -> None:
    gone = "d0000042"
    convert(fewer, meanwhile(fewer, lambda: fewer.provider.remove_document("d", "c", gone)))
    assert numbers(fewer) == {f"d{number:07}": number for number in range(500) if number != 42}


def test_what_somebody_writes_while_it_is_copied_is_kept_and_converted(fewer: Many) -> None:
    def correct() -> None:
        fewer.provider.change_document("d", "c", "d0000042", {"text": "4242"}, unless_newer_than="")
        fewer.provider.create_document("d", "c", "late", {"text": "7"})

    convert(fewer, meanwhile(fewer, correct))
    found = numbers(fewer)
    assert (found["d0000042"], found["late"], len(found)) == (4242, 7, 501)


def test_a_document_that_somebody_made_with_nothing_in_it_stays(fewer: Many) -> None:
    fewer.provider.create_document("d", "c", "empty", {"text": None})
    convert(fewer, fewer.provider)
    assert numbers(fewer)["empty"] is None

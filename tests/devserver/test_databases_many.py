"""Many documents: what a list costs grows with what it shows, not with the collection. Counted are SQLite's steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from raceday_iac.devserver.runner import start_server

from .databases_server import Database, q

FEW, MANY = 6000, 30_000
#: SQLite's steps between two looks at them.
EVERY = 50


def filled(db: Database, count: int) -> Database:
    """Documents with a number, and a text without an index; each hundredth of the first is marked."""
    path = db.collection("c", number="integer", rank="integer", text="string", mark="string")
    for key in ("number", "rank", "mark"):
        db.ok("POST", "/collections/c/indexes", {"key": key, "type": "key", "attributes": [key]})
    db.settle("c")
    assert path
    rows = [
        (
            f"d{each:06}",
            f"2026-01-01T{each // 3600 % 24:02}:{each // 60 % 60:02}:{each % 60:02}.000+00:00",
            each % 1000,
            each,
            str(each),
            "x" if each < FEW and each % 100 == 0 else None,
        )
        for each in range(count)
    ]

    def insert(server: Any) -> None:
        (number,) = server.db.execute("SELECT max(number) FROM db_collections").fetchone()
        names = "_uid, _createdAt, _updatedAt, _permissions, number, rank, text, mark"
        server.db.executemany(f"INSERT INTO docs_{number} ({names}) VALUES (?1, ?2, ?2, '[]', ?3, ?4, ?5, ?6)", rows)

    db.running.call(insert)
    return db


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Database]]:
    with start_server(tmp_path_factory.mktemp("many")) as running:
        found = []
        for name, count in (("few", FEW), ("many", MANY)):
            db = Database(running, name)
            db.ok("POST", "", {"databaseId": name, "name": name}, root="/databases")
            found.append(filled(db, count))
        yield found[0], found[1]


def steps(db: Database, *queries: str) -> int:
    """What a list of documents costs SQLite."""
    taken = [0]

    def step() -> int:
        taken[0] += 1
        return 0

    db.running.call(lambda server: server.db.set_progress_handler(step, EVERY))
    try:
        db.ok("GET", "/collections/c/documents", None, *queries)
    finally:
        db.running.call(lambda server: server.db.set_progress_handler(None, 0))
    return taken[0] * EVERY


LISTS = {
    "the first": [],
    "a cursor": [q("cursorAfter", "", "d005000")],
    "the newest": [q("orderDesc", "$updatedAt"), q("limit", "", 1)],
    "the highest": [q("orderDesc", "number"), q("limit", "", 25)],
    "a number": [q("equal", "rank", 4711)],
    "two of a list": [q("equal", "$id", "d000007", "d005999")],
    "above what is there": [q("greaterThan", "number", 5000)],
    "a few in the middle": [q("between", "rank", 5000, 5050), q("orderDesc", "number")],
    "the marked": [q("equal", "mark", "x"), q("limit", "", 5)],
    "changed since": [q("greaterThan", "$updatedAt", "2027-01-01T00:00:00.000+00:00")],
    "a range": [q("greaterThan", "$sequence", "5000"), q("lessThanEqual", "$sequence", "5100"), q("limit", "", 5000)],
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_no_more_where_there_are_five_times_as_many(sizes: tuple[Database, Database], name: str) -> None:
    few, many = (steps(db, *LISTS[name]) for db in sizes)
    assert many < 2 * few + 1000

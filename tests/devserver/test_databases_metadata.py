"""The second copy of a collection's schema: what documents are checked against, and how changes that overlap lose each
other, as on a real 1.8.1."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import Server, Settings

from .databases_server import Answer, Database, new_database, q

#: Long enough that requests which are sent together overlap on any machine.
WINDOW = 0.6
QUICK = Settings(processing_delay=0.0, scheduler=False)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One database worker."""
    with start_server(tmp_path_factory.mktemp("one"), settings=QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with start_server(tmp_path_factory.mktemp("two"), settings=replace(QUICK, database_workers=2)) as server:
        yield server


@pytest.fixture
def db(running: RunningServer) -> Database:
    return new_database(running)


@contextmanager
def overlapping(db: Database) -> Iterator[None]:
    """Changes in here take long enough to overlap."""

    def set_window(seconds: float) -> None:
        def change(server: Server) -> None:
            server.settings = replace(server.settings, schema_window=seconds)

        db.running.call(change)

    set_window(WINDOW)
    try:
        yield
    finally:
        set_window(0.0)


def known(db: Database, collection: str = "c") -> dict[str, Any]:
    """The metadata of a collection."""
    found: dict[str, Any] = db.ok("GET", f"_dev/metadata/{db.name}/{collection}", root="/")
    return found


def keys(db: Database, collection: str = "c") -> list[str]:
    return [each["key"] for each in known(db, collection)["attributes"]]


def begin(db: Database, method: str, path: str, body: Any) -> Future[Answer]:
    """Send a change, and come back when the server has it: it has read the metadata then, and not yet written it."""
    before = db.running.call(lambda server: server.requests.total())
    pool = ThreadPoolExecutor(1)
    sent = pool.submit(db.call, method, path, body)
    while db.running.call(lambda server: server.requests.total()) == before:
        time.sleep(0.001)
    time.sleep(0.02)
    return sent


def patch(key: str, **changes: Any) -> tuple[str, str, Any]:
    body = {"required": False, "default": None, **changes}
    return "PATCH", f"/collections/c/attributes/string/{key}", body


def write(db: Database, **data: Any) -> Answer:
    return db.call("POST", "/collections/c/documents", {"documentId": "unique()", "data": data})


def test_sizes_that_are_raised_at_once_are_listed_and_not_in_force(db: Database) -> None:
    db.collection("c", **{f"k{number}": "string" for number in range(4)})
    with overlapping(db):
        sent = [begin(db, *patch(f"k{number}", size=200)) for number in range(4)]
        assert [each.result().status for each in sent] == [200] * 4
    listed = db.ok("GET", "/collections/c/attributes")["attributes"]
    assert {each["size"] for each in listed} == {200}
    accepted = [number for number in range(4) if write(db, **{f"k{number}": "x" * 150}).status == 201]
    assert accepted == [3]


def test_defaults_that_are_set_at_once_are_lost_the_same_way(db: Database) -> None:
    db.collection("c", a="string", b="string", c="string")
    with overlapping(db):
        for sent in [begin(db, *patch(key, default=key)) for key in ("a", "b")]:
            sent.result()
    assert [each["default"] for each in db.ok("GET", "/collections/c/attributes")["attributes"]] == ["a", "b", None]
    stored = write(db, c="x").body
    assert (stored["a"], stored["b"]) == (None, "b")


def test_changes_that_follow_one_another_are_all_in_force(db: Database) -> None:
    db.collection("c", a="string", b="string")
    for key in ("a", "b"):
        db.ok(*patch(key, size=200))
    assert write(db, a="x" * 150, b="y" * 150).status == 201


def lose(db: Database) -> None:
    """Collection `c` with an attribute `new` that is available, and that documents do not know."""
    db.collection("c", old="string")
    with overlapping(db):
        db.attribute("c", "new", "string")
        # The worker has read the metadata by now, and this is written after what the worker writes.
        db.ok(*patch("old", size=200))
    db.settle()


def test_a_creation_beside_an_update_is_available_and_unknown_to_documents(db: Database) -> None:
    lose(db)
    assert db.ok("GET", "/collections/c/attributes/new")["status"] == "available"
    assert write(db, new="x").body["message"] == 'Invalid document structure: Unknown attribute: "new"'


@pytest.mark.parametrize("query", [q("select", "", "new"), q("orderAsc", "new"), q("isNull", "new")])
def test_queries_on_an_attribute_that_was_lost_are_refused(db: Database, query: str) -> None:
    lose(db)
    assert db.call("GET", "/collections/c/documents", None, query).outcome == (400, "general_query_invalid")


def test_an_attribute_that_was_lost_can_never_be_made_again(db: Database) -> None:
    lose(db)
    db.ok("DELETE", "/collections/c/attributes/new")
    db.gone("/collections/c/attributes/new")
    db.attribute("c", "new", "string")
    db.settle()
    again = db.ok("GET", "/collections/c/attributes/new")
    assert (again["status"], again["error"]) == ("failed", "Attribute already exists in schema")


def test_an_update_of_an_attribute_that_was_lost_is_an_error_of_the_server(db: Database) -> None:
    lose(db)
    assert db.call(*patch("new", size=300)).outcome == (500, "general_unknown")


def test_document_security_beside_an_index_is_answered_and_not_in_force(db: Database) -> None:
    db.collection("c", a="string")
    with overlapping(db):
        sent = begin(db, "PUT", "/collections/c", {"name": "c", "documentSecurity": True})
        db.index("c", "i", "key", "a")
    assert sent.result()["documentSecurity"] is True
    assert known(db)["documentSecurity"] is False


def test_document_security_alone_is_in_force(db: Database) -> None:
    db.collection("c", a="string")
    db.ok("PUT", "/collections/c", {"name": "c", "documentSecurity": True})
    assert known(db)["documentSecurity"] is True


def test_an_index_that_stays_in_the_metadata_keeps_its_key_for_ever(db: Database) -> None:
    db.collection("c", a="string")
    db.index("c", "i", "key", "a")
    with overlapping(db):
        db.ok("DELETE", "/collections/c/indexes/i")
        db.ok(*patch("a", size=200))
    db.gone("/collections/c/indexes/i")
    for _ in range(2):
        made = db.index("c", "i", "key", "a")
        assert (made["status"], made["error"]) == ("failed", "Index already exists")
        db.ok("DELETE", "/collections/c/indexes/i")
        db.gone("/collections/c/indexes/i")


def test_a_rename_beside_a_relationship_leaves_two_names_and_answers_500_from_then_on(db: Database) -> None:
    db.collection("other", z="string")
    db.collection("c", a="string")
    db.relate("c", "other", "manyToOne", "r", twoWayKey="back")
    with overlapping(db):
        renamed = begin(db, *patch("a", newKey="b"))
        db.ok("PATCH", "/collections/c/attributes/r/relationship", {"onDelete": "cascade"})
    assert renamed.result().status == 200
    assert [each["key"] for each in db.ok("GET", "/collections/c/attributes")["attributes"]] == ["b", "r"]
    assert "a" in keys(db)
    for _ in range(2):
        assert db.call(*patch("b", size=200)).outcome == (500, "general_unknown")
    assert write(db, a="x").status == 500
    assert db.ok("GET", "/collections/c/documents")["total"] == 0


def test_creations_alone_lose_nothing_with_one_worker(db: Database) -> None:
    db.collection("c")
    with overlapping(db):
        for number in range(3):
            db.attribute("c", f"a{number}", "string")
        db.settle()
    assert keys(db) == ["a0", "a1", "a2"]


def test_creations_alone_lose_each_other_with_two_workers(two_workers: RunningServer) -> None:
    db = new_database(two_workers)
    db.collection("c")
    with overlapping(db):
        for number in range(4):
            db.attribute("c", f"a{number}", "string")
        found = db.settle()
    assert {each["status"] for each in found["attributes"]} == {"available"}
    lost = [each["key"] for each in found["attributes"] if each["key"] not in keys(db)]
    assert len(lost) == 2
    made = db.index("c", "i", "key", lost[0])
    assert (made["status"], made["error"]) == ("failed", f'Invalid index attribute "{lost[0]}" not found')


def test_creations_that_are_awaited_lose_nothing_with_two_workers(two_workers: RunningServer) -> None:
    db = new_database(two_workers)
    db.collection("c")
    with overlapping(db):
        for number in range(3):
            db.attribute("c", f"a{number}", "string")
            db.settle()
    assert keys(db) == ["a0", "a1", "a2"]


@pytest.mark.parametrize(("number", "lost"), [(1, 0), (2, 2)])
def test_a_server_gets_more_workers_while_it_runs(db: Database, number: int, lost: int) -> None:
    db.ok("PATCH", "_dev/faults", {"databaseWorkers": number}, root="/")
    db.collection("c")
    try:
        with overlapping(db):
            for each in range(4):
                db.attribute("c", f"a{each}", "string")
            db.settle()
    finally:
        db.ok("PATCH", "_dev/faults", {"databaseWorkers": 1}, root="/")
    assert len(keys(db)) == 4 - lost


def test_collections_do_not_disturb_each_other(db: Database) -> None:
    db.collection("c", a="string")
    db.collection("other", a="string")
    with overlapping(db):
        sent = begin(db, *patch("a", size=200))
        body = {"required": False, "default": None, "size": 200}
        db.ok("PATCH", "/collections/other/attributes/string/a", body)
        sent.result()
    assert [known(db, name)["attributes"][0]["size"] for name in ("c", "other")] == [200, 200]


def test_a_relationship_counts_for_both_collections(db: Database) -> None:
    db.collection("other", z="string")
    db.collection("c", a="string")
    with overlapping(db):
        body = {"relatedCollectionId": "other", "type": "oneToMany", "key": "r", "twoWayKey": "back", "twoWay": True}
        db.ok("POST", "/collections/c/attributes/relationship", body)
        db.ok("PATCH", "/collections/other/attributes/string/z", {"required": False, "default": None, "size": 200})
    db.settle()
    assert keys(db, "other") == ["z"]
    assert [each["key"] for each in db.ok("GET", "/collections/other/attributes")["attributes"]] == ["z", "back"]


def test_a_collection_that_goes_takes_its_relationships_out_of_the_metadata_of_others(db: Database) -> None:
    db.collection("other", z="string")
    db.collection("c", a="string")
    db.relate("c", "other", "manyToOne", "r", twoWayKey="back")
    db.ok("DELETE", "/collections/other")
    while db.ok("GET", "/collections/c/attributes")["total"] > 1:
        pass
    assert keys(db) == ["a"]


def test_a_job_that_a_restart_cut_short_is_done_again(tmp_path: Path) -> None:
    with start_server(tmp_path, settings=replace(QUICK, schema_window=3600)) as server:
        first = new_database(server)
        first.collection("c")
        first.attribute("c", "a", "string")
    with start_server(tmp_path, settings=QUICK) as server:
        again = Database(server, first.name)
        again.settle()
        assert keys(again) == ["a"]


def test_what_an_older_server_kept_is_taken_over(tmp_path: Path) -> None:
    with start_server(tmp_path, settings=QUICK) as server:
        old = new_database(server)
        old.collection("c", a="string")
        old.index("c", "i", "key", "a")
        server.call(_as_it_was)
    with start_server(tmp_path, settings=QUICK) as server:
        again = Database(server, old.name)
        assert (keys(again), [each["key"] for each in known(again)["indexes"]]) == (["a"], ["i"])
        assert write(again, a="x").status == 201


def _as_it_was(server: Any) -> None:
    """Tables of a server that kept no metadata."""
    for table in ("db_attributes", "db_indexes"):
        server.db.execute(f"ALTER TABLE {table} ADD COLUMN built INTEGER NOT NULL DEFAULT 1")
    server.db.execute("ALTER TABLE db_attributes ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0")
    server.db.execute("DELETE FROM db_metadata")


@pytest.fixture
def stale(running: RunningServer) -> Iterator[Database]:
    found = new_database(running)
    yield found
    running.call(lambda server: server.faults.clear())


def test_a_stale_cache_says_processing_while_the_lists_say_available(running: RunningServer, stale: Database) -> None:
    stale.collection("c", a="string", b="string")
    stale.index("c", "i", "key", "a")
    running.call(lambda server: server.faults.stale_answers.update({"a", "i"}))
    assert stale.ok("GET", "/collections/c/attributes/a")["status"] == "processing"
    assert stale.ok("GET", "/collections/c/indexes/i")["status"] == "processing"
    one = stale.ok("GET", "/collections/c")
    assert [each["status"] for each in (*one["attributes"], *one["indexes"])] == [
        "processing",
        "available",
        "processing",
    ]
    listed = [stale.ok("GET", f"/collections/c/{part}")[part] for part in ("attributes", "indexes")]
    assert {each["status"] for part in listed for each in part} == {"available"}
    (whole,) = stale.ok("GET", "/collections")["collections"]
    assert {each["status"] for each in whole["attributes"]} == {"available"}


def test_a_stale_cache_still_shows_what_is_gone(running: RunningServer, stale: Database) -> None:
    stale.collection("c", a="string")
    running.call(lambda server: server.faults.stale_answers.add("a"))
    stale.ok("DELETE", "/collections/c/attributes/a")
    while stale.ok("GET", "/collections/c/attributes")["total"]:
        pass
    assert stale.ok("GET", "/collections/c/attributes/a")["status"] == "deleting"
    assert [each["status"] for each in stale.ok("GET", "/collections/c")["attributes"]] == ["deleting"]

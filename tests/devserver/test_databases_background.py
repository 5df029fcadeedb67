"""Attributes and indexes are built in the background: their states, faults on the way, and restarts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import Settings

from .databases_server import Database, db, new_database, running

__all__ = ["db", "running"]


@pytest.fixture
def faulty(running: RunningServer) -> Iterator[RunningServer]:
    """The server; faults that a test arms are disarmed after it."""
    yield running
    running.call(lambda server: server.faults.clear())


def test_an_attribute_on_a_stuck_worker_stays_processing(faulty: RunningServer, db: Database) -> None:
    faulty.call(lambda server: server.faults.stuck_attributes.add("slow*"))
    db.collection("c")
    db.attribute("c", "slow1", "string")
    db.attribute("c", "quick", "string")
    while db.ok("GET", "/collections/c/attributes/quick")["status"] == "processing":
        pass
    assert db.ok("GET", "/collections/c/attributes/slow1")["status"] == "processing"


def test_a_stuck_attribute_can_be_deleted(faulty: RunningServer, db: Database) -> None:
    faulty.call(lambda server: server.faults.stuck_attributes.add("slow"))
    db.collection("c")
    db.attribute("c", "slow", "string")
    db.ok("DELETE", "/collections/c/attributes/slow")
    db.gone("/collections/c/attributes/slow")


def test_a_failed_attribute_says_why_and_blocks_its_key(faulty: RunningServer, db: Database) -> None:
    faulty.call(lambda server: server.faults.failing_attributes.add("bad"))
    db.collection("c", bad="string")
    failed = db.ok("GET", "/collections/c/attributes/bad")
    assert (failed["status"], failed["error"]) == ("failed", "Failed to create attribute/column")
    again = db.call("POST", "/collections/c/attributes/string", {"key": "bad", "size": 5, "required": False})
    assert again.outcome == (409, "attribute_already_exists")


def test_a_failed_attribute_is_unknown_to_documents(faulty: RunningServer, db: Database) -> None:
    faulty.call(lambda server: server.faults.failing_attributes.add("bad"))
    documents = db.collection("c", bad="string", good="string")
    refused = db.call("POST", documents, {"documentId": "x", "data": {"bad": "1"}})
    assert refused.outcome == (400, "document_invalid_structure")


def test_a_failed_attribute_can_be_deleted_and_made_again(faulty: RunningServer, db: Database) -> None:
    faulty.call(lambda server: server.faults.failing_attributes.add("bad"))
    documents = db.collection("c", bad="string")
    db.ok("DELETE", "/collections/c/attributes/bad")
    db.gone("/collections/c/attributes/bad")
    faulty.call(lambda server: server.faults.clear())
    db.attribute("c", "bad", "string")
    db.settle()
    assert db.write(documents, "x", bad="now")["bad"] == "now"


def test_a_failing_index_ends_as_failed(faulty: RunningServer, db: Database) -> None:
    faulty.call(lambda server: server.faults.failing_attributes.add("i"))
    db.collection("c", a="string")
    assert db.index("c", "i", "key", "a")["status"] == "failed"


def test_attributes_of_one_collection_are_all_finished(db: Database) -> None:
    db.collection("c")
    for number in range(40):
        db.attribute("c", f"a{number}", "integer")
    found = db.settle()["attributes"]
    assert [each["key"] for each in found] == [f"a{number}" for number in range(40)]
    assert {each["status"] for each in found} == {"available"}


def test_work_that_waits_is_done_after_a_restart(tmp_path: Path) -> None:
    with start_server(tmp_path, settings=Settings(processing_delay=3600, scheduler=False)) as server:
        before = new_database(server)
        before.ok("POST", "/collections", {"collectionId": "c", "name": "C"})
        before.ok("POST", "/collections", {"collectionId": "gone", "name": "C"})
        before.attribute("c", "a", "string")
        before.ok("DELETE", "/collections/gone")
    with start_server(tmp_path) as server:
        after = Database(server, before.name)
        assert after.settle()["attributes"][0]["status"] == "available"
        rows = server.call(lambda each: each.db.execute("SELECT id FROM db_collections").fetchall())
        assert [row["id"] for row in rows] == ["c"]


def test_a_deleted_collection_frees_its_id_at_once_and_keeps_no_data(db: Database) -> None:
    documents = db.collection("c", a="string")
    db.write(documents, "x", a="1")
    db.ok("DELETE", "/collections/c")
    db.ok("POST", "/collections", {"collectionId": "c", "name": "New"})
    assert db.ok("GET", documents)["total"] == 0


def test_a_deleted_database_leaves_nothing_behind(running: RunningServer, db: Database) -> None:
    db.write(db.collection("c", a="string"), "x", a="1")
    number = running.call(
        lambda server: server.db.execute("SELECT number FROM db_databases WHERE id = ?", (db.name,)).fetchone()[0]
    )
    db.ok("DELETE", "")
    left = True
    while left:
        left = running.call(
            lambda server: server.db.execute("SELECT 1 FROM db_databases WHERE number = ?", (number,)).fetchone()
        )
    tables = running.call(
        lambda server: server.db.execute("SELECT count(*) FROM db_collections WHERE database = ?", (number,)).fetchone()
    )
    assert tables[0] == 0

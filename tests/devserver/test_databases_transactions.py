"""Transactions: what is staged, what a commit does, and what undoes it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import ManualClock

from .databases_server import Answer, Database, db, new_database, q, running

__all__ = ["db", "running"]

ROOT = "/databases/transactions"


class Transaction:
    def __init__(self, db: Database, **options: Any) -> None:
        self.db = db
        self.id = db.ok("POST", "", options, root=ROOT)["$id"]

    def add(self, *operations: dict[str, Any]) -> Answer:
        return self.db.call("POST", f"/{self.id}/operations", {"operations": list(operations)}, root=ROOT)

    def op(self, action: str, document_id: str | None = None, data: Any = None) -> dict[str, Any]:
        named = {"documentId": document_id} if document_id else {}
        return {"action": action, "databaseId": self.db.name, "collectionId": "c", "data": data or {}} | named

    def finish(self, how: str = "commit") -> Answer:
        return self.db.call("PATCH", f"/{self.id}", {how: True}, root=ROOT)

    @property
    def status(self) -> str:
        return str(self.db.ok("GET", f"/{self.id}", root=ROOT)["status"])


@pytest.fixture
def documents(db: Database) -> str:
    return db.collection("c", name={"type": "string", "required": True}, n="integer")


def test_nothing_shows_before_the_commit(db: Database, documents: str) -> None:
    transaction = Transaction(db)
    transaction.add(transaction.op("create", "a", {"name": "A"}))
    assert db.ids(documents) == []
    within = f"transactionId={transaction.id}"
    assert db.ok("GET", f"{documents}?{within}")["total"] == 1
    # By its id it is not found on 1.8.1, even within.
    assert db.call("GET", f"{documents}/a?{within}").status == 404
    assert transaction.finish()["status"] == "committed"
    assert db.ids(documents) == ["a"]


def test_operations_build_on_each_other(db: Database, documents: str) -> None:
    transaction = Transaction(db)
    added = transaction.add(
        transaction.op("create", "a", {"name": "A", "n": 1}),
        transaction.op("update", "a", {"n": 5}),
        transaction.op("increment", "a", {"attribute": "n", "value": 2}),
        transaction.op("bulkCreate", None, [{"$id": "b", "name": "B"}, {"$id": "c", "name": "C"}]),
        transaction.op("bulkUpdate", None, {"data": {"n": 9}, "queries": [q("equal", "name", "b")]}),
        transaction.op("bulkDelete", None, {"queries": [q("equal", "name", "c")]}),
    )
    assert added["operations"] == 6
    assert transaction.finish().status == 200
    found = {each["$id"]: each["n"] for each in db.ok("GET", documents)["documents"]}
    assert found == {"a": 7, "b": 9}


def test_an_upsert_takes_its_id_from_the_data(db: Database, documents: str) -> None:
    for _ in range(2):
        transaction = Transaction(db)
        transaction.add(transaction.op("upsert", "ignored", {"$id": "a", "name": "A"}))
        transaction.finish()
    assert db.ids(documents) == ["a"]


def test_an_upsert_without_an_id_in_its_data_makes_a_new_document_each_time(db: Database, documents: str) -> None:
    for _ in range(2):
        transaction = Transaction(db)
        transaction.add(transaction.op("upsert", "a", {"name": "A"}))
        transaction.finish()
    assert len(db.ids(documents)) == 2
    assert "a" not in db.ids(documents)


def test_a_taken_id_is_a_conflict_that_undoes_everything(db: Database, documents: str) -> None:
    db.write(documents, "b", name="B")
    transaction = Transaction(db)
    transaction.add(transaction.op("create", "a", {"name": "A"}), transaction.op("create", "b", {"name": "B"}))
    assert transaction.finish().outcome == (409, "transaction_conflict")
    assert db.ids(documents) == ["b"]
    assert transaction.status == "failed"


def test_a_change_by_somebody_else_is_a_conflict(tmp_path: Path) -> None:
    with start_server(tmp_path, clock=ManualClock(datetime(2026, 3, 1, tzinfo=UTC))) as server:
        db = new_database(server)
        documents = db.collection("c", name="string", n="integer")
        db.write(documents, "a", name="A", n=0)
        db.ok("PATCH", f"{documents}/a", {"data": {"n": 1}})
        first, second = Transaction(db), Transaction(db)
        first.add(first.op("update", "a", {"n": 2}))
        second.add(second.op("update", "a", {"n": 3}))
        assert first.finish().status == 200
        assert second.finish().outcome == (409, "transaction_conflict")


def test_a_bad_document_fails_the_commit(db: Database, documents: str) -> None:
    transaction = Transaction(db)
    transaction.add(transaction.op("create", "a", {"name": "A"}), transaction.op("create", "b", {"n": 1}))
    assert transaction.finish().outcome == (400, "document_invalid_structure")
    assert db.ids(documents) == []


def test_a_rollback_is_recorded_as_failed(db: Database, documents: str) -> None:
    transaction = Transaction(db)
    transaction.add(transaction.op("create", "a", {"name": "A"}))
    assert transaction.finish("rollback")["status"] == "failed"
    assert db.ids(documents) == []
    assert transaction.finish().outcome == (400, "transaction_not_ready")


def test_an_expired_transaction_answers_500_with_its_type(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    with start_server(tmp_path, clock=clock) as server:
        transaction = Transaction(new_database(server), ttl=60)
        clock.advance(seconds=61)
        assert transaction.finish().outcome == (500, "transaction_expired")


@pytest.mark.parametrize(("count", "status"), [(100, 201), (101, 400)])
def test_a_transaction_takes_a_hundred_operations(db: Database, documents: str, count: int, status: int) -> None:
    transaction = Transaction(db)
    added = transaction.add(*(transaction.op("create", f"d{number}", {"name": "x"}) for number in range(count)))
    assert added.status == status


def test_an_operation_on_nothing_is_refused(db: Database, documents: str) -> None:
    transaction = Transaction(db)
    assert transaction.add(transaction.op("update", "nope", {"n": 1})).outcome == (404, "document_not_found")


def test_a_write_with_a_transaction_is_staged(db: Database, documents: str) -> None:
    transaction = Transaction(db)
    db.write(documents, "old", name="Old", n=1)
    with_transaction = {"transactionId": transaction.id}
    db.ok("POST", documents, {"documentId": "new", "data": {"name": "New"}} | with_transaction)
    db.ok("PATCH", f"{documents}/old", {"data": {"n": 2}} | with_transaction)
    db.ok("PUT", f"{documents}/put", {"data": {"name": "Put"}} | with_transaction)
    assert db.ids(documents) == ["old"]
    staged = db.ok("GET", f"{documents}?transactionId={transaction.id}")
    assert {each["$id"]: each.get("n") for each in staged["documents"]} == {"old": 2, "new": None, "put": None}
    assert transaction.finish().status == 200
    assert db.ids(documents) == ["old", "new", "put"]


@pytest.mark.parametrize(("ttl", "status"), [(59, 400), (60, 201), (3600, 201), (3601, 400)])
def test_the_lifetime_of_a_transaction_has_bounds(db: Database, ttl: int, status: int) -> None:
    assert db.call("POST", "", {"ttl": ttl}, root=ROOT).status == status

"""Transactions through both databases APIs, from the first staged write to the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from .client import Answer, Api, q
from .modelling import add_attribute, create_collection, ids


@dataclass(frozen=True)
class Dialect:
    """One of the two APIs over the same storage."""

    transactions: str
    documents: str
    collection_id: str
    document_id: str
    missing: str


LEGACY = Dialect(
    "/databases/transactions",
    "/databases/d/collections/c/documents",
    "collectionId",
    "documentId",
    "document_not_found",
)
TABLES = Dialect("/tablesdb/transactions", "/tablesdb/d/tables/c/rows", "tableId", "rowId", "row_not_found")


@pytest.fixture(params=[LEGACY, TABLES], ids=["legacy", "tables"])
def dialect(request: pytest.FixtureRequest, api: Api) -> Dialect:
    add_attribute(api, create_collection(api), "string", "title", required=True)
    add_attribute(api, "/databases/d/collections/c", "integer", "count", default=0)
    chosen: Dialect = request.param
    return chosen


def begun(api: Api, dialect: Dialect) -> str:
    """The path of a new transaction."""
    answer = api.post(dialect.transactions, {"ttl": 120})
    assert answer.status == 201, answer.body
    return f"{dialect.transactions}/{answer['$id']}"


def stage(api: Api, dialect: Dialect, transaction: str, action: str, document: str = "", data: Any = None) -> Answer:
    operation = {"databaseId": "d", dialect.collection_id: "c", "action": action}
    optional = {dialect.document_id: document or None, "data": data}
    operation |= {name: value for name, value in optional.items() if value is not None}
    return api.post(f"{transaction}/operations", {"operations": [operation]})


def staged(api: Api, dialect: Dialect, transaction: str, action: str, document: str = "", data: Any = None) -> None:
    answer = stage(api, dialect, transaction, action, document, data)
    assert answer.status == 201, answer.body


def create(api: Api, dialect: Dialect, document: str, **data: Any) -> None:
    answer = api.post(dialect.documents, {dialect.document_id: document, "data": data})
    assert answer.status == 201, answer.body


def test_a_new_transaction_is_pending_and_listed(api: Api, dialect: Dialect) -> None:
    path = begun(api, dialect)
    shown = api.get(path)
    assert (shown.status, shown["status"], shown["operations"]) == (200, "pending", 0)
    assert shown["expiresAt"] > shown["$createdAt"]
    assert shown["$id"] in ids(api.get(dialect.transactions, q("limit", None, 1000)))


@pytest.mark.parametrize("ttl", [59, 3601])
def test_a_transaction_lives_between_a_minute_and_an_hour(api: Api, dialect: Dialect, ttl: int) -> None:
    refused = api.post(dialect.transactions, {"ttl": ttl})
    assert (refused.status, refused.kind) == (400, "general_argument_invalid")


def test_all_kinds_of_operations_happen_together(api: Api, dialect: Dialect) -> None:
    for document in ("changed", "counted", "removed"):
        create(api, dialect, document, title="before")
    path = begun(api, dialect)
    staged(api, dialect, path, "create", "new", {"title": "made"})
    staged(api, dialect, path, "update", "changed", {"title": "after"})
    staged(api, dialect, path, "increment", "counted", {_attribute(dialect): "count", "value": 5})
    staged(api, dialect, path, "delete", "removed")
    assert api.get(path)["operations"] == 4
    assert ids(api.get(dialect.documents)) == ["changed", "counted", "removed"]
    assert api.patch(path, {"commit": True})["status"] == "committed"
    assert ids(api.get(dialect.documents)) == ["changed", "counted", "new"]
    assert api.get(f"{dialect.documents}/changed")["title"] == "after"
    assert api.get(f"{dialect.documents}/counted")["count"] == 5


def _attribute(dialect: Dialect) -> str:
    return "attribute" if dialect is LEGACY else "column"


def test_a_committed_transaction_is_over(api: Api, dialect: Dialect) -> None:
    path = begun(api, dialect)
    staged(api, dialect, path, "create", "one", {"title": "x"})
    assert api.patch(path, {"commit": True}).status == 200
    assert stage(api, dialect, path, "create", "two", {"title": "x"}).status == 400
    assert api.patch(path, {"commit": True}).status == 400
    assert ids(api.get(dialect.documents)) == ["one"]


def test_a_deleted_transaction_leaves_no_trace(api: Api, dialect: Dialect) -> None:
    path = begun(api, dialect)
    staged(api, dialect, path, "create", "one", {"title": "x"})
    assert api.delete(path).status == 204
    gone = api.get(path)
    assert (gone.status, gone.kind) == (404, "transaction_not_found")
    assert ids(api.get(dialect.documents)) == []


def test_rows_and_documents_are_written_in_bulk_alike(api: Api, dialect: Dialect) -> None:
    name = dialect.documents.rpartition("/")[2]
    many = {name: [{"$id": "a", "title": "A"}, {"$id": "b", "title": "B"}]}
    assert api.put(dialect.documents, many)["total"] == 2
    assert api.patch(dialect.documents, {"data": {"title": "same"}})["total"] == 2
    assert {each["title"] for each in api.get(dialect.documents)[name]} == {"same"}
    assert api.delete(dialect.documents, {})["total"] == 2
    assert ids(api.get(dialect.documents)) == []


def test_a_counter_goes_down_to_its_bound(api: Api, dialect: Dialect) -> None:
    create(api, dialect, "one", title="x", count=3)
    path = f"{dialect.documents}/one/count/decrement"
    assert api.patch(path, {"value": 2, "min": 0})["count"] == 1
    assert api.patch(path, {"value": 2, "min": 0}).status == 400
    assert api.get(f"{dialect.documents}/one")["count"] == 1

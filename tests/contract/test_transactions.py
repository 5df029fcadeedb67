"""Transactions through both databases APIs, from the first staged write to the end."""

from __future__ import annotations

import time
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


LEGACY = Dialect(
    "/databases/transactions",
    "/databases/d/collections/c/documents",
    "collectionId",
    "documentId",
)
TABLES = Dialect("/tablesdb/transactions", "/tablesdb/d/tables/c/rows", "tableId", "rowId")


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


# A fence: a document that every transaction of one writer changes first, without changing a value (1.8.1 and 1.9.6).


def operation(dialect: Dialect, action: str, document: str, data: Any = None) -> dict[str, Any]:
    place = {"databaseId": "d", dialect.collection_id: "c", "action": action}
    return place | ({dialect.document_id: document} if document else {}) | ({} if data is None else {"data": data})


def fenced(api: Api, dialect: Dialect, *operations: dict[str, Any]) -> str:
    """A transaction with everything staged behind an update of the fence; it is not committed yet."""
    path = begun(api, dialect)
    first = operation(dialect, "update", "fence", {"title": "fence"})
    answer = api.post(f"{path}/operations", {"operations": [first, *operations]})
    assert answer.status == 201, answer.body
    return path


def test_an_update_with_unchanged_values_lets_the_rest_of_a_transaction_through(api: Api, dialect: Dialect) -> None:
    create(api, dialect, "fence", title="fence")
    before = api.get(f"{dialect.documents}/fence")["$updatedAt"]

    path = fenced(api, dialect, operation(dialect, "create", "new", {"title": "x"}))

    assert api.patch(path, {"commit": True})["status"] == "committed"
    assert ids(api.get(dialect.documents)) == ["fence", "new"]
    assert api.get(f"{dialect.documents}/fence")["$updatedAt"] == before


def test_nothing_of_a_transaction_is_written_when_its_fence_went_after_it_was_staged(
    api: Api, dialect: Dialect
) -> None:
    create(api, dialect, "fence", title="fence")
    create(api, dialect, "old", title="old")
    many = [{"$id": "old", "title": "late"}, {"$id": "more", "title": "late"}]
    path = fenced(
        api,
        dialect,
        operation(dialect, "bulkUpsert", "", many),
        operation(dialect, "upsert", "one", {"$id": "one", "title": "late"}),
    )
    assert api.delete(f"{dialect.documents}/fence").status == 204

    refused = api.patch(path, {"commit": True})

    # The word of the documents API, also where the other one was used: what fails here are stored operations.
    assert (refused.status, refused.kind) == (404, "document_not_found")
    assert api.get(path)["status"] == "failed"
    assert ids(api.get(dialect.documents)) == ["old"]
    assert api.get(f"{dialect.documents}/old")["title"] == "old"


def test_a_fence_that_is_gone_is_missed_when_its_transaction_is_staged(api: Api, dialect: Dialect) -> None:
    path = begun(api, dialect)
    staged = stage(api, dialect, path, "update", "fence", {"title": "fence"})
    assert (staged.status, staged.kind) == (404, "document_not_found")
    assert api.get(path)["operations"] == 0


def test_a_document_that_was_made_again_lets_an_older_transaction_through(api: Api, dialect: Dialect) -> None:
    """Only its date would be a conflict, and a clock may go back. Why the id of a fence is never used twice."""
    create(api, dialect, "fence", title="fence")
    path = fenced(api, dialect, operation(dialect, "create", "late", {"title": "x"}))
    api.delete(f"{dialect.documents}/fence")
    long_ago = dict.fromkeys(("$createdAt", "$updatedAt"), "2020-01-01T00:00:00.000+00:00")
    create(api, dialect, "fence", title="fence", **long_ago)

    assert api.patch(path, {"commit": True})["status"] == "committed"


def test_a_bulk_upsert_in_a_transaction_takes_a_hundred_documents_beside_the_fence(api: Api, dialect: Dialect) -> None:
    create(api, dialect, "fence", title="fence")
    hundred = [{"$id": f"d{number}", "title": "x"} for number in range(100)]
    path = fenced(api, dialect, operation(dialect, "bulkUpsert", "", hundred))
    assert api.get(path)["operations"] == 2
    assert api.patch(path, {"commit": True})["status"] == "committed"
    assert api.get(dialect.documents, q("limit", None, 1))["total"] == 101


def test_a_bad_document_of_a_bulk_upsert_fails_the_whole_transaction(api: Api, dialect: Dialect) -> None:
    create(api, dialect, "fence", title="fence")
    path = fenced(api, dialect, operation(dialect, "bulkUpsert", "", [{"$id": "a", "title": "x"}, {"$id": "b"}]))
    refused = api.patch(path, {"commit": True})
    assert refused.status == 400
    assert ids(api.get(dialect.documents)) == ["fence"]


def test_what_was_changed_after_it_was_staged_is_a_conflict(api: Api, dialect: Dialect) -> None:
    create(api, dialect, "fence", title="fence")
    create(api, dialect, "one", title="x")
    path = fenced(api, dialect, operation(dialect, "update", "one", {"count": 1}))
    # Appwrite compares milliseconds.
    time.sleep(0.002)
    api.patch(f"{dialect.documents}/one", {"data": {"count": 2}})

    refused = api.patch(path, {"commit": True})

    assert (refused.status, refused.kind) == (409, "transaction_conflict")
    assert api.get(f"{dialect.documents}/one")["count"] == 2


def test_a_transaction_that_was_rolled_back_is_never_committed(api: Api, dialect: Dialect) -> None:
    create(api, dialect, "fence", title="fence")
    path = fenced(api, dialect, operation(dialect, "create", "new", {"title": "x"}))
    assert api.patch(path, {"rollback": True})["status"] == "failed"
    refused = api.patch(path, {"commit": True})
    assert (refused.status, refused.kind) == (400, "transaction_not_ready")
    assert ids(api.get(dialect.documents)) == ["fence"]


def test_a_transaction_is_committed_once(api: Api, dialect: Dialect) -> None:
    create(api, dialect, "fence", title="fence")
    path = fenced(api, dialect, operation(dialect, "increment", "fence", {_attribute(dialect): "count", "value": 1}))
    assert api.patch(path, {"commit": True}).status == 200
    again = api.patch(path, {"commit": True})
    assert (again.status, again.kind) == (400, "transaction_not_ready")
    assert api.get(f"{dialect.documents}/fence")["count"] == 1

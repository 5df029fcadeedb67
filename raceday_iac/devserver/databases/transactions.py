"""Transactions: create, read, list, delete, take operations, commit or roll back."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .. import params
from ..errors import ApiError, invalid
from ..params import Param, Refused
from ..web import Reply, Request
from . import catalog, commits, listing, moments, places, staging
from .arguments import uid, within
from .catalog import Collection
from .operations import ON_MANY, operation_list
from .query_sql import Source
from .staging import NOT_PENDING, Operation, find_transaction, refuse_expired, refuse_overflow
from .store import Store
from .transaction_view import TransactionView
from .vocabulary import Vocabulary, route

if TYPE_CHECKING:
    from ..server import Server

#: The legacy reads are labelled with the scope of the tables API (1.8.1, Transactions/Get.php).
READ = (("rows.read",), ("documents.read", "rows.read"))
WRITE = (("documents.write",), ("documents.write", "rows.write"))

TRANSACTION_ID = Param("transactionId", uid)
TRANSACTION_PATH = "/transactions/{transactionId}"


def _answer(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "$id": row["id"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "status": row["status"],
        "operations": row["operations"],
        "expiresAt": row["expires_at"],
    }


@route("POST", "/transactions", WRITE, Param("ttl", within(60, 3600), default=300))
def create_transaction(server: Server, request: Request, values: dict[str, Any], _words: Vocabulary) -> Reply:
    now, transaction_id = server.timestamp(), server.new_id()
    expires_at = moments.stamp(server.clock.now() + timedelta(seconds=values["ttl"]))
    server.db.execute(
        "INSERT INTO db_transactions (project, id, status, operations, expires_at, created_at, updated_at) "
        "VALUES (?, ?, 'pending', 0, ?, ?, ?)",
        (request.project, transaction_id, expires_at, now, now),
    )
    return Reply(201, _answer(find_transaction(server, request, transaction_id)))


@route("GET", "/transactions", READ, listing.queries_of(listing.TRANSACTIONS))
def list_transactions(server: Server, request: Request, values: dict[str, Any], _words: Vocabulary) -> Reply:
    source = Source("db_transactions", listing.TRANSACTIONS, "project = ?", (request.project,))
    rows, total = listing.page(server, source, values["queries"], noun="Transaction")
    return Reply(200, {"total": total, "transactions": [_answer(row) for row in rows]})


@route("GET", TRANSACTION_PATH, READ, TRANSACTION_ID)
def get_transaction(server: Server, request: Request, values: dict[str, Any], _words: Vocabulary) -> Reply:
    return Reply(200, _answer(find_transaction(server, request, values["transactionId"])))


@route("DELETE", TRANSACTION_PATH, WRITE, TRANSACTION_ID)
def delete_transaction(server: Server, request: Request, values: dict[str, Any], _words: Vocabulary) -> Reply:
    row = find_transaction(server, request, values["transactionId"])
    _forget_operations(server, row)
    server.db.execute("DELETE FROM db_transactions WHERE number = ?", (row["number"],))
    return Reply(204)


def _forget_operations(server: Server, transaction: sqlite3.Row) -> None:
    server.db.execute("DELETE FROM db_operations WHERE transaction_number = ?", (transaction["number"],))


@route(
    "PATCH",
    TRANSACTION_PATH,
    WRITE,
    TRANSACTION_ID,
    Param("commit", params.boolean, default=False),
    Param("rollback", params.boolean, default=False),
)
def update_transaction(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    if not values["commit"] and not values["rollback"]:
        raise ApiError("general_bad_request", "Either commit or rollback must be true")
    if values["commit"] and values["rollback"]:
        raise ApiError("general_bad_request", "Cannot commit and rollback at the same time")
    row = find_transaction(server, request, values["transactionId"])
    if row["status"] != "pending":
        raise ApiError("transaction_not_ready")
    refuse_expired(server, row)
    if values["commit"]:
        commits.commit(server, row, words)
    else:
        commits.set_status(server, row, "failed")
    _forget_operations(server, row)
    return Reply(200, _answer(find_transaction(server, request, values["transactionId"])))


@route(
    "POST",
    f"{TRANSACTION_PATH}/operations",
    WRITE,
    TRANSACTION_ID,
    Param("operations", lambda value: value, default=[]),
)
def create_operations(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    """Take a list of operations: all of them, or none."""
    operations = _checked(values["operations"], words)
    if not operations:
        raise ApiError("general_bad_request", "Operations array cannot be empty")
    row = find_transaction(server, request, values["transactionId"])
    if row["status"] != "pending":
        raise ApiError("general_bad_request", NOT_PENDING)
    refuse_expired(server, row)
    refuse_overflow(row, len(operations))
    store, created = Store(server), set[tuple[int, str]]()
    collections = _collections(server, request, operations, words)
    for operation, collection in zip(operations, collections, strict=True):
        _check_target(store, request, values["transactionId"], collection, operation, words, created)
    staged = [
        Operation(collection, operation["action"], operation.get(words.document_id), operation.get("data") or {})
        for operation, collection in zip(operations, collections, strict=True)
    ]
    staging.stage_all(server, row, staged)
    return Reply(201, _answer(find_transaction(server, request, values["transactionId"])))


def _checked(value: Any, words: Vocabulary) -> list[dict[str, Any]]:
    try:
        operations: list[dict[str, Any]] = operation_list(words)(value)
    except Refused as refusal:
        raise invalid("operations", str(refusal)) from None
    return operations


def _collections(
    server: Server, request: Request, operations: list[dict[str, Any]], words: Vocabulary
) -> list[Collection]:
    """The collection of each operation. Each is looked up once, however many operations it has."""
    known: dict[tuple[str, str], Collection] = {}
    found: list[Collection] = []
    for operation in operations:
        place = (operation["databaseId"], operation[words.collection_id])
        if place not in known:
            known[place] = _collection(server, request, *place, words)
        _refuse_many(operation, known[place], words)
        found.append(known[place])
    return found


def _collection(
    server: Server, request: Request, database_id: str, collection_id: str, words: Vocabulary
) -> Collection:
    database = places.find_database(server, request, database_id, words)
    row = places.collection_row(server.db, int(database["number"]), collection_id)
    if row is None:
        raise ApiError("collection_not_found")
    return catalog.load(server.db, row)


def _refuse_many(operation: dict[str, Any], collection: Collection, words: Vocabulary) -> None:
    has_relations = any(not attribute.hidden for attribute, _ in collection.relations)
    if operation["action"] in ON_MANY and has_relations:
        raise ApiError(
            "general_bad_request",
            f"Bulk operations are not supported for {words.collection_id} with relationship attributes",
        )


def _check_target(
    store: Store,
    request: Request,
    transaction_id: str,
    collection: Collection,
    operation: dict[str, Any],
    words: Vocabulary,
    created: set[tuple[int, str]],
) -> None:
    """What is changed or deleted must be there, or be created earlier in the transaction."""
    action, document_id = operation["action"], str(operation.get(words.document_id))
    if action == "create":
        created.add((collection.number, document_id))
    elif action in {"update", "delete", "increment", "decrement"}:
        if (collection.number, document_id) in created:
            return
        view = TransactionView(store, request.project, transaction_id)
        if view.document(collection, document_id) is None:
            raise ApiError("document_not_found")

"""Transactions: create, read, list, delete, take operations, commit or roll back."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .. import params
from ..errors import ApiError, invalid
from ..params import Check, Param, Refused
from ..web import Reply, Request
from . import catalog, document_writes, lookup, php_dates, staging
from .attribute_types import uid, within
from .catalog import Collection
from .dialect import Vocabulary, route
from .document_reads import parse_queries, without_readonly
from .formats import BadRelation, Conflict, Duplicate, NotANumber, NotThere, OutOfBounds, Restricted
from .query_sql import Source
from .staging import NOT_PENDING, Operation, TransactionView, find_transaction, refuse_expired, refuse_overflow
from .store import Store
from .structure import BadStructure, Document

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
    lookup.refuse_guest(request)
    now, transaction_id = server.timestamp(), server.new_id()
    expires_at = php_dates.stamp(server.clock.now() + timedelta(seconds=values["ttl"]))
    server.db.execute(
        "INSERT INTO db_transactions (project, id, status, operations, expires_at, created_at, updated_at) "
        "VALUES (?, ?, 'pending', 0, ?, ?, ?)",
        (request.project, transaction_id, expires_at, now, now),
    )
    return Reply(201, _answer(find_transaction(server, request, transaction_id)))


@route("GET", "/transactions", READ, lookup.queries_of(lookup.TRANSACTIONS))
def list_transactions(server: Server, request: Request, values: dict[str, Any], _words: Vocabulary) -> Reply:
    lookup.refuse_guest(request)
    source = Source("db_transactions", lookup.TRANSACTIONS, "project = ?", (request.project,))
    rows, total = lookup.page(server, source, values["queries"], noun="Transaction")
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
        commit(server, row, words)
    else:
        set_status(server, row, "failed")
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
    database = lookup.find_database(server, request, database_id, words)
    row = lookup.collection_row(server.db, int(database["number"]), collection_id)
    if row is None:
        raise ApiError("collection_not_found", name=collection_id)
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
            raise ApiError("document_not_found", name=document_id)


# The operations that a client may put into a transaction: their form (Appwrite 1.8.1, Validator/Operation.php).


ON_ONE = ("create", "update", "upsert", "delete", "increment", "decrement")
ON_MANY = ("bulkCreate", "bulkUpdate", "bulkUpsert", "bulkDelete")
ACTIONS = (*ON_ONE, *ON_MANY)


def operation_list(words: Vocabulary) -> Check:
    """A list of operations. The first fault of the first bad one is named."""

    def check(value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list):
            raise Refused("Value must a valid array and ")
        for each in value:
            try:
                _check_operation(each, words)
            except Refused as refusal:
                raise Refused(f"Value must a valid array and {refusal}") from None
        return value

    return check


def _check_operation(value: Any, words: Vocabulary) -> None:
    if not isinstance(value, dict):
        raise Refused("Value must be an array")
    required = ("databaseId", "action", words.collection_id)
    for key in required:
        if key not in value:
            raise Refused(f"Missing required key: {key}")
    for key in required:
        if not isinstance(value[key], str) or not value[key].strip():
            raise Refused(f"Key '{key}' must be a non\u2011empty string")
    action = value["action"]
    if action not in ACTIONS:
        raise Refused(f"Key 'action' must be one of: {', '.join(ACTIONS)}")
    _check_id(value, action, words.document_id)
    _check_data(value, action)
    if action in {"bulkUpdate", "bulkDelete"}:
        _check_bulk(value["data"], action)
    if action in {"increment", "decrement"}:
        _check_step(value["data"], action, words)


def _check_id(value: dict[str, Any], action: str, name: str) -> None:
    if action in ON_ONE and name not in value:
        raise Refused(f"Key '{name}' is required for action '{action}'")
    if name in value and (not isinstance(value[name], str) or not value[name].strip()):
        raise Refused(f"Key '{name}' must be a non-empty string")


def _check_data(value: dict[str, Any], action: str) -> None:
    if "data" not in value:
        if action != "delete":
            raise Refused("Missing required key: data")
    elif not isinstance(value["data"], dict | list):
        raise Refused("Key 'data' must be an array")


def _check_bulk(data: Any, action: str) -> None:
    data = data if isinstance(data, dict) else {}
    if "queries" not in data:
        raise Refused(f"Key 'queries' is required in data for {action}")
    if not isinstance(data["queries"], list):
        raise Refused(f"Key 'queries' must be an array for {action}")
    if action == "bulkUpdate":
        if "data" not in data:
            raise Refused(f"Key 'data' is required in data for {action}")
        if not isinstance(data["data"], dict | list):
            raise Refused(f"Key 'data.data' must be an array for {action}")


def _check_step(data: Any, action: str, words: Vocabulary) -> None:
    data = data if isinstance(data, dict) else {}
    if words.attribute not in data:
        raise Refused(f"Key '{words.attribute}' is required in data for {action}")
    if "value" in data and not _is_numeric(data["value"]):
        raise Refused(f"Key 'value' must be a numeric value for {action}")


def _is_numeric(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


# Committing a transaction: its operations in order, all or none (Appwrite 1.8.1, Transactions/Update.php).


CONFLICT = "The transaction has a conflict. Please resolve the conflict and try again."


def set_status(server: Server, transaction: sqlite3.Row, status: str) -> None:
    server.db.execute(
        "UPDATE db_transactions SET status = ?, updated_at = ? WHERE number = ?",
        (status, server.timestamp(), transaction["number"]),
    )


def commit(server: Server, transaction: sqlite3.Row, words: Vocabulary) -> None:
    """Do everything that was staged, or nothing and leave the transaction `failed`."""
    server.db.execute("SAVEPOINT commit_operations")
    try:
        _Commit(server, words).run(transaction)
    except (NotThere, Duplicate, Conflict, BadStructure, OutOfBounds, ApiError) as failure:
        server.db.execute("ROLLBACK TO commit_operations")
        server.db.execute("RELEASE commit_operations")
        set_status(server, transaction, "failed")
        raise _as_error(failure) from None
    except (BadRelation, Restricted, NotANumber):
        # Not foreseen by a real server: 500, and the transaction stays as it was.
        raise ApiError("general_unknown") from None
    server.db.execute("RELEASE commit_operations")
    set_status(server, transaction, "committed")


def _as_error(failure: Exception) -> ApiError:
    """The error of a failed commit; that the transaction failed is kept."""
    if isinstance(failure, ApiError):
        said = None if failure.is_usual else failure.message
        return ApiError(failure.type, said, name=failure.name, keep_writes=True)
    if isinstance(failure, NotThere):
        return ApiError("document_not_found", keep_writes=True)
    if isinstance(failure, BadStructure):
        return ApiError("document_invalid_structure", str(failure), keep_writes=True)
    if isinstance(failure, OutOfBounds):
        return ApiError("attribute_limit_exceeded", str(failure), keep_writes=True)
    return ApiError("transaction_conflict", CONFLICT, keep_writes=True)


class _Commit:
    """One run over the operations of a transaction. `written` are the documents that it has changed so far: nothing
    that happens to them afterwards is a conflict."""

    def __init__(self, server: Server, words: Vocabulary) -> None:
        self.server = server
        self.words = words
        self.written: dict[int, dict[str, Document]] = {}
        self.store = Store(server)

    def run(self, transaction: sqlite3.Row) -> None:
        rows = self.server.db.execute(
            "SELECT * FROM db_operations WHERE transaction_number = ? ORDER BY number", (transaction["number"],)
        ).fetchall()
        for row in rows:
            collection = self.store.collection(int(row["collection"]))
            if collection is None:
                raise NotThere
            self._apply(self.store, collection, row)

    def _apply(self, store: Store, collection: Collection, row: sqlite3.Row) -> None:
        action, document_id, data = str(row["action"]), row["document_id"], json.loads(row["data"])
        written = self.written.setdefault(collection.number, {})
        staged_at = php_dates.parse(str(row["created_at"]), store.now)
        store.known_at = None if document_id in written else staged_at
        if action in {"increment", "decrement"}:
            self._count(store, collection, action, document_id, data)
        elif action.startswith("bulk"):
            store.known_at = None
            self._apply_bulk(store, collection, action, data, str(row["created_at"]))
        else:
            self._apply_single(store, collection, action, document_id, data)

    def _apply_single(
        self, store: Store, collection: Collection, action: str, document_id: str, data: Document
    ) -> None:
        written = self.written[collection.number]
        if action == "create":
            stored: Document | None = store.insert(collection, {"$id": document_id} | data)
        elif action == "update":
            stored = store.update(collection, document_id, data)
        elif action == "upsert":
            stored = self._upsert(store, collection, document_id, data)
        else:
            if store.delete(collection, document_id) is None:
                raise NotThere
            written.pop(document_id, None)
            return
        if stored is None:
            raise NotThere
        written[str(stored["$id"])] = stored

    def _upsert(self, store: Store, collection: Collection, document_id: str, data: Document) -> Document | None:
        """The id is taken from the data: without one there, each commit adds a document under a random id."""
        known = self.written[collection.number].get(document_id)
        if known is not None:
            data = known | {key: value for key, value in data.items() if key != "$id"}
        result = store.upsert(collection, data)
        return result[0] if result is not None else store.fetch(collection, data["$id"])

    def _count(self, store: Store, collection: Collection, action: str, document_id: str, data: Document) -> None:
        attribute = data.get(self.words.attribute) or data.get("attribute") or data.get("column") or ""
        sign, bound = (1, data.get("max")) if action == "increment" else (-1, data.get("min"))
        document = document_writes.count(store, collection, document_id, attribute, sign * data.get("value", 1), bound)
        self.written[collection.number][str(document["$id"])] = document

    def _apply_bulk(self, store: Store, collection: Collection, action: str, data: Any, staged_at: str) -> None:
        written = self.written[collection.number]

        def changed(document: Document, old: Document | None) -> None:
            document_id = str(document["$id"])
            if old is not None and document_id not in written and old["$updatedAt"] > staged_at:
                raise Conflict
            written[document_id] = document

        if action == "bulkCreate":
            for each in data:
                changed(store.insert(collection, each), None)
        elif action == "bulkUpsert":
            merged = [written.get(str(each.get("$id")), {}) | without_readonly(each, self.words) for each in data]
            document_writes.upsert_all(store, collection, merged, changed)
        else:
            parsed = parse_queries(data.get("queries") or [])
            found = document_writes.matching(store, collection, parsed, self.words)
            if action == "bulkUpdate":
                document_writes.update_all(store, collection, dict(data["data"]), found, changed)
            else:
                document_writes.delete_all(store, collection, found, changed)

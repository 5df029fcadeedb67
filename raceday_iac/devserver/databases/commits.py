"""Committing a transaction: its operations in order, all or none (Appwrite 1.8.1, Transactions/Update.php)."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from . import bulk, counters, moments
from .catalog import Collection
from .document_input import without_readonly
from .document_reads import parse_queries
from .failures import BadRelation, Conflict, Duplicate, NotANumber, NotThere, OutOfBounds, Restricted
from .store import Store
from .structure import BadStructure
from .values import Document
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from ..server import Server

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
        return ApiError(failure.kind, failure.message, keep_writes=True)
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
        staged_at = moments.parse(str(row["created_at"]), store.now)
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
        document = counters.count(store, collection, document_id, attribute, sign * data.get("value", 1), bound)
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
            bulk.upsert_all(store, collection, merged, changed)
        else:
            parsed = parse_queries(data.get("queries") or [])
            found = bulk.matching(store, collection, parsed, self.words)
            if action == "bulkUpdate":
                bulk.update_all(store, collection, dict(data["data"]), found, changed)
            else:
                bulk.delete_all(store, collection, found, changed)

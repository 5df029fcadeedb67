"""Putting writes aside in a transaction instead of doing them, and the answers that such writes get."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ApiError
from . import moments
from .catalog import Collection
from .store import MAX_CLOCK_STEP, Store
from .transaction_view import TransactionView
from .values import Document, for_answer
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from ..server import Server
    from ..web import Request

MAX_OPERATIONS = 100
#: With the non-breaking hyphen of the original.
NOT_PENDING = "Invalid or non\u2011pending transaction"
EXPIRED = "The transaction has expired. Please create a new transaction and try again."


class Operation(NamedTuple):
    """One write that is put aside. `data` is a document, or what a bulk call was given."""

    collection: Collection
    action: str
    document_id: str | None
    data: Any


def find_transaction(server: Server, request: Request, transaction_id: str) -> sqlite3.Row:
    """The row of a transaction, or 404."""
    row: sqlite3.Row | None = server.db.execute(
        "SELECT * FROM db_transactions WHERE project = ? AND id = ?", (request.project, transaction_id)
    ).fetchone()
    if row is None:
        raise ApiError("transaction_not_found")
    return row


def refuse_expired(server: Server, transaction: sqlite3.Row) -> None:
    if server.timestamp() > transaction["expires_at"]:
        raise ApiError("transaction_expired", EXPIRED)


def open_transaction(server: Server, request: Request, transaction_id: str, *, is_late: bool = False) -> sqlite3.Row:
    """A transaction that takes one more operation. `is_late` marks the calls that say less about what is wrong."""
    try:
        row = find_transaction(server, request, transaction_id)
    except ApiError:
        if is_late:
            raise ApiError("general_bad_request", NOT_PENDING) from None
        raise
    if row["status"] != "pending":
        raise ApiError("general_bad_request", NOT_PENDING) if is_late else ApiError("transaction_not_ready")
    refuse_expired(server, row)
    refuse_overflow(row, 1)
    return row


def refuse_overflow(transaction: sqlite3.Row, more: int) -> None:
    existing = int(transaction["operations"])
    if existing + more > MAX_OPERATIONS:
        raise ApiError(
            "transaction_limit_exceeded",
            f"Transaction already has {existing} operations, adding {more} would exceed the maximum of "
            f"{MAX_OPERATIONS}",
        )


def stage(
    server: Server,
    transaction: sqlite3.Row,
    collection: Collection,
    action: str,
    document_id: str | None,
    data: Any,
) -> None:
    """Put one operation into a transaction."""
    stage_all(server, transaction, [Operation(collection, action, document_id, data)])


def stage_all(server: Server, transaction: sqlite3.Row, operations: Sequence[Operation]) -> None:
    """Put operations into a transaction, in their order."""
    known = {collection: _known_at(server, collection) for collection in {each.collection for each in operations}}
    server.db.executemany(
        "INSERT INTO db_operations (transaction_number, collection, document_id, action, data, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                transaction["number"],
                each.collection.number,
                each.document_id,
                each.action,
                json.dumps(each.data),
                known[each.collection],
            )
            for each in operations
        ],
    )
    server.db.execute(
        "UPDATE db_transactions SET operations = operations + ?, updated_at = ? WHERE number = ?",
        (len(operations), server.timestamp(), transaction["number"]),
    )


def _known_at(server: Server, collection: Collection) -> str:
    """The moment up to which an operation knows the data: now, or the last change, if dates run ahead of the clock."""
    now = server.clock.now()
    last = server.db.execute(
        f"SELECT max(_updatedAt) FROM {collection.table} WHERE _updatedAt <= ?", (moments.stamp(now + MAX_CLOCK_STEP),)
    ).fetchone()[0]
    return max(moments.stamp(now), last or "")


def mock(collection: Collection, document: Mapping[str, Any], words: Vocabulary) -> Document:
    """The answer to a staged write: what was sent, made to look like a document."""
    place = {f"${words.collection_id}": collection.id, "$databaseId": collection.database_id}
    return place | for_answer(collection, document) | {"$sequence": document.get("$sequence", 0)}


def current_document(
    store: Store, request: Request, collection: Collection, values: Mapping[str, Any]
) -> Document | None:
    """The document that a write is about, as its transaction sees it."""
    if values["transactionId"] is None:
        return store.fetch(collection, values["documentId"])
    view = TransactionView(store, request.project, values["transactionId"])
    return view.document(collection, values["documentId"])

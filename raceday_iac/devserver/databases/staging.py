"""Putting writes aside in a transaction instead of doing them, and the answers that such writes get."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ApiError
from . import lookup, php_dates, queries
from .catalog import Collection
from .dialect import Vocabulary
from .queries import Plan, Query
from .relations import project
from .store import MAX_CLOCK_STEP, Store
from .structure import Document, for_answer

if TYPE_CHECKING:
    from ..server import Server
    from ..web import Request
    from .catalog import Collection
    from .store import Store
    from .structure import Document


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
    """The row of a transaction, or 404. Guests have none."""
    lookup.refuse_guest(request)
    row: sqlite3.Row | None = server.db.execute(
        "SELECT * FROM db_transactions WHERE project = ? AND id = ?", (request.project, transaction_id)
    ).fetchone()
    if row is None:
        raise ApiError("transaction_not_found", name=transaction_id)
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
    """The instant up to which an operation knows the data: now, or the last change, if dates run ahead of the clock."""
    now = server.clock.now()
    last = server.db.execute(
        f"SELECT max(_updatedAt) FROM {collection.table} WHERE _updatedAt <= ?",
        (php_dates.stamp(now + MAX_CLOCK_STEP),),
    ).fetchone()[0]
    return max(php_dates.stamp(now), last or "")


def mock(collection: Collection, document: Mapping[str, Any], words: Vocabulary) -> Document:
    """The answer to a staged write: what was sent, made to look like a document."""
    place = {f"${words.collection_id}": collection.id, "$databaseId": collection.database_id}
    dates = dict.fromkeys(("$createdAt", "$updatedAt"), "") if collection.age.stages_empty_dates else {}
    return place | for_answer(collection, {"$sequence": 0, **dates, **document})


def current_document(
    store: Store, request: Request, collection: Collection, values: Mapping[str, Any]
) -> Document | None:
    """The document that a write is about, as its transaction sees it."""
    if values["transactionId"] is None:
        return store.fetch(collection, values["documentId"])
    view = TransactionView(store, request.project, values["transactionId"])
    return view.document(collection, values["documentId"])


# Documents as a transaction that is still open sees them (Appwrite 1.8.1, Databases/TransactionState.php).


@dataclass
class Staged:
    """What operations make of one document. `document` is None when it is deleted."""

    action: str
    document: Document | None

    def change(self, values: Document) -> None:
        """Take over values; a staged creation stays one."""
        if self.document is None:
            return
        self.document.update({key: value for key, value in values.items() if key != "$id"})
        if self.action not in {"create", "upsert"}:
            self.action = "update"


State = dict[str, Staged]


class TransactionView:
    """The operations of one pending transaction, laid over what is committed."""

    def __init__(self, store: Store, project_id: str, transaction_id: str) -> None:
        self.store = store
        row = store.db.execute(
            "SELECT number FROM db_transactions WHERE project = ? AND id = ? AND status = 'pending'",
            (project_id, transaction_id),
        ).fetchone()
        self._number = None if row is None else int(row[0])

    def _state(self, collection: Collection) -> State:
        state: State = {}
        rows = self.store.db.execute(
            "SELECT * FROM db_operations WHERE transaction_number = ? AND collection = ? ORDER BY number",
            (self._number, collection.number),
        )
        for row in rows:
            apply_operation(state, str(row["action"]), row["document_id"], json.loads(row["data"]))
        return state

    def document(self, collection: Collection, document_id: str) -> Document | None:
        """One document, or None where the transaction or the committed data say that there is none."""
        staged = self._state(collection).get(document_id)
        committed = self.store.fetch(collection, document_id)
        if staged is None:
            return committed
        if staged.document is None or staged.action == "create":
            return staged.document
        if committed is not None:
            return committed | {key: value for key, value in staged.document.items() if key != "$id"}
        return staged.document if staged.action == "upsert" else None

    def overlay(self, collection: Collection, committed: Iterable[Document], plan: Plan) -> list[Document]:
        """A committed list with the staged changes; staged creations come last, whatever the filters say."""
        documents = {str(each["$id"]): each for each in committed}
        for document_id, staged in self._state(collection).items():
            if staged.document is None:
                documents.pop(document_id, None)
            elif staged.action == "create" or (staged.action == "upsert" and document_id not in documents):
                documents[document_id] = dict(staged.document)
            elif document_id in documents:
                changes = {key: value for key, value in staged.document.items() if key != "$id"}
                documents[document_id] |= changes
        found = list(documents.values())
        project(found, plan.selections)
        return found

    def count(self, collection: Collection, committed: Sequence[Document], plan: Plan, total: int) -> int:
        """A committed total, corrected by what the staged changes add and take away."""
        listed = {str(each["$id"]) for each in committed}
        for document_id, staged in self._state(collection).items():
            was_there = document_id in listed
            if staged.document is None:
                total -= was_there
                continue
            matches = matches_filters(staged.document, plan.filters)
            if staged.action == "create":
                total += matches
            elif was_there:
                total -= not matches
            elif staged.action == "upsert":
                total += matches
        return max(0, total)


def apply_operation(state: State, action: str, document_id: str | None, data: Any) -> None:
    """What one staged operation does to the picture of a collection."""
    if action in {"create", "upsert"}:
        key = document_id or data.get("$id")
        if key:
            state[key] = Staged(action, {"$id": key} | data)
    elif action == "update" and document_id:
        _change(state, document_id, data)
    elif action == "delete" and document_id:
        state[document_id] = Staged("delete", None)
    elif action in {"increment", "decrement"} and document_id:
        _step(state, action, document_id, data)
    elif action in {"bulkCreate", "bulkUpsert"}:
        for each in data:
            _put(state, "create" if action == "bulkCreate" else "upsert", each)
    elif action == "bulkUpdate":
        _for_matching(state, data, lambda staged: staged.change(data["data"]))
    elif action == "bulkDelete":
        _for_matching(state, data, _delete)


def _change(state: State, document_id: str, data: Document) -> None:
    if document_id in state:
        state[document_id].change(data)
    else:
        state[document_id] = Staged("update", dict(data))


def _step(state: State, action: str, document_id: str, data: Document) -> None:
    attribute = data.get("attribute") or data.get("column")
    if not attribute:
        return
    step = data.get("value", 1) * (1 if action == "increment" else -1)
    staged = state.get(document_id)
    before = (staged.document or {}).get(attribute) or 0 if staged else 0
    _change(state, document_id, {attribute: before + step})


def _put(state: State, action: str, document: Document) -> None:
    document_id = document.get("$id")
    if not document_id:
        return
    if action == "upsert" and document_id in state:
        state[document_id].change(document)
    else:
        state[document_id] = Staged(action, dict(document))


def _delete(staged: Staged) -> None:
    staged.action, staged.document = "delete", None


def _for_matching(state: State, data: Document, act: Callable[[Staged], None]) -> None:
    filters = queries.arrange(queries.parse_all(data.get("queries") or [])).filters
    for staged in state.values():
        if staged.document is not None and matches_filters(staged.document, filters):
            act(staged)


def matches_filters(document: Document, filters: Sequence[Query]) -> bool:
    """The coarse comparison that stands in for the database while nothing is committed."""
    return all(_matches(document.get(each.attribute), each) for each in filters)


def _matches(value: Any, query: Query) -> bool:
    wanted = query.values
    check = _CHECKS.get(query.method)
    try:
        return check is None or check(value, wanted)
    except TypeError:
        return False


_CHECKS: dict[str, Callable[[Any, tuple[Any, ...]], bool]] = {
    "equal": lambda value, wanted: value in wanted,
    "notEqual": lambda value, wanted: value not in wanted,
    "contains": lambda value, wanted: isinstance(value, list) and any(each in value for each in wanted),
    "startsWith": lambda value, wanted: isinstance(value, str) and value.startswith(wanted),
    "endsWith": lambda value, wanted: isinstance(value, str) and value.endswith(wanted),
    "greaterThan": lambda value, wanted: bool(value > wanted[0]),
    "greaterThanEqual": lambda value, wanted: bool(value >= wanted[0]),
    "lessThan": lambda value, wanted: bool(value < wanted[0]),
    "lessThanEqual": lambda value, wanted: bool(value <= wanted[0]),
    "isNull": lambda value, _wanted: value is None,
    "isNotNull": lambda value, _wanted: value is not None,
    "between": lambda value, wanted: bool(wanted[0] <= value <= wanted[1]),
}

"""Writing many documents (rows) in one call: put, change, delete. All or nothing, and only without relationships."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..params import Param
from ..web import Reply, Request
from . import staging, structure
from .answers import document_answer, failures_as_errors
from .arguments import COLLECTION_ID, DATABASE_ID, QUERIES, TRANSACTION_ID
from .catalog import Collection
from .document_input import DATA, DOCUMENTS, MAX_BATCH, as_document, without_readonly
from .document_reads import DOCUMENTS_PATH, checked_plan, find_documents, parse_queries
from .document_writes import DELETE_LIMIT, WRITE_LIMIT, check_bulk_permissions, refuse_relations
from .failures import Duplicate
from .places import find_collection
from .queries import Query
from .store import Store
from .values import Document, complete
from .vocabulary import Vocabulary, route

if TYPE_CHECKING:
    from ..server import Server

Changed = Callable[[Document, Document | None], None]
EVERYTHING = 2**62


def upsert_all(store: Store, collection: Collection, documents: Sequence[Document], changed: Changed) -> int:
    """Put documents under their ids; `changed` hears of each that was new or different, with what was there before."""
    seen: set[str] = set()
    total = 0
    for document in documents:
        written = store.upsert(collection, document)
        if written is None:
            continue
        stored, old = written
        if stored["$id"].lower() in seen:
            raise Duplicate
        seen.add(stored["$id"].lower())
        changed(stored, old)
        total += 1
    return total


def matching(store: Store, collection: Collection, parsed: Sequence[Query], words: Vocabulary) -> list[Document]:
    """Every document that queries describe: all of them, unless they set a limit."""
    plan = checked_plan(collection, parsed)
    plan.limit = EVERYTHING if plan.limit is None else plan.limit
    return find_documents(store, collection, replace(plan, selections=[]), words)


def update_all(
    store: Store, collection: Collection, data: Document, documents: Sequence[Document], changed: Changed
) -> int:
    """Give the same values to many documents. Only those values are checked."""
    changes = {key: value for key, value in data.items() if key != "$id"}
    complete(collection, changes, store.now, defaults=False)
    structure.check_part(collection, changes, list(changes))
    for old in documents:
        store.check_conflict(old)
        changed(store.overwrite(collection, old, changes), old)
    return len(documents)


def delete_all(store: Store, collection: Collection, documents: Sequence[Document], changed: Changed) -> int:
    for old in documents:
        store.delete(collection, old["$id"])
        changed(old, old)
    return len(documents)


class _Collected:
    """The first documents of a bulk call, for its answer."""

    def __init__(self) -> None:
        self.documents: list[Document] = []

    def __call__(self, document: Document, _old: Document | None) -> None:
        if len(self.documents) < MAX_BATCH:
            self.documents.append(document)

    def answer(self, store: Store, collection: Collection, total: int, words: Vocabulary) -> Reply:
        answers = [document_answer(store, collection, each, words) for each in self.documents]
        return Reply(200, {"total": total, words.documents: answers})


@route(
    "PUT",
    DOCUMENTS_PATH,
    "documents.write",
    DATABASE_ID,
    COLLECTION_ID,
    Param("documents", DOCUMENTS),
    TRANSACTION_ID,
    limit=WRITE_LIMIT,
)
def upsert_documents(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    collection = find_collection(server, request, values, words)
    refuse_relations(collection, "upsert", words)
    documents = [without_readonly(as_document(each), words) for each in values["documents"]]
    if values["transactionId"] is not None:
        transaction = staging.open_transaction(server, request, values["transactionId"], is_late=True)
        staging.stage(server, transaction, collection, "bulkUpsert", None, documents)
        return Reply(200, {words.documents: [], "total": len(documents)})
    store, collected = Store(server, keep_dates=True), _Collected()
    with failures_as_errors(words):
        total = upsert_all(store, collection, documents, collected)
    return collected.answer(store, collection, total, words)


@route(
    "PATCH",
    DOCUMENTS_PATH,
    "documents.write",
    DATABASE_ID,
    COLLECTION_ID,
    DATA,
    QUERIES,
    TRANSACTION_ID,
    limit=WRITE_LIMIT,
)
def update_documents(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    """Without queries this changes every document of the collection."""
    if not values["data"]:
        raise words.error("document_missing_payload")
    collection = find_collection(server, request, values, words)
    refuse_relations(collection, "update", words)
    data = as_document(values["data"])
    parsed = parse_queries(values["queries"])
    check_bulk_permissions(data.get("$permissions"))
    data = without_readonly(data, words)
    if values["transactionId"] is not None:
        transaction = staging.open_transaction(server, request, values["transactionId"], is_late=True)
        staging.stage(server, transaction, collection, "bulkUpdate", None, {"data": data, "queries": values["queries"]})
        return Reply(200, {words.documents: [], "total": 0})
    store, collected = Store(server, keep_dates=True), _Collected()
    found = matching(store, collection, parsed, words)
    try:
        with failures_as_errors(words):
            total = update_all(store, collection, data, found, collected)
    except ApiError as error:
        # A real 1.8.1 does not foresee a taken unique value here and answers 500.
        raise ApiError("general_unknown") if error.kind.endswith("_already_exists") else error from None
    return collected.answer(store, collection, total, words)


@route(
    "DELETE", DOCUMENTS_PATH, "documents.write", DATABASE_ID, COLLECTION_ID, QUERIES, TRANSACTION_ID, limit=DELETE_LIMIT
)
def delete_documents(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    """Without queries this deletes every document of the collection. The answer shows what was deleted."""
    collection = find_collection(server, request, values, words)
    refuse_relations(collection, "delete", words)
    parsed = parse_queries(values["queries"])
    if values["transactionId"] is not None:
        transaction = staging.open_transaction(server, request, values["transactionId"], is_late=True)
        staging.stage(server, transaction, collection, "bulkDelete", None, {"queries": values["queries"]})
        return Reply(200, {words.documents: [], "total": 0})
    store, collected = Store(server), _Collected()
    with failures_as_errors(words):
        total = delete_all(store, collection, matching(store, collection, parsed, words), collected)
    return collected.answer(store, collection, total, words)

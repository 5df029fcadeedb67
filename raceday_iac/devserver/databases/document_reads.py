"""Reading documents (rows): one, or a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..web import Reply, Request
from . import queries, query_rules, query_sql, relation_reads, transaction_view
from .answers import count_operations, document_answer
from .arguments import COLLECTION_ID, DATABASE_ID, DOCUMENT_ID, QUERIES, TRANSACTION_ID, UID_RULE, is_identifier
from .catalog import Collection, Relation
from .listing import TOTAL
from .places import find_collection
from .queries import BadQuery, Plan, Query
from .query_rules import INTERNAL_SELECTIONS
from .query_sql import Source
from .store import Store
from .values import Columns, Document, columns_of, decode, fields_of
from .vocabulary import Vocabulary, route

if TYPE_CHECKING:
    from ..server import Server

DOCUMENTS_PATH = "/{databaseId}/collections/{collectionId}/documents"
DOCUMENT_PATH = DOCUMENTS_PATH + "/{documentId}"


def source_of(store: Store, collection: Collection) -> Source:
    """The documents of a collection as something that can be listed."""

    def related(relation: Relation) -> Source | None:
        other = store.collection(relation.related)
        return None if other is None else source_of(store, other)

    return Source(collection.table, fields_of(collection), related=related)


def parse_queries(texts: Sequence[str]) -> list[Query]:
    try:
        return queries.parse_all(texts)
    except BadQuery as problem:
        raise ApiError("general_query_invalid", str(problem)) from None


def checked_plan(collection: Collection, parsed: Sequence[Query]) -> Plan:
    """Queries that fit the collection, by purpose."""
    fulltext = frozenset(index.attributes for index in collection.indexes if index.type == "fulltext")
    try:
        query_rules.check(parsed, fields_of(collection), selectable=True, fulltext=fulltext)
        plan = queries.arrange(parsed)
        check_selections(collection, plan.selections)
    except BadQuery as problem:
        raise ApiError("general_query_invalid", str(problem)) from None
    return plan


def check_selections(collection: Collection, selected: Sequence[str]) -> None:
    """Relationships can only be selected with a path. Raises `BadQuery`."""
    known = INTERNAL_SELECTIONS | {attribute.key for attribute in collection.plain}
    bad = [name for name in selected if name not in known and ("." not in name or name in collection.by_key)]
    if bad and "*" not in bad:
        raise BadQuery(f"Cannot select attributes: {', '.join(bad)}")


def find_documents(store: Store, collection: Collection, plan: Plan, words: Vocabulary) -> list[Document]:
    """The documents that a plan asks for, as they are stored."""
    source, cursor = source_of(store, collection), None
    columns = _columns(collection, plan.selections)
    if plan.cursor is not None:
        cursor = query_sql.find_cursor(store.db, source, plan, "$id", store.now)
        if cursor is None:
            noun = words.document.capitalize()
            raise ApiError("general_cursor_not_found", f"{noun} '{plan.cursor}' for the 'cursor' value not found.")
    try:
        rows = query_sql.select(store.db, source, plan, columns.sql, store.now, cursor)
    except BadQuery as problem:
        raise ApiError("general_query_invalid", str(problem)) from None
    except query_sql.OrderIsNull as problem:
        raise ApiError(
            "database_query_order_null",
            f"The order {words.attribute} '{problem}' had a null value. Cursor pagination requires all "
            f"{words.documents} order {words.attribute} values are non-null.",
        ) from None
    return [decode(row, columns) for row in rows]


def _columns(collection: Collection, selected: Sequence[str]) -> Columns:
    """What has to be read for a selection: what `select_from` would leave of all columns."""
    own = relation_reads.own_selections(collection, selected)
    return columns_of(collection, None if "*" in own else frozenset(own))


def select_from(store: Store, collection: Collection, documents: list[Document], selected: Sequence[str]) -> None:
    """Keep what is selected, and read related documents along where a path asks for them."""
    if not selected:
        return
    nested = relation_reads.nested_selections(collection, selected)
    relation_reads.project(documents, relation_reads.own_selections(collection, selected))
    if nested and documents:
        relation_reads.populate(store, collection, documents, nested)


@route("GET", DOCUMENTS_PATH, "documents.read", DATABASE_ID, COLLECTION_ID, QUERIES, TRANSACTION_ID, TOTAL)
def list_documents(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    collection = find_collection(server, request, values, words)
    parsed = parse_queries(values["queries"])
    _check_cursor(parsed)
    store = Store(server)
    if values["transactionId"] is not None:
        view = transaction_view.TransactionView(store, request.project, values["transactionId"])
        plan = checked_plan(collection, parsed)
        committed = find_documents(store, collection, plan, words)
        select_from(store, collection, committed, plan.selections)
        documents = view.overlay(collection, committed, plan)
        total = view.count(collection, committed, plan, _count(store, collection, plan))
    else:
        plan = checked_plan(collection, parsed)
        documents = find_documents(store, collection, plan, words)
        select_from(store, collection, documents, plan.selections)
        total = _count(store, collection, plan)
    answers = [document_answer(store, collection, each, words) for each in documents]
    return Reply(200, {"total": total, words.documents: answers})


def _check_cursor(parsed: Sequence[Query]) -> None:
    """A cursor is looked up before the other queries are judged."""
    for query in parsed:
        if query.method in queries.CURSORS:
            if not is_identifier(query.values[0] if query.values else None):
                raise ApiError("general_query_invalid", f"Invalid cursor: {UID_RULE}")
            return


def _count(store: Store, collection: Collection, plan: Plan) -> int:
    return query_sql.count(store.db, source_of(store, collection), plan, store.now)


@route("GET", DOCUMENT_PATH, "documents.read", DATABASE_ID, COLLECTION_ID, DOCUMENT_ID, QUERIES, TRANSACTION_ID)
def get_document(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    collection = find_collection(server, request, values, words)
    selected = _selections(collection, parse_queries(values["queries"]))
    store = Store(server)
    if values["transactionId"] is not None:
        view = transaction_view.TransactionView(store, request.project, values["transactionId"])
        document = view.document(collection, values["documentId"])
    else:
        document = store.fetch(collection, values["documentId"])
    if document is None:
        raise words.error("document_not_found")
    select_from(store, collection, [document], selected)
    answer = document_answer(store, collection, document, words)
    return Reply(200, answer, {"X-Debug-Operations": str(count_operations(collection, answer))})


def _selections(collection: Collection, parsed: Sequence[Query]) -> list[str]:
    """Of one document, nothing but a selection can be asked."""
    fields = {name: field for name, field in fields_of(collection).items() if name != "$sequence"}
    try:
        for query in parsed:
            if query.method != "select":
                raise BadQuery(f"Invalid query method: {query.method}")
        query_rules.check(parsed, fields, selectable=True)
        selected = queries.arrange(parsed).selections
        check_selections(collection, selected)
    except BadQuery as problem:
        raise ApiError("general_query_invalid", str(problem)) from None
    return selected

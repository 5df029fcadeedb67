"""Reading documents (rows): one, or a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..ages import SINCE_1_9
from ..errors import ApiError
from ..params import UID_RULE, Check, Param, anything, or_null, whole_number
from ..web import Reply, Request, parse_json
from . import lookup, php_dates, queries, query_sql, relations, staging
from .attribute_types import (
    COLLECTION_ID,
    DATABASE_ID,
    DOCUMENT_ID,
    QUERIES,
    TRANSACTION_ID,
    array_of,
    is_identifier,
    json_object,
    json_value,
)
from .catalog import Collection, Relation
from .dialect import Vocabulary, route
from .formats import DOCUMENT_KINDS, BadRelation, Conflict, Duplicate, Restricted, aggregate, permission_list
from .lookup import TOTAL, find_collection
from .queries import INTERNAL_SELECTIONS, BadQuery, Plan, Query
from .query_sql import Source
from .store import Store
from .structure import (
    DATES,
    BadStructure,
    Columns,
    Document,
    columns_of,
    decode,
    fields_of,
    for_answer,
    sequence_for_answer,
)

if TYPE_CHECKING:
    from ..server import Server
    from ..web import Request
    from .catalog import Collection
    from .store import Store


DOCUMENTS_PATH = "/{databaseId}/collections/{collectionId}/documents"
DOCUMENT_PATH = DOCUMENTS_PATH + "/{documentId}"


def source_of(store: Store, collection: Collection) -> Source:
    """The documents of a collection as something that can be listed."""

    def related(relation: Relation) -> Source | None:
        other = store.collection(relation.related)
        return None if other is None else Source(other.table, fields_of(other), related=related)

    return Source(collection.table, fields_of(collection), *store.only, related=related)


def parse_queries(texts: Sequence[str]) -> list[Query]:
    try:
        return queries.parse_all(texts)
    except BadQuery as problem:
        raise ApiError("general_query_invalid", str(problem)) from None


def checked_plan(collection: Collection, parsed: Sequence[Query]) -> Plan:
    """Queries that fit the collection, by purpose."""
    fulltext = frozenset(index.attributes for index in collection.indexes if index.type == "fulltext")
    try:
        queries.check(parsed, fields_of(collection), selectable=True, fulltext=fulltext)
        plan = queries.arrange(parsed)
        check_selections(collection, plan.selections)
    except BadQuery as problem:
        raise ApiError("general_query_invalid", str(problem)) from None
    return plan


TTL = Param("ttl", whole_number(0, 86_400), 0, ages=SINCE_1_9)


def check_selections(collection: Collection, selected: Sequence[str]) -> None:
    """Relationships can only be selected with a path. Raises `BadQuery`."""
    known = INTERNAL_SELECTIONS | {attribute.key for attribute in collection.plain}
    bad = [name for name in selected if name not in known and ("." not in name or name in collection.by_key)]
    if bad and "*" not in bad:
        raise BadQuery(f"Cannot select attributes: {', '.join(bad)}")


def find_documents(
    store: Store, collection: Collection, plan: Plan, words: Vocabulary, total: int = query_sql.MAX_COUNT
) -> list[Document]:
    """The documents that a plan asks for, as they are stored. `total` is the number that meets its conditions."""
    source, cursor = source_of(store, collection), None
    columns = _columns(collection, plan.selections)
    if plan.cursor is not None:
        cursor = query_sql.find_cursor(store.db, source, plan, "$id", store.now)
        if cursor is None:
            noun = words.document.capitalize()
            raise ApiError("general_cursor_not_found", f"{noun} '{plan.cursor}' for the 'cursor' value not found.")
    try:
        few = bool(plan.filters) and total < query_sql.MAX_COUNT
        rows = query_sql.select(store.db, source, plan, columns.sql, store.now, cursor, few=few)
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
    own = relations.own_selections(collection, selected)
    return columns_of(collection, None if "*" in own else frozenset(own))


def select_from(store: Store, collection: Collection, documents: list[Document], selected: Sequence[str]) -> None:
    """Keep what is selected, and read related documents along where a path asks for them."""
    if not selected:
        return
    nested = relations.nested_selections(collection, selected)
    relations.project(documents, relations.own_selections(collection, selected))
    if nested and documents:
        relations.populate(store, collection, documents, nested)


@route("GET", DOCUMENTS_PATH, "documents.read", DATABASE_ID, COLLECTION_ID, QUERIES, TRANSACTION_ID, TOTAL, TTL)
def list_documents(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    """With a `ttl` the answer is kept for so many seconds, whatever is written meanwhile; not beyond a schema."""
    collection = find_collection(server, request, values, words)
    ttl = values.get("ttl", 0)
    if not ttl or values["transactionId"] is not None:
        return _list_now(server, request, collection, values, words)
    kept = lookup.kept_lists(server)
    now = server.clock.now().timestamp()
    for old in [each for each, (until, _) in kept.items() if until <= now]:
        del kept[old]
    key = (collection, words.root, request.key.kind, tuple(values["queries"]))
    state = "hit" if key in kept else "miss"
    if key not in kept:
        kept[key] = (now + ttl, _list_now(server, request, collection, values, words))
    return replace(kept[key][1], headers={"X-Appwrite-Cache": state})


def _list_now(
    server: Server, request: Request, collection: Collection, values: dict[str, Any], words: Vocabulary
) -> Reply:
    parsed = parse_queries(values["queries"])
    _check_cursor(parsed)
    store = Store(server, only=lookup.readable(server, request, collection))
    if values["transactionId"] is not None:
        view = staging.TransactionView(store, request.project, values["transactionId"])
        plan = checked_plan(collection, parsed)
        committed = find_documents(store, collection, plan, words)
        select_from(store, collection, committed, plan.selections)
        documents = view.overlay(collection, committed, plan)
        total = view.count(collection, committed, plan, _count(store, collection, plan))
    else:
        plan = checked_plan(collection, parsed)
        total = _count(store, collection, plan)
        documents = find_documents(store, collection, plan, words, total)
        select_from(store, collection, documents, plan.selections)
    answers = [document_answer(store, collection, each, words) for each in documents]
    return Reply(200, {"total": total, words.documents: answers}, model=words.documents)


def _check_cursor(parsed: Sequence[Query]) -> None:
    """A cursor is looked up before the other queries are checked."""
    for query in parsed:
        if query.method in queries.CURSORS:
            if not is_identifier(query.values[0] if query.values else None):
                raise ApiError("general_query_invalid", f"Invalid cursor: {UID_RULE}")
            return


def _count(store: Store, collection: Collection, plan: Plan) -> int:
    try:
        return query_sql.count(store.db, source_of(store, collection), plan, store.now)
    except BadQuery as problem:
        raise ApiError("general_query_invalid", str(problem)) from None


@route("GET", DOCUMENT_PATH, "documents.read", DATABASE_ID, COLLECTION_ID, DOCUMENT_ID, QUERIES, TRANSACTION_ID)
def get_document(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    collection = find_collection(server, request, values, words)
    selected = _selections(collection, parse_queries(values["queries"]))
    store = Store(server)
    if values["transactionId"] is not None:
        view = staging.TransactionView(store, request.project, values["transactionId"])
        document = view.document(collection, values["documentId"])
        if not server.age.finds_staged and store.fetch(collection, values["documentId"]) is None:
            document = None
    else:
        document = store.fetch(collection, values["documentId"])
    if document is None:
        raise words.error("document_not_found", name=values["documentId"])
    select_from(store, collection, [document], selected)
    answer = document_answer(store, collection, document, words)
    counted = {"X-Debug-Operations": str(count_operations(collection, answer))}
    return Reply(200, answer, counted, words.document)


def _selections(collection: Collection, parsed: Sequence[Query]) -> list[str]:
    """Of one document, nothing but a selection can be asked."""
    fields = {name: field for name, field in fields_of(collection).items() if name != "$sequence"}
    try:
        for query in parsed:
            if query.method != "select":
                raise BadQuery(f"Invalid query method: {query.method}")
        queries.check(parsed, fields, selectable=True)
        selected = queries.arrange(parsed).selections
        check_selections(collection, selected)
    except BadQuery as problem:
        raise ApiError("general_query_invalid", str(problem)) from None
    return selected


# What clients send as documents, made ready for the store.


MAX_BATCH = 100


def data_of(server: Server) -> Check:
    """The check of a document's data."""
    return json_object if server.age.wants_json_objects else json_value


DATA = Param("data", anything, default={}, of_server=data_of)


def documents_of(server: Server) -> Check:
    """The check of many documents."""
    what = "object" if server.age.wants_json_objects else "string"
    return array_of(json_value, MAX_BATCH, f"Value must be a valid JSON {what}")


PERMISSIONS = Param("permissions", or_null(permission_list(DOCUMENT_KINDS)), default=None, nullable=True)


def as_document(data: Any) -> Document:
    """Sent data as a dictionary; a list is one with numbers for keys, as in PHP."""
    if isinstance(data, str):
        try:
            data = parse_json(data)
        except ValueError:
            raise ApiError("general_unknown") from None
    if isinstance(data, list):
        return {str(number): value for number, value in enumerate(data)}
    if not isinstance(data, dict):
        raise ApiError("general_unknown")
    return dict(data)


def without_readonly(document: Mapping[str, Any], words: Vocabulary) -> Document:
    """Without the fields that only the server writes. Keys may set dates."""
    readonly = {"$sequence", "$databaseId", f"${words.collection_id}"}
    return {key: value for key, value in document.items() if key not in readonly}


def expanded(permissions: list[str] | None) -> list[str] | None:
    return None if permissions is None else aggregate(permissions, with_create=False)


def prepare_relations(store: Store, collection: Collection, document: Document, words: Vocabulary) -> Document:
    """Give ids to nested documents that have none, all the way down."""
    prepared = dict(document)
    for attribute, relation in collection.relations:
        value = prepared.get(attribute.key)
        related = store.collection(relation.related) if value else None
        if related is None:
            continue
        if isinstance(value, list):
            prepared[attribute.key] = [_prepare_nested(store, related, each, words) for each in value]
        else:
            prepared[attribute.key] = _prepare_nested(store, related, value, words)
    return prepared


def _prepare_nested(store: Store, related: Collection, value: Any, words: Vocabulary) -> Any:
    if not isinstance(value, dict):
        return value
    nested = without_readonly(value, words)
    if nested.get("$id") in {None, "", "unique()"}:
        nested["$id"] = store.server.new_id()
    return prepare_relations(store, related, nested, words)


def request_instant(server: Server, request: Request) -> datetime | None:
    """The instant up to which the client knows the document (`X-Appwrite-Timestamp`)."""
    text = request.headers.get("x-appwrite-timestamp", "")
    if not text:
        return None
    instant = php_dates.parse(text, server.clock.now())
    if instant is None:
        raise ApiError("general_argument_invalid", "Invalid X-Appwrite-Timestamp header value")
    return instant


# Documents as answers: where they live, related documents included, and failures as errors.


def document_answer(
    store: Store, collection: Collection, document: Mapping[str, Any], words: Vocabulary, *, located: bool = True
) -> Document:
    """A document as it is sent. `located` says to which database and collection it and its relatives belong."""
    answer = for_answer(collection, document)
    for attribute, relation in collection.relations:
        value = answer.get(attribute.key)
        related = store.collection(relation.related) if isinstance(value, dict | list) else None
        if related is None:
            continue
        is_shown = located and not attribute.hidden
        if isinstance(value, list):
            answer[attribute.key] = [document_answer(store, related, each, words, located=is_shown) for each in value]
        else:
            answer[attribute.key] = document_answer(store, related, value or {}, words, located=is_shown)
    if located:
        answer["$databaseId"] = collection.database_id
        answer[f"${words.collection_id}"] = collection.id
        answer.setdefault("$sequence", sequence_for_answer(collection, 0))
        if collection.age.stages_empty_dates:
            answer = {**dict.fromkeys(DATES, ""), **answer}
    return answer


def count_operations(collection: Collection, answer: Mapping[str, Any]) -> int:
    """What `X-Debug-Operations` says: one for each document read, and one for each empty list of them."""
    empty = sum(1 for attribute, _ in collection.relations if answer.get(attribute.key) == [])
    return _count_documents(answer) + empty


def _count_documents(answer: Mapping[str, Any]) -> int:
    total = 1
    for value in answer.values():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict) and "$databaseId" in each:
                total += _count_documents(each)
    return total


@contextmanager
def failures_as_errors(words: Vocabulary) -> Iterator[None]:
    """Turn the store's failures into the errors of a direct write."""
    try:
        yield
    except Conflict:
        raise words.error("document_update_conflict") from None
    except Duplicate:
        raise words.error("document_already_exists") from None
    except Restricted:
        raise words.error("document_delete_restricted") from None
    except BadRelation as problem:
        raise words.error("relationship_value_invalid", str(problem)) from None
    except BadStructure as problem:
        raise words.error("document_invalid_structure", str(problem)) from None

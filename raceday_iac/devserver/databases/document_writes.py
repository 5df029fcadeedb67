"""Writing one document (row): create, change, put, delete. Creating many shares the route of creating one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..ages import ONLY_1_8, SINCE_1_9
from ..errors import ApiError
from ..params import NO_IDS, Param, Refused, anything, or_null
from ..web import Reply, Request
from . import relations, staging, structure
from .attribute_types import (
    COLLECTION_ID,
    DATABASE_ID,
    DOCUMENT_ID,
    KEY_RULE,
    QUERIES,
    TRANSACTION_ID,
    custom_id,
    json_value,
    key,
    numeric,
    uid,
)
from .catalog import Collection
from .columns import quoted
from .dialect import Action, Vocabulary, route
from .document_reads import (
    DATA,
    DOCUMENT_PATH,
    DOCUMENTS_PATH,
    MAX_BATCH,
    PERMISSIONS,
    as_document,
    checked_plan,
    data_of,
    document_answer,
    documents_of,
    expanded,
    failures_as_errors,
    find_documents,
    parse_queries,
    prepare_relations,
    request_instant,
    without_readonly,
)
from .formats import (
    COLLECTION_KINDS,
    MAX_BIG_INTEGER,
    MAX_INTEGER,
    Duplicate,
    NotANumber,
    NotThere,
    OutOfBounds,
    permission_list,
)
from .lookup import find_collection
from .queries import Query
from .store import Store
from .structure import Document, complete

if TYPE_CHECKING:
    from ..server import Server


#: Writes per minute that answers announce; keys are never held to them.
WRITE_LIMIT = (120, 60)
DELETE_LIMIT = (60, 60)


@route(
    "POST",
    DOCUMENTS_PATH,
    "documents.write",
    DATABASE_ID,
    Param("documentId", custom_id, default=""),
    COLLECTION_ID,
    DATA,
    PERMISSIONS,
    Param("documents", anything, default=[], of_server=documents_of),
    TRANSACTION_ID,
    limit=WRITE_LIMIT,
)
def create_documents(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    """One document, or many at once."""
    is_bulk = _is_bulk(values, words)
    collection = find_collection(server, request, values, words)
    if is_bulk:
        refuse_relations(collection, "create", words)
    store = Store(server, keep_dates=True)
    given = [as_document(each) for each in values["documents"]] if is_bulk else [as_document(values["data"])]
    documents = [_prepare_new(store, collection, each, values, words, is_bulk=is_bulk) for each in given]
    if values["transactionId"] is not None:
        return _stage_create(server, request, collection, values, documents, words, is_bulk=is_bulk)
    with failures_as_errors(words):
        stored = [store.insert(collection, each) for each in documents]
    relations.populate(store, collection, stored)
    answers = [document_answer(store, collection, each, words) for each in stored]
    if is_bulk:
        return Reply(201, {"total": len(answers), words.documents: answers})
    return Reply(201, answers[0])


def _is_bulk(values: dict[str, Any], words: Vocabulary) -> bool:
    """Which of the two calls this is; mixtures are refused."""
    data, documents, document_id = values["data"], values["documents"], values["documentId"]
    if not data and not documents:
        raise words.error("document_missing_data")
    if data and documents:
        raise ApiError(
            "general_bad_request", f"You can only send one of the following parameters: data, {words.documents}"
        )
    if data and not document_id:
        noun = words.document
        raise words.error("document_missing_data", f"{noun.capitalize()} ID is required when creating a single {noun}.")
    if documents and document_id:
        raise ApiError(
            "general_bad_request",
            f'Param "{words.document_id}" is not allowed when creating multiple {words.documents}, '
            'set "$id" on each instead.',
        )
    if documents and values["permissions"]:
        raise ApiError(
            "general_bad_request",
            f'Param "permissions" is disallowed when creating multiple {words.documents}, '
            'set "$permissions" on each instead',
        )
    return bool(documents)


def refuse_relations(collection: Collection, operation: str, words: Vocabulary) -> None:
    """Bulk calls do not work where there are relationships."""
    if any(not attribute.hidden for attribute, _ in collection.relations):
        noun = words.attributes if operation == "create" else "attributes"
        raise ApiError(
            "general_bad_request", f"Bulk {operation} is not supported for {words.namespace} with relationship {noun}"
        )


def _prepare_new(
    store: Store,
    collection: Collection,
    given: Document,
    values: dict[str, Any],
    words: Vocabulary,
    *,
    is_bulk: bool,
) -> Document:
    document_id = (given.get("$id") or "unique()") if is_bulk else values["documentId"]
    permissions = given.get("$permissions") if is_bulk else values["permissions"]
    if is_bulk:
        _check_bulk_item(document_id, permissions)
    document = without_readonly(given, words)
    document["$id"] = store.server.new_id() if document_id in NO_IDS else document_id
    document["$permissions"] = expanded(permissions) or []
    return prepare_relations(store, collection, document, words)


def _check_bulk_item(document_id: Any, permissions: Any) -> None:
    try:
        custom_id(document_id)
    except Refused:
        raise ApiError("general_bad_request", KEY_RULE) from None
    check_bulk_permissions(permissions)


def check_bulk_permissions(permissions: Any) -> None:
    """Permissions inside data are not covered by the parameters' validation."""
    if not permissions:
        return
    try:
        permission_list(COLLECTION_KINDS, 0)(permissions)
    except Refused as refusal:
        raise ApiError("general_bad_request", str(refusal)) from None


def _stage_create(
    server: Server,
    request: Request,
    collection: Collection,
    values: dict[str, Any],
    documents: list[Document],
    words: Vocabulary,
    *,
    is_bulk: bool,
) -> Reply:
    transaction = staging.open_transaction(server, request, values["transactionId"])
    if is_bulk:
        staging.stage(server, transaction, collection, "bulkCreate", None, documents)
        return Reply(200, {words.documents: [], "total": len(documents)})
    staging.stage(server, transaction, collection, "create", values["documentId"], documents[0])
    return Reply(201, staging.mock(collection, documents[0], words), model=words.document)


@route(
    "PATCH",
    DOCUMENT_PATH,
    "documents.write",
    DATABASE_ID,
    COLLECTION_ID,
    DOCUMENT_ID,
    DATA,
    PERMISSIONS,
    TRANSACTION_ID,
    limit=WRITE_LIMIT,
)
def update_document(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    known_at = request_instant(server, request)
    if not values["data"] and values["permissions"] is None:
        raise words.error("document_missing_payload")
    collection = find_collection(server, request, values, words)
    store = Store(server, keep_dates=True, known_at=known_at)
    before = staging.current_document(store, request, collection, values)
    if before is None:
        raise words.error("document_not_found", name=values["documentId"])
    permissions = expanded(values["permissions"])
    data = as_document(values["data"]) | {
        "$id": values["documentId"],
        "$permissions": before.get("$permissions", []) if permissions is None else permissions,
    }
    changes = prepare_relations(store, collection, without_readonly(data, words), words)
    if values["transactionId"] is not None:
        transaction = staging.open_transaction(server, request, values["transactionId"])
        staging.stage(server, transaction, collection, "update", values["documentId"], changes)
        return Reply(200, staging.mock(collection, before | changes, words), model=words.document)
    with failures_as_errors(words):
        structure.refuse_numbered(collection)
        stored = store.update(collection, values["documentId"], changes)
    if stored is None:
        raise words.error("document_not_found", name=values["documentId"])
    relations.populate(store, collection, [stored])
    return Reply(200, document_answer(store, collection, stored, words), model=words.document)


@route(
    "PUT",
    DOCUMENT_PATH,
    "documents.write",
    DATABASE_ID,
    COLLECTION_ID,
    Param("documentId", custom_id),
    Param("data", json_value, ages=ONLY_1_8),
    Param("data", anything, {}, ages=SINCE_1_9, of_server=data_of),
    PERMISSIONS,
    TRANSACTION_ID,
    limit=WRITE_LIMIT,
    of_tables={"documentId": uid},
)
def upsert_document(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    """Create or change; unlike a change it has to name every required attribute."""
    request_instant(server, request)
    data = values["data"]
    if (not data and values["permissions"] is None) or (isinstance(data, list) and len(data) > 1):
        raise words.error("document_missing_payload")
    collection = find_collection(server, request, values, words)
    store = Store(server, keep_dates=True)
    permissions = expanded(values["permissions"])
    if permissions is None:
        before = staging.current_document(store, request, collection, values)
        permissions = before.get("$permissions", []) if before else []
    given = as_document(data) | {"$id": values["documentId"], "$permissions": permissions}
    document = prepare_relations(store, collection, without_readonly(given, words), words)
    if values["transactionId"] is not None:
        transaction = staging.open_transaction(server, request, values["transactionId"])
        staging.stage(server, transaction, collection, "upsert", values["documentId"], document)
        return Reply(201, staging.mock(collection, document, words), model=words.document)
    with failures_as_errors(words):
        written = store.upsert(collection, document)
    stored = written[0] if written else store.fetch(collection, values["documentId"]) or {}
    relations.populate(store, collection, [stored])
    return Reply(200, document_answer(store, collection, stored, words), model=words.document)


@route(
    "DELETE",
    DOCUMENT_PATH,
    "documents.write",
    DATABASE_ID,
    COLLECTION_ID,
    DOCUMENT_ID,
    TRANSACTION_ID,
    limit=DELETE_LIMIT,
)
def delete_document(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    known_at = request_instant(server, request)
    collection = find_collection(server, request, values, words)
    store = Store(server, known_at=known_at)
    if staging.current_document(store, request, collection, values) is None:
        raise words.error("document_not_found", name=values["documentId"])
    if values["transactionId"] is not None:
        transaction = staging.open_transaction(server, request, values["transactionId"])
        staging.stage(server, transaction, collection, "delete", values["documentId"], {})
        return Reply(204)
    with failures_as_errors(words):
        store.delete(collection, values["documentId"])
    return Reply(204, headers={"X-Debug-Operations": "1"})


# Writing many documents (rows) in one call: put, change, delete. All or nothing, and only without relationships.


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
    Param("documents", anything, of_server=documents_of),
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
        raise ApiError("general_unknown") if error.type.endswith("_already_exists") else error from None
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


# Counting one attribute of a document up or down, in one step.


def count(
    store: Store, collection: Collection, document_id: str, attribute: str, step: float, bound: float | None
) -> Document:
    """Add `step` to a number, up to `bound` (down to it, for a negative step); the document as it was but for that."""
    definition = collection.by_key.get(attribute)
    if definition is None:
        raise NotThere
    if definition.type not in {"integer", "bigint", "double"} or definition.is_array:
        raise NotANumber
    document = store.fetch(collection, document_id)
    if document is None:
        raise NotThere
    value = (document[attribute] or 0) + step
    if definition.type != "double":
        value = round(value)
        limit = MAX_BIG_INTEGER if definition.size >= 8 else MAX_INTEGER
        if not -limit - 1 <= value <= limit:
            raise OutOfBounds("Value out of range")
    if bound is not None and (value > bound if step > 0 else value < bound):
        raise OutOfBounds(f"Attribute value exceeds {'maximum' if step > 0 else 'minimum'} limit: {bound}")
    store.db.execute(
        f"UPDATE {collection.table} SET {quoted(attribute)} = ?, _updatedAt = ? WHERE _id = ?",
        (value, store.time_after(document["$updatedAt"]), document["$sequence"]),
    )
    return document | {attribute: value}


def _counter(word: str, bound_name: str) -> Action:
    sign = 1 if word == "increment" else -1
    bound_word = "maximum" if sign > 0 else "minimum"

    def handle(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
        collection = find_collection(server, request, values, words)
        attribute, step, bound = values["attribute"], values["value"], values[bound_name]
        if values["transactionId"] is not None:
            transaction = staging.open_transaction(server, request, values["transactionId"], is_late=True)
            data = {words.attribute: attribute, "value": step, bound_name: bound}
            staging.stage(server, transaction, collection, word, values["documentId"], data)
            made = {"$id": values["documentId"], attribute: step}
            return Reply(200, staging.mock(collection, made, words), model=words.document)
        if step <= 0:
            raise ApiError("general_argument_invalid", "Value must be numeric and greater than 0")
        store = Store(server)
        subject = f'{words.namespace} "{attribute}"'
        try:
            document = count(store, collection, values["documentId"], attribute, sign * step, bound)
        except NotThere:
            raise words.error("attribute_not_found", name=attribute) from None
        except NotANumber:
            raise ApiError("attribute_type_invalid", f"{subject} is not a number") from None
        except OutOfBounds:
            shown = "" if bound is None else bound
            reason = f"{subject} has reached the {bound_word} value of {shown}"
            raise words.error("attribute_limit_exceeded", reason) from None
        relations.populate(store, collection, [document])
        # Before 1.9 the answer is the document as the database layer holds it: it does not say where it lives.
        return Reply(
            200,
            document_answer(store, collection, document, words, located=server.age.locates_counted),
            model=words.document,
        )

    return handle


for _word, _bound in (("increment", "max"), ("decrement", "min")):
    route(
        "PATCH",
        f"{DOCUMENT_PATH}/{{attribute}}/{_word}",
        "documents.write",
        DATABASE_ID,
        COLLECTION_ID,
        DOCUMENT_ID,
        Param("attribute", key),
        Param("value", numeric, default=1),
        Param(_bound, or_null(numeric), default=None, nullable=True),
        TRANSACTION_ID,
        limit=WRITE_LIMIT,
    )(_counter(_word, _bound))

"""Writing one document (row): create, change, put, delete. Creating many shares the route of creating one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..params import NO_IDS, Param, Refused
from ..web import Reply, Request
from . import relation_reads, staging, structure
from .answers import document_answer, failures_as_errors
from .arguments import COLLECTION_ID, DATABASE_ID, DOCUMENT_ID, KEY_RULE, TRANSACTION_ID, custom_id, json_value
from .catalog import Collection
from .document_input import (
    DATA,
    DOCUMENTS,
    PERMISSIONS,
    as_document,
    expanded,
    prepare_relations,
    request_moment,
    without_readonly,
)
from .document_reads import DOCUMENT_PATH, DOCUMENTS_PATH
from .permissions import COLLECTION_KINDS, permission_list
from .places import find_collection
from .store import Store
from .values import Document
from .vocabulary import Vocabulary, route

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
    Param("documents", DOCUMENTS, default=[]),
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
    relation_reads.populate(store, collection, stored)
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
    return Reply(201, staging.mock(collection, documents[0], words))


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
    known_at = request_moment(server, request)
    if not values["data"] and values["permissions"] is None:
        raise words.error("document_missing_payload")
    collection = find_collection(server, request, values, words)
    store = Store(server, keep_dates=True, known_at=known_at)
    before = staging.current_document(store, request, collection, values)
    if before is None:
        raise words.error("document_not_found")
    permissions = expanded(values["permissions"])
    data = as_document(values["data"]) | {
        "$id": values["documentId"],
        "$permissions": before.get("$permissions", []) if permissions is None else permissions,
    }
    changes = prepare_relations(store, collection, without_readonly(data, words), words)
    if values["transactionId"] is not None:
        transaction = staging.open_transaction(server, request, values["transactionId"])
        staging.stage(server, transaction, collection, "update", values["documentId"], changes)
        return Reply(200, staging.mock(collection, before | changes, words))
    with failures_as_errors(words):
        structure.refuse_numbered(collection)
        stored = store.update(collection, values["documentId"], changes)
    if stored is None:
        raise words.error("document_not_found")
    relation_reads.populate(store, collection, [stored])
    return Reply(200, document_answer(store, collection, stored, words))


@route(
    "PUT",
    DOCUMENT_PATH,
    "documents.write",
    DATABASE_ID,
    COLLECTION_ID,
    Param("documentId", custom_id),
    Param("data", json_value),
    PERMISSIONS,
    TRANSACTION_ID,
    limit=WRITE_LIMIT,
)
def upsert_document(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    """Create or change; unlike a change it has to name every required attribute."""
    request_moment(server, request)
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
        return Reply(201, staging.mock(collection, document, words))
    with failures_as_errors(words):
        written = store.upsert(collection, document)
    stored = written[0] if written else store.fetch(collection, values["documentId"]) or {}
    relation_reads.populate(store, collection, [stored])
    return Reply(200, document_answer(store, collection, stored, words))


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
    known_at = request_moment(server, request)
    collection = find_collection(server, request, values, words)
    store = Store(server, known_at=known_at)
    if staging.current_document(store, request, collection, values) is None:
        raise words.error("document_not_found")
    if values["transactionId"] is not None:
        transaction = staging.open_transaction(server, request, values["transactionId"])
        staging.stage(server, transaction, collection, "delete", values["documentId"], {})
        return Reply(204)
    with failures_as_errors(words):
        store.delete(collection, values["documentId"])
    return Reply(204, headers={"X-Debug-Operations": "1"})

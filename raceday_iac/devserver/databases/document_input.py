"""What clients send as documents, made ready for the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..body import parse_json
from ..errors import ApiError
from ..params import Param
from . import moments
from .arguments import array_of, json_value, nullable
from .permissions import DOCUMENT_KINDS, aggregate, permission_list
from .values import Document
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from ..server import Server
    from ..web import Request
    from .catalog import Collection
    from .store import Store

MAX_BATCH = 100

DATA = Param("data", json_value, default={})
DOCUMENTS = array_of(json_value, MAX_BATCH, "Value must be a valid JSON string")
PERMISSIONS = Param("permissions", nullable(permission_list(DOCUMENT_KINDS)), default=None, nullable=True)


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


def request_moment(server: Server, request: Request) -> datetime | None:
    """The moment up to which the client knows the document (`X-Appwrite-Timestamp`)."""
    text = request.headers.get("x-appwrite-timestamp", "")
    if not text:
        return None
    moment = moments.parse(text, server.clock.now())
    if moment is None:
        raise ApiError("general_argument_invalid", "Invalid X-Appwrite-Timestamp header value")
    return moment

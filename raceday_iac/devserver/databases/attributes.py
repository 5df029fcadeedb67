"""Attributes (columns): create, read, list, change, delete. Relationships are made and changed in relationships.py."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from ..web import Reply, Request
from . import catalog, limits, listing, metadata, stale, work
from .arguments import COLLECTION_ID, DATABASE_ID, KEY, require_present
from .attribute_types import TYPES, AttributeType, Definition
from .attribute_updates import AttributeUpdate
from .limits import Width
from .places import find_collection_row
from .query_sql import Source
from .shapes import attribute_answer
from .vocabulary import Action, Vocabulary, route

if TYPE_CHECKING:
    from ..server import Server

ATTRIBUTES_PATH = "/{databaseId}/collections/{collectionId}/attributes"
ATTRIBUTE_PATH = ATTRIBUTES_PATH + "/{key}"


def find_attribute(server: Server, collection: sqlite3.Row, key: str, words: Vocabulary) -> sqlite3.Row:
    """The row of a listed attribute, whatever its status; or 404."""
    row: sqlite3.Row | None = server.db.execute(
        "SELECT * FROM db_attributes WHERE collection = ? AND key = ?", (collection["number"], key)
    ).fetchone()
    if row is None:
        raise words.error("attribute_not_found")
    return row


def _creator(kind: AttributeType) -> Action:
    def create(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
        definition = kind.define(values, words)
        collection = find_collection_row(server, request, values, words)
        number = _insert(server, collection, values, definition, words)
        work.enqueue(server, "create attribute", number)
        row = find_attribute(server, collection, values["key"], words)
        return Reply(202, attribute_answer(row, words, kind.word))

    return create


def _insert(
    server: Server, collection: sqlite3.Row, values: dict[str, Any], definition: Definition, words: Vocabulary
) -> int:
    is_array = values.get("array", False)
    check_default(values["required"], is_array, values["default"], words)
    problem = limits.too_long_definition(values["default"], definition.options)
    if problem:
        raise words.error("document_invalid_structure", problem)
    number = int(collection["number"])
    width = Width(definition.type, definition.size, is_array)
    if not limits.fits([*limits.columns_of(server.db, number), width]):
        raise words.error("attribute_limit_exceeded")
    now = server.timestamp()
    try:
        created = server.db.execute(
            "INSERT INTO db_attributes (collection, key, type, format, status, size, required, is_array, encrypt, "
            "default_value, options, created_at, updated_at) VALUES (?, ?, ?, ?, 'processing', ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                values["key"],
                definition.type,
                definition.format,
                definition.size,
                values["required"],
                is_array,
                definition.encrypt,
                json.dumps(values["default"]),
                json.dumps(definition.options),
                now,
                now,
            ),
        )
    except sqlite3.IntegrityError:
        raise words.error("attribute_already_exists") from None
    return created.lastrowid or 0


def check_default(required: bool, is_array: bool, default: Any, words: Vocabulary) -> None:
    """Refuse a default where none can be."""
    if default is not None and required:
        raise words.error("attribute_default_unsupported", f"Cannot set default value for required {words.attribute}")
    if default is not None and is_array:
        raise words.error("attribute_default_unsupported", f"Cannot set default value for array {words.attributes}")


def _updater(kind: AttributeType) -> Action:
    def update(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply | Awaitable[Reply]:
        require_present(values, "default")
        collection = find_collection_row(server, request, values, words)
        row = find_attribute(server, collection, values["key"], words)
        change = AttributeUpdate(server, collection, row, values, words)
        check_default(values["required"], bool(row["is_array"]), change.default, words)
        finish = change.begin()

        def answered() -> Reply:
            answer = attribute_answer(finish(), words, kind.word)
            if answer["key"] != row["key"]:
                # The answer to a rename still has the date of the change before it (observed on 1.8.1).
                answer["$updatedAt"] = row["updated_at"]
            # Appwrite forgets to read the filters of a string after an update (observed on 1.8.1).
            return Reply(200, answer | {"encrypt": None} if kind.word == "string" else answer)

        return metadata.after_window(server, answered)

    return update


for _kind in TYPES.values():
    route("POST", f"{ATTRIBUTES_PATH}/{_kind.word}", "collections.write", DATABASE_ID, COLLECTION_ID, *_kind.create)(
        _creator(_kind)
    )
    route(
        "PATCH",
        f"{ATTRIBUTES_PATH}/{_kind.word}/{{key}}",
        "collections.write",
        DATABASE_ID,
        COLLECTION_ID,
        *_kind.update,
    )(_updater(_kind))


@route("GET", ATTRIBUTE_PATH, "collections.read", DATABASE_ID, COLLECTION_ID, KEY)
def get_attribute(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    collection = find_collection_row(server, request, values, words)
    row = stale.member(server, int(collection["number"]), "attributes", values["key"])
    if row is None:
        raise words.error("attribute_not_found")
    return Reply(200, attribute_answer(row, words))


@route(
    "GET",
    ATTRIBUTES_PATH,
    "collections.read",
    DATABASE_ID,
    COLLECTION_ID,
    listing.queries_of(listing.ATTRIBUTES),
    listing.TOTAL,
)
def list_attributes(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    collection = find_collection_row(server, request, values, words)
    source = Source("db_attributes", listing.ATTRIBUTES, "collection = ?", (collection["number"],))
    rows, total = listing.page(server, source, values["queries"], noun=words.attribute.capitalize(), cursor_by="key")
    return Reply(200, {"total": total, words.attributes: [attribute_answer(row, words) for row in rows]})


@route("DELETE", ATTRIBUTE_PATH, "collections.write", DATABASE_ID, COLLECTION_ID, KEY)
def delete_attribute(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    """Only an available attribute becomes `deleting`; any other keeps its status until the worker comes to it."""
    collection = find_collection_row(server, request, values, words)
    row = find_attribute(server, collection, values["key"], words)
    stale.remember(server, int(collection["number"]), "attributes", row)
    _mark_deleting(server, row)
    options = json.loads(row["options"])
    if row["type"] == "relationship" and options["twoWay"]:
        _mark_mirror_deleting(server, options, words)
    work.enqueue(server, "delete attribute", int(row["number"]))
    return Reply(204)


def _mark_deleting(server: Server, row: sqlite3.Row) -> None:
    if row["status"] != "available":
        return
    server.db.execute(
        "UPDATE db_attributes SET status = 'deleting', updated_at = ? WHERE number = ?",
        (server.timestamp(), row["number"]),
    )


def _mark_mirror_deleting(server: Server, options: dict[str, Any], words: Vocabulary) -> None:
    related = catalog.row_by_number(server.db, options["related"])
    if related is None:
        raise words.error("collection_not_found")
    _mark_deleting(server, find_attribute(server, related, options["twoWayKey"], words))

"""Collections (tables): create, read, list, change, delete."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from .. import params
from ..errors import ApiError
from ..keys import CONTROL_SCOPE
from ..params import NO_IDS, Param
from ..web import Reply, Request
from . import catalog, columns, listing, metadata, stale, work
from .arguments import COLLECTION_ID, DATABASE_ID, custom_id, nullable
from .databases import ENABLED, NAME
from .permissions import COLLECTION_KINDS, aggregate, permission_list
from .places import find_collection_row, find_database
from .query_sql import Source
from .shapes import attribute_rows, collection_answer, index_rows
from .vocabulary import LEGACY, Vocabulary, route, routes

if TYPE_CHECKING:
    from ..server import Server

PERMISSIONS = Param("permissions", nullable(permission_list(COLLECTION_KINDS)), default=None, nullable=True)
SECURITY = Param("documentSecurity", params.loose_boolean, default=False)

COLLECTIONS_PATH = "/{databaseId}/collections"
COLLECTION_PATH = COLLECTIONS_PATH + "/{collectionId}"
FILTERS = listing.queries_of(listing.COLLECTIONS)


@route(
    "POST",
    COLLECTIONS_PATH,
    "collections.write",
    DATABASE_ID,
    Param("collectionId", custom_id),
    NAME,
    PERMISSIONS,
    SECURITY,
    ENABLED,
)
def create_collection(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    database = find_database(server, request, values["databaseId"], words)
    if values["collectionId"] in NO_IDS:
        values["collectionId"] = server.new_id()
    if _collide(aggregate(values["permissions"] or [], with_create=True)):
        raise words.error("collection_already_exists")
    try:
        number = _insert(server, database, values)
    except sqlite3.IntegrityError:
        raise words.error("collection_already_exists") from None
    columns.create_table(server.db, number)
    permissions = aggregate(values["permissions"] or [], with_create=True)
    metadata.create(server.db, number, permissions, security=values["documentSecurity"])
    return _answer(server, request, values, words, 201)


def _collide(permissions: list[str]) -> bool:
    """Whether two permissions are one to their table, which has a unique key and compares without case."""
    return len({permission.lower() for permission in permissions}) < len(permissions)


def _insert(server: Server, database: sqlite3.Row, values: dict[str, Any]) -> int:
    now = server.timestamp()
    permissions = aggregate(values["permissions"] or [], with_create=True)
    number = server.db.execute(
        "INSERT INTO db_collections (database, sequence, id, name, enabled, document_security, permissions, token, "
        "created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            database["number"],
            server.sequence(f"collections of database {database['number']}"),
            values["collectionId"],
            values["name"],
            values["enabled"],
            values["documentSecurity"],
            json.dumps(permissions),
            metadata.new_token(),
            now,
            now,
        ),
    ).lastrowid
    return number or 0


def _answer(server: Server, request: Request, values: dict[str, Any], words: Vocabulary, status: int = 200) -> Reply:
    row = find_collection_row(server, request, values, words)
    number = int(row["number"])
    parts = (stale.members(server, number, part) for part in ("attributes", "indexes"))
    return Reply(status, collection_answer(row, words, *parts))


@route("GET", COLLECTION_PATH, "collections.read", DATABASE_ID, COLLECTION_ID)
def get_collection(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    return _answer(server, request, values, words)


@route("GET", COLLECTIONS_PATH, "collections.read", DATABASE_ID, FILTERS, listing.SEARCH, listing.TOTAL)
def list_collections(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    database = find_database(server, request, values["databaseId"], words)
    source = Source(
        f"({catalog.COLLECTION_ROWS})", listing.COLLECTIONS, "database = ? AND deleted = 0", (database["number"],)
    )
    rows, total = listing.page(
        server,
        listing.with_search(source, values["search"]),
        values["queries"],
        noun=words.collection.capitalize(),
    )
    answers = [
        collection_answer(row, words, attribute_rows(server.db, row["number"]), index_rows(server.db, row["number"]))
        for row in rows
    ]
    return Reply(200, {"total": total, words.collections: answers})


@route("PUT", COLLECTION_PATH, "collections.write", DATABASE_ID, COLLECTION_ID, NAME, PERMISSIONS, SECURITY, ENABLED)
def update_collection(
    server: Server, request: Request, values: dict[str, Any], words: Vocabulary
) -> Reply | Awaitable[Reply]:
    """Omitted permissions are kept; an omitted security or enabled goes back to its default."""
    row = find_collection_row(server, request, values, words)
    number = int(row["number"])
    given = json.loads(row["permissions"]) if values["permissions"] is None else values["permissions"]
    permissions, security = aggregate(given, with_create=True), values["documentSecurity"]
    if _collide(permissions):
        raise ApiError("general_unknown")
    wanted = (values["name"], json.dumps(permissions), security, values["enabled"])
    is_changed = wanted != tuple(row[name] for name in ("name", "permissions", "document_security", "enabled"))
    # Definitions that have attributes never compare as equal on a real server, so that their date always moves.
    is_changed = is_changed or bool(attribute_rows(server.db, number))
    server.db.execute(
        "UPDATE db_collections SET name = ?, permissions = ?, document_security = ?, enabled = ?, updated_at = ? "
        "WHERE number = ?",
        (*wanted, server.timestamp() if is_changed else row["updated_at"], number),
    )
    reply, known = _answer(server, request, values, words), metadata.must_read(server.db, number)

    def finish() -> Reply:
        known.permissions, known.document_security = permissions, security
        metadata.write(server.db, number, known)
        return reply

    return metadata.after_window(server, finish)


@route("DELETE", COLLECTION_PATH, "collections.write", DATABASE_ID, COLLECTION_ID)
def delete_collection(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    row = find_collection_row(server, request, values, words)
    server.db.execute("UPDATE db_collections SET deleted = 1 WHERE number = ?", (row["number"],))
    work.enqueue(server, "delete collection", int(row["number"]))
    return Reply(204)


@routes.add("GET", "/_dev/metadata/{databaseId}/{collectionId}", CONTROL_SCOPE, DATABASE_ID, COLLECTION_ID)
def show_metadata(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """What documents of a collection are checked against. Appwrite tells nobody."""
    row = find_collection_row(server, request, values, LEGACY)
    known = metadata.must_read(server.db, int(row["number"]))
    return Reply(
        200,
        {
            "attributes": known.attributes,
            "indexes": known.indexes,
            "permissions": known.permissions,
            "documentSecurity": known.document_security,
        },
    )

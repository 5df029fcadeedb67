"""Collections (tables): create, read, list, change, delete."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from .. import params
from ..ages import ONLY_1_8, SINCE_1_9
from ..errors import ApiError
from ..keys import CONTROL_SCOPE
from ..params import NO_IDS, Param, or_null
from ..web import Reply, Request
from . import catalog, columns, inline, jobs, lookup
from .attribute_types import COLLECTION_ID, DATABASE_ID, custom_id
from .dialect import LEGACY, TABLES, Vocabulary, route, routes
from .formats import COLLECTION_KINDS, aggregate, permission_list
from .lookup import attribute_rows, collection_answer, database_answer, find_collection_row, find_database, index_rows
from .query_sql import Source

if TYPE_CHECKING:
    from ..server import Server


# Databases: create, read, list, change, delete.


NAME = Param("name", params.text(1, 128))
#: Since 1.9 a PUT without a name, or with an empty one, leaves it.
NEW_NAME = (
    Param("name", params.text(1, 128), ages=ONLY_1_8),
    Param("name", params.text(1, 128), default=None, nullable=True, ages=SINCE_1_9),
)
ENABLED = Param("enabled", params.boolean, default=True)


@route("POST", "", "databases.write", Param("databaseId", custom_id), NAME, ENABLED)
def create_database(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    database_id = server.new_id() if values["databaseId"] in NO_IDS else values["databaseId"]
    now = server.timestamp()
    sequence = server.sequence(f"databases of {request.project}")
    try:
        server.db.execute(
            "INSERT INTO db_databases (project, sequence, id, name, enabled, type, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (request.project, sequence, database_id, values["name"], values["enabled"], words.database_type, now, now),
        )
    except sqlite3.IntegrityError:
        raise words.error("database_already_exists", name=database_id) from None
    return Reply(201, database_answer(server.age, find_database(server, request, database_id, words)))


@route("GET", "/{databaseId}", "databases.read", DATABASE_ID)
def get_database(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    return Reply(200, database_answer(server.age, find_database(server, request, values["databaseId"], words)))


@route("GET", "", "databases.read", lookup.queries_of(lookup.DATABASES), lookup.SEARCH, lookup.TOTAL)
def list_databases(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    hidden = TABLES.database_type if words.is_legacy and server.age.hides_tables else ""
    condition = "project = ? AND deleted = 0 AND type != ?"
    source = Source("db_databases", lookup.DATABASES, condition, (request.project, hidden))
    rows, total = lookup.page(server, lookup.with_search(source, values["search"]), values["queries"], noun="Database")
    return Reply(200, {"total": total, "databases": [database_answer(server.age, row) for row in rows]})


@route("PUT", "/{databaseId}", "databases.write", DATABASE_ID, *NEW_NAME, ENABLED)
def update_database(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    """An update without a change keeps its date."""
    row = find_database(server, request, values["databaseId"], words)
    values["name"] = values["name"] or row["name"]
    if (row["name"], row["enabled"]) != (values["name"], values["enabled"]):
        server.db.execute(
            "UPDATE db_databases SET name = ?, enabled = ?, updated_at = ? WHERE number = ?",
            (values["name"], values["enabled"], server.timestamp(), row["number"]),
        )
    return Reply(200, database_answer(server.age, find_database(server, request, values["databaseId"], words)))


@route("DELETE", "/{databaseId}", "databases.write", DATABASE_ID)
def delete_database(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    row = find_database(server, request, values["databaseId"], words)
    server.db.execute("UPDATE db_databases SET deleted = 1 WHERE number = ?", (row["number"],))
    jobs.enqueue(server, "delete database", int(row["number"]))
    return Reply(204)


PERMISSIONS = Param("permissions", or_null(permission_list(COLLECTION_KINDS)), default=None, nullable=True)
SECURITY = Param("documentSecurity", params.loose_boolean, default=False)

COLLECTIONS_PATH = "/{databaseId}/collections"
COLLECTION_PATH = COLLECTIONS_PATH + "/{collectionId}"
FILTERS = lookup.queries_of(lookup.COLLECTIONS)


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
    *inline.PARAMS,
)
def create_collection(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    database = find_database(server, request, values["databaseId"], words)
    if values["collectionId"] in NO_IDS:
        values["collectionId"] = server.new_id()
    if _collide(aggregate(values["permissions"] or [], with_create=True)):
        raise words.error("collection_already_exists", name=values["collectionId"])
    try:
        number = _insert(server, database, values)
    except sqlite3.IntegrityError:
        raise words.error("collection_already_exists", name=values["collectionId"]) from None
    columns.create_table(server.db, number)
    permissions = aggregate(values["permissions"] or [], with_create=True)
    catalog.create(server.db, number, permissions, security=values["documentSecurity"])
    if not (values.get("attributes") or values.get("indexes")):
        return _answer(server, request, values, words, 201)
    if server.age.answers_inline_schema:
        inline.create(server, find_collection_row(server, request, values, words), values, words)
        return _answer(server, request, values, words, 201)
    # 1.9.6 answers with what it had read before.
    answer = _answer(server, request, values, words, 201)
    inline.create(server, find_collection_row(server, request, values, words), values, words)
    return answer


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
            catalog.new_token(),
            now,
            now,
        ),
    ).lastrowid
    return number or 0


def _answer(server: Server, request: Request, values: dict[str, Any], words: Vocabulary, status: int = 200) -> Reply:
    row = find_collection_row(server, request, values, words)
    number = int(row["number"])
    parts = (lookup.members(server, number, part) for part in ("attributes", "indexes"))
    return Reply(status, collection_answer(server.age, row, words, *parts))


@route("GET", COLLECTION_PATH, "collections.read", DATABASE_ID, COLLECTION_ID)
def get_collection(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    return _answer(server, request, values, words)


@route("GET", COLLECTIONS_PATH, "collections.read", DATABASE_ID, FILTERS, lookup.SEARCH, lookup.TOTAL)
def list_collections(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    database = find_database(server, request, values["databaseId"], words)
    source = Source(
        f"({catalog.COLLECTION_ROWS})", lookup.COLLECTIONS, "database = ? AND deleted = 0", (database["number"],)
    )
    rows, total = lookup.page(
        server,
        lookup.with_search(source, values["search"]),
        values["queries"],
        noun=words.collection.capitalize(),
    )
    answers = [
        collection_answer(
            server.age, row, words, attribute_rows(server.db, row["number"]), index_rows(server.db, row["number"])
        )
        for row in rows
    ]
    return Reply(200, {"total": total, words.collections: answers})


@route(
    "PUT",
    COLLECTION_PATH,
    "collections.write",
    DATABASE_ID,
    COLLECTION_ID,
    *NEW_NAME,
    PERMISSIONS,
    SECURITY,
    ENABLED,
    Param("purge", params.loose_boolean, default=False, ages=SINCE_1_9),
)
def update_collection(
    server: Server, request: Request, values: dict[str, Any], words: Vocabulary
) -> Reply | Awaitable[Reply]:
    """Omitted permissions are kept; an omitted security or enabled goes back to its default."""
    row = find_collection_row(server, request, values, words)
    number = int(row["number"])
    values["name"] = values["name"] or row["name"]
    if values.get("purge"):
        lookup.forget_lists(server, number)
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
    reply, known = _answer(server, request, values, words), catalog.must_read(server.db, number)

    def finish() -> Reply:
        known.permissions, known.document_security = permissions, security
        catalog.write(server.db, number, known)
        return reply

    return catalog.after_window(server, finish)


@route("DELETE", COLLECTION_PATH, "collections.write", DATABASE_ID, COLLECTION_ID)
def delete_collection(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    row = find_collection_row(server, request, values, words)
    server.db.execute("UPDATE db_collections SET deleted = 1 WHERE number = ?", (row["number"],))
    jobs.enqueue(server, "delete collection", int(row["number"]))
    return Reply(204)


@routes.add("GET", "/_dev/metadata/{databaseId}/{collectionId}", CONTROL_SCOPE, DATABASE_ID, COLLECTION_ID)
def show_metadata(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """What documents of a collection are checked against. Appwrite shows it to nobody."""
    row = find_collection_row(server, request, values, LEGACY)
    known = catalog.must_read(server.db, int(row["number"]))
    return Reply(
        200,
        {
            "attributes": known.attributes,
            "indexes": known.indexes,
            "permissions": known.permissions,
            "documentSecurity": known.document_security,
        },
    )

"""Databases: create, read, list, change, delete."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from .. import params
from ..params import NO_IDS, Param
from ..web import Reply, Request
from . import listing, work
from .arguments import DATABASE_ID, custom_id
from .places import find_database
from .query_sql import Source
from .shapes import database_answer
from .vocabulary import Vocabulary, route

if TYPE_CHECKING:
    from ..server import Server

NAME = Param("name", params.text(1, 128))
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
        raise words.error("database_already_exists") from None
    return Reply(201, database_answer(find_database(server, request, database_id, words)))


@route("GET", "/{databaseId}", "databases.read", DATABASE_ID)
def get_database(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    return Reply(200, database_answer(find_database(server, request, values["databaseId"], words)))


@route("GET", "", "databases.read", listing.queries_of(listing.DATABASES), listing.SEARCH, listing.TOTAL)
def list_databases(server: Server, request: Request, values: dict[str, Any], _words: Vocabulary) -> Reply:
    source = Source("db_databases", listing.DATABASES, "project = ? AND deleted = 0", (request.project,))
    rows, total = listing.page(
        server, listing.with_search(source, values["search"]), values["queries"], noun="Database"
    )
    return Reply(200, {"total": total, "databases": [database_answer(row) for row in rows]})


@route("PUT", "/{databaseId}", "databases.write", DATABASE_ID, NAME, ENABLED)
def update_database(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    """An update without a change keeps its date."""
    row = find_database(server, request, values["databaseId"], words)
    if (row["name"], row["enabled"]) != (values["name"], values["enabled"]):
        server.db.execute(
            "UPDATE db_databases SET name = ?, enabled = ?, updated_at = ? WHERE number = ?",
            (values["name"], values["enabled"], server.timestamp(), row["number"]),
        )
    return Reply(200, database_answer(find_database(server, request, values["databaseId"], words)))


@route("DELETE", "/{databaseId}", "databases.write", DATABASE_ID)
def delete_database(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    row = find_database(server, request, values["databaseId"], words)
    server.db.execute("UPDATE db_databases SET deleted = 1 WHERE number = ?", (row["number"],))
    work.enqueue(server, "delete database", int(row["number"]))
    return Reply(204)

"""Finding databases and collections by the ids of a request."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from . import catalog
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from ..server import Server
    from ..web import Request


def find_database(server: Server, request: Request, database_id: str, words: Vocabulary) -> sqlite3.Row:
    """The row of a database, or 404."""
    row: sqlite3.Row | None = server.db.execute(
        "SELECT * FROM db_databases WHERE project = ? AND id = ? AND deleted = 0", (request.project, database_id)
    ).fetchone()
    if row is None:
        raise words.error("database_not_found")
    return row


def find_collection_row(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> sqlite3.Row:
    """The row of the collection that a request names, or 404."""
    database = find_database(server, request, values["databaseId"], words)
    row = collection_row(server.db, int(database["number"]), values["collectionId"])
    if row is None:
        raise words.error("collection_not_found")
    return row


def collection_row(db: sqlite3.Connection, database: int, collection_id: str) -> sqlite3.Row | None:
    """The row of a collection of a database, or None."""
    row: sqlite3.Row | None = db.execute(
        f"{catalog.COLLECTION_ROWS} WHERE c.database = ? AND c.id = ? AND c.deleted = 0", (database, collection_id)
    ).fetchone()
    return row


def find_collection(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> catalog.Collection:
    """The collection that a request names, with everything that is built in it."""
    return catalog.load(server.db, find_collection_row(server, request, values, words))

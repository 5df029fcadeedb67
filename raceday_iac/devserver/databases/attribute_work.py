"""Building and dropping attributes in the background (Appwrite 1.8.1, Databases/Workers/Databases.php)."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from . import catalog, columns, index_work, relation_work

if TYPE_CHECKING:
    from ..server import Server


class WorkFailed(Exception):
    """A job that ends badly; the text becomes the `error` of the attribute or index."""


def attribute_row(db: sqlite3.Connection, number: int) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute("SELECT * FROM db_attributes WHERE number = ?", (number,)).fetchone()
    return row


def set_status(server: Server, number: int, status: str, error: str = "") -> None:
    """Change the public status of an attribute."""
    row = attribute_row(server.db, number)
    if row is None:
        return
    server.db.execute(
        "UPDATE db_attributes SET status = ?, error = ?, updated_at = ? WHERE number = ?",
        (status, error, server.timestamp(), number),
    )
    catalog.touch(server.db, int(row["collection"]))


def mark_built(server: Server, number: int) -> None:
    """Say that an attribute can be used from now on."""
    server.db.execute("UPDATE db_attributes SET built = 1 WHERE number = ?", (number,))
    set_status(server, number, "available")


def create_attribute(server: Server, number: int) -> None:
    """Build the column of an attribute that is `processing`."""
    row = attribute_row(server.db, number)
    if row is None or catalog.row_by_number(server.db, int(row["collection"])) is None:
        return
    if server.faults.is_stuck(str(row["key"])):
        return
    try:
        if server.faults.is_failing(str(row["key"])):
            raise WorkFailed("Failed to create attribute/column")
        _build(server, row)
    except WorkFailed as failure:
        set_status(server, number, "failed", str(failure))


def _build(server: Server, row: sqlite3.Row) -> None:
    collection = int(row["collection"])
    if row["type"] == "relationship":
        problem = relation_work.build(server, row)
        if problem:
            raise WorkFailed(problem)
        return
    if catalog.is_built(server.db, collection, str(row["key"])):
        raise WorkFailed("Attribute already exists in metadata")
    attribute = catalog.read_attribute(row)
    columns.add_column(server.db, collection, attribute.key, columns.column_type(attribute))
    mark_built(server, attribute.number)


def delete_attribute(server: Server, number: int) -> None:
    """Drop an attribute with its data and whatever indexes on it become of."""
    row = attribute_row(server.db, number)
    if row is None:
        return
    if row["type"] == "relationship":
        relation_work.drop(server, row)
        return
    collection, key = int(row["collection"]), str(row["key"])
    if row["built"]:
        if index_work.is_in_wide_unique_index(server.db, collection, key):
            # MariaDB refuses to drop a column of a unique index over several columns, without a message that
            # Appwrite would pass on (observed on 1.8.1).
            set_status(server, number, "stuck")
            return
        index_work.drop_physical(server.db, collection, key)
        columns.drop_column(server.db, collection, key)
    server.db.execute("DELETE FROM db_attributes WHERE number = ?", (number,))
    index_work.forget_attribute(server, collection, key)
    catalog.touch(server.db, collection)

"""Building and dropping attributes in the background (Appwrite 1.8.1, Databases/Workers/Databases.php)."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from . import catalog, columns, index_work, limits, metadata, relation_work
from .failures import WorkFailed

if TYPE_CHECKING:
    from ..server import Server
    from .failures import Finish


def attribute_row(db: sqlite3.Connection, number: int) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute("SELECT * FROM db_attributes WHERE number = ?", (number,)).fetchone()
    return row


def set_status(server: Server, number: int, status: str, error: str = "") -> None:
    """Change the public status of an attribute."""
    server.db.execute(
        "UPDATE db_attributes SET status = ?, error = ?, updated_at = ? WHERE number = ?",
        (status, error, server.timestamp(), number),
    )


def create_attribute(server: Server, number: int) -> Finish | None:
    """Build the column of an attribute that is `processing`."""
    row = attribute_row(server.db, number)
    if row is None or catalog.row_by_number(server.db, int(row["collection"])) is None:
        return None
    if server.faults.is_stuck(str(row["key"])):
        return None
    if server.faults.is_failing(str(row["key"])):
        raise WorkFailed("Failed to create attribute/column")
    if row["type"] == "relationship":
        return relation_work.build(server, row)
    return _create_plain(server, row)


def _create_plain(server: Server, row: sqlite3.Row) -> Finish | None:
    collection, number, key = int(row["collection"]), int(row["number"]), str(row["key"])
    known = metadata.read(server.db, collection)
    if known is None:
        return None
    if known.attribute(key) is not None:
        raise WorkFailed("Attribute already exists in metadata")
    if columns.has_column(server.db, collection, key):
        raise WorkFailed("Attribute already exists in schema")
    record = metadata.attribute_record(row)
    refuse_wide(known, record)
    known.attributes.append(record)

    def finish() -> None:
        columns.add_column(server.db, collection, key, columns.column_type(catalog.read_attribute(record)))
        metadata.write(server.db, collection, known)
        set_status(server, number, "available")

    return finish


def refuse_wide(known: metadata.Metadata, record: metadata.Record) -> None:
    """Refuse what the API has accepted and the database does not."""
    key, attribute = str(record["key"]), catalog.read_attribute(record)
    same = [str(each["key"]) for each in known.attributes if columns.filtered(each["key"]) == columns.filtered(key)]
    if same:
        in_schema = columns.filtered(same[0]) == key.lower()
        raise WorkFailed("Attribute already exists" + (" in schema" if in_schema else ""))
    others = [catalog.read_attribute(each) for each in known.attributes]
    problem = limits.metadata_problem(others, attribute)
    if problem:
        raise WorkFailed(problem)
    if attribute.is_stored and limits.is_table_full(others, attribute):
        # What MariaDB says is not passed on.
        raise WorkFailed("")


def delete_attribute(server: Server, number: int) -> Finish | None:
    """Drop an attribute with its data and whatever indexes on it become of."""
    row = attribute_row(server.db, number)
    if row is None:
        return None
    if row["type"] == "relationship":
        return relation_work.drop(server, row)
    collection, key = int(row["collection"]), str(row["key"])
    known = metadata.read(server.db, collection)
    if known is None:
        return None
    if known.attribute(key) is None:
        # Not found in the metadata: the worker deletes the document, and leaves the column alone.
        _forget(server, number, collection, key)
        return None

    def finish() -> None:
        if index_work.is_in_wide_unique_index(server.db, collection, key):
            # MariaDB refuses to drop a column of a unique index over several columns, without a message that
            # Appwrite would pass on (observed on 1.8.1).
            raise WorkFailed("")
        columns.drop_column(server.db, collection, key)
        known.without_attribute(key)
        metadata.write(server.db, collection, known)
        _forget(server, number, collection, key)

    return finish


def _forget(server: Server, number: int, collection: int, key: str) -> None:
    server.db.execute("DELETE FROM db_attributes WHERE number = ?", (number,))
    index_work.forget_attribute(server, collection, key)

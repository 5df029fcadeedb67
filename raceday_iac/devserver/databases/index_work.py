"""Building and dropping indexes in the background, and what a dropped attribute leaves of them."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from . import catalog, columns

if TYPE_CHECKING:
    from ..server import Server

#: Index types that have a real index behind them; the others only permit queries.
PHYSICAL = frozenset({"key", "unique"})


def set_status(server: Server, number: int, status: str, error: str = "") -> None:
    """Change the public status of an index."""
    row = _row(server.db, number)
    if row is None:
        return
    server.db.execute(
        "UPDATE db_indexes SET status = ?, error = ?, updated_at = ? WHERE number = ?",
        (status, error, server.timestamp(), number),
    )
    catalog.touch(server.db, int(row["collection"]))


def _row(db: sqlite3.Connection, number: int) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute("SELECT * FROM db_indexes WHERE number = ?", (number,)).fetchone()
    return row


def create_index(server: Server, number: int) -> None:
    """Build an index that is `processing`."""
    row = _row(server.db, number)
    collection = None if row is None else catalog.load_number(server.db, int(row["collection"]))
    if row is None or collection is None or server.faults.is_stuck(str(row["key"])):
        return
    problem = _problem(server, row, collection)
    if problem:
        set_status(server, number, "failed", problem)
        return
    server.db.execute("UPDATE db_indexes SET built = 1 WHERE number = ?", (number,))
    set_status(server, number, "available")


def _problem(server: Server, row: sqlite3.Row, collection: catalog.Collection) -> str:
    if server.faults.is_failing(str(row["key"])):
        return "Failed to create Index"
    for key in json.loads(row["attributes"]):
        if key not in columns.SYSTEM_COLUMNS and key not in collection.by_key:
            return f'Invalid index attribute "{key}" not found'
    try:
        build_physical(server.db, collection, row)
    except sqlite3.IntegrityError:
        return "Document already exists"
    return ""


def build_physical(db: sqlite3.Connection, collection: catalog.Collection, row: sqlite3.Row) -> None:
    """The real index behind a row; none where it would not help (lists, fulltext, spatial)."""
    keys = json.loads(row["attributes"])
    if row["type"] not in PHYSICAL or any(_is_list(collection, key) for key in keys):
        return
    lengths, orders = _padded(json.loads(row["lengths"]), keys), _padded(json.loads(row["orders"]), keys)
    columns.create_index(
        db,
        collection.number,
        int(row["number"]),
        list(zip(keys, lengths, orders, strict=True)),
        unique=row["type"] == "unique",
    )


def _is_list(collection: catalog.Collection, key: str) -> bool:
    return key in collection.by_key and collection.by_key[key].is_array


def _padded(values: list[Any], keys: list[str]) -> list[Any]:
    return [*values, *[None] * len(keys)][: len(keys)]


def delete_index(server: Server, number: int) -> None:
    row = _row(server.db, number)
    if row is None:
        return
    columns.drop_index(server.db, number)
    server.db.execute("DELETE FROM db_indexes WHERE number = ?", (number,))
    catalog.touch(server.db, int(row["collection"]))


def _indexes_on(db: sqlite3.Connection, collection: int, key: str) -> list[sqlite3.Row]:
    rows = db.execute("SELECT * FROM db_indexes WHERE collection = ? ORDER BY number", (collection,)).fetchall()
    return [row for row in rows if key in json.loads(row["attributes"])]


def is_in_wide_unique_index(db: sqlite3.Connection, collection: int, key: str) -> bool:
    return any(
        row["type"] == "unique" and row["built"] and len(json.loads(row["attributes"])) > 1
        for row in _indexes_on(db, collection, key)
    )


def drop_physical(db: sqlite3.Connection, collection: int, key: str) -> None:
    """Drop the real indexes on a column, so that the column can go."""
    for row in _indexes_on(db, collection, key):
        columns.drop_index(db, int(row["number"]))


def forget_attribute(server: Server, collection: int, key: str) -> None:
    """Take a dropped attribute out of the indexes: they shrink, or go when empty or equal to another."""
    catalog.touch(server.db, collection)
    for row in _indexes_on(server.db, collection, key):
        attributes, lengths, orders = (json.loads(row[name]) for name in ("attributes", "lengths", "orders"))
        place = attributes.index(key)
        attributes = [each for each in attributes if each != key]
        # Appwrite removes by value, so that all equal lengths and orders go at once.
        lengths = _without_value(lengths, place)
        orders = _without_value(orders, place)
        if not attributes or _has_twin(server.db, collection, int(row["number"]), attributes, orders):
            delete_index(server, int(row["number"]))
            continue
        server.db.execute(
            "UPDATE db_indexes SET attributes = ?, lengths = ?, orders = ?, updated_at = ? WHERE number = ?",
            (json.dumps(attributes), json.dumps(lengths), json.dumps(orders), server.timestamp(), row["number"]),
        )
        _rebuild(server.db, collection, int(row["number"]))


def _without_value(values: list[Any], place: int) -> list[Any]:
    if place >= len(values):
        return values
    return [each for each in values if each != values[place]]


def _has_twin(
    db: sqlite3.Connection, collection: int, number: int, attributes: list[str], orders: list[str | None]
) -> bool:
    found = db.execute(
        "SELECT 1 FROM db_indexes WHERE collection = ? AND number != ? AND attributes = ? AND orders = ?",
        (collection, number, json.dumps(attributes), json.dumps(orders)),
    ).fetchone()
    return found is not None


def _rebuild(db: sqlite3.Connection, collection: int, number: int) -> None:
    row, definition = _row(db, number), catalog.load_number(db, collection)
    if row is not None and definition is not None and row["built"]:
        build_physical(db, definition, row)

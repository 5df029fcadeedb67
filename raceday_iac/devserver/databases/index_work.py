"""Building and dropping indexes in the background, and what a dropped attribute leaves of them."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from . import catalog, columns, index_rules, limits, metadata
from .failures import WorkFailed

if TYPE_CHECKING:
    from ..server import Server
    from .failures import Finish

#: Index types that have a real index behind them; the others only permit queries.
PHYSICAL = frozenset({"key", "unique"})
MAX_KEY_BYTES, MAX_KEY_PARTS = 3072, 32
#: Statuses of an index that was built.
BUILT = frozenset({"available", "deleting", "stuck"})


def set_status(server: Server, number: int, status: str, error: str = "") -> None:
    """Change the public status of an index."""
    server.db.execute(
        "UPDATE db_indexes SET status = ?, error = ?, updated_at = ? WHERE number = ?",
        (status, error, server.timestamp(), number),
    )


def _row(db: sqlite3.Connection, number: int) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute("SELECT * FROM db_indexes WHERE number = ?", (number,)).fetchone()
    return row


def create_index(server: Server, number: int) -> Finish | None:
    """Build an index that is `processing`."""
    row = _row(server.db, number)
    known = None if row is None else metadata.read(server.db, int(row["collection"]))
    if row is None or known is None or server.faults.is_stuck(str(row["key"])):
        return None
    if server.faults.is_failing(str(row["key"])):
        raise WorkFailed("Failed to create Index")
    if known.index(str(row["key"])) is not None:
        raise WorkFailed("Index already exists")
    for key in json.loads(row["attributes"]):
        if key not in columns.SYSTEM_COLUMNS and known.attribute(key) is None:
            raise WorkFailed(f'Invalid index attribute "{key}" not found')
    _refuse(row, known)
    known.indexes.append(metadata.index_record(row))

    def finish() -> None:
        collection = catalog.load_number(server.db, int(row["collection"]))
        if collection is None:
            return
        try:
            build_physical(server.db, collection, row)
        except sqlite3.IntegrityError:
            raise WorkFailed("Document already exists") from None
        metadata.write(server.db, collection.number, known)
        set_status(server, number, "available")

    return finish


def _refuse(row: sqlite3.Row, known: metadata.Metadata) -> None:
    """Refuse what the API has accepted and the database does not (MariaDB 10.11, whose words are not passed on)."""
    attributes = {each["key"]: catalog.read_attribute(each) for each in known.attributes}
    # The indexes of relationships count here, and not where an index is accepted.
    own = sum(each.relation is not None and each.relation.is_stored for each in attributes.values())
    if len(known.indexes) + own >= index_rules.MAX_INDEXES:
        raise WorkFailed("Index limit reached. Cannot create new index.")
    name = columns.filtered(row["key"])
    if name in {columns.filtered(each["key"]) for each in known.indexes}:
        raise WorkFailed("Index already exists")
    keys, lengths = json.loads(row["attributes"]), json.loads(row["lengths"])
    facts = attributes | index_rules.system_attributes()
    size = sum(limits.key_bytes(facts[key], length) for key, length in zip(keys, _padded(lengths, keys), strict=True))
    is_long = row["type"] in PHYSICAL and size > MAX_KEY_BYTES
    if name == "primary" or len(keys) > MAX_KEY_PARTS or is_long:
        raise WorkFailed("")


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


def delete_index(server: Server, number: int) -> Finish | None:
    """Drop an index. Of one that failed only the document goes: the worker does not look for it in the metadata."""
    row = _row(server.db, number)
    known = None if row is None else metadata.read(server.db, int(row["collection"]))
    if row is None or known is None:
        return None
    if row["status"] == "failed":
        server.db.execute("DELETE FROM db_indexes WHERE number = ?", (number,))
        return None

    def finish() -> None:
        columns.drop_index(server.db, number)
        known.without_index(str(row["key"]))
        metadata.write(server.db, int(row["collection"]), known)
        server.db.execute("DELETE FROM db_indexes WHERE number = ?", (number,))

    return finish


def _indexes_on(db: sqlite3.Connection, collection: int, key: str) -> list[sqlite3.Row]:
    rows = db.execute("SELECT * FROM db_indexes WHERE collection = ? ORDER BY number", (collection,)).fetchall()
    return [row for row in rows if key in json.loads(row["attributes"])]


def is_in_wide_unique_index(db: sqlite3.Connection, collection: int, key: str) -> bool:
    return any(
        row["type"] == "unique" and row["status"] in BUILT and len(json.loads(row["attributes"])) > 1
        for row in _indexes_on(db, collection, key)
    )


def forget_attribute(server: Server, collection: int, key: str) -> None:
    """Take a dropped attribute out of the listed indexes: they shrink, or go when empty or equal to another."""
    for row in _indexes_on(server.db, collection, key):
        attributes, lengths, orders = (json.loads(row[name]) for name in ("attributes", "lengths", "orders"))
        place = attributes.index(key)
        attributes = [each for each in attributes if each != key]
        # Appwrite removes by value, so that all equal lengths and orders go at once.
        lengths = _without_value(lengths, place)
        orders = _without_value(orders, place)
        if not attributes or _has_twin(server.db, collection, int(row["number"]), attributes, orders):
            _drop_listed(server, row)
            continue
        server.db.execute(
            "UPDATE db_indexes SET attributes = ?, lengths = ?, orders = ?, updated_at = ? WHERE number = ?",
            (json.dumps(attributes), json.dumps(lengths), json.dumps(orders), server.timestamp(), row["number"]),
        )
        _rebuild(server.db, collection, int(row["number"]))


def _drop_listed(server: Server, row: sqlite3.Row) -> None:
    finish = delete_index(server, int(row["number"]))
    if finish is not None:
        finish()


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
    if row is not None and definition is not None and row["status"] in BUILT:
        columns.drop_index(db, number)
        build_physical(db, definition, row)

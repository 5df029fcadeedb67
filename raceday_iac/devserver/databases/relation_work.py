"""Building and dropping relationships: columns, junction tables, and the other side."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from . import catalog, columns

if TYPE_CHECKING:
    from ..server import Server

Options = dict[str, Any]


def mirror_options(options: Options, key: str, collection: int, collection_id: str) -> Options:
    """The options of the other side of a relationship that `key` of `collection` has."""
    return {
        **options,
        "related": collection,
        "relatedCollection": collection_id,
        "twoWayKey": key,
        "side": "child",
    }


def build(server: Server, row: sqlite3.Row) -> str:
    """Build both sides of a relationship. Returns what is wrong, or an empty text."""
    options = json.loads(row["options"])
    own = catalog.row_by_number(server.db, int(row["collection"]))
    related = catalog.row_by_number(server.db, options["related"])
    if own is None or related is None:
        return "Collection/Table not found"
    if catalog.is_built(server.db, int(own["number"]), row["key"]):
        return "Attribute already exists"
    if catalog.is_built(server.db, int(related["number"]), options["twoWayKey"]):
        return "Related attribute already exists"
    if options["relationType"] == catalog.MANY_TO_MANY:
        options["junction"] = columns.junction_name(int(row["number"]))
        columns.create_junction(server.db, options["junction"])
    child = _child_number(server, row, options, own, related)
    # Of a relationship with itself only the child side reaches the data: the second write of the collection's
    # metadata overwrites the first (observed on 1.8.1: documents know the twoWayKey, but not the key).
    is_own_relative = own["number"] == related["number"]
    _finish(server, int(row["number"]), options, built=not is_own_relative)
    _finish(server, child, _mirror(options, row, own), built=True)
    for number in (int(row["number"]), child):
        _add_column(server.db, number)
    return ""


def _mirror(options: Options, row: sqlite3.Row, own: sqlite3.Row) -> Options:
    return mirror_options(options, str(row["key"]), int(own["number"]), str(own["id"]))


def _child_number(server: Server, row: sqlite3.Row, options: Options, own: sqlite3.Row, related: sqlite3.Row) -> int:
    """The attribute row of the other side: the listed one of a two-way relationship, else a hidden one."""
    if options["twoWay"]:
        found = server.db.execute(
            "SELECT number FROM db_attributes WHERE collection = ? AND key = ? AND hidden = 0",
            (related["number"], options["twoWayKey"]),
        ).fetchone()
        if found is not None:
            return int(found[0])
    now = server.timestamp()
    return insert_relationship(
        server.db, int(related["number"]), options["twoWayKey"], _mirror(options, row, own), now, hidden=True
    )


def insert_relationship(
    db: sqlite3.Connection, collection: int, key: str, options: Options, now: str, *, hidden: bool = False
) -> int:
    """Add the row of one side of a relationship. Raises `sqlite3.IntegrityError` when the key is taken."""
    number = db.execute(
        "INSERT INTO db_attributes (collection, key, type, format, status, size, required, is_array, encrypt, "
        "default_value, options, hidden, created_at, updated_at) "
        "VALUES (?, ?, 'relationship', '', 'processing', 0, 0, 0, 0, 'null', ?, ?, ?, ?)",
        (collection, key, json.dumps(options), hidden, now, now),
    ).lastrowid
    return number or 0


def _finish(server: Server, number: int, options: Options, *, built: bool) -> None:
    server.db.execute(
        "UPDATE db_attributes SET built = ?, status = 'available', options = ?, updated_at = ? WHERE number = ?",
        (built, json.dumps(options), server.timestamp(), number),
    )
    collection = server.db.execute("SELECT collection FROM db_attributes WHERE number = ?", (number,)).fetchone()[0]
    catalog.touch(server.db, int(collection))


def _add_column(db: sqlite3.Connection, number: int) -> None:
    row = db.execute("SELECT * FROM db_attributes WHERE number = ?", (number,)).fetchone()
    relation = catalog.read_attribute(row).relation
    if relation is not None and relation.is_stored:
        columns.add_relation_column(db, int(row["collection"]), number, str(row["key"]), relation)


def drop(server: Server, row: sqlite3.Row) -> None:
    """Drop a relationship: both sides, their data, and the junction."""
    options = json.loads(row["options"])
    other = server.db.execute(
        "SELECT * FROM db_attributes WHERE collection = ? AND key = ? AND type = 'relationship' AND number != ?",
        (options["related"], options["twoWayKey"], row["number"]),
    ).fetchone()
    for side in (row, other):
        if side is not None:
            drop_side(server.db, side)
    if options.get("junction"):
        columns.drop_junction(server.db, options["junction"])


def drop_side(db: sqlite3.Connection, row: sqlite3.Row) -> None:
    """Drop one side: its column, if it has one, and its row."""
    relation = catalog.read_attribute(row).relation
    collection, key = int(row["collection"]), str(row["key"])
    if relation is not None and relation.is_stored and _has_column(db, collection, key):
        columns.drop_relation_column(db, collection, int(row["number"]), key)
    db.execute("DELETE FROM db_attributes WHERE number = ?", (row["number"],))
    catalog.touch(db, collection)


def _has_column(db: sqlite3.Connection, collection: int, key: str) -> bool:
    rows = db.execute("SELECT name FROM pragma_table_info(?)", (catalog.table_name(collection),))
    return any(str(each[0]).lower() == key.lower() for each in rows)

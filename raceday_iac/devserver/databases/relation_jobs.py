"""Building and dropping relationships: columns, junction tables, and the other side.

Two metadata documents are read, changed and written. Of a relationship of a collection with itself they are the same
one, read twice: the second write takes back the first, so that documents know the two-way key, but not the key
(observed on 1.8.1).
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from . import catalog, columns
from .catalog import Relation
from .formats import WorkFailed

if TYPE_CHECKING:
    from ..server import Server
    from .catalog import Record
    from .formats import Finish


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


def build(server: Server, row: sqlite3.Row) -> Finish:
    """Build both sides of a relationship."""
    options = json.loads(row["options"])
    own = catalog.row_by_number(server.db, int(row["collection"]))
    related = catalog.row_by_number(server.db, options["related"])
    if own is None or related is None:
        raise WorkFailed("Collection/Table not found")
    sides = [_read(server, int(each["number"])) for each in (own, related)]
    _refuse_taken_keys(sides[0], str(row["key"]), options)
    if sides[1].attribute(options["twoWayKey"]) is not None:
        raise WorkFailed("Related attribute already exists")
    if options["relationType"] == catalog.MANY_TO_MANY:
        if columns.filtered(str(row["key"])) == columns.filtered(options["twoWayKey"]):
            # Both keys become columns of the junction.
            raise WorkFailed("Attribute already exists")
        options["junction"] = columns.junction_name(int(row["number"]))
    parent, child = _records(row, options, own)
    sides[0].attributes.append(parent)
    sides[1].attributes.append(child)

    def finish() -> None:
        numbers = (int(own["number"]), int(related["number"]))
        if options.get("junction"):
            columns.create_junction(server.db, options["junction"])
        for collection, record, side in zip(numbers, (parent, child), sides, strict=True):
            _add_column(server.db, collection, record)
            catalog.write(server.db, collection, side)
        _list_attribute(server, numbers[0], parent)
        if options["twoWay"]:
            _list_attribute(server, numbers[1], child)

    return finish


def _read(server: Server, collection: int) -> catalog.Metadata:
    found = catalog.read(server.db, collection)
    if found is None:
        raise WorkFailed("Collection/Table not found")
    return found


def _refuse_taken_keys(own: catalog.Metadata, key: str, options: Options) -> None:
    if own.attribute(key) is not None:
        raise WorkFailed("Attribute already exists")
    for other in [each["options"] for each in own.attributes if each["type"] == "relationship"]:
        same_key = other["twoWayKey"].lower() == options["twoWayKey"].lower()
        if same_key and other["related"] == options["related"]:
            raise WorkFailed("Related attribute already exists")


def _records(row: sqlite3.Row, options: Options, own: sqlite3.Row) -> tuple[Record, Record]:
    parent = catalog.attribute_record(row) | {"options": options}
    far = mirror_options(options, str(row["key"]), int(own["number"]), str(own["id"]))
    child = {**parent, "key": options["twoWayKey"], "options": far, "hidden": not options["twoWay"]}
    return parent, child | {"index": f"{parent['index']}_far"}


def _list_attribute(server: Server, collection: int, record: Record) -> None:
    """Show a side as available in the API's list."""
    server.db.execute(
        "UPDATE db_attributes SET status = 'available', options = ?, updated_at = ? WHERE collection = ? AND key = ?",
        (json.dumps(record["options"]), server.timestamp(), collection, record["key"]),
    )


def insert_relationship(db: sqlite3.Connection, collection: int, key: str, options: Options, now: str) -> int:
    """Add the row of one side of a relationship. Raises `sqlite3.IntegrityError` when the key is taken."""
    number = db.execute(
        "INSERT INTO db_attributes (collection, key, type, format, status, size, required, is_array, encrypt, "
        "default_value, options, created_at, updated_at) "
        "VALUES (?, ?, 'relationship', '', 'processing', 0, 0, 0, 0, 'null', ?, ?, ?)",
        (collection, key, json.dumps(options), now, now),
    ).lastrowid
    return number or 0


def _relation_of(record: Record) -> Relation:
    relation = catalog.read_attribute(record).relation
    assert relation is not None
    return relation


def _add_column(db: sqlite3.Connection, collection: int, record: Record) -> None:
    relation = _relation_of(record)
    if relation.is_stored:
        columns.add_relation_column(db, collection, record["index"], record["key"], relation)


def drop(server: Server, row: sqlite3.Row) -> Finish | None:
    """Drop a relationship: both sides, their data, and the junction."""
    collection, key, options = int(row["collection"]), str(row["key"]), json.loads(row["options"])
    own, related = catalog.read(server.db, collection), catalog.read(server.db, options["related"])
    record = None if own is None else own.attribute(key)
    if own is None or related is None or record is None:
        _unlist(server, row, options)
        return None
    far = related.attribute(options["twoWayKey"])
    own.without_attribute(key)
    related.without_attribute(options["twoWayKey"])

    def finish() -> None:
        _drop_column(server.db, collection, record)
        if far is not None:
            _drop_column(server.db, options["related"], far)
        if options.get("junction"):
            columns.drop_junction(server.db, options["junction"])
        catalog.write(server.db, collection, own)
        catalog.write(server.db, options["related"], related)
        _unlist(server, row, options)

    return finish


def _unlist(server: Server, row: sqlite3.Row, options: Options) -> None:
    """Take both sides out of the API's lists."""
    server.db.execute("DELETE FROM db_attributes WHERE number = ?", (row["number"],))
    if options["twoWay"]:
        server.db.execute(
            "DELETE FROM db_attributes WHERE collection = ? AND key = ? AND type = 'relationship'",
            (options["related"], options["twoWayKey"]),
        )


def _drop_column(db: sqlite3.Connection, collection: int, record: Record) -> None:
    if _relation_of(record).is_stored and columns.has_column(db, collection, record["key"]):
        columns.drop_relation_column(db, collection, record["index"], record["key"])


def cut_off(server: Server, gone: int) -> None:
    """Drop every relationship that other collections have with one that is deleted."""
    rows = server.db.execute(
        "SELECT DISTINCT m.collection FROM db_metadata m, json_each(m.content, '$.attributes') a "
        "WHERE m.collection != ? AND json_extract(a.value, '$.options.related') = ?",
        (gone, gone),
    ).fetchall()
    for row in rows:
        other, known = int(row["collection"]), catalog.read(server.db, int(row["collection"]))
        assert known is not None
        for record in [each for each in known.attributes if each["options"].get("related") == gone]:
            _drop_column(server.db, other, record)
            known.without_attribute(record["key"])
            if record["options"].get("junction"):
                columns.drop_junction(server.db, record["options"]["junction"])
        catalog.write(server.db, other, known)
    server.db.execute(
        "DELETE FROM db_attributes WHERE collection != ? AND type = 'relationship' "
        "AND json_extract(options, '$.related') = ?",
        (gone, gone),
    )

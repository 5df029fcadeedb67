"""The real SQLite tables behind collections: columns, indexes, junctions, and what relationships are made of.

Text compares without regard to (ASCII) case, like MariaDB's utf8mb4 collation on a real server. Lists are JSON text.

Two metadata documents are read, changed and written for a relationship. Of one of a collection with itself they are the
same one, read twice: the second write takes back the first, so that documents know the two-way key, but not the key
(observed on 1.8.1).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from . import catalog
from .catalog import Attribute, Relation, table_name
from .formats import WorkFailed

if TYPE_CHECKING:
    from ..server import Server
    from .attribute_types import Definition
    from .catalog import Record
    from .formats import Finish


#: Columns that every collection's table has, by the name that documents use.
SYSTEM_COLUMNS = {
    "$id": "_uid",
    "$sequence": "_id",
    "$createdAt": "_createdAt",
    "$updatedAt": "_updatedAt",
    "$permissions": "_permissions",
}

COLUMN_TYPES = {"integer": "INTEGER", "bigint": "INTEGER", "double": "REAL", "boolean": "INTEGER"}
JSON_TYPES = frozenset({"point", "linestring", "polygon"})

#: Longest string that MariaDB keeps inside the row; longer ones become TEXT types that are limited in bytes.
MAX_VARCHAR = 16_381
TEXT_BYTES = 65_535
MEDIUM_TEXT_BYTES = 16_777_215
LONG_TEXT_BYTES = 4_294_967_295

Options = dict[str, Any]


def filtered(key: str) -> str:
    """The name that a real server's column or index gets: dots are left out, and case does not count
    (utopia-php/database 3.5.0, Adapter.php, filter)."""
    return key.replace(".", "").lower()


@lru_cache(maxsize=4096)
def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def create_table(db: sqlite3.Connection, collection: int) -> None:
    table = table_name(collection)
    db.execute(
        f"CREATE TABLE {table} (_id INTEGER PRIMARY KEY AUTOINCREMENT, _uid TEXT NOT NULL COLLATE NOCASE UNIQUE, "
        "_createdAt TEXT, _updatedAt TEXT, _permissions TEXT NOT NULL)"
    )
    for column in ("_createdAt", "_updatedAt"):
        db.execute(f"CREATE INDEX {table}{column} ON {table} ({column})")


def drop_table(db: sqlite3.Connection, collection: int) -> None:
    db.execute(f"DROP TABLE IF EXISTS {table_name(collection)}")


def column_type(attribute: Attribute) -> str:
    if attribute.is_array or attribute.type in JSON_TYPES:
        return "TEXT"
    return COLUMN_TYPES.get(attribute.type, "TEXT COLLATE NOCASE" if attribute.type != "datetime" else "TEXT")


def add_column(db: sqlite3.Connection, collection: int, key: str, declared: str) -> None:
    db.execute(f"ALTER TABLE {table_name(collection)} ADD COLUMN {quoted(key)} {declared}")


def rename_column(db: sqlite3.Connection, collection: int, key: str, new_key: str) -> None:
    db.execute(f"ALTER TABLE {table_name(collection)} RENAME COLUMN {quoted(key)} TO {quoted(new_key)}")


def drop_column(db: sqlite3.Connection, collection: int, key: str) -> None:
    """Drop a column with the indexes on it: SQLite, unlike MariaDB, does not shrink them by itself."""
    table = table_name(collection)
    found = db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND instr(lower(sql), ?) > 0",
        (table, quoted(key).lower()),
    ).fetchall()
    for row in found:
        db.execute(f"DROP INDEX {quoted(row[0])}")
    db.execute(f"ALTER TABLE {table} DROP COLUMN {quoted(key)}")


def index_name(number: int) -> str:
    return f"idx_{number}"


def create_index(
    db: sqlite3.Connection,
    collection: int,
    number: int,
    attributes: Sequence[tuple[str, int | None, str | None]],
    *,
    unique: bool,
) -> None:
    """Index columns given as (attribute, length, order). Raises `sqlite3.IntegrityError` on duplicates."""
    terms = []
    for attribute, length, order in attributes:
        column = quoted(SYSTEM_COLUMNS.get(attribute, attribute))
        # Only for uniqueness does it matter that MariaDB sees no more than a prefix.
        term = f"substr({column}, 1, {int(length)}) COLLATE NOCASE" if unique and length else column
        terms.append(term + (" DESC" if (order or "").upper() == "DESC" else ""))
    kind = "UNIQUE INDEX" if unique else "INDEX"
    db.execute(f"CREATE {kind} {index_name(number)} ON {table_name(collection)} ({', '.join(terms)})")


def drop_index(db: sqlite3.Connection, number: int) -> None:
    db.execute(f"DROP INDEX IF EXISTS {index_name(number)}")


def has_column(db: sqlite3.Connection, collection: int, key: str) -> bool:
    """Whether the real table has a column, whatever the metadata says."""
    rows = db.execute("SELECT name FROM pragma_table_info(?)", (table_name(collection),))
    return any(str(each[0]).lower() == key.lower() for each in rows)


def add_relation_column(db: sqlite3.Connection, collection: int, index: str, key: str, relation: Relation) -> None:
    """The column of a stored side, with the index that Appwrite adds by itself (unique for oneToOne)."""
    add_column(db, collection, key, "TEXT COLLATE NOCASE")
    unique = "UNIQUE " if relation.type == "oneToOne" else ""
    db.execute(f"CREATE {unique}INDEX {index} ON {table_name(collection)} ({quoted(key)})")


def drop_relation_column(db: sqlite3.Connection, collection: int, index: str, key: str) -> None:
    db.execute(f"DROP INDEX IF EXISTS {index}")
    drop_column(db, collection, key)


def junction_name(attribute: int) -> str:
    """The table that links the documents of a manyToMany relationship, named by its parent attribute."""
    return f"links_{attribute}"


def create_junction(db: sqlite3.Connection, junction: str) -> None:
    db.execute(
        f"CREATE TABLE {junction} (_id INTEGER PRIMARY KEY AUTOINCREMENT, parent TEXT NOT NULL COLLATE NOCASE, "
        "child TEXT NOT NULL COLLATE NOCASE, UNIQUE (parent, child))"
    )
    db.execute(f"CREATE INDEX {junction}_child ON {junction} (child)")


def drop_junction(db: sqlite3.Connection, junction: str) -> None:
    db.execute(f"DROP TABLE IF EXISTS {junction}")


def has_null(db: sqlite3.Connection, collection: int, key: str) -> bool:
    """Whether a document has no value for a key."""
    sql = f"SELECT 1 FROM {table_name(collection)} WHERE {quoted(key)} IS NULL LIMIT 1"
    return db.execute(sql).fetchone() is not None


def exceeds_size(db: sqlite3.Connection, collection: int, key: str, size: int) -> bool:
    """Whether stored text would be cut by a column of `size` characters (MariaDB measures long texts in bytes)."""
    column = quoted(key)
    if size <= MAX_VARCHAR:
        length, limit = f"length({column})", size
    else:
        length = f"length(CAST({column} AS BLOB))"
        limit = (
            TEXT_BYTES if size <= TEXT_BYTES else MEDIUM_TEXT_BYTES if size <= MEDIUM_TEXT_BYTES else LONG_TEXT_BYTES
        )
    found = db.execute(f"SELECT 1 FROM {table_name(collection)} WHERE {length} > ? LIMIT 1", (limit,)).fetchone()
    return found is not None


def insert_attribute(
    db: sqlite3.Connection, collection: int, values: Mapping[str, Any], definition: Definition, now: str
) -> int:
    """The row of an attribute that is to be built. Raises IntegrityError for a key that is taken."""
    created = db.execute(
        "INSERT INTO db_attributes (collection, key, type, format, status, size, required, is_array, encrypt, "
        "default_value, options, created_at, updated_at) VALUES (?, ?, ?, ?, 'processing', ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            collection,
            values["key"],
            definition.type,
            definition.format,
            definition.size,
            values["required"],
            values["array"],
            definition.encrypt,
            json.dumps(values["default"]),
            json.dumps(definition.options),
            now,
            now,
        ),
    )
    return created.lastrowid or 0


def insert_index(
    db: sqlite3.Connection, collection: int, key: str, kind: str, lists: tuple[Any, Any, Any], now: str
) -> int:
    """The row of an index that is to be built, from its attributes, lengths and orders. Raises IntegrityError for a key
    that is taken."""
    created = db.execute(
        "INSERT INTO db_indexes (collection, key, type, status, attributes, lengths, orders, created_at, "
        "updated_at) VALUES (?, ?, ?, 'processing', ?, ?, ?, ?, ?)",
        (collection, key, kind, *map(json.dumps, lists), now, now),
    )
    return created.lastrowid or 0


# Where definitions are kept. Documents live elsewhere: one real table per collection (see columns.py).
#
# `deleted` rows wait for their contents to be dropped; their ids are free at once, as in Appwrite. `db_attributes`
# and `db_indexes` are what the API lists; `db_metadata` is what documents are checked against (see catalog.py).


SCHEMA = """
CREATE TABLE IF NOT EXISTS db_databases (
    number INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, sequence INTEGER NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE, enabled INTEGER NOT NULL, type TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS db_databases_id ON db_databases (project, id) WHERE deleted = 0;

CREATE TABLE IF NOT EXISTS db_collections (
    number INTEGER PRIMARY KEY AUTOINCREMENT, database INTEGER NOT NULL, sequence INTEGER NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE, enabled INTEGER NOT NULL,
    document_security INTEGER NOT NULL, permissions TEXT NOT NULL, token TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS db_collections_id ON db_collections (database, id) WHERE deleted = 0;

CREATE TABLE IF NOT EXISTS db_attributes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL, key TEXT NOT NULL COLLATE NOCASE,
    type TEXT NOT NULL, format TEXT NOT NULL, status TEXT NOT NULL, error TEXT NOT NULL DEFAULT '',
    size INTEGER NOT NULL, required INTEGER NOT NULL, is_array INTEGER NOT NULL, encrypt INTEGER NOT NULL,
    default_value TEXT NOT NULL, options TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS db_attributes_key ON db_attributes (collection, key);

CREATE TABLE IF NOT EXISTS db_indexes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL, key TEXT NOT NULL COLLATE NOCASE,
    type TEXT NOT NULL, status TEXT NOT NULL, error TEXT NOT NULL DEFAULT '', attributes TEXT NOT NULL,
    lengths TEXT NOT NULL, orders TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS db_indexes_key ON db_indexes (collection, key);

CREATE TABLE IF NOT EXISTS db_metadata (collection INTEGER PRIMARY KEY, content TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS db_jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, target INTEGER NOT NULL, queued_at REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS db_transactions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, id TEXT NOT NULL COLLATE NOCASE,
    status TEXT NOT NULL, operations INTEGER NOT NULL, expires_at TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS db_transactions_id ON db_transactions (project, id);

CREATE TABLE IF NOT EXISTS db_operations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, transaction_number INTEGER NOT NULL, collection INTEGER NOT NULL,
    document_id TEXT, action TEXT NOT NULL, data TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS db_operations_transaction ON db_operations (transaction_number);
"""


def mirror_options(options: Options, key: str, collection: int, collection_id: str) -> Options:
    """The options of the other side of a relationship that `key` of `collection` has."""
    return {
        **options,
        "related": collection,
        "relatedCollection": collection_id,
        "twoWayKey": key,
        "side": "child",
    }


def build_relationship(server: Server, row: sqlite3.Row) -> Finish:
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
        if filtered(str(row["key"])) == filtered(options["twoWayKey"]):
            # Both keys become columns of the junction.
            raise WorkFailed("Attribute already exists")
        options["junction"] = junction_name(int(row["number"]))
    parent, child = _sides(row, options, own)
    sides[0].attributes.append(parent)
    sides[1].attributes.append(child)

    def finish() -> None:
        numbers = (int(own["number"]), int(related["number"]))
        if options.get("junction"):
            create_junction(server.db, options["junction"])
        for collection, record, side in zip(numbers, (parent, child), sides, strict=True):
            _add_side(server.db, collection, record)
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


def _sides(row: sqlite3.Row, options: Options, own: sqlite3.Row) -> tuple[Record, Record]:
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


def _add_side(db: sqlite3.Connection, collection: int, record: Record) -> None:
    relation = _relation_of(record)
    if relation.is_stored:
        add_relation_column(db, collection, record["index"], record["key"], relation)


def drop_relationship(server: Server, row: sqlite3.Row) -> Finish | None:
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
        _drop_side(server.db, collection, record)
        if far is not None:
            _drop_side(server.db, options["related"], far)
        if options.get("junction"):
            drop_junction(server.db, options["junction"])
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


def _drop_side(db: sqlite3.Connection, collection: int, record: Record) -> None:
    if _relation_of(record).is_stored and has_column(db, collection, record["key"]):
        drop_relation_column(db, collection, record["index"], record["key"])


def cut_off_from(server: Server, gone: int) -> None:
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
            _drop_side(server.db, other, record)
            known.without_attribute(record["key"])
            if record["options"].get("junction"):
                drop_junction(server.db, record["options"]["junction"])
        catalog.write(server.db, other, known)
    server.db.execute(
        "DELETE FROM db_attributes WHERE collection != ? AND type = 'relationship' "
        "AND json_extract(options, '$.related') = ?",
        (gone, gone),
    )

"""The real SQLite tables behind collections: columns, indexes, junctions.

Text compares without regard to (ASCII) case, like MariaDB's utf8mb4 collation on a real server. Lists are JSON text.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .catalog import Attribute, Relation, table_name

if TYPE_CHECKING:
    from .attribute_types import Definition

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
    unique = "UNIQUE " if relation.kind == "oneToOne" else ""
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

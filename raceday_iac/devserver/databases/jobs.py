"""What Appwrite's database workers do after an answer was given: building and dropping.

A job may be taken `processing_delay` after it was put into the queue. Then also those that were put in before it, and
those that have waited for at least half as long: like a real worker that went to sleep and finds a full queue. A worker
does one job at a time: it reads the collection's metadata, and when the window has passed it writes it back (see
catalog.py). There are `database_workers` of them; a default self-hosted server has one. Jobs are kept in the database
until they are done, so that a restart loses none.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import catalog, columns, limits
from .formats import Finish, WorkFailed

if TYPE_CHECKING:
    from ..server import Server
    from .formats import Finish


# Building and dropping attributes in the background (Appwrite 1.8.1, Databases/Workers/Databases.php).


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
        return columns.build_relationship(server, row)
    return _create_plain(server, row)


def build_attribute(server: Server, number: int) -> Finish | None:
    """Build the column of an attribute that is no relationship, faults aside."""
    row = attribute_row(server.db, number)
    return None if row is None else _create_plain(server, row)


def _create_plain(server: Server, row: sqlite3.Row) -> Finish | None:
    collection, number, key = int(row["collection"]), int(row["number"]), str(row["key"])
    known = catalog.read(server.db, collection)
    if known is None:
        return None
    if known.attribute(key) is not None:
        raise WorkFailed("Attribute already exists in metadata")
    if columns.has_column(server.db, collection, key):
        raise WorkFailed("Attribute already exists in schema")
    record = catalog.attribute_record(row)
    refuse_wide(known, record)
    known.attributes.append(record)

    def finish() -> None:
        columns.add_column(server.db, collection, key, columns.column_type(catalog.read_attribute(record)))
        catalog.write(server.db, collection, known)
        set_status(server, number, "available")

    return finish


def refuse_wide(known: catalog.Metadata, record: catalog.Record) -> None:
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
        return columns.drop_relationship(server, row)
    collection, key = int(row["collection"]), str(row["key"])
    known = catalog.read(server.db, collection)
    if known is None:
        return None
    if known.attribute(key) is None:
        # Not found in the metadata: the worker deletes the document, and leaves the column alone.
        _forget(server, number, collection, key)
        return None

    def finish() -> None:
        if is_in_wide_unique_index(server.db, collection, key):
            # MariaDB refuses to drop a column of a unique index over several columns, without a message that
            # Appwrite would pass on (observed on 1.8.1).
            raise WorkFailed("")
        columns.drop_column(server.db, collection, key)
        known.without_attribute(key)
        catalog.write(server.db, collection, known)
        _forget(server, number, collection, key)

    return finish


def _forget(server: Server, number: int, collection: int, key: str) -> None:
    server.db.execute("DELETE FROM db_attributes WHERE number = ?", (number,))
    forget_attribute(server, collection, key)


# Building and dropping indexes in the background, and what a dropped attribute leaves of them.


#: Index types that have a real index behind them; the others only permit queries.
PHYSICAL = frozenset({"key", "unique"})
MAX_KEY_BYTES, MAX_KEY_PARTS = 3072, 32
#: Statuses of an index that was built.
BUILT = frozenset({"available", "deleting", "stuck"})


def set_index_status(server: Server, number: int, status: str, error: str = "") -> None:
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
    known = None if row is None else catalog.read(server.db, int(row["collection"]))
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
    known.indexes.append(catalog.index_record(row))

    def finish() -> None:
        collection = catalog.load_number(server.db, int(row["collection"]))
        if collection is None:
            return
        try:
            build_physical(server.db, collection, row)
        except sqlite3.IntegrityError:
            raise WorkFailed("Document already exists") from None
        catalog.write(server.db, collection.number, known)
        set_index_status(server, number, "available")

    return finish


def _refuse(row: sqlite3.Row, known: catalog.Metadata) -> None:
    """Refuse what the API has accepted and the database does not (MariaDB 10.11, whose words are not passed on)."""
    attributes = {each["key"]: catalog.read_attribute(each) for each in known.attributes}
    # The indexes of relationships count here, and not where an index is accepted.
    own = sum(each.relation is not None and each.relation.is_stored for each in attributes.values())
    if len(known.indexes) + own >= limits.MAX_INDEXES:
        raise WorkFailed("Index limit reached. Cannot create new index.")
    name = columns.filtered(row["key"])
    if name in {columns.filtered(each["key"]) for each in known.indexes}:
        raise WorkFailed("Index already exists")
    keys, lengths = json.loads(row["attributes"]), json.loads(row["lengths"])
    facts = attributes | limits.system_attributes()
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
    known = None if row is None else catalog.read(server.db, int(row["collection"]))
    if row is None or known is None:
        return None
    if row["status"] == "failed":
        server.db.execute("DELETE FROM db_indexes WHERE number = ?", (number,))
        return None

    def finish() -> None:
        columns.drop_index(server.db, number)
        known.without_index(str(row["key"]))
        catalog.write(server.db, int(row["collection"]), known)
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


# Dropping the contents of deleted collections and databases.


def delete_collection(server: Server, number: int) -> None:
    """Drop the data of a deleted collection, and every relationship that other collections have with it."""
    columns.cut_off_from(server, number)
    columns.drop_table(server.db, number)
    for table in ("db_attributes", "db_indexes", "db_operations", "db_metadata"):
        server.db.execute(f"DELETE FROM {table} WHERE collection = ?", (number,))
    server.db.execute("DELETE FROM db_collections WHERE number = ?", (number,))


def delete_database(server: Server, number: int) -> None:
    """Drop everything that a deleted database held."""
    rows = server.db.execute("SELECT number FROM db_collections WHERE database = ?", (number,)).fetchall()
    for row in rows:
        delete_collection(server, int(row["number"]))
    server.db.execute("DELETE FROM db_databases WHERE number = ?", (number,))


LOG = logging.getLogger("raceday_iac.devserver.databases")

#: Each reads what it needs and returns what writes it, or None when there is nothing to write. May raise WorkFailed.
JOBS: dict[str, Callable[[Server, int], Finish | None]] = {
    "create attribute": create_attribute,
    "delete attribute": delete_attribute,
    "create index": create_index,
    "delete index": delete_index,
    "delete collection": delete_collection,
    "delete database": delete_database,
}

#: What becomes of an attribute or index whose job fails, with the error that is shown.
FAILURES: dict[str, Callable[[Server, int, str], None]] = {
    "create attribute": lambda server, number, error: set_status(server, number, "failed", error),
    "delete attribute": lambda server, number, error: set_status(server, number, "stuck", error),
    "create index": lambda server, number, error: set_index_status(server, number, "failed", error),
    "delete index": lambda server, number, error: set_index_status(server, number, "stuck", error),
}


@dataclass
class Workers:
    """How many there are and are free, what is being done, and up to which number jobs may be taken."""

    number: int
    free: int
    last: int = 0
    under_way: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, server: Server) -> Workers:
        number = server.settings.database_workers
        found: Workers = server.services.setdefault("database workers", cls(number, number))
        return found

    def change(self, number: int) -> None:
        """From the next job on there are so many."""
        self.free += number - self.number
        self.number = number


def enqueue(server: Server, kind: str, target: int) -> None:
    """Have a job done soon. `target` is the internal number of what it is about."""
    job = (kind, target, asyncio.get_running_loop().time())
    number = server.db.execute("INSERT INTO db_jobs (kind, target, queued_at) VALUES (?, ?, ?)", job).lastrowid or 0
    server.later(server.settings.processing_delay, lambda: run_until(server, number))


def resume(server: Server) -> None:
    """Schedule what an earlier process left in the queue."""
    server.db.execute("UPDATE db_jobs SET queued_at = 0")
    last = server.db.execute("SELECT max(number) FROM db_jobs").fetchone()[0]
    if last is not None:
        server.later(server.settings.processing_delay, lambda: run_until(server, int(last)))


def run_until(server: Server, last: int) -> None:
    """Let the workers take all jobs up to `last` and those that are nearly due, in order."""
    workers = Workers.of(server)
    workers.last = max(workers.last, last)
    _go_on(server, workers)


def _go_on(server: Server, workers: Workers) -> None:
    while workers.free > 0:
        row = _next(server, workers)
        if row is None:
            return
        _begin(server, workers, row)


def _next(server: Server, workers: Workers) -> sqlite3.Row | None:
    ripe_since = asyncio.get_running_loop().time() - server.settings.processing_delay / 2
    rows = server.db.execute(
        "SELECT * FROM db_jobs WHERE number <= ? OR queued_at <= ? ORDER BY number LIMIT ?",
        (workers.last, ripe_since, len(workers.under_way) + 1),
    )
    return next((row for row in rows.fetchall() if row["number"] not in workers.under_way), None)


def _begin(server: Server, workers: Workers, row: sqlite3.Row) -> None:
    kind, target, number = str(row["kind"]), int(row["target"]), int(row["number"])
    finish: Finish | None = None

    def read() -> None:
        nonlocal finish
        finish = JOBS[kind](server, target)

    def end() -> None:
        if finish is not None:
            _guarded(server, kind, target, finish)
        server.db.execute("DELETE FROM db_jobs WHERE number = ?", (number,))

    _guarded(server, kind, target, read)
    if finish is None or not server.settings.window:
        end()
        return

    def write() -> None:
        end()
        workers.under_way.discard(number)
        workers.free += 1
        _go_on(server, workers)

    workers.free -= 1
    workers.under_way.add(number)
    server.later(server.settings.window, write)


def _guarded(server: Server, kind: str, target: int, part: Callable[[], object]) -> None:
    """Do a part of a job, wholly or not at all. Its failure becomes the status of what it is about."""
    server.db.execute("SAVEPOINT job")
    try:
        part()
    except (sqlite3.Error, WorkFailed) as failure:
        if not isinstance(failure, WorkFailed):
            LOG.exception("%s %s was refused by the database", kind, target)
        server.db.execute("ROLLBACK TO job")
        if kind in FAILURES:
            FAILURES[kind](server, target, str(failure) if isinstance(failure, WorkFailed) else "")
    server.db.execute("RELEASE job")

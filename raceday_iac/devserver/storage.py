"""The server's one SQLite database: opening it, its core tables, and transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .private import private_file, private_folder

FILE_NAME = "appwrite.sqlite3"
#: Prepared statements that are kept: each collection has its own, and updates one for each set of changed columns.
STATEMENTS = 1024
#: The documents of a race day; the usual 2 MB would read each page again and again.
CACHE_KILOBYTES = 65_536

CORE_SCHEMA = """
CREATE TABLE IF NOT EXISTS projects (id TEXT PRIMARY KEY, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS api_keys (
    secret TEXT PRIMARY KEY, project TEXT NOT NULL, scopes TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS texts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


def open_database(data_dir: Path, schemas: Sequence[str]) -> sqlite3.Connection:
    """Open (or create) the database below `data_dir` and make sure that every table exists.

    The connection may be handed to another thread once, but must be used by one at a time.
    """
    file = private_file(private_folder(data_dir) / FILE_NAME)
    # What SQLite puts beside it gets the modes of the database.
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KILOBYTES}")
    for schema in (CORE_SCHEMA, *schemas):
        connection.executescript(schema)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. Inside another transaction it joins that one."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def next_value(connection: sqlite3.Connection, name: str) -> int:
    """The next number of a named counter, starting at 1."""
    row = connection.execute(
        "INSERT INTO counters (name, value) VALUES (?, 1) "
        "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
        (name,),
    ).fetchone()
    return int(row[0])

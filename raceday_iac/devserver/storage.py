"""The server's one SQLite database: opening it, its core tables, and transactions."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

FILE_NAME = "appwrite.sqlite3"
#: Prepared statements that are kept: each collection has its own, and updates one for each set of changed columns.
STATEMENTS = 1024
#: Room for the documents of a busy day; the usual 2 MB would read each page again and again.
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
    add_columns(connection, "api_keys", expire="TEXT NOT NULL DEFAULT ''")
    return connection


def add_columns(connection: sqlite3.Connection, table: str, **columns: str) -> None:
    """Give a table of an older data directory the columns that it lacks."""
    there = {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
    for name, definition in columns.items():
        if name not in there:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {definition}")


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


# Files of the server: for their owner alone (0600 in folders of 0700), never made or written through a link.


FILE, FOLDER = 0o600, 0o700
_OTHERS = 0o077


def private_folder(folder: Path) -> Path:
    """Make a folder, with those above it that are missing; narrow one that is there. Raises OSError."""
    for each in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        with suppress(FileExistsError):
            each.mkdir(mode=FOLDER)
    _narrow(folder, folder.stat().st_mode)
    return folder


def private_file(file: Path) -> Path:
    """Make an empty file where there is none; narrow one that is there. Raises OSError."""
    open_private(file, os.O_WRONLY, "wb").close()
    return file


def open_private(file: Path, flags: int, how: str) -> IO[Any]:
    """Open a file, made if need be. Raises OSError, for a link too."""
    descriptor = os.open(file, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE)
    mode = os.fstat(descriptor).st_mode
    if mode & _OTHERS:
        os.fchmod(descriptor, stat.S_IMODE(mode) & ~_OTHERS)
    return open(descriptor, how, encoding=None if "b" in how else "utf-8")


def narrow_all(folder: Path) -> None:
    """Take a tree that somebody else has made away from others."""
    for path, _, names in os.walk(folder):
        for each in (Path(path), *(Path(path, name) for name in names)):
            if not each.is_symlink():
                _narrow(each, each.stat().st_mode)


def _narrow(path: Path, mode: int) -> None:
    if mode & _OTHERS:
        with suppress(PermissionError):
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS)

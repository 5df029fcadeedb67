"""What Appwrite's databases worker does after an answer was given: building and dropping, one job after the other.

A job starts `processing_delay` after it was put into the queue. Then also those run that were put in before it, and
those that have waited for at least half as long: like a real worker that went to sleep and finds a full queue. Jobs
are kept in the database, so that a restart loses none.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import attribute_work, drop_work, index_work

if TYPE_CHECKING:
    from ..server import Server

LOG = logging.getLogger("raceday_iac.devserver.databases")

JOBS: dict[str, Callable[[Server, int], None]] = {
    "create attribute": attribute_work.create_attribute,
    "delete attribute": attribute_work.delete_attribute,
    "create index": index_work.create_index,
    "delete index": index_work.delete_index,
    "delete collection": drop_work.delete_collection,
    "delete database": drop_work.delete_database,
}

#: What becomes of an attribute or index when SQLite refuses a job, like a failed statement of a real worker.
FAILURES: dict[str, Callable[[Server, int], None]] = {
    "create attribute": lambda server, number: attribute_work.set_status(server, number, "failed"),
    "delete attribute": lambda server, number: attribute_work.set_status(server, number, "stuck"),
    "create index": lambda server, number: index_work.set_status(server, number, "failed"),
    "delete index": lambda server, number: index_work.set_status(server, number, "stuck"),
}


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
    """Do all jobs up to `last` and those that are nearly due, in order."""
    ripe_since = asyncio.get_running_loop().time() - server.settings.processing_delay / 2
    rows = server.db.execute(
        "SELECT * FROM db_jobs WHERE number <= ? OR queued_at <= ? ORDER BY number", (last, ripe_since)
    ).fetchall()
    for row in rows:
        server.db.execute("DELETE FROM db_jobs WHERE number = ?", (row["number"],))
        _run(server, str(row["kind"]), int(row["target"]))


def _run(server: Server, kind: str, target: int) -> None:
    server.db.execute("SAVEPOINT job")
    try:
        JOBS[kind](server, target)
    except sqlite3.Error:
        LOG.exception("%s %s was refused by the database", kind, target)
        server.db.execute("ROLLBACK TO job")
        if kind in FAILURES:
            FAILURES[kind](server, target)
    server.db.execute("RELEASE job")

"""What Appwrite's database workers do after an answer was given: building and dropping.

A job may be taken `processing_delay` after it was put into the queue. Then also those that were put in before it, and
those that have waited for at least half as long: like a real worker that went to sleep and finds a full queue. A worker
does one job at a time: it reads the collection's metadata, and when the window has passed it writes it back (see
metadata.py). There are `database_workers` of them; a default self-hosted server has one. Jobs are kept in the database
until they are done, so that a restart loses none.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import attribute_work, drop_work, index_work
from .failures import Finish, WorkFailed

if TYPE_CHECKING:
    from ..server import Server

LOG = logging.getLogger("raceday_iac.devserver.databases")

#: Each reads what it needs and returns what writes it, or None when there is nothing to write. May raise WorkFailed.
JOBS: dict[str, Callable[[Server, int], Finish | None]] = {
    "create attribute": attribute_work.create_attribute,
    "delete attribute": attribute_work.delete_attribute,
    "create index": index_work.create_index,
    "delete index": index_work.delete_index,
    "delete collection": drop_work.delete_collection,
    "delete database": drop_work.delete_database,
}

#: What becomes of an attribute or index whose job fails, with the error that is shown.
FAILURES: dict[str, Callable[[Server, int, str], None]] = {
    "create attribute": lambda server, number, error: attribute_work.set_status(server, number, "failed", error),
    "delete attribute": lambda server, number, error: attribute_work.set_status(server, number, "stuck", error),
    "create index": lambda server, number, error: index_work.set_status(server, number, "failed", error),
    "delete index": lambda server, number, error: index_work.set_status(server, number, "stuck", error),
}


@dataclass
class Workers:
    """Who is free, what is being done, and up to which number jobs may be taken."""

    free: int
    last: int = 0
    under_way: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, server: Server) -> Workers:
        found: Workers = server.services.setdefault("database workers", cls(server.settings.database_workers))
        return found


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
    while workers.free:
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

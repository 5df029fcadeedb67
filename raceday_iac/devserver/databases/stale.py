"""Attributes and indexes as a read of one document shows them: from a cache that may be stale (a fault, see `Faults`).

A real server reads a collection, an attribute or an index by its id through a cache, and lists from the database. A
read that crosses the end of the work in the background fills the cache with what was before, and there it stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .shapes import attribute_rows, index_rows

if TYPE_CHECKING:
    from ..server import Server

Row = Mapping[str, Any]
_ROWS = {"attributes": attribute_rows, "indexes": index_rows}


def members(server: Server, collection: int, part: str) -> Sequence[Row | sqlite3.Row]:
    """The attributes or indexes of a collection; `part` is `attributes` or `indexes`."""
    rows: list[sqlite3.Row] = _ROWS[part](server.db, collection)
    if not server.faults.stale_answers:
        return rows
    there = {str(row["key"]).lower() for row in rows}
    gone = [row for key, row in _remembered(server, collection, part).items() if key not in there]
    return [*(_shown(server, row) for row in rows), *gone]


def member(server: Server, collection: int, part: str, key: str) -> Row | sqlite3.Row | None:
    """One of them."""
    found = members(server, collection, part)
    return next((each for each in found if str(each["key"]).lower() == key.lower()), None)


def remember(server: Server, collection: int, part: str, row: sqlite3.Row) -> None:
    """Note what is about to be deleted."""
    if server.faults.is_stale(str(row["key"])):
        _remembered(server, collection, part)[str(row["key"]).lower()] = {**dict(row), "status": "deleting"}


def _shown(server: Server, row: sqlite3.Row) -> Row | sqlite3.Row:
    if row["status"] == "available" and server.faults.is_stale(str(row["key"])):
        return {**dict(row), "status": "processing"}
    return row


def _remembered(server: Server, collection: int, part: str) -> dict[str, Row]:
    known: dict[tuple[int, str], dict[str, Row]] = server.services.setdefault("stale answers", {})
    return known.setdefault((collection, part), {})

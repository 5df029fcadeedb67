"""Dropping the contents of deleted collections and databases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from . import columns, relation_work

if TYPE_CHECKING:
    from ..server import Server


def delete_collection(server: Server, number: int) -> None:
    """Drop the data of a deleted collection, and every relationship that other collections have with it."""
    rows = server.db.execute(
        "SELECT * FROM db_attributes WHERE collection != ? AND type = 'relationship' "
        "AND json_extract(options, '$.related') = ?",
        (number, number),
    ).fetchall()
    for row in rows:
        relation_work.drop_side(server.db, row)
        junction = json.loads(row["options"]).get("junction")
        if junction:
            columns.drop_junction(server.db, junction)
    columns.drop_table(server.db, number)
    for table in ("db_attributes", "db_indexes", "db_operations"):
        server.db.execute(f"DELETE FROM {table} WHERE collection = ?", (number,))
    server.db.execute("DELETE FROM db_collections WHERE number = ?", (number,))


def delete_database(server: Server, number: int) -> None:
    """Drop everything that a deleted database held."""
    rows = server.db.execute("SELECT number FROM db_collections WHERE database = ?", (number,)).fetchall()
    for row in rows:
        delete_collection(server, int(row["number"]))
    server.db.execute("DELETE FROM db_databases WHERE number = ?", (number,))

"""Dropping the contents of deleted collections and databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import columns, relation_work

if TYPE_CHECKING:
    from ..server import Server


def delete_collection(server: Server, number: int) -> None:
    """Drop the data of a deleted collection, and every relationship that other collections have with it."""
    relation_work.cut_off(server, number)
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

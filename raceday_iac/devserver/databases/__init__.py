"""Databases, collections, attributes, indexes, documents and transactions: Appwrite's legacy API and its tables API.

Definitions are rows of our own tables; documents live in one real table per collection, with a column for each
attribute and an index for each index, so that large collections stay quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    attributes,
    catalog,
    collections,
    document_reads,
    document_writes,
    indexes,
    jobs,
    lookup,
    query_sql,
    transactions,
)
from .columns import SCHEMA
from .dialect import routes

if TYPE_CHECKING:
    from ..server import Server

#: Imported for the routes that they register.
PARTS = (
    collections,
    attributes,
    attributes,
    indexes,
    document_reads,
    document_writes,
    transactions,
)


def on_start(server: Server) -> None:
    """Make search and shapes known to the database, and go on with jobs that an earlier process left."""
    lookup.install(server.db)
    query_sql.install(server.db)
    catalog.forget_all()
    catalog.adopt(server.db)
    jobs.resume(server)


__all__ = ["PARTS", "SCHEMA", "on_start", "routes"]

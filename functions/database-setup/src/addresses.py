"""Names of things in messages, and the request paths that belong to them."""

from __future__ import annotations

from .vendor.appwrite_http import path_of


def database_path(database: str) -> str:
    return path_of("databases", database)


def collection_path(database: str, collection: str) -> str:
    return database_path(database) + path_of("collections", collection)


def attribute_path(database: str, collection: str, key: str) -> str:
    return collection_path(database, collection) + path_of("attributes", key)


def index_path(database: str, collection: str, key: str) -> str:
    return collection_path(database, collection) + path_of("indexes", key)


def documents_path(database: str, collection: str) -> str:
    return collection_path(database, collection) + "/documents"


def address(kind: str, database: str, *rest: str) -> str:
    """`attribute.raceday-db/races/startTime`: the one way in which a thing is named."""
    return f"{kind}.{'/'.join((database, *rest))}"

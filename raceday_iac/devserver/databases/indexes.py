"""Indexes: create, read, list, delete. There is no update."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..params import Check, Param, Refused, anything
from ..web import Reply, Request
from . import catalog, columns, jobs, limits, lookup
from .attribute_types import (
    COLLECTION_ID,
    DATABASE_ID,
    INDEX_TYPE,
    KEY,
    KEY_RULE,
    any_of,
    array_of,
    index_attribute,
    is_integer,
)
from .dialect import Vocabulary, route
from .lookup import attribute_rows, find_collection_row, index_answer
from .query_sql import Source

if TYPE_CHECKING:
    from ..server import Server

INDEXES_PATH = "/{databaseId}/collections/{collectionId}/indexes"
INDEX_PATH = INDEXES_PATH + "/{key}"


def _lengths(server: Server) -> Check:
    """Whole numbers or null; since 1.9 those of 32 bits."""
    longest = 2**31 if server.age.names_integer_bounds else 2**63
    bounds = f"signed 32-bit integer between -{longest:,} and {longest - 1:,}"
    rule = f"Value must be a valid {bounds if server.age.names_integer_bounds else 'integer'} or null"

    def length(value: Any) -> int | None:
        if value is not None and not (is_integer(value) and -longest <= value < longest):
            raise Refused(rule)
        return value  # type: ignore[no-any-return]

    return array_of(length, 100, rule)


NO_ARRAYS = "Creating indexes on array attributes is not currently supported."
ORDERS = Param("orders", array_of(any_of("asc", "desc"), 100, "Value must be one of (asc, desc)"), default=[])
LENGTHS = Param("lengths", anything, default=[], of_server=_lengths)


@route(
    "POST",
    INDEXES_PATH,
    "collections.write",
    DATABASE_ID,
    COLLECTION_ID,
    KEY,
    Param("type", INDEX_TYPE),
    Param("attributes", array_of(index_attribute, 100, KEY_RULE)),
    ORDERS,
    LENGTHS,
)
def create_index(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    collection = find_collection_row(server, request, values, words)
    number = int(collection["number"])
    existing = server.db.execute("SELECT count(*) FROM db_indexes WHERE collection = ?", (number,)).fetchone()[0]
    if existing >= limits.MAX_INDEXES:
        raise _refusal(server, "index_limit_exceeded", "Index limit exceeded", values["collectionId"], words)
    facts = _facts(server, number, values["attributes"], words)
    lengths, orders, has_gap = _settle(values, facts)
    try:
        limits.check(values["key"], values["type"], values["attributes"], lengths, orders, facts)
    except limits.BadIndex as problem:
        raise words.error("index_invalid", str(problem)) from None
    if has_gap:
        # PHP keeps a list with a gap, which the database layer does not take for one.
        raise ApiError("general_unknown")
    _insert(server, number, values, lengths, orders, words)
    return Reply(202, index_answer(_find(server, collection, values["key"], words), collection, words))


def _refusal(server: Server, kind: str, before: str, name: str, words: Vocabulary) -> ApiError:
    """An error with the message that it had before things were named."""
    return words.error(kind, None if server.age.names_what_is_missing else before, name=name)


def _facts(server: Server, collection: int, attributes: list[str], words: Vocabulary) -> dict[str, catalog.Attribute]:
    """The attributes of an index. Each must be there, finished, and no relationship."""
    rows = {str(row["key"]): row for row in attribute_rows(server.db, collection)}
    facts = limits.system_attributes()
    for key in attributes:
        if key in facts:
            continue
        if key not in rows:
            unknown = (
                f"Unknown {words.attribute}: {key}. Verify the {words.attribute} name or create the {words.attribute}."
            )
            raise _refusal(server, "attribute_unknown", unknown, key, words)
        if rows[key]["type"] == "relationship":
            raise words.error(
                "attribute_type_invalid", f"Cannot create an index for a relationship {words.attribute}: {key}"
            )
        if rows[key]["status"] != "available":
            waiting = f"{words.attribute.capitalize()} not available: {key}"
            raise _refusal(server, "attribute_not_available", waiting, key, words)
        if rows[key]["is_array"] and not server.age.indexes_arrays:
            # Under this name in both APIs.
            raise ApiError("index_invalid", NO_ARRAYS)
        facts[key] = catalog.read_attribute(catalog.attribute_record(rows[key]))
    return facts


def _settle(
    values: dict[str, Any], facts: dict[str, catalog.Attribute]
) -> tuple[list[int | None], list[str | None], bool]:
    """Lengths and orders as they are stored: an absent length is null, and lists get the server's own. Also whether a
    list stands behind attributes that have no order."""
    has_gap = False
    lengths: list[int | None] = list(values["lengths"])
    orders: list[str | None] = list(values["orders"])
    for place, key in enumerate(values["attributes"]):
        lengths += [None] * (place + 1 - len(lengths))
        lengths[place] = lengths[place] or None
        if facts[key].is_array:
            lengths[place] = limits.ARRAY_LENGTH
            has_gap = has_gap or place > len(orders)
            orders += [None] * (place + 1 - len(orders))
            orders[place] = None
    return lengths, orders, has_gap


def _insert(
    server: Server,
    collection: int,
    values: dict[str, Any],
    lengths: list[int | None],
    orders: list[str | None],
    words: Vocabulary,
) -> None:
    lists = (values["attributes"], lengths, orders)
    try:
        created = columns.insert_index(
            server.db, collection, values["key"], values["type"].lower(), lists, server.timestamp()
        )
    except sqlite3.IntegrityError:
        raise words.error("index_already_exists", name=values["key"]) from None
    jobs.enqueue(server, "create index", created)


def _find(server: Server, collection: sqlite3.Row, key: str, words: Vocabulary) -> sqlite3.Row:
    row: sqlite3.Row | None = server.db.execute(
        "SELECT * FROM db_indexes WHERE collection = ? AND key = ?", (collection["number"], key)
    ).fetchone()
    if row is None:
        raise words.error("index_not_found", name=key)
    return row


@route("GET", INDEX_PATH, "collections.read", DATABASE_ID, COLLECTION_ID, KEY)
def get_index(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    collection = find_collection_row(server, request, values, words)
    row = lookup.member(server, int(collection["number"]), "indexes", values["key"])
    if row is None:
        raise words.error("index_not_found", name=values["key"])
    return Reply(200, index_answer(row, collection, words))


@route(
    "GET",
    INDEXES_PATH,
    "collections.read",
    DATABASE_ID,
    COLLECTION_ID,
    lookup.queries_of(lookup.INDEXES),
    lookup.TOTAL,
)
def list_indexes(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    collection = find_collection_row(server, request, values, words)
    source = Source("db_indexes", lookup.INDEXES, "collection = ?", (collection["number"],))
    rows, total = lookup.page(server, source, values["queries"], noun="Index", cursor_by="key")
    return Reply(200, {"total": total, "indexes": [index_answer(row, collection, words) for row in rows]})


@route("DELETE", INDEX_PATH, "collections.write", DATABASE_ID, COLLECTION_ID, KEY)
def delete_index(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    collection = find_collection_row(server, request, values, words)
    row = _find(server, collection, values["key"], words)
    lookup.remember(server, int(collection["number"]), "indexes", row)
    if row["status"] == "available":
        server.db.execute(
            "UPDATE db_indexes SET status = 'deleting', updated_at = ? WHERE number = ?",
            (server.timestamp(), row["number"]),
        )
    jobs.enqueue(server, "delete index", int(row["number"]))
    return Reply(204)

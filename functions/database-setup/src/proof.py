"""What documents really know. The server checks them against a copy of the schema that its lists do not show.

One list of documents that names attributes in `select` proves all of a collection: names are judged before anything is
looked up, so none is read. It is never asked while the schema is written.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from . import addresses
from .problems import INCOMPATIBLE, Problem
from .schema import Schema
from .settling import Place
from .vendor.appwrite_http import AppwriteError, query
from .vendor.kinds.turns import selections, unknown_among
from .work import Work

_NOTHING = [query("equal", "nobody", attribute="$id"), query("limit", 1)]


def unknown(work: Work, schema: Schema, collection: str, available: Collection[Place]) -> list[str]:
    """Keys that are declared and available, and that documents of a collection do not know."""
    attributes, relationships = _keys(schema, collection, available)
    path = addresses.documents_path(schema.database_id, collection)

    def is_refused(names: Sequence[str]) -> bool:
        try:
            work.client.get(path, [query("select", *names), *_NOTHING])
        except AppwriteError as error:
            if error.kind == "general_unknown":
                # A column that is not there. A server that is ill refuses the id of a document as well.
                work.client.get(path, [query("select", "$id"), *_NOTHING])
            elif error.kind != "general_query_invalid":
                raise
            return True
        return False

    names = selections(attributes, relationships)
    return [name.partition(".$")[0] for some in names for name in unknown_among(some, is_refused)]


def problem(database: str, collection: str, keys: Sequence[str]) -> Problem:
    """What is wrong with such a collection, and what heals it."""
    message = (
        f"documents do not know {', '.join(keys)}, though the server lists that as available. No other request mends "
        "it, only a new collection: copy its documents if they are needed, delete it, then run again"
    )
    return Problem(addresses.address("collection", database, collection), INCOMPATIBLE, message)


def documents(work: Work, database: str, collection: str) -> int:
    """How many documents a collection has."""
    return int(work.client.get(addresses.documents_path(database, collection), [query("limit", 1)])["total"])


def _keys(schema: Schema, collection: str, available: Collection[Place]) -> tuple[list[str], list[str]]:
    """Attributes, and relationships with their far sides. Of a relationship of a collection with itself the server
    loses the key by itself (1.8.1)."""
    attributes, relationships = [], []
    for each in schema.collections:
        if each.id == collection:
            attributes += [part.key for part in each.attributes if (collection, part.key) in available]
        for part in each.relationships:
            if (each.id, part.key) not in available or each.id == part.related:
                continue
            if each.id == collection:
                relationships.append(part.key)
            elif part.related == collection and part.two_way:
                relationships.append(part.two_way_key or each.id)
    return attributes, relationships

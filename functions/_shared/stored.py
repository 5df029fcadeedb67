"""Comparing what is wanted with what is stored, so that a run which finds nothing new writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .appwrite_http import Client, path_of, query

#: Ids named in one request: a longer address is refused by some proxies.
NAMED = 100


def read_by_id(
    client: Client, database: str, collection: str, identities: Sequence[str], fields: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Those of the documents that exist, with these fields, by id."""
    path = path_of("databases", database, "collections", collection, "documents")
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(identities), NAMED):
        named = identities[start : start + NAMED]
        queries = [
            query("equal", *named, attribute="$id"),
            query("select", "$id", *fields),
            query("limit", len(named)),
        ]
        found |= {document["$id"]: document for document in client.get(path, queries)["documents"]}
    return found


def changes(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What is wanted otherwise than it is stored. Both are in the form that the server gives."""
    return {key: value for key, value in wanted.items() if stored.get(key) != value}

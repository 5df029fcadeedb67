"""Updates that the server would accept although stored documents violate them: counted first, refused if any do.

Observed on 1.8.1: a narrowed range or enum, or a new `required`, is accepted, and every later write of a document
that does not fit fails. A smaller string size needs no guard, the server checks the data itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import addresses
from .compare import Difference
from .requests import Update
from .schema import Attribute
from .vendor.appwrite_http import Client, query

#: Types of which null queries are answered with 500 (1.8.1, 1.9.6).
SHAPES = frozenset({"point", "line", "polygon"})
_PAGE = 100


def offending_documents(client: Client, database: str, update: Update) -> int:
    """How many stored documents would no longer be valid after the update."""
    wanted = update.attribute
    if wanted is None:
        return 0
    if wanted.type in SHAPES:
        becomes_required = any(each.field == "required" and each.wanted for each in update.differences)
        return without_value(client, database, update.collection, wanted.key) if becomes_required else 0
    return sum(
        _count(client, database, update.collection, filters)
        for difference in update.differences
        for filters in _violations(wanted, difference)
    )


def without_value(client: Client, database: str, collection: str, key: str) -> int:
    """How many documents have no value, by reading them: of shapes no query tells."""
    return sum(value is None for value in _values(client, database, collection, key))


def with_value(client: Client, database: str, collection: str, key: str) -> int:
    """How many documents have one, by reading them."""
    return sum(value is not None for value in _values(client, database, collection, key))


def _values(client: Client, database: str, collection: str, key: str) -> Iterator[Any]:
    path, last = addresses.documents_path(database, collection), []
    while True:
        queries = [query("select", "$id", key), query("limit", _PAGE), *last]
        found = client.get(path, queries)["documents"]
        yield from (each.get(key) for each in found)
        if len(found) < _PAGE:
            return
        last = [query("cursorAfter", str(found[-1]["$id"]))]


def _violations(wanted: Attribute, difference: Difference) -> list[list[dict[str, Any]]]:
    """One list of query filters for each way in which a document can violate the new value."""
    key, value = wanted.key, difference.wanted
    if difference.field == "required" and value:
        return [[query("isNull", attribute=key)]]
    if difference.field == "min" and value is not None and _narrower(value, difference.live, lower=True):
        return _of_values(wanted, query("lessThan", value, attribute=key))
    if difference.field == "max" and value is not None and _narrower(value, difference.live, lower=False):
        return _of_values(wanted, query("greaterThan", value, attribute=key))
    if difference.field == "elements" and difference.live - value:
        return _of_values(wanted, *(query("notEqual", element, attribute=key) for element in sorted(value)))
    return []


def _of_values(wanted: Attribute, *filters: dict[str, Any]) -> list[list[dict[str, Any]]]:
    # The items of an array cannot be compared by a query: every document that has any counts.
    present = query("isNotNull", attribute=wanted.key)
    return [[present]] if wanted.array else [[present, *filters]]


def _narrower(value: float, live: float | None, *, lower: bool) -> bool:
    if live is None:
        return True
    return value > live if lower else value < live


def _count(client: Client, database: str, collection: str, filters: list[dict[str, Any]]) -> int:
    path = addresses.documents_path(database, collection)
    return int(client.get(path, [*filters, query("limit", 1)])["total"])

"""What stored documents say of a schema: whether an update would make them invalid, and what of it they really know."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from .planning import Item, Update
from .schema import INCOMPATIBLE, Place, Problem, Schema, address, documents_path
from .vendor.appwrite_http import AppwriteError, Client, query
from .vendor.kinds.schema_rules import SHAPES, FieldDifference, linked_keys, selections, unknown_among
from .work import Work

#: Of each document only one value is read. By 5000, six times as many a second as by 100 (1.8.1).
_PAGE = 5000
#: Finds no document.
_NOTHING = [query("equal", "nobody", attribute="$id"), query("limit", 1)]


def offending_documents(client: Client, update: Update) -> int:
    """How many stored documents would no longer be valid after the update.

    Observed on 1.8.1: a narrowed range or enum, or a new `required`, is accepted, and every later write of a document
    that does not fit fails. A smaller string size needs no guard, the server checks the data itself.
    """
    item = update.item
    if item.kind != "attribute":
        return 0
    database, collection, key = item.ids
    if item.fields["type"] in SHAPES:
        becomes_required = any(each.field == "required" and each.wanted for each in update.differences)
        return without_value(client, database, collection, key) if becomes_required else 0
    return sum(
        _count(client, database, collection, filters)
        for difference in update.differences
        for filters in _violations(item, difference)
    )


def without_value(client: Client, database: str, collection: str, key: str) -> int:
    """How many documents have no value, by reading them: of shapes that no query can ask for."""
    return sum(value is None for value in _values(client, database, collection, key))


def with_value(client: Client, database: str, collection: str, key: str) -> int:
    """How many documents have one, by reading them."""
    return sum(value is not None for value in _values(client, database, collection, key))


def _values(client: Client, database: str, collection: str, key: str) -> Iterator[Any]:
    path, last = documents_path(database, collection), []
    while True:
        queries = [query("select", "$id", key), query("limit", _PAGE), *last]
        found = client.get(path, queries)["documents"]
        yield from (each.get(key) for each in found)
        if len(found) < _PAGE:
            return
        last = [query("cursorAfter", str(found[-1]["$id"]))]


def _violations(wanted: Item, difference: FieldDifference) -> list[list[dict[str, Any]]]:
    """One list of query filters for each way in which a document can violate the new value."""
    key, value = wanted.key, difference.wanted
    if difference.field == "required" and value:
        return [[query("isNull", attribute=key)]]
    if difference.field == "min" and value is not None and _narrower(value, difference.real, lower=True):
        return _of_values(wanted, query("lessThan", value, attribute=key))
    if difference.field == "max" and value is not None and _narrower(value, difference.real, lower=False):
        return _of_values(wanted, query("greaterThan", value, attribute=key))
    if difference.field == "elements" and set(difference.real) - set(value):
        return _of_values(wanted, *(query("notEqual", element, attribute=key) for element in sorted(value)))
    return []


def _of_values(wanted: Item, *filters: dict[str, Any]) -> list[list[dict[str, Any]]]:
    # The items of an array cannot be compared by a query: every document that has any counts.
    present = query("isNotNull", attribute=wanted.key)
    return [[present]] if wanted.fields["array"] else [[present, *filters]]


def _narrower(value: float, live: float | None, *, lower: bool) -> bool:
    if live is None:
        return True
    return value > live if lower else value < live


def _count(client: Client, database: str, collection: str, filters: list[dict[str, Any]]) -> int:
    path = documents_path(database, collection)
    return int(client.get(path, [*filters, query("limit", 1)])["total"])


def unknown_keys(work: Work, schema: Schema, collection: str, available: Collection[Place]) -> list[str]:
    """Keys that are declared and available, and that documents of a collection do not know.

    The server checks documents against a copy of the schema that its lists do not show. One list of documents that
    names attributes in `select` proves all of a collection: names are checked before anything is looked up, so none is
    read. It is never asked while the schema is written.
    """
    attributes, relationships = _keys(schema, collection, available)
    path = documents_path(schema.database_id, collection)

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


def unknown_problem(database: str, collection: str, keys: Sequence[str]) -> Problem:
    """What is wrong with such a collection, and what heals it."""
    message = (
        f"documents do not know {', '.join(keys)}, though the server lists that as available. No other request repairs "
        "it, only a new collection: copy its documents if they are needed, delete it, then run again"
    )
    return Problem(address("collection", database, collection), INCOMPATIBLE, message)


def count_documents(work: Work, database: str, collection: str) -> int:
    """How many documents a collection has."""
    return int(work.client.get(documents_path(database, collection), [query("limit", 1)])["total"])


def _keys(schema: Schema, collection: str, available: Collection[Place]) -> tuple[list[str], list[str]]:
    """Attributes, and relationships with their far sides."""
    own = [part.key for each in schema.collections if each.id == collection for part in each.attributes]
    relationships = [
        (each.id, part.key, part.fields)
        for each in schema.collections
        for part in each.relationships
        if (each.id, part.key) in available
    ]
    return [key for key in own if (collection, key) in available], linked_keys(collection, relationships)

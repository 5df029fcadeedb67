"""Which queries are accepted. Sentences as utopia-php/database 3.5.0, Validator/Queries and Validator/Query."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import moments
from .arguments import UID_RULE, is_identifier, is_integer
from .catalog import Relation
from .numbers import MAX_BIG_INTEGER, grouped
from .queries import (
    CHOICES,
    COMPARISONS,
    CURSORS,
    DISTANCES,
    FILTERS,
    LOGICAL,
    NULLS,
    ORDERS,
    RANGES,
    SPATIAL,
    VECTORS,
    BadQuery,
    Query,
    as_number,
)

MAX_VALUES = 500
INTERNAL_SELECTIONS = frozenset(
    {"$id", "$sequence", "$collection", "$tenant", "$createdAt", "$updatedAt", "$permissions"}
)
CONTAINS = frozenset({"contains", "notContains"})
GEOMETRIES = frozenset({"point", "linestring", "polygon"})


@dataclass(frozen=True)
class Field:
    """Something that can be queried. `column` is an SQL expression."""

    type: str
    column: str
    is_array: bool = False
    is_encrypted: bool = False
    relation: Relation | None = None


Fields = Mapping[str, Field]


def check(
    queries: Sequence[Query],
    fields: Fields,
    *,
    selectable: bool,
    fulltext: frozenset[tuple[str, ...]] = frozenset(),
) -> None:
    """Refuse what a list cannot do. Raises `BadQuery`; only its texts about fulltext lack the usual beginning."""
    _check_each(queries, fields, selectable=selectable)
    for query in queries:
        _check_fulltext(query, fulltext)


def _check_each(queries: Sequence[Query], fields: Fields, *, selectable: bool) -> None:
    for query in queries:
        if query.method in LOGICAL:
            _check_each(query.values, fields, selectable=selectable)
        if query.method == "select" and not selectable:
            raise BadQuery(f"Invalid query method: {query.method}")
        try:
            _check_one(query, fields)
        except BadQuery as problem:
            raise BadQuery(f"Invalid query: {problem}") from None


def _check_fulltext(query: Query, fulltext: frozenset[tuple[str, ...]]) -> None:
    if query.method in LOGICAL:
        for each in query.values:
            _check_fulltext(each, fulltext)
    if query.method in {"search", "notSearch"} and (query.attribute,) not in fulltext:
        raise BadQuery(f'Searching by attribute "{query.attribute}" requires a fulltext index.')


def _check_one(query: Query, fields: Fields) -> None:
    method, count = query.method, len(query.values)
    title = method[0].upper() + method[1:]
    if method in {"limit", "offset"}:
        _check_number(query)
    elif method in CURSORS:
        if not is_identifier(query.values[0] if query.values else None):
            raise BadQuery(f"Invalid cursor: {UID_RULE}")
    elif method in ORDERS:
        _check_order(query, fields)
    elif method == "select":
        _check_selections(query, fields)
    elif method in LOGICAL:
        _check_logical(title, query)
    elif method in CHOICES | SPATIAL and (not count or query.values[0] == []):
        raise BadQuery(f"{title} queries require at least one value.")
    elif method in COMPARISONS and count != 1:
        raise BadQuery(f"{title} queries require exactly one value.")
    elif method in RANGES and count != 2:
        raise BadQuery(f"{title} queries require exactly two values.")
    elif method in DISTANCES and not _is_distance(query.values):
        raise BadQuery("Distance query requires [[geometry, distance]] parameters")
    else:
        _check_filter(query, fields)


def _is_distance(values: Sequence[Any]) -> bool:
    return len(values) == 1 and isinstance(values[0], list) and len(values[0]) == 3


def _check_number(query: Query) -> None:
    lowest = 1 if query.method == "limit" else 0
    number = as_number(query.values[0] if query.values else None)
    if number is None:
        raise BadQuery("Invalid limit: Value must be a valid number")
    if not isinstance(number, int) or not lowest <= number <= MAX_BIG_INTEGER:
        bounds = f"{grouped(lowest)} and {grouped(MAX_BIG_INTEGER)}"
        raise BadQuery(f"Invalid {query.method}: Value must be a valid range between {bounds}")


def _check_order(query: Query, fields: Fields) -> None:
    if query.method == "orderRandom" or query.attribute in fields:
        return
    top = query.attribute.partition(".")[0]
    if top in fields:
        raise BadQuery(f"Cannot order by nested attribute: {top}")
    raise BadQuery(f"Attribute not found in schema: {top}")


def _check_selections(query: Query, fields: Fields) -> None:
    if not query.values:
        raise BadQuery("No attributes selected")
    if len({str(value) for value in query.values}) != len(query.values):
        raise BadQuery("Duplicate attributes selected")
    for value in query.values:
        name = str(value)
        if name not in fields:
            name = name.partition(".")[0]
        if name not in fields and name != "*" and name not in INTERNAL_SELECTIONS:
            raise BadQuery(f"Attribute not found in schema: {name}")


def _check_logical(title: str, query: Query) -> None:
    filters = [each for each in query.values if each.method in FILTERS]
    if len(filters) != len(query.values):
        raise BadQuery(f"{title} queries can only contain filter queries")
    if len(filters) < 2:
        raise BadQuery(f"{title} queries require at least two queries")


def _check_filter(query: Query, fields: Fields) -> None:
    name = query.attribute
    if name in fields and fields[name].is_encrypted:
        raise BadQuery(f"Cannot query encrypted attribute: {name}")
    if name not in fields:
        name = name.partition(".")[0]
    if name not in fields:
        raise BadQuery(f"Attribute not found in schema: {name}")
    field = fields[name]
    if field.relation is not None and name != query.attribute:
        return
    if query.method in VECTORS:
        raise BadQuery("Vector queries can only be used on vector attributes")
    if len(query.values) > MAX_VALUES:
        raise BadQuery(f"Query on attribute has greater than {MAX_VALUES} values: {name}")
    if query.method in SPATIAL | DISTANCES and field.type not in GEOMETRIES:
        raise BadQuery(f'Spatial query "{query.method}" cannot be applied on non-spatial attribute: {name}')
    for value in query.values:
        _check_value(name, field, value)
    _check_relation(field.relation)
    _check_array_use(name, field, query.method)


VALUE_CHECKS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "relationship": lambda value: isinstance(value, str) and len(value) <= 255,
    "integer": is_integer,
    "double": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "datetime": moments.is_valid,
    "id": lambda value: isinstance(value, str) and value.isdigit() and 1 <= int(value) <= MAX_BIG_INTEGER,
}


def _check_value(name: str, field: Field, value: Any) -> None:
    if field.type in GEOMETRIES:
        if not isinstance(value, list):
            raise BadQuery("Spatial data must be an array")
    elif not VALUE_CHECKS[field.type](value):
        raise BadQuery(f'Query value is invalid for attribute "{name}"')


def _check_relation(relation: Relation | None) -> None:
    if relation is not None and (relation.is_list or not relation.is_stored):
        raise BadQuery("Cannot query on virtual relationship attribute")


def _check_array_use(name: str, field: Field, method: str) -> None:
    if field.is_array:
        if method not in CONTAINS | NULLS:
            raise BadQuery(f'Cannot query {method} on attribute "{name}" because it is an array.')
    elif method in CONTAINS and field.type not in GEOMETRIES | {"string"}:
        raise BadQuery(f'Cannot query {method} on attribute "{name}" because it is not an array, string, or object.')

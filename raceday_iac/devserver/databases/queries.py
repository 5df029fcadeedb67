"""Query strings: taking them apart and sorting them by purpose (utopia-php/database 3.5.0, Query.php)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ..params import UID_RULE
from ..web import parse_json
from . import php_dates
from .attribute_types import is_identifier, is_integer
from .catalog import Relation
from .formats import MAX_BIG_INTEGER, grouped

LOGICAL = frozenset({"and", "or"})
ORDERS = frozenset({"orderAsc", "orderDesc", "orderRandom"})
CURSORS = frozenset({"cursorAfter", "cursorBefore"})
COMPARISONS = frozenset(
    {"lessThan", "lessThanEqual", "greaterThan", "greaterThanEqual", "notEqual", "search", "notSearch"}
    | {"startsWith", "notStartsWith", "endsWith", "notEndsWith"}
)
RANGES = frozenset({"between", "notBetween"})
CHOICES = frozenset({"equal", "contains", "notContains"})
NULLS = frozenset({"isNull", "isNotNull"})
SPATIAL = frozenset(
    {"crosses", "notCrosses", "intersects", "notIntersects", "overlaps", "notOverlaps", "touches", "notTouches"}
)
DISTANCES = frozenset({"distanceEqual", "distanceNotEqual", "distanceGreaterThan", "distanceLessThan"})
#: Known, but MariaDB has no attributes that they could be used on.
VECTORS = frozenset({"vectorDot", "vectorCosine", "vectorEuclidean"})
FILTERS = COMPARISONS | RANGES | CHOICES | NULLS | LOGICAL | SPATIAL | DISTANCES | VECTORS
METHODS = FILTERS | ORDERS | CURSORS | {"limit", "offset", "select"}

DEFAULT_LIMIT = 25


class BadQuery(ValueError):
    """What is wrong with a query, in the server's words."""


@dataclass(frozen=True)
class Query:
    """One query. The values of `and` and `or` are queries."""

    method: str
    attribute: str = ""
    values: tuple[Any, ...] = ()


@dataclass
class Plan:
    """The queries of one request by purpose. Of limits, offsets and cursors the first counts."""

    filters: list[Query] = field(default_factory=list)
    selections: list[str] = field(default_factory=list)
    limit: int | None = None
    offset: int | None = None
    #: Attribute and direction; the attribute is empty for random order.
    orders: list[tuple[str, str]] = field(default_factory=list)
    cursor: str | None = None
    is_backward: bool = False


def parse_all(texts: Iterable[str]) -> list[Query]:
    return [parse(text) for text in texts]


@lru_cache(maxsize=512)
def parse(text: str) -> Query:
    """Take one query string apart. Raises `BadQuery`."""
    try:
        value = parse_json(text)
    except ValueError:
        raise BadQuery("Invalid query: Syntax error") from None
    return _from_json(value)


def _from_json(value: Any) -> Query:
    if not isinstance(value, dict):
        raise BadQuery(f"Invalid query. Must be an array, got {_php_type(value)}")
    method, attribute, values = value.get("method"), value.get("attribute"), value.get("values")
    method, attribute = "" if method is None else method, "" if attribute is None else attribute
    values = [] if values is None else values
    if not isinstance(method, str):
        raise BadQuery(f"Invalid query method. Must be a string, got {_php_type(method)}")
    if method not in METHODS:
        raise BadQuery(f"Invalid query method: {method}")
    if not isinstance(attribute, str):
        raise BadQuery(f"Invalid query attribute. Must be a string, got {_php_type(attribute)}")
    if not isinstance(values, list):
        raise BadQuery(f"Invalid query values. Must be an array, got {_php_type(values)}")
    if method in LOGICAL:
        values = [_from_json(each) for each in values]
    if method in {"orderAsc", "orderDesc"} and not attribute:
        attribute = "$sequence"
    return Query(method, attribute, tuple(values))


def _php_type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "double", str: "string", type(None): "NULL"}
    return names.get(type(value), "array")


def arrange(queries: Sequence[Query]) -> Plan:
    """Sort checked queries by purpose."""
    plan = Plan()
    for query in queries:
        _add(plan, query)
    return plan


def as_number(value: Any) -> float | None:
    """A number, or text that is one; a whole one as an integer. None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return int(value) if not isinstance(value, float) else value
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        return None


def _add(plan: Plan, query: Query) -> None:
    first = query.values[0] if query.values else None
    if query.method in ORDERS:
        attribute = "" if query.method == "orderRandom" else query.attribute
        plan.orders.append((attribute, "DESC" if query.method == "orderDesc" else "ASC"))
    elif query.method == "limit":
        plan.limit = int(first) if plan.limit is None and first is not None else plan.limit
    elif query.method == "offset":
        plan.offset = int(first) if plan.offset is None and first is not None else plan.offset
    elif query.method in CURSORS:
        if plan.cursor is None:
            plan.cursor, plan.is_backward = str(first), query.method == "cursorBefore"
    elif query.method == "select":
        plan.selections += [str(value) for value in query.values]
    else:
        plan.filters.append(query)


# Which queries are accepted. Sentences as utopia-php/database 3.5.0, Validator/Queries and Validator/Query.


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
    #: A question whether it is null is an error that the server does not foresee.
    refuses_nulls: bool = False


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
    "datetime": php_dates.is_valid,
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

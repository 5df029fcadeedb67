"""Query strings: taking them apart and sorting them by purpose (utopia-php/database 3.5.0, Query.php)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..body import parse_json

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

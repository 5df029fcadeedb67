"""Checked queries as SQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import ApiError
from . import moments, spatial
from .catalog import Relation
from .queries import DEFAULT_LIMIT, DISTANCES, LOGICAL, NULLS, BadQuery, Plan, Query, as_number
from .query_rules import GEOMETRIES, Field, Fields

#: A count stops here (Appwrite 1.8.1, APP_LIMIT_COUNT).
MAX_COUNT = 5000

OPERATORS = {
    "notEqual": "!=",
    "lessThan": "<",
    "lessThanEqual": "<=",
    "greaterThan": ">",
    "greaterThanEqual": ">=",
    "between": "BETWEEN ? AND ?",
    "notBetween": "NOT BETWEEN ? AND ?",
    "isNull": "IS NULL",
    "isNotNull": "IS NOT NULL",
}
DISTANCE_OPERATORS = {
    "distanceEqual": "=",
    "distanceNotEqual": "!=",
    "distanceGreaterThan": ">",
    "distanceLessThan": "<",
}


class OrderIsNull(ValueError):
    """The cursor's document has no value for an attribute that decides the order."""


@dataclass(frozen=True)
class Source:
    """A table that can be listed. `related` finds the source behind a relationship."""

    table: str
    fields: Fields
    condition: str = ""
    parameters: tuple[Any, ...] = ()
    related: Callable[[Relation], Source | None] = lambda _relation: None


class Statement:
    """The parts of a SELECT on one source, with the parameters in the order of the text."""

    def __init__(self, source: Source, now: datetime) -> None:
        self.source = source
        self.now = now
        self.parameters: list[Any] = list(source.parameters)
        self.conditions: list[str] = [source.condition] if source.condition else []

    def filter(self, queries: Sequence[Query]) -> None:
        self.conditions += [self._condition(query) for query in queries]

    @property
    def where(self) -> str:
        return f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""

    def _condition(self, query: Query) -> str:
        if query.method in LOGICAL:
            return "(" + f" {query.method.upper()} ".join(self._condition(each) for each in query.values) + ")"
        field = self.source.fields.get(query.attribute)
        if field is None:
            return self._related_condition(query)
        if field.type in GEOMETRIES:
            if query.method in NULLS:
                # Observed on 1.8.1 and 1.9.6: the server runs into an error that it does not foresee.
                raise ApiError("general_unknown")
            return self._spatial_condition(query, field)
        values = [bound(field, value, self.now) for value in query.values]
        return self._comparison(query.method, field, values)

    def _spatial_condition(self, query: Query, field: Field) -> str:
        method, column = query.method, field.column
        if method in DISTANCES:
            return self._distance(query, field)
        is_negative = method.startswith("not")
        name = method[3].lower() + method[4:] if is_negative else method
        if name not in spatial.PREDICATES:
            raise BadQuery(f"Unknown spatial query method: {method}")
        self.parameters += [name, _geometry(query.values[0])]
        return f"{'NOT ' if is_negative else ''}spatial_holds(?, {column}, ?)"

    def _distance(self, query: Query, field: Field) -> str:
        geometry, distance, in_meters = query.values[0]
        text, number = _geometry(geometry), as_number(distance)
        in_meters = in_meters is True
        if in_meters and not (field.type == "point" and spatial.shape_of(geometry).dimension == 0):
            kinds = ("point", "linestring", "polygon")
            other = kinds[spatial.shape_of(geometry).dimension]
            raise BadQuery(f"Distance in meters is not supported between {field.type} and {other}")
        self.parameters += [text, in_meters, 0 if number is None else number]
        return f"spatial_distance({field.column}, ?, ?) {DISTANCE_OPERATORS[query.method]} ?"

    def _comparison(self, method: str, field: Field, values: list[Any]) -> str:
        column = field.column
        if method == "equal":
            self.parameters += values
            return f"{column} = ?" if len(values) == 1 else f"{column} IN ({', '.join('?' * len(values))})"
        if method in OPERATORS:
            self.parameters += values
            operator = OPERATORS[method]
            return f"{column} {operator} ?" if len(values) == 1 else f"{column} {operator}"
        if method in {"search", "notSearch"}:
            self.parameters += values
            return f"{'NOT ' if method == 'notSearch' else ''}fulltext_matches({column}, ?)"
        if field.is_array:
            return self._list_condition(method, column, values)
        return self._like(method, column, values)

    def _list_condition(self, method: str, column: str, values: list[Any]) -> str:
        self.parameters += values
        marks = ", ".join("?" * len(values))
        found = f"EXISTS (SELECT 1 FROM json_each({column}) WHERE value IN ({marks}))"
        return found if method == "contains" else f"({column} IS NOT NULL AND NOT {found})"

    def _like(self, method: str, column: str, values: list[Any]) -> str:
        is_negative = method.startswith("not")
        kind = method.removeprefix("not").lower()
        before = "" if kind == "startswith" else "%"
        after = "" if kind == "endswith" else "%"
        self.parameters += [f"{before}{_escaped(str(value))}{after}" for value in values]
        operator = "NOT LIKE" if is_negative else "LIKE"
        joined = (" AND " if is_negative else " OR ").join([f"{column} {operator} ? ESCAPE '\\'"] * len(values))
        return f"({joined})"

    def _related_condition(self, query: Query) -> str:
        """A condition on documents of a related collection (`parent.name`): none match where anything is wrong."""
        name, _, rest = query.attribute.partition(".")
        relation = self.source.fields[name].relation
        other = None if relation is None else self.source.related(relation)
        if relation is None or other is None:
            return "0"
        inner = Statement(other, self.now)
        try:
            inner.filter([Query(query.method, rest, query.values)])
        except (KeyError, BadQuery):
            return "0"
        self.parameters += inner.parameters
        matching = f"FROM {other.table}{inner.where}"
        if relation.junction:
            mine, theirs = ("parent", "child") if relation.is_parent else ("child", "parent")
            return f"_uid IN (SELECT {mine} FROM {relation.junction} WHERE {theirs} IN (SELECT _uid {matching}))"
        if relation.is_list:
            column = other.fields[relation.two_way_key].column
            return f"_uid IN (SELECT {column} {matching})"
        return f"{self.source.fields[name].column} IN (SELECT _uid {matching})"


def bound(field: Field, value: Any, now: datetime) -> Any:
    """A query's value as SQLite stores such values."""
    if field.type == "datetime":
        return moments.normalised(value, now)
    if field.type == "id":
        return int(value)
    if isinstance(value, bool):
        return int(value)
    return json.dumps(value) if isinstance(value, list) else value


def _geometry(value: Any) -> str:
    """Coordinates of a query as text. Raises `BadQuery` for what is no shape."""
    try:
        spatial.shape_of(value)
    except (TypeError, ValueError, IndexError):
        raise BadQuery("Unrecognized geometry array format") from None
    return json.dumps(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def select(
    db: sqlite3.Connection,
    source: Source,
    plan: Plan,
    columns: str,
    now: datetime,
    cursor: sqlite3.Row | None = None,
) -> list[sqlite3.Row]:
    """The rows that a plan asks for. `cursor` is the row behind `plan.cursor`, with every order field as a column."""
    statement = Statement(source, now)
    orders = _complete_orders(plan)
    if cursor is not None:
        _add_cursor(statement, orders, plan, cursor)
    statement.filter(plan.filters)
    direction = {"ASC": "DESC", "DESC": "ASC"} if plan.is_backward else {"ASC": "ASC", "DESC": "DESC"}
    terms = [f"{source.fields[name].column} {direction[order]}" if name else "random()" for name, order in orders]
    limit = DEFAULT_LIMIT if plan.limit is None else plan.limit
    sql = f"SELECT {columns} FROM {source.table}{statement.where} ORDER BY {', '.join(terms)} LIMIT ? OFFSET ?"
    rows = db.execute(sql, [*statement.parameters, limit, plan.offset or 0]).fetchall()
    return rows[::-1] if plan.is_backward else rows


def _complete_orders(plan: Plan) -> list[tuple[str, str]]:
    """The wanted orders, made unambiguous by the order of creation."""
    if any(name in {"$id", "$sequence"} for name, _ in plan.orders):
        return plan.orders
    if plan.orders == [("", "ASC")]:
        return plan.orders
    return [*plan.orders, ("$sequence", "ASC")]


def _add_cursor(statement: Statement, orders: list[tuple[str, str]], plan: Plan, cursor: sqlite3.Row) -> None:
    alternatives: list[str] = []
    equal, equal_values = "", list[Any]()
    values: list[Any] = []
    for name, order in orders:
        if not name:
            continue
        value, column = cursor[name], statement.source.fields[name].column
        if value is None:
            raise OrderIsNull(name)
        comparison = "<" if (order == "DESC") != plan.is_backward else ">"
        alternatives.append(f"({equal}{column} {comparison} ?)")
        values += [*equal_values, value]
        equal += f"{column} = ? AND "
        equal_values.append(value)
    statement.conditions.append("(" + " OR ".join(alternatives) + ")")
    statement.parameters += values


def find_cursor(db: sqlite3.Connection, source: Source, plan: Plan, by: str, now: datetime) -> sqlite3.Row | None:
    """The row that a cursor points at, with the values that decide the order."""
    statement = Statement(source, now)
    statement.filter([Query("equal", by, (plan.cursor,))])
    names = {name for name, _ in _complete_orders(plan) if name} | {"$id"}
    columns = ", ".join(f'{source.fields[name].column} AS "{name}"' for name in names)
    row: sqlite3.Row | None = db.execute(
        f"SELECT {columns} FROM {source.table}{statement.where} LIMIT 1", statement.parameters
    ).fetchone()
    return row


def count(db: sqlite3.Connection, source: Source, plan: Plan, now: datetime) -> int:
    """How many rows match, counted up to a limit."""
    statement = Statement(source, now)
    statement.filter(plan.filters)
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {source.table}{statement.where} LIMIT {MAX_COUNT})"
    return int(db.execute(sql, statement.parameters).fetchone()[0])

"""Checked queries as SQL."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from ..errors import ApiError
from . import php_dates
from .catalog import Relation
from .queries import (
    DEFAULT_LIMIT,
    DISTANCES,
    GEOMETRIES,
    LOGICAL,
    NULLS,
    BadQuery,
    Field,
    Fields,
    Plan,
    Query,
    as_number,
)

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
            if query.method in NULLS and field.refuses_nulls:
                raise ApiError("general_unknown")
            if query.method not in NULLS:
                return self._spatial_condition(query, field)
        values = [bound(field, value, self.now) for value in query.values]
        return self._comparison(query.method, field, values)

    def _spatial_condition(self, query: Query, field: Field) -> str:
        method, column = query.method, field.column
        if method in DISTANCES:
            return self._distance(query, field)
        is_negative = method.startswith("not")
        name = method[3].lower() + method[4:] if is_negative else method
        if name not in PREDICATES:
            raise BadQuery(f"Unknown spatial query method: {method}")
        self.parameters += [name, _geometry(query.values[0])]
        return f"{'NOT ' if is_negative else ''}spatial_holds(?, {column}, ?)"

    def _distance(self, query: Query, field: Field) -> str:
        geometry, distance, in_meters = query.values[0]
        text, number = _geometry(geometry), as_number(distance)
        in_meters = in_meters is True
        if in_meters and not (field.type == "point" and shape_of(geometry).dimension == 0):
            kinds = ("point", "linestring", "polygon")
            other = kinds[shape_of(geometry).dimension]
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
        return php_dates.normalised(value, now)
    if field.type == "id":
        return int(value)
    if isinstance(value, bool):
        return int(value)
    return json.dumps(value) if isinstance(value, list) else value


def _geometry(value: Any) -> str:
    """Coordinates of a query as text. Raises `BadQuery` for what is no shape."""
    try:
        shape_of(value)
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
    *,
    few: bool = False,
) -> list[sqlite3.Row]:
    """The rows that a plan asks for. `cursor` is the row behind `plan.cursor`, with every order field as a column.
    `few` says that not many meet its conditions: then they are found by these and sorted, not met on a walk through the
    whole table in the wanted order, as SQLite would for the sake of the limit."""
    statement = Statement(source, now)
    orders = _complete_orders(plan)
    if cursor is not None:
        _add_cursor(statement, orders, plan, cursor)
    statement.filter(plan.filters)
    direction = {"ASC": "DESC", "DESC": "ASC"} if plan.is_backward else {"ASC": "ASC", "DESC": "DESC"}
    sorting = "+" if few else ""
    terms = [
        f"{sorting}{source.fields[name].column} {direction[order]}" if name else "random()" for name, order in orders
    ]
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


# How points, lines and polygons lie to one another, in the plane, as MariaDB's ST_ functions check.
#
# Every relation is decided from sample points: the corners of one shape, and the middles of the pieces into which the
# other cuts its edges. Between two cuts nothing changes, so that the samples speak for the whole shape.


Point = tuple[float, float]
Segment = tuple[Point, Point]
Place = Literal["inside", "border", "outside"]

EARTH_RADIUS = 6_371_000
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Shape:
    """A point (dimension 0), a line (1) or a polygon (2) as rings or runs of corners."""

    dimension: int
    runs: tuple[tuple[Point, ...], ...]

    @property
    def corners(self) -> list[Point]:
        return [point for run in self.runs for point in run]

    @property
    def segments(self) -> list[Segment]:
        return [pair for run in self.runs for pair in pairwise(run)]


def shape_of(value: Any) -> Shape:
    """Coordinates as clients send them and as we store them."""
    if not isinstance(value[0], list):
        return Shape(0, (((float(value[0]), float(value[1])),),))
    if not isinstance(value[0][0], list):
        return Shape(1, (_run(value),))
    return Shape(2, tuple(_run(ring) for ring in value))


def _run(points: Any) -> tuple[Point, ...]:
    return tuple((float(x), float(y)) for x, y in points)


def _is_on(point: Point, segment: Segment) -> bool:
    return _point_to_segment(point, segment) <= TOLERANCE


def _point_to_segment(point: Point, segment: Segment) -> float:
    (x1, y1), (x2, y2) = segment
    length = (x2 - x1) ** 2 + (y2 - y1) ** 2
    along = 0.0 if not length else ((point[0] - x1) * (x2 - x1) + (point[1] - y1) * (y2 - y1)) / length
    along = min(1.0, max(0.0, along))
    return math.dist(point, (x1 + along * (x2 - x1), y1 + along * (y2 - y1)))


def locate(point: Point, shape: Shape) -> Place:
    """Where a point lies: the border of a line are its ends, a point has none."""
    if shape.dimension == 0:
        return "inside" if math.dist(point, shape.corners[0]) <= TOLERANCE else "outside"
    is_on = any(_is_on(point, segment) for segment in shape.segments)
    if shape.dimension == 1:
        if not is_on:
            return "outside"
        first, last = shape.runs[0][0], shape.runs[0][-1]
        is_end = first != last and any(math.dist(point, end) <= TOLERANCE for end in (first, last))
        return "border" if is_end else "inside"
    if is_on:
        return "border"
    crossings = sum(_is_crossed(point, segment) for segment in shape.segments)
    return "inside" if crossings % 2 else "outside"


def _is_crossed(point: Point, segment: Segment) -> bool:
    """Whether a ray to the right of the point crosses an edge."""
    (x1, y1), (x2, y2) = segment
    return (y1 > point[1]) != (y2 > point[1]) and point[0] < x1 + (point[1] - y1) * (x2 - x1) / (y2 - y1)


def _cuts(segment: Segment, other: Shape) -> list[float]:
    """Where another shape cuts a segment, as fractions of its length."""
    (x1, y1), (x2, y2) = segment
    found = [_fraction(corner, segment) for corner in other.corners if _is_on(corner, segment)]
    for (x3, y3), (x4, y4) in other.segments:
        slope = (x2 - x1) * (y4 - y3) - (y2 - y1) * (x4 - x3)
        if abs(slope) <= TOLERANCE:
            continue
        here = ((x3 - x1) * (y4 - y3) - (y3 - y1) * (x4 - x3)) / slope
        there = ((x3 - x1) * (y2 - y1) - (y3 - y1) * (x2 - x1)) / slope
        if 0 <= here <= 1 and 0 <= there <= 1:
            found.append(here)
    return sorted({0.0, 1.0, *found})


def _fraction(point: Point, segment: Segment) -> float:
    (x1, y1), (x2, y2) = segment
    if abs(x2 - x1) >= abs(y2 - y1):
        return (point[0] - x1) / (x2 - x1) if x2 != x1 else 0.0
    return (point[1] - y1) / (y2 - y1)


def samples(shape: Shape, other: Shape) -> Iterator[tuple[Point, bool]]:
    """Points of a shape's corners and edges that stand for all of them; true for the middle of a piece of an edge."""
    for corner in shape.corners:
        yield corner, False
    for segment in shape.segments:
        (x1, y1), (x2, y2) = segment
        cuts = _cuts(segment, other)
        for cut in cuts:
            yield (x1 + cut * (x2 - x1), y1 + cut * (y2 - y1)), False
        for one, two in pairwise(cuts):
            middle = (one + two) / 2
            yield (x1 + middle * (x2 - x1), y1 + middle * (y2 - y1)), True


def inner_points(polygon: Shape, other: Shape) -> Iterator[Point]:
    """Points within a polygon, at least one in each part into which another shape cuts it."""
    heights = {point[1] for point, is_piece in samples(polygon, other) if not is_piece} | {y for _, y in other.corners}
    for low, high in pairwise(sorted(heights)):
        y = (low + high) / 2
        edges = sorted(
            x1 + (y - y1) * (x2 - x1) / (y2 - y1)
            for shape in (polygon, other)
            for (x1, y1), (x2, y2) in shape.segments
            if (y1 > y) != (y2 > y)
        )
        for left, right in pairwise(edges):
            point = ((left + right) / 2, y)
            if right - left > TOLERANCE and locate(point, polygon) == "inside":
                yield point


def intersects(one: Shape, two: Shape) -> bool:
    return any(
        locate(point, there) != "outside"
        for here, there in ((one, two), (two, one))
        for point, _ in samples(here, there)
    )


def common_dimension(one: Shape, two: Shape) -> int:
    """The dimension of what the interiors have in common; -1 when that is nothing."""
    if one.dimension == two.dimension == 2:
        return 2 if any(locate(point, two) == "inside" for point in inner_points(one, two)) else -1
    low, high = sorted((one, two), key=lambda shape: shape.dimension)
    best = -1
    for point, is_piece in samples(low, high):
        if locate(point, low) == "inside" and locate(point, high) == "inside":
            best = max(best, 1 if is_piece else 0)
    return best


def reaches_out(one: Shape, two: Shape) -> bool:
    """Whether some part of `one` lies outside of `two`."""
    if one.dimension > two.dimension:
        return True
    if any(locate(point, two) == "outside" for point, _ in samples(one, two)):
        return True
    return one.dimension == 2 and any(locate(point, two) == "outside" for point in inner_points(one, two))


def equals(one: Shape, two: Shape) -> bool:
    return one.dimension == two.dimension and not reaches_out(one, two) and not reaches_out(two, one)


def contains(one: Shape, two: Shape) -> bool:
    return not reaches_out(two, one) and common_dimension(one, two) >= 0


def touches(one: Shape, two: Shape) -> bool:
    return intersects(one, two) and common_dimension(one, two) == -1


def crosses(one: Shape, two: Shape) -> bool:
    low, high = sorted((one, two), key=lambda shape: shape.dimension)
    if low.dimension != 1:
        return False
    common = common_dimension(low, high)
    return common == 0 if high.dimension == 1 else common == 1 and reaches_out(low, high)


def overlaps(one: Shape, two: Shape) -> bool:
    if one.dimension != two.dimension or one.dimension == 0:
        return False
    is_shared = common_dimension(one, two) == one.dimension
    return is_shared and reaches_out(one, two) and reaches_out(two, one)


def distance(one: Shape, two: Shape) -> float:
    """The shortest distance in the unit of the coordinates."""
    if intersects(one, two):
        return 0.0
    return min(_one_sided(one, two), _one_sided(two, one))


def _one_sided(one: Shape, two: Shape) -> float:
    if not two.segments:
        return min(math.dist(point, two.corners[0]) for point in one.corners)
    return min(_point_to_segment(point, segment) for point in one.corners for segment in two.segments)


def meters(one: Shape, two: Shape) -> float:
    """The distance of two points on the globe, longitude first."""
    (x1, y1), (x2, y2) = (map(math.radians, shape.corners[0]) for shape in (one, two))
    half = math.sin((y2 - y1) / 2) ** 2 + math.cos(y1) * math.cos(y2) * math.sin((x2 - x1) / 2) ** 2
    return 2 * EARTH_RADIUS * math.asin(min(1.0, math.sqrt(half)))


PREDICATES: dict[str, Callable[[Shape, Shape], bool]] = {
    "equal": equals,
    "contains": contains,
    "crosses": crosses,
    "intersects": intersects,
    "overlaps": overlaps,
    "touches": touches,
}


def install(db: sqlite3.Connection) -> None:
    """Make the relations known to the database connection. Nothing relates to null."""

    def holds(name: str, stored: str | None, wanted: str) -> bool | None:
        if stored is None:
            return None
        return PREDICATES[name](shape_of(json.loads(stored)), shape_of(json.loads(wanted)))

    def apart(stored: str | None, wanted: str, in_meters: int) -> float | None:
        if stored is None:
            return None
        measure = meters if in_meters else distance
        return measure(shape_of(json.loads(stored)), shape_of(json.loads(wanted)))

    db.create_function("spatial_holds", 3, holds, deterministic=True)
    db.create_function("spatial_distance", 3, apart, deterministic=True)

"""How points, lines and polygons lie to one another, in the plane, as MariaDB's ST_ functions judge.

Every relation is decided from sample points: the corners of one shape, and the middles of the pieces into which the
other cuts its edges. Between two cuts nothing changes, so that the samples speak for the whole shape.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

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

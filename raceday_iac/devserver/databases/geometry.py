"""Points, lines and polygons (utopia-php/database 3.5.0, Validator/Spatial.php)."""

from __future__ import annotations

from typing import Any


class BadGeometry(ValueError):
    """What is wrong with coordinates, in the server's words."""


def check(kind: str, value: Any) -> None:
    """Refuse a value that is no `point`, `linestring` or `polygon`. Raises `BadGeometry`."""
    if not isinstance(value, list):
        raise BadGeometry("Spatial value must be array or WKT string")
    {"point": _check_point, "linestring": _check_line, "polygon": _check_polygon}[kind](value)


def rule(kind: str, problem: str) -> str:
    """The sentence of a refusal."""
    return f"Value must be a valid {kind}: {problem}"


def _is_numeric(value: Any) -> bool:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return False
        return True
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_point(value: list[Any]) -> None:
    if len(value) != 2:
        raise BadGeometry("Point must be an array of two numeric values [x, y]")
    if not all(_is_numeric(each) for each in value):
        raise BadGeometry("Point coordinates must be numeric values")
    _check_coordinates(value)


def _check_line(value: list[Any]) -> None:
    if len(value) < 2:
        raise BadGeometry("LineString must contain at least two points")
    for number, point in enumerate(value):
        if not isinstance(point, list) or len(point) != 2:
            raise BadGeometry("Each point in LineString must be an array of two values [x, y]")
        if not all(_is_numeric(each) for each in point):
            raise BadGeometry("Each point in LineString must have numeric coordinates")
        _check_coordinates(point, f"Invalid coordinates at point #{number}: ")


def _check_polygon(value: list[Any]) -> None:
    if not value:
        raise BadGeometry("Polygon must contain at least one ring")
    first = value[0]
    is_single_ring = isinstance(first, list) and len(first) == 2 and all(_is_numeric(each) for each in first)
    for number, ring in enumerate([value] if is_single_ring else value):
        _check_ring(number, ring)


def _check_ring(number: int, ring: Any) -> None:
    if not isinstance(ring, list) or not ring:
        raise BadGeometry(f"Ring #{number} must be an array of points")
    if len(ring) < 4:
        raise BadGeometry(f"Ring #{number} must contain at least 4 points to form a closed polygon")
    for place, point in enumerate(ring):
        if not isinstance(point, list) or len(point) != 2:
            raise BadGeometry(f"Point #{place} in ring #{number} must be an array of two values [x, y]")
        if not all(_is_numeric(each) for each in point):
            raise BadGeometry(f"Coordinates of point #{place} in ring #{number} must be numeric")
        _check_coordinates(point, f"Invalid coordinates at point #{place} in ring #{number}: ")
    if ring[0] != ring[-1]:
        raise BadGeometry(f"Ring #{number} must be closed (first point must equal last point)")


def _check_coordinates(point: list[Any], prefix: str = "") -> None:
    x, y = float(point[0]), float(point[1])
    if not -180 <= x <= 180:
        raise BadGeometry(f"{prefix}Longitude (x) must be between -180 and 180, got {x:g}")
    if not -90 <= y <= 90:
        raise BadGeometry(f"{prefix}Latitude (y) must be between -90 and 90, got {y:g}")

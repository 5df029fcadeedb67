"""How shapes lie to one another, checked without a server."""

from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.devserver.databases import query_sql

SQUARE = [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]
RING = [*SQUARE, [[4, 4], [6, 4], [6, 6], [4, 6], [4, 4]]]
SHIFTED = [[[5, 5], [15, 5], [15, 15], [5, 15], [5, 5]]]
NEIGHBOUR = [[[10, 0], [20, 0], [20, 10], [10, 10], [10, 0]]]
INNER = [[[2, 2], [3, 2], [3, 3], [2, 3], [2, 2]]]
CROSSING = [[-5, 5], [15, 5]]

TRUE = {
    ("equal", "SQUARE", "SQUARE"),
    ("contains", "SQUARE", "SQUARE"),
    ("contains", "SQUARE", "INNER"),
    ("contains", "RING", "INNER"),
    ("contains", "SQUARE", "RING"),
    ("overlaps", "SQUARE", "SHIFTED"),
    ("overlaps", "RING", "SHIFTED"),
    ("overlaps", "SHIFTED", "NEIGHBOUR"),
    ("touches", "SQUARE", "NEIGHBOUR"),
    ("touches", "RING", "NEIGHBOUR"),
    ("crosses", "SQUARE", "CROSSING"),
    ("crosses", "RING", "CROSSING"),
    ("crosses", "SHIFTED", "CROSSING"),
    ("crosses", "NEIGHBOUR", "CROSSING"),
    ("equal", "RING", "RING"),
    ("contains", "RING", "RING"),
}
NAMED = {"SQUARE": SQUARE, "RING": RING, "SHIFTED": SHIFTED, "NEIGHBOUR": NEIGHBOUR, "INNER": INNER}
SYMMETRIC = {"equal", "crosses", "overlaps", "touches"}


def holds(name: str, one: Any, two: Any) -> bool:
    return query_sql.PREDICATES[name](query_sql.shape_of(one), query_sql.shape_of(two))


def is_expected(name: str, one: str, two: str) -> bool:
    return (name, one, two) in TRUE or (name in SYMMETRIC and (name, two, one) in TRUE)


@pytest.mark.parametrize("name", ["equal", "contains", "overlaps", "touches"])
@pytest.mark.parametrize("one", ["SQUARE", "RING", "SHIFTED", "NEIGHBOUR"])
@pytest.mark.parametrize("two", ["SQUARE", "RING", "NEIGHBOUR", "INNER"])
def test_polygons(name: str, one: str, two: str) -> None:
    assert holds(name, NAMED[one], NAMED[two]) is (is_expected(name, one, two) or _is_same(name, one, two))


def _is_same(name: str, one: str, two: str) -> bool:
    return one == two and name in {"equal", "contains"}


@pytest.mark.parametrize(
    ("name", "one", "two", "expected"),
    [
        ("crosses", CROSSING, SQUARE, True),
        ("crosses", [[1, 1], [9, 9]], SQUARE, False),
        ("crosses", [[4.5, 5], [5.5, 5]], RING, False),
        ("crosses", [[0, 0], [4, 4]], [[0, 4], [4, 0]], True),
        ("crosses", [[0, 0], [4, 4]], [[1, 1], [3, 3]], False),
        ("overlaps", [[0, 0], [4, 4]], [[2, 2], [6, 6]], True),
        ("overlaps", [[0, 0], [4, 4]], [[1, 1], [3, 3]], False),
        ("touches", [[0, 0], [4, 4]], [[4, 4], [8, 0]], True),
        ("touches", [[0, 0], [8, 0]], [[4, 0], [4, 5]], True),
        ("touches", [10, 5], SQUARE, True),
        ("touches", [5, 5], SQUARE, False),
        ("intersects", [5, 5], RING, False),
        ("intersects", [[4.5, 5], [5.5, 5]], RING, False),
        ("contains", CROSSING, [0, 5], True),
        ("contains", CROSSING, [-5, 5], False),
        ("equal", [[0, 0], [4, 4]], [[4, 4], [2, 2], [0, 0]], True),
        ("equal", [1, 2], [1, 2], True),
    ],
)
def test_lines_and_points(name: str, one: Any, two: Any, expected: bool) -> None:
    assert holds(name, one, two) is expected


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ([0, 0], [3, 4], 5.0),
        ([5, 5], SQUARE, 0.0),
        ([13, 14], SQUARE, 5.0),
        ([5, 5], RING, 1.0),
        ([[20, 0], [20, 10]], SQUARE, 10.0),
        ([[0, 3], [5, 3]], [[0, 0], [5, 0]], 3.0),
    ],
)
def test_distances(one: Any, two: Any, expected: float) -> None:
    assert query_sql.distance(query_sql.shape_of(one), query_sql.shape_of(two)) == pytest.approx(expected)


def test_distances_on_the_globe_are_meters() -> None:
    auckland, wellington = query_sql.shape_of([174.7633, -36.8485]), query_sql.shape_of([174.7762, -41.2865])
    assert query_sql.meters(auckland, wellington) == pytest.approx(493_500, rel=0.001)

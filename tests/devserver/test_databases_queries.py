"""Lists of documents: conditions, orders, pages, selections, and what is refused."""

from __future__ import annotations

import json

import pytest

from .databases_server import Database, db, q, running

__all__ = ["db", "running"]


@pytest.fixture
def races(db: Database) -> str:
    documents = db.collection(
        "c",
        name="string",
        number="integer",
        start="datetime",
        tags={"type": "string", "array": True},
        secret={"type": "string", "size": 200, "encrypt": True},
    )
    for position, (name, number, tags) in enumerate(
        [("Alpha 100%", 1, ["wet", "turf"]), ("Beta", 2, []), ("Gamma_x", None, ["dry"]), ("Delta", 2, ["turf"])]
    ):
        fields = {"name": name, "number": number, "tags": tags, "start": f"2024-01-0{position + 1}T00:00:00Z"}
        db.write(documents, name[0].lower(), **{key: value for key, value in fields.items() if value is not None})
    return documents


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (q("equal", "name", "beta", "DELTA"), ["b", "d"]),
        (q("notEqual", "number", 1), ["b", "d"]),
        (q("isNull", "number"), ["g"]),
        (q("isNotNull", "number"), ["a", "b", "d"]),
        (q("notBetween", "number", 2, 9), ["a"]),
        (q("startsWith", "name", "gamma_"), ["g"]),
        (q("notStartsWith", "name", "gamma_"), ["a", "b", "d"]),
        (q("endsWith", "name", "100%"), ["a"]),
        (q("notEndsWith", "name", "ta"), ["a", "g"]),
        (q("contains", "name", "0%"), ["a"]),
        (q("contains", "name", "l", "B"), ["a", "b", "d"]),
        (q("notContains", "name", "a_"), ["a", "b", "d"]),
        (q("contains", "tags", "turf", "dry"), ["a", "g", "d"]),
        (q("notContains", "tags", "turf"), ["b", "g"]),
        (q("greaterThan", "start", "2024-01-03T12:00:00+12:00"), ["d"]),
        (q("equal", "$sequence", "2"), ["b"]),
    ],
)
def test_a_condition_finds(db: Database, races: str, query: str, found: list[str]) -> None:
    assert db.ids(races, query) == found


def test_conditions_nest(db: Database, races: str) -> None:
    inner = {"method": "and", "values": [json.loads(q("equal", "number", 2)), json.loads(q("equal", "name", "beta"))]}
    outer = json.dumps({"method": "or", "values": [inner, json.loads(q("isNull", "number"))]})
    assert db.ids(races, outer) == ["b", "g"]


def test_pages_follow_an_order_with_equal_values(db: Database, races: str) -> None:
    queries = [q("isNotNull", "number"), q("orderDesc", "number"), q("limit", "", 1)]
    seen: list[str] = []
    while page := db.ids(races, *queries, *([q("cursorAfter", "", seen[-1])] if seen else [])):
        seen += page
    assert seen == ["b", "d", "a"]


def test_a_page_before_a_cursor_keeps_the_order(db: Database, races: str) -> None:
    assert db.ids(races, q("cursorBefore", "", "d"), q("limit", "", 2)) == ["b", "g"]


def test_a_cursor_without_a_value_in_the_order_is_refused(db: Database, races: str) -> None:
    refused = db.call("GET", races, None, q("orderAsc", "number"), q("cursorAfter", "", "g"))
    assert refused.outcome == (400, "database_query_order_null")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (q("equal", "secret", "x"), "Invalid query: Cannot query encrypted attribute: secret"),
        (q("limit", "", 0), "Invalid query: Invalid limit: Value must be a valid range between 1 and "),
        (q("limit", "", "many"), "Invalid query: Invalid limit: Value must be a valid number"),
        (q("between", "number", 1), "Invalid query: Between queries require exactly two values."),
        (q("equal", "number", 2**63), 'Invalid query: Query value is invalid for attribute "number"'),
        (q("equal", "number", *range(501)), "Invalid query: Query on attribute has greater than 500 values: number"),
        (q("select", "", "name", "name"), "Invalid query: Duplicate attributes selected"),
        (q("search", "name", "beta"), 'Searching by attribute "name" requires a fulltext index.'),
        (q("cursorAfter", "", "no good"), "Invalid cursor: UID must contain at most 36 chars."),
        ("[]", "Invalid query. Must be an array"),
    ],
)
def test_a_bad_query_is_refused(db: Database, races: str, query: str, message: str) -> None:
    refused = db.call("GET", races, None, query)
    if query == "[]":
        assert refused.status == 400
        return
    assert refused.outcome == (400, "general_query_invalid")
    assert refused["message"].startswith(message)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [("alpha", True), ("alp", True), ("lpha", False), ("beta alpha", True), ('"alpha 100"', True), ("zeta", False)],
)
def test_a_search_finds_words_and_beginnings(db: Database, races: str, text: str, is_found: bool) -> None:
    db.index("c", "f", "fulltext", "name")
    assert ("a" in db.ids(races, q("search", "name", text))) is is_found


def test_a_selection_leaves_only_what_it_names(db: Database, races: str) -> None:
    found = db.ok("GET", f"{races}/a", None, q("select", "", "name"))
    assert {key for key in found if not key.startswith("$")} == {"name"}


def test_one_document_can_only_be_selected_from(db: Database, races: str) -> None:
    refused = db.call("GET", f"{races}/a", None, q("limit", "", 1))
    assert refused["message"] == "Invalid query method: limit"


def test_attributes_are_listed_by_status_and_key(db: Database, races: str) -> None:
    path = "/collections/c/attributes"
    found = db.ok("GET", path, None, q("equal", "array", True))
    assert [each["key"] for each in found["attributes"]] == ["tags"]
    found = db.ok("GET", path, None, q("cursorAfter", "", "tags"))
    assert [each["key"] for each in found["attributes"]] == ["secret"]


def test_indexes_are_found_by_an_attribute(db: Database, races: str) -> None:
    db.index("c", "one", "key", "name")
    db.index("c", "two", "key", "number")
    found = db.ok("GET", "/collections/c/indexes", None, q("contains", "attributes", "number"))
    assert [each["key"] for each in found["indexes"]] == ["two"]


def test_collections_are_searched_by_id_and_name(db: Database) -> None:
    for name in ("races", "meetings"):
        db.ok("POST", "/collections", {"collectionId": name, "name": f"All {name}"})
    found = db.ok("GET", "/collections?search=meet")
    assert [each["$id"] for each in found["collections"]] == ["meetings"]


SQUARE = [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]


@pytest.fixture
def shapes(db: Database) -> str:
    documents = db.collection("c", spot="point", track="line", field="polygon")
    db.write(documents, "s", spot=[5, 5], track=[[-5, 5], [5, 5]], field=SQUARE)
    db.write(documents, "empty", spot=[50, 50])
    return documents


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (q("equal", "spot", [5, 5]), ["s"]),
        (q("notEqual", "spot", [5, 5]), ["empty"]),
        (q("intersects", "spot", SQUARE), ["s"]),
        (q("crosses", "track", SQUARE), ["s"]),
        (q("notCrosses", "track", SQUARE), []),
        (q("touches", "field", [[10, 0], [20, 0]]), ["s"]),
        (q("overlaps", "field", [[[5, 5], [15, 5], [15, 15], [5, 15], [5, 5]]]), ["s"]),
        (q("contains", "field", [5, 5]), ["s"]),
        (q("contains", "field", [10, 5]), []),
        (q("distanceLessThan", "spot", [[8, 9], 5.1, False]), ["s"]),
        (q("distanceEqual", "spot", [[8, 9], 5, False]), ["s"]),
        (q("distanceLessThan", "spot", [[5, 5.001], 112, True]), ["s"]),
        (q("distanceGreaterThan", "spot", [[5, 5.001], 112, True]), ["empty"]),
    ],
)
def test_shapes_are_found_by_where_they_lie(db: Database, shapes: str, query: str, found: list[str]) -> None:
    assert db.ids(shapes, query) == found


@pytest.mark.parametrize("method", ["isNull", "isNotNull"])
@pytest.mark.parametrize("key", ["spot", "track", "field"])
def test_null_queries_on_shapes_are_an_error_of_the_server(db: Database, shapes: str, method: str, key: str) -> None:
    assert db.call("GET", shapes, None, q(method, key)).outcome == (500, "general_unknown")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            q("distanceEqual", "spot", [1, 1]),
            "Invalid query: Distance query requires [[geometry, distance]] parameters",
        ),
        (q("distanceEqual", "track", [[1, 1], 5, True]), "Distance in meters is not supported between linestring and"),
        (q("intersects", "$id", [1, 1]), 'Invalid query: Spatial query "intersects" cannot be applied on non-spatial'),
        (q("vectorDot", "spot", [1.0]), "Invalid query: Vector queries can only be used on vector attributes"),
        (q("intersects", "spot", 5), "Invalid query: Spatial data must be an array"),
    ],
)
def test_a_bad_question_about_shapes_is_refused(db: Database, shapes: str, query: str, message: str) -> None:
    refused = db.call("GET", shapes, None, query)
    assert refused.outcome == (400, "general_query_invalid")
    assert refused["message"].startswith(message)

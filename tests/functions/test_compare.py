"""Comparison: what the server fills in is no difference, and every real difference is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.kinds import schema_rules as rules

from .bundles import assemble, load
from .fake_appwrite import _attribute, _index
from .small_schema import attribute, collection, index, relationship, small_schema


def attribute_differences(declared: dict[str, Any], live: dict[str, Any]) -> list[rules.FieldDifference]:
    return rules.differences("attribute", rules.attribute_fields(declared), rules.attribute_fields(live))


def comparable(declared: dict[str, Any]) -> dict[str, Any]:
    fields = rules.attribute_fields(declared)
    return fields | ({"elements": set(fields["elements"])} if "elements" in fields else {})


TYPES = ["string", "integer", "float", "boolean", "datetime", "email", "url", "ip", "enum", "point", "line", "polygon"]
DEFAULTS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=20),
    "integer": st.integers(-(2**53), 2**53),
    "float": st.floats(-1e9, 1e9, allow_nan=False),
    "boolean": st.booleans(),
    "datetime": st.datetimes(timezones=st.timezones()).map(lambda instant: instant.isoformat()),
    "enum": st.sampled_from(["a", "b"]),
}


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, Any]:
    """A declared attribute of any type."""
    kind = draw(st.sampled_from(TYPES))
    shape = draw(st.sampled_from(["required", "array", "default", "plain"]))
    extra: dict[str, Any] = {"required": shape == "required", "array": shape == "array"}
    if shape == "default" and kind in DEFAULTS:
        extra["default"] = draw(DEFAULTS[kind])
    if kind == "string":
        extra |= {"size": draw(st.integers(150, 100_000)), "encrypt": draw(st.booleans())}
    if kind in ("integer", "float"):
        bounds = draw(st.sampled_from([{}, {"min": -(2**60)}, {"max": 2**60}, {"min": -(2**60), "max": 2**60}]))
        extra |= bounds
    if kind == "enum":
        extra["elements"] = draw(st.permutations(["a", "b", "c"]))
    return attribute("key", kind, **extra)


def as_answered(declared: dict[str, Any]) -> dict[str, Any]:
    """How the server answers after creating it: wire type, extremes, `encrypt` null after an update."""
    body = {name: value for name, value in declared.items() if value is not None and name != "type"}
    return _attribute(declared["type"], body) | {"status": "available"}


@given(declared=attributes())
def test_what_was_created_as_declared_shows_no_difference(declared: dict[str, Any]) -> None:
    assert attribute_differences(declared, as_answered(declared)) == []


@given(declared=attributes())
def test_the_order_of_elements_and_an_unknown_encrypt_say_nothing(declared: dict[str, Any]) -> None:
    live = as_answered(declared)
    live["elements"] = list(reversed(live.get("elements") or []))
    if not declared.get("encrypt"):
        live["encrypt"] = None

    assert attribute_differences(declared, live) == []


@given(one=attributes(), other=attributes())
def test_two_different_declarations_differ_in_both_directions(one: dict[str, Any], other: dict[str, Any]) -> None:
    forward = attribute_differences(one, as_answered(other))
    backward = attribute_differences(other, as_answered(one))

    assert bool(forward) == bool(backward) == (comparable(one) != comparable(other))


@pytest.mark.parametrize(
    ("change", "field", "in_place"),
    [
        ({"size": 60}, "size", True),
        ({"required": True}, "required", True),
        ({"default": "x"}, "default", True),
        ({"array": True}, "array", False),
        ({"encrypt": True}, "encrypt", False),
        ({"type": "integer"}, "type", False),
        ({"format": "email"}, "type", False),
    ],
)
def test_only_some_differences_can_be_changed_in_place(change: dict[str, Any], field: str, in_place: bool) -> None:
    found = attribute_differences(attribute("key"), as_answered(attribute("key")) | change)

    assert [(each.field, each.in_place) for each in found] == [(field, in_place)]


@pytest.mark.parametrize(
    ("kind", "live"),
    [
        ("integer", {"min": -(2**63), "max": 2**63 - 1}),
        ("integer", {"min": -9.223372036854776e18, "max": 9.223372036854776e18}),
        ("float", {"min": -1.7976931348623157e308, "max": 1.7976931348623157e308}),
        ("float", {"min": None, "max": None}),
    ],
)
def test_the_extremes_of_the_server_are_no_bounds(kind: str, live: dict[str, Any]) -> None:
    assert attribute_differences(attribute("key", kind), attribute("key", kind) | live) == []


def test_a_boolean_default_is_not_a_number() -> None:
    declared, live = attribute("key", "boolean", default=True), attribute("key", "boolean", default=1)

    assert [each.field for each in attribute_differences(declared, live)] == ["default"]


def test_one_instant_in_two_zones_is_one_default() -> None:
    declared = attribute("key", "datetime", default="2024-02-03T04:05:06+02:00")
    live = attribute("key", "datetime", default="2024-02-03T02:05:06.000Z")

    assert attribute_differences(declared, live) == []


def test_write_permissions_are_compared_as_the_server_spells_them_out() -> None:
    declared = collection("c", []) | {"permissions": ['read("any")', 'write("users")']}
    stored = ['delete("users")', 'create("users")', 'update("users")', 'read("any")']
    live = {"name": "C", "$permissions": stored, "documentSecurity": False, "enabled": True}

    def found(answer: dict[str, Any]) -> list[rules.FieldDifference]:
        return rules.differences("collection", rules.collection_fields(declared), rules.collection_fields(answer))

    assert found(live) == []
    assert found(live | {"$permissions": stored[1:]}) != []


@pytest.mark.parametrize(
    ("declared", "live", "arrays", "same"),
    [
        (index("i", "a"), {"orders": [], "lengths": [0]}, (), True),
        (index("i", "a"), {"orders": ["ASC"], "lengths": [None]}, (), True),
        (index("i", "a", orders=["asc"]), {"orders": [None], "lengths": []}, (), True),
        (index("i", "a", orders=["DESC"]), {"orders": [None], "lengths": [255]}, ("a",), True),
        (index("i", "a"), {"orders": ["ASC", "DESC"], "lengths": [0]}, (), True),
        (index("i", "a"), {"orders": ["DESC"], "lengths": [0]}, (), False),
        (index("i", "a"), {"orders": [], "lengths": [10]}, (), False),
        (index("i", "a", "b"), {"attributes": ["b", "a"], "orders": [], "lengths": [0, 0]}, (), False),
        (index("i", "a"), {"type": "unique", "orders": [], "lengths": [0]}, (), False),
    ],
)
def test_indexes_are_compared_column_by_column(
    declared: dict[str, Any], live: dict[str, Any], arrays: tuple[str, ...], same: bool
) -> None:
    raw = _index({"key": "i", "type": "key", "attributes": declared["attributes"]}) | live

    wanted, real = rules.index_fields(declared, arrays), rules.index_fields(raw, arrays)
    assert (rules.differences("index", wanted, real) == []) is same


@pytest.mark.parametrize(
    ("change", "in_place"), [({"onDelete": "cascade"}, True), ({"twoWay": True}, False), ({"relationType": "x"}, False)]
)
def test_of_a_relationship_only_the_deletion_rule_can_be_changed(change: dict[str, Any], in_place: bool) -> None:
    declared = relationship("meeting", "meetings")

    wanted, real = rules.relationship_fields(declared), rules.relationship_fields(declared | change)
    found = rules.differences("relationship", wanted, real)

    assert [each.in_place for each in found] == [in_place]


def test_a_plain_attribute_in_the_place_of_a_relationship_is_a_difference(tmp_path: Path) -> None:
    schema = load(assemble(tmp_path, small_schema()), "schema")
    live = schema.LiveCollection.of({"attributes": [attribute("m")]})
    (wanted,) = schema._collection(collection("c", [], [relationship("m", "meetings")])).relationships

    (found,) = live.differences(wanted)
    assert (found.field, found.in_place) == ("type", False)

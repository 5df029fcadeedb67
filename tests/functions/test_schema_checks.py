"""Arithmetic on the declaration: both sides of every limit."""

from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.kinds import schema_rules as rules

from .bundles import assemble, load, schema_document
from .small_schema import attribute, collection, index, relationship, small_schema


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    folder = assemble(tmp_path_factory.mktemp("checks"), small_schema())
    return load(folder, "verification"), load(folder, "schema")


def sayings(checks: tuple[Any, Any], *collections: dict[str, Any]) -> list[str]:
    module, schema = checks
    return [problem.message for problem in module.impossible(schema.parse(schema_document(*collections)))]


def test_a_sound_schema_is_possible(checks: tuple[Any, Any]) -> None:
    module, schema = checks

    assert module.impossible(schema.parse(small_schema())) == []


@pytest.mark.parametrize(("size", "possible"), [(16_116, True), (16_117, False), (16_382, True)])
def test_a_row_has_room_for_65535_bytes(checks: tuple[Any, Any], size: int, possible: bool) -> None:
    # 1067 of the row itself, 4 a character and 2 for the length; longer texts lie outside of the row.
    assert (sayings(checks, collection("c", [attribute("a", size=size)])) == []) is possible


@pytest.mark.parametrize(
    ("extra", "bytes_needed"),
    [
        ({"size": 50}, 201),
        ({"size": 255}, 1021),
        ({"size": 256}, 1026),
        ({"size": 50, "array": True}, 20),
        ({"type": "integer"}, 8),
        ({"type": "integer", "max": 2_147_483_647}, 4),
        ({"type": "integer", "max": 2_147_483_648}, 8),
        ({"type": "float"}, 8),
        ({"type": "boolean"}, 1),
        ({"type": "datetime"}, 7),
        ({"type": "url"}, 8002),
    ],
)
def test_widths_are_those_of_the_server(extra: dict[str, Any], bytes_needed: int) -> None:
    declared = {"key": "k", "required": False, "type": "string", **extra}

    assert rules.attribute_width(rules.attribute_fields(declared)) == bytes_needed


@pytest.mark.parametrize(("length", "possible"), [(768, True), (769, False)])
def test_an_index_is_at_most_768_characters_long(checks: tuple[Any, Any], length: int, possible: bool) -> None:
    wide = collection("c", [attribute("a", size=2000)], indexes=[index("i", "a", lengths=[length])])

    assert (sayings(checks, wide) == []) is possible


def test_a_fulltext_index_has_no_length(checks: tuple[Any, Any]) -> None:
    wide = collection("c", [attribute("a", size=20_000)], indexes=[index("i", "a", type="fulltext")])

    assert sayings(checks, wide) == []


@pytest.mark.parametrize(("number", "possible"), [(58, True), (59, False)])
def test_a_collection_has_at_most_58_indexes(checks: tuple[Any, Any], number: int, possible: bool) -> None:
    crowded = collection("c", [attribute("a")], indexes=[index(f"i{each}", "a") for each in range(number)])

    assert (sayings(checks, crowded) == []) is possible


@pytest.mark.parametrize(
    ("broken", "saying"),
    [
        (collection("c", [attribute("a"), attribute("A")]), "attribute a is declared twice"),
        (collection("c", [attribute("a")], indexes=[index("i", "a"), index("I", "a")]), "index i is declared twice"),
        (collection("c", [attribute("a")], indexes=[index("i", "b")]), "index i uses the unknown attribute b"),
        (collection("c", [attribute("a")], indexes=[index("i", "a", "a")]), "index i uses a twice"),
        (collection("c", [attribute("a")], indexes=[index("i")]), "index i has no attributes"),
        (collection("c", [], [relationship("r", "x")]), "relationship r names the unknown collection x"),
        (collection("c", [], [relationship("r", "c")], [index("i", "r")]), "index i uses the relationship r"),
    ],
)
def test_contradictions_are_named(checks: tuple[Any, Any], broken: dict[str, Any], saying: str) -> None:
    assert sayings(checks, broken) == [saying]


def test_a_collection_that_is_declared_twice_is_named(checks: tuple[Any, Any]) -> None:
    assert sayings(checks, collection("c", []), collection("c", [])) == ["is declared twice"]


@pytest.mark.parametrize(
    ("links", "depth"),
    [({}, 0), ({"a": "b"}, 1), ({"a": "b", "b": "c"}, 2), ({"a": "b", "b": "a"}, -1), ({"a": "a"}, -1)],
)
def test_the_longest_chain_of_relationships_is_counted(
    checks: tuple[Any, Any], links: dict[str, str], depth: int
) -> None:
    module, schema = checks
    collections = [
        collection(name, [], [relationship("link", links[name])] if name in links else []) for name in ("a", "b", "c")
    ]

    assert module.deepest_chain(schema.parse(schema_document(*collections))) == depth

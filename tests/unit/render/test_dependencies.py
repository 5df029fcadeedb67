from __future__ import annotations

from dataclasses import replace

from raceday_iac.model.resource import Desired, Migration
from raceday_iac.model.stack import Stack
from raceday_iac.render.graph import as_dot, as_mermaid, as_text, dependencies
from raceday_iac.render.plan_page import stack_svg

from ..declaring import address, collection, resolved


def desired() -> Desired:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 10)
    owner.index("i", "a")
    owner.relationship("r", "c", type="oneToOne", two_way_key="back")
    return resolved(stack)


def test_attributes_and_indexes_are_left_out_unless_asked_for() -> None:
    assert [each.kind for each in dependencies(desired(), everything=False)] == [
        "database",
        "collection",
        "relationship",
    ]
    assert len(dependencies(desired(), everything=True)) == len(desired().resources)


def test_each_resource_says_what_it_needs() -> None:
    graph = dependencies(desired(), everything=True)
    assert graph[address("index.d/c/i")] == (address("collection.d/c"), address("attribute.d/c/a"))


def test_as_text_it_is_one_resource_a_line() -> None:
    assert list(as_text(dependencies(desired(), everything=False))) == [
        "database.d",
        "collection.d/c → database.d",
        "relationship.d/c/r → collection.d/c",
    ]


def test_a_migration_is_drawn_after_what_it_needs_and_fills() -> None:
    at = address("migration.m")
    places = (address("collection.d/c"),), (address("attribute.d/c/a"), address("attribute.d/c/gone"))
    found = replace(desired(), migrations={at: Migration(at, "m.py", "", "0", *places)})
    assert dependencies(found, everything=True)[at] == (address("collection.d/c"), address("attribute.d/c/a"))
    graph = dependencies(found, everything=False)
    assert graph[at] == (address("collection.d/c"),)
    assert "1 migration" in stack_svg(graph, everything=False)


def test_as_dot_every_arrow_is_between_quoted_names() -> None:
    lines = list(as_dot(dependencies(desired(), everything=False)))
    assert lines[0] == "digraph stack {"
    assert '  "collection.d/c" -> "database.d";' in lines
    assert lines[-1] == "}"


def test_as_mermaid_names_are_numbered_and_arrows_refer_to_them() -> None:
    assert list(as_mermaid(dependencies(desired(), everything=False))) == [
        "graph LR",
        '  n0["database.d"]',
        '  n1["collection.d/c"]',
        '  n2["relationship.d/c/r"]',
        "  n1 --> n0",
        "  n2 --> n1",
    ]

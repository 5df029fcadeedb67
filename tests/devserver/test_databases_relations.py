"""Relationships: both sides of an attribute, nested documents, and what a deletion does."""

from __future__ import annotations

import pytest

from .databases_server import Database, db, q, running

__all__ = ["db", "running"]


def family(db: Database, kind: str, **options: object) -> tuple[str, str]:
    """Two collections, `a.b` related to `b.a` in both directions."""
    paths = db.collection("a", name="string"), db.collection("b", name="string")
    db.relate("a", "b", kind, "b", **({"twoWay": True, "twoWayKey": "a"} | options))
    return paths


def test_a_two_way_relationship_shows_on_the_other_side_and_goes_from_both(db: Database) -> None:
    family(db, "oneToMany")
    mirror = db.ok("GET", "/collections/b/attributes/a")
    assert (mirror["relatedCollection"], mirror["side"], mirror["twoWayKey"]) == ("a", "child", "b")
    db.ok("DELETE", "/collections/b/attributes/a")
    db.gone("/collections/a/attributes/b")


def test_a_one_way_relationship_has_no_attribute_on_the_other_side(db: Database) -> None:
    family(db, "manyToOne", twoWay=False)
    assert [each["key"] for each in db.settle("b")["attributes"]] == ["name"]


def test_nested_documents_are_created_and_read_along_when_selected(db: Database) -> None:
    a, b = family(db, "oneToMany")
    db.write(a, "a1", name="A", b=[{"$id": "b1", "name": "B1"}, {"name": "B2"}])
    assert db.ok("GET", b)["total"] == 2
    assert "b" not in db.ok("GET", f"{a}/a1")
    selected = db.ok("GET", f"{a}/a1", None, q("select", "", "name", "b.name"))
    assert [each["name"] for each in selected["b"]] == ["B1", "B2"]


def test_documents_nest_three_levels_deep(db: Database) -> None:
    paths = [db.collection(name, name="string") for name in "abcd"]
    for parent, child in ("ab", "bc", "cd"):
        db.relate(parent, child, "oneToMany", child)
    db.write(paths[0], "a1", name="A", b=[{"name": "B", "c": [{"name": "C", "d": [{"name": "D"}]}]}])
    assert [db.ok("GET", path)["total"] for path in paths] == [1, 1, 1, 0]


def test_an_existing_nested_document_is_changed(db: Database) -> None:
    a, b = family(db, "manyToOne")
    db.write(b, "b1", name="old")
    db.write(a, "a1", name="A", b={"$id": "b1", "name": "new"})
    assert db.ok("GET", f"{b}/b1")["name"] == "new"


def test_a_mutual_partner_cannot_be_taken_by_another(db: Database) -> None:
    a, b = family(db, "oneToOne")
    db.write(a, "a1", name="A", b={"$id": "b1", "name": "B"})
    assert db.ok("GET", f"{b}/b1")["a"] == "a1"
    db.write(a, "a2", name="A2")
    assert db.call("PATCH", f"{a}/a2", {"data": {"b": "b1"}}).outcome == (409, "document_already_exists")


def test_members_of_a_list_can_be_replaced(db: Database) -> None:
    a, b = family(db, "manyToMany")
    db.write(a, "a1", name="A", b=[{"$id": "b1", "name": "1"}, {"$id": "b2", "name": "2"}])
    db.ok("PATCH", f"{a}/a1", {"data": {"b": ["b2", {"$id": "b3", "name": "3"}]}})
    found = db.ok("GET", f"{a}/a1", None, q("select", "", "b.*"))["b"]
    assert [each["$id"] for each in found] == ["b2", "b3"]
    assert db.ok("GET", b)["total"] == 3


def test_an_unnamed_relationship_survives_an_upsert(db: Database) -> None:
    a, b = family(db, "manyToOne")
    db.write(b, "b1", name="B")
    db.write(a, "a1", name="A", b="b1")
    assert db.ok("PUT", f"{a}/a1", {"data": {"name": "A2"}})["b"]["$id"] == "b1"


@pytest.mark.parametrize(
    ("value", "kind"),
    [(["b1"], "manyToOne"), ("b1", "oneToMany"), ({"name": "B"}, "manyToMany"), (5, "oneToOne")],
)
def test_a_value_that_cannot_be_this_relationship_is_refused(db: Database, value: object, kind: str) -> None:
    a, _ = family(db, kind)
    refused = db.call("POST", a, {"documentId": "a1", "data": {"name": "A", "b": value}})
    assert refused.outcome == (400, "relationship_value_invalid")


def test_documents_are_found_by_fields_of_related_ones(db: Database) -> None:
    a, b = family(db, "manyToOne")
    db.write(b, "b1", name="Ellerslie")
    db.write(a, "a1", name="A", b="b1")
    db.write(a, "a2", name="A2")
    assert db.ids(a, q("equal", "b", "b1")) == ["a1"]
    assert db.ids(a, q("equal", "b.name", "ellerslie")) == ["a1"]
    assert db.ids(a, q("equal", "b.nothing", "x")) == []


@pytest.mark.parametrize("kind", ["oneToMany", "manyToMany"])
def test_a_parent_is_found_by_fields_of_its_members(db: Database, kind: str) -> None:
    a, _ = family(db, kind)
    db.write(a, "a1", name="A", b=[{"name": "wanted"}])
    db.write(a, "a2", name="A2", b=[{"name": "other"}])
    assert db.ids(a, q("equal", "b.name", "wanted")) == ["a1"]


def test_a_restricted_parent_cannot_be_deleted(db: Database) -> None:
    a, _ = family(db, "oneToMany", onDelete="restrict")
    db.write(a, "a1", name="A", b=[{"name": "B"}])
    assert db.call("DELETE", f"{a}/a1").outcome == (403, "document_delete_restricted")


@pytest.mark.parametrize("kind", ["oneToMany", "manyToMany"])
def test_a_cascade_takes_the_members_along(db: Database, kind: str) -> None:
    a, b = family(db, kind, onDelete="cascade")
    db.write(a, "a1", name="A", b=[{"$id": "b1", "name": "B"}])
    db.ok("DELETE", f"{a}/a1")
    assert db.ids(b) == []


def test_set_null_cuts_the_links(db: Database) -> None:
    a, b = family(db, "oneToMany", onDelete="setNull")
    db.write(a, "a1", name="A", b=[{"$id": "b1", "name": "B"}])
    db.ok("DELETE", f"{a}/a1")
    assert db.ok("GET", f"{b}/b1")["a"] is None


def test_a_collection_related_to_itself_knows_only_the_child_side(db: Database) -> None:
    documents = db.collection("a", name="string")
    db.relate("a", "a", "oneToMany", "children", twoWay=True, twoWayKey="parent")
    db.write(documents, "top", name="T")
    assert db.write(documents, "sub", name="S", parent="top")["parent"]["$id"] == "top"
    refused = db.call("POST", documents, {"documentId": "x", "data": {"name": "X", "children": ["sub"]}})
    assert refused.outcome == (400, "document_invalid_structure")


def test_a_changed_on_delete_is_in_force(db: Database) -> None:
    a, b = family(db, "oneToMany", onDelete="restrict")
    db.write(a, "a1", name="A", b=[{"$id": "b1", "name": "B"}])
    db.ok("PATCH", "/collections/a/attributes/b/relationship", {"onDelete": "cascade"})
    db.ok("DELETE", f"{a}/a1")
    assert db.ids(b) == []


def test_a_renamed_relationship_keeps_its_links(db: Database) -> None:
    a, b = family(db, "manyToOne")
    db.write(b, "b1", name="B")
    db.write(a, "a1", name="A", b="b1")
    db.ok("PATCH", "/collections/a/attributes/b/relationship", {"newKey": "owner"})
    assert db.ok("GET", f"{a}/a1")["owner"] == "b1"
    assert db.ok("GET", "/collections/b/attributes/a")["twoWayKey"] == "owner"


def test_a_deleted_collection_takes_relationships_of_others_along(db: Database) -> None:
    a, _ = family(db, "manyToOne")
    db.write(a, "a1", name="A")
    db.ok("DELETE", "/collections/b")
    db.gone("/collections/a/attributes/b")
    assert db.write(a, "a2", name="A2")["name"] == "A2"


@pytest.mark.parametrize(("method", "body"), [("POST", {"documents": [{"name": "x"}]}), ("DELETE", {})])
def test_bulk_calls_are_refused_where_there_are_relationships(db: Database, method: str, body: object) -> None:
    a, _ = family(db, "manyToOne")
    assert db.call(method, a, body).outcome == (400, "general_bad_request")

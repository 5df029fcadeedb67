"""Indexes: uniqueness, what remains when an attribute goes, and whether queries use them."""

from __future__ import annotations

import pytest

from raceday_iac.devserver.runner import RunningServer

from .databases_server import Database, db, q, running

__all__ = ["db", "running"]

_NO_DEFAULT = {"required": False, "default": None}


def test_a_unique_index_ignores_case(db: Database) -> None:
    documents = db.collection("c", name="string")
    db.index("c", "u", "unique", "name")
    db.write(documents, "one", name="Ellerslie")
    refused = db.call("POST", documents, {"documentId": "two", "data": {"name": "ELLERSLIE"}})
    assert refused.outcome == (409, "document_already_exists")


def test_a_unique_index_with_a_length_compares_beginnings(db: Database) -> None:
    documents = db.collection("c", name="string")
    db.index("c", "u", "unique", "name", lengths=[3])
    db.write(documents, "one", name="abcdef")
    assert db.call("POST", documents, {"documentId": "two", "data": {"name": "abcxyz"}}).status == 409
    assert db.call("POST", documents, {"documentId": "three", "data": {"name": "abxyz"}}).status == 201


def test_a_unique_index_allows_any_number_of_nulls(db: Database) -> None:
    documents = db.collection("c", name="string", other="string")
    db.index("c", "u", "unique", "name")
    db.write(documents, "one", other="x")
    db.write(documents, "two", other="x")


def test_a_unique_index_on_duplicates_fails(db: Database) -> None:
    documents = db.collection("c", name="string")
    db.write(documents, "one", name="same")
    db.write(documents, "two", name="same")
    index = db.index("c", "u", "unique", "name")
    assert (index["status"], index["error"]) == ("failed", "Document already exists")
    db.write(documents, "three", name="same")


def test_deleting_an_attribute_drops_its_own_index_and_shrinks_a_wider_one(db: Database) -> None:
    db.collection("c", a="string", b="integer")
    db.index("c", "alone", "key", "a")
    db.index("c", "wide", "key", "a", "b", orders=["ASC", "DESC"])
    db.ok("DELETE", "/collections/c/attributes/a")
    db.gone("/collections/c/attributes/a")
    found = db.ok("GET", "/collections/c/indexes")["indexes"]
    assert [(each["key"], each["attributes"], each["orders"]) for each in found] == [("wide", ["b"], ["DESC"])]


def test_an_index_that_shrinks_to_the_likeness_of_another_disappears(db: Database) -> None:
    db.collection("c", a="string", b="integer")
    db.index("c", "b", "key", "b")
    db.index("c", "wide", "key", "a", "b")
    db.ok("DELETE", "/collections/c/attributes/a")
    db.gone("/collections/c/attributes/a")
    assert [each["key"] for each in db.ok("GET", "/collections/c/indexes")["indexes"]] == ["b"]


def test_an_attribute_of_a_wide_unique_index_gets_stuck_and_stays_usable(db: Database) -> None:
    documents = db.collection("c", a="string", b="integer")
    db.index("c", "u", "unique", "a", "b")
    db.ok("DELETE", "/collections/c/attributes/b")
    found = {each["key"]: (each["status"], each["error"]) for each in db.settle()["attributes"]}
    assert found["b"] == ("stuck", "")
    assert db.write(documents, "x", a="1", b=2)["b"] == 2


def test_a_stuck_attribute_goes_once_the_index_is_gone(db: Database) -> None:
    db.collection("c", a="string", b="integer")
    db.index("c", "u", "unique", "a", "b")
    db.ok("DELETE", "/collections/c/attributes/b")
    db.settle()
    db.ok("DELETE", "/collections/c/indexes/u")
    db.gone("/collections/c/indexes/u")
    db.ok("DELETE", "/collections/c/attributes/b")
    db.gone("/collections/c/attributes/b")


def test_a_renamed_attribute_keeps_its_data_and_its_indexes(db: Database) -> None:
    documents = db.collection("c", a="string")
    db.index("c", "u", "unique", "a")
    db.write(documents, "one", a="x")
    db.ok("PATCH", "/collections/c/attributes/string/a", {"required": False, "default": None, "newKey": "b"})
    assert db.ids(documents, q("equal", "b", "x")) == ["one"]
    assert db.ok("GET", "/collections/c/indexes/u")["attributes"] == ["b"]
    assert db.call("POST", documents, {"documentId": "two", "data": {"b": "X"}}).status == 409


@pytest.mark.parametrize(
    ("indexed", "taken", "outcome"),
    [
        (("a", "b"), "b", (400, "index_invalid")),
        (("a", "b"), "B", (400, "index_invalid")),
        (("b", "a"), "b", (400, "index_invalid")),
        (("a",), "b", (409, "attribute_already_exists")),
        (("b",), "b", (409, "attribute_already_exists")),
        ((), "b", (409, "attribute_already_exists")),
    ],
)
def test_a_rename_onto_another_attribute_is_first_checked_by_their_indexes(
    db: Database, indexed: tuple[str, ...], taken: str, outcome: tuple[int, str]
) -> None:
    """Recorded on 1.8.1: an index that would name one attribute twice is refused before the taken key is."""
    documents = db.collection("c", a="string", b="integer")
    if indexed:
        db.index("c", "i", "key", *indexed)
    db.write(documents, "one", a="x", b=1)
    refused = db.call("PATCH", "/collections/c/attributes/string/a", {**_NO_DEFAULT, "newKey": taken})
    assert refused.outcome == outcome
    assert [each["key"] for each in db.ok("GET", "/collections/c/attributes")["attributes"]] == ["a", "b"]
    assert db.ok("GET", f"{documents}/one")["a"] == "x"
    if indexed:
        assert db.ok("GET", "/collections/c/indexes/i")["attributes"] == list(indexed)


@pytest.mark.parametrize(("size", "status"), [(768, 200), (769, 400)])
def test_a_string_may_grow_to_the_limit_of_its_index(db: Database, size: int, status: int) -> None:
    db.collection("c", a="string")
    db.index("c", "i", "key", "a")
    grown = db.call("PATCH", "/collections/c/attributes/string/a", {"required": False, "default": None, "size": size})
    assert grown.status == status


def test_an_equality_with_an_order_uses_the_index(running: RunningServer, db: Database) -> None:
    db.collection("c", race="string", at="datetime")
    db.index("c", "i", "key", "race", "at", orders=["ASC", "DESC"])
    plan = running.call(
        lambda server: server.db.execute(
            "EXPLAIN QUERY PLAN SELECT _id FROM docs_"
            + str(server.db.execute("SELECT max(number) FROM db_collections").fetchone()[0])
            + " WHERE race = ? ORDER BY at DESC, _id ASC LIMIT 25",
            ("r",),
        ).fetchall()
    )
    assert "USING" in plan[0]["detail"]
    assert "INDEX idx_" in plan[0]["detail"]


def test_a_string_indexed_together_with_a_date_may_grow(db: Database) -> None:
    db.collection("c", a="string")
    db.index("c", "i", "key", "a", "$createdAt")
    grown = db.ok("PATCH", "/collections/c/attributes/string/a", {"required": False, "default": None, "size": 60})
    assert grown["size"] == 60


def test_a_rename_may_change_nothing_but_case(db: Database) -> None:
    documents = db.collection("c", a="string")
    db.index("c", "i", "key", "a")
    db.write(documents, "one", a="x")
    db.ok("PATCH", "/collections/c/attributes/string/a", {"required": False, "default": None, "newKey": "A"})
    assert db.ok("GET", f"{documents}/one")["A"] == "x"
    assert db.ids(documents, q("equal", "A", "x")) == ["one"]


def test_an_array_index_gets_the_servers_length_and_no_order(db: Database) -> None:
    db.collection("c", a={"type": "string", "array": True})
    index = db.index("c", "i", "key", "a", lengths=[20], orders=["DESC"])
    assert (index["lengths"], index["orders"], index["status"]) == ([255], [None], "available")


def test_fifty_eight_indexes_are_accepted(db: Database) -> None:
    db.collection("c", a="string")
    for number in range(58):
        db.ok("POST", "/collections/c/indexes", {"key": f"i{number}", "type": "key", "attributes": ["a"]})
    refused = db.call("POST", "/collections/c/indexes", {"key": "more", "type": "key", "attributes": ["a"]})
    assert refused.outcome == (400, "index_limit_exceeded")

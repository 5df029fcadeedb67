"""What nobody declares is counted and named before it goes, or breaks, with something that is deleted."""

from __future__ import annotations

from typing import Any

import pytest

from .harness import Arena
from .losing import COLLECTION, DB, FUNCTION, apply, at, count, evidence, run, settle, write


@pytest.fixture
def shared(empty: Arena) -> Arena:
    """A database of ours in which somebody else has made a collection with two documents."""
    settle(empty, DB, COLLECTION, FUNCTION)
    base = f"/databases/{empty.id('db')}/collections"
    empty.api.post(base, {"collectionId": "theirs", "name": "Theirs", "permissions": [], "documentSecurity": False})
    attribute = f"{base}/theirs/attributes/string"
    empty.api.post(attribute, {"key": "text", "size": 20, "required": False})
    empty.api.until(f"{base}/theirs/attributes/text", lambda answer: answer["status"] == "available")
    write(empty, 2, into="theirs")
    return empty


def unmanaged(plan: dict[str, Any]) -> list[str]:
    return [str(each) for each in plan["unmanaged"]]


def test_a_collection_of_others_in_a_database_that_goes_is_refused_by_name_and_count(shared: Arena) -> None:
    shared.declare(FUNCTION)
    ended = apply(shared, code=5)
    theirs = at(shared, "collection", "theirs")
    assert f"2 documents would be deleted, and 1 undeclared thing would be deleted with it ({theirs})" in ended.out
    assert f"--allow-data-loss {at(shared, 'database')}=3" in ended.out
    assert f"delete {theirs} (with {at(shared, 'database')})" in ended.out
    assert theirs not in ended.out.partition("Unmanaged")[2].partition("Refused")[0]
    assert "never touched" not in ended.out
    assert count(shared, "theirs") == 2


def test_it_goes_when_its_number_was_allowed(shared: Arena) -> None:
    shared.declare(FUNCTION)
    apply(shared, "--allow-data-loss", f"{at(shared, 'database')}=2", code=5)
    apply(shared, "--allow-data-loss", f"{at(shared, 'database')}=3")
    assert not shared.api.has(f"/databases/{shared.id('db')}")


def test_an_empty_collection_of_others_is_refused_as_well(empty: Arena) -> None:
    settle(empty, DB)
    base = f"/databases/{empty.id('db')}/collections"
    empty.api.post(base, {"collectionId": "theirs", "name": "T", "permissions": [], "documentSecurity": False})
    empty.declare('    stack.absent("database." + P + "db", reason="it is old")\n')
    assert f"({at(empty, 'collection', 'theirs')})" in apply(empty, code=5).out, "a tombstone is no permission for it"
    empty.declare("")
    assert f"({at(empty, 'collection', 'theirs')})" in apply(empty, code=5).out
    assert empty.api.has(empty.path("theirs"))


@pytest.mark.parametrize("kind", ["attribute", "index", "relationship"])
def test_what_others_made_in_a_collection_that_goes_is_refused(shared: Arena, kind: str) -> None:
    path = shared.path("c")
    if kind == "attribute":
        shared.api.post(f"{path}/attributes/boolean", {"key": "mine", "required": False})
    elif kind == "index":
        shared.api.post(f"{path}/indexes", {"key": "mine", "type": "key", "attributes": ["text"]})
    else:
        body = {"relatedCollectionId": "theirs", "type": "oneToOne", "twoWay": False, "key": "mine"}
        shared.api.post(f"{path}/attributes/relationship", body)
    shared.declare(DB + FUNCTION)
    assert f"({at(shared, kind, 'c/mine')})" in apply(shared, code=5).out
    assert shared.api.has(path)


def test_a_relationship_of_others_to_a_collection_that_goes_is_refused(shared: Arena) -> None:
    body = {"relatedCollectionId": "c", "type": "manyToOne", "twoWay": False, "key": "leads"}
    shared.api.post(f"{shared.path('theirs')}/attributes/relationship", body)
    shared.declare(DB + FUNCTION)
    ended = apply(shared, code=5)
    assert f"({at(shared, 'relationship', 'theirs/leads')})" in ended.out
    assert shared.api.has(shared.path("c"))


@pytest.mark.parametrize(
    "edit",
    ['c.string("text", 20)|', 'c.string("text", 20)|c.integer("text")'],
    ids=["deleted", "of another type"],
)
def test_an_index_of_others_over_an_attribute_that_goes_is_refused(shared: Arena, edit: str) -> None:
    """Appwrite silently shrinks or drops it."""
    path = f"{shared.path('c')}/indexes"
    shared.api.post(path, {"key": "mine", "type": "key", "attributes": ["text", "number"]})
    shared.api.until(f"{path}/mine", lambda answer: answer["status"] == "available")
    old, _, new = edit.partition("|")
    shared.declare(DB + COLLECTION.replace(old, new) + FUNCTION)
    plan = run(shared, "plan", "--json", code=5).json
    name = at(shared, "index", "c/mine")
    assert f"1 undeclared thing would break without it ({name})" in plan["refusals"][0]["message"]
    assert name not in unmanaged(plan)
    apply(shared, code=5)
    assert shared.api.get(f"{path}/mine")["attributes"] == ["text", "number"]
    apply(shared, "--allow-data-loss", f"{at(shared, 'attribute', 'c/text')}=1")


def test_a_variable_of_others_in_a_function_that_goes_is_refused(shared: Arena) -> None:
    function = shared.id("fn")
    shared.api.post(f"/functions/{function}/variables", {"key": "THEIRS", "value": "x"})
    shared.declare(DB + COLLECTION)
    ended = apply(shared, code=5)
    assert f"1 undeclared thing would be deleted with it (variable.{function}/THEIRS)" in ended.out
    assert shared.api.has(f"/functions/{function}")
    apply(shared, "--allow-data-loss", f"function.{function}=1")
    assert not shared.api.has(f"/functions/{function}")


def test_what_others_made_elsewhere_is_still_left_alone_and_said_to_be(shared: Arena) -> None:
    plan = run(shared, "plan", "--json").json
    assert unmanaged(plan) == [at(shared, "collection", "theirs")]
    assert evidence(plan, "unmanaged") == []
    assert "Unmanaged: live, but neither declared nor managed; left alone" in run(shared, "plan").out

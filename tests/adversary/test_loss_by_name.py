"""Appwrite compares names without case: what is live under the same letters is somebody else's, not our own."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from .harness import Arena
from .losing import COLLECTION, DB, FUNCTION, apply, at, documents, run, settle, write

Make = Callable[[Arena], object]


def attribute(arena: Arena) -> None:
    path = f"{arena.path('c')}/attributes"
    arena.api.post(f"{path}/integer", {"key": "name", "required": False})
    arena.api.until(f"{path}/name", lambda answer: answer["status"] == "available")


def relationship(arena: Arena) -> None:
    body = {"relatedCollectionId": "c", "type": "oneToOne", "twoWay": False, "key": "name", "twoWayKey": "back"}
    arena.api.post(f"{arena.path('c')}/attributes/relationship", body)
    arena.api.until(f"{arena.path('c')}/attributes/name", lambda answer: answer["status"] == "available")


def index(arena: Arena) -> None:
    path = f"{arena.path('c')}/indexes"
    arena.api.post(path, {"key": "name", "type": "key", "attributes": ["number"]})
    arena.api.until(f"{path}/name", lambda answer: answer["status"] == "available")


def collection(arena: Arena) -> None:
    body = {"collectionId": "name", "name": "N", "permissions": [], "documentSecurity": False}
    arena.api.post(f"/databases/{arena.id('db')}/collections", body)


def database(arena: Arena) -> None:
    arena.api.post("/databases", {"databaseId": arena.id("name"), "name": "N"})


def function(arena: Arena) -> None:
    arena.api.post("/functions", {"functionId": arena.id("name"), "name": "N", "runtime": "node-22"})


def variable(arena: Arena) -> None:
    arena.api.post(f"/functions/{arena.id('fn')}/variables", {"key": "name", "value": "theirs"})


#: Who makes it; what the stack says; both addresses, ours and theirs.
CASES: dict[str, tuple[Make, str, str, str]] = {
    "attribute": (attribute, 'c.integer("Name")', "attribute.db/c/Name", "attribute.db/c/name"),
    "another type": (attribute, 'c.string("NAME", 20)', "attribute.db/c/NAME", "attribute.db/c/name"),
    "relationship": (
        relationship,
        'c.relationship("Name", "c", type="oneToOne", two_way_key="other")',
        "relationship.db/c/Name",
        "relationship.db/c/name",
    ),
    "attribute over a relationship": (
        relationship,
        'c.integer("name")',
        "attribute.db/c/name",
        "relationship.db/c/name",
    ),
    "attribute over a far side": (relationship, 'c.integer("Back")', "attribute.db/c/Back", "relationship.db/c/name"),
    "index": (index, 'c.index("Name", "number")', "index.db/c/Name", "index.db/c/name"),
    "collection": (collection, 'db.collection("Name", name="N")', "collection.db/Name", "collection.db/name"),
    "database": (database, 'stack.database(P + "Name", name="N")', "database.Name", "database.name"),
    "function": (
        function,
        'stack.function(P + "Name", name="N", runtime="node-22", specification="s-1vcpu-512mb", timeout=9, '
        'entrypoint="m.js", code=KEEP)',
        "function.Name",
        "function.name",
    ),
    "variable": (variable, "", "variable.fn/Name", "variable.fn/name"),
    "attribute but for a dot": (attribute, 'c.integer("n.ame")', "attribute.db/c/n.ame", "attribute.db/c/name"),
}


def named(arena: Arena, address: str) -> str:
    """The address with the ids of this project."""
    kind, _, path = address.partition(".")
    first, *rest = path.split("/")
    return f"{kind}.{'/'.join([arena.id(first), *rest])}"


def declare(arena: Arena, more: str) -> None:
    function = FUNCTION if more else FUNCTION.replace("code=KEEP", 'code=KEEP, variables={"Name": "ours"}')
    arena.declare(f"{DB}{COLLECTION}{function}    {more}\n")


@pytest.mark.parametrize("name", CASES)
def test_what_has_our_letters_in_another_case_is_refused_and_named(empty: Arena, name: str) -> None:
    make, more, ours, theirs = CASES[name]
    settle(empty, DB, COLLECTION, FUNCTION)
    make(empty)
    declare(empty, more)
    before = empty.live()
    (refusal,) = run(empty, "plan", "--json", code=5).json["refusals"]
    assert refusal["address"] == named(empty, ours)
    assert f"{named(empty, theirs)} is live, and " in refusal["message"]
    empty.proxy.forget()
    apply(empty, code=5)
    assert empty.proxy.writes() == 0
    assert empty.live() == before
    assert named(empty, ours) not in empty.owned()


@pytest.mark.parametrize("kind", ["attribute", "variable"])
def test_where_a_rename_is_possible_it_is_suggested_and_keeps_the_values(empty: Arena, kind: str) -> None:
    make, more, ours, theirs = CASES[kind]
    settle(empty, DB, COLLECTION, FUNCTION)
    make(empty)
    if kind == "attribute":
        write(empty, 2, name=7)
    declare(empty, more)
    suggested = f'stack.moved("{named(empty, theirs)}", "{named(empty, ours)}")'
    assert suggested in run(empty, "plan", "--json", code=5).json["refusals"][0]["hint"]
    declared = re.split(r"^stack = Stack.*$", empty.stack_file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    empty.declare(f"{declared}\n{suggested}\n")
    apply(empty)
    run(empty, "plan", "--detailed-exitcode")
    if kind == "attribute":
        assert [each["Name"] for each in empty.api.all(documents(empty), "documents")] == [7, 7]


def test_one_of_our_own_that_goes_makes_room(empty: Arena) -> None:
    """Without values, deleting it and making it again under the other case loses nothing."""
    settle(empty, DB, COLLECTION)
    empty.declare(DB + COLLECTION.replace('"number"', '"Number"'))
    apply(empty)
    assert empty.api.get(f"{empty.path('c')}/attributes/Number")["key"] == "Number"
    run(empty, "plan", "--detailed-exitcode")


def test_what_is_excluded_from_going_still_has_its_name(empty: Arena) -> None:
    settle(empty, DB, COLLECTION)
    empty.declare(DB + COLLECTION.replace('"number"', '"Number"'))
    ended = apply(empty, "--target", at(empty, "attribute", "c/Number"))
    assert "delete" in ended.out, "what makes room for it is needed"

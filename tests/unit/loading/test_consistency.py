"""Rules over several declarations, on both sides of each threshold."""

from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.kinds.schema_rules import attribute_width
from raceday_iac.model import limits
from raceday_iac.model.stack import Collection, Database, Lock, Stack

from ..declaring import LOCK, collection, complaint, database, function, problems, resolved, stack_with_function


def new() -> tuple[Stack, Collection]:
    stack = Stack("test")
    return stack, collection(stack)


# References.


def test_a_relationship_to_an_undeclared_collection_is_refused() -> None:
    stack, owner = new()
    owner.relationship("r", "elsewhere", type="manyToOne")
    assert "relationship.d/c/r: refers to collection.d/elsewhere, which is not declared" in complaint(stack)


def test_a_relationship_may_refer_to_a_collection_declared_later() -> None:
    stack = Stack("test")
    base = database(stack)
    base.collection("a", name="A").relationship("r", "b", type="manyToOne")
    base.collection("b", name="B")
    assert resolved(stack)


def test_an_index_on_an_unknown_attribute_is_refused_with_the_nearest_known_one() -> None:
    stack, owner = new()
    owner.string("startTime", 10)
    owner.index("i", "startTme")
    assert "index.d/c/i: unknown attribute 'startTme' (did you mean 'startTime'?)" in complaint(stack)


def test_an_index_on_a_relationship_is_refused() -> None:
    stack, owner = new()
    owner.relationship("r", "c", type="manyToOne")
    owner.index("i", "r")
    assert "'r' is a relationship, and those cannot be indexed" in complaint(stack)


@pytest.mark.parametrize("name", ["$id", "$createdAt", "$updatedAt"])
def test_an_index_may_be_on_what_every_document_has(name: str) -> None:
    stack, owner = new()
    owner.index("i", name)
    assert resolved(stack)


def test_an_index_on_the_sequence_is_refused() -> None:
    stack, owner = new()
    owner.index("i", "$sequence")
    assert "$sequence" in complaint(stack)


def test_an_index_may_be_declared_before_its_attributes() -> None:
    stack, owner = new()
    owner.index("i", "a")
    owner.string("a", 10)
    assert resolved(stack)


# Keys.


def test_keys_that_differ_only_in_case_clash() -> None:
    stack, owner = new()
    owner.string("name", 10)
    owner.string("Name", 10)
    said = complaint(stack)
    assert "attribute.d/c/Name: its key clashes with attribute.d/c/name (keys are compared without case)" in said


def test_an_attribute_and_a_relationship_cannot_share_a_key() -> None:
    stack, owner = new()
    owner.string("race", 10)
    owner.relationship("race", "c", type="oneToOne")
    assert "its key clashes with attribute.d/c/race" in complaint(stack)


def test_the_same_key_in_two_collections_is_fine() -> None:
    stack = Stack("test")
    base = database(stack)
    for id in "ab":
        base.collection(id, name="N").string("name", 10)
    assert resolved(stack)


def two_way(key: str, *, mirrored: bool) -> Stack:
    stack = Stack("test")
    base = database(stack)
    base.collection("meetings", name="M").string("races", 10)
    base.collection("races", name="R").relationship(
        "meeting", "meetings", type="manyToOne", two_way=mirrored, two_way_key=key
    )
    return stack


@pytest.mark.parametrize("kind", ["collection", "database", "index", "function", "variable"])
def test_names_that_differ_only_in_case_are_the_same_to_the_server(kind: str) -> None:
    stack = Stack("test")
    if kind == "collection":
        for id in ("a", "A"):
            Database(stack, "d").collection(id, name="N")
        stack.database("d", name="D")
    elif kind == "database":
        for id in ("a", "A"):
            stack.database(id, name="D")
    elif kind == "index":
        for key in ("a", "A"):
            Collection(stack, "d", "c").index(key, "$createdAt")
        collection(stack)
    else:
        function(stack, id="a", variables={"a": "", "A": ""} if kind == "variable" else None)
        if kind == "function":
            function(stack, id="A")
    assert "only in case" in complaint(stack)


def test_the_mirror_of_a_two_way_relationship_clashes_with_an_attribute_there() -> None:
    said = complaint(two_way("Races", mirrored=True))
    assert "relationship.d/races/meeting: two_way_key 'Races' clashes with attribute.d/meetings/races" in said


def test_the_hidden_far_side_of_a_one_way_relationship_clashes_as_well() -> None:
    said = complaint(two_way("races", mirrored=False))
    assert "two_way_key 'races' clashes with attribute.d/meetings/races (the far side of a one-way" in said
    assert resolved(two_way("runs", mirrored=False))


def test_two_mirrors_in_one_collection_clash() -> None:
    stack = Stack("test")
    base = database(stack)
    base.collection("m", name="M")
    for id in "ab":
        base.collection(id, name="N").relationship("r", "m", type="manyToOne", two_way=True, two_way_key="same")
    assert "two_way_key 'same' clashes with relationship.d/a/r" in complaint(stack)


def test_many_to_many_relationships_of_two_databases_have_nothing_to_do_with_each_other() -> None:
    stack = Stack("test")
    for id in ("one", "two"):
        base = database(stack, id)
        base.collection("a", name="A").relationship("r", "b", type="manyToMany", two_way=True, two_way_key="x")
        base.collection("b", name="B")
    assert resolved(stack)


def test_a_second_many_to_many_between_the_same_collections_is_refused() -> None:
    stack = Stack("test")
    base = database(stack)
    base.collection("b", name="B")
    owner = base.collection("a", name="A")
    owner.relationship("one", "b", type="manyToMany", two_way_key="x")
    assert resolved(stack)
    owner.relationship("two", "b", type="manyToMany", two_way_key="y")
    assert "a second manyToMany relationship beside relationship.d/a/one" in complaint(stack)


def test_nor_may_it_come_from_the_other_side() -> None:
    stack = Stack("test")
    base = database(stack)
    a, b = base.collection("a", name="A"), base.collection("b", name="B")
    a.relationship("one", "b", type="manyToMany", two_way=True, two_way_key="x")
    b.relationship("two", "a", type="manyToMany", two_way=True, two_way_key="y")
    assert "a second manyToMany relationship" in complaint(stack)


def test_two_relationships_to_one_collection_need_different_two_way_keys() -> None:
    stack = Stack("test")
    base = database(stack)
    base.collection("horses", name="H")
    races = base.collection("races", name="R")
    races.relationship("winner", "horses", type="manyToOne")
    races.relationship("loser", "horses", type="manyToOne")
    assert "two_way_key 'races'" in complaint(stack)


# Row width.


@pytest.mark.parametrize(
    ("settings", "width"),
    [
        ({"type": "string", "size": 1}, 5),
        ({"type": "string", "size": 255}, 1021),
        ({"type": "string", "size": 256}, 1026),
        ({"type": "string", "size": 16_381}, 65_526),
        ({"type": "string", "size": 16_382}, 20),
        ({"type": "string", "size": 10, "array": True}, 20),
        ({"type": "integer", "max": 2_147_483_647}, 4),
        ({"type": "integer", "max": 2_147_483_648}, 8),
        ({"type": "integer"}, 8),
        ({"type": "float"}, 8),
        ({"type": "boolean"}, 1),
        ({"type": "datetime"}, 7),
        ({"type": "point"}, 25),
        ({"type": "line"}, 20),
        ({"type": "polygon"}, 20),
        ({"type": "email"}, 1017),
        ({"type": "ip"}, 157),
        ({"type": "url"}, 8002),
    ],
)
def test_width_of_an_attribute(settings: dict[str, Any], width: int) -> None:
    assert attribute_width(settings) == width


def filled(*, spare: int) -> tuple[Stack, Collection]:
    """A collection whose row is `spare` bytes below the limit."""
    stack, owner = new()
    left = limits.ROW_WIDTH - 1 - limits.ROW_WIDTH_BASE - spare
    size = (left - 2) // 4
    owner.string("wide", size)
    for number in range(left - (4 * size + 2)):
        owner.boolean(f"b{number}")
    return stack, owner


def test_a_row_may_be_just_below_the_limit() -> None:
    assert resolved(filled(spare=0)[0])


def test_one_byte_more_is_refused_with_the_numbers_and_the_widest_attribute() -> None:
    stack, owner = filled(spare=0)
    owner.boolean("more")
    said = complaint(stack)
    assert "a row would be 65535 bytes wide, Appwrite allows less than 65535" in said
    assert "the widest attribute is wide with" in said


def test_a_relationship_takes_1021_bytes() -> None:
    stack, owner = filled(spare=1021)
    owner.relationship("r", "c", type="oneToOne")
    assert resolved(stack)
    stack, owner = filled(spare=1020)
    owner.relationship("r", "c", type="oneToOne")
    assert "a row would be 65535 bytes wide" in complaint(stack)


def test_many_relationships_alone_can_be_too_wide() -> None:
    stack = Stack("test")
    base = database(stack)
    owner = base.collection("c", name="C")
    for number in range(70):
        owner.relationship(f"r{number}", "c", type="manyToMany", two_way_key=f"k{number}")
    assert any("bytes wide" in str(each) for each in problems(stack))


def test_a_collection_has_at_most_1010_attributes() -> None:
    stack, owner = new()
    for number in range(limits.COLUMNS):
        owner.boolean(f"b{number}")
    assert resolved(stack)
    owner.boolean("more")
    assert "has 1011 attributes; at most 1010 fit" in complaint(stack)


# Indexes.


def indexed(*sizes: int, **settings: Any) -> Stack:
    stack, owner = new()
    names = [f"a{number}" for number in range(len(sizes))]
    for name, size in zip(names, sizes, strict=True):
        owner.string(name, size)
    owner.index("i", *names, **settings)
    return stack


@pytest.mark.parametrize("type", ["key", "unique"])
def test_an_index_may_be_768_characters_long(type: str) -> None:
    assert resolved(indexed(500, 268, type=type))


@pytest.mark.parametrize("type", ["key", "unique"])
def test_a_longer_index_is_refused_with_the_numbers(type: str) -> None:
    assert "is 769 characters long, Appwrite allows 768; give lengths" in complaint(indexed(500, 269, type=type))


def test_a_length_shortens_what_an_attribute_counts_for() -> None:
    assert resolved(indexed(5000, 268, lengths=[500]))
    assert "is 769 characters long" in complaint(indexed(5000, 269, lengths=[500]))


def test_length_zero_means_the_whole_attribute() -> None:
    assert "is 5000 characters long" in complaint(indexed(5000, lengths=[0]))


def test_a_fulltext_index_may_be_of_any_length() -> None:
    assert resolved(indexed(5000, type="fulltext"))


def test_a_length_may_be_the_size_but_not_more() -> None:
    assert resolved(indexed(10, lengths=[10]))
    assert "length 11 of 'a0' is above its size 10" in complaint(indexed(10, lengths=[11]))


@pytest.mark.parametrize(("method", "units"), [("integer", 1), ("boolean", 1), ("datetime", 1), ("float", 2)])
def test_other_types_count_too(method: str, units: int) -> None:
    stack, owner = new()
    owner.string("a", limits.INDEX_LENGTH - units + 1)
    getattr(owner, method)("b")
    owner.index("i", "a", "b")
    assert "characters long" in complaint(stack)


@pytest.mark.parametrize(
    ("method", "settings", "longest"),
    [
        ("integer", {}, 766),
        ("integer", {"max": 2**31 - 1}, 767),
        ("boolean", {}, 767),
        ("datetime", {}, 766),
        ("float", {}, 766),
    ],
)
def test_an_index_has_at_most_3072_bytes(method: str, settings: dict[str, Any], longest: int) -> None:
    """Appwrite counts an integer and a date as one character, MariaDB as eight and seven bytes."""
    for size in (longest, longest + 1):
        stack, owner = new()
        owner.string("a", size)
        getattr(owner, method)("b", **settings)
        owner.index("i", "a", "b")
        assert resolved(stack) if size == longest else " long" in complaint(stack)


def test_the_id_counts_255() -> None:
    stack, owner = new()
    owner.string("a", 514)
    owner.index("i", "a", "$id")
    assert "is 769 characters long" in complaint(stack)


@pytest.mark.parametrize("method", ["integer", "float", "boolean", "datetime"])
def test_a_fulltext_index_needs_text(method: str) -> None:
    stack, owner = new()
    getattr(owner, method)("a")
    owner.index("i", "a", type="fulltext")
    assert "a fulltext index needs text" in complaint(stack)


@pytest.mark.parametrize("type", ["unique", "fulltext"])
def test_only_a_key_index_may_be_on_an_array(type: str) -> None:
    stack, owner = new()
    owner.string("a", 10, array=True)
    owner.index("i", "a", type=type)
    assert f"a {type} index cannot be on the array 'a'" in complaint(stack)


def test_an_index_has_at_most_one_array() -> None:
    stack, owner = new()
    owner.string("a", 10, array=True)
    owner.string("b", 10, array=True)
    owner.index("i", "a")
    owner.index("j", "b")
    assert resolved(stack)
    owner.index("k", "a", "b")
    assert "index.d/c/k: has more than one array attribute" in complaint(stack)


def test_an_array_counts_255_characters_whatever_its_size() -> None:
    for other, fits in ((513, True), (514, False)):
        stack, owner = new()
        owner.string("a", 5000, array=True)
        owner.string("b", other)
        owner.index("i", "a", "b")
        assert resolved(stack) if fits else "is 769 characters long" in complaint(stack)


def test_a_collection_has_at_most_58_indexes() -> None:
    stack, owner = new()
    owner.string("a", 10)
    for number in range(limits.INDEXES):
        owner.index(f"i{number}", "a")
    assert resolved(stack)
    owner.index("more", "a")
    assert "collection.d/c: has 59 indexes; at most 58 fit" in complaint(stack)


def test_a_length_on_something_that_is_no_text_is_refused() -> None:
    stack, owner = new()
    owner.integer("a")
    owner.index("i", "a", lengths=[5])
    assert "length" in complaint(stack)


def test_a_spatial_index_needs_a_required_spatial_attribute() -> None:
    stack, owner = new()
    owner.string("a", 10, required=True)
    owner.point("b")
    owner.point("c", required=True)
    owner.index("i", "a", type="spatial")
    owner.index("j", "b", type="spatial")
    owner.index("k", "c", type="spatial")
    assert [each.subject for each in problems(stack)] == ["index.d/c/i", "index.d/c/j"]


def test_a_spatial_attribute_needs_a_spatial_index() -> None:
    stack, owner = new()
    owner.point("a", required=True)
    owner.index("i", "a")
    assert "a key index cannot be on 'a', which is point" in complaint(stack)


# Locks.


def test_a_lock_needs_a_declared_collection_to_be_kept_in() -> None:
    stack = Stack("test", lock_store=("d", "elsewhere"))
    function(stack, lock=LOCK)
    assert "the stack's lock_store d/elsewhere is not a declared collection" in complaint(stack)


def test_a_lock_without_any_lock_store_is_refused() -> None:
    stack = Stack("test")
    function(stack, lock=LOCK)
    assert "lock_store (none)" in complaint(stack)


def test_functions_without_locks_need_no_lock_store() -> None:
    stack = Stack("test")
    function(stack)
    assert resolved(stack)


def test_two_functions_cannot_share_a_lock() -> None:
    stack = stack_with_function(lock=LOCK)
    function(stack, "g", lock=Lock("f-lock", stale_after=3, heartbeat=1, expiry=5))
    said = complaint(stack)
    assert "function.g: lock 'f-lock' is already used by function.f" in said

"""What must be done before what."""

from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.model.address import Address
from raceday_iac.model.resource import Resource, frozen
from raceday_iac.model.stack import Collection, Stack
from raceday_iac.planning import Plan

from ..applied import NOTHING, plan, plan_between, precedes
from ..declaring import address, collection, database, function, resolved


def everything() -> Stack:
    stack = Stack("test")
    base = database(stack)
    base.collection("other", name="O")
    owner = base.collection("c", name="C")
    owner.string("a", 10)
    owner.relationship("r", "other", type="manyToOne")
    owner.relationship("s", "other", type="manyToOne", two_way_key="t")
    owner.index("i", "a")
    function(stack, variables={"K": "v"})
    return stack


def created() -> Plan:
    desired = resolved(everything())
    at = Address("deployment", "f")
    return plan(desired.with_resources({at: Resource(at, frozen({"digest": "1"}), (address("function.f"),))}))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("create:database.d", "create:collection.d/c"),
        ("create:collection.d/c", "create:attribute.d/c/a"),
        ("create:collection.d/other", "create:relationship.d/c/r"),
        ("create:attribute.d/c/a", "create:index.d/c/i"),
        ("create:function.f", "create:variable.f/K"),
        ("create:variable.f/K", "deploy:deployment.f"),
        ("create:index.d/c/i", "deploy:deployment.f"),
        ("create:relationship.d/c/s", "deploy:deployment.f"),
        ("create:function.f", "deploy:deployment.f"),
    ],
)
def test_what_is_built_in_order(first: str, second: str) -> None:
    assert precedes(created(), first, second)
    assert not precedes(created(), second, first)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("create:attribute.d/c/a", "create:relationship.d/c/r"),
        ("create:function.f", "create:database.d"),
        ("create:collection.d/c", "create:collection.d/other"),
        # That they follow each other is a matter of turns, not of what needs what.
        ("create:relationship.d/c/r", "create:relationship.d/c/s"),
    ],
)
def test_what_nothing_orders_may_run_at_the_same_time(one: str, other: str) -> None:
    assert not precedes(created(), one, other)
    assert not precedes(created(), other, one)


def test_changes_are_shown_schema_first_then_functions_variables_code() -> None:
    kinds = [each.address.kind for each in created().changes]
    assert list(dict.fromkeys(kinds)) == [
        "database",
        "collection",
        "attribute",
        "relationship",
        "index",
        "function",
        "variable",
        "deployment",
    ]


def shrunk() -> Plan:
    """Only an empty collection `c` and a new function are wanted; all else goes."""
    stack = Stack("test")
    collection(stack, "c")
    function(stack, "g")
    return plan_between(everything(), stack)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("create:function.g", "delete:function.f"),
        ("create:function.g", "delete:collection.d/other"),
        ("create:function.g", "delete:attribute.d/c/a"),
        ("delete:index.d/c/i", "delete:attribute.d/c/a"),
        ("delete:relationship.d/c/r", "delete:collection.d/other"),
    ],
)
def test_deletions_come_last_and_from_the_inside_out(first: str, second: str) -> None:
    assert precedes(shrunk(), first, second)


def test_what_only_touches_the_state_comes_last() -> None:
    touching = [each.touches_server for each in plan_between(everything(), NOTHING).changes]
    assert touching == sorted(touching, reverse=True)
    assert set(touching) == {True, False}


# Keys that change hands.


def one_column(kind: str, key: str = "x") -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    if kind == "relationship":
        owner.relationship(key, "c", type="oneToOne", two_way_key="back")
    else:
        getattr(owner, kind)(key)
    return stack


@pytest.mark.parametrize(("before", "after"), [("boolean", "relationship"), ("relationship", "boolean")])
def test_an_attribute_that_becomes_a_relationship_is_deleted_first(before: str, after: str) -> None:
    found = plan_between(one_column(before), one_column(after))
    deleted, built = (next(each.key for each in found.changes if each.action == what) for what in ("delete", "create"))
    assert precedes(found, deleted, built)


def test_an_attribute_that_changes_only_the_case_of_its_key_is_deleted_first() -> None:
    found = plan_between(one_column("boolean", "x"), one_column("boolean", "X"))
    assert precedes(found, "delete:attribute.d/c/x", "create:attribute.d/c/X")


def test_another_key_is_deleted_last() -> None:
    found = plan_between(one_column("boolean", "x"), one_column("boolean", "y"))
    assert precedes(found, "create:attribute.d/c/y", "delete:attribute.d/c/x")


# Indexes and attributes that are replaced.


def indexed(type: str, *, index: bool = True) -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("b", 10)
    getattr(owner, type)("a")
    if index:
        owner.index("i", "a", "b", type="unique")
    return stack


def requirements(found: Plan, key: str) -> tuple[str, ...]:
    return next(each.requires for each in found.changes if each.key == key)


def test_an_index_is_removed_before_its_attribute_is_replaced_and_made_again_after() -> None:
    found = plan_between(indexed("boolean"), indexed("integer"))
    assert "removal:replace:index.d/c/i" in requirements(found, "replace:attribute.d/c/a")
    assert "replace:attribute.d/c/a" in requirements(found, "replace:index.d/c/i")


def test_an_index_that_goes_is_deleted_before_its_attribute_is_replaced() -> None:
    found = plan_between(indexed("boolean"), indexed("integer", index=False))
    assert precedes(found, "delete:index.d/c/i", "replace:attribute.d/c/a")


def test_an_index_that_only_changes_the_case_of_its_key_is_deleted_first() -> None:
    other = indexed("boolean", index=False)
    Collection(other, "d", "c").index("I", "a", "b", type="unique")
    found = plan_between(indexed("boolean"), other)
    assert precedes(found, "delete:index.d/c/i", "create:index.d/c/I")


# Names and pairs that cannot be there twice.


def named(collection: str = "c", **settings: Any) -> Stack:
    stack = Stack("test")
    database(stack).collection(collection, name="C")
    function(stack, **settings)
    return stack


def test_a_collection_that_only_changes_the_case_of_its_id_is_deleted_first() -> None:
    found = plan_between(named("c"), named("C"))
    assert precedes(found, "delete:collection.d/c", "create:collection.d/C")


def test_a_function_that_only_changes_the_case_of_its_id_is_deleted_first() -> None:
    found = plan_between(named(id="f"), named(id="F"))
    assert precedes(found, "delete:function.f", "create:function.F")


def test_a_variable_that_only_changes_the_case_of_its_key_is_deleted_first() -> None:
    found = plan_between(named(variables={"k": "1"}), named(variables={"K": "1"}))
    assert precedes(found, "delete:variable.f/k", "create:variable.f/K")


def paired(key: str) -> Stack:
    stack = Stack("test")
    base = database(stack)
    base.collection("other", name="O")
    base.collection("c", name="C").relationship(key, "other", type="manyToMany", two_way_key=f"of-{key}")
    return stack


def test_of_two_many_to_many_relationships_between_two_collections_the_old_one_goes_first() -> None:
    found = plan_between(paired("a"), paired("b"))
    assert precedes(found, "delete:relationship.d/c/a", "create:relationship.d/c/b")


def related(*, with_attribute: bool) -> Stack:
    """Either `c` with an attribute `key`, or another collection whose relationship takes that key of `c`."""
    stack = Stack("test")
    base = database(stack)
    owner = base.collection("c", name="C")
    if with_attribute:
        owner.boolean("key")
    else:
        base.collection("other", name="O").relationship("r", "c", type="manyToOne", two_way_key="key")
    return stack


def test_a_collection_goes_before_an_attribute_that_takes_the_key_of_its_relationships_far_side() -> None:
    found = plan_between(related(with_attribute=False), related(with_attribute=True))
    assert precedes(found, "delete:collection.d/other", "create:attribute.d/c/key")


@pytest.mark.parametrize("rewriting", ["update", "convert"])
def test_rules_become_stricter_when_no_documents_are_written_any_more(rewriting: str) -> None:
    """Appwrite checks whole documents, at every write."""
    before, after = Stack("test"), Stack("test")
    old, new = collection(before), collection(after)
    old.string("a", 10)
    new.string("a", 5) if rewriting == "update" else new.integer("a")
    old.string("b", 10)
    new.string("b", 10, required=True)
    new.string("n", 10, required=True)
    if rewriting == "convert":
        after.convert("attribute.d/c/a")
    found = plan_between(before, after)
    assert precedes(found, f"{rewriting}:attribute.d/c/a", "update:attribute.d/c/b")
    assert precedes(found, f"{rewriting}:attribute.d/c/a", "create:attribute.d/c/n")


def test_a_conversion_under_a_new_name_waits_for_the_name() -> None:
    before, after = Stack("test"), Stack("test")
    collection(before).string("a", 10)
    collection(after).integer("b")
    after.moved("attribute.d/c/a", "attribute.d/c/b")
    after.convert("attribute.d/c/b")
    found = plan_between(before, after)
    assert precedes(found, "move:attribute.d/c/b", "convert:attribute.d/c/b")
    assert not precedes(found, "convert:attribute.d/c/b", "move:attribute.d/c/b")


def with_documents(*, required: bool, declares: bool = True, has_document: bool = True) -> Stack:
    stack = Stack("test")
    owner = collection(stack, "c")
    owner.string("kept", 10)
    if declares:
        owner.string("old", 10, required=required)
    if has_document:
        owner.document("main", {"kept": "x", **({"old": "y"} if declares and required else {})})
    return stack


def test_a_required_column_goes_before_a_document_is_made_that_would_need_a_value_of_it() -> None:
    before = with_documents(required=True, has_document=False)
    found = plan_between(before, with_documents(required=True, declares=False))
    assert precedes(found, "delete:attribute.d/c/old", "create:document.d/c/main")
    before = with_documents(required=False, has_document=False)
    found = plan_between(before, with_documents(required=False, declares=False))
    # What is not in the way goes last, as everything does.
    assert precedes(found, "create:document.d/c/main", "delete:attribute.d/c/old")


def test_a_document_waits_for_a_column_that_it_says_nothing_of() -> None:
    before = with_documents(required=True, has_document=False)
    found = plan_between(before, with_documents(required=False))
    assert precedes(found, "update:attribute.d/c/old", "create:document.d/c/main")


def linked(*, holder: bool = True, link: bool = True, first: bool = True, target: bool = True) -> Stack:
    """A document of `a` that leads to one of `b`."""
    stack = Stack("test")
    base = database(stack)
    if first:
        a = base.collection("a", name="A")
        a.string("text", 10)
        if link:
            a.relationship("to", "b", type="manyToOne")
        if holder:
            a.document("holder", {"text": "x", **({"to": "target"} if link else {})})
    b = base.collection("b", name="B")
    b.string("text", 10)
    if target:
        b.document("target", {"text": "y"})
    return stack


@pytest.mark.parametrize(
    ("after", "first"),
    [
        (linked(holder=False, target=False), "delete:document.d/a/holder"),
        (linked(link=False, target=False), "delete:relationship.d/a/to"),
        # The holder goes with its collection.
        (linked(first=False, target=False), "delete:collection.d/a"),
    ],
)
def test_a_document_goes_when_nothing_leads_to_it_any_more(after: Stack, first: str) -> None:
    assert precedes(plan_between(linked(), after), first, "delete:document.d/b/target")

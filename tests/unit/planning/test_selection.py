"""Parts of plans: what is kept, what it pulls in, and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raceday_iac.applying.scheduler import make_steps
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Desired, Resource, frozen
from raceday_iac.model.stack import Collection, Stack
from raceday_iac.planning import Action, Change, Plan, PlanOptions, Reason
from raceday_iac.planning.plan import lies_in, select

from ..applied import NOTHING, live_as, plan, precedes, state_of
from ..declaring import address, database, function, resolved
from ..projects import plan_options, projects


def addresses(*texts: str) -> frozenset[Address]:
    return frozenset(map(address, texts))


def part(before: Stack, after: Stack, *targets: str, without: Sequence[str] = (), **settings: Any) -> Plan:
    """A part of the plan from one stack to another."""
    old = resolved(before)
    plan_options = PlanOptions(targets=addresses(*targets), excluded=addresses(*without))
    return plan(resolved(after), state_of(old), live_as(old), plan_options=plan_options, **settings)


def keys(of: Plan) -> set[str]:
    return {change.key for change in of.changes}


def left_out(of: Plan) -> set[str]:
    return {change.key for change in of.left_out}


def schema(*columns: str, index: Sequence[str] = (), name: str = "c", into: Stack | None = None) -> Stack:
    """A collection with text attributes, and an index over some of them."""
    stack = into or Stack("test")
    if not stack.declarations:
        database(stack)
    owner = Collection(stack, "d", name)
    stack._declare("collection", ("d",), {"id": name, "name": "C", "permissions": (), **SWITCHES})
    for each in columns:
        owner.string(each, 10)
    if index:
        owner.index("i", *index)
    return stack


SWITCHES = {"document_security": False, "enabled": True}


def with_function(**settings: Any) -> Stack:
    stack = Stack("test")
    function(stack, **settings)
    return stack


def coded(stack: Stack, digest: str = "1") -> Desired:
    """The stack, with a bundle for the function `f`."""
    desired = resolved(stack)
    at = Address("deployment", "f")
    return desired.with_resources({at: Resource(at, frozen({"digest": digest}), (address("function.f"),))})


# Targets.


def test_a_whole_plan_is_left_as_it_is() -> None:
    whole = plan(resolved(schema("a")))
    assert select(whole.changes, PlanOptions(refresh_only=True)).kept == whole.changes


def test_a_target_brings_what_lies_in_it_and_what_it_lies_in() -> None:
    both = schema("a", name="e", into=schema("a", "b", index=["a"]))
    found = part(NOTHING, both, "collection.d/c")
    assert keys(found) == {
        "create:database.d",
        "create:collection.d/c",
        "create:attribute.d/c/a",
        "create:attribute.d/c/b",
        "create:index.d/c/i",
    }
    assert left_out(found) == {"create:collection.d/e", "create:attribute.d/e/a"}


def test_an_index_brings_its_attributes_and_no_others() -> None:
    found = part(schema("old"), schema("old", "a", "b", index=["a"]), "index.d/c/i")
    assert keys(found) == {"create:attribute.d/c/a", "create:index.d/c/i"}


def test_what_is_there_only_because_it_is_needed_says_by_whom() -> None:
    found = part(schema("old"), schema("old", "a", index=["a"]), "index.d/c/i")
    reasons = {change.key: change.reason for change in found.changes}
    assert reasons["create:attribute.d/c/a"] == "the stack declares it (needed by index.d/c/i)"
    assert reasons["create:index.d/c/i"] == "the stack declares it"


def test_new_code_brings_the_function_and_its_variables_but_not_the_whole_schema() -> None:
    stack = schema("a", into=Stack("test"))
    function(stack, variables={"K": "v"}, schedule="0 1 * * *")
    plan_options = PlanOptions(targets=addresses("deployment.f"))
    found = plan(coded(stack), plan_options=plan_options)
    assert keys(found) == {"create:function.f", "create:variable.f/K", "deploy:deployment.f"}
    assert "schedule:function.f" in left_out(found)


def test_the_target_is_deployed_after_the_schema_that_is_in_the_plan_with_it() -> None:
    stack = schema("a")
    function(stack)
    found = plan(coded(stack), plan_options=PlanOptions(targets=addresses("deployment.f", "attribute.d/c/a")))
    assert precedes(found, "create:attribute.d/c/a", "deploy:deployment.f")


def test_what_only_the_state_knows_can_be_a_target() -> None:
    found = part(with_function(variables={"K": "v", "L": "w"}), with_function(), "variable.f/K")
    assert keys(found) == {"delete:variable.f/K"}
    assert left_out(found) == {"delete:variable.f/L"}


def test_a_targeted_part_of_something_that_goes_is_deleted_by_itself() -> None:
    """Its owner was not asked for; and forgotten it would be nobody's while it lives."""
    found = part(with_function(variables={"K": "v", "L": "w"}), NOTHING, "variable.f/K")
    assert keys(found) == {"delete:variable.f/K"}
    assert left_out(found) == {"delete:function.f", "delete:variable.f/L"}


def test_a_targeted_collection_does_not_take_its_database_along() -> None:
    found = part(schema("a"), NOTHING, "collection.d/c")
    assert keys(found) == {"delete:collection.d/c", "delete:attribute.d/c/a"}
    assert left_out(found) == {"delete:database.d"}


def test_a_targeted_database_goes_as_a_whole() -> None:
    found = part(schema("a"), NOTHING, "database.d")
    assert keys(found) == {"delete:database.d", "delete:collection.d/c", "delete:attribute.d/c/a"}


def test_a_deleted_attribute_brings_the_deletion_of_the_indexes_over_it_and_of_nothing_else() -> None:
    before = schema("a", "x", index=["x"], name="e", into=schema("a", "b", "x", index=["a"]))
    after = schema("x", name="e", into=schema("x"))
    found = part(before, after, "attribute.d/c/a")
    assert keys(found) == {"delete:index.d/c/i", "delete:attribute.d/c/a"}


def test_an_index_beside_it_is_not_brought_along() -> None:
    found = part(schema("a", "b", index=["b"]), schema("b"), "attribute.d/c/a")
    assert keys(found) == {"delete:attribute.d/c/a"}


def test_a_deleted_collection_brings_the_relationships_to_it_and_nothing_of_other_collections() -> None:
    before = schema("x", name="e", into=schema("a"))
    Collection(before, "d", "e").relationship("r", "c", type="manyToOne")
    found = part(before, schema(name="e"), "collection.d/c")
    assert keys(found) == {"delete:relationship.d/e/r", "delete:collection.d/c", "delete:attribute.d/c/a"}


def test_what_takes_over_a_name_brings_the_removal_of_who_has_it() -> None:
    """Appwrite compares without case."""
    found = part(schema("a", "x"), schema("A", "y"), "attribute.d/c/A")
    assert keys(found) == {"delete:attribute.d/c/a", "create:attribute.d/c/A"}
    assert precedes(found, "delete:attribute.d/c/a", "create:attribute.d/c/A")


def test_data_that_a_pulled_in_deletion_would_lose_is_guarded() -> None:
    found = part(schema("a"), schema("A"), "attribute.d/c/A", documents=3)
    assert [str(each.address) for each in found.refusals] == ["attribute.d/c/a"]


def test_what_is_left_out_is_not_guarded() -> None:
    assert part(schema("a"), schema("b"), "attribute.d/c/b", documents=3).refusals == ()


def test_a_replacement_brings_the_indexes_over_it() -> None:
    after = Stack("test")
    owner = database(after).collection("c", name="C")
    owner.integer("a")
    owner.index("i", "a")
    found = part(schema("a", index=["a"]), after, "attribute.d/c/a")
    assert keys(found) == {"replace:attribute.d/c/a", "replace:index.d/c/i"}


# Exclusions.


def test_what_is_excluded_goes_with_all_that_needs_it() -> None:
    found = part(schema("x"), schema("x", "a", "b", index=["a"]), without=["attribute.d/c/a"])
    assert keys(found) == {"create:attribute.d/c/b"}
    assert left_out(found) == {"create:attribute.d/c/a", "create:index.d/c/i"}


def test_an_excluded_function_keeps_its_variables_code_and_schedule_back() -> None:
    stack = with_function(variables={"K": "v"}, schedule="0 1 * * *")
    function(stack, "g")
    found = plan(coded(stack), plan_options=PlanOptions(excluded=addresses("function.f")))
    assert keys(found) == {"create:function.g"}
    assert left_out(found) == {
        "create:function.f",
        "create:variable.f/K",
        "deploy:deployment.f",
        "schedule:function.f",
    }


def test_without_its_code_a_schedule_is_not_armed() -> None:
    found = plan(
        coded(with_function(schedule="0 1 * * *")), plan_options=PlanOptions(excluded=addresses("deployment.f"))
    )
    assert keys(found) == {"create:function.f"}
    assert left_out(found) == {"deploy:deployment.f", "schedule:function.f"}


def test_without_a_variable_the_code_that_needs_it_waits() -> None:
    found = plan(
        coded(with_function(variables={"K": "v"})), plan_options=PlanOptions(excluded=addresses("variable.f/K"))
    )
    assert keys(found) == {"create:function.f"}


def test_an_index_that_stays_keeps_its_attribute() -> None:
    found = part(schema("a", "x", index=["a"]), schema("x"), without=["index.d/c/i"])
    assert keys(found) == set()
    assert left_out(found) == {"delete:index.d/c/i", "delete:attribute.d/c/a"}


@pytest.mark.parametrize("kept", ["collection.d/c", "index.d/c/i"])
def test_what_is_excluded_does_not_go_with_its_database(kept: str) -> None:
    found = part(schema("a", index=["a"]), NOTHING, without=[kept])
    assert keys(found) == set()


def test_beside_what_is_excluded_the_rest_goes_by_itself() -> None:
    found = part(schema("x", name="e", into=schema("a", "b")), NOTHING, without=["attribute.d/c/a"])
    assert keys(found) == {"delete:attribute.d/c/b", "delete:collection.d/e", "delete:attribute.d/e/x"}
    assert left_out(found) == {"delete:attribute.d/c/a", "delete:collection.d/c", "delete:database.d"}


def test_an_excluded_variable_keeps_its_function_but_not_the_others() -> None:
    found = part(with_function(variables={"K": "v", "L": "w"}), NOTHING, without=["variable.f/K"])
    assert keys(found) == {"delete:variable.f/L"}


def test_a_change_of_an_owner_that_does_not_matter_is_not_brought_along() -> None:
    before, after = with_function(timeout=60), with_function(timeout=90, variables={"K": "v"})
    assert keys(part(before, after, "variable.f/K")) == {"create:variable.f/K"}
    assert precedes(plan_of(before, after), "update:function.f", "create:variable.f/K")


def test_new_code_brings_every_change_of_its_function() -> None:
    before, after = with_function(), coded(with_function(runtime="node-22"))
    plan_options = PlanOptions(targets=addresses("deployment.f"))
    found = plan(after, state_of(resolved(before)), live_as(resolved(before)), plan_options=plan_options)
    assert keys(found) == {"update:function.f", "deploy:deployment.f"}


def test_a_relationship_that_stays_keeps_the_collection_that_it_leads_to() -> None:
    before = schema(name="e", into=schema("a"))
    Collection(before, "d", "e").relationship("r", "c", type="manyToOne")
    found = part(before, schema(name="e"), without=["relationship.d/e/r"])
    assert keys(found) == set()


def test_a_tombstone_can_be_excluded() -> None:
    stack = Stack("test")
    stack.absent("function.f", reason="it is old")
    found = plan(
        resolved(stack),
        None,
        live_as(resolved(with_function())),
        plan_options=PlanOptions(excluded=addresses("function.f")),
    )
    assert keys(found) == set()
    assert left_out(found) == {"delete:function.f"}


def test_what_was_only_needed_by_something_excluded_is_not_done_for_nothing() -> None:
    after = schema("x", "a", "b", index=["a", "b"])
    found = part(schema("x"), after, "index.d/c/i", without=["attribute.d/c/b"])
    assert keys(found) == set()


def test_of_a_target_a_part_can_be_excluded() -> None:
    found = part(NOTHING, with_function(variables={"K": "v", "L": "w"}), "function.f", without=["variable.f/L"])
    assert keys(found) == {"create:function.f", "create:variable.f/K"}


# Order.


def test_what_came_one_after_the_other_still_does_without_the_one_between() -> None:
    names = [Address("attribute", f"d/c/{name}") for name in "abc"]
    keys_of = [f"create:{each}" for each in names]
    line = [
        Change(each, Action.CREATE, "", requires=tuple(keys_of[max(0, place - 1) : place]), why=Reason.DECLARED)
        for place, each in enumerate(names)
    ]
    kept = select(line, PlanOptions(excluded=frozenset({names[1]}))).kept
    assert [(each.key, each.requires) for each in kept] == [(keys_of[0], ()), (keys_of[2], (keys_of[0],))]


def test_deletions_that_a_new_name_waits_for_do_not_wait_for_it() -> None:
    """The relationship to the old collection must go before it, and that before the new one comes."""
    before = schema(name="e", into=schema(name="C"))
    Collection(before, "d", "e").relationship("r", "C", type="manyToOne")
    found = plan_of(before, schema(name="e", into=schema()))
    assert precedes(found, "delete:relationship.d/e/r", "delete:collection.d/C")
    assert precedes(found, "delete:collection.d/C", "create:collection.d/c")
    must_have_an_end(found)


def plan_of(before: Stack, after: Stack) -> Plan:
    old = resolved(before)
    return plan(resolved(after), state_of(old), live_as(old))


def must_have_an_end(of: Plan, desired: Desired | None = None) -> None:
    """Nothing waits for itself: each step can be taken at some time."""
    waiting = {step.key: set(step.requires) for step in make_steps(of.changes, desired or resolved(NOTHING), of.real)}
    while ready := [key for key, requires in waiting.items() if not requires & waiting.keys()]:
        for key in ready:
            del waiting[key]
    assert not waiting


# Any part of any plan.


def with_some_code(stack: Stack, digest: str) -> Desired:
    desired = resolved(stack)
    return coded(stack, digest) if address("function.f") in desired.resources else desired


def all_that_a_kept_change_needs_is_kept(found: Plan, _whole: Plan, _asked: PlanOptions) -> None:
    needs = {need.removeprefix("removal:") for change in found.changes for need in change.needs}
    assert not needs & left_out(found)


def no_kept_change_waits_for_one_that_is_not(found: Plan, _whole: Plan, _asked: PlanOptions) -> None:
    requires = {need.removeprefix("removal:") for change in found.changes for need in change.requires}
    assert requires <= keys(found)


def what_is_kept_and_what_is_left_out_are_all_there_is(found: Plan, whole: Plan, asked: PlanOptions) -> None:
    assert not keys(found) & left_out(found)
    together = {change.address for change in (*found.changes, *found.left_out)}
    assert together == {change.address for change in whole.changes}
    # What goes with its owner in the whole plan goes by itself where that stays.
    if not asked.is_partial:
        assert keys(found) | left_out(found) == keys(whole)


def what_is_excluded_is_neither_changed_nor_does_it_go_with_its_owner(
    found: Plan, _whole: Plan, asked: PlanOptions
) -> None:
    for change in found.changes:
        assert not lies_in(change.address, asked.excluded)
        if change.action in (Action.DELETE, Action.FORGET):
            assert not any(lies_in(each, [change.address]) for each in asked.excluded)


def nothing_is_kept_that_was_neither_asked_for_nor_needed(found: Plan, _whole: Plan, asked: PlanOptions) -> None:
    needed = {need.removeprefix("removal:") for change in found.changes for need in change.needs}
    for change in found.changes:
        assert not asked.targets or lies_in(change.address, asked.targets) or change.key in needed


def every_target_that_nothing_stands_against_is_kept(found: Plan, _whole: Plan, asked: PlanOptions) -> None:
    if not asked.excluded:
        assert not any(lies_in(change.address, asked.targets) for change in found.left_out if asked.targets)


def the_order_of_the_whole_plan_holds_in_its_part(found: Plan, whole: Plan, asked: PlanOptions) -> None:
    if asked.targets:
        return
    required = {change.key: closure(change, whole) for change in whole.changes}
    if not keys(found) <= required.keys():
        return
    owners = {change.key: change.goes_with for change in whole.changes}
    for change in found.changes:
        # What goes by itself here need not wait for what the owner waits for that it goes with there.
        if change.goes_with == owners[change.key]:
            within = {key for key in required[change.key] if key in keys(found)}
            assert within <= closure(change, found)


CHECKS: tuple[Callable[[Plan, Plan, PlanOptions], None], ...] = (
    all_that_a_kept_change_needs_is_kept,
    no_kept_change_waits_for_one_that_is_not,
    what_is_kept_and_what_is_left_out_are_all_there_is,
    what_is_excluded_is_neither_changed_nor_does_it_go_with_its_owner,
    nothing_is_kept_that_was_neither_asked_for_nor_needed,
    every_target_that_nothing_stands_against_is_kept,
    the_order_of_the_whole_plan_holds_in_its_part,
)


@settings(max_examples=60)
@given(st.data())
def test_a_part_of_any_plan_holds_together(data: st.DataObject) -> None:
    """One test, because to draw two projects takes longer than to look at the plan between them."""
    before, after = (
        with_some_code(data.draw(projects()), data.draw(st.sampled_from("12"), "digest")) for _ in range(2)
    )
    asked = data.draw(plan_options(before, after))
    sides = (after, state_of(before), live_as(before))
    found = plan(*sides, plan_options=asked)
    # Without targets, nothing is planned otherwise than in the whole plan.
    whole = plan(*sides, plan_options=replace(asked, targets=frozenset(), excluded=frozenset()))
    for check in CHECKS:
        check(found, whole, asked)
    must_have_an_end(found, after)


def closure(change: Change, of: Plan) -> set[str]:
    """All that must be done before, directly or not; changes alone, without instants in them."""
    by_key = {each.key: each for each in of.changes}
    found: set[str] = set()
    todo = list(by_key[change.key].requires)
    while todo:
        key = todo.pop()
        if key in by_key and key not in found:
            found.add(key)
            todo += by_key[key].requires
    return found

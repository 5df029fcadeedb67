"""Renames, forgetting, protection and ignored fields, in whole plans."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from raceday_iac.model.address import Address
from raceday_iac.model.evidence import Answer, Question
from raceday_iac.model.resource import Live, Resource, frozen
from raceday_iac.model.stack import Collection, FromEnvironment, Stack
from raceday_iac.planning import Plan, build_plan
from raceday_iac.planning.lifecycle import renamed_in_state
from raceday_iac.planning.saved import plan_document, read_plan, saved_plan
from raceday_iac.provider import Snapshot
from raceday_iac.state.document import Entry, State

from ..applied import FACTS, actions, change, live_as, plan, plan_between, precedes, state_of
from ..declaring import address, collection, function, resolved, stack_with_function


def texts(*keys: str, moved: dict[str, str] | None = None, **settings: Any) -> Stack:
    """A collection with texts; `moved` from old names to new ones."""
    stack = Stack("test")
    owner = collection(stack)
    for key in keys:
        owner.string(key, **{"size": 10, **settings})
    for old, new in (moved or {}).items():
        stack.moved(f"attribute.d/c/{old}", f"attribute.d/c/{new}")
    return stack


def keys(of: Plan) -> list[str]:
    return [each.key for each in of.changes]


def live(*names: str) -> dict[Address, Live]:
    return live_as(resolved(texts(*names)))


def state(*names: str) -> State:
    return state_of(resolved(texts(*names)))


# Renames.


def test_a_rename_is_one_change_and_costs_nothing() -> None:
    found = plan_between(texts("a"), texts("b", moved={"a": "b"}), documents=9)
    assert keys(found) == ["move:attribute.d/c/b"]
    assert change(found, "attribute.d/c/b").reason == "renamed from attribute.d/c/a"
    assert found.refusals == ()


def test_a_rename_shows_machines_what_it_was() -> None:
    found = plan_between(texts("a"), texts("b", moved={"a": "b"}))
    (reported,) = plan_document(found)["changes"]
    assert (reported["action"], reported["address"], reported["was"]) == ("move", "attribute.d/c/b", "attribute.d/c/a")


def test_a_saved_plan_holds_renames_and_conversions() -> None:
    after = texts("b", moved={"a": "b"}, array=True)
    after.convert("attribute.d/c/b")
    desired = resolved(after)
    saved = saved_plan(plan(desired, state("a"), live("a")), desired, "e", "p", "s")
    again = read_plan(saved.to_text(), "file")
    assert [(each["action"], each.get("was")) for each in again.changes] == [
        ("move", "attribute.d/c/a"),
        ("convert", None),
    ]


def test_what_else_changes_comes_after_the_new_name() -> None:
    found = plan_between(texts("a"), texts("b", moved={"a": "b"}, size=20))
    assert keys(found) == ["move:attribute.d/c/b", "update:attribute.d/c/b"]
    assert precedes(found, "move:attribute.d/c/b", "update:attribute.d/c/b")


def test_a_chain_of_renames_is_done_from_its_end() -> None:
    chain = texts("b", "c", moved={"a": "b", "b": "c"})
    found = plan_between(texts("a", "b"), chain)
    assert keys(found) == ["move:attribute.d/c/c", "move:attribute.d/c/b"]
    assert precedes(found, "move:attribute.d/c/c", "move:attribute.d/c/b")


def test_a_chain_that_was_cut_short_is_finished() -> None:
    """Killed after the first rename, before the state was saved."""
    chain = resolved(texts("b", "c", moved={"a": "b", "b": "c"}))
    found = plan(chain, state("a", "b"), live("a", "c"))
    assert actions(found) == {"attribute.d/c/b": "move", "attribute.d/c/c": "adopt"}


def test_a_rename_that_was_not_recorded_is_adopted() -> None:
    found = plan(resolved(texts("b", moved={"a": "b"})), state("a"), live("b"))
    assert actions(found) == {"attribute.d/c/b": "adopt", "attribute.d/c/a": "forget"}


@pytest.mark.parametrize("moved", [{"a": "b"}, {"a": "b", "b": "c"}])
def test_a_rename_that_is_done_is_nothing(moved: dict[str, str]) -> None:
    names = tuple(moved.values())
    found = plan(resolved(texts(*names, moved=moved)), state(*names), live(*names))
    assert found.is_empty
    assert found.notes == ()


def test_a_chain_that_is_done_does_not_go_on_when_its_end_is_deleted_by_hand() -> None:
    chain = resolved(texts("b", "c", moved={"a": "b", "b": "c"}))
    found = plan(chain, state("b", "c"), live("b"))
    assert actions(found) == {"attribute.d/c/c": "create"}


def test_a_rename_of_what_never_was_there_is_a_creation() -> None:
    assert actions(plan(resolved(texts("b", moved={"a": "b"}))))["attribute.d/c/b"] == "create"


def test_a_name_that_is_taken_is_not_given_and_the_plan_says_so() -> None:
    found = plan(resolved(texts("b", moved={"a": "b"})), state("b"), live("a", "b"))
    assert found.is_empty
    assert "attribute.d/c/a is not renamed to attribute.d/c/b: attribute.d/c/b exists already" in found.notes[0]


def test_a_name_that_is_taken_in_other_letters_or_by_a_relationship_is_taken() -> None:
    real = live("a", "B")
    assert "attribute.d/c/B exists already" in plan(resolved(texts("b", moved={"a": "b"})), state("a"), real).notes[0]
    at = address("relationship.d/c/b")
    fields = {"relatedCollection": "x", "relationType": "oneToOne", "twoWay": False, "twoWayKey": "c", "onDelete": ""}
    real = {**live("a"), at: Live(at, frozen(fields))}
    (note, *_) = plan(resolved(texts("b", moved={"a": "b"})), state("a"), real).notes
    assert "relationship.d/c/b exists already" in note


def test_only_what_is_available_is_renamed() -> None:
    real = live("a")
    real[address("attribute.d/c/a")] = replace(real[address("attribute.d/c/a")], status="failed")
    found = plan(resolved(texts("b", moved={"a": "b"})), state("a"), real)
    assert actions(found) == {"attribute.d/c/b": "create", "attribute.d/c/a": "delete"}


@pytest.mark.parametrize("type", ["key", "unique"])
def test_indexes_take_the_new_name_over(type: str) -> None:
    before, after = texts("a", "z"), texts("b", "z", moved={"a": "b"})
    Collection(before, "d", "c").index("i", "a", "z", type=type)
    Collection(after, "d", "c").index("i", "b", "z", type=type)
    assert keys(plan_between(before, after, documents=3)) == ["move:attribute.d/c/b"]


def test_the_state_of_an_index_takes_the_new_name_over() -> None:
    before = texts("a", "z")
    Collection(before, "d", "c").index("i", "z", "a")
    known = state_of(resolved(before))
    old, new = address("attribute.d/c/a"), address("attribute.d/c/b")
    found = renamed_in_state(known, old, Entry(new, known.entries[old].fields, "b"))
    assert found.entries[address("index.d/c/i")].fields["attributes"] == ("z", "b")
    assert old not in found.entries


def test_an_index_over_a_renamed_and_remade_attribute_goes_after_the_rename() -> None:
    before, after = texts("a"), texts("b", moved={"a": "b"}, array=True)
    Collection(before, "d", "c").index("i", "a")
    found = plan_between(before, after)
    assert precedes(found, "move:attribute.d/c/b", "delete:index.d/c/i")
    assert precedes(found, "delete:index.d/c/i", "replace:attribute.d/c/b")


def test_what_is_asked_of_a_renamed_attribute_is_asked_by_its_old_name() -> None:
    asked: list[Question] = []

    def answer(question: Question) -> Answer:
        asked.append(question)
        return Answer(3)

    desired = resolved(texts("b", moved={"a": "b"}, size=5))
    found = build_plan("test", desired, state("a"), Snapshot(live("a"), FACTS), answer)
    assert [each.attributes for each in asked] == [("a",)]
    assert found.refusals[0].message.startswith("update of attribute.d/c/b is refused: 3 values are longer than 5")


def test_a_secret_variable_keeps_its_fingerprint_and_is_not_sent_again() -> None:
    secret = {"NAME": "hidden"}
    before = resolved(stack_with_function(variables={"OLD": FromEnvironment("NAME")}), variables=secret)
    after = stack_with_function(variables={"NEW": FromEnvironment("NAME")})
    after.moved("variable.f/OLD", "variable.f/NEW")
    found = plan(resolved(after, variables=secret), state_of(before), live_as(before))
    assert keys(found) == ["move:variable.f/NEW"]
    assert found.real[address("variable.f/NEW")].remote_id == "id-OLD"


def test_a_relationship_is_renamed_too() -> None:
    def related(key: str) -> Stack:
        stack = Stack("test")
        owner = collection(stack)
        owner.relationship(key, "c", type="manyToOne", two_way_key="other")
        return stack

    after = related("b")
    after.moved("relationship.d/c/a", "relationship.d/c/b")
    assert keys(plan_between(related("a"), after, documents=4)) == ["move:relationship.d/c/b"]


def test_a_possible_rename_is_offered_and_not_guessed() -> None:
    found = plan_between(texts("a"), texts("b"), documents=0)
    assert actions(found) == {"attribute.d/c/a": "delete", "attribute.d/c/b": "create"}
    assert 'stack.moved("attribute.d/c/a", "attribute.d/c/b")' in found.notes[0]


def test_of_several_that_are_alike_none_is_offered() -> None:
    assert plan_between(texts("a", "z"), texts("b")).notes == ()


# Forgetting.


def test_a_function_is_forgotten_with_its_variables_and_its_code() -> None:
    desired = resolved(stack_with_function(variables={"K": "v"}))
    code = Address("deployment", "f")
    desired = desired.with_resources({code: Resource(code, frozen({"digest": "1"}), (address("function.f"),))})
    stack = Stack("test", lock_store=("d", "locks"))
    stack.database("d", name="D").collection("locks", name="Locks")
    stack.forget("function.f", reason="another team has it")
    found = plan(resolved(stack), state_of(desired), live_as(desired))
    assert actions(found) == {"function.f": "forget", "variable.f/K": "forget", "deployment.f": "forget"}
    assert "another team has it" in change(found, "function.f").reason


def test_what_was_forgotten_is_unmanaged_from_then_on() -> None:
    stack = Stack("test")
    stack.forget("database.d", reason="moved")
    found = plan(resolved(stack), None, live("a"))
    assert found.is_empty
    assert [str(each) for each in found.unmanaged] == ["database.d"]


def test_what_is_to_be_kept_does_not_go_with_its_owner() -> None:
    stack = Stack("test")
    stack.forget("collection.d/c", reason="it is an archive")
    (refusal,) = plan(resolved(stack), state("a"), live("a")).refusals
    assert refusal.message == (
        "delete of database.d is refused: it contains collection.d/c, which is to be kept (it is an archive)"
    )
    assert "forget database.d as well" in refusal.hint


# Protection.


def test_a_collection_is_protected_in_a_database_that_would_go() -> None:
    stack = Stack("test")
    stack.protect("collection.d/c", reason="five years of results")
    found = plan(resolved(stack), state("a"), live("a"))
    (refusal,) = found.refusals
    assert refusal.message == ("delete of database.d is refused: collection.d/c is protected (five years of results)")


def test_a_permission_to_lose_data_is_none_to_destroy_what_is_protected() -> None:
    after = texts()
    after.protect("database.d", reason="no")
    found = plan_between(texts("a"), after, documents=3, allowed=[address("attribute.d/c/a")])
    assert [each.address for each in found.refusals] == [address("attribute.d/c/a")]


def test_a_replacement_is_a_destruction_and_an_update_is_none() -> None:
    remade, updated = texts("a", array=True), texts("a", size=20)
    for stack in (remade, updated):
        stack.protect("attribute.d/c/a", reason="no")
    assert len(plan_between(texts("a"), remade).refusals) == 1
    assert plan_between(texts("a"), updated).refusals == ()


def test_other_functions_are_not_kept_by_a_protection() -> None:
    stack = stack_with_function()
    stack.protect("function.g", reason="no")
    before = stack_with_function()
    function(before, "h")
    assert plan_between(before, stack).refusals == ()


# Ignored fields.


def ignoring(*fields: str, **settings: Any) -> Stack:
    stack = stack_with_function(**settings)
    stack.ignore("function.f", *fields)
    return stack


def test_an_ignored_field_is_set_at_creation() -> None:
    found = plan(resolved(ignoring("timeout", timeout=90)))
    assert actions(found)["function.f"] == "create"


def test_a_field_that_others_changed_is_no_drift() -> None:
    desired = resolved(ignoring("timeout", "schedule", timeout=90))
    real = live_as(resolved(stack_with_function(timeout=5, schedule="0 1 * * *")))
    found = plan(desired, state_of(desired), real)
    assert found.is_empty
    assert found.drifted == ()


def test_an_ignored_field_does_not_hide_another() -> None:
    desired = resolved(ignoring("timeout", timeout=90))
    real = live_as(resolved(stack_with_function(timeout=5, name="other")))
    assert [each.name for each in change(plan(desired, state_of(desired), real), "function.f").fields] == ["name"]


def test_the_value_of_a_secret_can_be_left_to_others() -> None:
    before = resolved(stack_with_function(variables={"K": FromEnvironment("N")}), variables={"N": "one"})
    stack = stack_with_function(variables={"K": FromEnvironment("N")})
    stack.ignore("variable.f/K", "value")
    assert plan(resolved(stack, variables={"N": "two"}), state_of(before), live_as(before)).is_empty

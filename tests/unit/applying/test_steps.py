"""Who waits for whom, down to what Appwrite does after it has answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raceday_iac.applying.scheduler import Step, make_steps
from raceday_iac.model.resource import Desired
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Plan

from ..applied import NOTHING, live_as, plan, plan_between, state_of
from ..declaring import address, database, resolved, stack_with_function


def schema(type: str = "integer") -> Stack:
    stack = Stack("test")
    base = database(stack)
    base.collection("other", name="O").integer("z")
    owner = base.collection("c", name="C")
    getattr(owner, type)("a")
    owner.boolean("b")
    owner.relationship("r", "other", type="manyToOne", two_way_key="x")
    owner.relationship("s", "other", type="manyToOne", two_way_key="y")
    owner.index("i", "a")
    return stack


def steps(of: Plan, desired: Desired) -> dict[str, Step]:
    return {step.key: step for step in make_steps(of.changes, desired, of.real)}


def created() -> dict[str, Step]:
    desired = resolved(schema())
    return steps(plan(desired), desired)


def test_every_change_is_a_step_under_its_own_key() -> None:
    desired = resolved(schema())
    found = plan(desired)
    acting = [step.key for step in make_steps(found.changes, desired, {}) if step.change]
    assert acting == [change.key for change in found.changes]


def places(step: Step) -> set[str]:
    return {"/".join(each) for each in step.turn.places}


def test_only_the_attributes_of_a_collection_that_this_run_creates_are_sent_together() -> None:
    found = created()
    assert {key for key, step in found.items() if step.turn.together} == {
        "create:attribute.d/c/a",
        "create:attribute.d/c/b",
        "create:attribute.d/other/z",
    }
    settling = {key: [str(each) for each in step.watched] for key, step in found.items() if step.watched}
    assert settling == {
        "settle:d/c": ["attribute.d/c/a", "attribute.d/c/b"],
        "settle:d/other": ["attribute.d/other/z"],
    }
    assert {str(found[key].proves) for key in settling} == {"collection.d/c", "collection.d/other"}


def test_settling_waits_until_everything_watched_was_sent() -> None:
    assert created()["settle:d/c"].requires == {"create:attribute.d/c/a", "create:attribute.d/c/b"}


def test_settling_comes_right_after_what_was_sent() -> None:
    """Not after the attributes of all other collections."""
    keys = list(created())
    assert keys.index("settle:d/other") < keys.index("create:relationship.d/c/r")


def test_an_index_waits_for_its_attributes_to_settle_not_only_to_be_sent() -> None:
    index = created()["create:index.d/c/i"]
    assert index.requires == {"create:collection.d/c", "settle:d/c", "create:attribute.d/c/a"}
    assert index.needs == {"create:collection.d/c", "create:attribute.d/c/a"}


def test_a_relationship_waits_for_the_attributes_of_both_collections_that_this_run_creates() -> None:
    assert {"settle:d/c", "settle:d/other"} <= created()["create:relationship.d/c/r"].requires


def test_a_relationship_has_its_turn_in_both_collections() -> None:
    assert places(created()["create:relationship.d/c/r"]) == {"d/c", "d/other"}


def test_everything_else_of_a_collection_has_a_turn_of_its_own() -> None:
    found = created()
    alone = ["create:collection.d/c", "create:index.d/c/i", "settle:d/c", "prove:d/c"]
    assert [(places(found[key]), found[key].turn.together) for key in alone] == [({"d/c"}, False)] * 4


def test_attributes_of_a_collection_that_exists_have_turns_of_their_own() -> None:
    more = schema()
    more.declarations[:] = [each for each in more.declarations if each.arguments.get("key") not in ("a", "i")]
    found = steps(plan_between(more, schema()), resolved(schema()))
    assert not [key for key, step in found.items() if step.turn.together or step.watched]
    assert found["create:index.d/c/i"].requires == {"create:attribute.d/c/a"}


def test_functions_and_variables_have_no_turns() -> None:
    desired = resolved(stack_with_function())
    found = [step for key, step in steps(plan(desired), desired).items() if "function." in key or "variable." in key]
    assert found
    assert {step.turn.places for step in found} == {frozenset()}


def test_a_changed_collection_and_a_changed_database_have_a_turn() -> None:
    before, after = Stack("test"), Stack("test")
    database(before).collection("c", name="C")
    after.database("d", name="Other").collection("c", name="C", document_security=True)
    found = steps(plan_between(before, after), resolved(after))
    assert places(found["update:collection.d/c"]) == {"d/c"}
    assert places(found["update:database.d"]) == {"d"}


def test_a_collection_that_goes_has_its_turn_also_where_it_is_related_to() -> None:
    after = Stack("test")
    database(after).collection("other", name="O").integer("z")
    found = steps(plan_between(schema(), after), resolved(after))
    assert places(found["delete:collection.d/c"]) == {"d/c", "d/other"}


def test_a_collection_is_proven_after_everything_that_touches_it_however_that_ended() -> None:
    found = created()
    last = found["prove:d/other"]
    assert (last.requires, str(last.proves)) == (frozenset(), "collection.d/other")
    assert {"create:relationship.d/c/r", "create:relationship.d/c/s", "settle:d/other"} <= last.after
    assert "create:index.d/c/i" in found["prove:d/c"].after


def test_a_collection_that_has_settled_and_is_left_alone_since_is_proven_already() -> None:
    stack = Stack("test")
    database(stack).collection("c", name="C").integer("a")
    assert list(steps(plan(resolved(stack)), resolved(stack)))[-1] == "settle:d/c"


def test_what_needs_no_settling_waits_for_the_change_itself() -> None:
    assert created()["create:attribute.d/c/a"].requires == {"create:collection.d/c"}


def test_an_update_is_done_when_it_is_answered_and_then_proven() -> None:
    before, after = schema(), schema()
    after.declarations[:] = [
        replace(each, arguments={**each.arguments, "default": 5}) if each.arguments.get("key") == "a" else each
        for each in after.declarations
    ]
    desired = resolved(after)
    assert list(steps(plan_between(before, after), desired)) == ["update:attribute.d/c/a", "prove:d/c"]


@pytest.mark.parametrize("status", ["processing", "deleting"])
def test_what_an_interrupted_run_left_under_way_is_waited_for(status: str) -> None:
    desired = resolved(schema())
    real = live_as(desired)
    at = address("attribute.d/c/b")
    real[at] = replace(real[at], status=status)
    del real[address("index.d/c/i")]
    found = steps(plan(desired, state_of(desired), real), desired)
    assert (found["left:d/c"].watched, found["left:d/c"].proves) == ((at,), None)
    assert "left:d/c" in found["create:index.d/c/i"].after


def test_what_others_have_under_way_is_waited_for_where_something_is_written() -> None:
    desired = resolved(schema())
    real = live_as(desired)
    theirs = [address("attribute.d/c/theirs"), address("attribute.d/untouched/theirs")]
    real |= {each: replace(real[address("attribute.d/c/a")], address=each, status="processing") for each in theirs}
    del real[address("index.d/c/i")]
    found = steps(plan(desired, state_of(desired), real), desired)
    assert found["left:d/c"].watched == (theirs[0],)
    assert "left:d/untouched" not in found


def test_a_replacement_has_two_steps_the_old_goes_and_the_new_comes() -> None:
    found = steps(plan_between(schema("integer"), schema("boolean")), resolved(schema("boolean")))
    gone = found["removal:replace:attribute.d/c/a"]
    assert gone.removes
    assert gone.requires == {"removal:replace:index.d/c/i"}
    assert "removal:replace:attribute.d/c/a" in found["replace:attribute.d/c/a"].requires


def test_a_replaced_index_goes_before_its_attribute_and_comes_after_it() -> None:
    found = steps(plan_between(schema("integer"), schema("boolean")), resolved(schema("boolean")))
    assert found["removal:replace:index.d/c/i"].requires == frozenset()
    assert {"removal:replace:index.d/c/i", "replace:attribute.d/c/a"} <= found["replace:index.d/c/i"].requires


def test_deleting_waits_for_nothing_that_settles_of_what_is_not_declared() -> None:
    found = steps(plan_between(schema(), NOTHING), resolved(NOTHING))
    assert not [step for step in found.values() if step.change is None]


def test_an_empty_plan_has_no_steps() -> None:
    assert steps(plan_between(schema(), schema()), resolved(schema())) == {}

"""Who waits for whom, down to what Appwrite does after it has answered."""

from __future__ import annotations

from dataclasses import replace

from raceday_iac.applying.steps import Step, make_steps
from raceday_iac.model.desired import Desired
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Plan

from ..applied import NOTHING, live_as, plan, plan_between, state_of
from ..declaring import address, database, resolved


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


def test_attributes_and_indexes_of_a_collection_settle_together_relationships_one_by_one() -> None:
    settling = {key: [str(each) for each in step.watched] for key, step in created().items() if step.change is None}
    assert settling == {
        "settle:attribute:d/c": ["attribute.d/c/a", "attribute.d/c/b"],
        "settle:attribute:d/other": ["attribute.d/other/z"],
        "settle:relationship:d/c/r": ["relationship.d/c/r"],
        "settle:relationship:d/c/s": ["relationship.d/c/s"],
        "settle:index:d/c": ["index.d/c/i"],
    }


def test_settling_waits_until_everything_watched_was_sent() -> None:
    assert created()["settle:attribute:d/c"].requires == {"create:attribute.d/c/a", "create:attribute.d/c/b"}


def test_an_index_waits_for_its_attributes_to_settle_not_only_to_be_sent() -> None:
    index = created()["create:index.d/c/i"]
    assert index.requires == {"create:collection.d/c", "settle:attribute:d/c", "create:attribute.d/c/a"}
    assert index.needs == {"create:collection.d/c", "create:attribute.d/c/a"}


def test_a_relationship_waits_for_the_attributes_of_its_collection_and_for_the_one_before() -> None:
    found = created()
    assert "settle:attribute:d/c" in found["create:relationship.d/c/r"].requires
    assert "settle:relationship:d/c/r" in found["create:relationship.d/c/s"].requires


def test_a_relationship_does_not_wait_for_attributes_of_the_other_collection() -> None:
    assert "settle:attribute:d/other" not in created()["create:relationship.d/c/r"].requires


def test_what_needs_no_settling_waits_for_the_change_itself() -> None:
    assert created()["create:attribute.d/c/a"].requires == {"create:collection.d/c"}


def test_an_update_is_done_when_it_is_answered() -> None:
    before, after = schema(), schema()
    after.declarations[:] = [
        replace(each, arguments={**each.arguments, "default": 5}) if each.arguments.get("key") == "a" else each
        for each in after.declarations
    ]
    desired = resolved(after)
    assert list(steps(plan_between(before, after), desired)) == ["update:attribute.d/c/a"]


def test_what_an_interrupted_run_left_processing_is_waited_for() -> None:
    desired = resolved(schema())
    real = live_as(desired)
    at = address("attribute.d/c/a")
    real[at] = replace(real[at], status="processing")
    del real[address("index.d/c/i")]
    found = steps(plan(desired, state_of(desired), real), desired)
    assert found["settle:attribute:d/c"].watched == (at,)
    assert found["settle:attribute:d/c"].requires == frozenset()
    assert "settle:attribute:d/c" in found["create:index.d/c/i"].requires


def test_a_replacement_has_two_steps_the_old_goes_and_the_new_comes() -> None:
    found = steps(plan_between(schema("integer"), schema("boolean")), resolved(schema("boolean")))
    gone = found["removal:replace:attribute.d/c/a"]
    assert gone.removes
    assert gone.requires == {"removal:replace:index.d/c/i"}
    assert "removal:replace:attribute.d/c/a" in found["replace:attribute.d/c/a"].requires


def test_a_replaced_index_goes_before_its_attribute_and_comes_after_it_settled() -> None:
    found = steps(plan_between(schema("integer"), schema("boolean")), resolved(schema("boolean")))
    assert found["removal:replace:index.d/c/i"].requires == frozenset()
    assert {"removal:replace:index.d/c/i", "settle:attribute:d/c"} <= found["replace:index.d/c/i"].requires


def test_deleting_waits_for_nothing_that_settles_of_what_is_not_declared() -> None:
    found = steps(plan_between(schema(), NOTHING), resolved(NOTHING))
    assert not [step for step in found.values() if step.change is None]


def test_an_empty_plan_has_no_steps() -> None:
    assert steps(plan_between(schema(), schema()), resolved(schema())) == {}

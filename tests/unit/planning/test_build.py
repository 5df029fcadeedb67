"""Whole plans: which action mends which difference, and schedules that wait for code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from raceday_iac.loading.environment import load_environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.loading.stack_file import load_stack
from raceday_iac.model.address import Address
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Desired, Resource, frozen
from raceday_iac.model.stack import Collection, Database, FromEnvironment, Stack
from raceday_iac.planning import Action, PlanOptions, build_plan
from raceday_iac.provider import Snapshot
from raceday_iac.state.document import new_state

from ..applied import NOTHING, actions, change, live_as, plan, plan_between, precedes, state_of
from ..declaring import address, collection, function, resolved, stack_with_function


def schema(**settings: object) -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", **{"size": 10, **settings})  # type: ignore[arg-type]
    owner.index("i", "a")
    return stack


def with_code(stack: Stack, digest: str) -> Desired:
    """The stack, with a bundle for `f` of that digest."""
    desired = resolved(stack)
    at = Address("deployment", "f")
    return desired.with_resources({at: Resource(at, frozen({"digest": digest}), (address("function.f"),))})


# Actions.


def test_a_project_as_declared_needs_nothing() -> None:
    assert plan_between(schema(), schema()).is_empty


def test_what_is_missing_is_created() -> None:
    found = plan_between(NOTHING, schema())
    assert set(actions(found).values()) == {"create"}
    assert len(found.changes) == 4


def test_what_is_live_as_declared_but_not_ours_is_adopted() -> None:
    desired = resolved(schema())
    found = plan(desired, None, live_as(desired))
    assert set(actions(found).values()) == {"adopt"}


def test_what_is_live_but_different_and_not_ours_is_updated_for_nobody_knows_why() -> None:
    desired = resolved(stack_with_function(timeout=60))
    found = plan(desired, None, live_as(resolved(stack_with_function(timeout=90))))
    assert change(found, "function.f").action == "update"
    assert change(found, "function.f").reason == "it exists, but not as the stack declares it"


def test_a_change_of_the_stack_is_an_update() -> None:
    found = plan_between(stack_with_function(timeout=60), stack_with_function(timeout=90))
    assert actions(found) == {"function.f": "update"}
    assert change(found, "function.f").reason == "the stack changed"
    assert not change(found, "function.f").drifted


def test_a_change_on_the_server_is_undone_and_called_drift() -> None:
    desired = resolved(stack_with_function(timeout=60))
    found = plan(desired, state_of(desired), live_as(resolved(stack_with_function(timeout=90))))
    assert change(found, "function.f").reason == "it was changed on the server"
    assert change(found, "function.f").drifted


def test_changes_on_both_sides_are_called_so() -> None:
    before, after = resolved(stack_with_function(timeout=1)), resolved(stack_with_function(timeout=2))
    found = plan(after, state_of(before), live_as(resolved(stack_with_function(timeout=3))))
    assert change(found, "function.f").reason == "both the stack and the server changed"


def test_what_was_deleted_on_the_server_is_created_again_and_called_drift() -> None:
    desired = resolved(schema())
    real = live_as(desired)
    del real[address("index.d/c/i")]
    found = plan(desired, state_of(desired), real)
    assert actions(found) == {"index.d/c/i": "create"}
    assert change(found, "index.d/c/i").reason == "it was deleted on the server"
    assert change(found, "index.d/c/i").drifted


@pytest.mark.parametrize(
    ("before", "after"), [({"size": 10}, {"size": 20}), ({}, {"default": "x"}), ({}, {"required": True})]
)
def test_what_appwrite_can_change_of_an_attribute_is_an_update(
    before: dict[str, object], after: dict[str, object]
) -> None:
    assert actions(plan_between(schema(**before), schema(**after))) == {"attribute.d/c/a": "update"}


def test_what_appwrite_cannot_change_is_a_replacement_with_the_reason_and_takes_its_indexes_along() -> None:
    found = plan_between(schema(), schema(array=True))
    assert actions(found)["attribute.d/c/a"] == "replace"
    assert "Appwrite cannot change array in place" in change(found, "attribute.d/c/a").reason
    assert actions(found)["index.d/c/i"] == "replace"


def test_an_index_as_declared_is_replaced_with_its_attribute() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.integer("a")
    owner.index("i", "a")
    found = plan_between(schema(), stack)
    assert change(found, "index.d/c/i").reason == "attribute.d/c/a is replaced, which would break this index"


@pytest.mark.parametrize("status", ["failed", "stuck"])
def test_what_is_broken_on_the_server_is_replaced_with_its_error_as_the_reason(status: str) -> None:
    desired = resolved(schema())
    real = live_as(desired)
    at = address("index.d/c/i")
    real[at] = replace(real[at], status=status, error="duplicates")
    found = plan(desired, state_of(desired), real)
    assert actions(found) == {"index.d/c/i": "replace"}
    assert change(found, "index.d/c/i").reason == f"it is {status} on the server: duplicates"


def test_what_is_still_processing_is_left_to_settle() -> None:
    desired = resolved(schema())
    real = live_as(desired)
    at = address("attribute.d/c/a")
    real[at] = replace(real[at], status="processing")
    assert plan(desired, state_of(desired), real).is_empty


def test_secret_to_plain_is_a_replacement_because_appwrite_refuses_it() -> None:
    secret, plain = FromEnvironment("NAME"), "v"
    old = resolved(stack_with_function(variables={"K": secret}), variables={"NAME": "hidden"})
    found = plan(resolved(stack_with_function(variables={"K": plain})), state_of(old), live_as(old))
    assert actions(found) == {"variable.f/K": "replace"}


def test_plain_to_secret_is_an_update() -> None:
    old = resolved(stack_with_function(variables={"K": "v"}))
    new = resolved(stack_with_function(variables={"K": FromEnvironment("NAME")}), variables={"NAME": "hidden"})
    assert actions(plan(new, state_of(old), live_as(old))) == {"variable.f/K": "update"}


# Deletions.


def test_what_the_stack_no_longer_declares_is_deleted() -> None:
    found = plan_between(stack_with_function(variables={"K": "v"}), stack_with_function())
    assert actions(found) == {"variable.f/K": "delete"}
    assert change(found, "variable.f/K").reason == "the stack no longer declares it"


def test_what_goes_with_its_owner_is_deleted_with_it() -> None:
    found = plan_between(schema(), NOTHING)
    assert {str(each.address): str(each.goes_with) for each in found.changes if each.action is Action.DELETE} == {
        "database.d": "None",
        "collection.d/c": "database.d",
        "attribute.d/c/a": "database.d",
        "index.d/c/i": "database.d",
    }
    assert [each.key for each in found.changes if each.touches_server] == ["delete:database.d"]


def test_the_code_of_a_function_goes_with_it() -> None:
    desired = with_code(stack_with_function(), "1")
    found = plan(resolved(NOTHING), state_of(desired), live_as(desired))
    assert actions(found)["deployment.f"] == "delete"
    assert change(found, "deployment.f").goes_with == address("function.f")


def test_what_nobody_declares_and_goes_with_an_owner_is_in_the_plan_and_not_called_left_alone() -> None:
    more = schema()
    Database(more, "d").collection("theirs", name="T").integer("x")
    found = plan(resolved(NOTHING), state_of(resolved(schema())), live_as(resolved(more)))
    theirs = [each for each in found.changes if not each.managed]
    assert [str(each.address) for each in theirs] == ["collection.d/theirs", "attribute.d/theirs/x"]
    assert found.unmanaged == ()


def test_what_is_gone_already_is_forgotten() -> None:
    found = plan(resolved(NOTHING), state_of(resolved(schema())), {})
    assert set(actions(found).values()) == {"forget"}


def test_what_was_never_ours_is_unmanaged_and_not_touched() -> None:
    found = plan(resolved(NOTHING), None, live_as(resolved(schema())))
    assert found.is_empty
    assert [str(each) for each in found.unmanaged] == ["database.d"]


def test_what_is_of_no_kind_of_ours_is_unmanaged_and_only_named() -> None:
    snapshot = Snapshot(live_as(resolved(schema())), foreign=(address("documentsdb.notes"),))
    state = new_state(lambda: "lineage", lambda: "salt")
    found = build_plan("test", resolved(NOTHING), state, snapshot, lambda _question: Answer(0), PlanOptions())
    assert (found.is_empty, [str(each) for each in found.unmanaged]) == (True, ["database.d", "documentsdb.notes"])


def test_what_lies_in_something_unmanaged_is_not_listed_too() -> None:
    real = live_as(resolved(stack_with_function(variables={"K": "v"})))
    assert [str(each) for each in plan(resolved(NOTHING), None, real).unmanaged] == ["database.d", "function.f"]


def test_an_attribute_that_nobody_declared_in_our_collection_is_unmanaged() -> None:
    desired = resolved(schema())
    more = schema()
    Collection(more, "d", "c").integer("extra")
    found = plan(desired, state_of(desired), live_as(resolved(more)))
    assert found.is_empty
    assert [str(each) for each in found.unmanaged] == ["attribute.d/c/extra"]


# Tombstones.


def with_tombstone() -> Stack:
    stack = Stack("test")
    stack.absent("function.f", reason="replaced by g")
    return stack


def test_a_tombstone_deletes_what_is_live_although_it_was_never_ours() -> None:
    found = plan(resolved(with_tombstone()), None, live_as(resolved(stack_with_function())))
    assert actions(found) == {"function.f": "delete"}
    assert change(found, "function.f").reason == "replaced by g"


def test_a_tombstone_is_silent_when_there_is_nothing() -> None:
    assert plan(resolved(with_tombstone())).is_empty


def test_a_tombstone_forgets_what_is_gone() -> None:
    found = plan(resolved(with_tombstone()), state_of(resolved(stack_with_function())), {})
    assert actions(found)["function.f"] == "forget"


def test_what_lies_in_a_tombstone_is_not_called_unmanaged() -> None:
    real = live_as(resolved(stack_with_function(variables={"K": "v"})))
    assert "variable.f/K" not in [str(each) for each in plan(resolved(with_tombstone()), None, real).unmanaged]


def test_a_tombstone_goes_after_everything_that_is_built() -> None:
    stack = with_tombstone()
    function(stack, "g")
    found = plan(resolved(stack), None, live_as(resolved(stack_with_function())))
    assert precedes(found, "create:function.g", "delete:function.f")


# Code and schedules.


def test_new_code_is_a_deployment() -> None:
    found = plan(with_code(stack_with_function(), "1"), None, live_as(resolved(stack_with_function())))
    assert actions(found)["deployment.f"] == "deploy"


def test_the_same_code_is_not_deployed_again() -> None:
    desired = with_code(stack_with_function(), "1")
    assert plan(desired, state_of(desired), live_as(desired)).is_empty


def test_other_code_is_deployed() -> None:
    before, after = with_code(stack_with_function(), "1"), with_code(stack_with_function(), "2")
    assert actions(plan(after, state_of(before), live_as(before))) == {"deployment.f": "deploy"}


def test_code_that_is_no_longer_managed_stays_live() -> None:
    before = with_code(stack_with_function(), "1")
    found = plan(resolved(stack_with_function()), state_of(before), live_as(before))
    assert actions(found) == {"deployment.f": "forget"}


def keys(desired: Desired, before: Desired) -> list[str]:
    return [each.key for each in plan(desired, state_of(before), live_as(before)).changes]


def test_a_new_function_with_code_is_scheduled_when_its_code_is_active() -> None:
    desired = with_code(stack_with_function(schedule="0 1 * * *"), "1")
    created = plan(desired)
    assert precedes(created, "deploy:deployment.f", "schedule:function.f")
    assert precedes(created, "create:function.f", "deploy:deployment.f")


def test_a_new_function_without_a_schedule_needs_none_armed() -> None:
    assert not [each for each in plan(with_code(stack_with_function(), "1")).changes if each.action == "schedule"]


def test_a_new_function_that_keeps_its_code_is_created_with_its_schedule() -> None:
    found = plan(resolved(stack_with_function(schedule="0 1 * * *")))
    assert [each.key for each in found.changes if each.address.kind == "function"] == ["create:function.f"]


def test_a_schedule_that_changes_with_the_code_waits_for_it_while_the_rest_does_not() -> None:
    before = with_code(stack_with_function(), "1")
    after = with_code(stack_with_function(schedule="0 1 * * *", timeout=90), "2")
    assert keys(after, before) == ["update:function.f", "deploy:deployment.f", "schedule:function.f"]


def test_a_schedule_that_alone_changes_with_the_code_needs_no_other_update() -> None:
    before = with_code(stack_with_function(), "1")
    after = with_code(stack_with_function(schedule="0 1 * * *"), "2")
    assert keys(after, before) == ["deploy:deployment.f", "schedule:function.f"]


def test_a_schedule_that_changes_without_the_code_is_an_ordinary_update() -> None:
    before = with_code(stack_with_function(), "1")
    after = with_code(stack_with_function(schedule="0 1 * * *"), "1")
    assert keys(after, before) == ["update:function.f"]


# What a plan carries.


def test_a_plan_names_what_it_was_made_from() -> None:
    desired = resolved(schema())
    found = plan(desired, replace(state_of(desired), serial=7), {})
    assert (found.environment, found.lineage, found.serial, found.server_version) == ("test", "lineage", 7, "1.8.1")


def test_two_plans_of_the_same_are_equal() -> None:
    assert plan_between(NOTHING, schema()) == plan_between(NOTHING, schema())


def test_the_whole_raceday_stack_is_created_in_one_plan(project: Path) -> None:
    file = project / "stacks" / "raceday.py"
    desired = resolve(load_stack(file), load_environment(file, "local", {}), project, {})
    found = plan(desired)
    assert len(found.changes) == len(desired.resources)
    assert found.refusals == ()

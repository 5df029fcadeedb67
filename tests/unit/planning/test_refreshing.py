"""Taking over what others changed: the state afterwards says what is live, and a plan finds no drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raceday_iac.diff import Cause
from raceday_iac.kinds.deployment import UNFINISHED
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Desired, Live, Resource, frozen
from raceday_iac.model.stack import FromEnvironment, Stack
from raceday_iac.planning import Action, Plan, PlanOptions
from raceday_iac.planning.changes import refresh_changes, taken_over
from raceday_iac.state.document import Entry, State

from ..applied import NOTHING, actions, change, live_as, plan, state_of
from ..declaring import address, collection, resolved, stack_with_function

CODE = address("deployment.f")
VARIABLE = address("variable.f/K")
HIDDEN = FromEnvironment("NAME")
REFRESH_ONLY = PlanOptions(refresh_only=True)


def schema(**settings: Any) -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", **{"size": 10, **settings})
    owner.index("i", "a")
    return stack


def variable(value: Any = None, *, hidden: str = "hidden") -> Desired:
    """A function with one variable: a plain one, or a secret one by default."""
    given = HIDDEN if value is None else value
    return resolved(stack_with_function(variables={"K": given}), variables={"NAME": hidden})


def refreshed(state: State, real: Mapping[Address, Live], desired: Desired) -> State:
    """The state after the changes of a refresh, as applying them leaves it."""
    for each in refresh_changes(state, real, desired):
        if each.action is Action.FORGET:
            state = state.without(each.address)
        else:
            state = state.with_entry(taken_over(state.entries[each.address], real[each.address], desired))
    return state


def refresh_plan(desired: Desired, state: State, real: dict[Address, Live]) -> Plan:
    return plan(desired, state, real, plan_options=REFRESH_ONLY)


# What is taken over.


def test_a_state_that_says_what_is_live_stays_as_it_is() -> None:
    desired = resolved(schema())
    assert refresh_plan(desired, state_of(desired), live_as(desired)).is_empty


def test_a_changed_field_is_taken_over_with_both_values() -> None:
    desired = resolved(stack_with_function(timeout=60))
    found = refresh_plan(desired, state_of(desired), live_as(resolved(stack_with_function(timeout=90))))
    assert actions(found) == {"function.f": "refresh"}
    (field,) = change(found, "function.f").fields
    assert (field.name, field.before, field.after, field.cause) == ("timeout", 60, 90, Cause.DRIFT)
    assert change(found, "function.f").drifted


def test_afterwards_the_difference_is_one_of_the_stack() -> None:
    desired, live = resolved(stack_with_function(timeout=60)), resolved(stack_with_function(timeout=90))
    state = refreshed(state_of(desired), live_as(live), desired)
    after = plan(desired, state, live_as(live))
    assert change(after, "function.f").reason == "the stack changed"
    assert not change(after, "function.f").drifted


def test_what_is_gone_is_forgotten_with_all_that_lay_in_it() -> None:
    desired = resolved(schema())
    found = refresh_plan(desired, state_of(desired), {})
    assert set(actions(found).values()) == {"forget"}
    assert len(found.changes) == 4


def test_what_is_being_deleted_counts_as_gone() -> None:
    desired = resolved(schema())
    real = live_as(desired)
    at = address("index.d/c/i")
    real[at] = replace(real[at], status="deleting")
    assert actions(refresh_plan(desired, state_of(desired), real)) == {"index.d/c/i": "forget"}


def test_the_order_of_a_set_is_no_change() -> None:
    one, other = Stack("test"), Stack("test")
    collection(one).enum("a", ["x", "y"])
    collection(other).enum("a", ["y", "x"])
    desired = resolved(one)
    assert refresh_plan(desired, state_of(desired), live_as(resolved(other))).is_empty


def test_an_attribute_of_another_type_is_taken_over_as_a_whole() -> None:
    """Else the size that only a text has would be left in the state, and be called drift for ever."""
    desired, other = resolved(schema()), Stack("test")
    collection(other).integer("a", max=5)
    live = live_as(resolved(other))
    state = refreshed(state_of(desired), live, desired)
    entry = state.entries[address("attribute.d/c/a")]
    assert dict(entry.fields) == dict(live[address("attribute.d/c/a")].fields)
    assert not change(plan(desired, state, live), "attribute.d/c/a").drifted


def test_what_the_stack_no_longer_declares_is_taken_over_too() -> None:
    before = resolved(stack_with_function(timeout=60))
    found = refresh_plan(resolved(NOTHING), state_of(before), live_as(resolved(stack_with_function(timeout=90))))
    assert actions(found) == {"function.f": "refresh"}


def test_what_was_never_ours_is_not_taken_over() -> None:
    desired = resolved(schema())
    assert refresh_plan(desired, state_of(resolved(NOTHING)), live_as(desired)).is_empty


def test_nothing_live_is_touched_and_nothing_guarded() -> None:
    desired = resolved(schema())
    found = plan(
        desired, state_of(desired), live_as(resolved(schema(array=True))), documents=9, plan_options=REFRESH_ONLY
    )
    assert not [each for each in found.changes if each.touches_server]
    assert found.refusals == ()


def test_a_part_of_the_state_can_be_refreshed() -> None:
    desired = resolved(schema())
    plan_options = PlanOptions(targets=frozenset({address("index.d/c/i")}), refresh_only=True)
    found = plan(desired, state_of(desired), {}, plan_options=plan_options)
    assert actions(found) == {"index.d/c/i": "forget"}
    assert len(found.left_out) == 3


# Code.


def coded(digest: str) -> Desired:
    return resolved(stack_with_function()).with_resources(
        {CODE: Resource(CODE, frozen({"digest": digest}), (address("function.f"),))}
    )


def live_code(digest: str | None, id: str = "other", **settings: Any) -> dict[Address, Live]:
    fields = {} if digest is None else {"digest": digest}
    return {**live_as(coded("1")), CODE: Live(CODE, frozen(fields), id, **settings)}


def with_line(state: State, *line: str) -> State:
    return state.with_entry(replace(state.entries[CODE], deployments=line, remote_id=line[0]))


def test_code_that_somebody_else_activated_is_taken_over_and_a_rollback_knows_it() -> None:
    state = with_line(state_of(coded("1")), "mine", "older")
    entry = refreshed(state, live_code("2"), coded("1")).entries[CODE]
    assert (entry.fields["digest"], entry.remote_id) == ("2", "other")
    assert entry.deployments == ("other", "mine", "older")


def test_code_that_was_not_read_is_not_taken_for_the_code_known_before() -> None:
    """A plan trusts the digest that the state has for an id."""
    state = with_line(state_of(coded("1")), "mine")
    entry = refreshed(state, live_code(None), resolved(stack_with_function())).entries[CODE]
    assert (entry.remote_id, dict(entry.fields)) == ("other", {})


def test_code_that_was_not_read_and_is_the_same_stays_known() -> None:
    state = with_line(state_of(coded("1")), "mine")
    assert refresh_changes(state, live_code(None, "mine"), resolved(stack_with_function())) == []


def test_code_that_a_run_of_ours_activated_and_did_not_accept_is_left_to_the_next_apply() -> None:
    state = with_line(state_of(coded("1")), "mine")
    assert refresh_changes(state, live_code("2", status=UNFINISHED), coded("2")) == []


# Variables.


def with_variable(live: Desired, **changes: Any) -> dict[Address, Live]:
    real = live_as(live)
    return {**real, VARIABLE: replace(real[VARIABLE], **changes)}


def entry_after(state: State, real: dict[Address, Live], desired: Desired) -> Entry:
    return refreshed(state, real, desired).entries[VARIABLE]


def test_a_plain_value_is_taken_over() -> None:
    entry = entry_after(state_of(variable("v")), live_as(variable("w")), variable("v"))
    assert dict(entry.fields) == {"secret": False, "value": "w"}


def test_the_fingerprint_of_a_secret_stays_for_its_value_cannot_be_read() -> None:
    assert refresh_plan(variable(), state_of(variable()), live_as(variable())).is_empty


def test_of_a_secret_that_was_made_again_the_value_is_no_longer_known() -> None:
    real = with_variable(variable(), remote_id="another")
    found = refresh_plan(variable(), state_of(variable()), real)
    assert [(each.name, each.before, each.after) for each in change(found, str(VARIABLE)).fields] == [
        ("value", "***", "***")
    ]
    state = refreshed(state_of(variable()), real, variable())
    assert dict(state.entries[VARIABLE].fields) == {"secret": True}
    # So the next apply sends it again.
    assert actions(plan(variable(), state, real)) == {str(VARIABLE): "update"}


def test_a_secret_that_lies_in_the_open_is_not_taken_into_the_state() -> None:
    real = with_variable(variable("hidden"))
    found = refresh_plan(variable(), state_of(variable()), real)
    assert "hidden" not in repr(found.changes)
    state = refreshed(state_of(variable()), real, variable())
    assert dict(state.entries[VARIABLE].fields) == {"secret": False}
    assert not change(plan(variable(), state, real), str(VARIABLE)).drifted


def test_a_plain_value_that_the_stack_now_calls_secret_is_not_taken_into_the_state() -> None:
    real = with_variable(variable("hidden"))
    found = refresh_plan(variable(), state_of(variable("v")), real)
    assert "hidden" not in repr(found.changes)
    assert dict(refreshed(state_of(variable("v")), real, variable()).entries[VARIABLE].fields) == {"secret": False}


def test_a_plain_value_that_nobody_changed_stays_also_when_the_stack_now_calls_it_secret() -> None:
    assert refresh_plan(variable(), state_of(variable("v")), live_as(variable("v"))).is_empty


def test_a_plain_value_that_became_secret_is_forgotten() -> None:
    entry = entry_after(state_of(variable("v")), live_as(variable()), variable("v"))
    assert dict(entry.fields) == {"secret": True}


# Whatever happened.

DEFINITIONS = st.fixed_dictionaries(
    {
        "value": st.sampled_from([None, "v", "w"]),
        "timeout": st.sampled_from([None, 60, 90]),
        "column": st.sampled_from(["", "integer", "boolean", "string"]),
        "indexed": st.booleans(),
        "digest": st.sampled_from(["", "1", "2"]),
    }
)


def project(definition: Mapping[str, Any]) -> Desired:
    stack = Stack("test", lock_store=("d", "c"))
    owner = collection(stack)
    if definition["column"]:
        getattr(owner, definition["column"])("a", *([10] if definition["column"] == "string" else []))
        if definition["indexed"]:
            owner.index("i", "a")
    if definition["timeout"]:
        value = definition["value"] or HIDDEN
        found = stack_with_function(timeout=definition["timeout"], variables={"K": value})
        stack.declarations += [each for each in found.declarations if each.kind == "function"]
    desired = resolved(stack, variables={"NAME": "hidden"})
    if definition["timeout"] and definition["digest"]:
        extra = Resource(CODE, frozen({"digest": definition["digest"]}), (address("function.f"),))
        desired = desired.with_resources({CODE: extra})
    return desired


@settings(max_examples=150)
@given(DEFINITIONS, DEFINITIONS, DEFINITIONS, st.sampled_from(["id", "another"]))
def test_after_a_refresh_there_is_no_drift_and_nothing_to_refresh(
    known: Mapping[str, Any], live: Mapping[str, Any], wanted: Mapping[str, Any], id: str
) -> None:
    desired, state = project(wanted), state_of(project(known))
    real = {at: replace(each, remote_id=f"{id}-{at.name}") for at, each in live_as(project(live)).items()}
    after = refreshed(state, real, desired)
    assert refresh_changes(after, real, desired) == []
    drifted = [str(each.address) for each in plan(desired, after, real).changes if each.drifted]
    assert drifted == []
    assert "hidden" not in repr(after)


@pytest.mark.parametrize("action", ["create", "update", "delete", "replace", "adopt"])
def test_a_refresh_plans_nothing_else(action: str) -> None:
    desired = resolved(schema(size=20))
    real = live_as(resolved(stack_with_function()))
    assert action not in actions(refresh_plan(desired, state_of(resolved(schema())), real)).values()

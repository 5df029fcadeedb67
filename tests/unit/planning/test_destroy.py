"""The plan that deletes one function."""

from __future__ import annotations

import pytest

from raceday_iac.errors import IacError
from raceday_iac.model.evidence import Answer, Ask
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Plan, PlanOptions
from raceday_iac.planning.build import plan_destruction
from raceday_iac.provider import Snapshot

from ..applied import NOTHING, actions, live_as, state_of
from ..declaring import address, function, resolved, stack_with_function

STACK = stack_with_function(variables={"K": "v"})


def destroy(name: str, stack: Stack, *, owned: Stack = NOTHING, live: Stack = NOTHING, allowed: bool = False) -> Plan:
    return plan_destruction(
        "test",
        address(f"function.{name}"),
        resolved(stack),
        state_of(resolved(owned)),
        Snapshot(live_as(resolved(live))),
        lambda question: Answer(2 if question.ask is Ask.EXECUTIONS else 0),
        PlanOptions(allowed={address("function.f"): Answer(1)} if allowed else {}),
    )


def test_a_live_function_is_deleted_with_what_lies_in_it() -> None:
    found = destroy("f", STACK, owned=STACK, live=STACK)
    assert actions(found) == {"function.f": "delete", "variable.f/K": "delete"}
    assert [str(each.address) for each in found.changes if each.goes_with] == ["variable.f/K"]


def test_a_variable_that_nobody_declared_goes_with_its_function_and_is_named() -> None:
    more = stack_with_function(variables={"K": "v", "THEIRS": "x"})
    found = destroy("f", STACK, owned=STACK, live=more)
    assert [str(each.address) for each in found.changes if not each.managed] == ["variable.f/THEIRS"]
    (refusal,) = found.refusals
    assert "1 undeclared thing would be deleted with it (variable.f/THEIRS)" in refusal.message
    assert refusal.hint == "to allow it: --allow-data-loss function.f=1"
    assert destroy("f", STACK, owned=STACK, live=more, allowed=True).refusals == ()


def test_the_records_of_its_runs_are_reported() -> None:
    assert destroy("f", STACK, owned=STACK, live=STACK).notes == (
        "delete of function.f: 2 executions would be deleted with it",
    )


def test_a_function_that_is_gone_is_forgotten() -> None:
    assert actions(destroy("f", STACK, owned=STACK)) == {"function.f": "forget", "variable.f/K": "forget"}


def test_a_declared_function_that_never_was_there_needs_nothing() -> None:
    assert destroy("f", STACK).is_empty


def test_an_owned_function_that_is_no_longer_declared_can_be_destroyed() -> None:
    assert actions(destroy("f", NOTHING, owned=STACK, live=STACK))["function.f"] == "delete"


def test_a_function_with_a_tombstone_can_be_destroyed_early() -> None:
    stack = Stack("test")
    stack.absent("function.f", reason="old")
    assert actions(destroy("f", stack, live=STACK)) == {"function.f": "delete", "variable.f/K": "delete"}


def test_a_function_that_is_not_ours_is_refused_with_those_that_are() -> None:
    stack = Stack("test")
    function(stack, "g")
    with pytest.raises(IacError, match=r"function.f is neither declared in the stack nor in the state") as caught:
        destroy("f", stack, live=STACK)
    assert caught.value.hint == "managed functions: g"


def test_other_functions_stay() -> None:
    stack = stack_with_function()
    function(stack, "g", variables={"K": "v"})
    assert set(actions(destroy("g", stack, owned=stack, live=stack))) == {"function.g", "variable.g/K"}


def test_forgetting_waits_for_the_deletion() -> None:
    found = destroy("f", STACK, owned=STACK, live=STACK)
    assert found.changes[1].requires == ("delete:function.f",)


def test_what_is_protected_is_not_destroyed() -> None:
    stack = stack_with_function()
    stack.protect("function.f", reason="it is the only one")
    (refusal,) = destroy("f", stack, owned=STACK, live=STACK).refusals
    assert refusal.message == "delete of function.f is refused: function.f is protected (it is the only one)"

"""The plan after which nothing of ours is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raceday_iac.errors import IacError
from raceday_iac.model.secret import Lenient
from raceday_iac.model.stack import FromEnvironment, Stack, Threshold
from raceday_iac.planning import Plan, PlanOptions
from raceday_iac.planning.plan import plan_options_from_json
from raceday_iac.render.plan_text import plan_lines

from ..applied import actions, live_as, plan, state_of
from ..declaring import address, collection, function, resolved, stack_with_function

ALL = PlanOptions(destroy=True)


def shop() -> Stack:
    stack = Stack("test")
    collection(stack).integer("a")
    for name in "fgh":
        function(stack, name)
    return stack


def destroyed(stack: Stack, options: PlanOptions = ALL, *, more: Stack | None = None, **settings: int) -> Plan:
    desired = resolved(stack)
    real = live_as(resolved(more)) if more is not None else live_as(desired)
    return plan(desired, state_of(desired), real, plan_options=options, **settings)


def test_everything_that_is_ours_goes_and_the_reason_says_that_it_was_asked_for() -> None:
    found = destroyed(shop())
    assert set(actions(found).values()) == {"delete"}
    assert {str(each.address) for each in found.changes if not each.goes_with} == {
        "function.f",
        "function.g",
        "function.h",
        "database.d",
    }
    assert {each.reason for each in found.changes} == {"all managed resources are to be deleted"}
    assert found.refusals == ()


@pytest.mark.parametrize("part", [{"targets": "function.f"}, {"excluded": "function.g"}])
def test_a_part_that_goes_is_not_called_all_of_it(part: dict[str, str]) -> None:
    options = replace(ALL, **{name: frozenset({address(text)}) for name, text in part.items()})
    assert {each.reason for each in destroyed(shop(), options).changes} == {"requested by destroy"}


def test_what_others_made_stays() -> None:
    more = shop()
    function(more, "theirs")
    found = destroyed(shop(), more=more)
    assert "function.theirs" not in actions(found)
    assert found.unmanaged == (address("function.theirs"),)


def test_what_holds_documents_is_refused_until_it_is_named() -> None:
    assert "7 documents would be deleted" in destroyed(shop(), documents=7).refusals[0].message
    allowed = replace(ALL, allowed={address("database.d"): None})
    assert destroyed(shop(), allowed, documents=7).refusals == ()


def test_what_is_protected_is_refused() -> None:
    stack = shop()
    stack.protect("function.g", reason="it is live")
    (refusal,) = destroyed(stack).refusals
    assert refusal.address == address("function.g")


def test_thresholds_are_for_what_nobody_has_asked_for() -> None:
    stack = shop()
    stack.thresholds = {"delete function": Threshold(percent=1, number=1)}
    assert destroyed(stack).refusals == ()


def test_one_part_goes_with_what_lies_in_it_and_nothing_is_called_left_out() -> None:
    found = destroyed(shop(), replace(ALL, targets=frozenset({address("collection.d/c")})))
    assert set(actions(found)) == {"collection.d/c", "attribute.d/c/a"}
    assert found.left_out == ()


def test_what_is_not_ours_is_refused() -> None:
    with pytest.raises(IacError, match="no resource with this address"):
        destroyed(shop(), replace(ALL, targets=frozenset({address("collection.d/x")})))


def test_it_is_part_of_a_saved_plan() -> None:
    assert plan_options_from_json(ALL.to_json()) == ALL
    assert "destroy" not in PlanOptions().to_json()


def test_nothing_to_destroy_is_said_so() -> None:
    found = plan(resolved(shop()), state_of(resolved(Stack("test"))), {}, plan_options=ALL)
    assert "Nothing to destroy" in [line.text for line in plan_lines(found, "here")][2]


def with_secret(value: str | None) -> tuple[Plan, Plan]:
    """The plans where the secret's variable has this value, or is not set: one of nothing live, one of all live."""
    stack = stack_with_function(variables={"K": FromEnvironment("NAME"), "L": "plain"})
    old = resolved(stack, variables={"NAME": "old"})
    new = resolved(stack, variables=Lenient({"OTHER": "x"} if value is None else {"NAME": value}))
    return plan(new, state_of(resolved(Stack("test"))), {}), plan(new, state_of(old), live_as(old))


def test_a_secret_that_nobody_here_knows_is_not_compared_and_that_is_said() -> None:
    created, present = with_secret(None)
    said = "variable.f/K: not compared, because the environment variable NAME is not set; apply needs it."
    assert created.notes == present.notes == (said,)
    assert present.is_empty
    assert actions(created)["variable.f/K"] == "create"


@pytest.mark.parametrize(("value", "is_empty"), [("old", True), ("new", False)])
def test_a_secret_that_is_known_is_compared(value: str, is_empty: bool) -> None:
    _, present = with_secret(value)
    assert (present.is_empty, present.notes) == (is_empty, ())

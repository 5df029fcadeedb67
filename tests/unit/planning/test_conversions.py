"""Conversions in whole plans: instead of a replacement, resumed, and left over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raceday_iac.model.address import Address
from raceday_iac.model.resource import Live
from raceday_iac.model.stack import Collection, Stack
from raceday_iac.planning import PlanOptions
from raceday_iac.state.document import State

from ..applied import actions, change, live_as, plan, plan_between, state_of
from ..declaring import address, collection, resolved


def texts(*keys: str) -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    for key in keys:
        owner.string(key, 10)
    return stack


def live(*names: str) -> dict[Address, Live]:
    return live_as(resolved(texts(*names)))


def state(*names: str) -> State:
    return state_of(resolved(texts(*names)))


def converting(type: str = "integer", *, required: bool = False) -> Stack:
    stack = Stack("test")
    getattr(collection(stack), type)("a", required=required)
    stack.convert("attribute.d/c/a")
    return stack


def test_a_conversion_takes_the_place_of_a_replacement_and_its_indexes_are_made_again() -> None:
    before, after = texts("a"), converting()
    for stack in (before, after):
        Collection(stack, "d", "c").index("i", "a")
    found = plan_between(before, after)
    assert actions(found) == {"attribute.d/c/a": "convert", "index.d/c/i": "replace"}
    assert "add a_conv" in change(found, "attribute.d/c/a").reason
    assert found.refusals == ()


def test_a_conversion_that_was_cut_short_goes_on_and_its_copy_is_not_called_unmanaged() -> None:
    real = {**live("a"), **live_as(resolved(integers("a_conv")))}
    found = plan(resolved(converting()), state("a"), real)
    assert actions(found) == {"attribute.d/c/a": "convert"}
    assert found.unmanaged == ()


@pytest.mark.parametrize("status", ["deleting", None])
def test_a_conversion_whose_old_attribute_is_gone_asks_nothing_of_it(status: str | None) -> None:
    real = {**live("a"), **live_as(resolved(integers("a_conv")))}
    at = address("attribute.d/c/a")
    old = real.pop(at)
    if status is not None:
        real[at] = replace(old, status=status)
    found = plan(resolved(converting()), state("a"), real, documents=None)
    assert actions(found) == {"attribute.d/c/a": "convert"}
    assert found.refusals == ()


def test_something_that_only_looks_like_a_copy_begins_no_conversion() -> None:
    real = {**live_as(resolved(integers("a"))), **live_as(resolved(integers("a_conv")))}
    found = plan(resolved(converting()), state_of(resolved(integers("a"))), real)
    assert found.is_empty
    assert found.unmanaged == (address("attribute.d/c/a_conv"),)


def test_a_replacement_that_was_asked_for_is_no_conversion() -> None:
    at = address("attribute.d/c/a")
    found = plan_between(
        integers("a"), converting(), plan_options=PlanOptions(replaced=frozenset({at}), allowed={at: None})
    )
    assert actions(found) == {"attribute.d/c/a": "replace"}


def integers(*names: str) -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    for name in names:
        owner.integer(name)
    return stack


def test_a_conversion_that_was_cut_short_and_taken_out_of_the_stack_is_not_forgotten() -> None:
    """Its copy may hold the only values."""
    found = plan(resolved(integers("a")), state("a"), live_as(resolved(integers("a_conv"))))
    assert actions(found)["attribute.d/c/a"] == "create"
    assert 'stack.convert("attribute.d/c/a")' in found.notes[0]
    declared = resolved(integers("a", "a_conv"))
    assert plan(declared, state_of(declared), live_as(declared)).notes == ()

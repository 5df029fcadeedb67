"""The three-way comparison: what differs, and who changed it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.diff import Cause, Difference, Presence, compare, compare_fields, compare_resource
from raceday_iac.kinds import KINDS
from raceday_iac.model.limits import expand_permissions
from raceday_iac.model.resource import Live, Resource, frozen
from raceday_iac.model.stack import Database, Stack
from raceday_iac.state.document import Entry, new_state

from ..declaring import address, resolved, stack_with_function

FUNCTION = address("function.f")
ATTRIBUTE = address("attribute.d/c/a")
WANTED = {"name": "F", "timeout": 60}


def stand(
    wanted: dict[str, Any],
    known: dict[str, Any] | None,
    real: dict[str, Any] | None,
    *,
    of: Any = FUNCTION,
    **live: Any,
) -> Difference:
    """How one resource stands."""
    return compare_resource(
        Resource(of, frozen(wanted)),
        None if known is None else Entry(of, frozen(known)),
        None if real is None else Live(of, frozen(real), **live),
        "salt",
    )


# Presence.


def test_neither_live_nor_owned_is_missing() -> None:
    found = stand(WANTED, None, None)
    assert (found.presence, found.owned, found.has_drifted) == (Presence.MISSING, False, False)


def test_owned_but_no_longer_live_is_lost_and_somebody_elses_doing() -> None:
    found = stand(WANTED, WANTED, None)
    assert (found.presence, found.has_drifted) == (Presence.LOST, True)


def test_what_is_being_deleted_counts_as_gone() -> None:
    assert stand(WANTED, None, WANTED, status="deleting").presence is Presence.MISSING


def test_live_as_wanted_is_clean() -> None:
    assert stand(WANTED, WANTED, WANTED).is_clean


def test_live_as_wanted_but_not_ours_yet_is_clean_and_unowned() -> None:
    found = stand(WANTED, None, WANTED)
    assert (found.is_clean, found.owned) == (True, False)


@pytest.mark.parametrize("status", ["failed", "stuck"])
def test_what_is_broken_on_the_server_is_not_clean_and_cannot_be_mended_in_place(status: str) -> None:
    found = stand({"required": True}, {"required": True}, {"required": True}, of=ATTRIBUTE, status=status, error="why")
    assert (found.is_clean, found.in_place, found.error) == (False, False, "why")


def test_what_is_still_processing_is_clean() -> None:
    assert stand({"required": True}, None, {"required": True}, of=ATTRIBUTE, status="processing").is_clean


# Causes.


@pytest.mark.parametrize(
    ("wanted", "known", "real", "cause"),
    [
        (2, 1, 1, Cause.CONFIG),
        (1, 1, 2, Cause.DRIFT),
        (3, 1, 2, Cause.CONFLICT),
    ],
)
def test_who_changed_a_field(wanted: int, known: int, real: int, cause: Cause) -> None:
    (change,) = stand({"timeout": wanted}, {"timeout": known}, {"timeout": real}).fields
    assert (change.before, change.after, change.known, change.cause) == (real, wanted, known, cause)


def test_nobody_can_say_of_a_resource_that_was_never_applied() -> None:
    (change,) = stand({"timeout": 1}, None, {"timeout": 2}).fields
    assert (change.cause, change.known) == (Cause.UNKNOWN, None)


def test_nor_of_a_field_that_was_never_applied() -> None:
    (change,) = stand({"timeout": 1}, {"name": "F"}, {"timeout": 2}).fields
    assert change.cause is Cause.UNKNOWN


def test_a_change_that_both_made_alike_is_no_difference() -> None:
    assert stand({"timeout": 2}, {"timeout": 1}, {"timeout": 2}).is_clean


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_a_field_differs_exactly_when_the_real_value_is_not_the_wanted_one(wanted: int, known: int, real: int) -> None:
    found = stand({"timeout": wanted}, {"timeout": known}, {"timeout": real})
    assert bool(found.fields) == (wanted != real)
    assert found.has_drifted == (wanted != real and known != real)


@given(st.integers(0, 3), st.integers(0, 3))
def test_after_applying_nothing_differs(wanted: int, real: int) -> None:
    assert stand({"timeout": wanted}, {"timeout": wanted}, {"timeout": wanted}).is_clean
    assert stand({"timeout": wanted}, None, {"timeout": real}).is_clean == (wanted == real)


def test_fields_that_the_stack_does_not_declare_are_left_alone() -> None:
    assert stand({"name": "F"}, {"name": "F"}, {"name": "F", "newer": "field"}).is_clean


def test_a_field_that_the_server_does_not_say_differs() -> None:
    (change,) = stand(WANTED, WANTED, {"name": "F"}).fields
    assert (change.name, change.before) == ("timeout", None)


# Sets and values.

ROLES = st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True)


@given(ROLES, st.randoms())
@pytest.mark.parametrize("field", ["scopes", "execute", "events"])
def test_the_order_of_a_set_of_a_function_is_no_difference(field: str, items: list[str], random: Any) -> None:
    other = list(items)
    random.shuffle(other)
    assert compare_fields(KINDS["function"], {field: tuple(items)}, {field: tuple(other)}, None) == []


@given(ROLES, ROLES)
def test_sets_differ_exactly_when_their_members_do(one: list[str], other: list[str]) -> None:
    changes = compare_fields(KINDS["function"], {"scopes": tuple(one)}, {"scopes": tuple(other)}, None)
    assert bool(changes) == (set(one) != set(other))


@given(ROLES, st.randoms())
def test_the_order_of_enum_elements_and_permissions_is_no_difference(items: list[str], random: Any) -> None:
    other = list(items)
    random.shuffle(other)
    assert compare_fields(KINDS["attribute"], {"elements": tuple(items)}, {"elements": tuple(other)}, None) == []
    assert compare_fields(KINDS["collection"], {"permissions": tuple(items)}, {"permissions": tuple(other)}, None) == []


def test_the_order_of_the_attributes_of_an_index_is_a_difference() -> None:
    changes = compare_fields(KINDS["index"], {"attributes": ("a", "b")}, {"attributes": ("b", "a")}, None)
    assert [change.name for change in changes] == ["attributes"]


def test_drift_in_the_order_of_a_set_is_no_conflict_with_a_change_of_it() -> None:
    (change,) = stand({"scopes": ("a", "b", "c")}, {"scopes": ("a", "b")}, {"scopes": ("b", "a")}).fields
    assert change.cause is Cause.CONFIG


@pytest.mark.parametrize(("one", "other"), [(True, 1), (0, False), ("1", 1), (None, ""), (None, 0), ((), None)])
def test_values_of_different_types_differ(one: Any, other: Any) -> None:
    assert compare_fields(KINDS["attribute"], {"default": one}, {"default": other}, None)


def test_a_whole_float_is_its_number() -> None:
    assert compare_fields(KINDS["attribute"], {"default": 5.0}, {"default": 5}, None) == []


@given(
    st.lists(st.sampled_from(['write("any")', 'read("any")', 'create("any")', 'delete("any")', 'update("any")'])),
)
def test_write_and_its_expansion_are_the_same_permissions(permissions: list[str]) -> None:
    wanted = expand_permissions(permissions)
    real = tuple(reversed(wanted))
    assert compare_fields(KINDS["collection"], {"permissions": wanted}, {"permissions": real}, None) == []


# In place or not.


@pytest.mark.parametrize("field", ["required", "default", "size", "min", "max", "elements"])
def test_what_an_update_can_change_of_an_attribute(field: str) -> None:
    assert stand({field: 1}, None, {field: 2}, of=ATTRIBUTE).in_place


@pytest.mark.parametrize("field", ["type", "array", "encrypt"])
def test_what_needs_a_new_attribute(field: str) -> None:
    assert not stand({field: 1}, None, {field: 2}, of=ATTRIBUTE).in_place


def test_one_such_field_among_others_needs_a_new_attribute() -> None:
    assert not stand({"size": 1, "array": True}, None, {"size": 2, "array": False}, of=ATTRIBUTE).in_place


def test_any_change_needs_a_new_index() -> None:
    assert not stand({"orders": ("ASC",)}, None, {"orders": ("DESC",)}, of=address("index.d/c/i")).in_place


# The whole stack.


def whole() -> Stack:
    stack = stack_with_function(scopes=["documents.write", "documents.read"], variables={"K": "v"})
    owner = Database(stack, "d").collection("things", name="T", permissions=['write("any")'])
    owner.string("a", 10)
    owner.enum("e", ["y", "x"])
    owner.relationship("r", "locks", type="manyToOne")
    owner.index("i", "a")
    return stack


def test_differences_come_in_the_order_of_the_stack() -> None:
    desired = resolved(whole())
    assert [each.address for each in compare(desired, new_state(), {})] == list(desired.resources)


def test_a_stack_that_is_live_as_declared_is_clean() -> None:
    desired = resolved(whole())
    real = {at: Live(at, each.fields) for at, each in desired.resources.items()}
    assert all(each.is_clean for each in compare(desired, new_state(), real))

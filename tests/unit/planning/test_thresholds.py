"""Limits against mass changes: both sides of every number, what counts, and what lets it pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from raceday_iac.model.address import Address
from raceday_iac.model.resource import DEFAULTS, Desired
from raceday_iac.model.stack import Collection, Stack, Threshold
from raceday_iac.planning import Action, Change, Plan, PlanOptions, Reason
from raceday_iac.planning.guards import threshold_refusals

from ..applied import NOTHING, live_as, plan, state_of
from ..declaring import address, database, function, resolved


def some(action: Action, count: int, kind: str = "function") -> list[Change]:
    return [Change(Address(kind, f"x{number}"), action, "", why=Reason.DECLARED) for number in range(count)]


def managed(count: int, kind: str = "function") -> list[Address]:
    return [Address(kind, f"x{number}") for number in range(count)]


def messages(changes: Sequence[Change], of: Iterable[Address], confirmed: dict[str, int] | None = None) -> list[str]:
    return [each.message for each in threshold_refusals(changes, list(of), LIMITS, confirmed or {})]


#: 10 % and 2, to have small numbers.
LIMITS = {f"{action} function": Threshold(10, 2) for action in DEFAULTS}


# Numbers.


@pytest.mark.parametrize(
    ("count", "total", "refused"),
    [
        (2, 10, False),  # the share is exceeded, the number is not
        (3, 30, False),  # the number is exceeded, the share is not
        (3, 29, True),  # both
        (3, 3, True),
        (0, 0, False),
    ],
)
def test_a_limit_strikes_when_share_and_number_are_both_exceeded(count: int, total: int, refused: bool) -> None:
    assert bool(messages(some(Action.DELETE, count), managed(total))) is refused


@pytest.mark.parametrize("action", sorted(DEFAULTS))
def test_the_limits_that_hold_by_themselves_strike_just_above_both(action: str) -> None:
    changes = {"delete": Action.DELETE, "update": Action.UPDATE}[action]
    limit = DEFAULTS[action]
    at_share = int(limit.number / (limit.percent / 100))

    def refused(count: int, total: int) -> bool:
        return bool(list(threshold_refusals(some(changes, count, "variable"), managed(total, "variable"), {}, {})))

    assert not refused(limit.number, limit.number)
    assert refused(limit.number + 1, at_share)
    share_is_met = int((limit.number + 1) / (limit.percent / 100)) + 1
    assert not refused(limit.number + 1, share_is_met)


def test_a_refusal_names_the_numbers_the_limit_and_what_lets_it_pass() -> None:
    (refusal,) = threshold_refusals(some(Action.DELETE, 3), managed(19), LIMITS, {})
    assert refusal.message == (
        "3 of 19 managed function resources would be deleted, 15.8 %; that is over both limits, 10 % and 2"
    )
    assert refusal.hint == 'to allow it: --confirm "delete function=3"'
    assert str(refusal.address) == "function.x0"


def test_a_limit_of_nothing_refuses_the_first() -> None:
    nothing = {"delete function": Threshold(0, 0)}
    assert list(threshold_refusals(some(Action.DELETE, 1), managed(1000), nothing, {}))


# What counts.


@pytest.mark.parametrize(
    ("action", "counted"),
    [
        (Action.DELETE, "deleted"),
        (Action.REPLACE, "deleted"),
        (Action.UPDATE, "updated"),
        (Action.SCHEDULE, "updated"),
        (Action.CONVERT, "updated"),
        (Action.CREATE, ""),
        (Action.DEPLOY, ""),
        (Action.ADOPT, ""),
        (Action.REFRESH, ""),
        (Action.FORGET, ""),
    ],
)
def test_what_an_action_counts_as(action: Action, counted: str) -> None:
    said = messages(some(action, 3), managed(3))
    assert [f"would be {counted}" in each for each in said] == ([True] if counted else [])


def test_deletions_and_replacements_count_together() -> None:
    changes = [*some(Action.DELETE, 2), Change(Address("function", "y"), Action.REPLACE, "", why=Reason.DECLARED)]
    assert "3 of 3" in messages(changes, managed(2))[0]


def test_an_update_and_the_schedule_that_waits_count_once() -> None:
    assert messages([*some(Action.UPDATE, 2), *some(Action.SCHEDULE, 2)], managed(2)) == []


def test_the_schedule_of_something_new_is_no_update() -> None:
    assert messages([*some(Action.CREATE, 3), *some(Action.SCHEDULE, 3)], managed(0)) == []


def test_each_kind_is_counted_by_itself() -> None:
    limits = {**LIMITS, "delete variable": Threshold(10, 2)}
    changes = [*some(Action.DELETE, 2), *some(Action.DELETE, 3, "variable")]
    found = list(threshold_refusals(changes, [*managed(2), *managed(3, "variable")], limits, {}))
    assert [each.hint for each in found] == ['to allow it: --confirm "delete variable=3"']


# What lets it pass.


@pytest.mark.parametrize(
    ("confirmed", "refused"),
    [
        ({"delete function": 3}, False),
        ({"delete function": 2}, True),
        ({"delete function": 4}, True),
        ({"update function": 3}, True),
        ({"delete variable": 3}, True),
        ({}, True),
    ],
    ids=str,
)
def test_only_the_very_number_lets_it_pass(confirmed: dict[str, int], refused: bool) -> None:
    assert bool(messages(some(Action.DELETE, 3), managed(3), confirmed)) is refused


# In whole plans.


def functions(*names: str, timeout: int = 60) -> Stack:
    stack = Stack("test")
    for name in names:
        function(stack, name, timeout=timeout)
    return stack


def between(before: Desired, after: Desired, *, state: bool = True, **settings: Any) -> Plan:
    return plan(after, state_of(before) if state else None, live_as(before), **settings)


MANY = tuple(f"f{number}" for number in range(DEFAULTS["delete"].number + 1))


def test_a_stack_that_lost_most_of_its_functions_is_refused() -> None:
    found = between(resolved(functions(*MANY, "g")), resolved(functions("g")))
    assert found.refusals[0].message.startswith("6 of 7 managed function resources would be deleted")


def test_the_number_that_the_plan_shows_lets_it_pass() -> None:
    plan_options = PlanOptions(confirmed={"delete function": len(MANY)})
    assert between(resolved(functions(*MANY)), resolved(NOTHING), plan_options=plan_options).refusals == ()


def test_the_stack_may_say_otherwise() -> None:
    stack = Stack("test", thresholds={"delete function": Threshold(0, 0)})
    (refusal,) = between(resolved(functions("f")), resolved(stack)).refusals
    assert "1 of 1" in refusal.message
    generous = Stack("test", thresholds={"delete function": Threshold(100, 0)})
    assert between(resolved(functions(*MANY)), resolved(generous)).refusals == ()


def test_only_what_stays_in_a_partial_plan_is_counted() -> None:
    plan_options = PlanOptions(targets=frozenset({address("function.f0")}))
    assert between(resolved(functions(*MANY)), resolved(NOTHING), plan_options=plan_options).refusals == ()


def test_after_a_lost_state_the_share_is_of_what_is_adopted() -> None:
    """Else a few updates would be a large share of nothing."""
    names = tuple(f"f{number}" for number in range(2 * (DEFAULTS["update"].number + 1)))
    wanted, live = resolved(functions(*names)), resolved(functions(*names))
    changed = dict(list(resolved(functions(*names, timeout=90)).resources.items())[: len(names) // 2])
    assert between(live.with_resources(changed), wanted, state=False).refusals == ()
    most = dict(list(resolved(functions(*names, timeout=90)).resources.items())[: len(names) // 2 + 1])
    assert between(live.with_resources(most), wanted, state=False).refusals != ()


def test_tombstones_count_although_what_they_delete_was_never_ours() -> None:
    stack = Stack("test")
    for name in MANY:
        stack.absent(f"function.{name}", reason="it is old")
    (refusal,) = between(resolved(functions(*MANY)), resolved(stack), state=False).refusals
    assert refusal.message.startswith("6 of 6 managed function resources would be deleted, 100 %")


def test_collections_that_go_with_their_database_count() -> None:
    """They are only forgotten in the plan, but they hold the documents."""
    stack = Stack("test")
    base = database(stack)
    for name in MANY:
        base.collection(name, name="C")
    (refusal,) = between(resolved(stack), resolved(NOTHING)).refusals
    assert refusal.message.startswith("6 of 6 managed collection resources would be deleted")


def test_members_that_go_with_their_collection_do_not_count_by_themselves() -> None:
    stack, emptied = Stack("test"), Stack("test")
    database(stack).collection("c", name="C")
    database(emptied)
    for name in MANY:
        Collection(stack, "d", "c").integer(name)
    assert between(resolved(stack), resolved(emptied)).refusals == ()


def test_what_is_gone_already_does_not_count() -> None:
    before = resolved(functions(*MANY))
    assert plan(resolved(NOTHING), state_of(before), {}).refusals == ()


def test_what_is_forgotten_for_another_reason_does_not_count() -> None:
    changes = [replace(each, reason="it is gone") for each in some(Action.FORGET, 9, "collection")]
    assert list(threshold_refusals(changes, managed(9, "collection"), {}, {})) == []

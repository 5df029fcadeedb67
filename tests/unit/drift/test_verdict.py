"""The verdict and its exit code."""

from __future__ import annotations

import pytest

from raceday_iac.drift import Standing, classify
from raceday_iac.errors import EXIT_CHANGES, EXIT_DRIFT, EXIT_DRIFT_AND_CHANGES, EXIT_OK
from raceday_iac.model.resource import Live, frozen
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Plan

from ..applied import live_as, plan, state_of
from ..declaring import address, function, resolved, stack_with_function


def three_way(wanted: int, known: int, real: int) -> Plan:
    """A plan where the timeout has these values."""
    new, old, live = (resolved(stack_with_function(timeout=each)) for each in (wanted, known, real))
    return plan(new, state_of(old), live_as(live))


@pytest.mark.parametrize(
    ("wanted", "known", "real", "code"),
    [
        (1, 1, 1, EXIT_OK),
        (2, 1, 1, EXIT_CHANGES),
        (1, 1, 2, EXIT_DRIFT),
        (2, 1, 3, EXIT_DRIFT_AND_CHANGES),
        (2, 1, 2, EXIT_OK),
    ],
)
def test_exit_code(wanted: int, known: int, real: int, code: int) -> None:
    assert classify(three_way(wanted, known, real)).exit_code == code


def test_something_deleted_on_the_server_is_drift() -> None:
    desired = resolved(stack_with_function())
    real = live_as(desired)
    del real[address("function.f")]
    verdict = classify(plan(desired, state_of(desired), real))
    assert [str(each.address) for each in verdict.drifted] == ["function.f"]
    assert verdict.exit_code == EXIT_DRIFT


def test_a_new_declaration_is_pending_and_no_drift() -> None:
    assert classify(plan(resolved(stack_with_function()))).exit_code == EXIT_CHANGES


def test_drift_and_a_change_of_two_fields_of_one_resource_are_both_reported() -> None:
    new = resolved(stack_with_function(timeout=2))
    old = resolved(stack_with_function(timeout=1))
    live = resolved(stack_with_function(timeout=1, commands="other"))
    verdict = classify(plan(new, state_of(old), live_as(live)))
    assert verdict.drifted == verdict.pending
    assert verdict.exit_code == EXIT_DRIFT_AND_CHANGES


def test_every_difference_stands_in_one_place() -> None:
    new = resolved(stack_with_function(timeout=2, commands="new", entrypoint="a.py"))
    old = resolved(stack_with_function(timeout=1, commands="old", entrypoint="a.py"))
    live = resolved(stack_with_function(timeout=3, commands="old", entrypoint="b.py"))
    verdict = classify(plan(new, state_of(old), live_as(live)))
    standing = {field.name: item.standing for item in verdict.items for field in item.fields}
    assert standing == {
        "timeout": Standing.CONFLICT,
        "commands": Standing.PENDING,
        "entrypoint": Standing.CHANGED,
    }


def test_a_deleted_function_with_a_schedule_is_drift_alone() -> None:
    """That its schedule has to be armed again is no configuration that was never applied."""
    desired = resolved(stack_with_function(schedule="0 3 * * *"))
    real = live_as(desired)
    del real[address("function.f")]
    assert classify(plan(desired, state_of(desired), real)).exit_code == EXIT_DRIFT


def test_a_variable_that_somebody_made_secret_is_drift_alone() -> None:
    desired = resolved(stack_with_function(variables={"K": "v"}))
    real = live_as(desired)
    at = address("variable.f/K")
    real[at] = Live(at, frozen({"secret": True}), "id")
    assert classify(plan(desired, state_of(desired), real)).exit_code == EXIT_DRIFT


def test_unmanaged_resources_do_not_count() -> None:
    desired, foreign = resolved(stack_with_function()), Stack("test")
    function(foreign, "theirs")
    verdict = classify(plan(desired, state_of(desired), live_as(desired) | live_as(resolved(foreign))))
    assert [str(each.address) for each in verdict.of(Standing.UNMANAGED)] == ["function.theirs"]
    assert verdict.exit_code == EXIT_OK


@pytest.mark.parametrize("wanted", [1, 2, 3])
@pytest.mark.parametrize("known", [1, 2, 3])
@pytest.mark.parametrize("real", [1, 2, 3])
def test_all_three_ways_in_which_one_field_can_stand(wanted: int, known: int, real: int) -> None:
    expected = {
        wanted == real: [],
        wanted != real and known == real: [Standing.PENDING],
        wanted != real and known == wanted: [Standing.CHANGED],
        len({wanted, known, real}) == 3: [Standing.CONFLICT],
    }[True]
    assert [each.standing for each in classify(three_way(wanted, known, real)).items] == expected

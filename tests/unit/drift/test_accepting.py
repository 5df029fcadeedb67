"""What an acceptance in policies.yaml does to a drift verdict."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from raceday_iac.drift import Standing, Verdict, accept, classify
from raceday_iac.errors import EXIT_CHANGES, EXIT_DRIFT, EXIT_DRIFT_AND_CHANGES, EXIT_OK
from raceday_iac.linting.findings import DRIFT_CODES, read_acceptances
from raceday_iac.linting.linter import apply_acceptances
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Plan

from ..applied import live_as, plan, state_of
from ..declaring import address, function, resolved, stack_with_function

TODAY = date(2026, 1, 10)


def policies(code: str, subject: str, until: str = "2026-01-31", message: str = "*") -> str:
    return (
        f'accepted:\n- code: {code}\n  subject: "{subject}"\n  message: "{message}"\n'
        f"  reason: until the vendor answers\n  until: {until}\n"
    )


def checked(of: Plan, text: str, today: date = TODAY) -> Verdict:
    return accept(classify(of), read_acceptances(text, "policies.yaml", {"POL005"}), today)


def drifted(**live: object) -> Plan:
    """The stack says and the state knows timeout 60; the server has something else."""
    desired = resolved(stack_with_function(timeout=60))
    return plan(desired, state_of(desired), live_as(resolved(stack_with_function(**{"timeout": 60, **live}))))


def test_accepted_drift_is_no_drift() -> None:
    verdict = checked(drifted(timeout=90), policies("DRF001", "function.f"))
    assert verdict.exit_code == EXIT_OK
    assert [str(each.address) for each in verdict.accepted] == ["function.f"]
    assert verdict.of(Standing.CHANGED) == ()


@pytest.mark.parametrize(
    ("today", "code"), [(date(2026, 1, 31), EXIT_OK), (date(2026, 2, 1), EXIT_DRIFT)], ids=["last day", "day after"]
)
def test_the_last_day_counts_and_the_day_after_does_not(today: date, code: int) -> None:
    assert checked(drifted(timeout=90), policies("DRF001", "function.*"), today).exit_code == code


def test_an_ended_acceptance_stays_with_what_it_was_about() -> None:
    (item,) = checked(drifted(timeout=90), policies("DRF001", "function.f", "2026-01-01")).of(Standing.CHANGED)
    assert item.ended is not None
    assert item.ended.until == date(2026, 1, 1)
    assert item.accepted is None


def test_of_two_acceptances_the_longer_one_counts() -> None:
    text = policies("DRF001", "function.f", "2026-01-01") + policies("DRF001", "*").removeprefix("accepted:\n")
    assert checked(drifted(timeout=90), text).exit_code == EXIT_OK


def test_one_field_can_be_accepted_without_the_other() -> None:
    verdict = checked(drifted(timeout=90, commands="x"), policies("DRF001", "function.f", message="timeout: 90 *"))
    assert [field.name for item in verdict.accepted for field in item.fields] == ["timeout"]
    assert [field.name for item in verdict.of(Standing.CHANGED) for field in item.fields] == ["commands"]
    assert verdict.exit_code == EXIT_DRIFT


def test_an_acceptance_of_one_value_is_none_of_another() -> None:
    verdict = checked(drifted(timeout=91), policies("DRF001", "function.f", message="timeout: 90 *"))
    assert verdict.exit_code == EXIT_DRIFT
    assert "no such difference" in verdict.notices[0]


def test_something_deleted_can_be_accepted() -> None:
    desired = resolved(stack_with_function())
    real = live_as(desired)
    del real[address("function.f")]
    text = policies("DRF001", "function.f", message="it was deleted on the server")
    assert checked(plan(desired, state_of(desired), real), text).exit_code == EXIT_OK


def test_a_conflict_needs_a_code_of_its_own() -> None:
    new, old, live = (resolved(stack_with_function(timeout=each)) for each in (1, 2, 3))
    conflict = plan(new, state_of(old), live_as(live))
    assert checked(conflict, policies("DRF001", "*")).exit_code == EXIT_DRIFT_AND_CHANGES
    assert checked(conflict, policies("DRF002", "*")).exit_code == EXIT_OK


def test_what_is_not_applied_yet_cannot_be_accepted() -> None:
    old = resolved(stack_with_function(timeout=1))
    pending = plan(resolved(stack_with_function(timeout=2)), state_of(old), live_as(old))
    assert checked(pending, policies("DRF001", "*")).exit_code == EXIT_CHANGES


def test_unmanaged_resources_can_be_accepted() -> None:
    desired, foreign = resolved(stack_with_function()), Stack("test")
    function(foreign, "theirs")
    found = plan(desired, state_of(desired), live_as(desired) | live_as(resolved(foreign)))
    verdict = checked(found, policies("DRF003", "function.theirs"))
    assert verdict.of(Standing.UNMANAGED) == ()
    assert [str(each.address) for each in verdict.accepted] == ["function.theirs"]


def test_what_fits_nothing_is_said_with_its_place() -> None:
    assert checked(drifted(), policies("DRF001", "function.f")).notices == (
        "policies.yaml:2: DRF001 of function.f is accepted, but there is no such difference: delete the entry",
    )


def test_the_end_is_announced() -> None:
    (notice,) = checked(drifted(timeout=90), policies("DRF001", "function.f"), date(2026, 1, 30)).notices
    assert notice.endswith("ends on 2026-01-31")


def test_what_lint_accepts_is_none_of_drifts_business() -> None:
    assert checked(drifted(), policies("POL005", "*")).notices == ()


def test_what_drift_accepts_is_none_of_lints_business() -> None:
    """Without this, lint would call it an acceptance of something that was not found."""
    accepted = read_acceptances(policies("DRF001", "*"), "policies.yaml", ())
    assert list(apply_acceptances([], accepted, TODAY)) == []


def test_every_code_is_explained() -> None:
    text = (Path(__file__).parents[3] / "docs" / "ci.md").read_text(encoding="utf-8")
    assert [code for code in DRIFT_CODES if f"| {code} |" not in text] == []

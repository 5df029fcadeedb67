from __future__ import annotations

from datetime import date

from raceday_iac.drift import Verdict, accept, classify
from raceday_iac.linting.findings import Acceptance
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Plan
from raceday_iac.render.drift_text import drift_document, drift_lines

from ..applied import live_as, plan, plan_between, state_of
from ..declaring import function, resolved, stack_with_function


def shown(of: Plan, *, verbose: bool = False) -> list[str]:
    return [line.text for line in drift_lines(classify(of), of, "here", verbose=verbose)]


def drifted() -> Plan:
    """The timeout was changed on the server, the commands in the stack."""
    new = resolved(stack_with_function(timeout=1, commands="new"))
    old, live = resolved(stack_with_function(timeout=1)), resolved(stack_with_function(timeout=2))
    return plan(new, state_of(old), live_as(live))


def test_no_drift_is_said_plainly() -> None:
    assert shown(plan_between(stack_with_function(), stack_with_function())) == [
        "Drift check of environment test (here)",
        "",
        "No drift: nobody changed what the stack manages.",
    ]


def test_drift_is_shown_with_both_values_and_the_two_ways_out() -> None:
    lines = shown(drifted())
    assert "  ~ function.f: it was changed on the server" in lines
    assert "        timeout: 2 → 1   (on the server → in the stack)" in lines
    assert lines[-1].startswith("To revert it: raceday-iac apply. To keep it: change the stack")


def test_a_field_that_only_the_stack_changed_is_not_shown_as_drift() -> None:
    assert not [line for line in shown(drifted()) if "commands" in line]


def test_what_is_not_applied_yet_is_listed() -> None:
    lines = shown(plan_between(stack_with_function(), stack_with_function(timeout=9)))
    assert "Not applied yet: 1" in lines
    assert "  update function.f: the stack changed" in lines


def test_unmanaged_resources_are_named_only_in_full() -> None:
    desired = resolved(stack_with_function())
    real = live_as(desired) | live_as(resolved(foreign()))
    found = plan(desired, state_of(desired), real)
    assert "    function.foreign" not in shown(found)
    assert "    function.foreign" in shown(found, verbose=True)


def foreign() -> Stack:
    stack = Stack("test")
    function(stack, "foreign")
    return stack


def test_for_machines_the_exit_code_is_in_the_document() -> None:
    found = drifted()
    document = drift_document(classify(found), found)
    assert document["exitCode"] == classify(found).exit_code == 4
    assert [each["address"] for each in document["drift"]] == ["function.f"]


def accepted(of: Plan, until: date) -> Verdict:
    return accept(classify(of), [Acceptance("DRF001", "function.f", "agreed", until)], date(2026, 1, 10))


def test_what_is_accepted_is_reported_with_reason_and_last_day() -> None:
    found = drifted()
    lines = [line.text for line in drift_lines(accepted(found, date(2026, 2, 1)), found, "here", verbose=False)]
    assert "No drift except accepted changes." in lines
    assert "  ✓ function.f: until 2026-02-01, agreed" in lines
    assert lines[lines.index("  ✓ function.f: until 2026-02-01, agreed") + 1] == "        timeout: 2 → 1"


def test_an_ended_acceptance_is_said_to_be_over() -> None:
    found = drifted()
    lines = [line.text for line in drift_lines(accepted(found, date(2026, 1, 1)), found, "here", verbose=False)]
    assert "        was accepted until 2026-01-01 (agreed); that is over" in lines


def test_a_conflict_is_a_section_of_its_own() -> None:
    new, old, live = (resolved(stack_with_function(timeout=each)) for each in (1, 2, 3))
    lines = shown(plan(new, state_of(old), live_as(live)))
    assert "Conflict: 1 changed on the server and in the stack, to different values" in lines
    assert "        timeout: 3 → 1   (last applied 2)   (on the server → in the stack)" in lines
    assert not [line for line in lines if line.startswith(("Drift: ", "Not applied yet"))]


def test_for_machines_each_difference_has_its_verdict() -> None:
    found = drifted()
    document = drift_document(accepted(found, date(2026, 2, 1)), found)
    assert [(each["verdict"], [field["name"] for field in each["fields"]]) for each in document["verdicts"]] == [
        ("accepted", ["timeout"]),
        ("pending", ["commands"]),
    ]
    assert document["verdicts"][0]["accepted"]["until"] == "2026-02-01"
    assert document["exitCode"] == 2

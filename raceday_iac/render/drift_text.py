"""A drift verdict for people and machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..diff import Cause
from ..drift import Verdict
from ..planning import Change, Plan
from .lines import Line
from .plan_json import change_document
from .plan_text import field_text

_DRIFT = (Cause.DRIFT, Cause.CONFLICT)


def drift_lines(verdict: Verdict, plan: Plan, where: str, *, verbose: bool) -> Iterator[Line]:
    """What drifted with both values, then what is pending."""
    yield Line(f"Drift check of environment {plan.environment} ({where})", "bold")
    yield Line()
    if not verdict.drifted:
        yield Line("No drift: nobody changed what the stack manages.", "green")
    else:
        yield Line(f"Drift: {len(verdict.drifted)} changed behind the stack's back", "bold yellow")
        for change in verdict.drifted:
            yield from _drift_lines(change)
    if verdict.pending:
        yield Line()
        yield Line(f"Not applied yet: {len(verdict.pending)}", "bold")
        for change in verdict.pending[:20]:
            yield Line(f"  {change.action} {change.address}: {change.reason}")
        if len(verdict.pending) > 20:
            yield Line(f"  and {len(verdict.pending) - 20} more; see raceday-iac plan")
    if verbose and plan.unmanaged:
        yield Line()
        yield Line("Unmanaged: live, but neither declared nor ours", "dim")
        yield from (Line(f"    {address}", "dim") for address in plan.unmanaged)
    if verdict.drifted:
        yield Line()
        yield Line("To put it back: raceday-iac apply. To keep it: change the stack, then plan shows nothing to do.")


def _drift_lines(change: Change) -> Iterator[Line]:
    yield Line(f"  ~ {change.address}: {change.reason}", "yellow")
    for field in change.fields:
        if field.cause in _DRIFT:
            yield Line(f"        {field_text(field)}   (on the server → in the stack)")


def drift_document(verdict: Verdict, plan: Plan) -> dict[str, Any]:
    return {
        "environment": plan.environment,
        "drift": [change_document(change) for change in verdict.drifted],
        "pending": [change_document(change) for change in verdict.pending],
        "unmanaged": [str(address) for address in plan.unmanaged],
        "exitCode": verdict.exit_code,
    }

"""A drift verdict for people and machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..drift import Item, Standing, Verdict
from ..linting.findings import Acceptance
from ..planning import Plan
from .lines import Line
from .plan_json import change_document, field_document
from .plan_text import field_lines

_SHOWN = 20
WAYS_OUT = "To put it back: raceday-iac apply. To keep it: change the stack, then plan shows nothing to do."
STILL_APPLIED = "that keeps the check quiet, but apply would still put them back"


def drift_lines(verdict: Verdict, plan: Plan, where: str, *, verbose: bool) -> Iterator[Line]:
    """What drifted with both values, then what is pending, unmanaged and accepted."""
    yield Line(f"Drift check of environment {plan.environment} ({where})", "bold")
    yield Line()
    changed, conflicts = verdict.of(Standing.CHANGED), verdict.of(Standing.CONFLICT)
    if not (changed or conflicts):
        yield Line(nothing_drifted(verdict), "green")
    if changed:
        yield Line(f"Drift: {len(changed)} changed behind the stack's back", "bold yellow")
        for item in changed:
            yield from _item_lines(item, "~", "yellow")
    if conflicts:
        yield from _gap(changed)
        yield Line(f"Conflict: {len(conflicts)} changed on the server and in the stack, each another way", "bold red")
        for item in conflicts:
            yield from _item_lines(item, "!", "red")
    yield from _pending_lines(verdict.of(Standing.PENDING))
    yield from _unmanaged_lines(verdict.of(Standing.UNMANAGED), verbose=verbose)
    yield from _accepted_lines(verdict.accepted)
    for notice in verdict.notices:
        yield Line()
        yield Line(f"Note: {notice}", "cyan")
    if changed or conflicts:
        yield Line()
        yield Line(WAYS_OUT)


def nothing_drifted(verdict: Verdict) -> str:
    """The good news, as far as it goes."""
    if any(each.standing is not Standing.UNMANAGED for each in verdict.accepted):
        return "No drift but what is accepted."
    return "No drift: nobody changed what the stack manages."


def _gap(before: object) -> Iterator[Line]:
    if before:
        yield Line()


def _item_lines(item: Item, sign: str, style: str) -> Iterator[Line]:
    yield Line(f"  {sign} {item.address}: {item.reason}", style)
    for field in item.fields:
        yield from field_lines(field, direction="on the server → in the stack")
    if item.ended is not None:
        yield Line(f"        {ended_text(item.ended)}", "magenta")


def ended_text(acceptance: Acceptance) -> str:
    """What is said of an acceptance that does not count any more."""
    return f"was accepted until {acceptance.until} ({acceptance.reason}); that is over"


def _pending_lines(items: tuple[Item, ...]) -> Iterator[Line]:
    if not items:
        return
    yield Line()
    yield Line(f"Not applied yet: {len(items)}", "bold")
    for item in items[:_SHOWN]:
        action = item.change.action if item.change else ""
        yield Line(f"  {action} {item.address}: {item.reason}")
    if len(items) > _SHOWN:
        yield Line(f"  and {len(items) - _SHOWN} more; see raceday-iac plan")


def _unmanaged_lines(items: tuple[Item, ...], *, verbose: bool) -> Iterator[Line]:
    ended = [item for item in items if item.ended is not None]
    if items and (verbose or ended):
        yield Line()
        yield Line("Unmanaged: live, but neither declared nor ours", "dim")
    for item in items if verbose else ended:
        yield Line(f"    {item.address}", "dim")
        if item.ended is not None:
            yield Line(f"        {ended_text(item.ended)}", "magenta")


def _accepted_lines(items: tuple[Item, ...]) -> Iterator[Line]:
    if not items:
        return
    yield Line()
    yield Line(f"Accepted: {len(items)}; {STILL_APPLIED}", "blue")
    for item in items:
        if item.accepted is not None:
            yield Line(f"  ✓ {item.address}: until {item.accepted.until}, {item.accepted.reason}", "blue")
        yield from (line for field in item.fields for line in field_lines(field, "dim"))


def drift_document(verdict: Verdict, plan: Plan) -> dict[str, Any]:
    return {
        "environment": plan.environment,
        "drift": [change_document(change) for change in verdict.drifted],
        "pending": [change_document(change) for change in verdict.pending],
        "unmanaged": [str(address) for address in plan.unmanaged],
        "verdicts": [_item_document(item) for item in verdict.items],
        "notices": list(verdict.notices),
        "exitCode": verdict.exit_code,
    }


def _item_document(item: Item) -> dict[str, Any]:
    return {
        "address": str(item.address),
        "verdict": "accepted" if item.accepted else str(item.standing),
        "standing": str(item.standing),
        "reason": item.reason,
        "fields": [field_document(field) for field in item.fields],
        "accepted": _acceptance_document(item.accepted),
        "acceptanceEnded": _acceptance_document(item.ended),
    }


def _acceptance_document(acceptance: Acceptance | None) -> dict[str, Any] | None:
    if acceptance is None:
        return None
    place = acceptance.location
    return {"reason": acceptance.reason, "until": str(acceptance.until), "file": place.file, "line": place.line}

"""A plan as text for people."""

from __future__ import annotations

from collections.abc import Iterator

from ..diff import FieldChange
from ..diff.wording import field_text, field_words
from ..planning import Action, Plan
from .lines import Line
from .plan_words import SIGNS, UNMANAGED, Shown, counts_by_kind, fold, nothing_to_do, summary

__all__ = ["field_lines", "field_text", "plan_lines", "refusal_lines", "summary_lines"]

#: Longer than this, the parts of a value stand below each other.
_WIDE = 110

_STYLES = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "magenta",
    Action.MOVE: "yellow",
    Action.CONVERT: "yellow",
    Action.DELETE: "red",
    Action.DEPLOY: "cyan",
    Action.ACTIVATE: "cyan",
    Action.SCHEDULE: "cyan",
    Action.ADOPT: "blue",
    Action.REFRESH: "blue",
    Action.FORGET: "dim",
}


def plan_lines(plan: Plan, where: str, *, verbose: bool = False) -> Iterator[Line]:
    """The whole plan. Without `verbose`, what is created or adopted inside a collection is folded into one line."""
    yield Line(f"Plan for environment {plan.environment} ({where})", "bold")
    yield Line()
    if plan.is_empty:
        yield Line(nothing_to_do(plan), "green")
    else:
        for shown in fold(plan.changes, verbose=verbose):
            yield from _shown_lines(shown)
        yield Line()
        yield from summary_lines(plan)
    if plan.left_out:
        yield Line()
        yield Line(f"Left out ({len(plan.left_out)}): not asked for in this plan", "dim")
        yield from (Line(f"    {change.action} {change.address}", "dim") for change in plan.left_out)
    for note in plan.notes:
        yield Line()
        yield Line(f"Note: {note}", "cyan")
    if plan.unmanaged:
        yield Line()
        yield Line(UNMANAGED, "dim")
        yield from (Line(f"    {address}", "dim") for address in plan.unmanaged)
    yield from refusal_lines(plan)


def refusal_lines(plan: Plan) -> Iterator[Line]:
    """What guards say no to."""
    if not plan.refusals:
        return
    yield Line()
    yield Line(f"Refused ({len(plan.refusals)}): nothing will be applied while this stands", "bold red")
    for refusal in plan.refusals:
        yield Line(f"  ✗ {refusal.message}", "red")
        if refusal.hint:
            yield Line(f"    → {refusal.hint}")


def summary_lines(plan: Plan) -> Iterator[Line]:
    """Counts by action, then by kind."""
    yield Line(f"Plan: {summary(plan)}.", "bold")
    for kind, counts in counts_by_kind(plan).items():
        parts = ", ".join(f"{counts[action]} {action}" for action in SIGNS if counts[action])
        yield Line(f"    {kind:<13} {parts}")


def _shown_lines(shown: Shown) -> Iterator[Line]:
    sign, style, change = SIGNS[shown.action], _STYLES[shown.action], shown.change
    if change is None:
        yield Line(f"  {sign} in {shown.address}: {shown.inside}", style)
        return
    inside = f" with {shown.inside}" if shown.inside else ""
    drift = " (drift)" if change.drifted else ""
    reason = f": {shown.reason}{drift}" if shown.reason else ""
    yield Line(f"  {sign} {change.action} {change.address}{shown.company}{inside}{reason}", style)
    for field in change.fields:
        yield from field_lines(field)


def field_lines(field: FieldChange, style: str = "", direction: str = "") -> Iterator[Line]:
    """A field in one line; many parts, or long ones, in a line each."""
    words, said = field_words(field), f"   ({direction})" if direction else ""
    if len(words.parts) < 2 or len(words.text) <= _WIDE:
        yield Line(f"        {words.text}{said}", style)
        return
    yield Line(f"        {words.name}:{words.ending}{said}", style)
    yield from (Line(f"            {part.text}", style) for part in words.parts)

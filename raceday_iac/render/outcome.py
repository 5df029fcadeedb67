"""What came of an apply, for people and machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..applying import Applied
from ..counting import counted
from ..errors import StateError
from .lines import Line

#: What can be said after a whole plan.
AS_DECLARED = "Appwrite is as the stack says."


def applied_lines(applied: Applied, left: Sequence[str], seconds: float, claim: str = AS_DECLARED) -> Iterator[Line]:
    """Done, failed and skipped, and what to do next. `claim` is said when nothing failed and nothing is `left`."""
    yield Line()
    if applied.complete and not left:
        yield Line(f"Applied: {counted(len(applied.done), 'change')} in {seconds:.1f} s. {claim}", "bold green")
        return
    yield Line(
        f"Not complete: {len(applied.done)} done, {len(applied.failed)} failed, {len(applied.skipped)} not started "
        f"({seconds:.1f} s).",
        "bold red",
    )
    for change, error in applied.failed:
        yield Line(f"  ✗ {change.action} {change.address}: {error.message}", "red")
        if error.hint:
            yield Line(f"    → {error.hint}")
    for error in applied.unsettled:
        yield Line(f"  ✗ {error.message}", "red")
        if error.hint:
            yield Line(f"    → {error.hint}")
    shown = [change.key for change in applied.skipped[:10]]
    if shown:
        more = f" and {len(applied.skipped) - len(shown)} more" if len(applied.skipped) > len(shown) else ""
        yield Line(f"  Not started: {', '.join(shown)}{more}", "yellow")
    if left:
        yield Line(f"  Applied, but still different when read again: {', '.join(left)}", "red")
    if any(isinstance(error, StateError) for error in (*(error for _, error in applied.failed), *applied.unsettled)):
        yield Line("  Not everything done could be saved in the state. Run apply again: it adopts that, and finishes.")
        return
    yield Line(f"  Everything done is in the state (serial {applied.state.serial}). Run apply again to finish.")


def applied_document(applied: Applied, left: Sequence[str], seconds: float) -> dict[str, Any]:
    return {
        "complete": applied.complete and not left,
        "interrupted": applied.interrupted,
        "seconds": round(seconds, 3),
        "serial": applied.state.serial,
        "done": [change.key for change in applied.done],
        "failed": [
            {"change": change.key, "message": error.message, "hint": error.hint} for change, error in applied.failed
        ]
        + [{"change": "", "message": error.message, "hint": error.hint} for error in applied.unsettled],
        "skipped": [change.key for change in applied.skipped],
        "stillDifferent": list(left),
    }

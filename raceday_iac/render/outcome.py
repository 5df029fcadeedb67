"""What came of an apply, for people and machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..applying import Applied
from ..counting import counted
from ..errors import BrokenSchemaError, RefusedError, StateError
from .lines import Line

#: What can be said after a whole plan.
_SHOWN = 10
AS_DECLARED = "Appwrite is as the stack says."


def applied_lines(applied: Applied, left: Sequence[str], seconds: float, claim: str = AS_DECLARED) -> Iterator[Line]:
    """Done, failed and skipped, and what to do next. `claim` is said when nothing failed and nothing is `left`."""
    yield Line()
    if applied.complete and not left:
        yield Line(f"Applied: {counted(len(applied.done), 'change')} in {seconds:.1f} s. {claim}", "bold green")
        return
    yield Line(f"Not complete: {_numbers(applied)} ({seconds:.1f} s).", "bold red")
    for change, error in applied.failed:
        yield Line(f"  ✗ {change.action} {change.address}: {error.message}", "red")
        if error.hint:
            yield Line(f"    → {error.hint}")
    for error in applied.unsettled:
        yield Line(f"  ✗ {error.message}", "red")
        if error.hint:
            yield Line(f"    → {error.hint}")
    yield from _not_started(applied)
    if left:
        yield Line(f"  Applied, but still different when read again: {', '.join(left)}", "red")
    if any(isinstance(error, StateError) for error in (*(error for _, error in applied.failed), *applied.unsettled)):
        yield Line("  Not everything done could be saved in the state. Run apply again: it adopts that, and finishes.")
        return
    yield Line(f"  Everything done is in the state (serial {applied.state.serial}). {_what_next(applied)}")


def _what_next(applied: Applied) -> str:
    errors = (*(error for _, error in applied.failed), *applied.unsettled)
    if errors and all(isinstance(error, BrokenSchemaError) for error in errors):
        return "Another apply does not mend that."
    is_stopped = len(applied.stopped) == len(applied.failed) and not applied.interrupted and not applied.unsettled
    return "What was stopped is as it was." if is_stopped else "Run apply again to finish."


def _numbers(applied: Applied) -> str:
    stopped = len(applied.stopped)
    told = f", {stopped} stopped" if stopped else ""
    failed = len(applied.failed) - stopped
    return f"{len(applied.done)} done, {failed} failed{told}, {len(applied.skipped)} not started"


def _not_started(applied: Applied) -> Iterator[Line]:
    """What was not begun, by what it was not begun for."""
    groups: dict[str, list[str]] = {}
    for change in applied.skipped:
        cause = applied.blocked_by(change)
        groups.setdefault("" if cause is None else f", for it comes after {cause.key}", []).append(change.key)
    for why, keys in groups.items():
        more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
        yield Line(f"  Not started{why}: {', '.join(keys[:_SHOWN])}{more}", "yellow")


def applied_document(applied: Applied, left: Sequence[str], seconds: float) -> dict[str, Any]:
    return {
        "complete": applied.complete and not left,
        "interrupted": applied.interrupted,
        "seconds": round(seconds, 3),
        "serial": applied.state.serial,
        "done": [change.key for change in applied.done],
        "failed": [
            {
                "change": change.key,
                "message": error.message,
                "hint": error.hint,
                "stopped": isinstance(error, RefusedError),
            }
            for change, error in applied.failed
        ]
        + [
            {"change": "", "message": error.message, "hint": error.hint, "stopped": False}
            for error in applied.unsettled
        ],
        "skipped": [change.key for change in applied.skipped],
        "stillDifferent": list(left),
    }

"""Phases of a race, by which polls are counted: the rows of the scheduler's interval table, each under the name that
the functions give it. Two more come only from the new functions: `overdue` (an hour late) and `settling` (final, but
dividends may still come)."""

from __future__ import annotations

from collections.abc import Iterable

#: Statuses after which nothing about a race changes any more.
TERMINAL = frozenset({"Final", "Finalized", "Abandoned"})
#: In the order in which a race passes through them.
PHASES = ("baseline", "approaching", "critical", "jump", "overdue", "closed", "interim", "settling", "terminal")


def phase_of(status: str, minutes: float) -> str:
    """The row of the table for a race with this status, `minutes` before its advertised start (negative after it)."""
    if status in TERMINAL:
        return "terminal"
    if status in ("Closed", "Running"):
        return "closed"
    if status == "Interim":
        return "interim"
    if minutes > 65:
        return "baseline"
    if minutes > 5:
        return "approaching"
    return "critical" if minutes > 3 else "jump"


def count_phases(phases: Iterable[str]) -> dict[str, int]:
    """How often each phase occurs: those that do, in the order of a race's life, unknown names last."""
    counts: dict[str, int] = {}
    for phase in phases:
        counts[phase] = counts.get(phase, 0) + 1
    known = {name: counts.pop(name) for name in PHASES if name in counts}
    return {**known, **dict(sorted(counts.items()))}

"""A recovery for people and machines: what is done, why that is safe, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..recovery.steps import Done, Recovery
from .lines import Line


def recovery_lines(recovery: Recovery) -> Iterator[Line]:
    """What would be done."""
    if not recovery.steps and not recovery.left:
        yield Line("Nothing is stuck.", "bold green")
        return
    for number, step in enumerate(recovery.steps, 1):
        yield Line(f"{number}. {step.subject}: {step.what}", "bold")
        yield Line(f"     because {step.why}")
        if step.then:
            yield Line(f"     then    {step.then}")
    if recovery.left:
        yield Line()
        yield Line("Not touched:", "yellow")
    for left in recovery.left:
        yield Line(f"  {left.subject}: {left.what}", "yellow")
        yield Line(f"     because {left.why}")
    if not recovery.steps:
        yield Line()
        yield Line("There is nothing that can be done safely from here.")


def done_line(done: Done) -> Line:
    """One step as it was done."""
    if done.problem:
        return Line(f"  ✗ {done.step.subject}: {done.step.what}: {done.problem.partition(chr(10))[0]}", "red")
    note = f" ({done.note})" if done.note else ""
    if not done.was_needed:
        return Line(f"  - {done.step.subject}: not needed any more{note}")
    return Line(f"  ✓ {done.step.subject}: {done.step.what}{note}", "green")


def outcome_lines(done: Sequence[Done]) -> Iterator[Line]:
    """The sum of it."""
    failed = sum(bool(each.problem) for each in done)
    well = sum(not each.problem and each.was_needed for each in done)
    yield Line(f"Did {well} of {len(done)}{f', {failed} failed' if failed else ''}.", "bold red" if failed else "bold")
    yield Line("Look again: raceday-iac health")


def recovery_document(recovery: Recovery, done: Sequence[Done] | None = None) -> dict[str, Any]:
    """The same as JSON; with `done`, what came of it."""
    content: dict[str, Any] = {
        "steps": [
            {
                "remedy": str(each.remedy),
                "subject": each.subject,
                "id": each.identity,
                "what": each.what,
                "why": each.why,
                "then": each.then,
            }
            for each in recovery.steps
        ],
        "left": [{"subject": each.subject, "what": each.what, "why": each.why} for each in recovery.left],
    }
    if done is not None:
        content["done"] = [
            {"step": each.step.key, "problem": each.problem, "wasNeeded": each.was_needed, "note": each.note}
            for each in done
        ]
    return {"recovery": content}

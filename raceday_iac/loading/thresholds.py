"""Check what a stack says about thresholds."""

from __future__ import annotations

from collections.abc import Iterator

from ..kinds import KINDS
from ..model.problem import Location, Problem
from ..model.stack import Stack
from ..model.threshold import DEFAULTS


def threshold_problems(stack: Stack) -> Iterator[Problem]:
    """Thresholds that name no action or no kind, or a share that is none."""
    place = Location(stack.declarations[0].location.file) if stack.declarations else Location(stack.name)
    for name, limit in stack.thresholds.items():
        subject = f"threshold {name!r}"
        action, _, kind = name.partition(" ")
        if action not in DEFAULTS or kind not in KINDS:
            actions, kinds = " or ".join(DEFAULTS), ", ".join(KINDS)
            yield Problem(place, subject, f"write an action and a kind: {actions}, then one of {kinds}")
        if not 0 <= limit.percent <= 100 or limit.number < 0:
            yield Problem(place, subject, f"{limit.percent:g} % and {limit.number} is no limit")

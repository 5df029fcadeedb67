"""Check what a stack says about thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..kinds import KINDS
from ..model.problem import Location, Problem
from ..model.stack import Stack
from ..model.threshold import DEFAULTS, Threshold


def checked_thresholds(stack: Stack) -> dict[str, Threshold]:
    """What can be used of them; `threshold_problems` tells about the rest."""
    found = stack.thresholds if isinstance(stack.thresholds, Mapping) else {}
    return {name: limit for name, limit in found.items() if isinstance(limit, Threshold)}


def threshold_problems(stack: Stack) -> Iterator[Problem]:
    """Thresholds that name no action or no kind, or a share that is none."""
    place = Location(stack.declarations[0].location.file) if stack.declarations else Location(stack.name)
    if not isinstance(stack.thresholds, Mapping):
        yield Problem(place, "thresholds", "must be a mapping of names to limits")
        return
    for name, limit in stack.thresholds.items():
        subject = f"threshold {name!r}"
        action, _, kind = str(name).partition(" ")
        if action not in DEFAULTS or kind not in KINDS:
            actions, kinds = " or ".join(DEFAULTS), ", ".join(KINDS)
            yield Problem(place, subject, f"write an action and a kind: {actions}, then one of {kinds}")
        if not isinstance(limit, Threshold):
            yield Problem(place, subject, f"write Threshold(percent=10, number=1) instead of {limit!r}")
        elif not _is_share(limit.percent) or type(limit.number) is not int or limit.number < 0:
            yield Problem(place, subject, f"{limit.percent} % and {limit.number} is no limit")


def _is_share(percent: object) -> bool:
    return isinstance(percent, int | float) and not isinstance(percent, bool) and 0 <= percent <= 100

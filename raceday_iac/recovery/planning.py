"""What to do about what was seen. Pure: nothing is guessed, and what cannot be proven is left alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..health.builds import stuck_builds
from ..health.observations import Observation
from ..health.watched import Watched
from ..refresh.deployments import Judged
from .deployments import deployment_steps
from .steps import Recovery


@dataclass(frozen=True)
class Scene:
    """What a recovery is planned from."""

    observation: Observation
    watched: Watched
    judged: Mapping[str, Sequence[Judged]] = field(default_factory=dict)


def plan_recovery(scene: Scene) -> Recovery:
    """Everything to do, in a safe order."""
    observation, grace = scene.observation, scene.watched.grace
    stuck = {
        each.id: [found.id for found in stuck_builds(each.deployments, grace, observation.now)]
        for each in observation.functions
    }
    return together([deployment_steps(scene.judged, stuck)])


def together(parts: Iterable[Recovery]) -> Recovery:
    """One after the other."""
    found = list(parts)
    return Recovery(
        tuple(step for each in found for step in each.steps), tuple(left for each in found for left in each.left)
    )

"""What to do about what was seen. Pure: nothing is guessed, and what cannot be proven is left alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..health.builds import stuck_builds
from ..health.daily import daily_runs
from ..health.locks import lock_health
from ..health.observations import Observation
from ..health.observing import UNDATED
from ..health.shared import Rules
from ..health.watched import Watched
from ..model.address import Address
from ..refresh.deployments import Judged
from .daily import daily_steps
from .deployments import deployment_steps
from .executions import execution_steps
from .locks import lock_steps
from .schema import schema_steps
from .steps import Left, Recovery


@dataclass(frozen=True)
class Scene:
    """What a recovery is planned from. `judged` are all deployments by function, `owned` what the stack declares or the
    state owns. Without the functions' own rules locks and daily runs are left out."""

    observation: Observation
    watched: Watched
    rules: Rules | None = None
    judged: Mapping[str, Sequence[Judged]] = field(default_factory=dict)
    owned: Collection[Address] = ()


def plan_recovery(scene: Scene) -> Recovery:
    """Everything to do, in a safe order: first what is in the way, at last what has to run."""
    if not scene.observation.is_dated:
        # What is left needs no clock: deployments that were built, and never taken into use.
        return together([deployment_steps(scene.judged, {}), Recovery((), (Left("everything", "its age", UNDATED),))])
    seen, watched, rules, now = scene.observation, scene.watched, scene.rules, scene.observation.now
    locks = tuple(lock_health(seen, rules, watched))
    held = {each.function for each in locks if each.state is not None and not each.state.is_stale}
    daily = daily_runs(seen, watched, rules)
    stuck = {
        each.id: [found.id for found in stuck_builds(each.deployments, watched.grace, now)] for each in seen.functions
    }
    return together(
        [
            deployment_steps(scene.judged, stuck),
            schema_steps(seen.schema, scene.owned, watched.grace, now, seen.lost),
            lock_steps(locks),
            execution_steps(seen, watched, held),
            daily_steps(daily, seen, held, is_quiet=rules is not None and rules.is_quiet(now)),
        ]
    )


def together(parts: Iterable[Recovery]) -> Recovery:
    """One after the other."""
    found = list(parts)
    return Recovery(
        tuple(step for each in found for step in each.steps), tuple(left for each in found for left in each.left)
    )

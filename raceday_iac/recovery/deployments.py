"""Builds that do not end, and uploads that were never finished or never accepted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..health.builds import UNFINISHED
from ..refresh.deployments import READY, Judged, Role
from .steps import Left, Recovery, Remedy, Step


def deployment_steps(judged: Mapping[str, Sequence[Judged]], stuck: Mapping[str, Sequence[str]]) -> Recovery:
    """`judged` are all deployments by function, `stuck` the ids of those that are unfinished for too long.

    Failed builds stay: their log is still of use, and `deployments --clean` deletes them.
    """
    steps, left = [], []
    for function, deployments in judged.items():
        for each in deployments:
            deployment = each.deployment
            is_stuck = deployment.id in stuck.get(function, ())
            if each.role is Role.ORPHAN and deployment.status in (*UNFINISHED, READY):
                steps.append(_step(function, each))
            elif each.role is Role.FOREIGN and is_stuck:
                why = "nothing shows that it is ours: it may belong to somebody who still works on it"
                left.append(Left(f"deployment.{function}", f"deployment {deployment.id} is {deployment.status}", why))
            elif each.role is Role.ACTIVE and is_stuck:
                why = "it is active; activate another one first: raceday-iac rollback"
                left.append(Left(f"deployment.{function}", f"deployment {deployment.id} is {deployment.status}", why))
    return Recovery(tuple(steps), tuple(left))


def _step(function: str, judged: Judged) -> Step:
    deployment = judged.deployment
    if deployment.status == READY:
        what, why = f"delete deployment {deployment.id}", "a run of ours built it, and never took it into use"
    elif deployment.status == "waiting":
        what = f"cancel and delete deployment {deployment.id}"
        why = "a run of ours began to upload it and never finished; it is not active"
    else:
        what = f"cancel the build of deployment {deployment.id} and delete it"
        why = f"it is ours, {deployment.status} since {deployment.created_at[:16]} UTC, and not active"
    then = "the code that is declared is uploaded anew by: raceday-iac apply"
    return Step(Remedy.DELETE_DEPLOYMENT, f"deployment.{function}", deployment.id, what, why, then)

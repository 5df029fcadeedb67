"""Deleting deployments of ours that are of no use: failed builds, abandoned uploads, code that was never accepted."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ProviderError
from ..model.address import deployment_address
from ..model.resource import Live, frozen
from ..provider import Provider
from ..refresh.deployments import FAILED, READY, Judged, Role
from .recorder import Recorder


def clean(provider: Provider, recorder: Recorder, function: str, judged: Sequence[Judged]) -> dict[str, str]:
    """Delete the orphans. Returns what went wrong with each, an empty text for nothing; the state forgets what is gone.

    Nothing that is active is deleted: that is looked up again before each deletion.
    """
    outcome = {each.deployment.id: _delete(provider, function, each) for each in judged if each.role is Role.ORPHAN}
    there = {each.deployment.id for each in judged} - {name for name, problem in outcome.items() if not problem}
    recorder.forget_uploads(function, [each for each in recorder.state.uploads_of(function) if each not in there])
    return outcome


def _delete(provider: Provider, function: str, judged: Judged) -> str:
    deployment = judged.deployment
    address = deployment_address(function)
    try:
        if provider.active_deployment(function) == deployment.id:
            return "it is active now"
        if deployment.status not in (*FAILED, READY):
            # A build that goes on would come to its end without a deployment to write to.
            provider.cancel(function, deployment.id)
        provider.delete(address, Live(address, frozen({}), deployment.id))
    except ProviderError as error:
        return error.message
    return ""

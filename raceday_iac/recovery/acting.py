"""Carrying out steps, one after the other. Before each one it is looked again whether it is still needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..applying.cleaning import clean
from ..applying.recorder import Recorder
from ..errors import NotFoundError, ProviderError
from ..provider import Provider
from ..refresh.deployments import Judged, Role
from .steps import Done, Recovery, Remedy, Step


@dataclass(frozen=True)
class Hands:
    """What steps are carried out with. `judged` are the deployments that the recovery was made from."""

    provider: Provider
    recorder: Recorder
    judged: Mapping[str, Sequence[Judged]]


def carry_out(recovery: Recovery, hands: Hands) -> Iterator[Done]:
    """Yields each step as it is done. A step that fails does not keep the others from being tried."""
    for step in recovery.steps:
        try:
            yield _STEPS[step.remedy](step, hands)
        except ProviderError as error:
            yield Done(step, error.message)


def _delete_deployment(step: Step, hands: Hands) -> Done:
    function = step.subject.partition(".")[2]
    known = hands.judged[function]
    (judged,) = (each for each in known if each.deployment.id == step.identity)
    try:
        status = hands.provider.deployment(function, step.identity).status
    except NotFoundError:
        return Done(step, was_needed=False, note="it is gone already")
    if status != judged.deployment.status:
        return Done(step, was_needed=False, note=f"it went on meanwhile and is {status}: left alone")
    # All deployments are handed over, because what is not among them is forgotten; only this one is an orphan in it.
    only = [each if each is judged else replace(each, role=Role.PREVIOUS) for each in known]
    return Done(step, clean(hands.provider, hands.recorder, function, only)[step.identity])


_STEPS: Mapping[Remedy, Callable[[Step, Hands], Done]] = {Remedy.DELETE_DEPLOYMENT: _delete_deployment}

"""The plan that deletes one function. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import IacError
from ..model.address import Address, owners
from ..model.desired import Desired
from ..model.evidence import Answering
from ..model.resource import Live
from ..provider import Snapshot
from ..state.document import State
from . import guards
from .build import count
from .changes import NOT_OURS, gone_with
from .lifecycle import protection_refusals
from .plan import Action, Change, Plan
from .wishes import Wishes


def plan_destruction(
    environment: str,
    address: Address,
    desired: Desired,
    state: State,
    snapshot: Snapshot,
    answer: Answering,
    options: Wishes = Wishes(),  # noqa: B008 - immutable
) -> Plan:
    """Delete a function that is declared or owned. Raises IacError for one that is neither: it is not ours."""
    managed = address in desired.resources or address in state.entries or address in desired.tombstones
    if not managed:
        known = sorted(each.path for each in {*desired.resources, *state.entries} if each.kind == "function")
        raise IacError(
            f"{address} is neither declared in the stack nor in the state, so it is not ours to delete. "
            "Nothing was changed.",
            hint=f"managed functions: {', '.join(known) or 'none'}",
        )
    real = snapshot.resources
    changes = _changes(address, state, real)
    evidence = count(changes, desired, state, real, answer)
    losses = guards.losses(changes, real, desired, evidence)
    return Plan(
        environment=environment,
        lineage=state.lineage,
        serial=state.serial,
        changes=tuple(changes),
        refusals=(*guards.loss_refusals(losses, options), *protection_refusals(changes, desired, real)),
        real=real,
        evidence=evidence,
        wishes=options,
        notes=tuple(guards.loss_notes(losses, options)),
        server_version=snapshot.facts.version,
    )


def _changes(address: Address, state: State, real: Mapping[Address, Live]) -> list[Change]:
    inside = sorted(each for each in {*state.entries, *real} if address in owners(each))
    if address not in real:
        gone = [each for each in (address, *inside) if each in state.entries]
        return [Change(each, Action.FORGET, "it is gone from the server") for each in gone]
    deletion = Change(address, Action.DELETE, "destroy was asked for")
    going = [
        gone_with(deletion, Change(each, Action.DELETE, deletion.reason, requires=(deletion.key,)))
        if each in state.entries
        else gone_with(deletion, Change(each, Action.DELETE, NOT_OURS, requires=(deletion.key,), managed=False))
        for each in inside
    ]
    return [deletion, *going]

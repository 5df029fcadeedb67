"""The plan that deletes one function. Pure."""

from __future__ import annotations

from ..errors import IacError
from ..model.address import Address, owners
from ..model.desired import Desired
from ..provider import Snapshot
from ..state.document import State
from .lifecycle import protection_refusals
from .plan import Action, Change, Plan


def plan_destruction(environment: str, address: Address, desired: Desired, state: State, snapshot: Snapshot) -> Plan:
    """Delete a function that is declared or owned. Raises IacError for one that is neither: it is not ours."""
    managed = address in desired.resources or address in state.entries or address in desired.tombstones
    if not managed:
        known = sorted(each.path for each in {*desired.resources, *state.entries} if each.kind == "function")
        raise IacError(
            f"{address} is neither declared in the stack nor in the state, so it is not ours to delete. "
            "Nothing was changed.",
            hint=f"managed functions: {', '.join(known) or 'none'}",
        )
    changes = []
    if address in snapshot.resources:
        changes.append(Change(address, Action.DELETE, "destroy was asked for"))
    elif address in state.entries:
        changes.append(Change(address, Action.FORGET, "it is gone from the server"))
    if changes:
        keys = tuple(change.key for change in changes)
        changes += [
            Change(each, Action.FORGET, f"it goes with {address}", requires=keys)
            for each in state.entries
            if address in owners(each)
        ]
    return Plan(
        environment=environment,
        lineage=state.lineage,
        serial=state.serial,
        changes=tuple(changes),
        refusals=tuple(protection_refusals(changes, desired, snapshot.resources)),
        real=snapshot.resources,
        server_version=snapshot.facts.version,
    )

"""The plan that goes back to an earlier deployment of one function or site. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..diff import Cause, FieldChange
from ..errors import IacError, RefusedError
from ..kinds import as_typed, code_of, kind_of
from ..kinds.function import can_run
from ..model.address import Address, owner_of, owners
from ..model.declarations import nearest
from ..model.evidence import Answering
from ..model.resource import Desired, Live
from ..provider import Snapshot
from ..provider.protocol import Deployment
from ..refresh.deployments import READY, Classified, Remembered, Role, line_of
from ..state.document import State
from . import guards
from .build import count
from .changes import ASKED_TO_GO, NOT_OURS, gone_with
from .lifecycle import protection_refusals
from .plan import Action, Change, Plan, PlanOptions, Reason


def choose(owner: Address, classified: Sequence[Classified], remembered: Remembered, wanted: str = "") -> Classified:
    """The deployment to go back to: the `wanted` one, or the one before the active. Raises RefusedError when there is
    none, or when it cannot run."""
    by_id = {each.deployment.id: each for each in classified}
    active = next((each.deployment.id for each in classified if each.role is Role.ACTIVE), "")
    earlier = [each for each in remembered.line if each != active]
    name = wanted or next(iter(earlier or line_of(classified, remembered)), "")
    if not name:
        raise RefusedError(f"{owner} has no previous deployment to go back to.", hint=_list(owner), unchanged=True)
    found = by_id.get(name)
    if found is None:
        text = f"has no deployment {name}" if wanted else f"no longer has {name}, which was active before"
        raise RefusedError(f"{owner} {text}.", hint=_others(owner, classified), unchanged=True)
    if found.deployment.status != READY:
        raise RefusedError(
            f"The deployment {name} of {owner} is {found.deployment.status}, not ready.",
            hint=_others(owner, classified),
            unchanged=True,
        )
    return found


def must_run(owner: Address, deployment: Deployment, runtime: str) -> None:
    """Raise RefusedError for a deployment that was built for another runtime than the function has by now: it would
    run until the next cold start, and then no more."""
    if not can_run(runtime, deployment.entrypoint):
        raise RefusedError(
            f"The deployment {deployment.id} of {owner} has the entrypoint {deployment.entrypoint}, "
            f"but the function now has the runtime {runtime}, which cannot run it.",
            hint="set runtime, entrypoint and code in the stack as they were, then apply: an earlier build is reused",
            unchanged=True,
        )


def must_be_managed(owner: Address, state: State) -> None:
    """Raise IacError for a function or site whose code is not ours to switch."""
    if code_of(owner) not in state.entries:
        known = sorted(as_typed(owner_of(each)) for each in state.entries if kind_of(each).is_code)
        raise IacError(
            f"The code of {owner} is not in the state, so raceday-iac does not manage it"
            f"{nearest(as_typed(owner), known)}.",
            hint=f"with managed code: {', '.join(known)}" if known else "deploy it first: raceday-iac apply",
            unchanged=True,
        )


def plan_rollback(environment: str, state: State, active: Live, target: Classified, digest: str) -> Plan:
    """Activate `target`, whose source has this digest. Empty when it is active already."""
    change = Change(
        active.address,
        Action.ACTIVATE,
        f"rollback to the deployment of {target.deployment.created_at[:19] or 'an unknown time'}",
        (
            _field("deployment", active.remote_id, target.deployment.id),
            _field("digest", str(active.fields.get("digest", "")), digest),
        ),
        why=Reason.ROLLBACK_ASKED,
    )
    return Plan(
        environment=environment,
        lineage=state.lineage,
        serial=state.serial,
        changes=(change,) if target.role is not Role.ACTIVE else (),
        real={active.address: active},
    )


def _field(name: str, before: str, after: str) -> FieldChange:
    return FieldChange(name, before, after, before, Cause.CONFIG)


def _others(owner: Address, classified: Sequence[Classified]) -> str:
    ready = [each.deployment.id for each in classified if each.role is Role.PREVIOUS]
    if not ready:
        return _list(owner)
    return f"possible targets: raceday-iac rollback {as_typed(owner)} --to {' | '.join(ready[:3])}"


def _list(owner: Address) -> str:
    return f"see all of them: raceday-iac deployments {as_typed(owner)}"


# The plan that deletes one function. Pure.


def plan_destruction(
    environment: str,
    address: Address,
    desired: Desired,
    state: State,
    snapshot: Snapshot,
    answer: Answering,
    options: PlanOptions = PlanOptions(),  # noqa: B008 - immutable
) -> Plan:
    """Delete a function that is declared or owned. Raises IacError for one that is neither: it is not ours."""
    managed = address in desired.resources or address in state.entries or address in desired.tombstones
    if not managed:
        known = sorted(each.path for each in {*desired.resources, *state.entries} if each.kind == address.kind)
        raise IacError(
            f"{address} is neither declared in the stack nor in the state, so raceday-iac does not manage it"
            f"{nearest(address.path, known)}.",
            hint=f"managed functions: {', '.join(known) or 'none'}",
            unchanged=True,
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
        plan_options=options,
        notes=tuple(guards.loss_notes(losses, options)),
        server_version=snapshot.facts.version,
    )


def _changes(address: Address, state: State, real: Mapping[Address, Live]) -> list[Change]:
    inside = sorted(each for each in {*state.entries, *real} if address in owners(each))
    if address not in real:
        gone = [each for each in (address, *inside) if each in state.entries]
        return [Change(each, Action.FORGET, "it is gone from the server", why=Reason.GONE) for each in gone]
    deletion = Change(address, Action.DELETE, ASKED_TO_GO, why=Reason.DESTROY_ASKED)
    ours = replace(deletion, requires=(deletion.key,))
    others = replace(ours, reason=NOT_OURS, managed=False, why=Reason.NOT_OURS)
    going = [replace(ours if each in state.entries else others, address=each) for each in inside]
    return [deletion, *(gone_with(address, deletion.key, each) for each in going)]

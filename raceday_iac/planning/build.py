"""Put a plan together: differences → changes → order → guards. And the plans that need no stack: back to an earlier
deployment, and of a destruction. Pure; the evidence is counted by the caller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from ..diff import Cause, Difference, FieldChange, compare
from ..errors import IacError, RefusedError
from ..kinds import as_typed, code_of, kind_of, on_server
from ..kinds.function import can_run
from ..model.address import Address, owner_of, owners
from ..model.declarations import nearest
from ..model.evidence import NOTHING, Answer, Answering, Ask, Question
from ..model.resource import Desired, LeftOut, Live, WhyLeftOut
from ..model.secret import Secret
from ..provider import Snapshot
from ..provider.protocol import Deployment
from ..refresh.deployments import READY, Classified, Remembered, Role, line_of
from ..state.document import State
from . import guards
from .changes import (
    ALL_GO,
    ASKED_TO_GO,
    NOT_OURS,
    gone_with,
    known_addresses,
    refresh_changes,
    replaced_owners,
    unmanaged,
    unwanted_changes,
    wanted_changes,
    with_values,
)
from .guards import questions, threshold_refusals, unmanaged_with
from .lifecycle import (
    RenameOverlay,
    known_on_server,
    left_conversions,
    play_renames,
    possible_renames,
    protection_refusals,
    unheard,
    with_ignored,
    without_closed,
    without_ignored,
)
from .migrations import in_two_steps, mended, migration_changes, migration_notes, migration_refusals
from .order import in_order
from .plan import Action, Change, Plan, PlanOptions, Reason, check_plan_options, select


def build_plan(
    environment: str,
    desired: Desired,
    state: State,
    snapshot: Snapshot,
    answer: Answering,
    plan_options: PlanOptions = PlanOptions(),  # noqa: B008 - immutable
    shown: Mapping[Question, Answer] | None = None,
) -> Plan:
    """The plan that makes `snapshot` what `desired` says, as far as `plan_options` go. Raises IacError for options
    that make no sense. What was `shown` in a plan of before is not counted again: it is checked as it was then."""
    if plan_options.destroy:
        desired = nothing_of(desired)
    renamed = (
        RenameOverlay(snapshot.resources, state)
        if plan_options.refresh_only
        else play_renames(desired, state, snapshot)
    )
    state, snapshot = renamed.state, replace(snapshot, resources=renamed.real)
    real = snapshot.resources
    closed = tuple(guards.closed_kinds(desired, snapshot.unread, snapshot.facts))
    desired, state = without_closed(desired, state, snapshot.unread)
    strange = tuple(unheard(desired, snapshot.facts))
    desired = with_ignored(on_server(desired, snapshot.facts), real)
    state = known_on_server(state, snapshot.facts)
    differences = without_ignored(compare(desired, state, real), desired)
    changes = _all_changes(desired, state, snapshot, differences, plan_options, renamed.changes)
    check_plan_options(plan_options, desired, state)
    selection = select(changes, plan_options)

    once = cache(answer)

    def answered(question: Question) -> Answer:
        return shown[question] if shown and question in shown else once(renamed.as_live(question).counted)

    evidence = count(selection.kept, desired, state, real, answered)
    losses = guards.losses(selection.kept, real, desired, evidence)
    refusals = [
        *guards.loss_refusals(losses, plan_options),
        *guards.taken_names(selection.kept, desired, real),
        *guards.kept_by_others(selection.kept, real),
        *closed,
        *guards.unsupported(selection.kept, desired, snapshot.facts),
        *protection_refusals(selection.kept, desired, real),
    ]
    if not plan_options.refresh_only:
        refusals += migration_refusals(selection.kept, desired, state, real)
    if not plan_options.destroy:
        # Thresholds are for what nobody has asked for.
        managed, confirmed = _managed(desired, state, real), plan_options.confirmed
        refusals += threshold_refusals(selection.kept, managed, desired.thresholds, confirmed)
    return Plan(
        environment=environment,
        lineage=state.lineage,
        serial=state.serial,
        changes=tuple(with_values(each, desired) for each in selection.kept),
        differences=tuple(differences),
        unmanaged=(*_left_alone(desired, state, real, selection.kept, evidence), *snapshot.foreign),
        refusals=tuple(refusals),
        real=real,
        evidence=evidence,
        server_version=snapshot.facts.version,
        plan_options=plan_options,
        # Who names what is to go leaves nothing out.
        left_out=() if plan_options.destroy else selection.left_out,
        notes=(
            *guards.loss_notes(losses, plan_options),
            *guards.look_notes(selection.kept, real, desired, evidence),
            *guards.doubts(selection.kept, desired, snapshot.facts),
            *strange,
            *renamed.notes,
            *left_conversions(desired, state, real),
            *possible_renames(selection.kept, desired, real),
            *deployment_notes(desired, state, snapshot, selection.kept),
            *left_out_notes(desired),
            *not_compared(desired),
            *migration_notes(selection.kept, desired, state, real),
        ),
    )


def count(
    changes: Sequence[Change], desired: Desired, state: State, real: Mapping[Address, Live], answer: Answering
) -> dict[Question, Answer]:
    """The answers to all questions about these changes. Unmanaged resources that go with them are known from the
    snapshot; values that a migration corrects before are not counted until it has run."""
    known = known_addresses(desired, state, real)
    later = {
        each
        for change in changes
        if (asks := mended(change))
        for each in guards.questions_of(change, desired, real)
        if each.ask in asks
    }
    return {
        each: NOTHING
        if each in later
        else unmanaged_with(each.place, real, known)
        if each.ask is Ask.UNMANAGED
        else answer(each)
        for each in questions(changes, desired, real)
    }


def _left_alone(
    desired: Desired,
    state: State,
    real: Mapping[Address, Live],
    changes: Sequence[Change],
    evidence: Mapping[Question, Answer],
) -> list[Address]:
    """What is unmanaged and neither goes nor breaks in the course of the plan."""
    harmed = {name for answer in evidence.values() for name in answer.names}
    return [each for each in unmanaged(desired, state, real, changes) if str(each) not in harmed]


def _all_changes(
    desired: Desired,
    state: State,
    snapshot: Snapshot,
    differences: Sequence[Difference],
    plan_options: PlanOptions,
    moves: Sequence[Change],
) -> list[Change]:
    real = snapshot.resources
    if plan_options.refresh_only:
        return refresh_changes(state, real, desired)
    wanted = wanted_changes(desired, differences, real, plan_options.replaced)
    unwanted = unwanted_changes(desired, state, real, plan_options, replaced_owners(wanted))
    if plan_options.destroy:
        reason = ASKED_TO_GO if plan_options.is_partial else ALL_GO
        unwanted = [_as_asked(each, reason) for each in unwanted]
    changes = [*moves, *wanted, *unwanted, *migration_changes(desired, state, plan_options)]
    return in_order(desired, in_two_steps(_with_late_schedules(desired, differences, changes), desired), real)


def nothing_of(desired: Desired) -> Desired:
    """The stack without any resource, so that everything managed is deleted. Its protections still hold."""
    return replace(desired, resources={}, tombstones={}, code={}, left_out={}, migrations={})


def _as_asked(change: Change, reason: str) -> Change:
    if change.why is not Reason.UNDECLARED:
        return change
    return replace(change, reason=reason, why=Reason.DESTROY_ASKED)


def _managed(desired: Desired, state: State, real: Mapping[Address, Live]) -> set[Address]:
    """What is ours, or is live and becomes it: a share of nothing would be large after a lost state."""
    return {*state.entries, *(each for each in (*desired.resources, *desired.tombstones) if each in real)}


def _with_late_schedules(
    desired: Desired, differences: Sequence[Difference], changes: Sequence[Change]
) -> list[Change]:
    """A schedule that changes together with the code is armed only when the new code is active."""
    deployed = {change.address for change in changes if change.action is Action.DEPLOY}
    by_address = {difference.address: difference for difference in differences}
    result: list[Change] = []
    for change in changes:
        late = kind_of(change.address).armed_last
        if not late or code_of(change.address) not in deployed:
            result.append(change)
            continue
        result += _split_schedule(desired, by_address[change.address], change, late)
    return result


def _split_schedule(desired: Desired, difference: Difference, change: Change, late: str) -> list[Change]:
    schedule = [each for each in change.fields if each.name == late]
    if change.action is Action.UPDATE and schedule:
        others = tuple(each for each in change.fields if each.name != late)
        early = [replace(change, fields=others)] if others else []
        return [*early, replace(change, action=Action.SCHEDULE, fields=tuple(schedule))]
    if change.action is Action.CREATE and desired.resources[difference.address].fields[late]:
        return [change, Change(change.address, Action.SCHEDULE, "after its code is active", why=Reason.AFTER_CODE)]
    return [change]


# What a plan mentions although it changes nothing of it. Pure, and made of what was read anyway.


_READY = "ready"
_SHOWN = 3
_LISTED = 10
_DELETE, _USED = "to delete those of no use: add --clean", "apply reuses one that holds the code to be deployed"


def not_compared(desired: Desired) -> Iterator[str]:
    """Secrets whose values nobody here knows."""
    for address, resource in desired.resources.items():
        missing = [each.missing for each in resource.fields.values() if isinstance(each, Secret) and each.missing]
        for name in missing:
            yield f"{address}: not compared, because the environment variable {name} is not set; apply needs it."


def left_out_notes(desired: Desired) -> Iterator[str]:
    """What of a code folder is not in its bundle, though a reader of the folder might think so. What git ignores is
    for `lint`, secrets excepted: who looks for one must find it here."""
    for owner, left_out in sorted(desired.left_out.items()):
        named = [each for each in left_out if each.why is WhyLeftOut.SECRET or not each.is_ignored]
        if named:
            keep = 'To include a file: include=["…"]'
            yield f"{owner}: not in its bundle: {'; '.join(_left_out(named))}. {keep}."


def _left_out(named: list[LeftOut]) -> Iterator[str]:
    for why in WhyLeftOut:
        paths = [each.path for each in named if each.why is why]
        if paths:
            more = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
            yield f"{', '.join(paths[:_LISTED])}{more} ({why})"


def deployment_notes(desired: Desired, state: State, snapshot: Snapshot, changes: Iterable[Change]) -> Iterator[str]:
    """Uploads of earlier runs that were never put into use, and builds that failed or are under way. What is left of an
    earlier run is not offered for deletion while `changes` may make use of it."""
    deployed = {each.address for each in changes if each.action is Action.DEPLOY}
    for owner in desired.code:
        address = code_of(owner)
        live = snapshot.resources.get(address)
        active = live.remote_id if live else ""
        begun = [each for each in state.uploads_of(owner) if each != active]
        newest = snapshot.newest.get(owner)
        if begun:
            use = _USED if address in deployed else _DELETE
            yield f"{owner}: {_begun(begun, newest)}. {_see(owner, use)}"
        elif newest is not None and newest.status not in ("", _READY):
            what = f"its newest deployment {newest.id} is {newest.status}, not active"
            yield f"{owner}: {what}. {_see(owner)}"


def _begun(begun: list[str], newest: Deployment | None) -> str:
    names = ", ".join(begun[-_SHOWN:]) + (f" and {len(begun) - _SHOWN} more" if len(begun) > _SHOWN else "")
    status = f", the newest is {newest.status}" if newest is not None and newest.id in begun and newest.status else ""
    count = len(begun)
    plural = f"{count} deployments of earlier runs were" if count > 1 else "a deployment of an earlier run was"
    return f"{plural} never put into use ({names}{status})"


def _see(owner: Address, use: str = _DELETE) -> str:
    return f"See them: raceday-iac deployments {as_typed(owner)}; {use}."


# The plan that goes back to an earlier deployment of one function or site.


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

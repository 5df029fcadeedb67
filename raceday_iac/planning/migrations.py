"""Migrations in a plan: which have to run, what waits for them, and what stands in their way. Pure.

What has run is known by the state alone. A migration that ran never runs again, so one whose file is another one since
then is refused; one that was cut short goes on, or begins again where its file was changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from ..counting import spaced
from ..diff import Cause, FieldChange
from ..errors import RefusedError
from ..kinds import kind_of
from ..model.address import Address, owners
from ..model.declarations import nearest
from ..model.evidence import Ask
from ..model.resource import Desired, Live, Migration
from ..state.document import MigrationRecord, Stage, State
from .order import fresh_places, sorted_by_needs
from .plan import Action, Change, Plan, PlanOptions, Reason, Refusal, lies_in

#: Characters of a digest that are shown.
SHORT = 12
#: What a migration may mend, so that it is counted when it has run.
_MENDED = (
    Ask.WITHOUT,
    Ask.NULLS,
    Ask.LONGER,
    Ask.AMONG,
    Ask.OUTSIDE,
    Ask.UNCONVERTIBLE,
    Ask.DUPLICATES,
)


def migration_changes(desired: Desired, state: State, plan_options: PlanOptions) -> list[Change]:
    """The migrations that have to run, in their order. Where everything goes, what the state knows of them goes."""
    if plan_options.destroy:
        return [
            Change(at, Action.FORGET, "all managed resources are to be deleted", why=Reason.DESTROY_ASKED)
            for at in sorted(state.migrations)
            if not plan_options.targets or lies_in(at, plan_options.targets)
        ]
    return [
        _change(migration, state.migrations.get(at))
        for at, migration in desired.migrations.items()
        if _has_to_run(state.migrations.get(at))
    ]


def _has_to_run(record: MigrationRecord | None) -> bool:
    return record is None or record.stage is Stage.BEGUN


def _change(migration: Migration, record: MigrationRecord | None) -> Change:
    before = None if record is None else record.digest[:SHORT]
    after = migration.digest[:SHORT]
    reason, why = f"{migration.file} has not run in this environment", Reason.NOT_RUN
    if record is not None:
        how = "it goes on from there" if before == after else "its file was changed since, so it begins again"
        reason, why = (
            f"{migration.file} was begun on {record.at} by {record.by} and not finished; {how}",
            Reason.INTERRUPTED,
        )
    field = FieldChange("digest", before, after, before, Cause.CONFIG)
    return Change(migration.address, Action.MIGRATE, reason, (field,), why=why)


def plan_undo(environment: str, state: State, desired: Desired, address: Address) -> Plan:
    """The plan that takes a migration back. Raises RefusedError where that cannot be."""
    migration, record = desired.migrations.get(address), state.migrations.get(address)
    if record is None:
        known = f"what ran: {', '.join(sorted(each.name for each in state.migrations)) or 'nothing'}"
        raise RefusedError(f"{address} has not run in the environment {environment}.", hint=known, unchanged=True)
    if migration is None:
        raise RefusedError(
            f"{address} is not in the stack, so it cannot be undone.",
            hint="declare it again, with the file that ran",
            unchanged=True,
        )
    if record.digest != migration.digest:
        raise RefusedError(
            f"{migration.file} was changed since it ran: {_how(record)} with the content {record.digest[:SHORT]}, "
            f"and is now {migration.digest[:SHORT]}.",
            hint="put the file back as it was",
            unchanged=True,
        )
    if not migration.can_undo:
        raise RefusedError(
            f"{migration.file} has no function undo(data).",
            hint="write a new migration that does it, or get the values back: raceday-iac backup list",
            unchanged=True,
        )
    field = FieldChange("digest", record.digest[:SHORT], None, record.digest[:SHORT], Cause.CONFIG)
    reason = "an earlier run began to undo it" if record.stage is Stage.UNDOING else _how(record)
    change = Change(address, Action.UNDO, reason, (field,), why=Reason.UNDO_ASKED)
    return Plan(environment, state.lineage, state.serial, (change,))


def in_two_steps(changes: Sequence[Change], desired: Desired) -> list[Change]:
    """What a migration fills is made so that it can be filled: a required attribute that is new among documents is
    optional at first, and becomes required when the migration has run."""
    migrating = [desired.migrations[each.address] for each in changes if each.action is Action.MIGRATE]
    if not migrating:
        return list(changes)
    fresh = fresh_places(changes)
    result: list[Change] = []
    for change in changes:
        filling = [each for each in migrating if lies_in(change.address, each.before)]
        if filling and _is_strict(change, desired) and not fresh.intersection(owners(change.address)):
            result += _halves(change, filling[-1])
        else:
            result.append(change)
    return result


def _is_strict(change: Change, desired: Desired) -> bool:
    is_made = change.action is Action.CREATE and kind_of(change.address).holds_values
    return is_made and bool(desired.resources[change.address].fields.get("required"))


def _halves(change: Change, filling: Migration) -> Iterator[Change]:
    first, then = (
        FieldChange("required", before, after, None, Cause.CONFIG) for before, after in ((None, False), (False, True))
    )
    yield replace(change, fields=(first,), reason=f"optional at first: {filling.address} fills it")
    reason = f"required when {filling.address} has run"
    yield Change(change.address, Action.UPDATE, reason, (then,), why=Reason.AFTER_MIGRATION)


def mended(change: Change) -> Collection[Ask]:
    """What is not counted for a change before a migration that it waits for has run. Right before the change it is, and
    stops it if anything is found."""
    return _MENDED if _waits_for(change) else ()


def _waits_for(change: Change) -> list[str]:
    return [each.partition(":")[2] for each in change.needs if each.startswith(f"{Action.MIGRATE}:")]


def migration_refusals(
    changes: Sequence[Change], desired: Desired, state: State, real: Mapping[Address, Live]
) -> Iterator[Refusal]:
    """A no where a migration ran with another content, was not taken back whole, cannot be put in order, or where
    nobody knows whether it ran."""
    yield from _unknown(changes, desired, state, real)
    for at, migration in desired.migrations.items():
        record = state.migrations.get(at)
        if record is not None and record.stage is Stage.UNDOING:
            yield Refusal(
                at,
                f"{at}: undoing it was begun on {record.at} by {record.by} and not finished",
                f"finish it: raceday-iac migration undo {at.name}",
            )
        elif record is not None and record.is_done and record.digest != migration.digest:
            yield Refusal(
                at,
                f"{at}: {migration.file} was changed since it ran: {_how(record)} with the content "
                f"{record.digest[:SHORT]}, and is now {migration.digest[:SHORT]}. A migration that ran does not run "
                f"again",
                f"put the file back as it was, and write the change into a new migration; if it does not matter to the "
                f"data (a comment): raceday-iac migration mark {at.name}",
            )
    if any(each.action is Action.MIGRATE for each in changes):
        _, circle = sorted_by_needs(changes)
        for each in changes:
            if circle and each.action is Action.MIGRATE and each.key in circle:
                reported = ", which waits for ".join([*_from(each.key, circle), each.key])
                yield Refusal(
                    each.address,
                    f"{each.address} cannot be put in order: {reported}",
                    "remove one of these from needs or before",
                )
                return


def _unknown(
    changes: Sequence[Change], desired: Desired, state: State, real: Mapping[Address, Live]
) -> Iterator[Refusal]:
    """Collections are live, and the state knows nothing at all: it was lost, or never was."""
    if state.entries or state.migrations:
        return
    there = [each for each in desired.resources if each in real and kind_of(each).holds_documents_itself]
    for change in changes:
        if there and change.action is Action.MIGRATE:
            name = change.address.name
            yield Refusal(
                change.address,
                f"{change.address} may have run: {there[0]} is live, and the state knows nothing of this environment",
                f"if it ran: raceday-iac migration mark {name}; if it did not, import what exists first: "
                "raceday-iac import --all",
            )


def _how(record: MigrationRecord) -> str:
    return f"it ran on {record.at} by {record.by}" if record.was_run else f"{record.by} marked it as run on {record.at}"


def _from(key: str, circle: list[str]) -> list[str]:
    place = circle.index(key)
    return [*circle[place:], *circle[:place]]


def migration_notes(
    changes: Sequence[Change], desired: Desired, state: State, real: Mapping[Address, Live]
) -> Iterator[str]:
    """What a reader should know: what is counted later, what runs later than what is declared after it, and names that
    may be meant otherwise."""
    declared = list(desired.migrations)
    for change in changes:
        if change.action is Action.MIGRATE:
            later = [each for each in declared[declared.index(change.address) + 1 :] if _is_done(state, each)]
            if later:
                yield (
                    f"{change.address} runs after {later[0]}, which is declared after it and has already run: in "
                    "a new environment they run in the opposite order"
                )
            yield from _mistyped(desired.migrations[change.address], {*desired.resources, *state.entries, *real})
        elif waiting := _waits_for(change):
            yield f"{change.action} of {change.address}: the data is counted again when {waiting[-1]} has run"


def _mistyped(migration: Migration, known: set[Address]) -> Iterator[str]:
    """What comes after a migration need not be declared, nor there. Where something is called nearly so, it may be
    meant."""
    for each in migration.before:
        beside = [at.name for at in known if at.kind == each.kind and owners(at) == owners(each)]
        near = nearest(each.name, beside) if each not in known else ""
        if near:
            yield (
                f"{migration.address} comes before {each}, which is neither declared nor live{near}: this has no effect"
            )


def _is_done(state: State, address: Address) -> bool:
    record = state.migrations.get(address)
    return record is not None and record.is_done


def runs(changes: Iterable[Change]) -> list[Change]:
    """The changes of a plan that run code over the data."""
    return [each for each in changes if each.action in (Action.MIGRATE, Action.UNDO)]


def ran(changes: Iterable[Change], state: State) -> dict[str, Any]:
    """What the migrations among changes did, as the state knows it; of one that was taken back nothing is known."""
    records = {str(each.address): state.migrations.get(each.address) for each in runs(changes)}
    return {at: record.to_json() for at, record in records.items() if record is not None}


def counts_words(counts: Mapping[str, int]) -> str:
    """`1 200 read, 1 100 updated`; what there was none of is left out."""
    reported = [f"{spaced(counts[name])} {name}" for name in _COUNTED if counts.get(name)]
    return ", ".join(reported) or "no documents"


#: What is done to documents, in the order in which it is reported.
_COUNTED = ("read", "updated", "created", "deleted", "unchanged", "gone")


# How each stands in an environment.


class Standing(StrEnum):
    """How a migration stands in an environment."""

    PENDING = "pending"
    BEGUN = "begun"
    DONE = "done"
    #: Somebody said that it counts as run.
    MARKED = "marked"
    #: Its file is not the one that ran.
    CHANGED = "changed"
    UNDOING = "undoing"
    #: It ran, and the stack does not name it any more.
    UNDECLARED = "undeclared"


Stands = tuple[Migration | None, MigrationRecord | None, Standing]


def standings(desired: Desired, state: State) -> dict[Address, Stands]:
    """Each migration, with what is declared and what is known of it: those of the stack in their order, then others."""
    others = sorted(state.migrations.keys() - desired.migrations.keys())
    found: dict[Address, Stands] = {}
    for at in (*desired.migrations, *others):
        migration, record = desired.migrations.get(at), state.migrations.get(at)
        found[at] = (migration, record, _standing(migration, record))
    return found


def _standing(migration: Migration | None, record: MigrationRecord | None) -> Standing:
    if record is None:
        return Standing.PENDING
    if not record.is_done:
        return Standing.BEGUN if record.stage is Stage.BEGUN else Standing.UNDOING
    if migration is None:
        return Standing.UNDECLARED
    if migration.digest != record.digest:
        return Standing.CHANGED
    return Standing.DONE if record.was_run else Standing.MARKED

"""What each action does, as an iterator that yields the seconds it wants to wait."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

from ..diff import compare_fields, field_text, stored_fields
from ..errors import ProviderError, RefusedError, ServerFaultError
from ..kinds import code_of, kind_of, outermost
from ..kinds.deployment import UNFINISHED
from ..kinds.schema_rules import Turn
from ..model.address import Address, owner_of
from ..model.evidence import NOTHING, Answer, Answering, Ask, Question, total
from ..model.resource import Desired, Fields, Live, Migration, frozen
from ..model.secret import Secret, fingerprinted
from ..packaging import Bundle
from ..planning import Action, Change, Plan
from ..planning.changes import taken_over
from ..planning.guards import in_words, permission, questions_of, unmanaged_with
from ..planning.migrations import counts_words
from ..planning.order import shrinks_values
from ..planning.plan import created_fields
from ..provider import Provider, Reader
from ..refresh.deployments import FAILED, READY, Archives, Classified, Role
from ..refresh.snapshot import unknown
from ..state.document import Entry, MigrationRecord, Stage, this_process
from .convert import Keep, convert_attribute, cut_values
from .deploy import Before, Deploying
from .migrating import Data, Keeper, Progress, Stopped, run_code
from .recorder import Recorder
from .scheduler import Step, made_along
from .schema import FIRST_LOOK, MadeAlong, SchemaWork, until_gone

# Deleting deployments of ours that are of no use: failed builds, abandoned uploads, code that was never put into use.


def clean(provider: Provider, recorder: Recorder, owner: Address, classified: Sequence[Classified]) -> dict[str, str]:
    """Delete the orphans. Returns what went wrong with each, an empty text for nothing; the state forgets what is gone.

    Nothing that is active is deleted: that is looked up again before each deletion.
    """
    outcome = {each.deployment.id: _delete(provider, owner, each) for each in classified if each.role is Role.ORPHAN}
    there = {each.deployment.id for each in classified} - {name for name, problem in outcome.items() if not problem}
    recorder.forget_uploads(owner, [each for each in recorder.state.uploads_of(owner) if each not in there])
    return outcome


def _delete(provider: Provider, owner: Address, classified: Classified) -> str:
    deployment = classified.deployment
    address = code_of(owner)
    try:
        if provider.active_deployment(owner) == deployment.id:
            return "it is active now"
        if deployment.status not in (*FAILED, READY):
            # A build that goes on would come to its end without a deployment to write to.
            provider.cancel(owner, deployment.id)
        provider.delete(address, Live(address, frozen({}), deployment.id))
    except ProviderError as error:
        return error.message
    return ""


# Counting again, right before something is destroyed or narrowed.
#
# What was counted when the plan was made is what somebody agreed to. Between that and the deletion lie questions,
# builds and reviews: whatever came since is not agreed to, and stops the step. The rest of the plan goes on.


#: Records of runs come all the time, and duplicates destroy nothing: Appwrite does not build the index over them.
_NEVER_STOP = (Ask.EXECUTIONS, Ask.DUPLICATES)


@dataclass(frozen=True)
class Recount:
    """Compares what is live now with what the plan showed. `known` is what was declared or ours when it was made."""

    reader: Reader
    plan: Plan
    desired: Desired
    known: Collection[Address]
    counting: Answering

    def must_fit(self, change: Change) -> None:
        """Raise RefusedError when more would be lost by a change than was shown, or cannot be counted any more."""
        asked = [each for each in questions_of(change, self.desired, self.plan.real) if each.ask not in _NEVER_STOP]
        now = {question: self._answer(question) for question in asked}
        more = [question for question in asked if not self.shown(question).covers(now[question])]
        together = total(now.values())
        allowed = self.plan.plan_options.allowed.get(change.address)
        if more and (allowed is None or not allowed.covers(together)):
            raise RefusedError(
                f"{change.action} of {change.address} was stopped: {', and '.join(self._reported(change, more, now))}. "
                "It was left as it is.",
                hint=f"check what was added, then plan again; to allow it: --allow-data-loss "
                f"{permission(change.address, together)}",
            )

    def shown(self, question: Question) -> Answer:
        """What the plan said. Nothing, where it did not ask."""
        return self.plan.evidence.get(question, NOTHING)

    def limit(self, change: Change, ask: Ask) -> Answer:
        """How much of a kind a change may cost: what was allowed by number, else what was shown."""
        allowed = self.plan.plan_options.allowed.get(change.address)
        if allowed is not None:
            return allowed
        asked = questions_of(change, self.desired, self.plan.real)
        return total(self.shown(question) for question in asked if question.ask is ask)

    def _answer(self, question: Question) -> Answer:
        if question.ask is not Ask.UNMANAGED:
            return self.counting(question)
        place = question.place
        try:
            return unmanaged_with(place, self.reader.inside(outermost(place)), self.known)
        except ProviderError as error:
            return unknown(error)

    def _reported(self, change: Change, more: list[Question], now: dict[Question, Answer]) -> Iterator[str]:
        for question in more:
            shown = self.shown(question)
            yield f"{in_words(change, question, now[question])} now, and {shown.number} {_was(shown)} shown"


def _was(shown: Answer) -> str:
    return "was" if shown.count == 1 else "were"


#: Seconds before the first look at what Appwrite makes of something.
_FIRST_LOOK = FIRST_LOOK

Note = Callable[[Change, str], None]


@dataclass(frozen=True)
class Work:
    """Everything that actions need. `note` reports to the observer what a change is waiting for, `warn` what went wrong
    without making it fail."""

    provider: Provider
    recorder: Recorder
    plan: Plan
    desired: Desired
    bundles: Mapping[Address, Bundle]
    note: Note
    warn: Note = lambda _change, _text: None
    archives: Archives | None = None
    recount: Recount | None = None
    #: Keeps a secret that the server made; None where nobody asked for that.
    keep_secret: Callable[[Address, Secret], None] | None = None
    #: Keeps what was written since the backup, and what a migration writes over; None where there is no backup.
    keeper: Keeper | None = None
    is_stopping: Callable[[], bool] = lambda: False
    _schema: SchemaWork = field(init=False)
    along: MadeAlong = field(init=False)

    def __post_init__(self) -> None:
        live = {address for address, live in self.plan.real.items() if live.status == "available"}
        there = live & self.recorder.state.entries.keys()
        schema = SchemaWork(
            self.provider,
            self.desired,
            there,
            warn=lambda text: self.warn(self.plan.changes[0], text),
            first_look=lambda: _FIRST_LOOK,
        )
        object.__setattr__(self, "_schema", schema)
        along = MadeAlong(self.provider, made_along(self.plan, self.desired), self._own_along)
        object.__setattr__(self, "along", along)

    def perform(self, step: Step) -> Iterator[float]:
        """The work of one step."""
        if step.change is None:
            yield from self._schema.settle(step)
            return
        change = step.change
        if change.touches_server:
            self._count_again(step, change)
            # What comes with its collection is not sent itself.
            if step.removes or not self.along.may_have(change.address):
                self.recorder.intend(change)
            if not (self.along.may_have(change.address) or self.along.of(change.address)):
                self._schema.writes(step.turn)
        if step.removes:
            yield from self._remove(change.address)
            return
        handlers: dict[Action, Callable[[Change], Iterator[float]]] = {
            Action.CREATE: self._create,
            Action.UPDATE: self._update,
            Action.REPLACE: self._create,
            Action.MOVE: self._move,
            Action.CONVERT: self._convert,
            Action.DELETE: self._delete,
            Action.DEPLOY: self._deploy,
            Action.ACTIVATE: self._activate,
            Action.SCHEDULE: self._schedule,
            Action.MIGRATE: self._migrate,
            Action.UNDO: self._undo,
            Action.ADOPT: self._adopt,
            Action.REFRESH: self._refresh,
            Action.FORGET: self._forget,
        }
        yield from handlers[change.action](change)
        if not step.turn.together:
            yield from self._schema.finish(change.address)

    def _count_again(self, step: Step, change: Change) -> None:
        """Raise RefusedError where more would be lost than was shown; what is lost is in the backup from then on. Of a
        replacement, it is the removal that loses."""
        if change.action is Action.REPLACE and not step.removes:
            return
        if self.recount is not None:
            self.recount.must_fit(change)
        if self.keeper is not None:
            self.keeper.catch_up(change)

    def _create(self, change: Change) -> Iterator[float]:
        fields = created_fields(change, self._early_fields(change, {"schedule": ""}))
        found = yield from self.along.found(change.address)
        if found is not None:
            self._take(change.address, fields, found)
            return
        if self.along.may_have(change.address):
            # Sent by itself all the same.
            self.recorder.intend(change)
            self._schema.writes(Turn(kind_of(change.address).schema_places(change.address, fields)))
        begun = time.monotonic()
        live = self._create_with_members(change, fields)
        self._schema.created(change.address, time.monotonic() - begun)
        self._keep_made_secret(change, fields, live)
        self._own(change.address, fields, live)

    def _keep_made_secret(self, change: Change, fields: Fields, live: Live) -> None:
        """Before it is ours: what is not written down then is made again by nobody."""
        name = kind_of(change.address).made_secret
        if not name or name in fields:
            return
        if live.made_secret is None:
            self.warn(change, f"{change.address}: its {name} was created, but the answer that contained it was lost")
        elif self.keep_secret is None:
            self.warn(
                change, f"{change.address}: its {name} was created but not kept; --secrets-out FILE writes it to a file"
            )
        else:
            self.keep_secret(change.address, live.made_secret)

    def _create_with_members(self, change: Change, fields: Fields) -> Live:
        """By one request, where the server takes it; else what lies in it follows one by one."""
        address, along = change.address, self.along.of(change.address)
        if not along:
            return self.provider.create(address, fields)
        try:
            live = self.provider.create(address, fields, along)
        except ProviderError as error:
            if error.code != _REFUSED:
                raise
            self.warn(change, f"{address} is made without what lies in it, which follows: {error.message}")
            return self.provider.create(address, fields)
        self.along.created(address)
        return live

    def _own_along(self, seen: Mapping[Address, Live]) -> None:
        """All that was made along with collections and is as it should be, with one save: it may be hundreds."""
        wanted = {at: self.desired.resources[at].fields for at in seen}
        right = [at for at, live in seen.items() if not compare_fields(kind_of(at), wanted[at], live.fields, None)]
        self.recorder.put_all([self._entry(at, wanted[at], seen[at]) for at in right])

    def _take(self, address: Address, fields: Fields, live: Live) -> None:
        """It was made along with its collection."""
        differing = compare_fields(kind_of(address), fields, live.fields, None)
        if differing:
            details = "; ".join(map(field_text, differing))
            raise ProviderError(
                f"Appwrite made {address} along with its collection, but not as requested: {details}",
                hint="plan again: the next apply corrects it",
            )
        self._schema.came_along(live)
        self.recorder.put_all([self._entry(address, fields, live)])

    def _update(self, change: Change) -> Iterator[float]:
        # What this plan has made is not in it.
        real = self.plan.real.get(change.address) or self.provider.current(change.address)
        if real is None:
            raise ProviderError(f"{change.address} is gone, so it cannot be changed", hint="plan again")
        fields = self._early_fields(change, real.fields)
        if self._must_cut(change):
            limit = self._limit(change, Ask.LONGER)
            note = lambda text: self.note(change, text)  # noqa: E731
            keep = self._keeping(change)
            yield from cut_values(self.provider, change.address, int(fields["size"]), limit, note, keep)
        try:
            live = self.provider.update(change.address, fields, real)
        except ServerFaultError as fault:
            raise self._schema.explained(change.address, fault) from None
        self._own(change.address, fields, live)
        self._report(change, live)
        yield from ()

    def _report(self, change: Change, live: Live) -> None:
        """What a write brought about beside what was asked for."""
        for each in live.remarks:
            self.warn(change, f"{change.address}: {each}")

    def _must_cut(self, change: Change) -> bool:
        """Whether texts that are longer are cut. Appwrite refuses a smaller size while there are any."""
        return shrinks_values(change) and change.address in self.plan.plan_options.allowed

    def _convert(self, change: Change) -> Iterator[float]:
        """Another type in stages, with the values."""
        fields = self.desired.resources[change.address].fields
        may_lose = self._limit(change, Ask.UNCONVERTIBLE)
        stages = convert_attribute(
            self.provider,
            change.address,
            fields,
            may_lose=may_lose,
            note=lambda text: self.note(change, text),
            keep=self._keeping(change),
            first_look=_FIRST_LOOK,
        )
        for each in stages:
            if isinstance(each, Live):
                self._own(change.address, fields, each)
            else:
                yield each

    def _keeping(self, change: Change) -> Keep:
        """What is called with documents right before their values are narrowed."""
        keeper = self.keeper
        return lambda documents: None if keeper is None else keeper.keep_changed(change, documents)

    def _limit(self, change: Change, ask: Ask) -> Answer:
        """How much of a kind may be lost in the course of it."""
        if change.address not in self.plan.plan_options.allowed:
            return NOTHING
        return Answer(None) if self.recount is None else self.recount.limit(change, ask)

    def _move(self, change: Change) -> Iterator[float]:
        """Another name; what the state knew of it goes along."""
        assert change.origin is not None
        real = self.plan.real[change.address]
        try:
            live = self.provider.rename(change.origin, change.address, real)
        except ServerFaultError as fault:
            raise self._schema.explained(change.origin, fault) from None
        known = self.recorder.state.entries.get(change.origin)
        fields = real.fields if known is None else known.fields
        self.recorder.rename(change.origin, Entry(change.address, frozen(fields), live.remote_id))
        yield from ()

    def _delete(self, change: Change) -> Iterator[float]:
        """What is deleted with something is gone by now."""
        yield from self._forget(change) if change.goes_with else self._remove(change.address)

    def _remove(self, address: Address) -> Iterator[float]:
        # With a collection go its relationships with others, in the background and unseen: those left go first.
        gone = {change.address for change in self.plan.changes if change.destroys and not change.goes_with}
        left = [each for each in self.plan.real if each not in gone]
        related = [each for each in left if _is_between(each, self.plan.real[each].fields, address)]
        for each in [*related, address]:
            self.provider.delete(each, self.plan.real[each])
            if kind_of(each).listed:
                yield from until_gone(self.provider, [each], _FIRST_LOOK)
        self._schema.removed(address)
        self.recorder.drop(address)

    def _deploy(self, change: Change) -> Iterator[float]:
        owner = owner_of(change.address)
        entry = self._owner_entry(owner)
        deploying = Deploying(
            self.provider,
            self.archives or Archives(self.provider),
            self.bundles[owner],
            self._before(change.address),
            note=lambda text: self.note(change, text),
            warn=lambda text: self.warn(change, text),
            begun=lambda deployment: self.recorder.begin_upload(entry, deployment),
        )
        for each in deploying.run():
            if isinstance(each, Entry):
                self.recorder.put(each)
            else:
                yield each

    def _before(self, address: Address) -> Before:
        """What to go back to. Code that an earlier run activated and did not accept is nothing to go back to."""
        known, live = self.recorder.state.entries.get(address), self.plan.real.get(address)
        accepted = live is not None and live.status != UNFINISHED
        back = live.remote_id if live is not None and accepted else known.remote_id if known else ""
        return Before(
            back,
            known.deployments if known else (),
            self.recorder.state.uploads_of(owner_of(address)),
            upload_again=address in self.plan.plan_options.replaced,
        )

    def _owner_entry(self, address: Address) -> Entry:
        """What has the code, as the state is to know it, for where it does not know it yet."""
        fields = self.desired.resources[address].fields if address in self.desired.resources else frozen({})
        return Entry(address, fields, address.path)

    def _activate(self, change: Change) -> Iterator[float]:
        """Go back to a deployment. The one that it replaces becomes the last of those to go back to."""
        after = {each.name: each.after for each in change.fields}
        before = {each.name: each.before for each in change.fields}
        target = str(after["deployment"])
        owner = owner_of(change.address)
        self.provider.activate(owner, target)
        known = self.recorder.state.entries.get(change.address)
        line = [each for each in (known.deployments if known else ()) if each not in (target, before["deployment"])]
        if before["deployment"] and before["deployment"] not in self.recorder.state.uploads_of(owner):
            line.append(str(before["deployment"]))
        self.recorder.put(
            Entry(change.address, frozen({"digest": after["digest"]}), target, (target, *line)),
        )
        yield from ()

    def _schedule(self, change: Change) -> Iterator[float]:
        real = self.provider.find(change.address)
        if real is None:
            raise ProviderError(f"{change.address} is gone; its schedule cannot be armed")
        fields = self.desired.resources[change.address].fields
        live = self.provider.update(change.address, fields, real)
        self._own(change.address, fields, live)
        self._report(change, live)
        yield from ()

    def _migrate(self, change: Change) -> Iterator[float]:
        """Run a migration, or go on with one that was cut short with the same content."""
        migration, known = self.desired.migrations[change.address], self.recorder.state.migrations.get(change.address)
        goes_on = known is not None and (known.digest, known.stage) == (migration.digest, Stage.BEGUN)
        yield from self._run(change, migration, "run", Stage.BEGUN, known if goes_on else None)
        record = self.recorder.state.migrations[change.address]
        done = replace(record, stage=Stage.DONE, at=_now(), passes={})
        self.recorder.note_migration(change.address, done)
        self.note(change, counts_words(record.counts))

    def _undo(self, change: Change) -> Iterator[float]:
        """Take a migration back; nothing is known of it after that."""
        migration, known = self.desired.migrations[change.address], self.recorder.state.migrations.get(change.address)
        goes_on = known is not None and known.stage is Stage.UNDOING
        yield from self._run(change, migration, "undo", Stage.UNDOING, known if goes_on else None)
        self.note(change, counts_words(self.recorder.state.migrations[change.address].counts))
        self.recorder.note_migration(change.address, None)

    def _run(
        self, change: Change, migration: Migration, function: str, stage: Stage, known: MigrationRecord | None
    ) -> Iterator[float]:
        progress = Progress(Counter(known.counts), dict(known.passes)) if known is not None else Progress()
        owner = this_process()

        def save(progress: Progress) -> None:
            counts, passes = dict(progress.counts), dict(progress.passes)
            record = MigrationRecord(migration.digest, stage, _now(), str(owner), owner.run, counts, passes)
            self.recorder.note_migration(change.address, record)

        save(progress)
        data = Data(
            change.address,
            self.provider,
            self.provider,
            progress,
            save=save,
            keeper=self.keeper,
            is_stopping=self.is_stopping,
            note=lambda text: self.note(change, text),
        )
        try:
            run_code(migration, function, data)
        except Stopped:
            # Who interrupts a run begins nothing any more, so it is not gone on with.
            yield 0.0
            raise AssertionError("an interrupted run goes on") from None
        save(progress)

    def _adopt(self, change: Change) -> Iterator[float]:
        fields, real = self.desired.resources[change.address].fields, self.plan.real[change.address]
        if self.keep_secret is not None and real.made_secret is not None:
            # Made by an earlier run, which did not come to writing it down, or by somebody else.
            self.keep_secret(change.address, real.made_secret)
        self._own(change.address, fields, real)
        yield from ()

    def _refresh(self, change: Change) -> Iterator[float]:
        """The state takes over what is live."""
        known = self.recorder.state.entries[change.address]
        self.recorder.put(taken_over(known, self.plan.real[change.address], self.desired, self.recorder.state.salt))
        yield from ()

    def _forget(self, change: Change) -> Iterator[float]:
        self.recorder.drop(change.address)
        yield from ()

    def _early_fields(self, change: Change, kept: Fields) -> Fields:
        """The wanted fields; where the schedule has a change of its own, the schedule as it was."""
        fields = self.desired.resources[change.address].fields
        late = change.address in self._scheduled
        return frozen({**fields, "schedule": kept["schedule"]}) if late else fields

    @cached_property
    def _scheduled(self) -> frozenset[Address]:
        """Functions whose schedule has a change of its own. Also where that was left out of the plan: then the schedule
        stays as it was."""
        all_changes = (*self.plan.changes, *self.plan.left_out)
        return frozenset(each.address for each in all_changes if each.action is Action.SCHEDULE)

    def _own(self, address: Address, fields: Fields, live: Live) -> None:
        self.recorder.put(self._entry(address, fields, live))

    def _entry(self, address: Address, fields: Fields, live: Live) -> Entry:
        """What the state is to know of it."""
        kind = kind_of(address)
        salt = self.recorder.state.salt
        stored = stored_fields(fields, salt) if kind.secret_field else fingerprinted(fields, salt)
        known = self.recorder.state.entries.get(address)
        deployments = known.deployments if known else ()
        if kind.is_code and live.remote_id not in deployments:
            deployments = (live.remote_id, *deployments)
        uploads = known.uploads if known else ()
        return Entry(address, frozen(stored), live.remote_id, deployments, uploads)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


#: Appwrite's answer to a request that it does not understand, or that says what cannot be.
_REFUSED = 400


def _is_between(address: Address, fields: Fields, collection: Address) -> bool:
    """Whether it is a relationship of that collection with another one."""
    related = kind_of(address).leads_to(address, fields)
    ends = {owner_of(address), *related} if related else set()
    return collection in ends and len(ends) > 1

"""Runs steps in parallel, in their order, and stops in good order.

A step's work is an iterator: each value that it yields is a number of seconds to wait, during which it occupies no
thread. What failed takes down only what requires it, what a guard stopped only what needs it. A step that writes a
schema is begun when it can have its turn, and keeps it until its work has ended, pauses included.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Any

from ..errors import (
    AccessError,
    IacError,
    RefusedError,
    ServerFaultError,
    StateError,
    UnreachableError,
    UnsettledError,
)
from ..kinds import holds_others, inline_members, kind_of
from ..kinds.schema_rules import Place, Turn, Turns
from ..model.address import Address, collection_address, owner_of, owners
from ..model.resource import Desired, Live
from ..model.server import ServerFacts
from ..planning import Action, Change, Plan
from ..planning.order import removal_of
from ..planning.plan import GOES_FIRST, lies_in

# From a plan's changes to steps that can run: who waits for whom, down to Appwrite's asynchronous work. Pure.
#
# A change becomes one `act` step, a replacement two. Whoever writes a collection's schema has a turn there (see
# `kinds.schema_rules`) and holds it until Appwrite is done. Only the attributes of a collection that this very run
# creates are sent together: a `settle` step waits for all of them and proves them, before anything else is done to the
# collection. At the end a `prove` step reads once what documents of a written collection know.


_MAKES = (Action.CREATE, Action.REPLACE)
#: What Appwrite has accepted and is at still.
_PENDING = ("processing", "deleting")


@dataclass(frozen=True)
class Step:
    """One unit of work. It is begun when all steps that it `requires` are done and those that it comes `after` have
    ended, however they ended, and when its `turn` comes.

    `change` is None for a settle step, which waits until what is `watched` is available (and, with `proves`, known to
    documents), and for a prove step, which `proves` a collection. `removes` marks the first half of a replacement. Of
    what it requires, it makes no sense without what it `needs`; the rest only comes first.
    """

    key: str
    requires: frozenset[str]
    change: Change | None = None
    watched: tuple[Address, ...] = ()
    removes: bool = False
    needs: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    turn: Turn = field(default_factory=Turn)
    proves: Address | None = None


def make_steps(
    changes: Sequence[Change],
    desired: Desired,
    real: Mapping[Address, Live],
    along: Mapping[Address, Collection[Address]] = MappingProxyType({}),
) -> list[Step]:
    """The steps, in the order in which ready ones are preferred. `along` is what is made by the request that makes its
    collection."""
    return _Steps(changes, desired, real, along).made()


def made_along(plan: Plan, desired: Desired) -> dict[Address, dict[Address, Mapping[str, Any]]]:
    """What this plan makes by the request that makes its collection, where the server takes that."""
    created = [each.address for each in plan.changes if each.action in _MAKES]
    return inline_members(created, desired, ServerFacts(plan.server_version))


def settle_key(collection: Address) -> str:
    """Of the step that waits for what was sent together."""
    return f"settle:{collection.path}"


def left_key(collection: Address) -> str:
    """Of the step that waits for what an earlier run left under way."""
    return f"left:{collection.path}"


class _Steps:
    """The steps of one plan, in the making."""

    def __init__(
        self,
        changes: Sequence[Change],
        desired: Desired,
        real: Mapping[Address, Live],
        along: Mapping[Address, Collection[Address]],
    ) -> None:
        self._changes, self._desired, self._real = changes, desired, real
        self._comes_after = self._after_collections(along)
        self._by_key = {change.key: change for change in changes}
        self._removals = {removal_of(change) for change in changes if change.action is Action.REPLACE}
        self._related = [self._places(at) for at, live in real.items() if kind_of(at).leads_to(at, live.fields)]
        self._fresh = {each.address for each in changes if holds_others(each.address) and each.action in _MAKES}
        self._batches: dict[Address, list[Change]] = {}
        for change in changes:
            if self._goes_together(change):
                self._batches.setdefault(_collection_of(change.address), []).append(change)
        self._turns = {change.key: self._turn(change) for change in changes}
        self._left = self._left_under_way()

    def made(self) -> list[Step]:
        steps = [step for change in self._changes for step in self._of_change(change)]
        return [*self._waits_for_what_was_left(), *steps, *self._proofs(steps)]

    def _goes_together(self, change: Change) -> bool:
        """Whether a creation is sent with others of its kind: into a collection that this run creates. Where a server
        makes a collection with all that is in it by one request, this is what would go along."""
        kind = kind_of(change.address)
        return kind.sent_together and change.action is Action.CREATE and _collection_of(change.address) in self._fresh

    # Turns.

    def _turn(self, change: Change) -> Turn:
        if not change.touches_server:
            return Turn()
        places = self._places(change.address)
        if change.destroys and holds_others(change.address):
            # The server cuts off the relationships that others have with it.
            places = places.union(*(each for each in self._related if each & places))
        return Turn(places, together=self._goes_together(change))

    def _places(self, address: Address) -> frozenset[Place]:
        """Where a write of it changes a schema, as it is and as it is to be."""
        forms = [each.fields for each in (self._real.get(address), self._desired.resources.get(address)) if each]
        found: frozenset[Place] = frozenset()
        return found.union(*(kind_of(address).schema_places(address, fields) for fields in forms))

    # Steps.

    def _of_change(self, change: Change) -> Iterator[Step]:
        before = [self._by_key[key] for key in change.requires if key in self._by_key]
        removals = self._removals & set(change.requires)
        vital = {each.key for each in before if _is_vital(each, change)} | removals & set(change.needs)
        if change.action is Action.REPLACE:
            gone = removal_of(change)
            # Old indexes and old holders of the key go first; what it depends on is its successor's affair.
            earlier = {each.key for each in before if each.action in (*GOES_FIRST, Action.MIGRATE)}
            yield self._step(gone, removals | earlier, vital, change, removes=True)
            removals = {gone}
            vital |= removals
        yield self._step(change.key, {each.key for each in before} | removals, vital, change)
        collection = _collection_of(change.address)
        if change is self._batches.get(collection, [None])[-1]:
            yield self._settle(collection)

    def _step(self, key: str, requires: Set[str], vital: Set[str], change: Change, *, removes: bool = False) -> Step:
        turn = self._turns[change.key]
        required = requires if removes else requires | self._settled_before(change)
        needs = frozenset(vital & required)
        after = self._waits_before(turn) | self._comes_after.get(change.address, frozenset())
        return Step(key, frozenset(required), change, removes=removes, needs=needs, after=after, turn=turn)

    def _after_collections(self, along: Mapping[Address, Collection[Address]]) -> dict[Address, frozenset[str]]:
        """What comes along with its collection is looked for when all collections of its database are made: then one
        list names them all."""
        new: dict[str, set[str]] = {}
        for change in self._changes:
            if change.address in along and change.action is Action.CREATE:
                new.setdefault(change.address.parts[0], set()).add(change.key)
        return {
            each: frozenset(new.get(collection.parts[0], ())) for collection, those in along.items() for each in those
        }

    def _settled_before(self, change: Change) -> set[str]:
        """In collections that this run creates, everything but the attributes waits until those are there. What deletes
        or renames is about the collection before, which is replaced: it comes before its removal."""
        if self._turns[change.key].together or change.action in GOES_FIRST:
            return set()
        written = {_address_of(place) for place in self._turns[change.key].places}
        if kind_of(change.address).is_document:
            written.add(owner_of(change.address))
        migration = self._desired.migrations.get(change.address)
        if migration is not None:
            places = (*migration.needs, *migration.before)
            written.update(map(_collection_of, places))
            written.update(each for each in self._batches if lies_in(each, places))
        made = written & self._batches.keys()
        return set() if change.address in made else {settle_key(each) for each in made}

    def _waits_before(self, turn: Turn) -> frozenset[str]:
        return frozenset(left_key(each) for each in map(_address_of, turn.places) if each in self._left)

    def _settle(self, collection: Address) -> Step:
        batch = self._batches[collection]
        return Step(
            settle_key(collection),
            frozenset(change.key for change in batch),
            watched=tuple(change.address for change in batch),
            turn=Turn(frozenset({collection.parts})),
            proves=collection,
        )

    def _left_under_way(self) -> dict[Address, list[Address]]:
        """What an earlier run, or somebody else, has begun and Appwrite not finished, by collection: everything where
        this plan writes, elsewhere what is declared."""
        written = {_address_of(place) for turn in self._turns.values() for place in turn.places}
        going = {each.address for each in self._changes if each.destroys and holds_others(each.address)}
        left: dict[Address, list[Address]] = {}
        for address, live in self._real.items():
            collection = _collection_of(address)
            is_ours = address in self._desired.resources and live.status == "processing"
            if collection in going and not kind_of(address).leads_to(address, live.fields):
                # It goes as well. Only a relationship writes elsewhere.
                continue
            if kind_of(address).listed and live.status in _PENDING and (is_ours or collection in written):
                left.setdefault(collection, []).append(address)
        return left

    def _waits_for_what_was_left(self) -> Iterator[Step]:
        for collection, watched in self._left.items():
            turn = Turn(frozenset({collection.parts}))
            yield Step(left_key(collection), frozenset(), watched=tuple(watched), turn=turn)

    def _proofs(self, steps: Iterable[Step]) -> Iterator[Step]:
        """One for each collection with a write that nothing has proven yet."""
        touching: dict[Address, list[Step]] = {}
        for step in steps:
            for place in step.turn.places:
                touching.setdefault(_address_of(place), []).append(step)
        going = {each.address for each in self._changes if each.action is Action.DELETE}
        for collection, those in touching.items():
            is_there = bool(owners(collection)) and not going & {collection, *owners(collection)}
            if is_there and not all(self._is_proven(step, collection) for step in those):
                after = frozenset(step.key for step in those) | self._adoptions(collection)
                turn = Turn(frozenset({collection.parts}))
                yield Step(f"prove:{collection.path}", frozenset(), after=after, turn=turn, proves=collection)

    def _is_proven(self, step: Step, collection: Address) -> bool:
        """Whether it belongs to what the settle step of the collection has proven."""
        if collection not in self._batches:
            return False
        return step.turn.together or step.proves == collection or _makes(step.change, collection)

    def _adoptions(self, collection: Address) -> frozenset[str]:
        """What the state takes over is proven with the rest."""
        adopted = [each for each in self._changes if each.action is Action.ADOPT]
        return frozenset(each.key for each in adopted if collection in owners(each.address))


def _is_vital(before: Change, change: Change) -> bool:
    """Whether a change must not be made when one before it was stopped. New code waits for the whole schema that it
    may read; and what goes last may be what code that was not deployed still uses."""
    if change.action is Action.DEPLOY or (change.destroys and before.action is Action.DEPLOY):
        return True
    return before.key in change.needs


def _makes(change: Change | None, collection: Address) -> bool:
    return change is not None and change.address == collection


def _collection_of(address: Address) -> Address:
    """The collection that an address lies in, or is; nothing's for others."""
    return collection_address(*address.parts[:2]) if len(address.parts) > 1 else address


def _address_of(place: Place) -> Address:
    return collection_address(*place) if len(place) > 1 else Address("database", place[0])


Work = Callable[[Step], Iterator[float]]

#: After one of these, every further request would meet the same.
_FATAL = (AccessError, UnreachableError, StateError)
#: After one of these, the server may still be at what it was asked for.
_UNSETTLED = (UnsettledError, UnreachableError, ServerFaultError)


@dataclass
class Outcome:
    """How it ended, by step key."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, IacError] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    interrupted: bool = False


class Scheduler:
    """Runs a set of steps once. `stop` may be called from a signal handler."""

    def __init__(self, work: Work, parallelism: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._work = work
        self._parallelism = parallelism
        self._clock = clock
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Start nothing new; what is under way is finished."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        """Whether what can be left in the middle is to be left."""
        return self._stopping.is_set()

    def run(self, steps: Sequence[Step]) -> Outcome:
        """All steps. Raises nothing of what a step raises: see the outcome."""
        run = _Run(steps, self._parallelism)
        with ThreadPoolExecutor(max_workers=self._parallelism) as pool:
            while run.goes_on():
                if not self._stopping.is_set():
                    for step, iterator in run.startable(self._clock()):
                        run.begin(pool.submit(_advance, iterator or self._work(step)), step)
                if not run.under_way and (self._stopping.is_set() or not run.goes_on()):
                    break
                self._await(run)
        return run.finish(interrupted=self._stopping.is_set())

    def _await(self, run: _Run) -> None:
        """Until something ends or a pause is over; short enough to notice a signal."""
        pause = 0.5 if self._stopping.is_set() else run.next_wake(self._clock())
        if not run.under_way:
            self._stopping.wait(pause)
            return
        for future in run.ended(pause):
            run.take(future, self._clock())
            if run.fatal:
                self._stopping.set()


#: What a piece of work comes back with.
Advanced = tuple[Iterator[float], float | None]


def _advance(iterator: Iterator[float]) -> Advanced:
    """One piece of work: until the next pause (its seconds) or the end (None)."""
    return iterator, next(iterator, None)


class _Run:
    """The bookkeeping of one run."""

    def __init__(self, steps: Sequence[Step], parallelism: int) -> None:
        self._order = {step.key: number for number, step in enumerate(steps)}
        self._steps = {step.key: step for step in steps}
        self._waiting = {step.key: self._order.keys() & (step.requires | step.after) for step in steps}
        self._dependents: dict[str, list[str]] = {key: [] for key in self._order}
        for key, required in self._waiting.items():
            for each in required:
                self._dependents[each].append(key)
        self._ready = [(number, key) for key, number in self._order.items() if not self._waiting[key]]
        heapq.heapify(self._ready)
        #: Ready, but for the turn; by the places where they want it.
        self._without_turn: dict[frozenset[Place], list[tuple[int, str]]] = {}
        self._turns = Turns()
        self._paused: list[tuple[float, int, str, Iterator[float]]] = []
        self._parallelism = parallelism
        #: What failed or was stopped by a guard, and what is not done for it.
        self._without: set[str] = set()
        self.under_way: dict[Future[Advanced], Step] = {}
        # Each future comes here once. To wait for all that are under way costs much more, for hundreds of short steps.
        self._ended: SimpleQueue[Future[Advanced]] = SimpleQueue()
        self.outcome = Outcome()
        self.fatal = False

    def goes_on(self) -> bool:
        return bool(self.under_way or self._paused or self._ready)

    def startable(self, now: float) -> Iterator[tuple[Step, Iterator[float] | None]]:
        """Work that can be handed to a thread now: pauses that are over first, then new steps in order."""
        while self._paused and self._paused[0][0] <= now and len(self.under_way) < self._parallelism:
            _, _, key, iterator = heapq.heappop(self._paused)
            yield self._steps[key], iterator
        while self._ready and len(self.under_way) < self._parallelism:
            number, key = heapq.heappop(self._ready)
            turn = self._steps[key].turn
            if self._turns.take(key, turn):
                yield self._steps[key], None
            else:
                heapq.heappush(self._without_turn.setdefault(turn.places, []), (number, key))

    def next_wake(self, now: float) -> float:
        """Seconds until a pause is over that could be acted on; with all threads busy, their end wakes us."""
        longest = 0.5
        if not self._paused or len(self.under_way) >= self._parallelism:
            return longest
        return min(longest, max(0.0, self._paused[0][0] - now))

    def begin(self, future: Future[Advanced], step: Step) -> None:
        """A thread is at it."""
        self.under_way[future] = step
        future.add_done_callback(self._ended.put)

    def ended(self, timeout: float) -> Iterator[Future[Advanced]]:
        """What threads have come back with, waiting for the first so many seconds."""
        with suppress(Empty):
            yield self._ended.get(timeout=timeout)
            while True:
                yield self._ended.get_nowait()

    def take(self, future: Future[Advanced], now: float) -> None:
        """File what a thread came back with."""
        step = self.under_way.pop(future)
        error = future.exception()
        if error is None:
            iterator, pause = future.result()
            if pause is None:
                self.outcome.done.append(step.key)
                self._give_back(step, is_settled=True)
                self._release(step.key)
            else:
                heapq.heappush(self._paused, (now + pause, self._order[step.key], step.key, iterator))
        elif isinstance(error, IacError):
            self.outcome.failed[step.key] = error
            self.fatal = self.fatal or isinstance(error, _FATAL)
            self._give_back(step, is_settled=not isinstance(error, _UNSETTLED))
            self._go_on_without(step.key, is_stopped=isinstance(error, RefusedError))
        else:
            raise error

    def finish(self, *, interrupted: bool) -> Outcome:
        """The outcome; everything that neither ended nor failed was skipped."""
        ended = {*self.outcome.done, *self.outcome.failed}
        self.outcome.skipped = [key for key in self._order if key not in ended]
        self.outcome.interrupted = interrupted and not self.fatal
        return self.outcome

    def _give_back(self, step: Step, *, is_settled: bool) -> None:
        if step.turn.places:
            self._turns.give_back(step.key, is_settled=is_settled)
            self._offer_turns()

    def _offer_turns(self) -> None:
        """Let those try again that had no turn: of the same places the first one, because it keeps the others out."""
        for waiting in self._without_turn.values():
            while waiting:
                first = heapq.heappop(waiting)
                heapq.heappush(self._ready, first)
                if not self._steps[first[1]].turn.together:
                    break

    def _go_on_without(self, key: str, *, is_stopped: bool) -> None:
        """A step failed, or a guard stopped it before anything was sent: then what needs it is not done, and what only
        waited for it is. Of a failed one, what requires it is not done. What comes after it comes in any case."""
        todo, without = [key], {key}
        while todo:
            here = todo.pop()
            found = [each for each in self._dependents[here] if here in self._bonds(each, is_stopped=is_stopped)]
            todo += [each for each in found if each not in without | self._without]
            without.update(found)
        new = without - self._without
        self._without |= new
        if is_stopped:
            self._never_wait_for(new)
        for each in new:
            self._release(each)

    def _bonds(self, key: str, *, is_stopped: bool) -> frozenset[str]:
        return self._steps[key].needs if is_stopped else self._steps[key].requires

    def _never_wait_for(self, stopped: set[str]) -> None:
        """What is never sent cannot be waited for."""
        never = {step.change.address for step in map(self._steps.__getitem__, stopped) if step.change is not None}
        for name, step in self._steps.items():
            if not never.isdisjoint(step.watched):
                self._steps[name] = replace(step, watched=tuple(each for each in step.watched if each not in never))

    def _release(self, key: str) -> None:
        for dependent in self._dependents[key]:
            self._waiting[dependent].discard(key)
            if not self._waiting[dependent] and dependent not in self._without:
                heapq.heappush(self._ready, (self._order[dependent], dependent))


# What an apply says while it runs. Renderers turn events into a live table, plain lines or JSON.


class EventKind(StrEnum):
    """A point in the life of a change."""

    STARTED = "started"
    WAITING = "waiting"
    #: Something went wrong that does not make the change fail.
    WARNED = "warned"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Event:
    """Something happened to a change. `seconds` since it started; `note` is for people."""

    kind: EventKind
    change: Change
    seconds: float = 0.0
    note: str = ""


Observer = Callable[[Event], None]

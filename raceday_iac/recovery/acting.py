"""Carrying out steps, one after the other. Before each one it is looked again whether it is still needed.

A stale lock is freed by the very protocol that runs take it with: taking over by compare-and-set, giving back. So what
was proven of the protocol holds: the fence of the dead run is removed, and what is written meanwhile is behind a fence
of our own. Two things are different: a lock that is not there is not created, and a lock collection that knows no
fences yet is good enough, because the runs that use it make none.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from ..applying.actions import clean
from ..applying.recorder import Recorder
from ..errors import ConflictError, Interrupted, NotFoundError, ProviderError
from ..health.data import Rules, did_its_work, is_under_way
from ..health.observations import FunctionSeen, instant_of
from ..health.runs import ending_of
from ..kinds.schema_rules import Turns
from ..model.address import Address, function_address
from ..model.declarations import Lock
from ..model.resource import Live
from ..provider import Provider
from ..provider.protocol import Execution
from ..refresh.deployments import Classified, Role
from .planning import Done, Recovery, RecoveryInput, Remedy, Step

#: Seconds to wait until a deletion in the schema is done.
_DELETION_PATIENCE = 60.0
#: Newest executions that are looked at before another one is started.
_NEWEST = 10


@dataclass(frozen=True)
class RecoveryExecutor:
    """What steps are carried out with. `scene` is what the recovery was made from."""

    provider: Provider
    recorder: Recorder
    scene: RecoveryInput
    lock_store: tuple[str, str] = ("", "")
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    new_owner: Callable[[], str] = lambda: os.urandom(16).hex()

    def seen(self, function: str) -> FunctionSeen:
        found = self.scene.observation.function(function)
        assert found is not None
        return found


def carry_out(recovery: Recovery, hands: RecoveryExecutor) -> Iterator[Done]:
    """Yields each step as it is done. A step that fails keeps only those of its own chain from being tried, and those
    that write the schema of the same collection."""
    broken: dict[str, str] = {}
    turns = Turns()
    for step in recovery.steps:
        if step.chain in broken:
            yield Done(step, f"not begun, because {broken[step.chain]} failed before it")
            continue
        if not turns.take(step.subject, step.turn):
            reason = f"the end of {turns.closed_by(step.turn)} was not seen, so another change could be lost"
            yield Done(step, f"not begun: {reason}")
            continue
        try:
            done = _STEPS[step.remedy](step, hands)
        except ProviderError as error:
            done = Done(step, error.message)
        if done.problem and step.chain:
            broken[step.chain] = step.subject
        turns.give_back(step.subject, is_settled=not done.problem)
        yield done


def _delete_deployment(step: Step, hands: RecoveryExecutor) -> Done:
    known = hands.scene.classified[step.function]
    (classified,) = (each for each in known if each.deployment.id == step.identity)
    owner = function_address(step.function)
    try:
        status = hands.provider.deployment(owner, step.identity).status
    except NotFoundError:
        return Done(step, was_needed=False, note="it was already gone")
    if status != classified.deployment.status:
        return Done(step, was_needed=False, note=f"it changed meanwhile and is now {status}: left alone")
    # All deployments are handed over, because what is not among them is forgotten; only this one is an orphan in it.
    only: Sequence[Classified] = [each if each is classified else replace(each, role=Role.PREVIOUS) for each in known]
    return Done(step, clean(hands.provider, hands.recorder, owner, only)[step.identity])


def _delete_member(step: Step, hands: RecoveryExecutor) -> Done:
    address = Address.parse(step.subject)
    (before,) = (each for each in hands.scene.observation.schema if each.address == address)
    now = hands.provider.current(address)
    if now is None:
        return Done(step, was_needed=False, note="it was already gone")
    if (now.status, now.updated_at) != (before.status, before.updated_at):
        return Done(step, was_needed=False, note=f"it changed meanwhile and is now {now.status}: left alone")
    hands.provider.delete(address, now)
    left = _until_gone(address, hands)
    return Done(step) if left is None else Done(step, f"it is still {left.status}; the server has not deleted it yet")


def _until_gone(address: Address, hands: RecoveryExecutor) -> Live | None:
    deadline = hands.clock() + _DELETION_PATIENCE
    while (left := hands.provider.current(address)) is not None and hands.clock() < deadline:
        hands.sleep(0.2)
    return left


def _delete_execution(step: Step, hands: RecoveryExecutor) -> Done:
    try:
        status = hands.provider.execution(step.function, step.identity).status
    except NotFoundError:
        return Done(step, was_needed=False, note="it was already gone")
    if status != "scheduled":
        return Done(step, was_needed=False, note=f"it is now {status}: left alone")
    hands.provider.delete_execution(step.function, step.identity)
    return Done(step)


def _free_lock(step: Step, hands: RecoveryExecutor) -> Done:
    lock, rules = hands.seen(step.function).lock, hands.scene.rules
    assert lock is not None
    place = LockPlace(hands.provider, *hands.lock_store, step.identity, hands.sleep, hands.clock)
    reason = free(place, rules, lock, hands.new_owner())
    return Done(step, was_needed=not reason, note=reason)


def _run(step: Step, hands: RecoveryExecutor) -> Done:
    seen, watched, before = hands.seen(step.function), hands.scene.watched, hands.scene.observation.now
    newest = [
        each for each in hands.provider.executions(step.function, _NEWEST) if instant_of(each.created_at) > before
    ]
    now = hands.provider.server_time() or before
    if any(did_its_work(each) for each in newest):
        return Done(step, was_needed=False, note="another run has done its work meanwhile")
    if any(is_under_way(each, seen, watched, now) for each in newest):
        return Done(step, "another run has begun meanwhile; look again when it has ended")
    seconds = seen.timeout + watched.grace.execution.total_seconds() + watched.grace.waiting.total_seconds()
    problem, note = run_to_its_end(hands.provider, step.function, RetryPolicy(seconds, hands.sleep, hands.clock))
    return Done(step, problem, note=note)


_STEPS: Mapping[Remedy, Callable[[Step, RecoveryExecutor], Done]] = {
    Remedy.DELETE_DEPLOYMENT: _delete_deployment,
    Remedy.DELETE_MEMBER: _delete_member,
    Remedy.DELETE_EXECUTION: _delete_execution,
    Remedy.FREE_LOCK: _free_lock,
    Remedy.RUN: _run,
}


# Starting a function and waiting for its end. A start whose answer is lost is never repeated.


OVER = ("completed", "failed")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait for an execution, and how waiting is done."""

    seconds: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def run_to_its_end(provider: Provider, function: str, patience: RetryPolicy) -> tuple[str, str]:
    """What went wrong, or nothing; and what is to be said of it."""
    try:
        execution = provider.execute(function, "", wait=False)
    except ProviderError as error:
        if error.code:
            raise
        return f"{error.message} It may have been started; see: raceday-iac logs {function}", ""
    try:
        execution = _followed(provider, execution, patience)
    except Interrupted:
        raise Interrupted(
            f"Interrupted. Execution {execution.id} of function.{function} still runs; the next steps were not begun.",
            hint=f"follow it with: raceday-iac logs {function}; then see what is left: raceday-iac recover --dry-run",
        ) from None
    if execution.status not in OVER:
        waited = timedelta(seconds=round(patience.seconds))
        return f"execution {execution.id} is still {execution.status} after {waited}", ""
    ending = ending_of(execution)
    said = f"execution {execution.id}: {ending.outcome or execution.status} in {execution.duration:.1f} s"
    if did_its_work(execution):
        return "", said
    return f"{said} {ending.category} {ending.message}".rstrip(), ""


def _followed(provider: Provider, execution: Execution, patience: RetryPolicy) -> Execution:
    deadline, pause = patience.clock() + patience.seconds, _FIRST_PAUSE
    while execution.status not in OVER and patience.clock() < deadline:
        patience.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
        try:
            execution = provider.execution(execution.function, execution.id)
        except NotFoundError:
            return execution
    return execution


#: What the owner of the lock is called for that instant, in its `executionId`.
WHO = "raceday-iac recover"
_FENCE = re.compile(r"f\d+-[A-Za-z0-9]{1,32}")


class Gone(Exception):
    """The lock document is not there any more."""


@dataclass(frozen=True)
class LockPlace:
    """Where a lock is."""

    provider: Provider
    database: str
    collection: str
    lock_id: str
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def free(place: LockPlace, rules: Rules, lock: Lock, owner: str) -> str:
    """Take the lock over and give it back. Returns why that was not done: it lives, or is free by now; nothing when it
    was. Raises ProviderError when the outcome is not known."""
    protocol, store = rules.lock_protocol, _Store(place, rules.lock_protocol)
    claim = protocol.Claim(owner, WHO, place.lock_id, names_fence=False)
    try:
        held = store.run(protocol.acquiring(claim, rules.numbers(lock)))
    except Gone:
        return "it is free now"
    except (protocol.LockUnclear, protocol.LockStoreMissing, protocol.LockStoreUnfit, protocol.LockDenied) as error:
        raise ProviderError(f"{place.lock_id} was not freed: {type(error).__name__}: {error}") from None
    if isinstance(held, protocol.Refusal):
        return "its owner is alive: it has renewed the lock"
    if (kept := _progress(place, held, store.last, rules.day_field)) and store.may_write(held):
        # Losing the lock just now loses the progress, and nothing else: it is in nobody's way.
        with suppress(NotFoundError):
            place.provider.put_document(place.database, place.collection, *kept, fence=held.fence)
    if not store.run(protocol.releasing(held)):
        raise ProviderError(f"{place.lock_id} was taken over, but its release is not confirmed; it expires by itself")
    return ""


def _progress(
    place: LockPlace, held: Any, document: Mapping[str, Any], day_field: str
) -> tuple[str, Mapping[str, Any]] | None:
    """What the dead run had reached goes where runs of the same day look for it: `<function>-progress`."""
    day = document.get(day_field)
    if not day or (held.inherited or "{}") == "{}":
        return None
    data = {"owner": held.owner, "generation": 0, day_field: day, "progress": held.inherited}
    return _beside(place, "progress"), data


def _beside(place: LockPlace, what: str) -> str:
    return f"{place.lock_id.removesuffix('-lock')}-{what}"


class _Store:
    """Carries out what the protocol asks for. `last` is the document as it was last answered."""

    def __init__(self, place: LockPlace, protocol: Any) -> None:
        self._place, self._protocol = place, protocol
        self.last: Mapping[str, Any] = {}
        #: Fences that are known: those that the lock named when it was read, and our own.
        self._fences: list[str] = []

    def may_write(self, held: Any) -> bool:
        """As a run before its first write: whether the lease holds still, and the fence is made."""
        if not held.writable(self._place.clock()):
            return False
        if "fence" not in self.last:
            # What is not set is answered as null, so this collection knows no fences.
            return True
        protocol = self._protocol
        with suppress(protocol.LockUnclear, protocol.LockStoreMissing, protocol.LockStoreUnfit, protocol.LockDenied):
            return bool(self.run(protocol.opening(held)))
        return False

    def run(self, steps: Any) -> Any:
        reply = None
        try:
            while True:
                step = steps.send(reply)
                if isinstance(step, self._protocol.Pause):
                    self._place.sleep(0.2 * step.attempt)
                    reply = None
                else:
                    reply = self._ask(step)
        except StopIteration as end:
            return end.value

    def _ask(self, ask: Any) -> Any:
        asked_at, wall = self._place.clock(), time.time()
        status, document = self._answer(ask)
        if ask.verb == "read" and status == 404 and document.get("type") == "document_not_found":
            raise Gone
        if status in (200, 201) and ask.verb in ("read", "change"):
            self.last = document
        now = self._place.provider.server_time()
        return self._protocol.Reply(status, document, now.timestamp() if now else None, asked_at, wall)

    def _answer(self, ask: Any) -> tuple[int, Mapping[str, Any]]:
        place = self._place
        if ask.verb == "create" and not ask.fence:
            # It is never created from here: the protocol learns that it is there, and looks at it next.
            return 409, {"type": "document_already_exists"}
        try:
            return self._asked(ask, place.provider, (place.database, place.collection))
        except (ConflictError, NotFoundError) as error:
            return error.code or 409, {"type": error.type, "message": error.message}
        except ProviderError as error:
            # A 404 that is no absence of the lock says as little as no answer.
            return 0 if error.code == 404 else error.code, {"type": error.type, "message": error.message}

    def _asked(self, ask: Any, provider: Provider, store: tuple[str, str]) -> tuple[int, Mapping[str, Any]]:
        where, newer = (*store, ask.fence or self._place.lock_id), ask.unless_newer_than or ""
        if ask.verb == "create":
            self._fences.append(ask.fence)
            provider.create_document(*where, ask.data)
            return 201, {}
        if ask.verb == "list":
            there = [name for name in self._fences if provider.document(*store, name) is not None]
            return 200, {"lock": provider.document(*where), "fences": there}
        if ask.verb == "read":
            found = provider.document(*where)
            if found is None:
                return 404, {"type": "document_not_found"}
            # Whoever writes next removes all others. What is no id of a fence is nothing that we would delete.
            self._fences += [name for name in [str(found.get("fence"))] if _FENCE.fullmatch(name)]
            return 200, found
        if ask.verb == "change":
            return 200, provider.change_document(*where, ask.data, unless_newer_than=newer)
        if ask.verb == "remove":
            provider.remove_document(*where, unless_newer_than=newer)
            return 204, {}
        # What runs note of a lock while the server's clock makes no sense is theirs. Whoever runs this will try again.
        return 0, {}

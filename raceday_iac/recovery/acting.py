"""Carrying out steps, one after the other. Before each one it is looked again whether it is still needed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from ..applying.actions import clean
from ..applying.recorder import Recorder
from ..errors import Interrupted, NotFoundError, ProviderError
from ..health.data import did_its_work, is_under_way
from ..health.observations import FunctionSeen, moment
from ..health.runs import ending_of
from ..kinds.turns import Turns
from ..model.address import Address
from ..model.resource import Live
from ..provider import Provider
from ..provider.protocol import Execution
from ..refresh.deployments import Judged, Role
from .freeing import LockPlace, free
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
            reason = f"the end of {turns.closed_by(step.turn)} was not seen, and they would lose each other"
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
    known = hands.scene.judged[step.function]
    (judged,) = (each for each in known if each.deployment.id == step.identity)
    try:
        status = hands.provider.deployment(step.function, step.identity).status
    except NotFoundError:
        return Done(step, was_needed=False, note="it is gone already")
    if status != judged.deployment.status:
        return Done(step, was_needed=False, note=f"it went on meanwhile and is {status}: left alone")
    # All deployments are handed over, because what is not among them is forgotten; only this one is an orphan in it.
    only: Sequence[Judged] = [each if each is judged else replace(each, role=Role.PREVIOUS) for each in known]
    return Done(step, clean(hands.provider, hands.recorder, step.function, only)[step.identity])


def _delete_member(step: Step, hands: RecoveryExecutor) -> Done:
    address = Address.parse(step.subject)
    (before,) = (each for each in hands.scene.observation.schema if each.address == address)
    now = hands.provider.current(address)
    if now is None:
        return Done(step, was_needed=False, note="it is gone already")
    if (now.status, now.updated_at) != (before.status, before.updated_at):
        return Done(step, was_needed=False, note=f"it went on meanwhile and is {now.status}: left alone")
    hands.provider.delete(address, now)
    left = _until_gone(address, hands)
    return Done(step) if left is None else Done(step, f"it is {left.status} still; the server has yet to delete it")


def _until_gone(address: Address, hands: RecoveryExecutor) -> Live | None:
    deadline = hands.clock() + _DELETION_PATIENCE
    while (left := hands.provider.current(address)) is not None and hands.clock() < deadline:
        hands.sleep(0.2)
    return left


def _delete_execution(step: Step, hands: RecoveryExecutor) -> Done:
    try:
        status = hands.provider.execution(step.function, step.identity).status
    except NotFoundError:
        return Done(step, was_needed=False, note="it is gone already")
    if status != "scheduled":
        return Done(step, was_needed=False, note=f"it is {status} by now: left alone")
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
    newest = [each for each in hands.provider.executions(step.function, _NEWEST) if moment(each.created_at) > before]
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
        return f"{error.message} Whether it was started is not known: raceday-iac logs {function}", ""
    try:
        execution = _followed(provider, execution, patience)
    except Interrupted:
        raise Interrupted(
            f"Interrupted. Execution {execution.id} of function.{function} goes on; what was to follow was not begun.",
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

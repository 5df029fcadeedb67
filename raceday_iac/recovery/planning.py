"""What to do about what was seen. Pure: nothing is guessed, and what cannot be proven is left alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from ..counting import format_duration
from ..health.data import Daily, LockHealth, Rules, Stand, daily_runs, did_its_work, is_under_way, lock_health
from ..health.observations import FunctionSeen, Observation, instant_of
from ..health.observing import UNDATED
from ..health.runs import UNFINISHED, standing, stuck_builds, trouble_of
from ..health.watched import Grace, HealthConfig
from ..kinds import kind_of
from ..kinds.collection import can_only_fail_again, making_again, unknown_to_documents
from ..kinds.schema_rules import Place, Turn
from ..model.address import Address, owner_of
from ..model.resource import Live
from ..provider.protocol import Execution
from ..refresh.deployments import READY, Classified, Role


@dataclass(frozen=True)
class RecoveryInput:
    """What a recovery is planned from. `classified` are all deployments by function, `owned` what the stack declares or
    the state owns. `rules` say what a day is, and how locks are checked."""

    observation: Observation
    watched: HealthConfig
    rules: Rules = field(default_factory=Rules)
    classified: Mapping[str, Sequence[Classified]] = field(default_factory=dict)
    owned: Collection[Address] = ()


def plan_recovery(scene: RecoveryInput) -> Recovery:
    """Everything to do, in a safe order: first what is in the way, at last what has to run."""
    if not scene.observation.is_dated:
        # What is left needs no clock: deployments that were built, and never taken into use.
        return together(
            [deployment_steps(scene.classified, {}), Recovery((), (Left("everything", "its age", UNDATED),))]
        )
    seen, watched, rules, now = scene.observation, scene.watched, scene.rules, scene.observation.now
    locks = tuple(lock_health(seen, rules, watched))
    held = {each.function for each in locks if each.state is not None and not each.state.is_stale}
    daily = daily_runs(seen, watched, rules)
    stuck = {
        each.id: [found.id for found in stuck_builds(each.deployments, watched.grace, now)] for each in seen.functions
    }
    return together(
        [
            deployment_steps(scene.classified, stuck),
            schema_steps(seen.schema, scene.owned, watched.grace, now, seen.lost),
            lock_steps(locks),
            execution_steps(seen, watched, held),
            daily_steps(daily, seen, held, is_quiet=rules.is_quiet(now)),
        ]
    )


def together(parts: Iterable[Recovery]) -> Recovery:
    """One after the other."""
    found = list(parts)
    return Recovery(
        tuple(step for each in found for step in each.steps), tuple(left for each in found for left in each.left)
    )


# Making up for daily runs that were missed, in the order in which they depend on each other. Pure.


CHAIN = "daily"


def daily_steps(runs: Sequence[Daily], observation: Observation, held: Collection[str], is_quiet: bool) -> Recovery:
    """From the first missed run on, everything whose time has come is run: what ran on the incomplete data of the one
    before it has to run again. `held` are functions whose lock is held by a run that is alive."""
    if not any(each.stand is Stand.MISSED for each in runs):
        return Recovery()
    wanted = _wanted(runs)
    reason = _why_not_started(runs, wanted, observation, held, is_quiet)
    if reason:
        return Recovery(
            (), tuple(Left(f"function.{each.function}", "it has missed its day", reason) for each in wanted)
        )
    return Recovery(tuple(_daily_step(each, observation) for each in wanted))


def _wanted(runs: Sequence[Daily]) -> list[Daily]:
    """The missed ones, and those that ran before what they need was there."""
    first = next(number for number, each in enumerate(runs) if each.stand is Stand.MISSED)
    return [each for each in runs[first:] if each.stand in (Stand.MISSED, Stand.DONE)]


def _why_not_started(
    runs: Sequence[Daily], wanted: Sequence[Daily], observation: Observation, held: Collection[str], is_quiet: bool
) -> str:
    if is_quiet:
        return "these are quiet hours, in which nothing should run"
    running = next((each.function for each in runs if each.stand is Stand.RUNNING), None)
    if running is not None:
        return f"{running} is under way; look again when it has ended"
    for each in wanted:
        seen = observation.function(each.function)
        if seen is None or not seen.active:
            return f"{each.function} has no active deployment: raceday-iac apply"
        if each.function in held:
            return f"the lock of {each.function} is held by a run that is alive"
    return ""


def _daily_step(run: Daily, observation: Observation) -> Step:
    assert run.due is not None
    seen = observation.function(run.function)
    if run.stand is Stand.MISSED:
        why = f"its run of {run.due:%H:%M} UTC did not do its work: {run.why}"
    else:
        assert run.run is not None
        why = f"it ran at {instant_of(run.run.created_at):%H:%M} UTC, before its input was there"
    guard = "its lock prevents a second run" if seen is not None and seen.lock else "it is not running"
    more = f"; {guard}, and health.yaml allows a second run"
    what = f"start {run.function} and wait for its end"
    return Step(Remedy.RUN, f"function.{run.function}", "", what, f"{why}{more}", chain=CHAIN)


# Builds that do not end, and uploads that were never finished or never put into use. Pure.


def deployment_steps(classified: Mapping[str, Sequence[Classified]], stuck: Mapping[str, Sequence[str]]) -> Recovery:
    """`classified` are all deployments by function, `stuck` the ids of those that are unfinished for too long.

    Failed builds stay: their log is still of use, and `deployments --clean` deletes them.
    """
    steps, left = [], []
    for function, deployments in classified.items():
        for each in deployments:
            deployment = each.deployment
            is_stuck = deployment.id in stuck.get(function, ())
            if each.role is Role.ORPHAN and deployment.status in (*UNFINISHED, READY):
                steps.append(_deployment_step(function, each))
            elif each.role is Role.FOREIGN and is_stuck:
                why = "nothing shows that raceday-iac made it: somebody may still work on it"
                left.append(Left(f"deployment.{function}", f"deployment {deployment.id} is {deployment.status}", why))
            elif each.role is Role.ACTIVE and is_stuck:
                why = "it is active; activate another one first: raceday-iac rollback"
                left.append(Left(f"deployment.{function}", f"deployment {deployment.id} is {deployment.status}", why))
    return Recovery(tuple(steps), tuple(left))


def _deployment_step(function: str, classified: Classified) -> Step:
    deployment = classified.deployment
    if deployment.status == READY:
        what, why = f"delete deployment {deployment.id}", "raceday-iac built it, but never put it into use"
    elif deployment.status == "waiting":
        what = f"cancel and delete deployment {deployment.id}"
        why = "raceday-iac began to upload it, but did not finish; it is not active"
    else:
        what = f"cancel the build of deployment {deployment.id} and delete it"
        why = f"raceday-iac made it; it is {deployment.status} since {deployment.created_at[:16]} UTC, and not active"
    then = "to upload the declared code again: raceday-iac apply"
    return Step(Remedy.DELETE_DEPLOYMENT, f"deployment.{function}", deployment.id, what, why, then)


# Executions that the server has lost. Pure.
#
# Appwrite has no endpoint that ends an execution: deleting one that waits or is processing is refused (1.8.1: 400
# execution_in_progress). So a lost one stays in the list, and what can be mended is what it left undone.


_NO_ENDPOINT = "Appwrite has no endpoint that ends it (its deletion is refused while it is in progress)"


def execution_steps(observation: Observation, watched: HealthConfig, held: Collection[str]) -> Recovery:
    """`held` are functions whose lock is held by a run that is alive."""
    steps: list[Step] = []
    left: list[Left] = []
    for seen in observation.functions:
        lost = []
        for each in seen.unfinished:
            state = standing(each, seen.timeout, watched.grace, observation.now)
            if state == "expired":
                steps.append(_forget(seen, each))
            elif state:
                lost.append(each)
        if not lost:
            continue
        reason = _why_not_again(seen, lost[0], observation, watched, held)
        if reason:
            left += _reported(seen, lost, reason)
        else:
            steps.append(_again(seen, lost[0]))
            left += _reported(seen, lost, "it is started once more instead")
    return Recovery(tuple(steps), tuple(left))


def _forget(seen: FunctionSeen, execution: Execution) -> Step:
    why = (
        f"it was to begin at {execution.scheduled_at[:16]} UTC, which has passed: Appwrite does not start it later, "
        "and nothing of it has run"
    )
    what = f"delete the scheduled execution {execution.id}"
    return Step(Remedy.DELETE_EXECUTION, f"function.{seen.id}", execution.id, what, why)


def _again(seen: FunctionSeen, lost: Execution) -> Step:
    why = (
        f"execution {lost.id} was lost by the server, nothing has done its work since, and health.yaml says that "
        "starting it once more is safe"
    )
    return Step(Remedy.RUN, f"function.{seen.id}", "", f"start {seen.id} once more", why, chain=seen.id)


def _why_not_again(
    seen: FunctionSeen, lost: Execution, observation: Observation, watched: HealthConfig, held: Collection[str]
) -> str:
    """Why it is not started once more; nothing when it is."""
    since = instant_of(lost.created_at)
    later = [each for each in seen.executions if instant_of(each.created_at) > since]
    if any(did_its_work(each) for each in later):
        return "a later run has done the work"
    if any(is_under_way(each, seen, watched, observation.now) for each in later):
        return "another run is under way"
    if seen.id in watched.daily:
        return "the steps for daily runs decide whether to repeat it"
    if seen.id in held:
        return "its lock is held by a run that is alive"
    if not watched.of(seen.id).restart:
        return f"health.yaml does not say that {seen.id} may be started once more (restart: true)"
    return "" if seen.active else "it has no active deployment"


def _reported(seen: FunctionSeen, lost: list[Execution], reason: str) -> Iterator[Left]:
    for each in lost:
        what = f"execution {each.id} is {each.status} since {each.created_at[:16]} UTC"
        yield Left(f"function.{seen.id}", what, f"{_NO_ENDPOINT}; {reason}")


# Locks whose owner is gone. Pure: whether one is, the functions' own rule says.


def lock_steps(locks: Iterable[LockHealth]) -> Recovery:
    """A stale lock is taken over as a run would do it, and given back. A lock that lives is not touched."""
    steps, left = [], []
    for lock in locks:
        state = lock.state
        if state is None:
            continue
        if state.is_stale:
            steps.append(_lock_step(lock))
        elif state.is_crowded or state.is_dying:
            why = (
                f"its owner is alive: it renewed the lock {format_duration(state.heartbeat)} ago, stale after "
                f"{format_duration(lock.stale_after)}; it ends after {format_duration(lock.expiry)} at the latest"
            )
            left.append(Left(f"lock.{lock.function}", f"{lock.lock_id} is held, {state.refused} starts refused", why))
    return Recovery(tuple(steps), tuple(left))


def _lock_step(lock: LockHealth) -> Step:
    assert lock.state is not None
    state = lock.state
    keeps = ", and keep the progress that is in it" if state.progress else ""
    what = f"take {lock.lock_id} over from {state.execution or state.owner[:12]} and give it back{keeps}"
    why = (
        f"its owner has not renewed it for {format_duration(state.heartbeat)} "
        f"(stale after {format_duration(lock.stale_after)}) and took it {format_duration(state.age)} ago "
        f"(expiry {format_duration(lock.expiry)}), by the server's clock; a run that "
        "lives would have stopped writing by itself"
    )
    return Step(Remedy.FREE_LOCK, f"lock.{lock.function}", lock.lock_id, what, why, "the next run begins at once")


# Attributes and indexes that the server does not finish. Pure.
#
# An attribute that never was available holds no value in any document, and an index holds no data at all: these can
# be deleted, and `apply` creates them again. An attribute whose deletion failed may still hold values, so it is left
# alone.


_NEVER_WAS = ("processing", "failed")
_WAIT = "the server is at work on {}, and a change beside it could be lost; look again when it has ended"


def schema_steps(
    schema: Iterable[Live],
    owned: Collection[Address],
    grace: Grace,
    now: datetime,
    lost: Mapping[Address, Sequence[str]],
) -> Recovery:
    """`owned` is what the stack declares or the state owns, `lost` what documents do not know of a collection.

    Each has its turn in the collections that it writes; where the end of one was not seen there are no more."""
    steps, left = [], [_broken(collection, keys) for collection, keys in lost.items()]
    troubles = [(live, trouble_of(live, grace, now)) for live in schema]
    busy = {place: live.address for live, trouble in troubles if not trouble for place in _at_work(live)}
    for live, trouble in troubles:
        if not trouble:
            continue
        beside = next((busy[place] for place in sorted(_places(live)) if place in busy), None)
        reason = _why_not_made(live, owned) or (_WAIT.format(beside) if beside else "")
        if reason:
            left.append(Left(str(live.address), trouble, reason))
        else:
            steps.append(_schema_step(live, trouble))
    return Recovery(tuple(steps), tuple(left))


def _why_not_made(live: Live, owned: Collection[Address]) -> str:
    if live.address not in owned:
        return "neither the stack nor the state knows it: its owner is unknown"
    if can_only_fail_again(live):
        collection = owner_of(live.address)
        return f"if it is deleted and created again, it fails again; {making_again(collection)}"
    if live.status == "deleting":
        return "its deletion is requested already; the worker of the server must do it"
    if kind_of(live.address).is_column and live.status not in _NEVER_WAS:
        # Observed on 1.8.1: an attribute of a unique index over two columns gets stuck, with an empty error.
        return (
            "its deletion failed, so it may still hold values; delete an index over it first (that is the usual "
            "cause), then let the plan decide: raceday-iac plan"
        )
    return ""


def _schema_step(live: Live, trouble: str) -> Step:
    is_column = kind_of(live.address).is_column
    proof = "it never was available, so no document has a value in it" if is_column else "an index holds no data"
    return Step(
        Remedy.DELETE_MEMBER,
        str(live.address),
        "",
        f"delete this {live.address.kind}",
        f"{trouble}, and {proof}",
        "to create it again: raceday-iac apply",
        turn=Turn(_places(live)),
    )


def _places(live: Live) -> frozenset[Place]:
    return kind_of(live.address).schema_places(live.address, live.fields)


def _at_work(live: Live) -> frozenset[Place]:
    """Where the server changes a schema now."""
    return _places(live) if live.status in ("processing", "deleting") else frozenset()


def _broken(collection: Address, keys: Sequence[str]) -> Left:
    what = unknown_to_documents(collection, keys).partition(": ")[2]
    return Left(str(collection), what, making_again(collection))


# What may be done, and what is left alone. Values only.


class Remedy(StrEnum):
    """The kinds of steps there are. Nothing else is ever done."""

    DELETE_DEPLOYMENT = "delete-deployment"
    DELETE_MEMBER = "delete-from-schema"
    DELETE_EXECUTION = "delete-execution"
    FREE_LOCK = "free-lock"
    RUN = "run"


@dataclass(frozen=True)
class Step:
    """One thing to do to `subject` (an address). `why` is the proof that it is safe; `then` what follows from it.

    `identity` is the server's id of what the step is about: a deployment, an execution, a document. `chain` names what
    a step belongs to: after one that failed, the others of its chain are not begun. `turn` is what a step that writes a
    schema takes (see `kinds.schema_rules`).
    """

    remedy: Remedy
    subject: str
    identity: str
    what: str
    why: str
    then: str = ""
    chain: str = ""
    turn: Turn = field(default_factory=Turn)

    @property
    def key(self) -> str:
        return ":".join(part for part in (str(self.remedy), self.subject, self.identity) if part)

    @property
    def function(self) -> str:
        """The function that the step is about, where it is about one."""
        return self.subject.partition(".")[2]


@dataclass(frozen=True)
class Left:
    """Trouble that is not touched, and the reason."""

    subject: str
    what: str
    why: str


@dataclass(frozen=True)
class Recovery:
    """Everything to do, in this order, and everything that is left alone."""

    steps: tuple[Step, ...] = ()
    left: tuple[Left, ...] = ()


@dataclass(frozen=True)
class Done:
    """A step and what came of it: `problem` is empty when it succeeded; `was_needed` is False when the trouble had
    gone by itself before it was touched."""

    step: Step
    problem: str = ""
    was_needed: bool = True
    note: str = ""


def cleaned(recovery: Recovery, clean: Callable[[str], str]) -> Recovery:
    """The same, with what it says of logs cleaned."""
    steps = tuple(replace(each, why=clean(each.why)) for each in recovery.steps)
    return Recovery(steps, tuple(replace(each, what=clean(each.what), why=clean(each.why)) for each in recovery.left))

"""Apply a plan: steps, in parallel, with everything recorded."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..errors import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, IacError, RefusedError
from ..kinds import on_server
from ..model.address import Address
from ..model.resource import Desired
from ..model.secret import Secret
from ..model.server import ServerFacts
from ..packaging import Bundle
from ..planning import Change, Plan
from ..planning.changes import known_addresses
from ..planning.lifecycle import with_ignored
from ..planning.plan import change_key
from ..provider import Provider
from ..refresh.deployments import Archives
from ..refresh.snapshot import Counting
from ..state.document import Stage, State
from ..state.store import StateStore
from ..waiting import FINISHING, handled
from .actions import Recount, Work
from .migrating import Keeper
from .recorder import Recorder
from .scheduler import Event, EventKind, Observer, Scheduler, Step, make_steps


@dataclass(frozen=True)
class Applied:
    """What came of an apply. `skipped` were not started because of a failure or an interrupt."""

    state: State
    done: tuple[Change, ...]
    failed: tuple[tuple[Change, IacError], ...]
    skipped: tuple[Change, ...]
    interrupted: bool
    #: Failures of waiting, which belong to no single change.
    unsettled: tuple[IacError, ...] = ()

    @property
    def complete(self) -> bool:
        return not (self.failed or self.skipped or self.unsettled or self.interrupted)

    @property
    def changes(self) -> tuple[Change, ...]:
        """All, however they ended."""
        return (*self.done, *(change for change, _ in self.failed), *self.skipped)

    @property
    def left(self) -> tuple[Change, ...]:
        """Those of the skipped that were begun: migrations that an interrupt ended after one of their pages."""
        records = self.state.migrations
        return tuple(
            each
            for each in self.skipped
            if each.address in records
            and records[each.address].stage is not Stage.DONE
            and self.blocked_by(each) is None
        )

    @property
    def stopped(self) -> tuple[Change, ...]:
        """Those of the failed that a guard stopped before anything of them was sent."""
        return tuple(change for change, error in self.failed if isinstance(error, RefusedError))

    @property
    def exit_code(self) -> int:
        """Of what did not come to its end; a guard's no only where nothing else went wrong."""
        if self.interrupted:
            return EXIT_INTERRUPTED
        errors = [error for _, error in self.failed]
        worst = next((each for each in errors if not isinstance(each, RefusedError)), next(iter(errors), None))
        if worst is not None and not (self.unsettled and isinstance(worst, RefusedError)):
            return worst.exit_code
        return EXIT_OK if self.complete else EXIT_ERROR

    def blocked_by(self, change: Change) -> Change | None:
        """What a change was not started for: the first that failed or was stopped among all that it comes after."""
        failed = {each.key: each for each, _ in self.failed}
        skipped = {each.key: each for each in self.skipped}
        seen, todo = {change.key}, list(change.requires)
        while todo:
            key = change_key(todo.pop(0))
            if key in failed:
                return failed[key]
            if key in skipped and key not in seen:
                seen.add(key)
                todo += skipped[key].requires
        return None


def apply_plan(
    plan: Plan,
    desired: Desired,
    bundles: Mapping[Address, Bundle],
    provider: Provider,
    store: StateStore,
    state: State,
    observer: Observer,
    parallelism: int,
    archives: Archives | None = None,
    keep_secret: Callable[[Address, Secret], None] | None = None,
    keeper: Keeper | None = None,
) -> Applied:
    """Carry out a plan. The state lock must be held. Failures are in the result, not raised. `archives` remembers what
    was read of deployments before; `keep_secret` takes the secrets that the server makes; a `keeper` is called
    right before something is lost."""
    desired = with_ignored(on_server(desired, ServerFacts(plan.server_version)), plan.real)
    recorder = Recorder(store, state)
    watch = _Watch(observer)
    archives = archives or Archives(provider)
    known = known_addresses(desired, state, plan.real)
    recount = Recount(provider, plan, desired, known, Counting(provider, state, archives, plan.plan_options.look_at))
    work = Work(
        provider,
        recorder,
        plan,
        desired,
        bundles,
        watch.note,
        watch.warn,
        archives,
        recount,
        keep_secret,
        keeper,
        lambda: scheduler.is_stopping,
    )
    scheduler = Scheduler(lambda step: _observed(work, recorder, watch, step), parallelism)
    steps = make_steps(plan.changes, desired, plan.real, work.along.members)
    # A terminal that is closed sends it more than once, from the system and from the shell.
    gone = handled(lambda _presses: scheduler.stop(), *_hang_ups())
    with gone, handled(_interruption(scheduler.stop), signal.SIGINT, signal.SIGTERM):
        outcome = scheduler.run(steps)
    by_key = {change.key: change for change in plan.changes}
    by_key |= {step.key: step.change for step in steps if step.change is not None}
    failed = tuple((by_key[key], error) for key, error in outcome.failed.items() if key in by_key)
    removals = {step.key for step in steps if step.removes}
    broken = {change.key for change, _ in failed}
    return Applied(
        state=recorder.state,
        done=tuple(by_key[key] for key in outcome.done if key in by_key and key not in removals),
        failed=failed,
        skipped=tuple(
            by_key[key] for key in outcome.skipped if key in by_key and key not in removals and key not in broken
        ),
        interrupted=outcome.interrupted,
        unsettled=tuple(error for key, error in outcome.failed.items() if key not in by_key),
    )


@dataclass
class _Watch:
    """Reports to the observer, with times."""

    observer: Observer
    clock: Callable[[], float] = time.monotonic

    def note(self, change: Change, text: str) -> None:
        self.observer(Event(EventKind.WAITING, change, note=text))

    def warn(self, change: Change, text: str) -> None:
        self.observer(Event(EventKind.WARNED, change, note=text))


def _observed(work: Work, recorder: Recorder, watch: _Watch, step: Step) -> Iterator[float]:
    change = step.change
    if change is None:
        yield from work.perform(step)
        return
    begun = watch.clock()
    watch.observer(Event(EventKind.STARTED, change))
    try:
        yield from work.perform(step)
    except IacError as error:
        watch.observer(Event(EventKind.FAILED, change, watch.clock() - begun, error.message))
        recorder.conclude(change, "failed")
        raise
    if step.removes:
        return
    recorder.conclude(change, "done")
    watch.observer(Event(EventKind.DONE, change, watch.clock() - begun))


_STOPPED = """Stopped. The saved state is consistent; run apply again to continue.
Shared state stays locked until the lock expires, or now with: raceday-iac state lock release"""


def _hang_ups() -> tuple[signal.Signals, ...]:
    """The signal of a terminal that is gone, where there is one and `nohup` does not ask to go on."""
    number = getattr(signal, "SIGHUP", None)
    return () if number is None or signal.getsignal(number) is signal.SIG_IGN else (number,)


def _interruption(stop: Callable[[], None]) -> Callable[[int], None]:
    """The first Ctrl-C finishes what is under way; the second ends the process, which every save allows."""

    def pressed(presses: int) -> None:
        if presses == 1:
            stop()
            print(f"\n{FINISHING}", file=sys.stderr)  # noqa: T201
            return
        try:
            print(f"\n{_STOPPED}", file=sys.stderr)  # noqa: T201
            sys.stderr.flush()
        finally:
            # Whatever becomes of the text: this may have come in the middle of another one. Not sys.exit: threads may
            # be inside a request for minutes.
            os._exit(EXIT_INTERRUPTED)

    return pressed

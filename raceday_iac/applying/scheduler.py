"""Runs steps in parallel, in their order, and stops in good order.

A step's work is an iterator: each value that it yields is a number of seconds to wait, during which it occupies no
thread. What failed takes down only what requires it, what a guard stopped only what needs it. A step that writes a
schema is begun when it can have its turn, and keeps it until its work has ended, pauses included.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from ..errors import (
    AccessError,
    IacError,
    RefusedError,
    ServerFaultError,
    StateError,
    UnreachableError,
    UnsettledError,
)
from ..kinds.turns import Place, Turns
from .steps import Step

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

    def run(self, steps: Sequence[Step]) -> Outcome:
        """All steps. Raises nothing of what a step raises: see the outcome."""
        run = _Run(steps, self._parallelism)
        with ThreadPoolExecutor(max_workers=self._parallelism) as pool:
            while run.goes_on():
                if not self._stopping.is_set():
                    for step, iterator in run.startable(self._clock()):
                        run.under_way[pool.submit(_advance, iterator or self._work(step))] = step
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
        ended, _ = wait(run.under_way, timeout=pause, return_when=FIRST_COMPLETED)
        for future in ended:
            run.take(future, self._clock())
            if run.fatal:
                self._stopping.set()


def _advance(iterator: Iterator[float]) -> tuple[Iterator[float], float | None]:
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
        self.under_way: dict[Future[tuple[Iterator[float], float | None]], Step] = {}
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

    def take(self, future: Future[tuple[Iterator[float], float | None]], now: float) -> None:
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
        """Let those try again that had no turn: of the same places the first one, for it keeps the others out."""
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

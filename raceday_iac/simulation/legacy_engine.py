"""A small discrete-event engine: executions are generators that yield how many seconds pass, and are cut off at their
timeout. It knows nothing of races; what an execution did is recorded as a Run."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator

from .legacy_schedules import TIMEOUTS
from .runs import Occupation, Outcome, Run

#: Yields seconds to wait.
Steps = Generator[float, None, None]


class LegacyExecution:
    """A running execution: its notes, and the clock as it sees it."""

    def __init__(self, engine: Engine, function: str) -> None:
        self.engine = engine
        self.function = function
        self.start = engine.now
        self.deadline = engine.now + TIMEOUTS[function]
        self.appwrite_requests = 0
        self.polls = 0
        self._open: dict[str, float] = {}
        self._closed: list[Occupation] = []

    @property
    def now(self) -> float:
        return self.engine.now

    def call_appwrite(self, count: int, *, at_once: int = 1) -> Steps:
        """Requests one after another, or `at_once` of them at the same time. No time passes for none."""
        self.appwrite_requests += count
        yield -(-count // at_once) * self.engine.appwrite_seconds

    def occupy(self, subject: str) -> None:
        self._open.setdefault(subject, self.now)

    def leave(self, subject: str) -> None:
        self._closed.append(Occupation(subject, self._open.pop(subject), self.now))

    def record(self, outcome: Outcome) -> Run:
        """The run as it was until now; what it still held, it held until now."""
        for subject in list(self._open):
            self.leave(subject)
        races = tuple(sorted(self._closed, key=lambda each: (each.begin, each.subject)))
        return Run(self.function, self.start, self.now, races, self.appwrite_requests, self.polls, outcome)


Body = Callable[[LegacyExecution], Steps]


class Engine:
    """Runs executions in the order of time; equal moments in the order they were asked for."""

    def __init__(self, begin: float, appwrite_seconds: float) -> None:
        self.now = begin
        self.appwrite_seconds = appwrite_seconds
        self.runs: list[Run] = []
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._asked = 0

    def start_at(self, moment: float, function: str, body: Body) -> None:
        self._at(moment, lambda: self.start(function, body))

    def start(self, function: str, body: Body) -> None:
        """Start an execution now."""
        execution = LegacyExecution(self, function)
        self._resume(execution, body(execution))

    def run(self) -> tuple[Run, ...]:
        """Until nothing is left to happen. The runs in order of their starts."""
        while self._queue:
            self.now, _, action = heapq.heappop(self._queue)
            action()
        return tuple(sorted(self.runs, key=lambda run: (run.start, run.function)))

    def _resume(self, execution: LegacyExecution, steps: Steps) -> None:
        try:
            wake = self.now + next(steps)
        except StopIteration:
            self.runs.append(execution.record(Outcome.COMPLETED))
            return
        if wake > execution.deadline:
            self._at(execution.deadline, lambda: self._kill(execution, steps))
        else:
            self._at(wake, lambda: self._resume(execution, steps))

    def _kill(self, execution: LegacyExecution, steps: Steps) -> None:
        steps.close()
        self.runs.append(execution.record(Outcome.KILLED))

    def _at(self, moment: float, action: Callable[[], None]) -> None:
        self._asked += 1
        heapq.heappush(self._queue, (moment, self._asked, action))

"""What was seen on the wires of a simulated day: who asked for what, when, and what came of it.

Everything is observed from outside the functions: their requests, the answers, and their log lines. Instants are
seconds since 1970 in virtual time; lock latencies are milliseconds of real time.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# What a race day leaves behind, whoever lived it: one value per execution. The real functions on the embedded server
# and the legacy model produce the same values, so that both are counted by the same rules.


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    #: Another run held the lock: it ended at once and worked on nothing.
    REFUSED = "refused"
    FAILED = "failed"
    #: Cut off by the function's timeout.
    KILLED = "killed"


@dataclass(frozen=True)
class Occupation:
    """A run's hold on one race or meeting: from its upstream fetch (or first write) until its last write for it."""

    subject: str
    #: Seconds since 1970, UTC; `end` is not part of it.
    begin: float
    end: float


@dataclass(frozen=True)
class Run:
    """One execution of one function."""

    function: str
    #: Seconds since 1970, UTC.
    start: float
    end: float
    races: tuple[Occupation, ...] = ()
    appwrite_requests: int = 0
    #: Races fetched from upstream, each time counted.
    polls: int = 0
    outcome: Outcome = Outcome.COMPLETED
    subjects: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a run of {self.function} ends before it starts")
        object.__setattr__(self, "subjects", frozenset(each.subject for each in self.races))

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def worked(self) -> bool:
        """Whether it did more than find out that another run works."""
        return self.outcome is not Outcome.REFUSED


def appwrite_requests_by_function(runs: Iterable[Run]) -> dict[str, int]:
    """Appwrite requests of a day, by function, names in order."""
    totals: dict[str, int] = {}
    for run in runs:
        totals[run.function] = totals.get(run.function, 0) + run.appwrite_requests
    return dict(sorted(totals.items()))


@dataclass
class Execution:
    """One execution of one function, while it runs and afterwards."""

    identity: str
    function: str
    start: float
    end: float | None = None
    outcome: Outcome = Outcome.COMPLETED
    requests: int = 0
    polls: int = 0
    occupations: list[Occupation] = field(default_factory=list)
    #: Since when it holds which race or meeting.
    holds: dict[str, float] = field(default_factory=dict)
    #: First and last request that wrote something else than a lock.
    wrote: tuple[float, float] | None = None
    #: Seconds after its start from which anybody may take its lock; None when it has none.
    expiry: float | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    def as_run(self) -> Run:
        assert self.end is not None
        return Run(
            self.function,
            self.start,
            self.end,
            tuple(self.occupations),
            self.requests,
            self.polls,
            self.outcome,
        )


@dataclass(frozen=True)
class Poll:
    """One race fetched from upstream."""

    execution: str
    function: str
    race: str
    begin: float
    end: float


@dataclass(frozen=True)
class StatusWrite:
    """A race document was committed with this status."""

    race: str
    status: str
    at: float


class Ledger:
    """The record of a day; written by many threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.executions: dict[str, Execution] = {}
        self.polls: list[Poll] = []
        self.statuses: list[StatusWrite] = []
        #: Write requests, and those by a run that did not own its function's lock at that instant.
        self.writes = 0
        self.unowned: list[str] = []
        #: Writes that were not behind the fence of their run.
        self.unfenced: list[str] = []
        self.lock_ms: list[float] = []
        self._owners: dict[str, str] = {}

    def begun(self, execution: Execution) -> None:
        with self._guard:
            self.executions[execution.identity] = execution

    def ended(self, execution: Execution, at: float, outcome: Outcome, logs: str) -> None:
        """The run is over: what it still holds ends with it. A log line that lacks a field is one too long for it."""
        with self._guard:
            execution.end = at
            execution.events = list(_events(logs))
            for event in execution.events:
                if event.get("event") in ("lock.acquired", "lock.refused") and "checkMs" in event:
                    self.lock_ms.append(float(event["checkMs"]))
                if event.get("event") == "lock.refused" and outcome is Outcome.COMPLETED:
                    outcome = Outcome.REFUSED
            execution.outcome = outcome
            for subject in list(execution.holds):
                self._release(execution, subject, at)

    def requested(self, execution: Execution) -> None:
        """One request to Appwrite went out, from whichever of its threads."""
        with self._guard:
            execution.requests += 1

    def polled(self, execution: Execution, race: str, begin: float, end: float) -> None:
        with self._guard:
            self.polls.append(Poll(execution.identity, execution.function, race, begin, end))
            execution.polls += 1

    def took(self, execution: Execution, subject: str, at: float) -> None:
        """The run begins to work on a race or meeting."""
        with self._guard:
            execution.holds.setdefault(subject, at)

    def committed(self, execution: Execution, subjects: Iterable[str], at: float, until: float) -> None:
        """Writes about these took effect."""
        with self._guard:
            for subject in subjects:
                execution.holds.setdefault(subject, at)
                self._release(execution, subject, until)

    def _release(self, execution: Execution, subject: str, at: float) -> None:
        since = execution.holds.pop(subject)
        execution.occupations.append(Occupation(subject, since, max(since, at)))

    def status_written(self, race: str, status: str, at: float) -> None:
        with self._guard:
            self.statuses.append(StatusWrite(race, status, at))

    def lock_changed(self, lock: str, owner: str | None) -> None:
        """The lock document now names this execution, or is gone."""
        with self._guard:
            if owner is None:
                self._owners.pop(lock, None)
            else:
                self._owners[lock] = owner

    def wrote(self, execution: Execution, lock: str, at: float, what: str) -> None:
        """A write of something else than a lock took effect."""
        with self._guard:
            self.writes += 1
            execution.wrote = (execution.wrote[0] if execution.wrote else at, at)
            if self._owners.get(lock) != execution.identity:
                self.unowned.append(f"{execution.function} {execution.identity}: {what}")

    def active(self) -> list[Execution]:
        with self._guard:
            return [each for each in self.executions.values() if each.end is None]

    def runs(self) -> tuple[Run, ...]:
        """All executions that ended, by start."""
        ended = [each.as_run() for each in self.executions.values() if each.end is not None]
        return tuple(sorted(ended, key=lambda run: (run.start, run.function)))


def _events(logs: str) -> Iterable[dict[str, Any]]:
    """The structured log lines; others are not ours."""
    for line in logs.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event

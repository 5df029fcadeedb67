"""What every phase of a run needs: client, clock, end of the run, and the ledger of what was done."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .planning import Item
from .schema import Problem
from .vendor.appwrite_http import Client
from .vendor.backoff import Backoff
from .vendor.documents import Documents
from .vendor.logs import Log

_BETWEEN_BATCHES = Backoff(base=0.2, cap=5.0)


class Stop(Exception):
    """The run ends here; what was done stays, and the next run goes on. The text says why."""


@dataclass(frozen=True)
class Pacing:
    """How much at a time and how patiently."""

    threads: int = 8
    #: Requests given to the threads before looking at how it went.
    batch: int = 32
    #: Tries of one creation after throttling or unclear answers. One that has its turn meets all of a burst alone.
    attempts: int = 24
    backoff: Backoff = _BETWEEN_BATCHES
    #: How often a thing that the server made badly (`failed`) is removed and made again.
    remakes: int = 2
    first_poll: float = 0.03
    longest_poll: float = 2.0
    #: Without any change of any status for so many seconds, waiting ends.
    patience: float = 30.0


@dataclass
class Ledger:
    """What this run did. Written by several threads."""

    created: list[Item] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def note_created(self, item: Item) -> None:
        with self._guard:
            self.created.append(item)

    def note_problem(self, address: str, severity: str, message: str) -> None:
        with self._guard:
            self.problems.append(Problem(address, severity, message))

    def forget(self, item: Item) -> None:
        """It was removed again."""
        with self._guard:
            self.created.remove(item)


@dataclass
class Work:
    """The surroundings of one run."""

    client: Client
    log: Log
    #: Seconds until the run must have ended.
    remaining: Callable[[], float]
    #: None in a run without the lock, which writes no documents.
    documents: Documents | None = None
    pacing: Pacing = field(default_factory=Pacing)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = random.random
    ledger: Ledger = field(default_factory=Ledger)
    #: Called at the start of each phase, with counts; saves progress.
    at_phase: Callable[[str, Mapping[str, Any]], None] = lambda _phase, _counts: None

    def phase(self, name: str, **counts: Any) -> None:
        """A new phase begins."""
        self.check_time()
        self.log.event("setup.phase", phase=name, **counts)
        self.at_phase(name, {**counts, "created": len(self.ledger.created), "updated": len(self.ledger.updated)})

    def check_time(self) -> None:
        """Raise `Stop` when the run must end."""
        if self.remaining() <= 0:
            raise Stop("the time of this run is used up")

    def pause(self, seconds: float) -> None:
        """Sleep, but not past the end of the run."""
        self.check_time()
        self.sleep(min(seconds, self.remaining()))

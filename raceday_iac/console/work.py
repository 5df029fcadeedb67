"""Work that takes longer than a page may: it runs in a thread of its own, and pages show how far it is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..errors import IacError
from ..model.secret import shown
from ..waiting import Interrupts

LOG = logging.getLogger("raceday_iac.console")
#: Lines of progress that are kept: a page shows the end.
_LINES = 400


@dataclass
class Task:
    """One piece of work. `changes` is true of what must be let finish."""

    name: str
    title: str
    changes: bool = False
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    begun: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    #: How much of it is done, where that can be counted.
    done: int = 0
    total: int = 0
    lines: list[str] = field(default_factory=list)
    result: Any = None
    error: IacError | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    #: Set once a page has shown how it ended.
    shown: threading.Event = field(default_factory=threading.Event)
    interrupts: Interrupts = field(default_factory=Interrupts)

    @property
    def is_running(self) -> bool:
        return not self.ended.is_set()

    @property
    def lasts(self) -> float:
        """Seconds, so far or in all."""
        return time.monotonic() - self.begun if self.is_running else self.seconds

    def say(self, line: str) -> None:
        """Add a line of progress."""
        self.lines.append(shown(line))
        del self.lines[:-_LINES]


Work = Callable[[Task], Any]


class Tasks:
    """All work, by name: of each name at most one is under way. Thread-safe."""

    def __init__(self) -> None:
        # A signal may come, and ask for the tasks, while the main thread does.
        self._guard = threading.RLock()
        self._latest: dict[str, Task] = {}
        self._well: dict[str, Task] = {}
        self._is_ending = False

    def start(self, name: str, title: str, work: Work, *, changes: bool = False) -> Task:
        """Begin it, unless it is under way already."""
        with self._guard:
            current = self._latest.get(name)
            if current is not None and current.is_running:
                return current
            task = self._latest[name] = Task(name, title, changes)
            if self._is_ending and changes:
                task.interrupts.press()
        threading.Thread(target=self._run, args=(task, work), name=f"console {name}", daemon=True).start()
        return task

    def complete(self, name: str, title: str, work: Work) -> Any:
        """Do work that changes something, and wait for its result. Raises IacError."""
        task = self.start(name, title, work, changes=True)
        task.ended.wait()
        if task.error is not None:
            raise task.error
        return task.result

    def interrupt(self, times: int = 1) -> list[Task]:
        """Pass an interrupt on to all that changes something, and to what would begin to. Returns what is under way of
        it, which ends in good order. `times` counts from the first one, which may still be on its way when the second
        comes."""
        with self._guard:
            self._is_ending = True
        found = [each for each in self.running() if each.changes]
        for each in found:
            each.say("Interrupted: the changes that have begun are being finished; no new ones begin.")
            while each.interrupts.presses < times:
                each.interrupts.press()
        return found

    def latest(self, name: str) -> Task | None:
        """The one that was begun last, however it stands."""
        return self._latest.get(name)

    def seen(self, name: str) -> Task | None:
        """The last one that ended well."""
        return self._well.get(name)

    def running(self) -> list[Task]:
        """Everything that is under way, the oldest first."""
        with self._guard:
            return sorted((each for each in self._latest.values() if each.is_running), key=lambda each: each.begun)

    def forget(self, *names: str) -> None:
        """What was seen does not hold any more."""
        with self._guard:
            for name in names:
                self._well.pop(name, None)
                if name in self._latest and not self._latest[name].is_running:
                    del self._latest[name]

    def _run(self, task: Task, work: Work) -> None:
        try:
            with task.interrupts.heard():
                task.result = work(task)
        except IacError as error:
            task.error = error
        except Exception:
            LOG.exception("%s failed", task.name)
            task.error = IacError("An unexpected error occurred.", hint="the terminal shows the details")
        task.seconds = time.monotonic() - task.begun
        with self._guard:
            if task.error is None:
                self._well[task.name] = task
            task.ended.set()

"""Time that passes only while everybody sleeps: threads live through a day as fast as the machine can.

Every thread that takes part is *awake* or *asleep*. As long as one is awake, time stands still, so computing and real
requests take no time at all. When the last one falls asleep, time jumps to the earliest moment somebody waits for.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime


class StuckError(RuntimeError):
    """Everybody waits for something that no passing of time will bring."""


class _Sleeper:
    """One sleeping thread. It may be woken once."""

    def __init__(self) -> None:
        self.bell = threading.Event()
        self.is_woken = False


class VirtualTime:
    """The clock and the account of who is awake. The thread that makes it is the first one awake."""

    #: Real seconds after which a sleeper looks whether anybody is left to wake it.
    patience = 5.0

    def __init__(self, start: datetime) -> None:
        self._now = start.timestamp()
        self._guard = threading.Lock()
        self._awake = 1
        self._numbers = itertools.count()
        self._alarms: list[tuple[float, int, _Sleeper]] = []
        self._waiting = 0
        self.stuck = False

    def seconds(self) -> float:
        """Seconds since 1970."""
        return self._now

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._now, UTC)

    def sleep(self, seconds: float) -> None:
        """Let time pass. A sleep of nothing still lets those go first who are due at this moment."""
        with self._guard:
            sleeper = _Sleeper()
            self._set_alarm(sleeper, seconds)
            self._fall_asleep()
        self._until_woken(sleeper)

    def join_in(self) -> None:
        """One more is awake: to be called before a thread is started, or work is handed to one."""
        with self._guard:
            self._awake += 1

    def leave(self) -> None:
        """One fewer is awake: its thread has ended, or waits for somebody who has joined in."""
        with self._guard:
            self._fall_asleep()

    def event(self) -> VirtualEvent:
        return VirtualEvent(self)

    def start(self, work: Callable[[], None], name: str) -> VirtualTask:
        """Start a thread that takes part."""
        return VirtualTask(self, work, name)

    # What follows is called with the guard held.

    def _set_alarm(self, sleeper: _Sleeper, seconds: float) -> None:
        heapq.heappush(self._alarms, (self._now + max(0.0, seconds), next(self._numbers), sleeper))

    def _fall_asleep(self) -> None:
        self._awake -= 1
        while self._awake == 0 and self._alarms:
            moment, _, sleeper = heapq.heappop(self._alarms)
            if not sleeper.is_woken:
                self._now = max(self._now, moment)
                self._wake(sleeper)
        if self._awake == 0 and self._waiting:
            self.stuck = True

    def _wake(self, sleeper: _Sleeper) -> None:
        if not sleeper.is_woken:
            sleeper.is_woken = True
            self._awake += 1
            self.stuck = False
            sleeper.bell.set()

    def _until_woken(self, sleeper: _Sleeper) -> None:
        while not sleeper.bell.wait(self.patience):
            if self.stuck:
                raise StuckError("everybody waits and nothing will happen any more")


class VirtualEvent:
    """As `threading.Event`, in virtual time."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._is_set = False
        self._sleepers: list[_Sleeper] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        with self._time._guard:
            self._is_set = True
            for sleeper in self._sleepers:
                self._time._wake(sleeper)
            self._sleepers.clear()

    def wait(self, timeout: float | None = None) -> bool:
        time = self._time
        with time._guard:
            if self._is_set:
                return True
            sleeper = _Sleeper()
            self._sleepers.append(sleeper)
            if timeout is not None:
                time._set_alarm(sleeper, timeout)
            time._waiting += 1
            time._fall_asleep()
        try:
            time._until_woken(sleeper)
        finally:
            with time._guard:
                time._waiting -= 1
                if sleeper in self._sleepers:
                    self._sleepers.remove(sleeper)
        return self._is_set


class VirtualTask:
    """A thread that takes part in virtual time."""

    def __init__(self, time: VirtualTime, work: Callable[[], None], name: str) -> None:
        self._time, self._work = time, work
        self._ended = time.event()
        time.join_in()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._work()
        finally:
            # Whoever waits is awake before this thread is not: else time would jump in between.
            self._ended.set()
            self._time.leave()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, at most `timeout` seconds; whether it has ended."""
        return self._ended.wait(timeout)

"""A circuit breaker: after so many failures in a row nothing is tried for a while, then one trial decides."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Breaker:
    """Closed (all pass), open (none pass), or waiting for the one trial. For any number of threads."""

    def __init__(self, clock: Callable[[], float], failures: int = 3, open_seconds: float = 30.0) -> None:
        self._clock, self._limit, self._open_seconds = clock, failures, open_seconds
        self._guard = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._trial_began: float | None = None
        self._failing = set[str]()

    def allows(self) -> bool:
        """Whether a call may be made now. After the open time one caller gets True, the others wait for him."""
        with self._guard:
            if self._opened_at is None:
                return True
            now = self._clock()
            if now - self._opened_at < self._open_seconds:
                return False
            # A trial that never reported back does not block for ever.
            if self._trial_began is not None and now - self._trial_began < self._open_seconds:
                return False
            self._trial_began = now
            return True

    def opens_again_in(self) -> float:
        """Seconds until the next call may be tried; 0 while calls pass."""
        with self._guard:
            if self._opened_at is None:
                return 0.0
            return max(0.0, self._opened_at + self._open_seconds - self._clock())

    def is_failing(self, item: str) -> bool:
        """Whether this item failed the last time that it was tried."""
        with self._guard:
            return item in self._failing

    def succeeded(self, item: str = "") -> None:
        with self._guard:
            self._failing.discard(item)
            self._failures, self._opened_at, self._trial_began = 0, None, None

    def failed(self, item: str = "", *, is_news: bool = True) -> None:
        """What failed before already is no `is_news`: it may be alone in that, so it stops nobody else, and after the
        open time somebody else may be the trial."""
        with self._guard:
            self._failing.add(item)
            if not is_news:
                self._trial_began = None
                return
            self._failures += 1
            if self._failures >= self._limit or self._trial_began is not None:
                self._opened_at, self._trial_began = self._clock(), None

"""How many functions a run creates. Appwrite allows 50 a day and project, and counts attempts (observed on 1.8.1)."""

from __future__ import annotations

import threading

#: What a live run may use of the day's allowance.
LIVE_LIMIT = 15


class OverBudget(AssertionError):
    """The run wanted to create more functions than it may."""


class Creations:
    """Counts attempts to create a function. `limit` 0 counts only."""

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.count = 0
        self._lock = threading.Lock()

    def see(self, method: str, path: str) -> None:
        """Learns of every request, before it is sent. Raises OverBudget."""
        if method != "POST" or path != "/functions":
            return
        with self._lock:
            if self.limit and self.count >= self.limit:
                raise OverBudget(f"a live run creates at most {self.limit} functions")
            self.count += 1

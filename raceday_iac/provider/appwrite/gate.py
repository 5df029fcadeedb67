"""How many requests may be under way at once. The number falls when the server shows distress and creeps up again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Good answers in a row after which one more request is allowed.
_RECOVERY = 16


class Gate:
    """At most `limit` holders at a time; `limit` moves between 1 and `maximum`."""

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.limit = maximum
        self._under_way = 0
        self._good = 0
        self._changed = threading.Condition()

    @contextmanager
    def passage(self) -> Iterator[None]:
        """Wait for a place and hold it."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < self.limit)
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify()

    def pressure(self) -> None:
        """The server answered 429 or 5xx: halve."""
        with self._changed:
            self.limit = max(1, self.limit // 2)
            self._good = 0

    def relief(self) -> None:
        """The server answered normally."""
        with self._changed:
            self._good += 1
            if self._good >= _RECOVERY and self.limit < self.maximum:
                self.limit += 1
                self._good = 0
                self._changed.notify()

"""What is being waited for, so that nobody sits before a silent terminal.

Whoever sends a request says so here. Whoever shows things (the command line) asks with `reporting` to be informed of
waits that last: the first time after two seconds, then every ten, or when something about the wait has changed. Without
that, nothing is reported and nothing costs anything. `ThreadPoolExecutor` is a pool that an interrupt does not wait
for.
"""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

#: Seconds until a wait is reported, and until it is reported again.
FIRST, AGAIN = 2.0, 10.0
_LOOKS = 0.25


@dataclass
class Wait:
    """One of them. `note` says how it stands, such as `retry 2 of 5`; `progress` how far it has come, which changes all
    the time and is reported with the rest."""

    what: str
    since: float
    note: str = ""
    progress: str = ""


class Waits:
    """All that is being waited for. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: list[Wait] = []
        self._said, self._said_at = "", 0.0

    @contextmanager
    def on(self, what: str) -> Iterator[Wait]:
        """For as long as the block lasts, this is waited for."""
        wait = Wait(what, self._clock())
        with self._lock:
            self._under_way.append(wait)
        try:
            yield wait
        finally:
            with self._lock:
                self._under_way.remove(wait)

    def under_way(self) -> tuple[str, ...]:
        """What is being waited for, in words, the longest wait first."""
        with self._lock:
            found = sorted(self._under_way, key=lambda each: each.since)
        return tuple(f"{each.what}{f', {each.note}' if each.note else ''}" for each in found)

    def due(self) -> str:
        """What is to be reported now; empty when that is nothing."""
        with self._lock:
            if not self._under_way:
                return ""
            now, first = self._clock(), min(self._under_way, key=lambda each: each.since)
            more = len(self._under_way) - 1
        waited = now - first.since
        said = f"{first.what}{f', {first.note}' if first.note else ''}"
        if waited < FIRST or (said == self._said and now - self._said_at < AGAIN):
            return ""
        self._said, self._said_at = said, now
        progress = f": {first.progress}" if first.progress else ""
        return f"… {said}{progress} ({waited:.0f} s{f', and {more} more' if more else ''})"


#: Those of this process.
WAITS = Waits()


@contextmanager
def reporting(report: Callable[[str], None], waits: Waits = WAITS) -> Iterator[None]:
    """Call `report` with each wait that lasts, for as long as the block does."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_LOOKS):
            text = waits.due()
            if text:
                report(text)

    threading.Thread(target=look, name="waits", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


class ThreadPoolExecutor(concurrent.futures.ThreadPoolExecutor):
    """When its block ends by an exception, what is under way is left alone: it may wait for a server for a minute."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)
        return None

"""Waiting: what is being waited for, so that nobody sits before a silent terminal, and the signals that end it.

Whoever sends a request says so here. Whoever shows things (the command line) asks with `reporting` to be informed of
waits that last: the first time after two seconds, then every ten, or when something about the wait has changed. Without
that, nothing is reported and nothing costs anything. `ThreadPoolExecutor` is a pool that an interrupt does not wait
for.
"""

from __future__ import annotations

import concurrent.futures
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
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
        """What the program waits for, in words, the longest wait first."""
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


# Signal handlers that last as long as a block, and what ends a program that cannot hear them.

#: What the first interrupt says where something is being changed, which is never cut.
FINISHING = "Interrupted: finishing what is under way. Press again to stop at once."


class Interrupts:
    """Interrupts of work in a thread that is not the main one, which alone hears signals. Who hears them passes them on
    with `press`: they reach the innermost block of `handled` in that thread, or the next one as soon as it begins."""

    def __init__(self) -> None:
        self.presses = 0
        self._handlers: list[Callable[[int], None]] = []
        # A second signal may come while the first one is passed on.
        self._guard = threading.RLock()

    def press(self) -> None:
        """Pass one on."""
        with self._guard:
            self.presses += 1
            if self._handlers:
                self._handlers[-1](self.presses)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """In the thread that does the work: from here on its blocks of `handled` hear of it."""
        _here.interrupts = self
        try:
            yield
        finally:
            _here.interrupts = None

    @contextmanager
    def _handled(self, on_press: Callable[[int], None]) -> Iterator[None]:
        with self._guard:
            self._handlers.append(on_press)
            if self.presses:
                on_press(self.presses)
        try:
            yield
        finally:
            with self._guard:
                self._handlers.remove(on_press)


#: Of each thread, its `interrupts`.
_here = threading.local()


def is_interrupted() -> bool:
    """Whether an interrupt was passed on to this thread."""
    found: Interrupts | None = getattr(_here, "interrupts", None)
    return found is not None and found.presses > 0


@contextmanager
def handled(on_press: Callable[[int], None], *numbers: signal.Signals) -> Iterator[None]:
    """Call `on_press` with 1 at the first of these signals, 2 at the second, and so on; restore what was there before.

    Only the main thread can have handlers. Elsewhere nothing is installed, and no harm done: what is passed on to the
    thread (see `Interrupts`) is heard all the same.
    """
    presses = 0

    def pressed(_number: int, _frame: object) -> None:
        nonlocal presses
        presses += 1
        on_press(presses)

    try:
        before = {number: signal.signal(number, pressed) for number in numbers}
    except ValueError:
        interrupts: Interrupts | None = getattr(_here, "interrupts", None)
        with interrupts._handled(on_press) if interrupts is not None else nullcontext():
            yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def unless_heard(on_deaf: Callable[[], None], number: signal.Signals, patience: float = 1.0) -> Iterator[None]:
    """Call `on_deaf`, from another thread, when the block has not ended `patience` seconds after this signal came.

    Python calls a handler between two of its own steps. A library that waits for a name server or a socket makes none,
    and so does the tidying up that waits for them; but the system announces a signal by a byte at once.
    """
    (ear, mouth), ended = socket.socketpair(), threading.Event()
    mouth.setblocking(False)
    try:
        before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    except ValueError:
        yield
        return

    def listen() -> None:
        with ear:
            while reported := ear.recv(1):
                if reported[0] == number and not ended.wait(patience):
                    on_deaf()

    threading.Thread(target=listen, name="signals", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        mouth.close()

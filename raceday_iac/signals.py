"""Signal handlers that last as long as a block, and what ends a program that cannot hear them."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext


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

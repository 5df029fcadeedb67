"""Signal handlers that last as long as a block, and what ends a program that cannot hear them."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def handled(on_press: Callable[[int], None], *numbers: signal.Signals) -> Iterator[None]:
    """Call `on_press` with 1 at the first of these signals, 2 at the second, and so on; restore what was there before.

    Only the main thread can have handlers. Elsewhere (a library user) nothing is installed, and no harm done.
    """
    presses = 0

    def pressed(_number: int, _frame: object) -> None:
        nonlocal presses
        presses += 1
        on_press(presses)

    try:
        before = {number: signal.signal(number, pressed) for number in numbers}
    except ValueError:
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
    and so does the tidying up that waits for them; but the system tells of a signal by a byte at once.
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
            while told := ear.recv(1):
                if told[0] == number and not ended.wait(patience):
                    on_deaf()

    threading.Thread(target=listen, name="signals", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        mouth.close()

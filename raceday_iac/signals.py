"""Signal handlers that last as long as a block."""

from __future__ import annotations

import signal
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

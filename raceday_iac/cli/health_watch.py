"""`health --watch`: look, tell, wait. With a terminal the view is renewed in place, otherwise each look is a line."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count

from ..errors import ServerFaultError, ThrottledError, UnreachableError
from ..health.changes import changes
from ..health.report import Report
from ..redaction import json_text
from ..render.health_json import health_document
from ..render.health_text import look_lines
from ..render.lines import Line, print_lines, tolerant, write
from .options import Options

#: Shows a look, or why there was none.
Show = Callable[[Report | None, str], None]
#: What passes by itself: the watch goes on.
_PASSING = (UnreachableError, ServerFaultError, ThrottledError)
#: One look in vain is a slip; so many in a row are told.
_IN_VAIN = 3


def watch(
    look: Callable[[], Report],
    view: AbstractContextManager[Show],
    interval: float,
    tell: Callable[[Report], None] = lambda _report: None,
    tell_unseen: Callable[[str], None] = lambda _problem: None,
    times: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Report | None:
    """Until interrupted, or so many times. Returns the last report."""
    last: Report | None = None
    in_vain = 0
    with view as show:
        for number in count(1):
            try:
                last = look()
            except _PASSING as error:
                show(None, error.message)
                in_vain += 1
                if in_vain >= _IN_VAIN:
                    tell_unseen(error.message)
            else:
                in_vain = 0
                show(last, "")
                tell(last)
            if number == times:
                return last
            sleep(interval)
    return last


def view_of(options: Options) -> AbstractContextManager[Show]:
    """What fits where standard output leads."""
    if options.json:
        return nullcontext(_as_json)
    is_live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return _live(options) if is_live else nullcontext(_as_lines(options))


def _as_json(report: Report | None, problem: str) -> None:
    """A line each, for programs that read a stream."""
    content = {"health": health_document(report)} if report else {"error": {"message": problem}}
    write(tolerant(sys.stdout), json_text({"format": 1, **content}, ascii_only=True) + "\n")


def _as_lines(options: Options) -> Show:
    before: Report | None = None

    def show(report: Report | None, problem: str) -> None:
        nonlocal before
        if report is None:
            print_lines([Line(f"could not look: {problem}", "red")], color=options.color)
            return
        print_lines(look_lines(report, changes(before, report)), color=options.color)
        before = report

    return show


@contextmanager
def _live(options: Options) -> Iterator[Show]:
    from rich.console import Console
    from rich.live import Live

    from ..render.health_live import health_view

    console = Console(no_color=not options.color or bool(os.environ.get("NO_COLOR")), highlight=False)
    before: Report | None = None
    with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="ellipsis") as live:

        def show(report: Report | None, problem: str) -> None:
            nonlocal before
            before = report or before
            live.update(health_view(before, problem), refresh=True)

        yield show

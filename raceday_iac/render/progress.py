"""An apply as it happens: a live view on a terminal, plain lines elsewhere, JSON lines for machines."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from ..applying import Event, EventKind
from ..applying.scheduler import Observer
from ..errors import OutputError
from ..kinds import kind_of
from ..model.secret import json_text
from .lines import printable, speaks_unicode, tolerant, wants_color, write

#: Seconds without a line, after which plain lines say what is under way: a build may take minutes.
QUIET = 30.0


@contextmanager
def progress(total: int, *, as_json: bool, color: bool, stream: IO[str] | None = None) -> Iterator[Observer]:
    """An observer for the time of an apply."""
    out = tolerant(stream or sys.stdout)
    if as_json:
        yield _serialised(lambda event: _json_line(out, event))
    elif wants_color(out, color=color):
        with _live_view(total, out) as observer:
            yield observer
    else:
        with _plain_view(total, out) as observer:
            yield observer


def _serialised(observer: Observer) -> Observer:
    """Events come from many threads; lines must not mix."""
    lock = threading.Lock()

    def observe(event: Event) -> None:
        with lock:
            observer(event)

    return observe


def _json_line(out: IO[str], event: Event) -> None:
    content = {
        "format": 1,
        "event": str(event.kind),
        "address": str(event.change.address),
        "action": str(event.change.action),
        "reasonCode": str(event.change.why),
        "seconds": round(event.seconds, 3),
        "note": event.note,
    }
    write(out, json_text(content, ascii_only=not speaks_unicode(out)) + "\n")


def event_text(event: Event) -> str:
    """One line for one event."""
    return printable(_event_text(event))


def _event_text(event: Event) -> str:
    what = f"{event.change.action} {event.change.address}"
    if event.kind is EventKind.DONE:
        return f"  ✓ {what} ({event.seconds:.1f} s)"
    if event.kind is EventKind.FAILED:
        return f"  ✗ {what}: {event.note}"
    if event.kind is EventKind.WAITING:
        return f"    {what}: {event.note}"
    if event.kind is EventKind.WARNED:
        return f"  ! {what}: {event.note}"
    return f"    {what} …"


@contextmanager
def _plain_view(total: int, out: IO[str]) -> Iterator[Observer]:
    lines, ended, lock = PlainLines(total, out), threading.Event(), threading.Lock()

    def observe(event: Event) -> None:
        with lock:
            lines.observe(event)

    def look() -> None:
        while not ended.wait(1.0):
            # Output that cannot be written is reported by the next event.
            with lock, suppress(OSError, OutputError):
                lines.remind()

    threading.Thread(target=look, name="progress", daemon=True).start()
    try:
        yield observe
    finally:
        ended.set()


class PlainLines:
    """Members of collections are many and quick: they are counted, every tenth of the whole, not listed."""

    def __init__(self, total: int, out: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._out, self._clock = total, out, clock
        self._under_way: dict[str, str] = {}
        self._done = self._counted = 0
        self._note = ""
        self._said_at = clock()

    def observe(self, event: Event) -> None:
        """Report an event, if it is worth a line."""
        _keep(self._under_way, event)
        self._say(self._text(event))

    def remind(self) -> None:
        """Say what is under way, when nothing was reported for long."""
        if self._under_way and self._clock() - self._said_at >= QUIET:
            self._say(printable(f"    … {_description(self._under_way)}"))

    def _say(self, text: str) -> None:
        if text:
            self._said_at = self._clock()
            write(self._out, text + "\n")

    def _text(self, event: Event) -> str:
        if event.kind is EventKind.DONE:
            self._done += 1
            if not kind_of(event.change.address).listed:
                return f"{event_text(event)}  [{self._done}/{self._total}]"
            if self._done - self._counted >= max(1, self._total // 10) or self._done == self._total:
                self._counted = self._done
                return f"  … {self._done}/{self._total} changes done"
        elif event.kind in (EventKind.FAILED, EventKind.WARNED) or (
            event.kind is EventKind.WAITING and event.note != self._note
        ):
            self._note = event.note
            return event_text(event)
        return ""


#: Lines of the live view that say what is under way.
LIVE_LINES = 6


@contextmanager
def _live_view(total: int, out: IO[str]) -> Iterator[Observer]:
    """A few lines that stay where they are: how far it has come, and what has been under way for longest. Only what
    fails or warns is written above them."""
    from rich.console import Console, Group, RenderableType  # noqa: PLC0415 - only where there is a terminal
    from rich.live import Live  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=out, highlight=False)
    bar = Progress(SpinnerColumn(), MofNCompleteColumn(), BarColumn(), TimeElapsedColumn(), console=console)
    task, view = bar.add_task("", total=total), LiveLines()

    def picture() -> RenderableType:
        return Group(bar, *(Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in view.lines()))

    def observe(event: Event) -> None:
        view.observe(event)
        if event.kind in (EventKind.DONE, EventKind.FAILED):
            bar.advance(task)
        if event.kind in (EventKind.FAILED, EventKind.WARNED):
            console.print(Text(event_text(event), style="red" if event.kind is EventKind.FAILED else "yellow"))

    with Live(get_renderable=picture, console=console, transient=True, refresh_per_second=8):
        yield _serialised(observe)


class LiveLines:
    """What is under way, the oldest first, each with its seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._under_way: dict[str, str] = {}
        self._began: dict[str, float] = {}

    def observe(self, event: Event) -> None:
        """Note an event."""
        _keep(self._under_way, event)
        self._began.setdefault(event.change.key, self._clock())

    def lines(self) -> list[str]:
        """The lines to show now."""
        now, rows = self._clock(), list(self._under_way.items())
        shown = [printable(f"  {text}  {now - self._began[key]:.0f} s") for key, text in rows[:LIVE_LINES]]
        return shown + ([f"  and {len(rows) - LIVE_LINES} more"] if len(rows) > LIVE_LINES else [])


def _keep(under_way: dict[str, str], event: Event) -> None:
    """Note what an event says of what is under way, by change."""
    if event.kind in (EventKind.STARTED, EventKind.WAITING):
        under_way[event.change.key] = f"{event.change.address}{f' ({event.note})' if event.note else ''}"
    elif event.kind is not EventKind.WARNED:
        under_way.pop(event.change.key, None)


def _description(under_way: dict[str, str]) -> str:
    names = list(under_way.values())
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more

"""An apply as it happens: a live view on a terminal, plain lines elsewhere, JSON lines for machines."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from ..applying import Event, Moment
from ..applying.events import Observer
from ..redaction import json_text
from .lines import printable, speaks_unicode, tolerant, wants_color, write

_MEMBERS = ("attribute", "relationship", "index")


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
        yield _serialised(_plain_lines(total, out))


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
        "event": str(event.moment),
        "address": str(event.change.address),
        "action": str(event.change.action),
        "seconds": round(event.seconds, 3),
        "note": event.note,
    }
    write(out, json_text(content, ascii_only=not speaks_unicode(out)) + "\n")


def event_text(event: Event) -> str:
    """One line for one event."""
    return printable(_event_text(event))


def _event_text(event: Event) -> str:
    what = f"{event.change.action} {event.change.address}"
    if event.moment is Moment.DONE:
        return f"  ✓ {what} ({event.seconds:.1f} s)"
    if event.moment is Moment.FAILED:
        return f"  ✗ {what}: {event.note}"
    if event.moment is Moment.WAITING:
        return f"    {what}: {event.note}"
    if event.moment is Moment.WARNED:
        return f"  ! {what}: {event.note}"
    return f"    {what} …"


def _plain_lines(total: int, out: IO[str]) -> Observer:
    """Members of collections are many and quick: they are counted, every tenth of the whole, not listed."""
    counted = {"done": 0, "said": 0, "note": ""}

    def observe(event: Event) -> None:
        text = _plain_text(event, counted, total)
        if text:
            write(out, text + "\n")

    return observe


def _plain_text(event: Event, counted: dict[str, Any], total: int) -> str:
    if event.moment is Moment.DONE:
        counted["done"] += 1
        if event.change.address.kind not in _MEMBERS:
            return f"{event_text(event)}  [{counted['done']}/{total}]"
        step = max(1, total // 10)
        if counted["done"] - counted["said"] >= step or counted["done"] == total:
            counted["said"] = counted["done"]
            return f"  … {counted['done']}/{total} changes done"
    elif event.moment in (Moment.FAILED, Moment.WARNED) or (
        event.moment is Moment.WAITING and event.note != counted["note"]
    ):
        counted["note"] = event.note
        return event_text(event)
    return ""


@contextmanager
def _live_view(total: int, out: IO[str]) -> Iterator[Observer]:
    from rich.console import Console  # noqa: PLC0415 - only where there is a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    columns = (
        SpinnerColumn(),
        MofNCompleteColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(file=out, highlight=False), transient=True) as bar:
        task = bar.add_task("starting", total=total)
        under_way: dict[str, str] = {}

        def observe(event: Event) -> None:
            key = event.change.key
            if event.moment is Moment.WARNED:
                bar.console.print(Text(event_text(event), style="yellow"))
                return
            if event.moment in (Moment.STARTED, Moment.WAITING):
                under_way[key] = f"{event.change.address}{f' ({event.note})' if event.note else ''}"
            else:
                under_way.pop(key, None)
                bar.advance(task)
            if event.moment is Moment.FAILED:
                bar.console.print(Text(event_text(event), style="red"))
            elif event.moment is Moment.DONE and event.change.address.kind not in _MEMBERS:
                bar.console.print(Text(event_text(event), style="green"))
            bar.update(task, description=_description(under_way))

        yield _serialised(observe)


def _description(under_way: dict[str, str]) -> str:
    names = list(under_way.values())
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more

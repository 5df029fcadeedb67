"""What an apply tells while it runs. Renderers turn events into a live table, plain lines or JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ..planning import Change


class Moment(StrEnum):
    """A point in the life of a change."""

    STARTED = "started"
    WAITING = "waiting"
    #: Something went wrong that does not make the change fail.
    WARNED = "warned"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Event:
    """Something happened to a change. `seconds` since it started; `note` is for people."""

    moment: Moment
    change: Change
    seconds: float = 0.0
    note: str = ""


Observer = Callable[[Event], None]


def nobody(_event: Event) -> None:
    """An observer that looks away."""

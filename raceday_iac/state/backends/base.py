"""What the state asks of a remote store: numbered texts that are each created once, and one lock that is replaced only
by who has read it last. Both are compare-and-set, and the store's own clock tells the age of the lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ...errors import StateError


class PreconditionFailed(StateError):
    """The serial exists, or the lock is not as it was when it was read: somebody else was first."""


@dataclass(frozen=True)
class StateVersion:
    """One numbered text. `note` is what a listing tells of it without the text: short, ASCII."""

    serial: int
    note: str = ""
    text: str = ""


@dataclass(frozen=True)
class LockRecord:
    """The lock's text as it is. `tag` names this very version of it; `age` is in seconds, by the store's clock; None
    where that tells no time."""

    text: str
    tag: str
    age: float | None


class StateBackend(Protocol):
    """The volumes and the lock of one environment.

    Every call raises an IacError when the store refuses or cannot be reached. A write whose answer was lost is settled
    by looking before it is told as failed.
    """

    @property
    def where(self) -> str:
        """The place, for messages."""
        ...

    def newest(self) -> StateVersion | None:
        """The volume of the highest serial, with its text."""
        ...

    def volume(self, serial: int) -> StateVersion | None: ...

    def volumes(self) -> Sequence[StateVersion]:
        """All, newest first, without their texts."""
        ...

    def serials(self) -> Sequence[int]:
        """All serials, highest first."""
        ...

    def add(self, volume: StateVersion) -> None:
        """Create it. Raises PreconditionFailed when the serial is there with another text."""
        ...

    def replace(self, volume: StateVersion) -> None:
        """Write another text of the same meaning in its place (another key)."""
        ...

    def remove(self, serial: int) -> None:
        """Gone already is fine."""
        ...

    def read_lock(self) -> LockRecord | None: ...

    def write_lock(self, text: str, tag: str) -> str:
        """Replace the lock that has this tag (empty: there is none yet) and return the new tag.

        Raises PreconditionFailed when it is another one by now. No two texts are ever the same, else `tag` would mean
        nothing.
        """
        ...

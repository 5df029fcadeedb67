"""What the rest of the program asks of a place where state is kept, whichever it is: files, Appwrite, S3."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from .document import Saved, State
from .encryption import KeyInUse


@dataclass(frozen=True)
class Version:
    """One kept state. `serial` orders them; `current` is the one that a plan is made from."""

    serial: int
    lineage: str
    saved: Saved
    current: bool = False


@dataclass(frozen=True)
class LockInfo:
    """Who holds the lock. `age` is in seconds since the holder's last heartbeat, where that is known.

    `expires_in` is None for a lock that goes with its process, and negative for one that has expired.
    """

    id: str
    reason: str
    owner: str
    pid: int
    since: str
    run: str = ""
    age: float | None = None
    expires_in: float | None = None

    @property
    def expired(self) -> bool:
        return self.expires_in is not None and self.expires_in <= 0

    def __str__(self) -> str:
        where = f", {self.run}" if self.run else ""
        return f"{self.reason} by {self.owner}, process {self.pid}, since {self.since}{where}"


class StateStore(Protocol):
    """The state of one environment. Everything raises StateError (or ProviderError) when the place fails."""

    @property
    def where(self) -> str:
        """The place, for messages."""
        ...

    def read(self) -> State:
        """The stored state, or a new one when there is none."""
        ...

    def write(self, state: State) -> None:
        """Store the state as the newest: after a crash there is the old one or the new one, never half of one.

        Raises FencedError when somebody else has saved, or taken the lock over, since it was read.
        """
        ...

    def keep_backup(self) -> None:
        """Make sure that the state as it is now can be restored, before the first change of a run."""
        ...

    def append_journal(self, line: str) -> None:
        """Note what is about to be done. Raises FencedError when this run has lost its lock, so that nothing more is
        begun."""
        ...

    def interrupted_changes(self) -> list[str]: ...

    def clear_journal(self) -> None: ...

    def locked(self, reason: str) -> AbstractContextManager[None]:
        """Hold the lock, or raise LockedError at once, saying who holds it."""
        ...

    def lock_holder(self) -> LockInfo | None: ...

    def release_lock(self, lock_id: str) -> None:
        """Take the lock from its holder, whose next save is refused. Raises LockedError when it cannot be taken."""
        ...

    def history(self) -> Sequence[Version]:
        """The current state and the last one of each earlier run, newest first."""
        ...

    def version(self, serial: int) -> State:
        """One of them. Raises StateError when it is not kept."""
        ...

    def rewrite_history(self) -> int:
        """Encrypt older versions again with the key in use; returns how many."""
        ...

    def key_in_use(self) -> KeyInUse | None:
        """The key that the stored state is encrypted with, once it was read; None without encryption."""
        ...

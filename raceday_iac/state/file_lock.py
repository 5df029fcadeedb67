"""The lock of local state: the kernel's lock on a file, which says in it who holds it."""

from __future__ import annotations

import fcntl
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from ..errors import LockedError, StateError
from ..files import open_private, private_folder
from .provenance import this_process
from .store import LockInfo


class FileLock:
    """At most one holder at a time on this machine. It goes with its process."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @contextmanager
    def held(self, reason: str) -> Iterator[None]:
        """Hold it for a block, or raise LockedError at once."""
        try:
            private_folder(self.file.parent)
            handle = open_private(self.file, "a+")
        except OSError as error:
            raise StateError(
                f"The state folder {self.file.parent} cannot be written: {error.strerror or error}. "
                "Nothing was changed."
            ) from None
        try:
            if not _take(handle):
                raise LockedError(
                    f"The state of this environment is locked by {_named(handle)}. Nothing was changed.",
                    hint="wait for it to end; the lock goes with its process",
                )
            _sign(handle, reason)
            yield
        finally:
            # Closing writes what is buffered; on a full disk that fails, and the lock is given up all the same.
            with suppress(OSError):
                handle.close()

    def holder(self) -> LockInfo | None:
        """Who holds it, or None when nobody does."""
        try:
            with self.file.open("r", encoding="utf-8") as handle:
                if _take(handle):
                    return None
                return _signature(handle) or LockInfo("", "another process", "unknown", 0, "an unknown time")
        except OSError:
            return None

    def must_be_free(self, lock_id: str) -> None:
        """Raises LockedError when a process holds it."""
        holder = self.holder()
        if holder is None:
            return
        if lock_id and holder.id != lock_id:
            raise LockedError(f"The lock is another one by now: {holder}. Nothing was changed.")
        raise LockedError(
            f"The lock is held by a process that lives: {holder}. It was not released.",
            hint=f"end that process (kill {holder.pid} on this machine); the lock goes with it",
        )


def _take(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(handle: IO[str], reason: str) -> None:
    owner = this_process()
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    info = LockInfo(uuid.uuid4().hex[:12], reason, str(owner), owner.pid, since, owner.run)
    handle.seek(0)
    handle.truncate()
    handle.write(json.dumps(asdict(info)))
    with suppress(OSError):
        handle.flush()


def _signature(handle: IO[str]) -> LockInfo | None:
    handle.seek(0)
    try:
        return LockInfo(**json.loads(handle.read()))
    except (ValueError, TypeError):
        return None


def _named(handle: IO[str]) -> str:
    return str(_signature(handle) or "another process")

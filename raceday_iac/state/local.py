"""State in local files: one folder per environment with the state, its history, its backup, the journal and the lock.

Saving is atomic (write beside, flush to disk, rename). The lock is the kernel's: it ends with the process that holds
it, so a killed run leaves none behind.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..errors import FencedError, StateError
from ..files import remove_drafts, write_private
from .codec import Codec, Decoded
from .document import State, new_state
from .file_lock import FileLock
from .journal import Journal
from .local_history import LocalHistory, version_in
from .provenance import Saved, this_process
from .sealing import AgeSeal, KeyInUse
from .store import LockInfo, Version

#: How many states are kept, the current one included.
KEEP = 20


class LocalState:
    """Reads, writes and locks the state of one environment in `folder`."""

    def __init__(
        self,
        folder: Path,
        codec: Codec | None = None,
        keep: int = KEEP,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder = folder
        self.file = folder / "state.json"
        self.backup = folder / "state.json.backup"
        self.journal = folder / "journal.jsonl"
        self._codec = codec or Codec()
        self._now = now
        self._journal = Journal(self.journal, self._what_is_intact)
        self._history = LocalHistory(folder / "history", self._codec, keep)
        self._lock = FileLock(folder / "state.lock")
        self._session, self._command = uuid.uuid4().hex, ""
        #: What the file looked like when it was last read or written here.
        self._seen: tuple[int, int, int] | None = None
        self._archived = False

    @property
    def where(self) -> str:
        return str(self.file)

    def read(self) -> State:
        """The stored state, or a new one when there is none. Raises StateError when the file is damaged."""
        seen = self._look()
        found = self._read()
        self._seen = seen
        return found.state if found else new_state()

    def write(self, state: State) -> None:
        """See `StateStore.write`."""
        self._must_be_as_seen()
        text = self._codec.encode(state, self._provenance(state))
        try:
            write_private(self.file, text, self._archive)
        except OSError as error:
            raise StateError(
                f"The state could not be saved to {self.file}: {error.strerror or error}. {self._what_is_intact()}",
                hint="make room or fix the permissions, then run apply again: it adopts what was already done",
            ) from None
        self._seen = self._look()

    def keep_backup(self) -> None:
        """Copy the stored state aside, before the first change of a run."""
        if not self.file.exists():
            return
        try:
            write_private(self.backup, self.file.read_bytes())
        except OSError as error:
            raise StateError(
                f"The state could not be backed up to {self.backup}: {error.strerror or error}. Nothing was changed.",
                hint="make room or fix the permissions, then run apply again",
            ) from None

    def append_journal(self, line: str) -> None:
        self._journal.append(line)

    def interrupted_changes(self) -> list[str]:
        return self._journal.interrupted_changes()

    def clear_journal(self) -> None:
        self._journal.clear()

    @contextmanager
    def locked(self, reason: str) -> Iterator[None]:
        """Hold the lock, or raise LockedError at once, saying who holds it."""
        with self._lock.held(reason):
            remove_drafts(self.folder)
            self._session, self._command, self._archived = uuid.uuid4().hex, reason, False
            yield

    def lock_holder(self) -> LockInfo | None:
        return self._lock.holder()

    def release_lock(self, lock_id: str) -> None:
        """See `StateStore.release_lock`: a lock of the kernel can be taken from no process that lives."""
        self._lock.must_be_free(lock_id)

    def history(self) -> Sequence[Version]:
        """See `StateStore.history`."""
        current = version_in(self.file, current=True)
        if current is None:
            return self._history.versions()
        return (current, *(each for each in self._history.versions() if each.serial != current.serial))

    def version(self, serial: int) -> State:
        """See `StateStore.version`."""
        current = version_in(self.file)
        if current is None or current.serial != serial:
            return self._history.read(serial)
        return self.read()

    def rewrite_history(self) -> int:
        """See `StateStore.rewrite_history`. The backup holds the state under the old key, so it goes."""
        self.backup.unlink(missing_ok=True)
        return self._history.rewrite()

    def key_in_use(self) -> KeyInUse | None:
        seal = self._codec.seal
        return seal.key_in_use if isinstance(seal, AgeSeal) else None

    def clear(self) -> None:
        """Delete the state with everything that is kept of it. The lock must be held."""
        for file in (self.file, self.backup, self.journal):
            file.unlink(missing_ok=True)
        self._history.clear()

    def _read(self) -> Decoded | None:
        try:
            text = self.file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StateError(f"The state file {self.file} cannot be read: {error}. Nothing was changed.") from None
        try:
            return self._codec.decode(text)
        except StateError as error:
            raise StateError(
                f"The state file {self.file} cannot be used: {error}. Nothing was changed.",
                hint=error.hint or self._recovery_hint(),
            ) from None

    def _provenance(self, state: State) -> Saved:
        owner = this_process()
        at = self._now().isoformat(timespec="seconds")
        return Saved(at, str(owner), self._command, owner.run, self._session, len(state.entries))

    def _archive(self) -> None:
        """Before the first save of a run: what the last run left becomes history."""
        if not self._archived:
            self._history.keep(self.file)
            self._archived = True

    def _must_be_as_seen(self) -> None:
        if self._seen is None or self._look() == self._seen:
            return
        raise FencedError(
            f"The state file {self.file} was changed by somebody else since it was read, so this save was refused.",
            hint="run plan again; what was already done on Appwrite is adopted",
        )

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self.file.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    def _what_is_intact(self) -> str:
        return "The state saved last is intact." if self.file.exists() else "There was no state before."

    def _recovery_hint(self) -> str:
        restore = f"restore the last good one (cp {self.backup} {self.file})" if self.backup.exists() else ""
        move = f"mv {self.file} {self.file}.damaged"
        adopt = f"move it away and run plan: what the stack declares and Appwrite has is adopted ({move})"
        return f"{restore}, or {adopt}" if restore else adopt

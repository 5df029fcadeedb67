"""State in local files: one folder per environment with the state, its history, its backup, the journal and the lock.

Saving is atomic (write beside, flush to disk, rename). Of a large state, a run writes the whole only now and then and
adds a line for each save between; at its end there is one file again. The lock is the kernel's: it ends with the
process that holds it, so a killed run leaves none behind.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

from ...errors import FencedError, LockedError, StateError
from ...files import PRIVATE_FILE, append_private, open_private, private_folder, remove_drafts, take_lock, write_private
from ..codec import Codec, Decoded, Journal
from ..document import Entry, Saved, State, new_state, saved_of, this_process
from ..encryption import KeyInUse, cipher_of
from ..store import LockInfo, Version
from .base import Access, Backend, BackendSettings

#: How many states are kept, the current one included.
KEEP = 20
#: Resources from which on a save is a line and not the whole state.
LARGE = 1000
#: How often a state is read again because it was saved meanwhile.
_READS = 3


class LocalSettings(BackendSettings):
    """Files under state/, for one machine."""

    backend: Literal["local"] = "local"

    @property
    def is_shared(self) -> bool:
        return False


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
        self.changes = folder / "state.changes.jsonl"
        self._codec = codec or Codec()
        self._now = now
        self._journal = Journal(self.journal, self._what_is_intact)
        self._history = LocalHistory(folder / "history", self._codec, keep)
        self._lock = FileLock(folder / "state.lock")
        self._session, self._command = uuid.uuid4().hex, ""
        #: What the file looked like when it was last read or written here.
        self._seen: tuple[tuple[int, int, int], ...] | None = None
        self._archived = False
        #: What was saved last, by this run.
        self._last: State | None = None

    @property
    def where(self) -> str:
        return str(self.file)

    def read(self) -> State:
        """The stored state, or a new one when there is none. Raises StateError when the file is damaged."""
        for _ in range(_READS):
            seen = self._look()
            found = self._read()
            if self._look() == seen:
                break
        self._seen = seen
        return found.state if found else new_state()

    def write(self, state: State) -> None:
        """See `StateStore.write`."""
        self._must_be_as_seen()
        saved, last = self._provenance(state), self._last
        try:
            if last is not None and self._goes_on(last, state):
                put, gone = _difference(last, state)
                line = self._codec.encode_changes(last, state, saved, put, gone)
                append_private(self.changes, line, safely=True)
            else:
                self._write_whole(state, saved, self._archive)
        except OSError as error:
            raise StateError(
                f"The state could not be saved to {self.file}: {error.strerror or error}. {self._what_is_intact()}",
                hint="free disk space or fix the permissions, then run apply again: it adopts what was already done",
            ) from None
        self._seen, self._last = self._look(), state

    def _goes_on(self, last: State, state: State) -> bool:
        """Whether a line says what became of the state saved last: it is large, and there are not too many yet."""
        kept = [(each.lineage, each.salt, each.bound, each.revision) for each in (last, state)]
        is_same = kept[0] == kept[1]
        if not (self._archived and is_same and len(state.entries) >= LARGE and self.file.exists()):
            return False
        return not self.changes.exists() or self.changes.stat().st_size < self.file.stat().st_size

    def _write_whole(self, state: State, saved: Saved, replacing: Callable[[], None] = lambda: None) -> None:
        """In one file. What lines are left are older than it, and count for nothing. Raises OSError."""
        write_private(self.file, self._codec.encode(state, saved), replacing)
        self.changes.unlink(missing_ok=True)

    def _settle(self) -> None:
        """Put what a run has left in lines into one file. The lock must be held."""
        if self.changes.exists():
            found = self._read()
            if found is not None:
                self._write_whole(found.state, found.saved)
                self._seen = self._look()

    def keep_backup(self) -> None:
        """Copy the stored state aside, before the first change of a run."""
        if not self.file.exists():
            return
        try:
            write_private(self.backup, self.file.read_bytes())
        except OSError as error:
            raise StateError(
                f"The state could not be backed up to {self.backup}: {error.strerror or error}.",
                hint="free disk space or fix the permissions, then run apply again",
                unchanged=True,
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
            # A state that cannot be used is reported by whoever reads it.
            with suppress(StateError, OSError):
                self._settle()
            self._last = None
            try:
                yield
            finally:
                with suppress(StateError, OSError):
                    self._must_be_as_seen()
                    self._settle()

    def lock_holder(self) -> LockInfo | None:
        return self._lock.holder()

    def release_lock(self, lock_id: str) -> None:
        """See `StateStore.release_lock`: a lock of the kernel can be taken from no process that lives."""
        self._lock.must_be_free(lock_id)

    def history(self) -> Sequence[Version]:
        """See `StateStore.history`."""
        current = self._current()
        if current is None:
            return self._history.versions()
        return (current, *(each for each in self._history.versions() if each.serial != current.serial))

    def version(self, serial: int) -> State:
        """See `StateStore.version`."""
        current = self._current()
        if current is None or current.serial != serial:
            return self._history.read(serial)
        return self.read()

    def _current(self) -> Version | None:
        """What the state says of itself, with what was saved in lines after it."""
        found = version_in(self.file, current=True)
        for line in self._lines() if found is not None else ():
            with suppress(ValueError, TypeError, KeyError):
                content = json.loads(line)
                if found is not None and content["lineage"] == found.lineage and content["serial"] > found.serial:
                    found = replace(found, serial=int(content["serial"]), saved=saved_of(content))
        return found

    def rewrite_history(self) -> int:
        """See `StateStore.rewrite_history`. The backup holds the state under the old key, so it goes."""
        self.backup.unlink(missing_ok=True)
        return self._history.rewrite()

    def key_in_use(self) -> KeyInUse | None:
        return self._codec.key_in_use

    def clear(self) -> None:
        """Delete the state with everything that is kept of it. The lock must be held."""
        for file in (self.file, self.changes, self.backup, self.journal):
            file.unlink(missing_ok=True)
        self._history.clear()

    def _read(self) -> Decoded | None:
        try:
            text = self.file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StateError(f"The state file {self.file} cannot be read: {error}.", unchanged=True) from None
        try:
            return self._codec.with_changes(self._codec.decode(text), self._lines())
        except StateError as error:
            raise StateError(
                f"The state file {self.file} cannot be used: {error}.",
                hint=error.hint or self._recovery_hint(),
                unchanged=True,
            ) from None

    def _lines(self) -> Sequence[str]:
        """What was saved in lines. Raises StateError when that cannot be read."""
        try:
            return [each for each in self.changes.read_text(encoding="utf-8", errors="replace").split("\n") if each]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StateError(f"{self.changes} cannot be read: {error.strerror or error}") from None

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

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(_look_at(file) for file in (self.file, self.changes))

    def _what_is_intact(self) -> str:
        return "The state saved last is intact." if self.file.exists() else "There was no state before."

    def _recovery_hint(self) -> str:
        restore = f"restore the last good state (cp {self.backup} {self.file})" if self.backup.exists() else ""
        move = f"mv {self.file} {self.file}.damaged"
        adopt = f"move the file away and run plan: what the stack declares and Appwrite has is adopted ({move})"
        return f"{restore}, or {adopt}" if restore else adopt


def _look_at(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _difference(last: State, state: State) -> tuple[list[Entry], list[str]]:
    """What is new or another one, and what is gone. An entry that did not change is the same object."""
    old, new = list(last.entries.values()), list(state.entries.values())
    other = [(one, two) for one, two in zip(old, new, strict=False) if one is not two]
    if len(old) <= len(new) and all(one.address == two.address for one, two in other):
        return [*(two for _, two in other), *new[len(old) :]], []
    known = set(map(id, old))
    gone = [str(address) for address in last.entries if address not in state.entries]
    return [each for each in new if id(each) not in known], gone


# The lock of local state: the kernel's lock on a file, which says in it who holds it.


class FileLock:
    """A lock with at most one holder on this machine. It ends with its process."""

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
                f"The state folder {self.file.parent} cannot be written: {error.strerror or error}.", unchanged=True
            ) from None
        try:
            if not take_lock(handle):
                raise LockedError(
                    f"The state of this environment is locked by {_named(handle)}.",
                    hint="wait for it to end; the lock ends with its process",
                    unchanged=True,
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
                if take_lock(handle):
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
            raise LockedError(f"The lock has changed: {holder}.", unchanged=True)
        raise LockedError(
            f"The lock is held by a running process: {holder}. It was not released.",
            hint=f"end that process (kill {holder.pid} on this machine); that ends the lock, too",
        )


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


# Earlier states in a folder, one file per serial. A file is never changed in place, so it can be a second name of the
# state file that a save is about to replace.


class LocalHistory:
    """At most `keep` states, the current one (which is not here) included."""

    def __init__(self, folder: Path, codec: Codec, keep: int) -> None:
        self.folder = folder
        self._codec = codec
        self._keep = keep

    def keep(self, file: Path) -> None:
        """Keep the state in `file` under its serial, and delete the oldest. Raises OSError."""
        header = _header(file)
        if header is None or self._keep < 2:
            return
        private_folder(self.folder)
        kept = self.folder / f"{header['serial']}.json"
        kept.unlink(missing_ok=True)
        try:
            os.link(file, kept)
            kept.chmod(PRIVATE_FILE)
        except OSError:
            # A file system without second names.
            write_private(kept, file.read_bytes())
        for serial in self.serials()[self._keep - 1 :]:
            self._file(serial).unlink(missing_ok=True)

    def serials(self) -> list[int]:
        """Highest first."""
        with suppress(OSError):
            return sorted(
                (int(each.stem) for each in self.folder.glob("*.json") if each.stem.isdecimal()), reverse=True
            )
        return []

    def versions(self) -> Sequence[Version]:
        found = [version_in(self._file(serial)) for serial in self.serials()]
        return [each for each in found if each is not None]

    def read(self, serial: int) -> State:
        """Raises StateError when it is not kept, or damaged."""
        try:
            text = self._file(serial).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise not_kept(serial) from None
        try:
            return self._codec.decode(text).state
        except StateError as error:
            raise StateError(f"Serial {serial} of the history cannot be used: {error}.", hint=error.hint) from None

    def rewrite(self) -> int:
        """See `StateStore.rewrite_history`."""
        done = 0
        for serial in self.serials():
            file = self._file(serial)
            found = self._codec.decode(file.read_text(encoding="utf-8"))
            write_private(file, self._codec.encode(found.state, found.saved))
            done += 1
        return done

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, serial: int) -> Path:
        return self.folder / f"{serial}.json"


def not_kept(serial: int) -> StateError:
    """The error for a serial that is not in the history."""
    return StateError(
        f"Serial {serial} is not in the history.", hint="see all: raceday-iac state history", unchanged=True
    )


def version_in(file: Path, *, current: bool = False) -> Version | None:
    """What the state in a file says of itself; it needs no key. None when it is no state."""
    header = _header(file)
    if header is None:
        return None
    return Version(int(str(header["serial"])), str(header.get("lineage", "")), saved_of(header), current)


def _header(file: Path) -> dict[str, object] | None:
    """The document in a file; None when it is no state."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and isinstance(content.get("serial"), int) else None


def _open(settings: LocalSettings, access: Access) -> LocalState:
    return LocalState(access.folder, Codec(cipher_of(settings.encryption, access.variables)), settings.keep)


BACKEND = Backend("State in files", LocalSettings, _open)

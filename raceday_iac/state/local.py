"""State in local files: one folder per environment with the state, its backup, the journal and the lock.

Saving is atomic (write beside, flush to disk, rename). The lock is the kernel's: it ends with the process that holds
it, so a killed run leaves none behind.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from ..errors import LockedError, StateError
from ..model.address import Address
from .document import Entry, State, entry_to_json, from_json, header_to_json, new_state


class LocalState:
    """Reads, writes and locks the state of one environment in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "state.json"
        self.backup = folder / "state.json.backup"
        self.journal = folder / "journal.jsonl"
        self._lock_file = folder / "state.lock"
        self._lines: dict[Address, tuple[Entry, str]] = {}

    def read(self) -> State:
        """The stored state, or a new one when there is none. Raises StateError when the file is damaged."""
        try:
            text = self.file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return new_state()
        except (OSError, UnicodeDecodeError) as error:
            raise StateError(f"The state file {self.file} cannot be read: {error}. Nothing was changed.") from None
        try:
            return from_json(json.loads(text))
        except (StateError, ValueError) as error:
            raise StateError(
                f"The state file {self.file} cannot be used: {error}. Nothing was changed.",
                hint=self._recovery_hint(),
            ) from None

    def write(self, state: State) -> None:
        """Replace the stored state. After a crash there is the old one or the new one, never half of one."""
        text = self._text(state)
        beside = self.file.with_suffix(".json.new")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with beside.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.file)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise StateError(
                f"The state could not be saved to {self.file}: {error.strerror or error}. {self._what_is_intact()}",
                hint="make room or fix the permissions, then run apply again: it adopts what was already done",
            ) from None

    def append_journal(self, line: str) -> None:
        """Add a line to the journal. It need not reach the disk before the request: live Appwrite tells the rest."""
        try:
            with self.journal.open("a", encoding="utf-8") as file:
                # A new line first: the one before may have been cut by a kill.
                file.write(f"\n{line}\n")
        except OSError as error:
            raise StateError(
                f"The journal could not be saved to {self.journal}: {error.strerror or error}. "
                f"{self._what_is_intact()}",
                hint="make room or fix the permissions, then run apply again: it adopts what was already done",
            ) from None

    def interrupted_changes(self) -> list[str]:
        """Changes that the last run began and never concluded, by key: it was killed meanwhile."""
        begun: dict[str, None] = {}
        for line in self._journal_lines():
            if line["what"] == "intent":
                begun[line["change"]] = None
            else:
                begun.pop(line["change"], None)
        return list(begun)

    def clear_journal(self) -> None:
        """Start a new journal: everything in the old one is accounted for."""
        with suppress(FileNotFoundError):
            self.journal.unlink()

    def _journal_lines(self) -> Iterator[dict[str, str]]:
        try:
            text = self.journal.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        for line in text.splitlines():
            # A kill may have cut the last line.
            with suppress(ValueError, TypeError, KeyError):
                entry = json.loads(line)
                yield {"what": str(entry["what"]), "change": str(entry["change"])}

    def keep_backup(self) -> None:
        """Copy the stored state aside, before the first change of a run."""
        if not self.file.exists():
            return
        try:
            self.backup.write_bytes(self.file.read_bytes())
        except OSError as error:
            raise StateError(
                f"The state could not be backed up to {self.backup}: {error.strerror or error}. Nothing was changed.",
                hint="make room or fix the permissions, then run apply again",
            ) from None

    @contextmanager
    def locked(self, reason: str) -> Iterator[None]:
        """Hold the lock, or raise LockedError at once, saying who holds it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = self._lock_file.open("a+", encoding="utf-8")
        except OSError as error:
            raise StateError(
                f"The state folder {self.folder} cannot be written: {error.strerror or error}. Nothing was changed."
            ) from None
        try:
            _take(handle)
            _sign(handle, reason)
            yield
        finally:
            # Closing writes what is buffered; on a full disk that fails, and the lock is given up all the same.
            with suppress(OSError):
                handle.close()

    def _text(self, state: State) -> str:
        """One resource a line: a diff of two states is readable, and an entry that has not changed since the last
        save need not be written anew."""
        lines = {}
        for address, entry in state.entries.items():
            known = self._lines.get(address)
            if known is None or known[0] is not entry:
                stored = json.dumps(entry_to_json(entry), ensure_ascii=False)
                known = (entry, f"  {json.dumps(str(address))}: {stored}")
            lines[address] = known
        self._lines = lines
        head = json.dumps(header_to_json(state))[1:-1]
        body = ",\n".join(lines[address][1] for address in sorted(lines))
        return "{" + head + ',\n "resources": {\n' + body + "\n }\n}\n"

    def _what_is_intact(self) -> str:
        return "The state saved last is intact." if self.file.exists() else "There was no state before."

    def _recovery_hint(self) -> str:
        restore = f"restore the last good one (cp {self.backup} {self.file})" if self.backup.exists() else ""
        move = f"mv {self.file} {self.file}.damaged"
        adopt = f"move it away and run plan: what the stack declares and Appwrite has is adopted ({move})"
        return f"{restore}, or {adopt}" if restore else adopt


def _take(handle: IO[str]) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(
            f"The state of this environment is locked by {_holder(handle)}. Nothing was changed.",
            hint="wait for it to end; the lock goes with its process",
        ) from None


def _sign(handle: IO[str], reason: str) -> None:
    owner = f"{_user()}@{socket.gethostname()}"
    handle.seek(0)
    handle.truncate()
    handle.write(f"{reason} by {owner}, process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    with suppress(OSError):
        handle.flush()


def _user() -> str:
    """The login name, or the number of a user that has none (usual in containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _holder(handle: IO[str]) -> str:
    handle.seek(0)
    return handle.read().strip() or "another process"

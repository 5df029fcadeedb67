"""A backend in memory with a clock of its own, which can be made to fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from raceday_iac.state.backends import LockRecord, PreconditionFailed, StateVersion


@dataclass
class MemoryBackend:
    """`before` is called with each operation's name, and may raise."""

    kept: dict[int, StateVersion] = field(default_factory=dict)
    lock: tuple[str, str, float] | None = None
    clock: float = 0.0
    before: Callable[[str], None] = lambda operation: None
    operations: list[str] = field(default_factory=list)
    _writes: int = 0
    _guard: threading.RLock = field(default_factory=threading.RLock)

    @property
    def where(self) -> str:
        return "memory"

    def newest(self) -> StateVersion | None:
        with self._begin("newest"):
            return self.kept[max(self.kept)] if self.kept else None

    def read(self, serial: int) -> StateVersion | None:
        with self._begin("version"):
            return self.kept.get(serial)

    def versions(self) -> Sequence[StateVersion]:
        with self._begin("versions"):
            return [StateVersion(each, self.kept[each].note) for each in sorted(self.kept, reverse=True)]

    def serials(self) -> Sequence[int]:
        with self._begin("serials"):
            return sorted(self.kept, reverse=True)

    def add(self, version: StateVersion) -> None:
        with self._begin("add"):
            if version.serial in self.kept and self.kept[version.serial].text != version.text:
                raise PreconditionFailed("taken")
            self.kept[version.serial] = version

    def replace(self, version: StateVersion) -> None:
        with self._begin("replace"):
            self.kept[version.serial] = version

    def remove(self, serial: int) -> None:
        with self._begin("remove"):
            self.kept.pop(serial, None)

    def read_lock(self) -> LockRecord | None:
        with self._begin("read_lock"):
            if self.lock is None:
                return None
            text, tag, written = self.lock
            return LockRecord(text, tag, self.clock - written)

    def write_lock(self, text: str, tag: str) -> str:
        with self._begin("write_lock"):
            if (self.lock[1] if self.lock else "") != tag:
                raise PreconditionFailed("taken")
            self._writes += 1
            self.lock = (text, f"tag{self._writes}", self.clock)
            return self.lock[1]

    def _begin(self, operation: str) -> threading.RLock:
        self.operations.append(operation)
        self.before(operation)
        return self._guard

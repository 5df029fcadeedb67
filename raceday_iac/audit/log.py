"""The log file. Its owner holds the state lock, so there is one writer. Nothing here ever stops a run: what is wrong
with the log is handed back to be told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .chain import Inspection, inspect, seal

FILE = "audit.jsonl"


class AuditLog:
    """The log of one environment, in the folder of its state."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FILE

    def inspect(self) -> Inspection:
        """Everything in the log, checked. A log that is not there is empty. Raises OSError when it cannot be read."""
        return inspect(self._read())

    def append(self, content: Mapping[str, Any]) -> Inspection:
        """Add a record and see it safely on the disk. Returns the log as it was before. Raises OSError."""
        text = self._read()
        before = inspect(text)
        # A kill may have cut the last line: it must not swallow this one.
        start = b"\n" if text and not text.endswith(b"\n") else b""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.file.open("ab") as opened:
                opened.write(start + seal(content, before).encode() + b"\n")
                opened.flush()
                os.fsync(opened.fileno())
        except OSError:
            # On a full disk a part of the line may have been written; half a record is damage.
            with suppress(OSError):
                os.truncate(self.file, len(text))
            raise
        return before

    def _read(self) -> bytes:
        try:
            return self.file.read_bytes()
        except FileNotFoundError:
            return b""

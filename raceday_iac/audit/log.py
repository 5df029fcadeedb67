"""The log file. Its owner holds the state lock, so there is one writer. Nothing here ever stops a run: what is wrong
with the log is handed back to be told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files import append_private
from ..redaction import hidden_values
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
        append_private(self.file, start + seal(hidden_values(content), before).encode() + b"\n", safely=True)
        return before

    def _read(self) -> bytes:
        try:
            return self.file.read_bytes()
        except FileNotFoundError:
            return b""

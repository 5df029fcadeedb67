"""The write-ahead journal of one machine's runs: what was about to be sent, and what came of it.

It stays on the machine that makes the requests, wherever the state is kept: it is about an interrupted run here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import StateError
from ..files import append_private
from ..redaction import hidden


class Journal:
    """Lines in a file. `intact` says, for a message, what a failure has not touched."""

    def __init__(self, file: Path, intact: Callable[[], str] = lambda: "The state saved last is intact.") -> None:
        self.file = file
        self._intact = intact

    def append(self, line: str) -> None:
        """Add a line. It need not reach the disk before the request: live Appwrite tells the rest."""
        try:
            # A new line first: the one before may have been cut by a kill.
            append_private(self.file, f"\n{hidden(line)}\n")
        except OSError as error:
            raise StateError(
                f"The journal could not be saved to {self.file}: {error.strerror or error}. {self._intact()}",
                hint="make room or fix the permissions, then run apply again: it adopts what was already done",
            ) from None

    def interrupted_changes(self) -> list[str]:
        """Changes that the last run began and never concluded, by key: it was killed meanwhile."""
        begun: dict[str, None] = {}
        for line in self._lines():
            if line["what"] == "intent":
                begun[line["change"]] = None
            else:
                begun.pop(line["change"], None)
        return list(begun)

    def clear(self) -> None:
        """Start a new one: everything in the old one is accounted for."""
        with suppress(FileNotFoundError):
            self.file.unlink()

    def _lines(self) -> Iterator[dict[str, str]]:
        try:
            text = self.file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        for line in text.splitlines():
            # A kill may have cut the last line.
            with suppress(ValueError, TypeError, KeyError):
                entry = json.loads(line)
                yield {"what": str(entry["what"]), "change": str(entry["change"])}

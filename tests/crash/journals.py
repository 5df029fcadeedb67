"""What a new run reads in the journal of one that was killed."""

from __future__ import annotations

from pathlib import Path

from raceday_iac.state.codec import Journal


class Tail:
    """A journal whose beginning is known to be of no interest any more: reading it all at each place takes minutes."""

    def __init__(self, file: Path, scratch: Path) -> None:
        self._file = file
        self._read = Journal(scratch)
        self._start = 0

    def cut_short(self) -> list[str]:
        """Changes that were begun and not concluded."""
        text = self._file.read_bytes() if self._file.exists() else b""
        self._read.file.write_bytes(text[self._start :])
        found = self._read.interrupted_changes()
        if not found and text.endswith(b"\n"):
            self._start = len(text)
        return found

    def must_go_on(self) -> None:
        """What a new run writes must not be swallowed by a line that was cut."""
        self._read.append('{"what": "intent", "change": "another"}')
        assert self._read.interrupted_changes()[-1:] == ["another"]

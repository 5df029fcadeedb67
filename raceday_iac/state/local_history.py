"""Earlier states in a folder, one file per serial. A file is never changed in place, so it can be a second name of the
state file that a save is about to replace."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import StateError
from ..files import PRIVATE_FILE, private_folder, write_private
from .codec import Codec
from .document import State, saved_of
from .store import Version


class LocalHistory:
    """At most `keep` states, the current one (which is not here) included."""

    def __init__(self, folder: Path, codec: Codec, keep: int) -> None:
        self.folder = folder
        self._codec = codec
        self._keep = keep

    def keep(self, file: Path) -> None:
        """Keep the state in `file` under its serial, and let go of the oldest. Raises OSError."""
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
        f"Serial {serial} is not in the history. Nothing was changed.", hint="see what is: raceday-iac state history"
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

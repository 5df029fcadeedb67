"""A state as text and back, one resource a line or encrypted as a whole; and the write-ahead journal of runs here.

The header (format, lineage, serial, provenance) is always readable, so that history and locks work without a key.
The journal says what was about to be sent, and what came of it. It stays on the machine that makes the requests,
wherever the state is kept: it is about an interrupted run here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import StateError
from ..files import append_private
from ..model.address import Address
from ..model.secret import hidden
from .document import (
    Entry,
    MigrationRecord,
    Saved,
    State,
    entry_to_json,
    from_json,
    header_to_json,
    migrations_from_json,
    migrations_to_json,
    saved_of,
)
from .encryption import AgeCipher, Cipher, KeyInUse


@dataclass(frozen=True)
class Decoded:
    """A state, and how it came to be."""

    state: State
    saved: Saved


class Codec:
    """Writes and reads texts of states. With a cipher, it writes encrypted ones, and reads both."""

    def __init__(self, cipher: Cipher | None = None) -> None:
        self.cipher = cipher
        #: Kind, path, line and entry, by the identity of the entry.
        self._lines: dict[int, tuple[str, str, str, Entry]] = {}

    def encode(self, state: State, saved: Saved) -> str:
        """The stored text. Raises TypeError when a secret has slipped into an entry."""
        head = json.dumps(header_to_json(state, saved))[1:-1]
        migrations = json.dumps(migrations_to_json(state.migrations), ensure_ascii=False)
        body = f'"salt": {json.dumps(state.salt)},\n "resources": {{\n{self._resources(state)}\n }}'
        body += f',\n "migrations": {migrations}'
        if self.cipher is not None:
            body = f'"sealed": {json.dumps(self.cipher.encrypt(("{" + body + "}").encode()))}'
        return "{" + head + ",\n " + body + "\n}\n"

    def encode_changes(self, last: State, state: State, saved: Saved, put: Sequence[Entry], gone: Sequence[str]) -> str:
        """One line that makes the state saved `last` into this one."""
        content: dict[str, Any] = {**header_to_json(state, saved), "before": last.serial}
        body: dict[str, Any] = {"put": {str(each.address): entry_to_json(each) for each in put}, "gone": list(gone)}
        if state.migrations != last.migrations:
            body["migrations"] = migrations_to_json(state.migrations)
        content |= body if self.cipher is None else {"sealed": self.cipher.encrypt(json.dumps(body).encode())}
        return json.dumps(content, ensure_ascii=False) + "\n"

    def with_changes(self, decoded: Decoded, lines: Sequence[str]) -> Decoded:
        """A state with the changes that were saved after it. What is older than it is in it already; a last line that
        was cut by a kill was never saved. Raises StateError for what is damaged otherwise."""
        state, saved, entries = decoded.state, decoded.saved, dict(decoded.state.entries)
        for number, line in enumerate(lines, start=1):
            try:
                content = json.loads(line)
                before, serial = int(content["before"]), int(content["serial"])
            except (ValueError, TypeError, KeyError):
                if number == len(lines):
                    break
                raise StateError(f"line {number} of the changes saved last is damaged") from None
            if content.get("lineage") != state.lineage or serial <= state.serial:
                continue
            if before != state.serial:
                raise StateError(
                    f"the changes saved last follow serial {before}, but the state has serial {state.serial}"
                )
            migrations = self._change(entries, content)
            state = replace(state, serial=serial, migrations=state.migrations if migrations is None else migrations)
            saved = saved_of(content)
        return Decoded(replace(state, entries=entries), saved)

    def _change(
        self, entries: dict[Address, Entry], content: Mapping[str, Any]
    ) -> Mapping[Address, MigrationRecord] | None:
        """Bring the entries up to date. Returns the migrations, where those changed."""
        opened = self._opened(content)
        try:
            for each in opened["gone"]:
                entries.pop(Address.parse(each), None)
            made = from_json({**content, "salt": "", "resources": opened["put"], "migrations": {}})
            entries.update(made.entries)
            return migrations_from_json(opened["migrations"]) if "migrations" in opened else None
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the changes saved last are damaged: {type(error).__name__}: {error}") from None

    @property
    def key_in_use(self) -> KeyInUse | None:
        """See `StateStore.key_in_use`."""
        return self.cipher.key_in_use if isinstance(self.cipher, AgeCipher) else None

    def decode(self, text: str) -> Decoded:
        """Raises StateError with what is wrong with "it"."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise StateError(f"it is not valid JSON: {error}") from None
        saved = saved_of(content)
        return Decoded(from_json(self._opened(content)), saved)

    def _opened(self, content: Any) -> Any:
        if not isinstance(content, dict) or "sealed" not in content:
            return content
        if self.cipher is None:
            raise StateError(
                "it is encrypted, and the environment names no key",
                hint="name the variable that holds the key: state: {encryption: {key_env: NAME}}",
            )
        sealed = content["sealed"]
        if not isinstance(sealed, dict):
            raise StateError("it is damaged: the encrypted content is not an object")
        try:
            body = json.loads(self.cipher.decrypt(sealed))
        except (ValueError, RecursionError) as error:
            raise StateError(f"it is damaged: {error}") from None
        header = {key: value for key, value in content.items() if key != "sealed"}
        return {**body, **header} if isinstance(body, dict) else header

    def _resources(self, state: State) -> str:
        """One resource a line: a diff of two states is readable, and an entry that has not changed since the last
        save need not be written again."""
        lines = {}
        # No hashing and comparing of addresses: this happens on every save, for every resource.
        for address, entry in state.entries.items():
            known = self._lines.get(id(entry))
            if known is None:
                stored = json.dumps(entry_to_json(entry), ensure_ascii=False)
                known = (address.kind, address.path, f"  {json.dumps(str(address))}: {stored}", entry)
            lines[id(entry)] = known
        self._lines = lines
        return ",\n".join(line for _, _, line, _ in sorted(lines.values()))


class Journal:
    """Lines in a file. `intact` says, for a message, what a failure has not touched."""

    def __init__(self, file: Path, intact: Callable[[], str] = lambda: "The state saved last is intact.") -> None:
        self.file = file
        self._intact = intact

    def append(self, line: str) -> None:
        """Add a line. It need not reach the disk before the request: live Appwrite shows the rest."""
        try:
            # A new line first: the one before may have been cut by a kill.
            append_private(self.file, f"\n{hidden(line)}\n")
        except OSError as error:
            raise StateError(
                f"The journal could not be saved to {self.file}: {error.strerror or error}. {self._intact()}",
                hint="free disk space or fix the permissions, then run apply again: it adopts what was already done",
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
        """Start a new journal: the state has everything that is in the old one."""
        with suppress(FileNotFoundError):
            self.file.unlink()

    def _lines(self) -> Iterator[dict[str, str]]:
        try:
            text = self.file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        # Each entry has an empty line before it (see `append`).
        for line in filter(None, text.splitlines()):
            # A kill may have cut the last line.
            with suppress(ValueError, TypeError, KeyError):
                entry = json.loads(line)
                yield {"what": str(entry["what"]), "change": str(entry["change"])}

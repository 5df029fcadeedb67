"""Where backups are: beside the state of their environment, encrypted like it."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import secrets
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ..errors import DamagedError, IacError, StateError
from ..state.backends import KeptFiles
from ..state.encryption import AgeCipher
from ..waiting import WAITS
from .manifest import MANIFEST, Manifest, Part, Section, decoded, encoded

#: How hard it is tried to make parts small: the best takes three times as long for a tenth less.
_LEVEL = 6
#: What can be done with a backup of which a part is damaged.
_REST = "write the intact parts to files: raceday-iac backup extract BACKUP FOLDER; or restore --address ADDRESS"


@dataclass(frozen=True)
class Backups:
    """The backups of one environment. Everything raises StateError where the place fails."""

    files: KeptFiles
    cipher: AgeCipher | None = None

    @property
    def where(self) -> str:
        return self.files.where

    @property
    def key(self) -> str:
        """The public key that is encrypted for; empty without encryption."""
        return self.cipher.public if self.cipher is not None else ""

    @property
    def recipients(self) -> tuple[str, ...]:
        """Further public keys that are encrypted for."""
        return self.cipher.recipients if self.cipher is not None else ()

    def ids(self) -> list[str]:
        """Of all that were completed, oldest first."""
        return sorted(name.partition("/")[0] for name in self.files.names() if name.endswith(f"/{MANIFEST}"))

    def unfinished(self) -> list[str]:
        """Ids of those that were not: of runs that were killed, or go on right now."""
        whole = set(self.ids())
        return sorted({name.partition("/")[0] for name in self.files.names()} - whole)

    def manifest(self, name: str) -> Manifest:
        """One of them. Raises IacError where there is none of that id."""
        text = self.files.get(f"{name}/{MANIFEST}")
        if text is None:
            raise self._missing(name)
        return decoded(text, name)[0]

    def readable(self, names: Iterable[str]) -> tuple[list[Manifest], dict[str, str]]:
        """The manifests of these ids, and what is wrong with those that are damaged."""
        found, damaged = list[Manifest](), dict[str, str]()
        for name in names:
            try:
                found.append(self.manifest(name))
            except DamagedError as error:
                damaged[name] = error.message
        return found, damaged

    def find(self, name: str) -> Manifest:
        """The one whose id begins so; `latest` is the newest. Raises IacError."""
        return self.manifest(self.id_of(name))

    def id_of(self, name: str) -> str:
        """The id that begins so; `latest` is that of the newest. Raises IacError."""
        ids = self.ids()
        found = (
            ids[-1:] if name == "latest" else [name] if name in ids else [each for each in ids if each.startswith(name)]
        )
        if len(found) > 1:
            raise IacError(f"{name} is the beginning of {len(found)} backup ids: {', '.join(found)}.", unchanged=True)
        if not found:
            raise self._missing(name)
        return found[0]

    def resources(self, manifest: Manifest) -> Mapping[str, Mapping[str, Any]]:
        """The fields of what went. Raises StateError where no key fits."""
        text = self.files.get(f"{manifest.id}/{MANIFEST}") or b""
        content = decoded(text, manifest.id)[1]
        if "sealed" not in content:
            return dict(content["resources"])
        if self.cipher is None:
            raise self._keyless(manifest)
        return dict(json.loads(self.cipher.decrypt(content["sealed"])))

    def put_part(self, name: str, records: Sequence[Mapping[str, Any]]) -> Part:
        """Write some records."""
        text = "".join(f"{json.dumps(each, separators=(',', ':'))}\n" for each in records)
        return self._put(name, text.encode(), len(records))

    def put_piece(self, name: str, content: bytes) -> Part:
        """Write a piece of a content."""
        return self._put(name, content, 0)

    def _put(self, name: str, content: bytes, records: int) -> Part:
        return self._stored(name, gzip.compress(content, _LEVEL, mtime=0), records)

    def _stored(self, name: str, packed: bytes, records: int) -> Part:
        """Write a part that is compressed already."""
        if self.cipher is not None:
            packed = self.cipher.encrypt_packed(packed)
        self.files.put(name, packed)
        return Part(name.partition("/")[2], records, len(packed), hashlib.sha256(packed).hexdigest())

    def complete(self, manifest: Manifest, resources: Mapping[str, Any]) -> None:
        """Write the manifest, by which the backup counts."""
        if self.cipher is None:
            sealed: Mapping[str, Any] = {"resources": resources}
        else:
            sealed = {"sealed": self.cipher.encrypt(json.dumps(resources).encode())}
        self.files.put(f"{manifest.id}/{MANIFEST}", encoded(manifest, sealed))

    def records(
        self, manifest: Manifest, section: Section, damaged: list[str] | None = None
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """What is in a section, part by part, each document once as it was last. Raises DamagedError for what is
        damaged; with a list for it that is written there, and left out."""
        parts = [each for each in section.parts if each.records]
        late = [record for each in parts if each.late for record in self._whole_part(manifest, each, damaged)]
        last = {str(each["id"]): each for each in late}
        for part in (each for each in parts if not each.late):
            yield [each for each in self._whole_part(manifest, part, damaged) if str(each["id"]) not in last]
        if last:
            yield list(last.values())

    def _whole_part(self, manifest: Manifest, part: Part, damaged: list[str] | None) -> Sequence[Mapping[str, Any]]:
        try:
            return self._part(manifest, part)
        except DamagedError as error:
            if damaged is None:
                raise
            damaged.append(error.message)
            return []

    def _part(self, manifest: Manifest, part: Part) -> Sequence[Mapping[str, Any]]:
        return self._read(manifest, part, self._opened(manifest, part))

    def content(self, manifest: Manifest, section: Section, record: Mapping[str, Any]) -> bytes:
        """The content that a record names. Raises StateError for what is damaged."""
        parts = {each.name: each for each in section.parts}
        return b"".join(self._opened(manifest, parts[name]) for name in record["pieces"])

    def extracted(self, manifest: Manifest, damaged: list[str]) -> Iterator[tuple[str, bytes]]:
        """What is in a backup as files: relative names, and what is in them. What is damaged is left out, and said in
        `damaged`."""
        numbers = Counter[str]()
        for section in manifest.sections:
            folder = _plain(str(section.address))
            for records in filter(None, self.records(manifest, section, damaged)):
                # What a migration deleted and what the plan did may be of one collection: two sections, one folder.
                stem = f"{folder}/{section.form}"
                numbers[stem] += 1
                text = "".join(f"{json.dumps(each, ensure_ascii=False)}\n" for each in records)
                yield f"{stem}-{numbers[stem]:05}.jsonl", text.encode("utf-8", "replace")
                for each in (each for each in records if "pieces" in each):
                    try:
                        content = self.content(manifest, section, each)
                    except DamagedError as error:
                        damaged.append(error.message)
                        continue
                    name = _plain(f"{each['id']}-{each['data']['name']}")
                    yield f"{folder}/{name}", content

    def problems(self, manifest: Manifest) -> Iterator[str]:
        """What is wrong with a backup. Where there is a key for it, all of it is read."""
        can_open = not manifest.key or self.cipher is not None
        for part in (each for section in manifest.sections for each in section.parts):
            try:
                found = part.records
                if not can_open:
                    self._sound(manifest, part)
                elif part.records:
                    found = len(self._part(manifest, part))
                else:
                    self._opened(manifest, part)
            except StateError as error:
                yield error.message
                continue
            if found != part.records:
                yield f"{part.name} has {found} records, the manifest says {part.records}."

    def rekey(self, manifest: Manifest) -> bool:
        """Encrypt a backup for the keys in use, and delete what was encrypted for others. At each instant it is whole:
        the manifest names the old files until all of the new ones are written. Returns whether there was anything to
        encrypt. Raises StateError where none of the keys opens it; then it is as it was."""
        is_done = (manifest.key, manifest.recipients) == (self.key, self.recipients)
        if not is_done:
            manifest = self._encrypted_again(manifest)
        # A run that was killed left files that no manifest names: new ones, or old ones.
        folder = f"{manifest.id}/"
        named = {f"{folder}{part.stored}" for each in manifest.sections for part in each.parts} | {folder + MANIFEST}
        self.files.remove([each for each in self.files.names() if each.startswith(folder) and each not in named])
        return not is_done

    def _encrypted_again(self, manifest: Manifest) -> Manifest:
        resources, mark = self.resources(manifest), secrets.token_hex(3)
        sections = []
        with WAITS.on(f"encrypting the backup {manifest.id}") as waited:
            done, all_parts = 0, sum(len(each.parts) for each in manifest.sections)
            for section in manifest.sections:
                parts = []
                for part in section.parts:
                    stem = part.name.partition(".")[0]
                    name = f"{stem}.{mark}.{suffix_of(self.cipher)}"
                    new = self._stored(f"{manifest.id}/{name}", self._packed(manifest, part), part.records)
                    parts.append(replace(part, size=new.size, sha256=new.sha256, file=name))
                    done += 1
                    waited.progress = f"{done} of {all_parts} parts"
                sections.append(replace(section, parts=tuple(parts)))
        found = replace(manifest, key=self.key, recipients=self.recipients, sections=tuple(sections))
        self.complete(found, resources)
        return found

    def delete(self, name: str) -> None:
        """Delete a backup, its manifest first: half of it is none."""
        files = sorted(each for each in self.files.names() if each.startswith(f"{name}/"))
        self.files.remove(sorted(files, key=lambda each: not each.endswith(f"/{MANIFEST}")))

    def prune(self, keep: int, keep_days: float, now: datetime, spared: Iterable[str]) -> list[str]:
        """Delete those that are too many or too old, and what was never completed; never the `spared`. Returns the
        ids. The lock must be held."""
        whole = self.ids()
        oldest = f"{now - timedelta(days=keep_days):%Y%m%dT%H%M%S}"
        late = [each for each in whole if each < oldest] + whole[: max(0, len(whole) - keep)] + self.unfinished()
        gone = sorted(set(late) - set(spared))
        for each in gone:
            self.delete(each)
        return gone

    def _sound(self, manifest: Manifest, part: Part) -> bytes:
        content = self.files.get(f"{manifest.id}/{part.stored}")
        if content is None:
            raise DamagedError(f"{part.name} of the backup {manifest.id} is missing.", _REST)
        if hashlib.sha256(content).hexdigest() != part.sha256:
            raise DamagedError(f"{part.name} of the backup {manifest.id} was changed after it was written.", _REST)
        return content

    def _packed(self, manifest: Manifest, part: Part) -> bytes:
        """A part as it was before it was encrypted."""
        content = self._sound(manifest, part)
        if manifest.key:
            if self.cipher is None:
                raise self._keyless(manifest)
            try:
                content = self.cipher.decrypt_packed(content)
            except StateError as error:
                reported = f"{error.message}; it is encrypted for {manifest.key}"
                raise StateError(f"The backup {manifest.id} cannot be opened: {reported}.", error.hint) from None
        return content

    def _opened(self, manifest: Manifest, part: Part) -> bytes:
        try:
            return gzip.decompress(self._packed(manifest, part))
        except (OSError, EOFError, zlib.error) as error:
            raise self._damaged(manifest, part, error) from None

    def _read(self, manifest: Manifest, part: Part, content: bytes) -> Sequence[Mapping[str, Any]]:
        try:
            return [json.loads(line) for line in content.splitlines()]
        except ValueError as error:
            raise self._damaged(manifest, part, error) from None

    @staticmethod
    def _damaged(manifest: Manifest, part: Part, error: Exception) -> DamagedError:
        return DamagedError(f"{part.name} of the backup {manifest.id} is damaged: {error}.", _REST)

    @staticmethod
    def _missing(name: str) -> IacError:
        return IacError(f"There is no backup {name}.", hint="see all: raceday-iac backup list", unchanged=True)

    @staticmethod
    def _keyless(manifest: Manifest) -> StateError:
        return StateError(
            f"The backup {manifest.id} is encrypted for {manifest.key}, but the environment names no key.",
            hint="name the variable that holds the key: state: {encryption: {key_env: NAME}}",
        )


def _plain(name: str) -> str:
    """A name of a file that leads nowhere else."""
    return re.sub(r"[^\w.@=-]", "_", name)[:200].lstrip(".") or "_"


def suffix_of(cipher: AgeCipher | None) -> str:
    """How files of parts end."""
    return "jsonl.gz" if cipher is None else "jsonl.gz.age"

"""Writing a backup: each document is read once, page by page, and never more than a few pages are in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..applying.convert import batches
from ..counting import spaced
from ..errors import BackupError, NotFoundError, ProviderError, StateError
from ..kinds import kind_of
from ..provider import Reader
from ..waiting import WAITS
from .manifest import Form, Manifest, Part, Section
from .storage import Backups, suffix_of

#: Records in a part at most; bytes of a content in a piece.
PART, PIECE = 5000, 8_000_000
#: Writes a content, and returns the names of its pieces.
Put = Callable[[bytes], list[str]]


@dataclass(frozen=True)
class Writing:
    """A backup that is being made. `head` is its manifest without sections."""

    reader: Reader
    backups: Backups
    head: Manifest

    def run(self, sections: Sequence[Section], resources: Mapping[str, Any]) -> Manifest | None:
        """Write everything, and the manifest at the end. None where there was nothing to keep: then nothing is there.
        Raises IacError when it could not be completed."""
        try:
            kept = [self._written(number, each) for number, each in enumerate(sections, start=1)]
            manifest = replace(self.head, key=self.backups.key, sections=tuple(each for each in kept if each.parts))
            if not manifest.sections and not resources:
                return None
            self.backups.complete(manifest, resources)
        except (ProviderError, StateError) as error:
            with suppress(StateError):
                self.backups.delete(self.head.id)
            more = f"{error.hint}; " if error.hint else ""
            raise BackupError(
                f"The backup of what would be lost could not be completed: {error.message}",
                hint=f"{more}to go on without a backup: --no-backup",
                unchanged=True,
            ) from None
        return manifest

    def _written(self, number: int, section: Section) -> Section:
        parts: list[Part] = []

        def name() -> str:
            return f"{self.head.id}/{number:03}-{len(parts) + 1:05}.{suffix_of(self.backups.cipher)}"

        def put(content: bytes) -> list[str]:
            """Write a content in pieces, and return their names."""
            pieces = []
            for start in range(0, len(content), PIECE):
                parts.append(self.backups.put_piece(name(), content[start : start + PIECE]))
                pieces.append(parts[-1].name)
            return pieces

        found = {Form.SOURCES: self._sources, Form.CONTENTS: self._contents}.get(section.form)
        with WAITS.on(f"keeping what is in {section.address}") as waited:
            for records in self._records(section, waited) if found is None else batches(found(section, put)):
                parts.append(self.backups.put_part(name(), records))
        return replace(section, parts=tuple(parts))

    def _sources(self, section: Section, put: Put) -> Iterator[dict[str, Any]]:
        for each in section.deployments:
            # One that was never uploaded whole, or came from elsewhere, has none.
            with suppress(NotFoundError):
                source = self.reader.source_of(section.address, each)
                yield {"id": each, "data": {"name": f"{each}.tar.gz"}, "pieces": put(source)}

    def _contents(self, section: Section, put: Put) -> Iterator[dict[str, Any]]:
        contents = kind_of(section.address).contents
        for item in self.reader.items(section.address):
            record = {"id": item["$id"], "data": dict(item), "permissions": item.get("$permissions", [])}
            if contents is not None and contents.are_files:
                content = self.reader.content_of(section.address, item["$id"])
                if len(content) != item[contents.size]:
                    raise StateError(
                        f"{item['$id']} of {section.address} was read, and is not as long as it is listed."
                    )
                record["pieces"] = put(content)
            yield record

    def _records(self, section: Section, waited: Any) -> Iterator[Sequence[Mapping[str, Any]]]:
        place = section.collection
        there = self.reader.count_all(*place).count or 0
        seen = 0
        for documents in self.reader.every_document(*place, only=section.reads):
            seen += len(documents)
            waited.progress = f"{spaced(seen)} of {spaced(max(seen, there))} documents"
            records = [each for each in map(section.record_of, documents) if each is not None]
            for start in range(0, len(records), PART):
                yield records[start : start + PART]
        if seen < there and seen < (self.reader.count_all(*place).count or 0):
            raise StateError(f"only {spaced(seen)} of {spaced(there)} documents of {section.place} could be read.")

"""Writing a backup: each document is read once, page by page, and never more than a few pages are in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..counting import spaced
from ..errors import BackupError, ProviderError, StateError
from ..provider import Reader
from ..waiting import WAITS
from .manifest import Manifest, Part, Section
from .storage import Backups, suffix_of

#: Records in a part at most.
PART = 5000


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
        with WAITS.on(f"keeping what is in {section.address}") as waited:
            for records in self._records(section, waited):
                name = f"{self.head.id}/{number:03}-{len(parts) + 1:05}.{suffix_of(self.backups.cipher)}"
                parts.append(self.backups.put_part(name, records))
        return replace(section, parts=tuple(parts))

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

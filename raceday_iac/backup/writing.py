"""Writing a backup: each document is read once, page by page, and never more than a few pages are in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ..applying.batches import batches
from ..counting import spaced
from ..errors import BackupError, NotFoundError, ProviderError, StateError
from ..kinds import kind_of
from ..model.address import Address
from ..planning import Change
from ..provider import Condition, Reader
from ..waiting import WAITS
from .manifest import Form, Manifest, Part, Section, variables_of
from .storage import Backups, suffix_of

#: Records in a part at most; bytes of a content in a piece.
PART, PIECE = 5000, 8_000_000
#: How far the clocks of one server's machines may differ.
_CLOCKS = timedelta(seconds=5)
#: What documents hold. They may be changed until they go.
_OF_DOCUMENTS = (Form.DOCUMENTS, Form.VALUES)
#: Writes a content, and returns the names of its pieces.
Put = Callable[[bytes], list[str]]


@dataclass(frozen=True)
class Writing:
    """A backup that is being made. `head` is its manifest without sections."""

    reader: Reader
    backups: Backups
    head: Manifest

    def run(self, sections: Sequence[Section], resources: Mapping[str, Any]) -> Kept | None:
        """Write everything, and the manifest at the end. None where there was nothing to keep: then nothing is there.
        Raises BackupError when it could not be completed."""
        try:
            readable = filter(None, map(self._readable, sections))
            written = [self._written(number, each) for number, each in enumerate(readable, start=1)]
            head = replace(self.head, variables=variables_of(resources))
            kept = Kept(self.reader, self.backups, head, resources, written)
            if not kept.manifest.sections and not resources:
                return None
            kept.complete()
        except (ProviderError, StateError) as error:
            with suppress(StateError):
                self.backups.delete(self.head.id)
            more = f"{error.hint}; " if error.hint else ""
            raise BackupError(
                f"The backup of what would be lost could not be completed: {error.message}",
                hint=f"{more}to continue without a backup: --no-backup",
                unchanged=True,
            ) from None
        return kept

    def begin(self) -> Kept:
        """A backup of what is not known before: what migrations write over. It is there when something was kept."""
        return Kept(self.reader, self.backups, self.head, {}, [])

    def _readable(self, section: Section) -> Section | None:
        """Without what documents do not know although it is listed: Appwrite shows no value of that (1.8.1 loses
        changes of a schema that are made at the same time). None where nothing is left."""
        columns = section.columns if section.form is Form.VALUES else {}
        if section.form not in _OF_DOCUMENTS or not (columns or section.links):
            return section
        names = {key: section.names.get(key, key) for key in (*columns, *section.links)}
        unknown = self.reader.unknown_attributes(
            *section.collection, [names[each] for each in columns], [names[each] for each in section.links]
        )
        gone = {key for key, name in names.items() if name in unknown}
        columns = {key: each for key, each in section.columns.items() if key not in gone}
        links = {key: each for key, each in section.links.items() if key not in gone}
        is_empty = section.form is Form.VALUES and not (columns or links)
        return None if is_empty else replace(section, columns=columns, links=links)

    def _written(self, number: int, section: Section) -> Written:
        parts: list[Part] = []

        def name() -> str:
            return f"{self.head.id}/{number:03}-{len(parts) + 1:05}.{suffix_of(self.backups.cipher)}"

        put = _pieces(self.backups, parts, name)
        since = self._begun(section)
        recent: set[tuple[str, str]] = set()
        found = {Form.SOURCES: self._sources, Form.CONTENTS: self._contents}.get(section.form)
        with WAITS.on(f"keeping what is in {section.address}") as waited:
            for records in self._records(section, waited) if found is None else batches(found(section, put)):
                parts.append(self.backups.put_part(name(), records))
                # Items are listed again, whole; of documents only those that are new.
                is_item = section.form is Form.CONTENTS
                recent.update(each for each in map(_version, records) if is_item or (since and each[1] >= since))
        return Written(replace(section, parts=tuple(parts)), since, recent)

    def _begun(self, section: Section) -> str:
        """The instant, by the server's clock, after which what it changes may not be in what is read now."""
        now = self.reader.server_time()
        if now is None and section.form in _OF_DOCUMENTS:
            # A proxy took the time out of the answers.
            newest = self.reader.documents(
                *section.collection, Condition("orderDesc", "$updatedAt"), only=("$updatedAt",), limit=1
            )
            now = next((datetime.fromisoformat(each["$updatedAt"]) for each in newest), None)
        return (now - _CLOCKS).isoformat(timespec="milliseconds") if now is not None else ""

    def _sources(self, section: Section, put: Put) -> Iterator[dict[str, Any]]:
        for each in section.deployments:
            # One that was never uploaded whole, or came from elsewhere, has none.
            with suppress(NotFoundError):
                source = self.reader.source_of(section.address, each)
                yield {"id": each, "data": {"name": f"{each}.tar.gz"}, "pieces": put(source)}

    def _contents(self, section: Section, put: Put) -> Iterator[dict[str, Any]]:
        return _contents(self.reader, section.address, put)

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


def _pieces(backups: Backups, parts: list[Part], name: Callable[[], str]) -> Put:
    def put(content: bytes) -> list[str]:
        """Write a content in pieces, and return their names."""
        pieces = []
        for start in range(0, len(content), PIECE):
            parts.append(backups.put_piece(name(), content[start : start + PIECE]))
            pieces.append(parts[-1].name)
        return pieces

    return put


def _contents(
    reader: Reader, address: Address, put: Put, known: Collection[tuple[str, str]] = ()
) -> Iterator[dict[str, Any]]:
    """What lies in a bucket, a team or a topic, but for what is `known` as it is."""
    contents = kind_of(address).contents
    for item in reader.items(address):
        record = {"id": item["$id"], "data": dict(item), "permissions": item.get("$permissions", [])}
        if _version(record) in known:
            continue
        if contents is not None and contents.are_files:
            content = reader.content_of(address, item["$id"])
            if len(content) != item[contents.size]:
                raise StateError(f"{item['$id']} of {address} was read, but its length is not the one in the list.")
            record["pieces"] = put(content)
        yield record


@dataclass(frozen=True)
class Written:
    """A section with its parts. What was changed after `since`, by the server's clock, must be looked at again, but for
    what was `recent` already when it was read. Of a bucket, a team or a topic, `recent` is all that was in it."""

    section: Section
    since: str
    recent: Collection[tuple[str, str]]


@dataclass
class Kept:
    """A backup that is complete, and what has to be known to keep it up to date until its documents go."""

    reader: Reader
    backups: Backups
    head: Manifest
    resources: Mapping[str, Any]
    _written: list[Written]
    _writing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def manifest(self) -> Manifest:
        found = tuple(each.section for each in self._written if each.section.parts)
        return replace(self.head, key=self.backups.key, recipients=self.backups.recipients, sections=found)

    def complete(self) -> None:
        """Write the manifest."""
        self.backups.complete(self.manifest, self.resources)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was kept, so that there is no backup."""
        return not (self.manifest.sections or self.resources)

    def keep_overwritten(
        self,
        place: Address,
        columns: Mapping[str, Mapping[str, Any]],
        links: Mapping[str, Address],
        documents: Sequence[Mapping[str, Any]],
        becomes: Mapping[str, Mapping[str, Any]] | None,
        *,
        is_again: bool = False,
    ) -> None:
        """Keep values of documents right before a migration writes over them, with what they become by id; or, where
        that is nothing, whole documents before they are deleted. With `is_again`, these count in the place of what was
        kept of them before. Raises BackupError."""
        form = Form.DOCUMENTS if becomes is None else Form.VALUES
        plain = Section(place, form, place, columns, links)
        records = [each for each in map(plain.record_of, documents) if each is not None]
        if becomes is not None:
            for each in records:
                kept = {**each["data"], **each.get("links", {})}
                each["left"] = {key: value for key, value in becomes[each["id"]].items() if key in kept}
                each["data"] = {key: value for key, value in each["data"].items() if key in each["left"]}
            records = [each for each in records if each["left"]]
        if not records:
            return
        with self._writing:
            number = self._place_of(plain)
            section = self._written[number].section
            name = f"{self.head.id}/{number + 1:03}-over-{len(section.parts) + 1:05}.{suffix_of(self.backups.cipher)}"
            try:
                part = self.backups.put_part(name, records)
                part = replace(part, late=is_again, again=len(records) if is_again else 0)
                parts = (*section.parts, part)
                columns, links = {**section.columns, **columns}, {**section.links, **links}
                self._written[number] = Written(replace(section, columns=columns, links=links, parts=parts), "", ())
                self.complete()
            except StateError as error:
                raise BackupError(
                    f"The values in {place} that would be overwritten could not be backed up: {error.message}",
                    hint="run apply again: it continues from here; to continue without a backup: --no-backup",
                ) from None

    def _place_of(self, plain: Section) -> int:
        """Where in the backup such records are; a new section where there are none yet."""
        for number, written in enumerate(self._written):
            section = written.section
            if (section.address, section.form, section.cause) == (plain.address, plain.form, None):
                return number
        self._written.append(Written(plain, "", ()))
        return len(self._written) - 1

    def catch_up(self, change: Change) -> None:
        """Keep also what others wrote since it was read, right before a change destroys it. Raises BackupError."""
        for number, written in enumerate(self._written):
            section = written.section
            keep = self._keep_late_items if section.form is Form.CONTENTS else self._keep_late
            is_changing = section.form is Form.CONTENTS or (written.since and section.form in _OF_DOCUMENTS)
            if section.cause == change.address and is_changing:
                with _blamed(change, section):
                    keep(number, written)

    def keep_changed(self, change: Change, documents: Sequence[Mapping[str, Any]]) -> None:
        """Keep documents that are about to be cut, as far as they were changed since they were read for the backup.
        Raises BackupError."""
        for number, written in enumerate(self._written):
            if written.section.cause == change.address and written.since and written.section.form in _OF_DOCUMENTS:
                late = [each for each in documents if str(each.get("$updatedAt", "")) >= written.since]
                with _blamed(change, written.section):
                    self._keep_those(number, late)

    def _keep_late(self, number: int, written: Written) -> None:
        section = replace(written.section, names={})
        after = Condition("greaterThan", "$updatedAt", (written.since,))
        self._keep_those(number, self.reader.documents(*section.collection, after, only=section.reads))

    def _keep_those(self, number: int, documents: Iterable[Mapping[str, Any]]) -> None:
        """Add documents to a section, but for what it has of them as they are."""
        written = self._written[number]
        # What was renamed meanwhile has its new name.
        section = replace(written.section, names={})
        records = (each for each in map(section.record_of, documents) if each is not None)
        known = {identity for identity, _ in written.recent}
        for batch in batches(each for each in records if _version(each) not in written.recent):
            with self._writing:
                parts = self._written[number].section.parts
                name = f"{self.head.id}/{number + 1:03}-late-{len(parts) + 1:05}.{suffix_of(self.backups.cipher)}"
                # A document that was there when the others were read is among them.
                again = sum(str(each.get("createdAt", "")) < written.since or each["id"] in known for each in batch)
                part = replace(self.backups.put_part(name, batch), late=True, again=again)
                recent = {*self._written[number].recent, *map(_version, batch)}
                self._written[number] = replace(written, section=replace(section, parts=(*parts, part)), recent=recent)
                self.complete()

    def _keep_late_items(self, number: int, written: Written) -> None:
        section = written.section
        parts = list(section.parts)

        def name() -> str:
            return f"{self.head.id}/{number + 1:03}-late-{len(parts) + 1:05}.{suffix_of(self.backups.cipher)}"

        with self._writing:
            known = {identity for identity, _ in written.recent}
            late = _contents(self.reader, section.address, _pieces(self.backups, parts, name), written.recent)
            for batch in batches(late):
                again = sum(each["id"] in known for each in batch)
                parts.append(replace(self.backups.put_part(name(), batch), late=True, again=again))
                self._written[number] = replace(written, section=replace(section, parts=tuple(parts)))
                self.complete()


@contextmanager
def _blamed(change: Change, section: Section) -> Iterator[None]:
    try:
        yield
    except (ProviderError, StateError) as error:
        raise BackupError(
            f"What was written to {section.place} since the backup could not be backed up: {error.message} "
            f"{change.address} was left as it is.",
            hint="run apply again; to continue without a backup: --no-backup",
        ) from None


def _version(record: Mapping[str, Any]) -> tuple[str, str]:
    """A document or an item as it was at some time."""
    return str(record["id"]), str(record.get("updatedAt", record["data"].get("$updatedAt", "")))

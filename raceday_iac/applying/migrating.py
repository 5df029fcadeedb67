"""Running a migration: the helper that its code writes with, and what makes a run of it safe to repeat.

A pass goes over a collection by `$sequence`, page after page. When the body of the loop comes back for the next page,
what it wrote is sent: what would be written over is kept in the backup, then it is written, then the state says how far
the pass came. A run that was killed in between goes on with that page: what holds its new value already is not written
again.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from types import CodeType
from typing import Any, Protocol

from ..counting import counted
from ..errors import ConflictError, IacError, MigrationError, NotFoundError, ProviderError
from ..kinds import kind_of
from ..kinds.base import thaw
from ..kinds.schema_rules import canonical_instant
from ..model import validators
from ..model.address import Address, collection_address, owner_of
from ..model.declarations import nearest
from ..model.resource import Desired, Live, Migration
from ..model.secret import one_line
from ..planning import Action, Change, Plan
from ..planning.migrations import counts_words
from ..provider import Condition, NewValues, Provider, Reader
from .batches import BatchWriter, Pace, at_once, batches, how_far

#: Documents of a page, and of what is written at a time.
PAGE = 1000
#: Documents that others change between our reading and our writing are read again, and given up when they are not
#: fewer after so many times.
_PASSES = 5
#: Changes that a rehearsal shows.
EXAMPLES = 10
#: How far a pass came that is over.
END = "end"
#: Characters that are shown of an error of the code.
_LONGEST = 300
_NUMBER, _CREATED_AT, _CHANGED_AT, _PERMISSIONS = "$sequence", "$createdAt", "$updatedAt", "$permissions"

Document = Mapping[str, Any]
#: Ids of a database and a collection.
Place = tuple[str, str]


class Stopped(BaseException):
    """The run is interrupted: the migration is left after a page. Its own code does not catch this by accident."""


class Keeper(Protocol):
    """Keeps what is about to be lost."""

    def catch_up(self, change: Change) -> None:
        """Keep what was written since the backup, right before a change loses it."""

    def keep_changed(self, change: Change, documents: Sequence[Document]) -> None:
        """The same of documents that are cut right after, as they were read for that."""

    def keep_overwritten(
        self,
        place: Address,
        columns: Mapping[str, Mapping[str, Any]],
        links: Mapping[str, Address],
        documents: Sequence[Document],
        becomes: Mapping[str, Mapping[str, Any]] | None,
        *,
        is_again: bool = False,
    ) -> None:
        """Keep these values of documents, which become others by id; or, without that, whole documents. With
        `is_again`, these count in the place of what was kept of them before."""


@dataclass
class Progress:
    """How far a migration came: documents by what was done to them, and the passes."""

    counts: Counter[str] = field(default_factory=Counter)
    passes: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, number: int) -> None:
        """So many documents more."""
        if number:
            self.counts[what] += number

    def __str__(self) -> str:
        return counts_words(self.counts)


@dataclass(frozen=True)
class Example:
    """What a rehearsal would do to one document. Only values that change are in it: documents may be about people."""

    collection: Address
    id: str
    action: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        changes = {key: {"before": self.before.get(key), "after": self.after[key]} for key in self.after}
        return {"collection": str(self.collection), "id": self.id, "action": self.action, "changes": changes}


@dataclass(frozen=True)
class _Planned:
    """What a plan changes of the attributes of a collection before a migration runs: those that come, and the names on
    the server of those that are renamed."""

    coming: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)


class Data:
    """What a migration reads and writes documents with. A collection is named `database/collection`; a document is a
    mapping with `$id`, `$createdAt`, `$updatedAt` and its attributes, a relationship is the id of what it leads to (a
    list of them where it leads to many).

    Writes are collected, and sent when the next page is asked for, when something is read, when there are a thousand,
    and at the end. Everything raises an error that ends the run; the next one goes on from the page that it came to.
    """

    def __init__(
        self,
        address: Address,
        reader: Reader,
        provider: Provider | None,
        progress: Progress,
        *,
        save: Callable[[Progress], None] = lambda _progress: None,
        keeper: Keeper | None = None,
        is_stopping: Callable[[], bool] = lambda: False,
        note: Callable[[str], None] = lambda _text: None,
        planned: Mapping[Address, _Planned] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address, self._reader, self._provider, self._progress = address, reader, provider, progress
        self._save, self._keeper, self._is_stopping, self._say = save, keeper, is_stopping, note
        self._planned, self._clock = planned or {}, clock
        self._begun = dict(progress.passes)
        #: Documents that this run made, with the number of the pass that was begun last.
        self._made: dict[Place, dict[str, int]] = {}
        self._seen: dict[Place, Mapping[Address, Live]] = {}
        self._buffer: list[tuple[str, Place, str, Mapping[str, Any]]] = []
        self._number = 0
        self._examples: list[Example] = []
        #: What ended the run, whatever its code catches: nothing is read or written any more.
        self._broken: IacError | Stopped | None = None
        self._pace = Pace(clock, clock())

    # What the code of a migration uses.

    @property
    def is_rehearsal(self) -> bool:
        """Whether nothing is written: `plan --rehearse`."""
        return self._provider is None

    def pages(
        self, collection: str, *, only: Sequence[str] = (), where: Mapping[str, Any] | None = None, size: int = PAGE
    ) -> Iterator[Sequence[Document]]:
        """All documents of a collection in the order in which they were made, some at a time; with `only`, just these
        attributes; with `where`, those that have these values (None: no value; a list: one of them). A run that was
        interrupted goes on after the last page whose turn of the loop was ended. Documents that come meanwhile are met
        too, but for those that this run makes since the pass began."""
        self._flush()
        self._number += 1
        place = self._place(collection)
        key = f"{self._number} {'/'.join(place)}"
        return self._pages(place, key, self._number, only, self._conditions(place, where), max(1, size))

    def documents(
        self, collection: str, *, only: Sequence[str] = (), where: Mapping[str, Any] | None = None
    ) -> Iterator[Document]:
        """The same documents one by one, in no order, and from the first one each time: to look something up."""
        place = self._place(collection)
        self._flush()
        with self._reading:
            try:
                conditions = self._conditions(place, where)
                for each in self._reader.documents(*place, *conditions, only=self._selected(place, only)):
                    yield self._shown(place, each, only)
            except NotFoundError:
                return

    def get(self, collection: str, id: str) -> Document | None:
        """One document with all its attributes; None where there is none of that id."""
        self._flush()
        with self._reading:
            return self._current(self._place(collection), [id], ()).get(id)

    def count(self, collection: str, *, where: Mapping[str, Any] | None = None) -> int:
        """How many documents there are, or have these values."""
        place = self._place(collection)
        self._flush()
        with self._reading:
            try:
                return self._reader.count_all(*place, *self._conditions(place, where)).count or 0
            except NotFoundError:
                return 0

    def update(self, collection: str, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Set attributes of documents that are there: by id, what they are to hold. What they hold already is not
        written, and what is gone is passed over."""
        self._add("update", collection, values)

    def create(self, collection: str, documents: Mapping[str, Mapping[str, Any]]) -> None:
        """Create documents by id; one that is there is left as it is. `$permissions` may be among the values. The id
        should follow from the data, so that a repeated page makes the same one again."""
        self._add("create", collection, documents)

    def upsert(self, collection: str, documents: Mapping[str, Mapping[str, Any]]) -> None:
        """Create documents by id, or set these attributes of those that are there."""
        self._add("upsert", collection, documents)

    def delete(self, collection: str, ids: Iterable[str]) -> None:
        """Delete documents; what is gone is passed over."""
        self._add("delete", collection, {id: {} for id in ids})

    def note(self, text: str) -> None:
        """Say something in the progress of the run."""
        self._say(text)

    # Reading.

    @contextmanager
    def _lasting(self, but: type[IacError] | tuple[()] = ()) -> Iterator[None]:
        """What ends the run here ends it, whatever its code catches: else some documents would count as all of them."""
        try:
            yield
        except (IacError, Stopped) as error:
            if not isinstance(error, but):
                self._broken = self._broken or error
            raise

    @property
    def _reading(self) -> AbstractContextManager[None]:
        """The same, but that the code may try whether there is an attribute."""
        return self._lasting(MigrationError)

    def _pages(
        self,
        place: Place,
        key: str,
        number: int,
        only: Sequence[str],
        conditions: Sequence[Condition],
        size: int,
    ) -> Iterator[Sequence[Document]]:
        with self._reading:
            after = self._begun.get(key, "")
            begun, counted = self._clock(), None
            while after != END:
                self._flush()
                above = [Condition("greaterThan", _NUMBER, (after,))] if after else []
                selected = self._selected(place, only)
                try:
                    ordered = (Condition("orderAsc", _NUMBER), *above, *conditions)
                    found = list(self._reader.documents(*place, *ordered, only=selected, limit=size))
                    if counted is None and found:
                        counted = self._reader.count_all(*place, *above, *conditions).count or 0
                        whole, done = counted, 0
                except NotFoundError:
                    found = []
                if found:
                    last = str(found[-1].get(_NUMBER, ""))
                    if not last:
                        raise MigrationError("This Appwrite does not number documents: migrations need 1.8 or newer.")
                    made = self._made.get(place, {})
                    page = [each for each in found if made.get(str(each["$id"]), 0) < number]
                    self._progress.add("read", len(page))
                    if page:
                        yield [self._shown(place, each, only) for each in page]
                    self._flush()
                    done += len(found)
                    if (now := self._pace.due()) is not None:
                        self._say(f"{self._progress}; {how_far(done, max(done, whole), now - begun)}")
                after = last if found else END
                self._progress.passes[key] = after
                self._save(self._progress)
                if self._is_stopping():
                    raise Stopped

    def _columns(self, place: Place) -> Mapping[str, Live]:
        """The attributes and relationships of a collection, as documents know them now."""
        if place not in self._seen:
            self._seen[place] = self._reader.members(*place, "attributes")
        return {at.name: live for at, live in self._seen[place].items() if live.status == "available"}

    def _of_plan(self, place: Place) -> _Planned:
        return self._planned.get(collection_address(*place), _Planned())

    def _known(self, place: Place, names: Collection[str], *, writes: bool = False) -> list[str]:
        """Those of the names that can be asked for. Where there is no document, nobody misses what there is not: a new
        environment never had what older migrations read."""
        known = {*self._columns(place), *self._of_plan(place).coming, *self._of_plan(place).names}
        unknown = [each for each in names if each not in known and not each.startswith("$")]
        if unknown and (writes or self._reader.count_documents(*place)):
            collection = collection_address(*place)
            raise MigrationError(f"{collection} has no attribute {unknown[0]!r}{nearest(unknown[0], known)}.")
        return [each for each in names if each not in unknown and each not in self._of_plan(place).coming]

    def _conditions(self, place: Place, where: Mapping[str, Any] | None) -> list[Condition]:
        names, conditions = self._of_plan(place).names, where or {}
        found = []
        for name in self._known(place, list(conditions)):
            value = conditions[name]
            values = tuple(value) if isinstance(value, list | tuple | set | frozenset) else (value,)
            method = "isNull" if value is None else "equal"
            found.append(Condition(method, names.get(name, name), () if value is None else values))
        return found

    def _selected(self, place: Place, only: Sequence[str]) -> tuple[str, ...]:
        """What is asked for of each document. Links are named by the ids that they hold."""
        columns, planned = self._columns(place), self._of_plan(place)
        wanted = self._known(place, only) if only else ["*", *columns]
        system = (_NUMBER, _CREATED_AT, _CHANGED_AT, *((_PERMISSIONS,) if not only else ()))
        names = [planned.names.get(name, name) for name in wanted if name not in ("$id", *system)]
        links = {name for name in names if name in columns and _links(columns[name])}
        plain = [name for name in names if name not in links and (only or name == "*")]
        return (*plain, *(f"{name}.$id" for name in names if name in links), *system)

    def _shown(self, place: Place, document: Document, only: Sequence[str] = ()) -> Document:
        columns, planned = self._columns(place), self._of_plan(place)
        found: dict[str, Any] = {**dict.fromkeys(only), **document}
        found |= {name: document.get(old) for name, old in planned.names.items() if old in document}
        for name in found.keys() & columns.keys():
            if _links(columns[name]):
                ids = _linked(found[name])
                _, is_many = kind_of(columns[name].address).linked_by(columns[name].address, columns[name].fields)
                found[name] = ids if is_many else next(iter(ids), None)
        found.pop(_NUMBER, None)
        return found

    def _current(self, place: Place, ids: Sequence[str], only: Sequence[str]) -> dict[str, Document]:
        """These documents as they are now, by id. Appwrite compares ids without case."""
        found: dict[str, Document] = {}
        for batch in batches(ids, 100):
            asked = Condition("equal", "$id", tuple(batch))
            try:
                for each in self._reader.documents(*place, asked, only=self._selected(place, only)):
                    if each["$id"] in batch:
                        found[str(each["$id"])] = self._shown(place, each, only)
            except NotFoundError:
                continue
        return found

    # Writing.

    def _add(self, what: str, collection: str, values: Mapping[str, Mapping[str, Any]]) -> None:
        with self._lasting():
            self._collect(what, collection, values)

    def _collect(self, what: str, collection: str, values: Mapping[str, Mapping[str, Any]]) -> None:
        place = self._place(collection)
        for identity, each in values.items():
            if not isinstance(identity, str) or not identity:
                raise MigrationError(f"{identity!r} is not the id of a document.")
            if not isinstance(each, Mapping):
                raise MigrationError(f"{what} takes the values of each document by id, not {type(each).__name__}.")
            self._known(place, each, writes=True)
            self._buffer.append((what, place, identity, dict(each)))
            if len(self._buffer) >= PAGE:
                self._flush()

    def finish(self) -> None:
        """Send what is left. Raises what ended the run, which the code of the migration may have caught."""
        self._flush()
        if self._broken is not None:
            raise self._broken

    def _flush(self) -> None:
        if self._broken is not None:
            raise self._broken
        buffer, self._buffer = self._buffer, []
        work = {"update": self._update, "create": self._create, "upsert": self._upsert, "delete": self._delete}
        with self._lasting():
            for (what, place), group in groupby(buffer, key=lambda each: each[:2]):
                wanted: dict[str, dict[str, Any]] = {}
                for _, _, identity, values in group:
                    wanted.setdefault(identity, {}).update(values)
                work[what](place, wanted)
            if buffer and self._is_stopping() and not self._number:
                # Without passes there is no better place.
                raise Stopped

    def _update(self, place: Place, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        vain = 0
        while vain < _PASSES:
            changed = self._update_once(place, wanted)
            if not changed:
                return
            # Links that lead to documents of the same page change those too, so it may take several.
            vain = 0 if len(changed) < len(wanted) else vain + 1
            wanted = {each: wanted[each] for each in wanted if each in changed}
        raise ProviderError(
            f"{self._address} could not write {counted(len(wanted), 'document')} of {collection_address(*place)}: "
            f"others keep writing to the collection (document {next(iter(wanted))}).",
            hint="stop these writers, then run the command again: it continues from here",
        )

    def _update_once(self, place: Place, wanted: Mapping[str, Mapping[str, Any]]) -> Collection[str]:
        """Write what differs. Returns the documents that others changed meanwhile: those are as the others left them,
        and to be read, kept and written again."""
        keys = list(dict.fromkeys(key for values in wanted.values() for key in values))
        current = self._current(place, list(wanted), keys)
        self._progress.add("gone", len(wanted.keys() - current.keys()))
        columns, rows = self._columns(place), dict[str, NewValues]()
        for identity in (each for each in wanted if each in current):
            document = current[identity]
            values = {
                key: value
                for key, value in wanted[identity].items()
                if not _same(_canonical(value, columns.get(key)), document.get(key))
            }
            if not values:
                self._progress.add("unchanged", 1)
                continue
            rows[identity] = NewValues(values, str(document.get(_CHANGED_AT) or ""))
            before = {key: document.get(key) for key in values}
            self._show(Example(collection_address(*place), identity, "update", before, values))
        changed: set[str] = set()
        if rows and self._provider is not None:
            self._keep(place, keys, [current[each] for each in rows], {each: new.data for each, new in rows.items()})
            writer = BatchWriter(self._provider, place, partial(self._refused, place))
            for _ in writer.write(rows):
                pass
            changed = writer.changed
        self._progress.add("updated", len(rows) - len(changed))
        return changed

    def _upsert(self, place: Place, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        there = self._current(place, list(wanted), (_CREATED_AT,))
        self._update(place, {each: _plain(values) for each, values in wanted.items() if each in there})
        self._make(place, {each: values for each, values in wanted.items() if each not in there})

    def _create(self, place: Place, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        there = self._current(place, list(wanted), (_CREATED_AT,))
        self._progress.add("unchanged", len(there))
        self._make(place, {each: values for each, values in wanted.items() if each not in there})

    def _make(self, place: Place, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        self._made.setdefault(place, {}).update(dict.fromkeys(wanted, self._number))
        for identity, values in wanted.items():
            self._show(Example(collection_address(*place), identity, "create", {}, _plain(values)))
        documents = [{"$id": each, _PERMISSIONS: [], **values} for each, values in wanted.items()]
        if self._provider is not None:
            create = partial(self._provider.create_documents, *place)
            for refused in (create(batch) for batch in batches(documents)):
                if refused:
                    raise self._refused(place, refused)
        self._progress.add("created", len(documents))

    def _delete(self, place: Place, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        current = self._current(place, list(wanted), ())
        self._progress.add("gone", len(wanted.keys() - current.keys()))
        for identity in current:
            self._show(Example(collection_address(*place), identity, "delete"))
        if current and self._provider is not None:
            self._keep(place, list(self._columns(place)), list(current.values()), None)
            for _ in at_once(partial(self._remove, place, each) for each in current.values()):
                pass
        self._progress.add("deleted", len(current))

    def _remove(self, place: Place, document: Document) -> int:
        """Delete a document as it was kept. What others change meanwhile is kept first, too."""
        assert self._provider is not None
        identity = str(document["$id"])
        for _ in range(_PASSES):
            try:
                self._provider.remove_document(*place, identity, unless_newer_than=str(document[_CHANGED_AT]))
            except NotFoundError:
                return 0
            except ConflictError:
                now = self._current(place, [identity], ())
                if not now:
                    return 0
                document = now[identity]
                self._keep(place, list(self._columns(place)), [document], None, is_again=True)
            else:
                return 1
        raise ProviderError(
            f"{identity} of {collection_address(*place)} could not be deleted by {self._address}: others keep changing "
            "it.",
            hint="stop what writes to it, then run apply again: it continues from here",
        )

    def _keep(
        self,
        place: Place,
        keys: Sequence[str],
        documents: Sequence[Document],
        becomes: Mapping[str, Mapping[str, Any]] | None,
        *,
        is_again: bool = False,
    ) -> None:
        if self._keeper is None:
            return
        named = {key: self._columns(place)[key] for key in keys}
        links = {key: at[0] for key, live in named.items() if (at := _links(live))}
        columns = {key: thaw(live.fields) for key, live in named.items() if key not in links}
        self._keeper.keep_overwritten(collection_address(*place), columns, links, documents, becomes, is_again=is_again)

    # Words.

    def _show(self, example: Example) -> None:
        if self._provider is None and len(self._examples) < EXAMPLES:
            self._examples.append(example)

    @property
    def examples(self) -> Sequence[Example]:
        """The first changes of a rehearsal."""
        return self._examples

    def _place(self, collection: str) -> Place:
        text = str(collection).removeprefix("collection.")
        database, slash, name = text.partition("/")
        if not (database and slash and name) or "/" in name:
            raise MigrationError(f"{collection!r} is not a collection: write database/collection.")
        return database, name

    def _refused(self, place: Place, refused: Mapping[str, str]) -> ProviderError:
        identity, why = next(iter(refused.items()))
        many = f"{len(refused)} documents" if len(refused) > 1 else "a document"
        return ProviderError(
            f"Appwrite refuses {many} of {collection_address(*place)} with the values that {self._address} writes "
            f"(document {identity}: {why}).",
            hint="correct the migration or the documents, then run apply again: it continues from here",
        )


def _links(live: Live) -> tuple[Address, ...]:
    """Where a relationship leads to; nothing for an attribute."""
    return kind_of(live.address).leads_to(live.address, live.fields)


def _linked(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    ids = (each.get("$id") if isinstance(each, Mapping) else each for each in found)
    return [str(each) for each in ids if each]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the server says of a document."""
    return {key: value for key, value in values.items() if not key.startswith("$")}


def _same(value: Any, current: Any) -> bool:
    """Appwrite answers an array that was never set as an empty one; of several links the order says nothing."""
    return bool(value == current or (value in (None, []) and current in (None, [])))


def _canonical(value: Any, column: Live | None) -> Any:
    """A value as the server answers it."""
    if isinstance(value, list | tuple):
        return [_canonical(each, column) for each in value]
    is_instant = column is not None and column.fields.get("type") == "datetime" and validators.is_instant(value)
    return canonical_instant(value) if is_instant else value


# Running the file.


def run_code(migration: Migration, function: str, data: Data) -> None:
    """Call a function of a migration's file. Raises IacError, and Stopped."""
    try:
        # What it prints is for people: standard output may be a document.
        shown = partial(print, file=sys.stderr)
        namespace: dict[str, Any] = {"__name__": migration.address.name, "__file__": migration.file, "print": shown}
        exec(_compiled(migration), namespace)
        namespace[function](data)
        data.finish()
    except IacError as error:
        raise _explained(migration, error) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it may raise anything
        raise _broken(migration, error) from None


def _compiled(migration: Migration) -> CodeType:
    return compile(migration.source, migration.file, "exec", dont_inherit=True)


def _explained(migration: Migration, error: IacError) -> IacError:
    """What the helper complains of, with the line that called it."""
    if not isinstance(error, MigrationError):
        return error
    return _failure(migration, error, error.message)


def _broken(migration: Migration, error: BaseException) -> MigrationError:
    # The text may be about a document, so it is not in the first line, which goes to the log.
    text = f"\n    {one_line(str(error), _LONGEST)}" if str(error) else ""
    return _failure(migration, error, f"{type(error).__name__}{text}")


def _failure(migration: Migration, error: BaseException, why: str) -> MigrationError:
    return MigrationError(
        f"{migration.address} failed at {_line_of(migration, error)}: {why}",
        hint=f"correct {migration.file}, then run the command again: what was written before is kept",
    )


def _line_of(migration: Migration, error: BaseException) -> str:
    """The deepest line of the migration's own file."""
    lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == migration.file]
    return f"{migration.file}:{lines[-1]}" if lines else migration.file


# A rehearsal: the same, without anything that could write.


@dataclass(frozen=True)
class Rehearsal:
    """What a migration would do by what is live now, and the first changes; or the `problem` that it met."""

    address: Address
    counts: Mapping[str, int] = field(default_factory=dict)
    examples: Sequence[Example] = ()
    problem: IacError | None = None


def rehearse(plan: Plan, desired: Desired, reader: Reader, note: Callable[[Address, str], None]) -> list[Rehearsal]:
    """Run the migrations of a plan against what is live, without writing. One does not see what another would write,
    nor what the plan changes before it but for new and renamed attributes. Raises ProviderError."""
    planned = _planned_of(plan)
    found = []
    for change in plan.changes:
        if change.action is not Action.MIGRATE:
            continue
        address, progress = change.address, Progress()
        data = Data(address, reader, None, progress, note=partial(note, address), planned=planned)
        try:
            run_code(desired.migrations[address], "run", data)
        except MigrationError as error:
            found.append(Rehearsal(address, dict(progress.counts), data.examples, error))
        else:
            found.append(Rehearsal(address, dict(progress.counts), data.examples))
    return found


def _planned_of(plan: Plan) -> dict[Address, _Planned]:
    found: dict[Address, _Planned] = {}
    for change in plan.changes:
        if kind_of(change.address).is_column:
            place, name = owner_of(change.address), change.address.name
            known = found.get(place, _Planned())
            if change.origin is not None:
                found[place] = _Planned(known.coming, {**known.names, name: change.origin.name})
            elif change.action is Action.CREATE:
                found[place] = _Planned(known.coming | {name}, known.names)
    return found

"""Writing back from a backup: what would be written is looked at first, and looked at again when it was.

Each record is held against the document as it is now, so a run that was killed is simply repeated: what it wrote is
there. A value that is newer than the backup is left alone unless its number was allowed. What a deletion, a cut or a
conversion left of a value is not newer than the value.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias, TypeVar

from ..applying.batches import at_once, batches
from ..counting import spaced
from ..errors import DamagedError, IacError, ProviderError, RefusedError
from ..kinds import kind_of
from ..kinds.base import Contents, thaw
from ..kinds.conversion import CONVERTIBLE, UnconvertibleError, convert, has_form
from ..model.address import Address, owner_of, owners
from ..model.evidence import Answer
from ..model.resource import Fields, Live, frozen
from ..planning.plan import lies_in
from ..provider import Condition, NewValues, Provider
from ..waiting import WAITS, ThreadPoolExecutor
from .manifest import Form, Left, Manifest, Section, is_same, linked
from .storage import Backups

Item = TypeVar("Item")
Found = TypeVar("Found")
#: A record and its document, if that is there.
Pair: TypeAlias = "tuple[Mapping[str, Any], Mapping[str, Any] | None]"

#: Batches that are compared at the same time.
AT_ONCE = 4
#: From so many records on a look reads pages of all documents, if they are fewer than some times as many, and a record
#: has not more bytes in the backup than that. It holds some times as many documents.
MANY, _CHEAPER, _SMALL, _AHEAD = 1000, 4, 1000, 20
#: How often it is looked and written until nothing is left to write: others may write meanwhile.
_PASSES = 5
#: A document keeps its `$updatedAt` at the price of a request for each: so many of a section do unasked.
FEW = 1000
#: What Appwrite answers to an item or a variable that it does not take; also where what it names is gone, like a user.
_REFUSED = (400, 403, 404, 409, 413)
#: Documents that are named where something is not as it should be.
_EXAMPLES = 5

# What of a backup is wanted, and where it goes.


@dataclass(frozen=True)
class Goal:
    """A section, and where it is written to as that is live: the name and the fields of each attribute, by its name in
    the backup. `missing` are columns that are not there. Where there is a `problem`, nothing of it can be written yet;
    `reported` is why it never is."""

    section: Section
    place: Address
    columns: Mapping[str, tuple[str, Fields]] = field(default_factory=dict)
    #: Relationships by their name in the backup: the name, and whether it leads to many.
    links: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    problem: str = ""
    reported: str = ""
    #: Variables that lie there, with their fields.
    variables: Mapping[Address, Fields] = field(default_factory=dict)

    @property
    def is_of_documents(self) -> bool:
        return self.section.form in (Form.DOCUMENTS, Form.VALUES)

    @property
    def collection(self) -> tuple[str, str]:
        """The ids of the database and the collection."""
        database, collection = self.place.parts
        return database, collection

    @property
    def reads(self) -> tuple[str, ...]:
        """What has to be read of each document."""
        names = [name for name, _ in self.columns.values()]
        return (*names, *(f"{name}.$id" for name, _ in self.links.values()), "$createdAt", "$updatedAt")

    @property
    def targets(self) -> dict[str, Address]:
        """Where its relationships lead, by their names; nothing is known of those of another collection."""
        if self.place != self.section.place:
            return {}
        return {name: self.section.links[key] for key, (name, _) in self.links.items()}

    @property
    def as_it_is(self) -> Section:
        """What is there, as a section of another backup."""
        columns = {name: thaw(fields) for name, fields in self.columns.values()}
        links = {name: self.section.links[key] for key, (name, _) in self.links.items()}
        return Section(self.place, Form.VALUES, self.place, columns, links)

    @property
    def stages(self) -> tuple[bool, ...]:
        """Values, then links, as far as there are any."""
        if self.problem or self.reported:
            return ()
        is_whole = self.section.form is not Form.VALUES
        return (*((False,) if is_whole or self.columns else ()), *((True,) if self.links else ()))


def _ahead(work: Callable[[Item], Found], items: Iterable[Item]) -> Iterator[Found]:
    """The work on each item, in their order; some of it is done before it is asked for."""
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="comparing") as pool:
        under_way: deque[Future[Found]] = deque()
        for item in items:
            under_way.append(pool.submit(work, item))
            if len(under_way) > AT_ONCE:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def targets_first(goals: Iterable[Goal]) -> Iterator[Goal]:
    """Those that others lead to come before them, so that there is something to link to, as far as there is an end."""
    left = list(goals)
    while left:
        places = {each.place for each in left}
        free = [each for each in left if places.isdisjoint({*each.targets.values()} - {each.place})]
        chosen = free or left[:1]
        yield from chosen
        left = [each for each in left if each not in chosen]


def _ids(link: Any) -> list[str]:
    return link if isinstance(link, list) else [link]


def wanted_of(manifest: Manifest, addresses: Sequence[Address]) -> list[Section]:
    """The sections of these addresses, or what lies in them; of whole documents also single columns. Raises IacError
    for what is not in the backup."""
    if not addresses:
        return list(manifest.sections)
    found: list[Section] = []
    for address in addresses:
        chosen = [each for each in manifest.sections if lies_in(each.address, [address])]
        chosen = chosen or [part for each in manifest.sections for part in _column_of(each, address)]
        if not chosen and not variables_in(manifest, [address]):
            known = ", ".join(map(str, manifest.addresses)) or "nothing"
            raise IacError(f"{address} is not in the backup {manifest.id}.", hint=f"it has {known}", unchanged=True)
        found += [each for each in chosen if each not in found]
    return found


def must_be_one(sections: Sequence[Section], into: Address) -> None:
    """Raise IacError unless it is clear what goes into a place: one address, and for an attribute one of its columns.
    An address may have several sections: what a migration wrote over or deleted of it, and what was left of it then."""
    wanted = {each.address for each in sections}
    if kind_of(into).is_column:
        columns = {each.place.child(into.kind, key) for each in sections for key in (*each.columns, *each.links)}
        wanted = columns or wanted
    if len(wanted) != 1:
        raise IacError(
            f"--into {into} needs exactly one address of the backup, but {len(wanted)} are selected.",
            hint="name it: --address ADDRESS",
            unchanged=True,
        )


def variables_in(manifest: Manifest, addresses: Sequence[Address]) -> list[Address]:
    """The variables of these addresses, or what lies in them."""
    return [each for each in manifest.variables if not addresses or lies_in(each, addresses)]


def goals_of_variables(variables: Mapping[Address, Fields], there: Collection[Address]) -> Iterator[Goal]:
    """Where variables go, for each of what they lie in. `there` are those of it that are live."""
    by_owner: dict[Address, dict[Address, Fields]] = {}
    for address, fields in variables.items():
        by_owner.setdefault(next(iter(owners(address)), address), {})[address] = fields
    for owner, found in by_owner.items():
        problem = "" if owner in found or owner in there else f"{owner} does not exist"
        yield Goal(Section(owner, Form.VARIABLES, owner), owner, problem=problem, variables=found)


def _column_of(section: Section, address: Address) -> Iterator[Section]:
    """Of whole documents, one column alone."""
    if kind_of(address).is_column and owner_of(address) == section.place:
        columns = {key: each for key, each in section.columns.items() if key == address.name}
        links = {key: each for key, each in section.links.items() if key == address.name}
        if columns or links:
            yield replace(section, address=address, form=Form.VALUES, columns=columns, links=links, left=Left())


def goal_of(section: Section, real: Mapping[Address, Live], into: Address | None = None) -> Goal:
    """Where a section goes. `real` is everything that lies in its collection, or in the one of `into`."""
    place, renamed = section.place, {}
    if section.form is Form.SOURCES:
        return Goal(
            section,
            place,
            reported="the stack deploys code: run raceday-iac backup extract, and name the new folder in the stack",
        )
    if section.form is Form.CONTENTS:
        return _contents_goal(section, into or place, real)
    if into is not None:
        place = into if kind_of(into).holds_documents_itself else owner_of(into)
        if kind_of(into).is_column:
            renamed = dict.fromkeys((*section.columns, *section.links), into.name)
            # Nothing was left there.
            section = replace(section, left=Left())
    if place not in real:
        return Goal(section, place, problem=f"{place} does not exist")
    there = {at.name: live for at, live in real.items() if kind_of(at).is_column and live.status == "available"}
    names = {key: renamed.get(key, key) for key in (*section.columns, *section.links)}
    columns = {
        key: (name, there[name].fields) for key, name in names.items() if key in section.columns and name in there
    }
    lists = dict(kind_of(live.address).linked_by(live.address, live.fields) for live in there.values())
    links = {key: (name, lists[name]) for key, name in names.items() if key in section.links and name in lists}
    missing = tuple(name for key, name in names.items() if key not in columns and key not in links)
    problem = f"{missing[0]} is not in {place}" if missing and not (columns or links) else ""
    return Goal(section, place, columns, links, missing, problem)


def _contents_goal(section: Section, place: Address, real: Mapping[Address, Live]) -> Goal:
    if kind_of(place).contents is None:
        return Goal(section, place, problem=f"{place} cannot hold these files")
    return Goal(section, place, problem="" if place in real else f"{place} does not exist")


# What a record means for a document as it is.


@dataclass(frozen=True)
class Verdict:
    """What is to be done about one document: create it with these values, and with these `links` as far as what they
    lead to is there, or write some. `newer` are values that would replace newer ones, `unfit` says of attributes why
    they cannot hold theirs. `seen` is the document's `$updatedAt`; empty where it is not there. `has` says that
    something is there that would be written over."""

    identity: str
    creates: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, Any] = field(default_factory=dict)
    newer: Mapping[str, Any] = field(default_factory=dict)
    unfit: Mapping[str, str] = field(default_factory=dict)
    seen: str = ""
    has: bool = False


def verdict_of(goal: Goal, record: Mapping[str, Any], document: Mapping[str, Any] | None, *, links: bool) -> Verdict:
    """What a record means for a document; with `links` for its relationships, which need all documents to be there, and
    else for its values."""
    identity = str(record["id"])
    if document is None:
        return _absent(goal, identity, record, links=links)
    seen, is_newer = str(document["$updatedAt"]), _is_later(document["$updatedAt"], record.get("updatedAt"))

    def verdict(found: dict[str, Any], free: Collection[str], unfit: Mapping[str, str]) -> Verdict:
        values = {name: value for name, value in found.items() if name in free}
        if values and not is_newer:
            # Nobody has changed it since, so it keeps its timestamp.
            values["$updatedAt"] = record["updatedAt"]
        newer = {name: value for name, value in found.items() if name not in free}
        has = any(document.get(name) not in (None, []) for name in found)
        return Verdict(identity, values=values, newer=newer, unfit=unfit, seen=seen, has=has)

    wanted, unfit = _wanted(goal, record)
    differing = {name: value for name, value in wanted.items() if not is_same(document.get(name), value)}
    if links:
        found = _links(goal, record, document)
        # What was created again has no links yet, and is else as it was.
        is_bare = goal.section.form is Form.VALUES or not (differing or unfit)
        free = {name for name in found if not is_newer or (is_bare and not linked(document.get(name)))}
        return verdict(found, free, {})
    left = _left(goal, record)
    free = {name for name in differing if not is_newer or (name in left and is_same(document.get(name), left[name]))}
    return verdict(differing, free, unfit)


def verdict_of_item(contents: Contents, record: Mapping[str, Any], live: Mapping[str, Any] | None) -> Verdict:
    """What a record means for a file, a member, a subscriber: one that is gone is put back, and none is replaced."""
    item, identity = record["data"], str(record["data"][contents.known_by])
    if live is None:
        why = contents.hindrance(item)
        return Verdict(
            identity, creates=not why, values={} if why else record, unfit={contents.noun: why} if why else {}
        )
    now, before = ([_plain(each.get(name)) for name in contents.alike] for each in (live, item))
    unfit = {contents.noun: "another one with this id exists"} if now != before else {}
    return Verdict(identity, unfit=unfit, seen=str(live.get("$updatedAt") or "?"))


def _plain(value: Any) -> Any:
    """Roles are a set."""
    return sorted(value) if isinstance(value, list) else value


def verdict_of_variable(address: Address, fields: Fields, live: Live | None) -> Verdict:
    """What a variable means: one that is gone is created, and another value is newer."""
    if live is None:
        return Verdict(str(address), creates=True, values=fields)
    differing = {name: value for name, value in fields.items() if live.fields.get(name) != value}
    return Verdict(str(address), newer=differing, seen="?")


def _absent(goal: Goal, identity: str, record: Mapping[str, Any], *, links: bool) -> Verdict:
    """Whole documents are created again; of one that is gone, a single value is nobody's."""
    if goal.section.form is not Form.DOCUMENTS:
        return Verdict(identity)
    if links:
        return Verdict(identity, values=_links(goal, record, {}))
    wanted, unfit = _wanted(goal, record)
    system = {f"${name}": record[name] for name in ("createdAt", "updatedAt", "permissions") if name in record}
    values = {name: value for name, value in wanted.items() if value is not None}
    values |= {"$id": identity, **system}
    return Verdict(identity, creates=True, values=values, links=_links(goal, record, {}), unfit=unfit)


def _wanted(goal: Goal, record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values as the attributes hold them now, and why some cannot."""
    values, unfit = {}, {}
    for key, value in record["data"].items():
        if key in goal.columns:
            name, fields = goal.columns[key]
            try:
                values[name] = _fitting(value, goal.section.columns[key], fields)
            except UnconvertibleError as reason:
                unfit[name] = str(reason)
    return values, unfit


def _left(goal: Goal, record: Mapping[str, Any]) -> dict[str, Any]:
    """What the change that the backup was made for left of the values. Of whole documents it left none."""
    found = {}
    for key, value in record["data"].items() if goal.section.form is Form.VALUES else ():
        if key in goal.columns:
            (name, fields), section = goal.columns[key], goal.section
            # A migration makes of each value what it will.
            left = record["left"].get(key) if "left" in record else section.left.of(value)
            with suppress(UnconvertibleError):
                before = section.left.target or section.columns[key]
                found[name] = fields.get("default") if left is None else _fitting(left, before, fields)
    return found


def _fitting(value: Any, before: Mapping[str, Any], now: Fields) -> Any:
    """A value as an attribute with the fields `now` holds it. Raises UnconvertibleError."""
    if now["type"] not in CONVERTIBLE and has_form(before, now):
        return value
    return convert(value, now)


def _links(goal: Goal, record: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Links that are not as they were."""
    found: dict[str, Any] = {}
    for key, ids in record.get("links", {}).items():
        if key in goal.links:
            name, is_list = goal.links[key]
            if sorted(ids) != sorted(linked(document.get(name))):
                found[name] = ids if is_list else ids[0]
    return found


def _is_later(one: Any, other: Any) -> bool:
    """Whether an instant is later than another. Where nobody knows, it may be."""
    try:
        return datetime.fromisoformat(str(one)) > datetime.fromisoformat(str(other))
    except (ValueError, TypeError):
        return True


# The plan: how much would be written of each section.


@dataclass
class Tally:
    """What a look at a section found, in documents: to be created, written to, or linked again; as they were; with
    newer values, which are left; gone; with values that do not fit, or that Appwrite refused. `over` are those of them
    in which something is written over, `undated` those that are there, unchanged, and become as new as the restore.
    `why` says of some."""

    create: int = 0
    write: int = 0
    link: int = 0
    same: int = 0
    newer: int = 0
    gone: int = 0
    unfit: int = 0
    over: int = 0
    undated: int = 0
    why: dict[str, str] = field(default_factory=dict)

    @property
    def to_write(self) -> int:
        return self.create + self.write + self.link

    def add(self, verdict: Verdict, *, links: bool) -> None:
        self.newer += bool(verdict.newer)
        self.over += bool(verdict.values) and verdict.has
        self.undated += "$updatedAt" in verdict.values and not verdict.creates
        if links:
            self.link += bool(verdict.values)
            return
        is_gone = not (verdict.creates or verdict.seen)
        self.create += verdict.creates
        self.write += bool(verdict.values) and not verdict.creates
        self.gone += is_gone
        self.same += not (is_gone or verdict.values or verdict.newer or verdict.unfit)
        if verdict.unfit:
            self.reject(verdict.identity, "; ".join(f"{name}: {why}" for name, why in verdict.unfit.items()))

    def reject(self, identity: str, why: str) -> None:
        """A document that cannot be as it was."""
        self.unfit += 1
        if len(self.why) < _EXAMPLES:
            self.why[identity] = why


@dataclass(frozen=True)
class RestorePlan:
    """What would be written back, by goal."""

    manifest: Manifest
    goals: tuple[Goal, ...]
    tallies: tuple[Tally, ...]
    overwrite: Collection[Address] = ()

    @property
    def is_empty(self) -> bool:
        return not any(each.to_write for each in self.tallies)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to write, and nothing could not be written."""
        return (
            self.is_empty
            and not any(each.problem for each in self.goals)
            and not any(each.unfit for each in self.tallies)
        )

    @property
    def overwritten(self) -> list[Section]:
        """What is written over, as it is now."""
        found = zip(self.goals, self.tallies, strict=True)
        return [goal.as_it_is for goal, tally in found if tally.over]

    def newer_of(self, address: Address) -> int:
        """How many newer values are in the way of an address. It may have several sections: one of what a migration
        wrote over, and one of what was deleted."""
        found = zip(self.goals, self.tallies, strict=True)
        return sum(tally.newer for goal, tally in found if goal.section.address == address)

    def must_cover(self, overwrite: Mapping[Address, Answer | None], *, numbers_needed: bool) -> None:
        """Raise RefusedError where more newer values would be overwritten than somebody has agreed to."""
        for address, number in overwrite.items():
            if address not in (goal.section.address for goal in self.goals):
                raise IacError(
                    f"--overwrite {address}: nothing with this address would be written back.", unchanged=True
                )
            newer = self.newer_of(address)
            if numbers_needed if number is None else not number.covers(Answer(newer)):
                raise RefusedError(
                    f"{spaced(newer)} documents of {address} hold values that are newer than the backup, and "
                    f"--overwrite names {'no number' if number is None else number.number}.",
                    hint=f"to overwrite them: --overwrite {address}={newer}",
                    unchanged=True,
                )


@dataclass
class Restoring:
    """Looks at what is live, and writes back. `overwrite` are addresses whose newer values are overwritten. With
    `keep_timestamps`, documents that nobody has changed keep their `$updatedAt`; None leaves that to their number."""

    provider: Provider
    backups: Backups
    manifest: Manifest
    goals: Sequence[Goal]
    overwrite: Collection[Address] = ()
    keep_timestamps: bool | None = None
    #: Addresses whose documents get a new `$updatedAt`, as the first look found.
    _undated: frozenset[Address] | None = None
    #: What Appwrite refused, by collection and document: why.
    _refused: dict[tuple[str, str], str] = field(default_factory=dict)

    def look(self) -> RestorePlan:
        """Look at everything; write nothing."""
        tallies = tuple(Tally() for _ in self.goals)
        for goal, tally in zip(self.goals, tallies, strict=True):
            for links in goal.stages:
                for verdict in (each for batch in self._looked_at(goal, links=links) for each in batch):
                    refused = self._refused.get((goal.place.path, verdict.identity))
                    if refused is None or not verdict.values:
                        tally.add(self._free(goal, verdict), links=links)
                    elif not links:
                        tally.reject(verdict.identity, refused)
        if self._undated is None:
            found = zip(self.goals, tallies, strict=True)
            self._undated = frozenset(goal.section.address for goal, tally in found if self._is_undated(goal, tally))
        for goal, tally in zip(self.goals, tallies, strict=True):
            tally.undated = tally.undated if goal.section.address in self._undated else 0
        return RestorePlan(self.manifest, tuple(self.goals), tallies, self.overwrite)

    def _is_undated(self, goal: Goal, tally: Tally) -> bool:
        """Whole documents are as they were, with all that they had."""
        is_dear = goal.section.form is not Form.DOCUMENTS and tally.undated > FEW
        return is_dear if self.keep_timestamps is None else not self.keep_timestamps

    def write(self) -> RestorePlan:
        """Write, until a look at everything finds nothing left to write. Returns what that look found."""
        for _ in range(_PASSES):
            for links in (False, True):
                for goal in (each for each in targets_first(self.goals) if links in each.stages):
                    batches_left = self._verdicts(goal, links=links, doing="writing back")
                    for _written in at_once(partial(self._write, goal, each) for each in batches_left):
                        continue
            found = self.look()
            if found.is_empty:
                break
        return found

    def _free(self, goal: Goal, verdict: Verdict) -> Verdict:
        """With newer values among what is written, where that is allowed."""
        if goal.section.address not in self.overwrite or not goal.is_of_documents:
            return verdict
        return replace(verdict, values={**verdict.values, **verdict.newer})

    def _write(self, goal: Goal, verdicts: Sequence[Verdict]) -> int:
        if not goal.is_of_documents:
            return sum(self._created(goal, each) for each in verdicts if each.creates)
        place, free = goal.collection, [self._free(goal, each) for each in verdicts]
        made = [each for each in free if each.creates]
        changed = {each.identity: self._new_values(goal, each) for each in free if each.values and each.seen}
        refused = self._create_documents(goal, made) if made else {}
        if changed:
            # What others have changed meanwhile is checked again in the next look.
            refused |= self.provider.change_values(*place, changed).refused
        self._refused |= {(goal.place.path, identity): why for identity, why in refused.items()}
        return len(made) + len(changed)

    def _create_documents(self, goal: Goal, verdicts: Sequence[Verdict]) -> dict[str, str]:
        """Create documents with their links, which saves another request for each. Returns what was refused."""
        linked = self._linkable(goal, verdicts)
        made = [{**each.values, **linked.get(each.identity, {})} for each in verdicts]
        refused = dict(self.provider.create_documents(*goal.collection, made))
        # It may be a link that is refused.
        bare = [each.values for each in verdicts if each.identity in refused and linked.get(each.identity)]
        if bare:
            again = self.provider.create_documents(*goal.collection, bare)
            refused = {each: why for each, why in refused.items() if not linked.get(each)} | dict(again)
        return refused

    def _linkable(self, goal: Goal, verdicts: Sequence[Verdict]) -> dict[str, dict[str, Any]]:
        """The links of documents that lead to documents which are there; the others wait for those."""
        found: dict[str, dict[str, Any]] = {}
        for name, target in goal.targets.items():
            ids = {each.identity: _ids(each.links[name]) for each in verdicts if each.links.get(name)}
            there = self._there(target, {one for each in ids.values() for one in each})
            for each in verdicts:
                if each.identity in ids and there.issuperset(ids[each.identity]):
                    found.setdefault(each.identity, {})[name] = each.links[name]
        return found

    def _there(self, collection: Address, ids: Collection[str]) -> set[str]:
        database, name = collection.parts
        conditions = (Condition("equal", "$id", tuple(each)) for each in batches(sorted(ids)))
        pages = (self.provider.documents(database, name, each, only=("$updatedAt",)) for each in conditions)
        return {str(each["$id"]) for page in pages for each in page}

    def _new_values(self, goal: Goal, verdict: Verdict) -> NewValues:
        is_undated = goal.section.address in (self._undated or ())
        values = {name: each for name, each in verdict.values.items() if not (is_undated and name == "$updatedAt")}
        return NewValues(values, verdict.seen)

    def _created(self, goal: Goal, verdict: Verdict) -> int:
        """Create an item or a variable. The next look says whether it is there."""
        try:
            self._create(goal, verdict)
        except DamagedError as error:
            # Contents are not read before they are needed. The others can still be put back.
            self._refused[goal.place.path, verdict.identity] = error.message
        except ProviderError as error:
            if error.code not in _REFUSED:
                raise
            self._refused[goal.place.path, verdict.identity] = error.message
        return 1

    def _create(self, goal: Goal, verdict: Verdict) -> None:
        contents, record = kind_of(goal.place).contents, verdict.values
        if goal.variables:
            self.provider.create(Address.parse(verdict.identity), frozen(record))
        elif contents is not None and contents.are_files:
            content = self.backups.content(self.manifest, goal.section, record)
            name, permissions = record["data"]["name"], record["permissions"]
            self.provider.create_file(goal.place, verdict.identity, name, permissions, content)
        elif contents is not None:
            self.provider.create_item(goal.place, contents.request(record["data"]))

    def _verdicts(self, goal: Goal, *, links: bool, doing: str = "comparing") -> Iterator[Sequence[Verdict]]:
        """What the records of a section mean now, a hundred at a time."""
        if goal.variables:
            yield [verdict_of_variable(at, each, self.provider.current(at)) for at, each in goal.variables.items()]
            return
        contents = kind_of(goal.place).contents
        if goal.section.form is Form.CONTENTS and contents is not None:
            there = {str(each[contents.known_by]): each for each in self.provider.items(goal.place)}
            for part in self.backups.records(self.manifest, goal.section):
                items = ((each, there.get(str(each["data"][contents.known_by]))) for each in part)
                yield from batches(verdict_of_item(contents, each, live) for each, live in items)
            return
        is_empty = self.provider.count_documents(*goal.collection) == 0
        with WAITS.on(f"{doing} {goal.section.address}") as waited:
            seen = 0

            def verdicts(batch: Sequence[Mapping[str, Any]]) -> list[Verdict]:
                live = {} if is_empty else self._live(goal, batch)
                return [verdict_of(goal, each, live.get(str(each["id"])), links=links) for each in batch]

            parts = self.backups.records(self.manifest, goal.section)
            for found in _ahead(verdicts, batches(each for part in parts for each in part)):
                yield found
                seen += len(found)
                waited.progress = f"{spaced(seen)} of {spaced(goal.section.records)} documents"

    def _looked_at(self, goal: Goal, *, links: bool) -> Iterator[Sequence[Verdict]]:
        """The same for a look, which changes nothing: from large pages where most of the documents are needed."""
        if not goal.is_of_documents or not self._is_most(goal):
            yield from self._verdicts(goal, links=links)
            return
        with WAITS.on(f"comparing {goal.section.address}") as waited:
            seen = 0
            for pairs in self._pairs(goal):
                yield [verdict_of(goal, record, live, links=links) for record, live in pairs]
                seen += len(pairs)
                waited.progress = f"{spaced(seen)} of {spaced(goal.section.records)} documents"

    def _is_most(self, goal: Goal) -> bool:
        """Whether reading all documents costs less than asking for those of the backup by their ids. Large documents
        would not fit into memory by so many at once."""
        section = goal.section
        if section.records < MANY or section.size > section.records * _SMALL:
            return False
        there = self.provider.count_all(*goal.collection).count
        return there is not None and 0 < there < _CHEAPER * section.records

    def _pairs(self, goal: Goal) -> Iterator[Sequence[Pair]]:
        """Each record with its document. Both come in the order in which documents were made, more or less, so one is
        near the other; what is not, is asked for by its id."""
        pages = iter(self.provider.every_document(*goal.collection, only=goal.reads))
        live: dict[str, Mapping[str, Any]] = {}
        waiting: dict[str, Mapping[str, Any]] = {}

        def matched(slack: int) -> Iterator[Sequence[Pair]]:
            """Read on until so few records wait for their documents, or there are no more of those."""
            yield [(waiting.pop(each), live.pop(each)) for each in [each for each in waiting if each in live]]
            while len(waiting) > slack and (page := next(pages, None)) is not None:
                live.update((str(each["$id"]), each) for each in page)
                yield [
                    (waiting.pop(each), live.pop(each))
                    for each in [str(each["$id"]) for each in page]
                    if each in waiting
                ]
                for each in list(live)[: max(0, len(live) - _AHEAD * MANY)]:
                    del live[each]

        for part in self.backups.records(self.manifest, goal.section):
            waiting.update((str(each["id"]), each) for each in part)
            yield from matched(MANY)
            if len(waiting) > _AHEAD * MANY:
                yield from self._asked_for(goal, waiting)
                waiting.clear()
        yield from matched(0)
        yield from self._asked_for(goal, waiting)

    def _asked_for(self, goal: Goal, records: Mapping[str, Mapping[str, Any]]) -> Iterator[Sequence[Pair]]:
        for batch in batches(list(records.values())):
            found = self._live(goal, batch)
            yield [(each, found.get(str(each["id"]))) for each in batch]

    def _live(self, goal: Goal, records: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        ids = tuple(str(each["id"]) for each in records)
        found = self.provider.documents(*goal.collection, Condition("equal", "$id", ids), only=goal.reads)
        return {str(each["$id"]): each for each in found}

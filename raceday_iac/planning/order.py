"""The order of changes: schema, variables, code, activation, schedules, deletions. Pure.

Each change names the changes that must be done before it. What nothing orders may run at the same time. What comes
before what is said by rules, one function each: a rule is asked about every change, and answers with the keys of what
must be done before, and whether the change makes sense without it. A new rule is a new function in `_RULES`; what a
rule has to know of a kind of resource stands in `kinds`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from ..kinds import KINDS, code_of, holds_others, kind_of
from ..kinds.base import Claims
from ..model.address import Address, owner_of, owners
from ..model.resource import Desired, Live, Migration
from .plan import GOES_FIRST, REMOVAL, Action, Change, change_key, key_of, lies_in

_MAKES_STRICTER = (Action.CREATE, Action.UPDATE, Action.REPLACE)


def in_order(desired: Desired, changes: Sequence[Change], real: Mapping[Address, Live]) -> list[Change]:
    """The changes in the order they are shown, each with what it requires."""
    among = _Among(desired, changes, real)
    ordered = [_with_requirements(among, change) for change in among.ordered]
    # Where data is migrated, what becomes stricter after it is no longer in the order of the kinds.
    return sorted_by_needs(ordered)[0] if among.migrating else ordered


def fresh_places(changes: Iterable[Change]) -> frozenset[Address]:
    """What is made in the course of these changes with nothing in it."""
    makes = (Action.CREATE, Action.REPLACE)
    return frozenset(each.address for each in changes if each.action in makes and holds_others(each.address))


def sorted_by_needs(changes: Sequence[Change]) -> tuple[list[Change], list[str]]:
    """Changes so that each comes after what it requires, and else in their order; and, where that cannot be, the keys
    of changes that wait for each other in a circle, each for the next. Those are at the end, as they were."""
    by_key = {change.key: change for change in changes}
    waiting: dict[str, set[str]] = {}
    for change in changes:
        there = {each for each in change.requires if change_key(each) in by_key and change_key(each) != change.key}
        waiting[change.key] = there
        if change.action is Action.REPLACE:
            gone = removal_of(change)
            waiting[gone] = {each for each in there if _is_before_removal(each, by_key)}
            waiting[change.key] = {*there, gone}
    number = {key: place for place, key in enumerate(waiting)}
    dependents: dict[str, list[str]] = defaultdict(list)
    for key, required in waiting.items():
        for each in required:
            dependents[each].append(key)
    left = {key: len(required & waiting.keys()) for key, required in waiting.items()}
    ready = [number[key] for key, count in left.items() if not count]
    heapify(ready)
    keys, found = list(waiting), []
    while ready:
        key = keys[heappop(ready)]
        found.append(key)
        for each in dependents[key]:
            left[each] -= 1
            if not left[each]:
                heappush(ready, number[each])
    stuck = [key for key in keys if left[key]]
    return [by_key[each] for each in (*found, *stuck) if each in by_key], _circle(stuck, waiting)


def _is_before_removal(key: str, by_key: Mapping[str, Change]) -> bool:
    return key.startswith(REMOVAL) or by_key[key].action in (*GOES_FIRST, Action.MIGRATE)


def _circle(stuck: Sequence[str], waiting: Mapping[str, set[str]]) -> list[str]:
    """One of the circles among what cannot be ordered."""
    if not stuck:
        return []
    path = [stuck[0]]
    while path[-1] not in path[:-1]:
        path.append(next(each for each in stuck if each in waiting[path[-1]]))
    return path[path.index(path[-1]) : -1]


class _Before(NamedTuple):
    """An instant that comes before a change (see `removal_of`), and whether the change makes no sense without it."""

    key: str
    is_needed: bool


def _with_requirements(among: _Among, change: Change) -> Change:
    found = [each for rule in _RULES for each in rule(among, change) if each.key != change.key]
    needs = tuple(dict.fromkeys([*change.needs, *(each.key for each in found if each.is_needed)]))
    requires = tuple(dict.fromkeys([*needs, *(each.key for each in found)]))
    same = (requires, needs) == (change.requires, change.needs)
    return change if same else replace(change, requires=requires, needs=needs)


class _Among:
    """What the rules ask about all changes. Each answer is found once: looking through all changes for each of them
    takes seconds for some thousands."""

    def __init__(self, desired: Desired, changes: Sequence[Change], real: Mapping[Address, Live]) -> None:
        self.desired = desired
        self.removals = Removals(changes, real)
        #: What comes and what goes claims, by the key of the change.
        self.new = {
            change.key: kind_of(change.address).claimed(change.address, desired.resources[change.address].fields)
            for change in changes
            if change.action in (Action.CREATE, Action.REPLACE) and change.address in desired.resources
        }
        inner = _claims_of_relations(real)
        self.old = {
            change.key: kind_of(change.address).claimed(change.address, real[change.address].fields)
            | inner.get(change.address, frozenset())
            for change in changes
            if change.destroys and change.address in real
        }
        coming: Claims = frozenset().union(*self.new.values())
        self.early = _early_deletions(changes, self.old, coming, self.removals) | _in_the_way(changes, real)
        self.ordered = sorted(changes, key=lambda change: _rank(change, self.early))
        self.keys = frozenset(change.key for change in self.ordered)
        self.by_address = {change.address: change for change in self.ordered if not self._is_later_half(change)}

    def _is_later_half(self, change: Change) -> bool:
        """Whether it belongs to another change of the same resource, which others wait for."""
        is_made_before = change.action is Action.UPDATE and key_of(Action.CREATE, change.address) in self.keys
        return change.action is Action.SCHEDULE or is_made_before

    @cached_property
    def going(self) -> list[Change]:
        return [change for change in self.ordered if change.key in self.old]

    @cached_property
    def made(self) -> list[Change]:
        return [change for change in self.ordered if change.touches_server and not change.deletes]

    @cached_property
    def migrating(self) -> Sequence[tuple[Change, Migration]]:
        """In the order in which they run."""
        found = {change.address: change for change in self.ordered if change.action is Action.MIGRATE}
        return [(found[at], migration) for at, migration in self.desired.migrations.items() if at in found]

    @cached_property
    def fresh(self) -> frozenset[Address]:
        return fresh_places(self.ordered)

    @cached_property
    def building(self) -> list[str]:
        return [change.key for change in self.made]

    @cached_property
    def read_by_code(self) -> list[str]:
        return [change.key for change in self.made if kind_of(change.address).is_read_by_code]

    @cached_property
    def needed_by_code(self) -> Mapping[Address, list[str]]:
        found: dict[Address, list[str]] = defaultdict(list)
        for change in self.made:
            if kind_of(change.address).is_needed_by_code:
                found[owner_of(change.address)].append(change.key)
        return found

    @cached_property
    def rewriting(self) -> Mapping[Address, list[str]]:
        """Changes in the course of which values of documents are written, by collection."""
        found: dict[Address, list[str]] = defaultdict(list)
        for change in self.ordered:
            if _rewrites_documents(change):
                found[owner_of(change.address)].append(change.key)
        return found

    @cached_property
    def columns(self) -> Mapping[Address, list[str]]:
        """Changes of columns that documents of their collection wait for, by collection."""
        found: dict[Address, list[str]] = defaultdict(list)
        for change in self.ordered:
            comes = change.touches_server and (not change.deletes or change.key in self.early)
            if comes and kind_of(change.address).is_column:
                found[owner_of(change.address)].append(change.key)
        return found

    @cached_property
    def renames(self) -> Mapping[tuple[Address, ...], list[Change]]:
        """By the place that they are in."""
        found: dict[tuple[Address, ...], list[Change]] = defaultdict(list)
        for change in self.ordered:
            if change.action is Action.MOVE:
                found[owners(change.address)].append(change)
        return found


def _what_it_depends_on(among: _Among, change: Change) -> Iterator[_Before]:
    """What the resource depends on, where that is changed in the same plan."""
    if change.action is Action.DELETE or change.address not in among.desired.resources:
        return
    for each in among.desired.resources[change.address].depends_on:
        before = among.by_address.get(each)
        if before is not None and before.touches_server:
            yield _Before(before.key, not _does_without(change, before))


def _old_holders(among: _Among, change: Change) -> Iterator[_Before]:
    """Removals of what holds a key that something new takes over."""
    if change.action is Action.CREATE:
        wanted = among.new.get(change.key, frozenset())
        yield from (_Before(removal_of(each), True) for each in among.going if among.old[each.key] & wanted)


def _renames_in_its_place(among: _Among, change: Change) -> Iterator[_Before]:
    """They come before everything else there, one after the other."""
    for other in among.renames.get(owners(change.address), ()):
        if other.key == change.key:
            return
        yield _Before(other.key, _speaks_of(among.desired, change, other.address))


def _what_would_break(among: _Among, change: Change) -> Iterator[_Before]:
    """Removals without which a resource must not go."""
    if change.destroys or change.action is Action.CONVERT:
        yield from (_Before(each, True) for each in among.removals.broken_by(change.address))
        yield from (_Before(each, False) for each in among.removals.indexes_beside(change.address))


def _rewriting_before_stricter(among: _Among, change: Change) -> Iterator[_Before]:
    """Appwrite checks whole documents at every write: what becomes stricter does so after the last one."""
    is_stricter = kind_of(change.address).holds_values and change.action in _MAKES_STRICTER
    if is_stricter and not _rewrites_documents(change):
        yield from (_Before(each, False) for each in among.rewriting.get(owner_of(change.address), ()))


def _documents_after_columns(among: _Among, change: Change) -> Iterator[_Before]:
    """Appwrite checks whole documents, so that also a column that one says nothing of can refuse it."""
    if kind_of(change.address).is_document and change.touches_server and not change.deletes:
        yield from (_Before(each, False) for each in among.columns.get(owner_of(change.address), ()))


def _code_after_what_it_reads(among: _Among, change: Change) -> Iterator[_Before]:
    """New code never goes live before the schema it reads and the variables it needs."""
    if change.action is Action.DEPLOY:
        yield from (_Before(each, False) for each in among.read_by_code)
        yield from (_Before(each, True) for each in among.needed_by_code.get(owner_of(change.address), ()))


def _schedule_after_code(among: _Among, change: Change) -> Iterator[_Before]:
    """A schedule is armed when what it starts is there."""
    if change.action is Action.SCHEDULE:
        both = (code_of(change.address), change.address)
        yield from (_Before(among.by_address[each].key, True) for each in both if each in among.by_address)


def _deletions_last(among: _Among, change: Change) -> Iterator[_Before]:
    """What goes may be used until everything else is there; what lies in something goes before it."""
    if change.deletes and change.key not in among.early:
        yield from (_Before(each, False) for each in [*among.building, *among.removals.before(change.address)])


def _migrations(among: _Among, change: Change) -> Iterator[_Before]:
    """Migrations run one after the other, each after what it needs, under the names that it is given now; and what the
    stack names as coming after one does so."""
    before: Change | None = None
    for migrate, migration in among.migrating:
        if migrate.key == change.key:
            if before is not None:
                yield _Before(before.key, before.address in migration.needs)
            yield from _needed_by(among, migration)
            return
        if change.action is not Action.MIGRATE and comes_after(change, migration, among.fresh):
            yield _Before(migrate.key, True)
        before = migrate


def _needed_by(among: _Among, migration: Migration) -> Iterator[_Before]:
    for change in among.made:
        if change.action is Action.MOVE:
            yield _Before(change.key, False)
        elif change.action is not Action.MIGRATE and not comes_after(change, migration, among.fresh):
            is_made_first = _is_early(change, migration) and lies_in(change.address, migration.before)
            if is_made_first or lies_in(change.address, migration.needs):
                yield _Before(change.key, True)
    for migrate, other in among.migrating:
        if other.address in migration.needs:
            yield _Before(migrate.key, True)


def comes_after(change: Change, migration: Migration, fresh: Collection[Address]) -> bool:
    """Whether a change waits for a migration. What is made in something `fresh` waits for nothing: there is no data in
    it. An attribute that is made is there for the migration, which fills it; it becomes stricter after that."""
    if not change.touches_server or change.action is Action.MOVE or _is_early(change, migration):
        return False
    if change.action is Action.CREATE and any(each in fresh for each in owners(change.address)):
        return False
    goes_along = change.destroys and any(lies_in(each, [change.address]) for each in migration.before)
    return goes_along or lies_in(change.address, migration.before)


def _is_early(change: Change, migration: Migration) -> bool:
    makes = change.action is Action.CREATE
    return makes and (kind_of(change.address).holds_values or change.address in migration.needs)


def _later_half(among: _Among, change: Change) -> Iterator[_Before]:
    """What is made as it can be made is there before the rest is set."""
    made = key_of(Action.CREATE, change.address)
    if change.action is Action.UPDATE and made in among.keys:
        yield _Before(made, True)


_RULES: tuple[Callable[[_Among, Change], Iterator[_Before]], ...] = (
    _what_it_depends_on,
    _old_holders,
    _renames_in_its_place,
    _what_would_break,
    _rewriting_before_stricter,
    _documents_after_columns,
    _code_after_what_it_reads,
    _schedule_after_code,
    _deletions_last,
    _migrations,
    _later_half,
)


def _rewrites_documents(change: Change) -> bool:
    """Whether values of documents are written in the course of it: converted, or cut to a smaller size."""
    return change.action is Action.CONVERT or (change.action is Action.UPDATE and shrinks_values(change))


def shrinks_values(change: Change) -> bool:
    """Whether a text becomes shorter, and may lose what is longer."""
    shrinks = any(each.name == "size" and each.after < (each.before or 0) for each in change.fields)
    return shrinks and kind_of(change.address).holds_values


def _speaks_of(desired: Desired, change: Change, renamed: Address) -> bool:
    if change.address == renamed:
        return True
    wanted = desired.resources.get(change.address)
    return wanted is not None and renamed in wanted.depends_on


def _claims_of_relations(real: Mapping[Address, Live]) -> dict[Address, Claims]:
    """What those that lead to something else claim there, by what they go with."""
    found: dict[Address, Claims] = {}
    for address, live in real.items():
        kind = kind_of(address)
        if kind.leads_to(address, live.fields):
            for owner in owners(address):
                found[owner] = found.get(owner, frozenset()) | kind.claimed(address, live.fields)
    return found


def _early_deletions(
    changes: Sequence[Change], old: Mapping[str, Claims], coming: Claims, removals: Removals
) -> set[str]:
    """Deletions that cannot wait to the end: indexes, because an attribute must not go before them (deleting one under
    a compound unique index leaves it `stuck`, observed on 1.8.1), what holds something that a new one takes over, and
    what must go before that."""
    early = [
        change
        for change in changes
        if change.deletes and (kind_of(change.address).goes_first or old.get(change.key, frozenset()) & coming)
    ]
    replaced = [change for change in changes if change.action is Action.REPLACE and holds_others(change.address)]
    before = {key for change in (*early, *replaced) for key in removals.broken_by(change.address)}
    return before.union(change.key for change in early)


def _in_the_way(changes: Sequence[Change], real: Mapping[Address, Live]) -> set[str]:
    """Deletions of required columns where documents are made, which would have to say a value of them."""
    making = (Action.CREATE, Action.REPLACE)
    filled = {owner_of(each.address) for each in changes if kind_of(each.address).is_document and each.action in making}
    return {
        each.key
        for each in changes
        if each.deletes
        and kind_of(each.address).is_column
        and owner_of(each.address) in filled
        and each.address in real
        and real[each.address].fields.get("required")
    }


def _rank(change: Change, early: set[str]) -> tuple[int, int]:
    """Creations by stage, then deletions the other way round, then what only touches the state."""
    stage = kind_of(change.address).stage
    if change.action is Action.MOVE:
        # As they were played through: a relationship may take the name that an attribute gives up.
        return (-2, 0)
    if change.key in early:
        return (-1, -stage)
    if change.deletes:
        return (2, -stage)
    if not change.touches_server:
        return (3, stage)
    # A schedule is armed after the code that it will start is active.
    return (1 if change.action is Action.SCHEDULE else 0, stage)


def _does_without(change: Change, other: Change) -> bool:
    """Whether something it depends on only changes in ways that do not matter: a name, permissions, a timeout. New
    code needs all of its function: a runtime, an entrypoint."""
    return other.action is Action.UPDATE and holds_others(other.address) and change.action is not Action.DEPLOY


# What goes in the course of a plan, found by where it lies. Pure.
#
# Looking through all removals for each of them would take minutes for some thousands.


def removal_of(change: Change) -> str:
    """The key of the instant when a replaced resource is gone and its successor not yet there."""
    return removal_key(change.action, change.address)


def removal_key(action: Action, address: Address) -> str:
    """The same of a change that need not be there yet."""
    key = key_of(action, address)
    return f"{REMOVAL}{key}" if action is Action.REPLACE else key


class Removals:
    """The removals among some changes, in their order. All answers are keys of instants, see `removal_of`."""

    def __init__(self, changes: Iterable[Change], real: Mapping[Address, Live]) -> None:
        self._inside: dict[Address, list[str]] = defaultdict(list)
        self._related: dict[Address, list[str]] = defaultdict(list)
        #: By what they lie in: what is made over columns, and over which.
        self._over: dict[tuple[Address, ...], list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        self._deletions: dict[tuple[str, int], list[str]] = defaultdict(list)
        #: By collection: what ends a link between its documents and others.
        self._links: dict[Address, list[str]] = defaultdict(list)
        for change in changes:
            live = real.get(change.address)
            if change.destroys:
                self._add(change, live)
            if live is not None and (change.destroys or change.goes_with is not None):
                self._let_go(change, live, real)

    def _add(self, change: Change, live: Live | None) -> None:
        key, address, kind = removal_of(change), change.address, kind_of(change.address)
        for owner in owners(address):
            self._inside[owner].append(key)
        for related in kind.leads_to(address, live.fields) if live is not None else ():
            self._related[related].append(key)
        if kind.goes_first:
            self._over[owners(address)].append((key, kind.over(live.fields) if live is not None else ()))
        if change.deletes and not kind.is_document:
            self._deletions[address.parts[0], kind.stage].append(key)

    def _let_go(self, change: Change, live: Live, real: Mapping[Address, Live]) -> None:
        """A document may not go while others lead to it: they go before, or what leads them there, or what those lie
        in."""
        key = removal_of(change) if change.goes_with is None else change.needs[0]
        kind = kind_of(change.address)
        for reference in kind.refers_to(change.address, live.fields, real):
            self._related[reference.to].append(key)
        for collection in kind.leads_to(change.address, live.fields):
            self._links[collection].append(key)
            self._links[owner_of(change.address)].append(key)

    def broken_by(self, address: Address) -> list[str]:
        """Removals without which this resource must not go: Appwrite would take along what lies in it and
        relationships to it, and break indexes over it."""
        if kind_of(address).is_column:
            return [key for key, columns in self._over.get(owners(address), ()) if address.name in columns]
        if kind_of(address).is_document:
            return [*self._related.get(address, ()), *self._links.get(owner_of(address), ())]
        return [*self._inside.get(address, ()), *self._related.get(address, ())]

    def indexes_beside(self, address: Address) -> list[str]:
        """Of a column: indexes of the same collection, whatever they are over."""
        return [key for key, _ in self._over.get(owners(address), ())] if kind_of(address).is_column else []

    def before(self, address: Address) -> list[str]:
        """Deletions that come before one: in the same database or function, what lies deeper. Documents go when nothing
        leads to them any more, see `broken_by`."""
        own = kind_of(address).stage
        deeper = sorted({kind.stage for kind in KINDS.values() if kind.stage > own}, reverse=True)
        return [key for stage in deeper for key in self._deletions.get((address.parts[0], stage), ())]

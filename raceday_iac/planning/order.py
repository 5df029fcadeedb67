"""The order of changes: schema, variables, code, activation, schedules, deletions. Pure.

Each change names the changes that must be done before it. What nothing orders may run at the same time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..kinds import KINDS
from ..model.address import Address, collection_address, function_address, owners
from ..model.resource import Desired, Fields, Live
from .plan import Action, Change

_MAKES_STRICTER = (Action.CREATE, Action.UPDATE, Action.REPLACE)
_CONTAINERS = ("database", "collection", "function")
_SCHEMA = ("database", "collection", "attribute", "relationship", "index")


def in_order(desired: Desired, changes: Sequence[Change], real: Mapping[Address, Live]) -> list[Change]:
    """The changes in the order they are shown, each with what it requires."""
    new = {
        change.key: claims(change.address, desired.resources[change.address].fields)
        for change in changes
        if change.action in (Action.CREATE, Action.REPLACE) and change.address in desired.resources
    }
    inner = _relationships_within(real)
    old = {
        change.key: claims(change.address, real[change.address].fields) | inner.get(change.address, frozenset())
        for change in changes
        if change.destroys and change.address in real
    }
    # Picked out once: looking through all changes for each of them takes seconds for some thousands.
    removals = Removals(changes, real)
    early = _early_deletions(changes, old, frozenset().union(*new.values()), removals)
    ordered = sorted(changes, key=lambda change: _rank(change, early))
    by_address = {change.address: change for change in ordered if change.action is not Action.SCHEDULE}
    made = [change for change in ordered if change.touches_server and not change.deletes]
    building = [change.key for change in made]
    schema = [change.key for change in made if change.address.kind in _SCHEMA]
    going = [change for change in ordered if change.key in old]
    renames = [change for change in ordered if change.action is Action.MOVE]
    rewriting = [change for change in ordered if _rewrites_documents(change)]
    variables = _variables_by_function(made)
    result = []
    for change in ordered:
        before = _depended_on(desired, change, by_address)
        needs = [*change.needs, *(each.key for each in before if not _does_without(change, each))]
        needs += _old_holders(change, going, old, new)
        waits = [each.key for each in (*before, *_renames_before(change, renames))]
        needs += [each.key for each in _renames_before(change, renames) if _speaks_of(desired, change, each.address)]
        if change.destroys or change.action is Action.CONVERT:
            needs += removals.broken_by(change.address)
            waits += removals.indexes_beside(change.address) if change.address.kind in COLUMNS else ()
        if change.address.kind == "attribute" and change.action in _MAKES_STRICTER and change not in rewriting:
            # Appwrite judges whole documents at every write: what becomes stricter does so after the last one.
            waits += [each.key for each in rewriting if _place(each.address) == _place(change.address)]
        if change.action is Action.DEPLOY:
            # New code never goes live before the schema it reads and the variables it needs.
            waits += schema
            needs += variables.get(function_address(change.address.path), ())
        elif change.action is Action.SCHEDULE:
            both = (_code_of(change.address), change.address)
            needs += [by_address[each].key for each in both if each in by_address]
        elif change.deletes and change.key not in early:
            waits += building + removals.before(change.address)
        needs = [key for key in dict.fromkeys(needs) if key != change.key]
        requires = [key for key in dict.fromkeys([*needs, *waits]) if key != change.key]
        result.append(replace(change, requires=tuple(requires), needs=tuple(needs)))
    return result


def _rewrites_documents(change: Change) -> bool:
    """Whether values of documents are written in the course of it: converted, or cut to a smaller size."""
    shrinks = any(each.name == "size" and each.after < (each.before or 0) for each in change.fields)
    return change.action is Action.CONVERT or (change.action is Action.UPDATE and shrinks)


def _renames_before(change: Change, renames: Iterable[Change]) -> Iterator[Change]:
    """Renames in the place of a change come before everything else there, one after the other."""
    for other in renames:
        if other.key == change.key:
            return
        if _place(other.address) == _place(change.address):
            yield other


def _place(address: Address) -> tuple[str, ...]:
    """What an address lies in. The variables of a function and the members of a collection lie together."""
    kind = "variable" if address.kind == "variable" else "member"
    return (kind, *address.parts[:-1])


def _speaks_of(desired: Desired, change: Change, renamed: Address) -> bool:
    if change.address == renamed:
        return True
    wanted = desired.resources.get(change.address)
    return wanted is not None and renamed in wanted.depends_on


#: What a resource keeps others from having: its name, a key of a collection, the far side of a relationship.
Claims = frozenset[tuple[str, ...]]


def claims(address: Address, fields: Fields) -> Claims:
    """What it takes for itself. Names are compared as the database compares them, without case at the least.

    Attributes and relationships of a collection share their keys. A relationship also holds its far side: Appwrite
    compares related collection and two-way key of all of them, also of one-way ones. Of manyToMany there may be one
    between two collections."""
    *owner, name = address.parts
    folded = KINDS[address.kind].folded
    if address.kind not in COLUMNS:
        return frozenset({(address.kind, *owner, folded(name))})
    found = {("column", *owner, folded(name))}
    if address.kind == "relationship":
        database, collection = owner
        related, key = str(fields["relatedCollection"]), folded(str(fields["twoWayKey"]))
        found.add(("mirror", database, collection, related, key))
        # Hidden, the far side of a one-way relationship takes the key all the same.
        found.add(("column", database, related, key))
        if fields["relationType"] == "manyToMany":
            found.add(("manyToMany", database, *sorted((collection, related))))
    return frozenset(found)


def _relationships_within(real: Mapping[Address, Live]) -> dict[Address, Claims]:
    """What relationships claim elsewhere, by the collections and databases that they go with."""
    found: dict[Address, Claims] = {}
    for address, live in real.items():
        if address.kind == "relationship":
            for owner in owners(address):
                found[owner] = found.get(owner, frozenset()) | claims(address, live.fields)
    return found


def _early_deletions(
    changes: Sequence[Change], old: Mapping[str, Claims], coming: Claims, removals: Removals
) -> set[str]:
    """Deletions that cannot wait to the end: indexes, for an attribute must not go before them (deleting one under a
    compound unique index leaves it `stuck`, observed on 1.8.1), what holds something that a new one takes over, and
    what must go before that."""
    early = [
        change
        for change in changes
        if change.deletes and (change.address.kind == "index" or old.get(change.key, frozenset()) & coming)
    ]
    anew = [change for change in changes if change.action is Action.REPLACE and change.address.kind in _CONTAINERS]
    before = {key for change in (*early, *anew) for key in removals.broken_by(change.address)}
    return before.union(change.key for change in early)


def _old_holders(
    change: Change, going: Iterable[Change], old: Mapping[str, Claims], new: Mapping[str, Claims]
) -> list[str]:
    """Removals of what holds a key that something new takes over."""
    if change.action is not Action.CREATE:
        return []
    wanted = new.get(change.key, frozenset())
    return [removal_of(each) for each in going if old[each.key] & wanted]


def _rank(change: Change, early: set[str]) -> tuple[int, int]:
    """Creations by stage, then deletions the other way round, then what only touches the state."""
    stage = KINDS[change.address.kind].stage
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


def _depended_on(desired: Desired, change: Change, by_address: dict[Address, Change]) -> list[Change]:
    """What the resource depends on, where that is changed in the same plan."""
    if change.action is Action.DELETE or change.address not in desired.resources:
        return []
    wanted = desired.resources[change.address].depends_on
    return [by_address[each] for each in wanted if each in by_address and by_address[each].touches_server]


def _does_without(change: Change, other: Change) -> bool:
    """Whether something it depends on only changes in ways that do not matter: a name, permissions, a timeout. New
    code needs all of its function: a runtime, an entrypoint."""
    return other.action is Action.UPDATE and other.address.kind in _CONTAINERS and change.action is not Action.DEPLOY


def _variables_by_function(made: Iterable[Change]) -> dict[Address, list[str]]:
    found: dict[Address, list[str]] = defaultdict(list)
    for change in made:
        if change.address.kind == "variable":
            found[function_address(change.address.parts[0])].append(change.key)
    return found


def _code_of(function: Address) -> Address:
    return Address("deployment", function.path)


COLUMNS = ("attribute", "relationship")


def removal_of(change: Change) -> str:
    """The key of the moment when a replaced resource is gone and its successor not yet there."""
    return f"removal:{change.key}" if change.action is Action.REPLACE else change.key


class Removals:
    """The removals among some changes, in their order. All answers are keys of moments, see `removal_of`."""

    def __init__(self, changes: Iterable[Change], real: Mapping[Address, Live]) -> None:
        self._inside: dict[Address, list[str]] = defaultdict(list)
        self._related: dict[Address, list[str]] = defaultdict(list)
        self._indexes: dict[Address, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        self._deletions: dict[tuple[str, int], list[str]] = defaultdict(list)
        for change in changes:
            if change.destroys:
                self._add(change, real.get(change.address))

    def _add(self, change: Change, live: Live | None) -> None:
        address, key = change.address, removal_of(change)
        for owner in owners(address):
            self._inside[owner].append(key)
        if address.kind == "relationship" and live is not None:
            self._related[collection_address(address.parts[0], str(live.fields["relatedCollection"]))].append(key)
        if address.kind == "index":
            over = tuple(live.fields["attributes"]) if live is not None else ()
            self._indexes[collection_address(*address.parts[:2])].append((key, over))
        if change.deletes:
            self._deletions[address.parts[0], KINDS[address.kind].stage].append(key)

    def broken_by(self, address: Address) -> list[str]:
        """Removals without which this resource must not go: Appwrite would take along what lies in it and
        relationships to it, and break indexes over it."""
        if address.kind in COLUMNS:
            beside = self._indexes.get(collection_address(*address.parts[:2]), ())
            return [key for key, attributes in beside if address.name in attributes]
        return [*self._inside.get(address, ()), *self._related.get(address, ())]

    def indexes_beside(self, column: Address) -> list[str]:
        """Indexes of the same collection, whatever they are over."""
        return [key for key, _ in self._indexes.get(collection_address(*column.parts[:2]), ())]

    def before(self, address: Address) -> list[str]:
        """Deletions that come before one: in the same database or function, what lies deeper."""
        own = KINDS[address.kind].stage
        deeper = sorted({kind.stage for kind in KINDS.values() if kind.stage > own}, reverse=True)
        return [key for stage in deeper for key in self._deletions.get((address.parts[0], stage), ())]

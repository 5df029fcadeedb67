"""From a plan's changes to steps that can run: who waits for whom, down to Appwrite's asynchronous work. Pure.

A change becomes one `act` step, a replacement two. Whoever writes a collection's schema has a turn there (see
`kinds.turns`) and holds it until Appwrite is done. Only the attributes of a collection that this very run creates are
sent together: a `settle` step waits for all of them and proves them, before anything else is done to the collection.
At the end a `prove` step reads once what documents of a written collection know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from ..kinds import KINDS
from ..kinds.turns import Place, Turn
from ..model.address import Address, collection_address, owners
from ..model.desired import Desired
from ..model.resource import Live
from ..planning import Action, Change
from ..planning.order import removal_of

#: What must be done before something of the same place can be removed.
_FIRST = (Action.DELETE, Action.MOVE)
_MAKES = (Action.CREATE, Action.REPLACE)
#: What Appwrite has accepted and is at still.
_PENDING = ("processing", "deleting")


@dataclass(frozen=True)
class Step:
    """One unit of work. It is begun when all steps that it `requires` are done and those that it comes `after` have
    ended, however they ended, and when its `turn` can be had.

    `change` is None for a settle step, which waits until what is `watched` is available (and, with `proves`, known to
    documents), and for a prove step, which `proves` a collection. `removes` marks the first half of a replacement. Of
    what it requires, it makes no sense without what it `needs`; the rest only comes first.
    """

    key: str
    requires: frozenset[str]
    change: Change | None = None
    watched: tuple[Address, ...] = ()
    removes: bool = False
    needs: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    turn: Turn = field(default_factory=Turn)
    proves: Address | None = None


def make_steps(changes: Sequence[Change], desired: Desired, real: Mapping[Address, Live]) -> list[Step]:
    """The steps, in the order in which ready ones are preferred."""
    return _Steps(changes, desired, real).made()


def settle_key(collection: Address) -> str:
    """Of the step that waits for what was sent together."""
    return f"settle:{collection.path}"


def left_key(collection: Address) -> str:
    """Of the step that waits for what an earlier run left under way."""
    return f"left:{collection.path}"


class _Steps:
    """The steps of one plan, in the making."""

    def __init__(self, changes: Sequence[Change], desired: Desired, real: Mapping[Address, Live]) -> None:
        self._changes, self._desired, self._real = changes, desired, real
        self._by_key = {change.key: change for change in changes}
        self._removals = {removal_of(change) for change in changes if change.action is Action.REPLACE}
        self._related = [self._places(each) for each in real if each.kind == "relationship"]
        self._fresh = {each.address for each in changes if each.address.kind == "collection" and each.action in _MAKES}
        self._batches: dict[Address, list[Change]] = {}
        for change in changes:
            if self._goes_together(change):
                self._batches.setdefault(_collection_of(change.address), []).append(change)
        self._turns = {change.key: self._turn(change) for change in changes}
        self._left = self._left_under_way()

    def made(self) -> list[Step]:
        steps = [step for change in self._changes for step in self._of_change(change)]
        return [*self._waits_for_what_was_left(), *steps, *self._proofs(steps)]

    def _goes_together(self, change: Change) -> bool:
        """Whether a creation is sent with others of its kind: into a collection that this run creates. Where a server
        makes a collection with all that is in it by one request, this is what would go along."""
        kind = KINDS[change.address.kind]
        return kind.sent_together and change.action is Action.CREATE and _collection_of(change.address) in self._fresh

    # Turns.

    def _turn(self, change: Change) -> Turn:
        if not change.touches_server:
            return Turn()
        places = self._places(change.address)
        if change.destroys and change.address.kind == "collection":
            # The server cuts off the relationships that others have with it.
            places = places.union(*(each for each in self._related if each & places))
        return Turn(places, together=self._goes_together(change))

    def _places(self, address: Address) -> frozenset[Place]:
        """Where a write of it changes a schema, as it is and as it is to be."""
        forms = [each.fields for each in (self._real.get(address), self._desired.resources.get(address)) if each]
        found: frozenset[Place] = frozenset()
        return found.union(*(KINDS[address.kind].schema_places(address, fields) for fields in forms))

    # Steps.

    def _of_change(self, change: Change) -> Iterator[Step]:
        before = [self._by_key[key] for key in change.requires if key in self._by_key]
        removals = self._removals & set(change.requires)
        vital = {each.key for each in before if _is_vital(each, change)} | removals & set(change.needs)
        if change.action is Action.REPLACE:
            gone = removal_of(change)
            # Old indexes and old holders of the key go first; what it depends on is its successor's affair.
            earlier = {each.key for each in before if each.action in _FIRST}
            yield self._step(gone, removals | earlier, vital, change, removes=True)
            removals = {gone}
            vital |= removals
        yield self._step(change.key, {each.key for each in before} | removals, vital, change)
        collection = _collection_of(change.address)
        if change is self._batches.get(collection, [None])[-1]:
            yield self._settle(collection)

    def _step(self, key: str, requires: Set[str], vital: Set[str], change: Change, *, removes: bool = False) -> Step:
        turn = self._turns[change.key]
        required = requires if removes else requires | self._settled_before(change)
        needs = frozenset(vital & required)
        after = self._waits_before(turn)
        return Step(key, frozenset(required), change, removes=removes, needs=needs, after=after, turn=turn)

    def _settled_before(self, change: Change) -> set[str]:
        """In collections that this run creates, everything but the attributes waits until those are there. What deletes
        or renames is about the collection before, which is made anew: it comes before its removal."""
        if self._turns[change.key].together or change.action in _FIRST:
            return set()
        made = {_address_of(place) for place in self._turns[change.key].places} & self._batches.keys()
        return set() if change.address in made else {settle_key(each) for each in made}

    def _waits_before(self, turn: Turn) -> frozenset[str]:
        return frozenset(left_key(each) for each in map(_address_of, turn.places) if each in self._left)

    def _settle(self, collection: Address) -> Step:
        batch = self._batches[collection]
        return Step(
            settle_key(collection),
            frozenset(change.key for change in batch),
            watched=tuple(change.address for change in batch),
            turn=Turn(frozenset({collection.parts})),
            proves=collection,
        )

    def _left_under_way(self) -> dict[Address, list[Address]]:
        """What an earlier run, or somebody else, has begun and Appwrite not finished, by collection: everything where
        this plan writes, elsewhere what is declared."""
        written = {_address_of(place) for turn in self._turns.values() for place in turn.places}
        going = {each.address for each in self._changes if each.destroys and each.address.kind == "collection"}
        left: dict[Address, list[Address]] = {}
        for address, live in self._real.items():
            collection = _collection_of(address)
            is_ours = address in self._desired.resources and live.status == "processing"
            if collection in going and address.kind != "relationship":
                # It goes as well. Only a relationship writes elsewhere.
                continue
            if KINDS[address.kind].listed and live.status in _PENDING and (is_ours or collection in written):
                left.setdefault(collection, []).append(address)
        return left

    def _waits_for_what_was_left(self) -> Iterator[Step]:
        for collection, watched in self._left.items():
            turn = Turn(frozenset({collection.parts}))
            yield Step(left_key(collection), frozenset(), watched=tuple(watched), turn=turn)

    def _proofs(self, steps: Iterable[Step]) -> Iterator[Step]:
        """One for each collection with a write that nothing has proven yet."""
        touching: dict[Address, list[Step]] = {}
        for step in steps:
            for place in step.turn.places:
                touching.setdefault(_address_of(place), []).append(step)
        going = {each.address for each in self._changes if each.action is Action.DELETE}
        for collection, those in touching.items():
            is_there = collection.kind == "collection" and not going & {collection, *owners(collection)}
            if is_there and not all(self._is_proven(step, collection) for step in those):
                after = frozenset(step.key for step in those) | self._adoptions(collection)
                turn = Turn(frozenset({collection.parts}))
                yield Step(f"prove:{collection.path}", frozenset(), after=after, turn=turn, proves=collection)

    def _is_proven(self, step: Step, collection: Address) -> bool:
        """Whether it belongs to what the settle step of the collection has proven."""
        if collection not in self._batches:
            return False
        return step.turn.together or step.proves == collection or _makes(step.change, collection)

    def _adoptions(self, collection: Address) -> frozenset[str]:
        """What the state takes over is proven with the rest."""
        adopted = [each for each in self._changes if each.action is Action.ADOPT]
        return frozenset(each.key for each in adopted if collection in owners(each.address))


def _is_vital(before: Change, change: Change) -> bool:
    """Whether a change must not be made when one before it was stopped. New code waits for the whole schema that it
    may read; and what goes last may be what code that was not deployed still uses."""
    if change.action is Action.DEPLOY or (change.destroys and before.action is Action.DEPLOY):
        return True
    return before.key in change.needs


def _makes(change: Change | None, collection: Address) -> bool:
    return change is not None and change.address == collection


def _collection_of(address: Address) -> Address:
    """The collection that an address lies in, or is; nothing's for others."""
    return collection_address(*address.parts[:2]) if len(address.parts) > 1 else address


def _address_of(place: Place) -> Address:
    return collection_address(*place) if len(place) > 1 else Address("database", place[0])

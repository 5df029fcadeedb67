"""What a step that writes a schema does within its turn: wait for the end of the work in the background, and prove it.

Waiting looks at the *lists* of attributes and indexes. What Appwrite answers of one collection, attribute or index
comes from a cache that may say `processing` for ever (1.8.1 to 1.9.6). A proof is a list of documents that names
attributes in `select`. It is never read while the schema is written: a read that crosses a write makes a cache old.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from ..errors import AccessError, BrokenSchemaError, ProviderError, ServerFaultError, UnsettledError
from ..kinds import kind_of, outermost
from ..kinds.collection import can_only_fail_again, document_keys, making_again, unknown_to_documents
from ..kinds.schema_rules import Place, Turn
from ..model.address import Address, collection_address, owner_of, owners
from ..model.resource import Desired, Live
from ..provider import Provider
from .scheduler import Step

#: Pauses between two looks at a list, in seconds. Short at first: an attribute takes some 35 ms.
FIRST_LOOK, _LONGEST_LOOK, _GROWTH = 0.05, 0.4, 1.4
#: Seconds without any change in what is pending before a wait is given up.
_STUCK_AFTER = 120.0
#: The same for what is none of ours, and was under way before.
_FOREIGN_PATIENCE = 10.0
#: After so many looks at which nothing has moved, it is asked whether the collection is there at all.
_IN_VAIN = 25

Seen = Mapping[Address, Live]


def until_available(
    reader: Provider, watched: Sequence[Address], first: float = FIRST_LOOK, patience: float = _STUCK_AFTER
) -> Iterator[float]:
    """Yields pauses, the `first` one given, until attributes, relationships or indexes of one list are available.
    Raises ProviderError for what failed, UnsettledError when nothing moves any more."""

    def pending(seen: Seen) -> list[Address]:
        failed = [seen[each] for each in watched if each in seen and seen[each].status in ("failed", "stuck")]
        if failed:
            raise _failure(failed)
        return [each for each in watched if each not in seen or seen[each].status != "available"]

    return _looks(reader, watched, pending, first, patience)


def until_gone(
    reader: Provider, watched: Sequence[Address], first: float = FIRST_LOOK, patience: float = _STUCK_AFTER
) -> Iterator[float]:
    """Yields pauses until nothing of it is listed any more. Raises as `until_available`."""

    def pending(seen: Seen) -> list[Address]:
        left = [each for each in watched if each in seen]
        for each in left:
            if seen[each].status == "stuck":
                raise ProviderError(
                    f"{each} cannot be deleted: Appwrite says stuck {seen[each].error}".rstrip(),
                    hint="delete it in the console, then run apply again",
                )
        return left

    return _looks(reader, watched, pending, first, patience)


def _looks(
    reader: Provider,
    watched: Sequence[Address],
    pending: Callable[[Seen], list[Address]],
    pause: float,
    patience: float,
) -> Iterator[float]:
    if not watched:
        return
    (database, collection), listed = watched[0].parts[:2], kind_of(watched[0]).listed
    keys, still, in_vain, before = [each.name for each in watched], 0.0, 0, -1
    while True:
        yield pause
        left = pending(reader.members(database, collection, listed, keys))
        if not left:
            return
        still, in_vain = (still + pause, in_vain + 1) if len(left) == before else (0.0, 0)
        if still > patience:
            raise _still_pending(left, still)
        if in_vain and in_vain % _IN_VAIN == 0:
            _must_be_there(reader, collection_address(database, collection), left)
        before = len(left)
        pause = min(_LONGEST_LOOK, pause * _GROWTH)


def _must_be_there(reader: Provider, collection: Address, pending: Sequence[Address]) -> None:
    """Of a collection that somebody else deletes meanwhile, nothing will ever be finished."""
    database, name = collection.parts
    if not reader.collection(database, name):
        raise ProviderError(
            f"{collection} was deleted before Appwrite had finished {pending[0]}.",
            hint="run apply again: it creates the collection",
        )


@dataclass
class SchemaWork:
    """The schema writes of one apply. `there` is what is live and owned at its beginning; `warn` is called with what
    went wrong on the way and did not make anything fail."""

    provider: Provider
    desired: Desired
    there: set[Address]
    warn: Callable[[str], None]
    #: The first pause of a wait, in seconds.
    first_look: Callable[[], float] = lambda: FIRST_LOOK
    #: What was created and not yet seen to be available, with the seconds that the answer took.
    _unseen: dict[Address, float] = field(default_factory=dict)
    #: What came with its collection, and was seen to be available.
    _came: set[Address] = field(default_factory=set)
    #: Where something was sent, and of which it was already said that documents do not know all of it.
    _written: set[Place] = field(default_factory=set)
    _reported: set[Address] = field(default_factory=set)

    def writes(self, turn: Turn) -> None:
        """Something is sent that writes a schema."""
        self._written |= turn.places

    def created(self, address: Address, took: float = 0.0) -> None:
        """A creation was answered after so many seconds; its end is still to be seen."""
        if kind_of(address).listed:
            self._unseen[address] = took

    def came_along(self, live: Live) -> None:
        """It was made with its collection, and is seen now."""
        if live.status == "available":
            self._came.add(live.address)
        else:
            self._unseen[live.address] = 0.0

    def finish(self, address: Address) -> Iterator[float]:
        """Until a creation has ended. What was renamed, converted or adopted is there as well."""
        if address in self._unseen:
            # Half of the way of an answer has passed again when a look arrives.
            yield from until_available(
                self.provider, [address], max(0.0, self.first_look() - self._unseen[address] / 2)
            )
            self._unseen.pop(address, None)
        self.there.add(address)

    def removed(self, address: Address) -> None:
        """It is gone, with what lay in it."""
        self.there = {each for each in self.there if each != address and address not in owners(each)}

    def settle(self, step: Step) -> Iterator[float]:
        """Until everything watched has come to its end; what was sent together is proven at once. Where nothing is
        watched, a proof of the collection, if anything was sent to it."""
        if step.proves is None:
            yield from self._left_under_way(step.watched)
            return
        if step.watched and self._came.issuperset(step.watched):
            # Nothing was sent one by one, and what came with the collection is in its metadata as well.
            self.there.update(step.watched)
            return
        if not step.watched:
            if step.proves.parts in self._written and step.proves not in self._reported:
                self._prove(step.proves)
            return
        yield from until_available(self.provider, step.watched, self.first_look())
        for each in step.watched:
            self._unseen.pop(each, None)
        self.there.update(step.watched)
        lost = self._unknown(step.proves)
        if lost:
            yield from self._make_again(step.proves, step.watched, lost)

    def _prove(self, collection: Address) -> None:
        """One read: do documents know what is listed? Raises BrokenSchemaError."""
        lost = self._unknown(collection)
        if lost:
            raise self._broken(collection, lost)

    def explained(self, address: Address, fault: ServerFaultError) -> ProviderError:
        """Why an update ended in an error that the server does not explain."""
        if not kind_of(address).is_column:
            return fault
        database, collection, key = address.parts
        names = ([key], []) if kind_of(address).holds_values else ([], [key])
        with suppress(ProviderError):
            if self.provider.unknown_attributes(database, collection, *names):
                return self._broken(collection_address(database, collection), [key])
        return fault

    def _left_under_way(self, watched: Sequence[Address]) -> Iterator[float]:
        """What is none of ours may be under way for ever; then we go on."""
        for address in watched:
            is_ours = address in self.desired.resources
            live = self.provider.current(address)
            if live is None:
                continue
            wait = until_gone if live.status == "deleting" else until_available
            patience = _STUCK_AFTER if is_ours else _FOREIGN_PATIENCE
            try:
                yield from wait(self.provider, [address], self.first_look(), patience)
            except ProviderError as error:
                # What failed has ended; what is stuck has ended as well.
                if is_ours and isinstance(error, UnsettledError):
                    raise

    def _unknown(self, collection: Address) -> Sequence[str]:
        """What documents should know and do not; nothing when the key may not read documents."""
        attributes, relationships = document_keys(self.desired, collection, self.there)
        if not attributes and not relationships:
            return ()
        database, name = collection.parts
        try:
            return self.provider.unknown_attributes(database, name, attributes, relationships)
        except AccessError as error:
            self.warn(f"whether documents can use {collection} could not be checked: {error.message}")
            return ()

    def _make_again(self, collection: Address, batch: Sequence[Address], lost: Sequence[str]) -> Iterator[float]:
        """This run made the collection, so that it can be made again while it is empty: one attribute at a time."""
        (database, name), keys = collection.parts, {each.name for each in batch}
        others = [each for each in self.provider.members(database, name, "attributes") if each.name not in keys]
        if others or self.provider.count_documents(database, name):
            raise self._broken(collection, lost)
        self.warn(
            f"{collection} was created again, one attribute at a time: documents did not accept {', '.join(lost)}"
        )
        wanted = self.desired.resources
        self.provider.delete(collection, Live(collection, wanted[collection].fields, collection.name))
        self.provider.create(collection, wanted[collection].fields)
        for each in batch:
            self.provider.create(each, wanted[each].fields)
            yield from until_available(self.provider, [each], self.first_look())
        self._prove(collection)

    def _broken(self, collection: Address, lost: Sequence[str]) -> BrokenSchemaError:
        self._reported.add(collection)
        return BrokenSchemaError(f"{unknown_to_documents(collection, lost)}.", hint=making_again(collection))


#: Pauses before what was made along with a collection is given up, in seconds: while the answer to its creation was
#: lost, Appwrite may be at it still.
_LATE = (0.05, 0.1, 0.2, 0.4, 0.8)


@dataclass
class MadeAlong:
    """What is made by the request that creates its collection, from Appwrite 1.9. The answer of 1.9.6 does not show it,
    so one list of the collections of a database names all of them. Safe for use by several threads."""

    provider: Provider
    #: By collection: its members, each as the request names it.
    members: Mapping[Address, Mapping[Address, Mapping[str, Any]]]
    #: Takes what a list shows of them, all at once.
    own: Callable[[Mapping[Address, Live]], None] = lambda _seen: None
    #: The collection of each member.
    _places: dict[Address, Address] = field(init=False)
    _created: set[Address] = field(default_factory=set)
    _seen: dict[Address, Live] = field(default_factory=dict)
    _is_ignored: bool = False
    _guard: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._places = {each: collection for collection, those in self.members.items() for each in those}

    def of(self, address: Address) -> Mapping[Address, Mapping[str, Any]]:
        """What is to be made along with something."""
        return self.members.get(address, {})

    def may_have(self, address: Address) -> bool:
        """Whether it is to be made along with its collection."""
        return address in self._places

    def created(self, collection: Address) -> None:
        """The request was accepted."""
        self._created.add(collection)

    def found(self, address: Address) -> Generator[float, None, Live | None]:
        """Yields pauses, and returns how it was made; None where it was not made along."""
        if self._places.get(address) not in self._created:
            return None
        for pause in (*_LATE, 0.0):
            live = self._look(address)
            if live is not None or self._is_ignored:
                return live
            yield pause
        self._is_ignored = True
        return None

    def _look(self, address: Address) -> Live | None:
        with self._guard:
            if address not in self._seen:
                found = self.provider.inside(outermost(address))
                self._seen.update(found)
                self.own({at: live for at, live in found.items() if self._places.get(at) in self._created})
            return self._seen.get(address)


def _failure(failed: Sequence[Live]) -> ProviderError:
    details = "; ".join(f"{each.address} is {each.status}{': ' + each.error if each.error else ''}" for each in failed)
    message = f"Appwrite could not finish what it had accepted: {details}"
    taken = [each for each in failed if can_only_fail_again(each)]
    if taken:
        collection = owner_of(taken[0].address)
        return BrokenSchemaError(
            f"{message}. Something with that key is in its table or in its internal copy of the schema, but its API "
            "does not show it: creating it fails every time",
            hint=f"give it another key in the stack; for the same key {making_again(collection)}",
        )
    return ProviderError(message, hint="run apply again: it deletes what failed and creates it again")


def _still_pending(pending: Sequence[Address], seconds: float) -> UnsettledError:
    names = ", ".join(map(str, pending[:5])) + (f" and {len(pending) - 5} more" if len(pending) > 5 else "")
    return UnsettledError(
        f"Appwrite has not finished {names}; nothing changed for {seconds:.0f} s.",
        hint="its database worker may be down; run apply again later, it continues from here. "
        "If it stays stuck: raceday-iac recover --dry-run",
    )

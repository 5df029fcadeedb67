"""What goes in the course of a plan, found by where it lies. Pure.

Looking through all removals for each of them would take minutes for some thousands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ..kinds import KINDS
from ..model.address import Address, collection_address, owners
from ..model.resource import Live
from .plan import Action, Change

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

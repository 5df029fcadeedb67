"""The kinds of resources: one module each. A new kind is a new module and a line in this table."""

from __future__ import annotations

from collections.abc import Callable

from ..model.address import Address, owners
from ..model.resource import Desired, Resource
from . import attribute, collection, database, deployment, function, index, relationship, variable
from .base import Call, Kind

KINDS: dict[str, Kind] = {
    module.KIND.name: module.KIND
    for module in (database, collection, attribute, relationship, index, function, variable, deployment)
}

#: Kinds whose name Appwrite can change while everything else stays, the data included.
RENAMEABLE = tuple(name for name, kind in KINDS.items() if kind.rename is not None)
#: Names of kinds in which others lie.
_HOLDING = frozenset(kind.owner for kind in KINDS.values() if kind.owner)


def kind_of(address: Address) -> Kind:
    """The rules for a resource."""
    return KINDS[address.kind]


def declared(desired: Desired, has: Callable[[Kind], bool]) -> list[Resource]:
    """What the stack declares of the kinds that have something, in declaration order."""
    chosen = {name for name, kind in KINDS.items() if has(kind)}
    return [each for address, each in desired.resources.items() if address.kind in chosen]


def outermost(address: Address) -> Address:
    """What an address lies in, as far out as there is something; else itself."""
    return next(iter(owners(address)), address)


def holds_others(address: Address) -> bool:
    """Whether other resources can lie in it."""
    return address.kind in _HOLDING


__all__ = ["KINDS", "RENAMEABLE", "Call", "Kind", "declared", "holds_others", "kind_of", "outermost"]

"""What the reconciler must know of a kind of resource. Each kind is one module that fills in a `Kind`.

Kinds are pure: they compare and they describe requests; they never send any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..model.address import Address
from ..model.resource import Fields, Live


@dataclass(frozen=True)
class Call:
    """One request to Appwrite, path relative to the endpoint."""

    method: str
    path: str
    body: Mapping[str, Any] = field(default_factory=dict)


class Requests(Protocol):
    """The requests that a kind is written with."""

    def create(self, address: Address, fields: Fields) -> Call: ...

    def update(self, address: Address, fields: Fields, live: Live) -> Call: ...

    def delete(self, address: Address, live: Live) -> Call: ...

    def read(self, address: Address) -> Call: ...


@dataclass(frozen=True)
class Kind:
    """Rules of one kind.

    `stage` orders kinds in a plan (low first; deletes run the other way round).
    `unordered` names the fields where Appwrite means a set; `in_place` the fields that an update can change:
    a difference in any other field needs a replacement. `parse(owner, answer)` makes a
    `Live` of an answer; the owner is the ids that the resource lies in (function, or database and collection).
    `settles` tells that a write is answered before it is done (`processing`). `holds_data`: deleting one may lose data.
    """

    name: str
    stage: int
    requests: Requests
    parse: Callable[[tuple[str, ...], Mapping[str, Any]], Live]
    unordered: frozenset[str] = frozenset()
    in_place: frozenset[str] = frozenset()
    settles: bool = False
    #: The request that gives a live resource another name, where there is one: old address, live, new name.
    rename: Callable[[Address, Live, str], Call] | None = None
    holds_data: bool = False


def thaw(value: Any) -> Any:
    """Canonical values back to what JSON wants: tuples become lists."""
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    return value

"""The one identity of a resource: used in state, plan, journal, `--target` and messages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, total_ordering
from typing import NoReturn


@dataclass(frozen=True)
class Place:
    """What resources of a kind lie in; empty where that is nothing. One `has_path_of_owner` where there is one in each
    owner, which needs no name; the name `is_free_text` where it may have slashes."""

    owner: str
    has_path_of_owner: bool = False
    is_free_text: bool = False


#: By kind. Kinds say it of themselves when they are defined (`kinds/`): this module knows none of them.
_PLACES: dict[str, Place] = {}


def lies_in(kind: str, owner: str, *, has_path_of_owner: bool = False, is_free_text: bool = False) -> None:
    """Note what resources of a kind lie in."""
    _PLACES[kind] = Place(owner, has_path_of_owner, is_free_text)
    owners.cache_clear()
    _parts.cache_clear()


def _depth(kind: str) -> int:
    """How many owners one has."""
    place = _PLACES.get(kind)
    return 0 if place is None or not place.owner else 1 + _depth(place.owner)


#: Every address there is, by kind and path.
_ADDRESSES: dict[tuple[str, str], Address] = {}


@total_ordering
class Address:
    """Kind and path, written `function.send-bills` or `attribute.shop/orders/number`.

    There is one object of each, so that equal ones are the same: a plan compares addresses, and looks things up by
    them, a million times. It does not change.
    """

    __slots__ = ("kind", "path")
    __match_args__ = ("kind", "path")
    kind: str
    path: str

    def __new__(cls, kind: str, path: str) -> Address:
        found = _ADDRESSES.get((kind, path))
        if found is None:
            found = super().__new__(cls)
            object.__setattr__(found, "kind", kind)
            object.__setattr__(found, "path", path)
            # Of two threads that make it, the first one does.
            found = _ADDRESSES.setdefault((kind, path), found)
        return found

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an address does not change: {name}")

    def __lt__(self, other: Address) -> bool:
        return (self.kind, self.path) < (other.kind, other.path)

    def __reduce__(self) -> tuple[type[Address], tuple[str, str]]:
        return Address, (self.kind, self.path)

    def __repr__(self) -> str:
        return f"Address(kind={self.kind!r}, path={self.path!r})"

    def __str__(self) -> str:
        return f"{self.kind}.{self.path}"

    @property
    def parts(self) -> tuple[str, ...]:
        """The path's segments, outermost first. Where the name is free text, slashes and all belong to it."""
        return _parts(self)

    @property
    def name(self) -> str:
        """The last segment: the id or key within its parent."""
        return _parts(self)[-1]

    def child(self, kind: str, name: str) -> Address:
        """The address of something that lies in this one."""
        return Address(kind, f"{self.path}/{name}")

    @classmethod
    def parse(cls, text: str) -> Address:
        """The reverse of `str`. Raises ValueError when there is no kind or no path."""
        kind, dot, path = text.partition(".")
        if not (kind and dot and path):
            raise ValueError(f"{text!r} is not an address; write kind.path, for example function.send-bills")
        return cls(kind, path)


@cache
def _parts(address: Address) -> tuple[str, ...]:
    place = _PLACES.get(address.kind)
    return tuple(address.path.split("/", _depth(address.kind) if place is not None and place.is_free_text else -1))


def function_address(function: str) -> Address:
    return Address("function", function)


def variable_address(function: str, key: str) -> Address:
    return Address("variable", f"{function}/{key}")


def deployment_address(function: str) -> Address:
    return Address("deployment", function)


def database_address(database: str) -> Address:
    return Address("database", database)


def collection_address(database: str, collection: str) -> Address:
    return Address("collection", f"{database}/{collection}")


def member_address(kind: str, database: str, collection: str, key: str) -> Address:
    """Address of an attribute, relationship or index of a collection."""
    return Address(kind, f"{database}/{collection}/{key}")


@cache
def owners(address: Address) -> tuple[Address, ...]:
    """The resources that an address lies in, outermost first. A plan asks for them thousands of times."""
    found: list[Address] = []
    kind, parts = address.kind, address.parts
    while (place := _PLACES.get(kind)) is not None and place.owner:
        kind, parts = place.owner, parts if place.has_path_of_owner else parts[:-1]
        found.append(Address(kind, "/".join(parts)))
    return tuple(reversed(found))


def owner_of(address: Address) -> Address:
    """What an address lies in directly, which there must be."""
    return owners(address)[-1]

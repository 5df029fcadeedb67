"""The wanted schema as values, read from the `schema.json` that was generated into the bundle."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

FORMAT = 1


class UnknownFormat(Exception):
    """The bundle carries a schema in a format that this code does not know."""


@dataclass(frozen=True)
class Attribute:
    """A plain attribute. `type` is the word of the create route (`float`, `enum`, `line`…), not the wire type."""

    key: str
    type: str
    required: bool
    default: Any = None
    array: bool = False
    size: int | None = None
    encrypt: bool = False
    minimum: float | None = None
    maximum: float | None = None
    elements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Relationship:
    """The declared (parent) side of a relationship."""

    key: str
    related: str
    type: str
    two_way: bool
    two_way_key: str | None
    on_delete: str


@dataclass(frozen=True)
class Index:
    key: str
    type: str
    attributes: tuple[str, ...]
    orders: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True)
class Collection:
    id: str
    name: str
    permissions: tuple[str, ...]
    document_security: bool
    enabled: bool
    attributes: tuple[Attribute, ...]
    relationships: tuple[Relationship, ...]
    indexes: tuple[Index, ...]


@dataclass(frozen=True)
class Schema:
    """A database and its collections, in the order in which they depend on each other."""

    hash: str
    database_id: str
    database_name: str
    database_enabled: bool
    collections: tuple[Collection, ...]

    def only(self, ids: Iterable[str]) -> Schema:
        """The same database with just these collections."""
        wanted = set(ids)
        return replace(self, collections=tuple(each for each in self.collections if each.id in wanted))

    def counts(self) -> dict[str, int]:
        """How many of each kind are declared."""
        return {
            "collections": len(self.collections),
            "attributes": sum(len(each.attributes) for each in self.collections),
            "relationships": sum(len(each.relationships) for each in self.collections),
            "indexes": sum(len(each.indexes) for each in self.collections),
        }


def load(path: str) -> Schema:
    """Read a `schema.json`."""
    with open(path, encoding="utf-8") as file:
        return parse(json.load(file))


def parse(raw: Mapping[str, Any]) -> Schema:
    """The schema from its JSON form."""
    if raw.get("formatVersion") != FORMAT:
        raise UnknownFormat(f"schema.json has format {raw.get('formatVersion')!r}, this code reads {FORMAT}")
    database = raw["database"]
    return Schema(
        hash=raw["schemaHash"],
        database_id=database["id"],
        database_name=database["name"],
        database_enabled=database.get("enabled", True),
        collections=tuple(_collection(each) for each in raw["collections"]),
    )


def _collection(raw: Mapping[str, Any]) -> Collection:
    return Collection(
        id=raw["id"],
        name=raw["name"],
        permissions=tuple(raw["permissions"]),
        document_security=raw["documentSecurity"],
        enabled=raw["enabled"],
        attributes=tuple(_attribute(each) for each in raw["attributes"]),
        relationships=tuple(_relationship(each) for each in raw["relationships"]),
        indexes=tuple(_index(each) for each in raw["indexes"]),
    )


def _attribute(raw: Mapping[str, Any]) -> Attribute:
    return Attribute(
        key=raw["key"],
        type=raw["type"],
        required=raw["required"],
        default=raw.get("default"),
        array=bool(raw.get("array")),
        size=raw.get("size"),
        encrypt=bool(raw.get("encrypt")),
        minimum=raw.get("min"),
        maximum=raw.get("max"),
        elements=tuple(raw.get("elements") or ()),
    )


def _relationship(raw: Mapping[str, Any]) -> Relationship:
    return Relationship(
        key=raw["key"],
        related=raw["relatedCollection"],
        type=raw["relationType"],
        two_way=raw["twoWay"],
        two_way_key=raw.get("twoWayKey"),
        on_delete=raw["onDelete"],
    )


def _index(raw: Mapping[str, Any]) -> Index:
    return Index(
        key=raw["key"],
        type=raw["type"],
        attributes=tuple(raw["attributes"]),
        orders=tuple(raw.get("orders") or ()),
        lengths=tuple(raw.get("lengths") or ()),
    )

"""Values: the wanted schema as the bundle's `schema.json` declares it, what is really there, and what is wrong with it.

Fields are in the canonical form of `vendor/kinds/schema_rules.py`, on both sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from .vendor.appwrite_http import Client, path_of, query
from .vendor.kinds import schema_rules as rules

FORMAT = 1
Fields = Mapping[str, Any]
Place = tuple[str, str]
"""Collection and key."""

#: The server refused or broke something that this run wanted to create: the set-up cannot be completed.
REFUSED = "refused"
#: Not finished yet, and the next run goes on from here.
UNFINISHED = "unfinished"
#: Exists in a form that cannot be changed in place, or must not be without a decision.
INCOMPATIBLE = "incompatible"
#: The declaration contradicts itself or a limit of the server; nothing is touched.
IMPOSSIBLE = "impossible"
#: Found by verification: missing, different or not available.
UNSOUND = "unsound"


class Problem(NamedTuple):
    """One thing that is wrong. Severity says what it means for a run, not how bad it sounds."""

    address: str
    severity: str
    message: str


def address(kind: str, *ids: str) -> str:
    """`attribute.raceday-db/races/startTime`: the one way in which a thing is named."""
    return f"{kind}.{'/'.join(ids)}"


def documents_path(database: str, collection: str) -> str:
    return path_of("databases", database, "collections", collection, "documents")


class UnknownFormat(Exception):
    """The bundle carries a schema in a format that this code does not know."""


class Part(NamedTuple):
    """An attribute, a relationship (its declared side) or an index."""

    kind: str
    key: str
    fields: Fields


@dataclass(frozen=True)
class Collection:
    id: str
    fields: Fields
    attributes: tuple[Part, ...]
    relationships: tuple[Part, ...]
    indexes: tuple[Part, ...]

    def parts(self) -> tuple[Part, ...]:
        """In the order in which they need each other."""
        return (*self.attributes, *self.relationships, *self.indexes)


@dataclass(frozen=True)
class Schema:
    """A database and its collections, in the order in which they depend on each other."""

    hash: str
    database_id: str
    fields: Fields
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
    collections = tuple(_collection(each) for each in raw["collections"])
    return Schema(raw["schemaHash"], database["id"], rules.database_fields({"enabled": True, **database}), collections)


def _collection(raw: Mapping[str, Any]) -> Collection:
    attributes = tuple(Part("attribute", each["key"], rules.attribute_fields(each)) for each in raw["attributes"])
    arrays = {each.key for each in attributes if each.fields["array"]}
    return Collection(
        raw["id"],
        rules.collection_fields(raw),
        attributes,
        tuple(Part("relationship", each["key"], rules.relationship_fields(each)) for each in raw["relationships"]),
        tuple(Part("index", each["key"], rules.index_fields(each, arrays)) for each in raw["indexes"]),
    )


_PAGE = 100


@dataclass
class LiveCollection:
    """One collection as the server answered it, its parts by key."""

    raw: Mapping[str, Any]
    attributes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    indexes: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> LiveCollection:
        return cls(
            raw,
            {str(each["key"]): each for each in raw.get("attributes") or ()},
            {str(each["key"]): each for each in raw.get("indexes") or ()},
        )

    def find(self, kind: str, key: str) -> Mapping[str, Any] | None:
        """One part as the server answered it."""
        return (self.indexes if kind == "index" else self.attributes).get(key)

    def differences(self, wanted: Part) -> list[rules.FieldDifference]:
        """What a part that exists has different. What the server fills in by itself is no difference."""
        raw = self.find(wanted.kind, wanted.key)
        assert raw is not None, wanted.key
        if wanted.kind == "index":
            arrays = {key for key, each in self.attributes.items() if each.get("array")}
            canonical = rules.index_fields(wanted.fields, arrays)
            return rules.differences("index", canonical, rules.index_fields(raw, arrays))
        if wanted.kind == "relationship":
            if raw["type"] != "relationship":
                return [rules.FieldDifference("type", "relationship", rules.type_of(raw), False)]
            return rules.differences("relationship", wanted.fields, rules.relationship_fields(raw))
        return rules.differences("attribute", wanted.fields, rules.attribute_fields(raw))


@dataclass
class Live:
    """The database (None when there is none) and its collections by id, read with few requests: a collection's answer
    holds all its attributes and indexes."""

    database: Mapping[str, Any] | None
    collections: dict[str, LiveCollection] = field(default_factory=dict)

    def available(self) -> set[Place]:
        """Attributes that can be used."""
        return {
            (collection, key)
            for collection, real in self.collections.items()
            for key, raw in real.attributes.items()
            if raw.get("status", "available") == "available"
        }


def read_live(client: Client, database: str) -> Live:
    """Everything, in two requests as long as there are no more than a hundred collections."""
    found = client.find(path_of("databases", database))
    return Live(found, _collections(client, database) if found is not None else {})


def read_collections(client: Client, database: str, ids: Iterable[str]) -> dict[str, LiveCollection]:
    """Just these collections, in one request."""
    wanted = sorted(ids)
    return _collections(client, database, [query("equal", *wanted, attribute="$id")] if wanted else [])


def _collections(
    client: Client, database: str, filters: list[dict[str, Any]] | None = None
) -> dict[str, LiveCollection]:
    found: dict[str, LiveCollection] = {}
    page = [*(filters or []), query("limit", _PAGE)]
    while True:
        answered = client.get(path_of("databases", database, "collections"), page)["collections"]
        found.update((str(raw["$id"]), LiveCollection.of(raw)) for raw in answered)
        if len(answered) < _PAGE:
            return found
        page = [*(filters or []), query("limit", _PAGE), query("cursorAfter", str(answered[-1]["$id"]))]

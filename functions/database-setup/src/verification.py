"""Is everything there, as declared, and available? Also by counting: sums and both sides of every relationship."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import addresses, compare
from .compare import Difference
from .live import Live, LiveCollection
from .problems import UNSOUND, Problem
from .schema import Collection, Relationship, Schema

_INTERNAL = ("$id", "$createdAt", "$updatedAt")


def verify(schema: Schema, live: Live) -> list[Problem]:
    """Everything that is missing, different, not available or does not add up."""
    named = addresses.address("database", schema.database_id)
    if live.database is None:
        return [Problem(named, UNSOUND, "is missing")]
    found = [
        Problem(named, UNSOUND, f"{field} is {live.database.get(field)!r}, wanted {wanted!r}")
        for field, wanted in (("name", schema.database_name), ("enabled", schema.database_enabled))
        if live.database.get(field) != wanted
    ]
    for wanted in schema.collections:
        found += _collection(schema.database_id, wanted, live)
    return found or _sums(schema, live)


def counts(schema: Schema, live: Live) -> dict[str, int]:
    """How many of the declared things exist and are available, by kind."""
    present = [(each, live.collections[each.id]) for each in schema.collections if each.id in live.collections]
    return {
        "collections": len(present),
        "attributes": sum(_available(has.attributes, [part.key for part in each.attributes]) for each, has in present),
        "relationships": sum(
            _available(has.attributes, [part.key for part in each.relationships]) for each, has in present
        ),
        "indexes": sum(_available(has.indexes, [part.key for part in each.indexes]) for each, has in present),
    }


def _sums(schema: Schema, live: Live) -> list[Problem]:
    """Last of all the totals, counted over the live side: a mistake in the comparisons above would show here."""
    declared, real = schema.counts(), counts(schema, live)
    named = addresses.address("database", schema.database_id)
    return [
        Problem(named, UNSOUND, f"has {real[kind]} available {kind}, {number} are declared")
        for kind, number in declared.items()
        if real[kind] != number
    ]


def _collection(database: str, wanted: Collection, live: Live) -> list[Problem]:
    named = addresses.address("collection", database, wanted.id)
    real = live.collections.get(wanted.id)
    if real is None:
        return [Problem(named, UNSOUND, "is missing")]
    found = [Problem(named, UNSOUND, str(each)) for each in compare.collection_differences(wanted, real.raw)]
    for attribute in wanted.attributes:
        raw = real.attributes.get(attribute.key)
        differences = [] if raw is None else compare.attribute_differences(attribute, raw)
        found += _part("attribute", database, wanted.id, attribute.key, raw, differences)
    for relationship in wanted.relationships:
        raw = real.attributes.get(relationship.key)
        differences = [] if raw is None else compare.relationship_differences(relationship, raw)
        found += _part("relationship", database, wanted.id, relationship.key, raw, differences)
        found += _other_side(database, wanted.id, relationship, live)
    for index in wanted.indexes:
        raw = real.indexes.get(index.key)
        differences = [] if raw is None else compare.index_differences(index, raw, real.arrays())
        found += _part("index", database, wanted.id, index.key, raw, differences)
        found += _columns(database, wanted.id, real, raw)
    return found


def _part(
    kind: str, database: str, collection: str, key: str, raw: Mapping[str, Any] | None, differences: list[Difference]
) -> list[Problem]:
    named = addresses.address(kind, database, collection, key)
    if raw is None:
        return [Problem(named, UNSOUND, "is missing")]
    status = raw.get("status", "available")
    sayings = [] if status == "available" else [f"is {status}, not available"]
    return [Problem(named, UNSOUND, saying) for saying in [*sayings, *map(str, differences)]]


def _other_side(database: str, collection: str, wanted: Relationship, live: Live) -> list[Problem]:
    """A two-way relationship has a mirror in the other collection that points back here."""
    if not wanted.two_way or wanted.two_way_key is None:
        return []
    named = addresses.address("relationship", database, wanted.related, wanted.two_way_key)
    related = live.collections.get(wanted.related)
    mirror = related.attributes.get(wanted.two_way_key) if related is not None else None
    if mirror is None:
        return [Problem(named, UNSOUND, f"is missing, the other side of {collection}/{wanted.key}")]
    declared = {
        "relatedCollection": collection,
        "twoWayKey": wanted.key,
        "side": "child",
        "status": "available",
    }
    return [
        Problem(named, UNSOUND, f"{field} is {mirror.get(field)!r}, wanted {value!r}")
        for field, value in declared.items()
        if mirror.get(field) != value
    ]


def _columns(database: str, collection: str, real: LiveCollection, raw: Mapping[str, Any] | None) -> list[Problem]:
    """Every column of a live index is an available attribute that is not a relationship."""
    if raw is None:
        return []
    named = addresses.address("index", database, collection, str(raw["key"]))
    found = []
    for key in raw["attributes"]:
        attribute = real.attributes.get(key, {})
        usable = attribute.get("status") == "available" and attribute.get("type") != "relationship"
        if key not in _INTERNAL and not usable:
            found.append(Problem(named, UNSOUND, f"its column {key} is no usable attribute"))
    return found


def _available(parts: Mapping[str, Mapping[str, Any]], keys: list[str]) -> int:
    return sum(parts.get(key, {}).get("status") == "available" for key in keys)

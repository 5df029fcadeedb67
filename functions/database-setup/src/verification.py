"""Whether a schema can be, and whether it is: arithmetic on the declaration alone, before anything is touched; and
whether everything is there, as declared, and available. Also by counting: sums and both sides of every relationship.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from .schema import IMPOSSIBLE, UNSOUND, Collection, Fields, Live, LiveCollection, Part, Problem, Schema, address
from .vendor.kinds import schema_rules as rules
from .vendor.model import limits


def impossible(schema: Schema) -> list[Problem]:
    """Everything about the schema that the server would have to refuse."""
    found: list[Problem] = []
    known = {collection.id for collection in schema.collections}
    for collection in schema.collections:
        named = address("collection", schema.database_id, collection.id)
        messages = [
            *_duplicates(collection),
            *_widths(collection),
            *_relations(collection, known),
            *_indexes(collection),
        ]
        found += [Problem(named, IMPOSSIBLE, message) for message in messages]
    found += [
        Problem(address("collection", schema.database_id, name), IMPOSSIBLE, "is declared twice")
        for name in _repeated(collection.id for collection in schema.collections)
    ]
    return found


def deepest_chain(schema: Schema) -> int:
    """Length of the longest chain of relationships; -1 when they form a circle. More than 3 cannot be read at once."""
    edges = {each.id: {link.fields["relatedCollection"] for link in each.relationships} for each in schema.collections}
    depths: dict[str, int] = {}

    def depth(name: str, above: frozenset[str]) -> int:
        if name in above:
            return -1
        if name not in depths:
            below = [depth(other, above | {name}) for other in edges.get(name, ())]
            depths[name] = -1 if -1 in below else 1 + max(below, default=-1)
        return depths[name]

    found = [depth(name, frozenset()) for name in edges]
    return -1 if -1 in found else max(found, default=0)


def _duplicates(collection: Collection) -> list[str]:
    # Attribute keys are compared without case by the storage.
    keys = [each.key.lower() for each in (*collection.attributes, *collection.relationships)]
    twice = [f"attribute {key} is declared twice" for key in _repeated(keys)]
    return twice + [
        f"index {key} is declared twice" for key in _repeated(each.key.lower() for each in collection.indexes)
    ]


def _widths(collection: Collection) -> list[str]:
    total = limits.ROW_WIDTH_BASE + sum(rules.attribute_width(each.fields) for each in collection.attributes)
    total += rules.RELATIONSHIP_WIDTH * len(collection.relationships)
    if total >= limits.ROW_WIDTH:
        return [f"its attributes need {total} bytes of a row, the limit is {limits.ROW_WIDTH}"]
    return []


def _relations(collection: Collection, known: set[str]) -> list[str]:
    return [
        f"relationship {each.key} names the unknown collection {each.fields['relatedCollection']}"
        for each in collection.relationships
        if each.fields["relatedCollection"] not in known
    ]


def _indexes(collection: Collection) -> list[str]:
    found = []
    if len(collection.indexes) > limits.INDEXES:
        found.append(f"{len(collection.indexes)} indexes, the limit is {limits.INDEXES}")
    attributes = {each.key: each.fields for each in collection.attributes}
    relations = {each.key for each in collection.relationships}
    for index in collection.indexes:
        found += [f"index {index.key} {message}" for message in _index(index.fields, attributes, relations)]
    return found


def _index(index: Fields, attributes: Mapping[str, Fields], relations: set[str]) -> list[str]:
    keys = index["attributes"]
    found = [f"uses the relationship {key}" for key in keys if key in relations]
    known = {*attributes, *relations, *rules.SYSTEM_LENGTHS}
    found += [f"uses the unknown attribute {key}" for key in keys if key not in known]
    found += [f"uses {key} twice" for key in _repeated(keys)]
    if not keys:
        found.append("has no attributes")
    length = sum(
        rules.length_in_index(attributes[key], stated) if key in attributes else rules.SYSTEM_LENGTHS.get(key, 0)
        for key, stated in zip(keys, index["lengths"], strict=True)
    )
    if index["type"] != "fulltext" and length > limits.INDEX_LENGTH:
        found.append(f"is {length} characters long, the limit is {limits.INDEX_LENGTH}")
    return found


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def verify(schema: Schema, live: Live) -> list[Problem]:
    """Everything that is missing, different, not available or does not add up."""
    named = address("database", schema.database_id)
    if live.database is None:
        return [Problem(named, UNSOUND, "is missing")]
    differences = rules.differences("database", schema.fields, rules.database_fields(live.database))
    found = [Problem(named, UNSOUND, str(each)) for each in differences]
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
    named = address("database", schema.database_id)
    return [
        Problem(named, UNSOUND, f"has {real[kind]} available {kind}, {number} are declared")
        for kind, number in declared.items()
        if real[kind] != number
    ]


def _collection(database: str, wanted: Collection, live: Live) -> list[Problem]:
    named = address("collection", database, wanted.id)
    real = live.collections.get(wanted.id)
    if real is None:
        return [Problem(named, UNSOUND, "is missing")]
    differences = rules.differences("collection", wanted.fields, rules.collection_fields(real.raw))
    found = [Problem(named, UNSOUND, str(each)) for each in differences]
    for part in wanted.parts():
        found += _part(database, wanted.id, part, real)
        if part.kind == "relationship":
            found += _other_side(database, wanted.id, part, live)
        if part.kind == "index":
            found += _columns(database, wanted.id, real, real.find("index", part.key))
    return found


def _part(database: str, collection: str, wanted: Part, real: LiveCollection) -> list[Problem]:
    named = address(wanted.kind, database, collection, wanted.key)
    raw = real.find(wanted.kind, wanted.key)
    if raw is None:
        return [Problem(named, UNSOUND, "is missing")]
    status = raw.get("status", "available")
    messages = [] if status == "available" else [f"is {status}, not available"]
    return [Problem(named, UNSOUND, message) for message in [*messages, *map(str, real.differences(wanted))]]


def _other_side(database: str, collection: str, wanted: Part, live: Live) -> list[Problem]:
    """A two-way relationship has a mirror in the other collection that points back here."""
    if not wanted.fields["twoWay"]:
        return []
    related, key = wanted.fields["relatedCollection"], wanted.fields["twoWayKey"]
    named = address("relationship", database, related, key)
    mirror = live.collections[related].attributes.get(key) if related in live.collections else None
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
    named = address("index", database, collection, str(raw["key"]))
    found = []
    for key in raw["attributes"]:
        attribute = real.attributes.get(key, {})
        usable = attribute.get("status") == "available" and attribute.get("type") != "relationship"
        if key not in rules.SYSTEM_LENGTHS and not usable:
            found.append(Problem(named, UNSOUND, f"its column {key} is not a usable attribute"))
    return found


def _available(parts: Mapping[str, Mapping[str, Any]], keys: list[str]) -> int:
    return sum(parts.get(key, {}).get("status") == "available" for key in keys)

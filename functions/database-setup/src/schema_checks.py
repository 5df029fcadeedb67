"""Arithmetic on the declaration alone: what can never work is found before anything is touched.

Limits are those of Appwrite 1.8.1 on MariaDB: row width, length and number of indexes, depth of relationships.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from . import addresses
from .problems import IMPOSSIBLE, Problem
from .schema import Attribute, Collection, Index, Schema

ROW_LIMIT, ROW_BASE = 65_535, 1067
RELATIONSHIP_WIDTH = 1021
INDEX_LENGTH_LIMIT = 768
INDEX_COUNT_LIMIT = 58
_INTERNAL = ("$id", "$createdAt", "$updatedAt")
_FIXED_WIDTHS = {"float": 8, "boolean": 1, "datetime": 7, "point": 25, "line": 20, "polygon": 20}
_TEXT_SIZES = {"email": 254, "url": 2000, "ip": 39, "enum": 255}


def impossible(schema: Schema) -> list[Problem]:
    """Everything about the schema that the server would have to refuse."""
    found: list[Problem] = []
    known = {collection.id for collection in schema.collections}
    for collection in schema.collections:
        named = addresses.address("collection", schema.database_id, collection.id)
        sayings = [
            *_duplicates(collection),
            *_widths(collection),
            *_relations(collection, known),
            *_indexes(collection),
        ]
        found += [Problem(named, IMPOSSIBLE, saying) for saying in sayings]
    found += [
        Problem(addresses.address("collection", schema.database_id, name), IMPOSSIBLE, "is declared twice")
        for name in _repeated(collection.id for collection in schema.collections)
    ]
    return found


def deepest_chain(schema: Schema) -> int:
    """Length of the longest chain of relationships; -1 when they form a circle. More than 3 cannot be read at once."""
    edges = {each.id: {link.related for link in each.relationships} for each in schema.collections}
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


def width(attribute: Attribute) -> int:
    """Bytes of a row that the attribute takes."""
    if attribute.array:
        return 20
    if attribute.type == "integer":
        return 8 if attribute.maximum is None or attribute.maximum > 2_147_483_647 else 4
    if attribute.type in _FIXED_WIDTHS:
        return _FIXED_WIDTHS[attribute.type]
    size = attribute.size or _TEXT_SIZES.get(attribute.type, 0)
    if size > 16_381:
        return 20
    return 4 * size + (1 if size <= 255 else 2)


def _duplicates(collection: Collection) -> list[str]:
    # Attribute keys are compared without case by the storage.
    keys = [each.key.lower() for each in collection.attributes] + [
        each.key.lower() for each in collection.relationships
    ]
    twice = [f"attribute {key} is declared twice" for key in _repeated(keys)]
    return twice + [
        f"index {key} is declared twice" for key in _repeated(each.key.lower() for each in collection.indexes)
    ]


def _widths(collection: Collection) -> list[str]:
    total = ROW_BASE + sum(width(each) for each in collection.attributes)
    total += RELATIONSHIP_WIDTH * len(collection.relationships)
    if total >= ROW_LIMIT:
        return [f"its attributes need {total} bytes of a row, the limit is {ROW_LIMIT}"]
    return []


def _relations(collection: Collection, known: set[str]) -> list[str]:
    return [
        f"relationship {each.key} names the unknown collection {each.related}"
        for each in collection.relationships
        if each.related not in known
    ]


def _indexes(collection: Collection) -> list[str]:
    found = []
    if len(collection.indexes) > INDEX_COUNT_LIMIT:
        found.append(f"{len(collection.indexes)} indexes, the limit is {INDEX_COUNT_LIMIT}")
    attributes = {each.key: each for each in collection.attributes}
    relations = {each.key for each in collection.relationships}
    for index in collection.indexes:
        found += [f"index {index.key} {saying}" for saying in _index(index, attributes, relations)]
    return found


def _index(index: Index, attributes: dict[str, Attribute], relations: set[str]) -> list[str]:
    found = [f"uses the relationship {key}" for key in index.attributes if key in relations]
    known = {*attributes, *relations, *_INTERNAL}
    found += [f"uses the unknown attribute {key}" for key in index.attributes if key not in known]
    found += [f"uses {key} twice" for key in _repeated(index.attributes)]
    if not index.attributes:
        found.append("has no attributes")
    length = index_length(index, attributes)
    if index.type != "fulltext" and length > INDEX_LENGTH_LIMIT:
        found.append(f"is {length} characters long, the limit is {INDEX_LENGTH_LIMIT}")
    return found


def index_length(index: Index, attributes: dict[str, Attribute]) -> int:
    """Characters of an index key: the stated length of each string, or its whole size."""
    total = 0
    for position, key in enumerate(index.attributes):
        attribute = attributes.get(key)
        if attribute is None or attribute.type in ("integer", *_FIXED_WIDTHS):
            continue
        stated = index.lengths[position] if position < len(index.lengths) else 0
        whole = attribute.size or _TEXT_SIZES.get(attribute.type, 0)
        total += 255 if attribute.array else stated or whole
    return total


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]

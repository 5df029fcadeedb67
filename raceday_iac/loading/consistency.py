"""Rules that concern several declarations at once: references, keys, row and index widths, locks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ..model import declarations as declared
from ..model import limits
from ..model.address import Address, collection_address
from ..model.desired import Desired
from ..model.problem import Problem
from ..model.resource import Resource

Members = Mapping[Address, declared.Declared]

#: Width in characters that the server gives to types which are stored as text (Appwrite 1.8.1).
_TEXT_SIZE = {"email": 254, "url": 2000, "ip": 39, "enum": 255}
_FIXED_WIDTH = {"float": 8, "boolean": 1, "datetime": 7, "point": 25, "line": 20, "polygon": 20}
_ARRAY_WIDTH = 20
_RELATIONSHIP_WIDTH = 1021
_INT_MAXIMUM = 2_147_483_647
#: System attributes that can be indexed, and what they count for.
_SYSTEM_LENGTHS = {"$id": 255, "$createdAt": 1, "$updatedAt": 1}
_SPATIAL = ("point", "line", "polygon")


def consistency_problems(desired: Desired, members: Members, broken: Collection[Address] = ()) -> list[Problem]:
    """Every mistake that is only visible when declarations are seen together.

    `broken` are declarations that have a problem of their own: what refers to them gets no second one."""
    problems = [*_dangling(desired, broken), *_lock_problems(desired, members, broken), *_same_but_for_case(desired)]
    for collection in desired.of_kind("collection"):
        problems += _collection_problems(desired, members, collection, broken)
    return problems


def _dangling(desired: Desired, broken: Collection[Address]) -> Iterator[Problem]:
    for resource in desired.resources.values():
        for owner in resource.depends_on:
            # Index attributes have their own, more precise check.
            is_index = resource.address.kind == "index" and owner.kind == "attribute"
            if owner not in desired.resources and owner not in broken and not is_index:
                yield Problem(resource.location, str(resource.address), f"refers to {owner}, which is not declared")


def _same_but_for_case(desired: Desired) -> Iterator[Problem]:
    """Names differ on the server only if they differ without their case. Attributes have a check of their own."""
    seen: dict[tuple[str, ...], Address] = {}
    for resource in desired.resources.values():
        *owner, name = resource.address.parts
        if resource.address.kind not in ("database", "collection", "index", "function", "variable"):
            continue
        first = seen.setdefault((resource.address.kind, *owner, name.lower()), resource.address)
        if first != resource.address:
            message = f"differs from {first} only in case, and Appwrite takes them for the same"
            yield Problem(resource.location, str(resource.address), message)


def _lock_problems(desired: Desired, members: Members, broken: Collection[Address]) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for resource in desired.of_kind("function"):
        function = members[resource.address]
        if not isinstance(function, declared.FunctionDeclaration) or function.lock is None:
            continue
        lock = function.lock.lock_id
        if lock in taken:
            yield Problem(resource.location, str(resource.address), f"lock {lock!r} is already used by {taken[lock]}")
        taken[lock] = str(resource.address)
        lock_store = collection_address(*desired.lock_store)
        if lock_store not in desired.resources and lock_store not in broken:
            store = "/".join(desired.lock_store) if any(desired.lock_store) else "(none)"
            message = f"has a lock, but the stack's lock_store {store} is not a declared collection"
            yield Problem(resource.location, str(resource.address), message)


def _collection_problems(
    desired: Desired, members: Members, collection: Resource, broken: Collection[Address]
) -> list[Problem]:
    attributes = [
        (resource, model)
        for resource in desired.below(collection.address, "attribute")
        if isinstance(model := members[resource.address], declared.AttributeDeclaration)
    ]
    relationships = desired.below(collection.address, "relationship")
    return [
        *_repeated_keys(desired, collection, [resource for resource, _ in attributes] + relationships),
        *_width_problems(collection, [model for _, model in attributes], len(relationships)),
        *_index_problems(desired, members, collection, broken),
        *_many_to_many_problems(desired, relationships),
    ]


def _repeated_keys(desired: Desired, collection: Resource, own: Sequence[Resource]) -> Iterator[Problem]:
    """Keys are compared without case, and share one space with the far sides of relationships from elsewhere.

    A one-way relationship has a far side as well: the data knows it, and takes an attribute of that key out of every
    answer (utopia-php/database, populateDocumentRelationships; the library of 1.8.1)."""
    seen: dict[str, Address] = {}
    for resource in own:
        key = resource.address.name.lower()
        if key in seen:
            message = f"its key clashes with {seen[key]} (keys are compared without case)"
            yield Problem(resource.location, str(resource.address), message)
        seen[key] = resource.address
    for other in desired.of_kind("relationship"):
        related = (other.address.parts[0], other.fields["relatedCollection"])
        if collection.address != collection_address(*related):
            continue
        key = str(other.fields["twoWayKey"]).lower()
        if key in seen:
            message = f"two_way_key {other.fields['twoWayKey']!r} clashes with {seen[key]}"
            if not other.fields["twoWay"]:
                message += " (the far side of a one-way relationship is hidden, but its key is taken)"
            yield Problem(other.location, str(other.address), message)
        seen[key] = other.address


def _width_problems(
    collection: Resource, attributes: Sequence[declared.AttributeDeclaration], relationships: int
) -> Iterator[Problem]:
    columns = len(attributes) + relationships
    if columns > limits.COLUMNS:
        message = f"has {columns} attributes; at most {limits.COLUMNS} fit"
        yield Problem(collection.location, str(collection.address), message)
    width = limits.ROW_WIDTH_BASE + relationships * _RELATIONSHIP_WIDTH + sum(map(attribute_width, attributes))
    if width >= limits.ROW_WIDTH:
        widest = max(attributes, key=attribute_width, default=None)
        advice = (
            f"the widest attribute is {widest.key} with {attribute_width(widest)} "
            "(a string above 16381 characters takes only 20)"
            if widest
            else f"a relationship takes {_RELATIONSHIP_WIDTH}"
        )
        message = f"a row would be {width} bytes wide, Appwrite allows less than {limits.ROW_WIDTH}; {advice}"
        yield Problem(collection.location, str(collection.address), message)


def attribute_width(attribute: declared.AttributeDeclaration) -> int:
    """Bytes of a row that an attribute takes (Appwrite 1.8.1 on MariaDB)."""
    if attribute.array:
        return _ARRAY_WIDTH
    if attribute.type == "integer":
        return 8 if attribute.max is None or attribute.max > _INT_MAXIMUM else 4
    if attribute.type in _FIXED_WIDTH:
        return _FIXED_WIDTH[attribute.type]
    size = _TEXT_SIZE.get(attribute.type, attribute.size or 0)
    if size > 16_381:
        return 20
    return 4 * size + (1 if size <= 255 else 2)


def _index_problems(
    desired: Desired, members: Members, collection: Resource, broken: Collection[Address]
) -> Iterator[Problem]:
    indexes = desired.below(collection.address, "index")
    if len(indexes) > limits.INDEXES:
        message = f"has {len(indexes)} indexes; at most {limits.INDEXES} fit"
        yield Problem(collection.location, str(collection.address), message)
    for resource in indexes:
        index = members[resource.address]
        assert isinstance(index, declared.IndexDeclaration)
        for message in _one_index(desired, members, collection.address, index, broken):
            yield Problem(resource.location, str(resource.address), message)


def _one_index(
    desired: Desired,
    members: Members,
    owner: Address,
    index: declared.IndexDeclaration,
    broken: Collection[Address],
) -> Iterator[str]:
    total, arrays = 0, 0
    for position, name in enumerate(index.attributes):
        if name in _SYSTEM_LENGTHS:
            total += _SYSTEM_LENGTHS[name]
            continue
        if owner.child("attribute", name) in broken:
            continue
        if owner.child("relationship", name) in desired.resources:
            yield f"{name!r} is a relationship, and those cannot be indexed"
            continue
        attribute = members.get(owner.child("attribute", name))
        if not isinstance(attribute, declared.AttributeDeclaration):
            keys = [resource.address.name for resource in desired.below(owner, "attribute")]
            yield f"unknown attribute {name!r}{declared.nearest(name, keys)}"
            continue
        arrays += attribute.array
        length = index.lengths[position] if position < len(index.lengths) else 0
        size = _indexed_size(attribute)
        is_text = attribute.type == "string" or attribute.type in _TEXT_SIZE
        if length and not is_text:
            yield f"a length is only for text, {name!r} is {attribute.type}"
        elif length > size:
            yield f"length {length} of {name!r} is above its size {size}"
        total += limits.ARRAY_INDEX_LENGTH if attribute.array else (length or size)
        yield from _type_problems(index, attribute)
    if index.type in ("key", "unique") and total > limits.INDEX_LENGTH:
        yield f"is {total} characters long, Appwrite allows {limits.INDEX_LENGTH}; give lengths"
    if arrays > 1:
        yield "has more than one array attribute"


def _type_problems(index: declared.IndexDeclaration, attribute: declared.AttributeDeclaration) -> Iterator[str]:
    is_text = attribute.type == "string" or attribute.type in _TEXT_SIZE
    if index.type == "fulltext" and not is_text:
        yield f"a fulltext index needs text, {attribute.key!r} is {attribute.type}"
    if (index.type == "spatial") != (attribute.type in _SPATIAL):
        yield f"a {index.type} index cannot be on {attribute.key!r}, which is {attribute.type}"
    elif index.type == "spatial" and not attribute.required:
        yield f"a spatial index needs a required attribute, {attribute.key!r} is optional"
    if index.type in ("fulltext", "unique") and attribute.array:
        yield f"a {index.type} index cannot be on the array {attribute.key!r}"


def _indexed_size(attribute: declared.AttributeDeclaration) -> int:
    """What an attribute counts for in an index: text its characters, other types next to nothing."""
    if attribute.type == "string":
        return attribute.size or 0
    return _TEXT_SIZE.get(attribute.type, 2 if attribute.type == "float" else 1)


def _many_to_many_problems(desired: Desired, relationships: Sequence[Resource]) -> Iterator[Problem]:
    """One manyToMany between two collections; the mirror of a two-way one counts from the other side."""
    pairs: dict[frozenset[str], Address] = {}
    for other in desired.of_kind("relationship"):
        if other.fields["relationType"] != "manyToMany":
            continue
        pair = frozenset({other.address.parts[1], other.fields["relatedCollection"]})
        first = pairs.setdefault(pair, other.address)
        if first != other.address and other in relationships and _counts_twice(desired, first, other):
            message = f"a second manyToMany relationship beside {first}; Appwrite allows one between two collections"
            yield Problem(other.location, str(other.address), message)


def _counts_twice(desired: Desired, first: Address, second: Resource) -> bool:
    same_side = first.parts[:2] == second.address.parts[:2]
    return same_side or desired.resources[first].fields["twoWay"] or second.fields["twoWay"]

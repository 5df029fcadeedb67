"""Rules that concern several declarations at once: references, keys, row and index widths, locks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..kinds import KINDS, Kind, declared, kind_of, schema_rules
from ..kinds.function import FunctionDeclaration
from ..kinds.index import IndexDeclaration
from ..model import limits
from ..model.address import Address, collection_address
from ..model.declarations import Declared, nearest
from ..model.problem import Diagnostic
from ..model.resource import Desired, Fields, Resource

Members = Mapping[Address, Declared]

#: System attributes that can be indexed, and the bytes that they take.
_SYSTEM_BYTES = {"$id": 1020, "$createdAt": 7, "$updatedAt": 7}


def consistency_problems(desired: Desired, members: Members, broken: Collection[Address] = ()) -> list[Diagnostic]:
    """Every mistake that is only visible when declarations are seen together.

    `broken` are declarations that have a problem of their own: what refers to them gets no second one."""
    problems = [*_dangling(desired, broken), *_lock_problems(desired, members, broken), *_same_but_for_case(desired)]
    for collection in declared(desired, lambda kind: kind.holds_documents_itself):
        problems += _collection_problems(desired, members, collection, broken)
    return problems


def _dangling(desired: Desired, broken: Collection[Address]) -> Iterator[Diagnostic]:
    for resource in desired.resources.values():
        for owner in resource.depends_on:
            # Index attributes have their own, more precise check.
            is_over = kind_of(resource.address).breaks_with_dependencies and kind_of(owner).is_column
            if owner not in desired.resources and owner not in broken and not is_over:
                yield Diagnostic(resource.location, str(resource.address), f"refers to {owner}, which is not declared")


def _same_but_for_case(desired: Desired) -> Iterator[Diagnostic]:
    """Names that are one to the server. Attributes and relationships have a check of their own."""
    seen: dict[tuple[str, ...], Address] = {}
    for resource in desired.resources.values():
        kind, (*owner, name) = kind_of(resource.address), resource.address.parts
        if kind.is_column or kind.is_code:
            continue
        first = seen.setdefault((kind.name, *owner, kind.folded(name)), resource.address)
        if first != resource.address:
            message = (
                f"differs from {first} only in {kind.folded_away}, and Appwrite takes them for the same; rename one"
            )
            yield Diagnostic(resource.location, str(resource.address), message)


def _lock_problems(desired: Desired, members: Members, broken: Collection[Address]) -> Iterator[Diagnostic]:
    taken: dict[str, str] = {}
    for resource in declared(desired, lambda kind: kind.has_runs):
        function = members[resource.address]
        if not isinstance(function, FunctionDeclaration) or function.lock is None:
            continue
        lock = function.lock.lock_id
        first = taken.setdefault(lock.lower(), str(resource.address))
        if first != str(resource.address):
            message = f"lock {lock!r} is already used by {first} (ids are compared without case)"
            yield Diagnostic(resource.location, str(resource.address), message)
        lock_store = collection_address(*desired.lock_store)
        if lock_store not in desired.resources and lock_store not in broken:
            store = "/".join(desired.lock_store) if any(desired.lock_store) else "(none)"
            message = f"has a lock, but the stack's lock_store {store} is not a declared collection"
            yield Diagnostic(resource.location, str(resource.address), message)


@dataclass(frozen=True)
class _Sides:
    """What relationships put into a collection, its own and those of others that point to it: attributes, hidden ones
    too; columns; and indexes that Appwrite adds by itself (utopia-php/database 3.5.0, createRelationship)."""

    attributes: int = 0
    columns: int = 0
    indexes: int = 0


def _sides(desired: Desired, collection: Address) -> _Sides:
    attributes = columns = indexes = 0
    for each in _relationships(desired):
        kind, two_way = each.fields["relationType"], each.fields["twoWay"]
        owner, related = each.address.parts[:2], (each.address.parts[0], each.fields["relatedCollection"])
        # The column is on the side of the one; a oneToOne has one on its own side, and another where it is two-way.
        if collection.parts == owner:
            attributes += 1
            columns += kind in ("oneToOne", "manyToOne")
            indexes += kind in ("oneToOne", "manyToOne")
        if collection.parts == related:
            # Of a one-way relationship with itself only one side is counted.
            attributes += two_way or owner != related
            columns += kind == "oneToMany" or (kind == "oneToOne" and two_way)
            indexes += kind == "oneToMany" or (kind == "oneToOne" and two_way)
    return _Sides(attributes, columns, indexes)


def _relationships(desired: Desired) -> list[Resource]:
    return declared(desired, lambda kind: kind.is_column and not kind.holds_values)


def _inside(desired: Desired, collection: Address, has: Callable[[Kind], bool]) -> list[Resource]:
    """What is declared in a collection of the kinds that have something."""
    return [each for name, kind in KINDS.items() if has(kind) for each in desired.below(collection, name)]


def _collection_problems(
    desired: Desired, members: Members, collection: Resource, broken: Collection[Address]
) -> list[Diagnostic]:
    attributes = _inside(desired, collection.address, lambda kind: kind.holds_values)
    relationships = _inside(desired, collection.address, lambda kind: kind.is_column and not kind.holds_values)
    sides = _sides(desired, collection.address)
    return [
        *_repeated_keys(desired, collection, attributes + relationships),
        *_width_problems(collection, attributes, sides),
        *_index_problems(desired, members, collection, sides, broken),
        *_many_to_many_problems(desired, relationships),
    ]


def _repeated_keys(desired: Desired, collection: Resource, own: Sequence[Resource]) -> Iterator[Diagnostic]:
    """Keys are compared as the columns they become, and share one space with the far sides of relationships.

    A one-way relationship has a far side as well: the data knows it, and takes an attribute of that key out of every
    answer (utopia-php/database, populateDocumentRelationships; the library of 1.8.1)."""
    seen: dict[str, Address] = {}
    for resource in own:
        key = resource.address.name
        first = seen.setdefault(limits.column_name(key), resource.address)
        if first != resource.address:
            yield Diagnostic(
                resource.location, str(resource.address), f"its key clashes with {first} {_why(first, key)}"
            )
    for other in _relationships(desired):
        related = (other.address.parts[0], other.fields["relatedCollection"])
        if collection.address != collection_address(*related):
            continue
        key = str(other.fields["twoWayKey"])
        if limits.column_name(key) in seen:
            first = seen[limits.column_name(key)]
            message = f"two_way_key {key!r} clashes with {first}"
            if not other.fields["twoWay"]:
                message += " (the far side of a one-way relationship is hidden, but its key is taken)"
            elif key.lower() != first.name.lower():
                message += f" {_why(first, key)}"
            yield Diagnostic(other.location, str(other.address), message)
        seen[limits.column_name(key)] = other.address


def _why(first: Address, key: str) -> str:
    if first.name.lower() == key.lower():
        return "(keys are compared without case)"
    return "(Appwrite leaves dots out of the names of columns)"


def _width_problems(collection: Resource, attributes: Sequence[Resource], sides: _Sides) -> Iterator[Diagnostic]:
    fields = [each.fields for each in attributes]
    columns = len(fields) + sides.attributes
    if columns > limits.COLUMNS:
        message = f"has {columns} attributes; at most {limits.COLUMNS} fit; split the collection"
        yield Diagnostic(collection.location, str(collection.address), message)
    width = (
        limits.ROW_WIDTH_BASE
        + sides.attributes * schema_rules.RELATIONSHIP_WIDTH
        + sum(map(schema_rules.attribute_width, fields))
    )
    if width >= limits.ROW_WIDTH:
        message = f"a row would be {width} bytes wide, Appwrite allows less than {limits.ROW_WIDTH}"
        yield Diagnostic(collection.location, str(collection.address), f"{message}; {_row_advice(attributes)}")
        return
    nullable = (
        3 + sides.columns + sum(not (each["required"] and each["type"] in schema_rules.SHAPES) for each in fields)
    )
    in_table = 1055 + -(-nullable // 8) + sides.columns * 1022 + sum(map(_table_bytes, fields))
    if in_table > limits.TABLE_ROW_BYTES:
        message = f"a row would be {in_table} bytes wide, MariaDB allows {limits.TABLE_ROW_BYTES}"
        yield Diagnostic(collection.location, str(collection.address), f"{message}; {_row_advice(attributes)}")
    in_page = 82 + -(-nullable // 8) + sides.columns * _OUTSIDE + sum(map(_page_bytes, fields))
    if in_page > limits.PAGE_ROW_BYTES:
        message = (
            f"a row would take {in_page} bytes of a page, MariaDB allows {limits.PAGE_ROW_BYTES}, and attributes "
            f"beyond would fail; give short strings a size of {_SHORTEST_OUTSIDE} characters or more (they take "
            f"{_OUTSIDE} bytes then), or split the collection"
        )
        yield Diagnostic(collection.location, str(collection.address), message)


def _row_advice(attributes: Sequence[Resource]) -> str:
    widest = max(attributes, key=lambda each: schema_rules.attribute_width(each.fields), default=None)
    if widest is None:
        return f"a relationship takes {schema_rules.RELATIONSHIP_WIDTH}"
    return (
        f"the widest attribute is {widest.address.name} with {schema_rules.attribute_width(widest.fields)} "
        f"(a string above {limits.LONGEST_VARCHAR} characters takes only 20)"
    )


#: Bytes in the page of what lies outside of it, and the shortest text that does.
_OUTSIDE, _SHORTEST_OUTSIDE = 21, 64
_FIXED_BYTES = {"float": 8, "boolean": 1, "datetime": 7}


def _table_bytes(attribute: Fields) -> int:
    """Bytes of a row as MariaDB counts them (10.11, tried: CREATE TABLE and ALTER TABLE at the limit)."""
    if attribute["array"] or attribute["type"] in schema_rules.SHAPES:
        return 12
    if attribute["type"] == "integer":
        return schema_rules.integer_bytes(attribute["max"])
    if attribute["type"] in _FIXED_BYTES:
        return _FIXED_BYTES[attribute["type"]]
    size = schema_rules.characters(attribute)
    if size > limits.LONGEST_VARCHAR:
        return 10 if size <= 65_535 else 11 if size <= 16_777_215 else 12
    return 4 * size + (1 if 4 * size <= 255 else 2)


def _page_bytes(attribute: Fields) -> int:
    """Bytes of a row that lie in the page (InnoDB of MariaDB 10.11, row format DYNAMIC; tried as above)."""
    size = schema_rules.characters(attribute)
    is_outside = attribute["array"] or attribute["type"] in schema_rules.SHAPES or size >= _SHORTEST_OUTSIDE
    return _OUTSIDE if is_outside else _table_bytes(attribute)


def _index_problems(
    desired: Desired, members: Members, collection: Resource, sides: _Sides, broken: Collection[Address]
) -> Iterator[Diagnostic]:
    indexes = _inside(desired, collection.address, lambda kind: kind.breaks_with_dependencies)
    if len(indexes) + sides.indexes > limits.INDEXES:
        message = f"has {len(indexes)} indexes; at most {limits.INDEXES} fit"
        if sides.indexes:
            message = (
                f"has {len(indexes)} indexes and {sides.indexes} that relationships add; "
                f"at most {limits.INDEXES} fit together"
            )
        yield Diagnostic(collection.location, str(collection.address), message)
    for resource in indexes:
        index = members[resource.address]
        assert isinstance(index, IndexDeclaration)
        for message in _one_index(desired, collection.address, index, broken):
            yield Diagnostic(resource.location, str(resource.address), message)


def _one_index(
    desired: Desired,
    owner: Address,
    index: IndexDeclaration,
    broken: Collection[Address],
) -> Iterator[str]:
    total = size_in_bytes = arrays = 0
    for position, name in enumerate(index.attributes):
        if name in _SYSTEM_BYTES:
            total += schema_rules.SYSTEM_LENGTHS[name]
            size_in_bytes += _SYSTEM_BYTES[name]
            continue
        if owner.child("attribute", name) in broken:
            continue
        if owner.child("relationship", name) in desired.resources:
            yield f"{name!r} is a relationship, and those cannot be indexed"
            continue
        found = desired.resources.get(owner.child("attribute", name))
        if found is None:
            keys = [resource.address.name for resource in _inside(desired, owner, lambda kind: kind.holds_values)]
            yield f"unknown attribute {name!r}{nearest(name, keys)}"
            continue
        attribute = found.fields
        arrays += attribute["array"]
        length = index.lengths[position] if position < len(index.lengths) else 0
        size = schema_rules.characters(attribute)
        if length and not size:
            yield f"a length is only for text, {name!r} is {attribute['type']}"
        elif length > size:
            yield f"length {length} of {name!r} is above its size {size}"
        total += schema_rules.length_in_index(attribute, length)
        size_in_bytes += 4 * schema_rules.text_in_index(attribute, length) or _table_bytes(attribute)
        yield from _type_problems(index.type, name, attribute)
    if index.type in ("key", "unique"):
        yield from _length_problems(total, size_in_bytes)
    if arrays > 1:
        yield "has more than one array attribute"


def _length_problems(characters: int, size_in_bytes: int) -> Iterator[str]:
    if characters > limits.INDEX_LENGTH:
        yield f"is {characters} characters long, Appwrite allows {limits.INDEX_LENGTH}; give lengths"
    elif size_in_bytes > limits.INDEX_BYTES:
        yield (
            f"is {size_in_bytes} bytes long (4 for a character), MariaDB allows {limits.INDEX_BYTES}, and the index "
            "would fail; give lengths"
        )


def _type_problems(index: str, key: str, attribute: Fields) -> Iterator[str]:
    if index == "fulltext" and not schema_rules.characters(attribute):
        yield f"a fulltext index needs text, {key!r} is {attribute['type']}"
    if (index == "spatial") != (attribute["type"] in schema_rules.SHAPES):
        yield f"a {index} index cannot be on {key!r}, which is {attribute['type']}"
    elif index == "spatial" and not attribute["required"]:
        yield f"a spatial index needs a required attribute, {key!r} is optional"
    if index in ("fulltext", "unique") and attribute["array"]:
        yield f"a {index} index cannot be on the array {key!r}"


def _many_to_many_problems(desired: Desired, relationships: Sequence[Resource]) -> Iterator[Diagnostic]:
    """One manyToMany between two collections; the mirror of a two-way one counts from the other side."""
    pairs: dict[frozenset[str], Address] = {}
    for other in _relationships(desired):
        if other.fields["relationType"] != "manyToMany":
            continue
        pair = frozenset({other.address.parts[1], other.fields["relatedCollection"]})
        first = pairs.setdefault(pair, other.address)
        if first != other.address and other in relationships and _counts_twice(desired, first, other):
            message = f"a second manyToMany relationship beside {first}; Appwrite allows one between two collections"
            yield Diagnostic(other.location, str(other.address), message)


def _counts_twice(desired: Desired, first: Address, second: Resource) -> bool:
    same_side = first.parts[:2] == second.address.parts[:2]
    return same_side or desired.resources[first].fields["twoWay"] or second.fields["twoWay"]

"""Which indexes are accepted. Sentences and order of checks as utopia-php/database 3.5.0, Validator/Index.php."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .catalog import Attribute

#: Characters of a key, as MariaDB counts them in utf8mb4.
MAX_LENGTH = 768
ARRAY_LENGTH = 255
MAX_INDEXES = 58
RESERVED = frozenset({"primary", "_created_at", "_updated_at", "_tenant_id"})
SPATIAL = frozenset({"point", "linestring", "polygon"})

Facts = Mapping[str, Attribute]


class BadIndex(ValueError):
    """What is wrong with an index."""


def system_attributes() -> dict[str, Attribute]:
    """The fields of every document that can be part of an index."""
    return {
        "$id": _system("$id", "string", 255),
        "$createdAt": _system("$createdAt", "datetime", 0),
        "$updatedAt": _system("$updatedAt", "datetime", 0),
    }


def _system(key: str, kind: str, size: int) -> Attribute:
    return Attribute(key, kind, "", size, False, False, False, None, {}, False)


def check(
    key: str,
    kind: str,
    attributes: Sequence[str],
    lengths: Sequence[int | None],
    orders: Sequence[str | None],
    facts: Facts,
) -> None:
    """Refuse an index that cannot be. Raises `BadIndex`. `facts` hold every attribute named, by key."""
    if not attributes:
        raise BadIndex("No attributes provided for index")
    _refuse_duplicates(attributes)
    if kind == "fulltext":
        _check_fulltext(attributes, facts)
    _check_arrays(kind, attributes, lengths, orders, facts)
    if kind != "fulltext":
        check_lengths(attributes, lengths, facts)
    if key.lower() in RESERVED:
        raise BadIndex("Index key name is reserved")
    _check_spatial(kind, attributes, orders, facts)


def check_again(kind: str, attributes: Sequence[str], lengths: Sequence[int | None], facts: Facts) -> None:
    """Refuse what a change of an attribute would make of an index. Raises `BadIndex`. `facts` are by key in small
    letters."""
    for each in attributes:
        if each.lower() not in facts:
            raise BadIndex(f'Invalid index attribute "{each}" not found')
    _refuse_duplicates(attributes)
    if kind != "fulltext":
        check_lengths(attributes, lengths, {each: facts[each.lower()] for each in attributes})


def _refuse_duplicates(attributes: Sequence[str]) -> None:
    if len({each.lower() for each in attributes}) != len(attributes):
        raise BadIndex("Duplicate attributes provided")


def _check_fulltext(attributes: Sequence[str], facts: Facts) -> None:
    for name in attributes:
        if facts[name].type != "string":
            raise BadIndex(f'Attribute "{name}" cannot be part of a fulltext index, must be of type string')


def _check_arrays(
    kind: str,
    attributes: Sequence[str],
    lengths: Sequence[int | None],
    orders: Sequence[str | None],
    facts: Facts,
) -> None:
    arrays = 0
    for place, name in enumerate(attributes):
        attribute = facts[name]
        length = lengths[place] if place < len(lengths) else None
        if not attribute.is_array:
            if attribute.type != "string" and length:
                raise BadIndex(f'Cannot set a length on "{attribute.type}" attributes')
            continue
        if kind != "key":
            raise BadIndex(f'"{kind.capitalize()}" index is forbidden on array attributes')
        arrays += 1
        if arrays > 1:
            raise BadIndex("An index may only contain one array attribute")
        order = orders[place] if place < len(orders) else None
        if order:
            raise BadIndex(f'Invalid index order "{order}" on array attribute "{name}"')


def check_lengths(attributes: Sequence[str], lengths: Sequence[int | None], facts: Facts) -> None:
    """Refuse lengths beyond the attribute or, together, beyond what a key may have. Raises `BadIndex`."""
    if len(lengths) > len(attributes):
        raise BadIndex("Invalid index lengths. Count of lengths must be equal or less than the number of attributes.")
    total = 0
    for place, name in enumerate(attributes):
        attribute = facts[name]
        size, length = _size_and_length(attribute, lengths[place] if place < len(lengths) else None)
        if length < 0:
            raise BadIndex(f"Negative index length provided for {name}")
        if attribute.is_array:
            size = length = ARRAY_LENGTH
        if length > size:
            # The stray quotation mark is the server's.
            raise BadIndex(f'Index length {length} is larger than the size for {name}: {size}"')
        total += length
    if total > MAX_LENGTH:
        raise BadIndex(f"Index length is longer than the maximum: {MAX_LENGTH}")


def _size_and_length(attribute: Attribute, length: int | None) -> tuple[int, int]:
    if attribute.type == "string":
        return attribute.size, length or attribute.size
    units = 2 if attribute.type == "double" else 1
    return units, units


def _check_spatial(kind: str, attributes: Sequence[str], orders: Sequence[str | None], facts: Facts) -> None:
    if kind != "spatial":
        for name in attributes:
            if facts[name].type in SPATIAL:
                raise BadIndex(
                    f'Cannot create {kind} index on spatial attribute "{name}". '
                    "Spatial attributes require spatial indexes."
                )
        return
    if len(attributes) != 1:
        raise BadIndex("Spatial index must have exactly one attribute")
    attribute = facts[attributes[0]]
    if attribute.type not in SPATIAL:
        raise BadIndex(
            "Spatial index can only be created on spatial attributes (point, linestring, polygon). "
            f'Attribute "{attributes[0]}" is of type "{attribute.type}"'
        )
    if not attribute.required:
        raise BadIndex(
            f'Spatial indexes do not allow null values. Mark the attribute "{attributes[0]}" as required or create '
            "the index on a column with no null values."
        )
    if orders:
        raise BadIndex(
            "Spatial indexes with explicit orders are not supported. Remove the orders to create this index."
        )

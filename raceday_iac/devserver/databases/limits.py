"""How many columns a collection may have, how wide its rows may be, and how long its definitions.

Appwrite counts before it accepts an attribute (utopia-php/database 3.5.0, Adapter/SQL.php, Validator/Structure.php).
MariaDB counts otherwise, and more strictly, when a worker makes the column: tried on 10.11 at each limit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..params import encoded, too_long
from .catalog import Attribute
from .columns import MAX_VARCHAR, MEDIUM_TEXT_BYTES, TEXT_BYTES

MAX_COLUMNS = 1017
INTERNAL_COLUMNS = 7
MAX_ROW_WIDTH = 65_535
BASE_ROW_WIDTH = 1067
#: Bytes of a pointer to data that is kept outside the row.
POINTER_WIDTH = 20
KEY_LENGTH = 255

#: Types of text: those with a size of their own, and those that are kept outside of the row.
SIZED_TEXTS = frozenset({"string", "varchar"})
OUTSIDE_TEXTS = frozenset({"text", "mediumtext", "longtext"})
TEXTS = SIZED_TEXTS | OUTSIDE_TEXTS
WIDTHS = {
    "bigint": 8,
    "double": 8,
    "boolean": 1,
    "datetime": 7,
    "relationship": KEY_LENGTH * 4 + 1,
    "point": 25,
    "linestring": POINTER_WIDTH,
    "polygon": POINTER_WIDTH,
    **dict.fromkeys(OUTSIDE_TEXTS, POINTER_WIDTH),
}


@dataclass(frozen=True)
class Width:
    """What decides the width of one column."""

    type: str
    size: int
    is_array: bool

    def bytes(self) -> int:
        """The bytes of a row that the column takes."""
        if self.is_array:
            return POINTER_WIDTH
        if self.type in SIZED_TEXTS:
            return _string_bytes(self.size)
        if self.type == "integer":
            return 8 if self.size >= 8 else 4
        return WIDTHS[self.type]


def _string_bytes(size: int) -> int:
    if size > MAX_VARCHAR:
        return POINTER_WIDTH
    return size * 4 + (2 if size > KEY_LENGTH else 1)


def columns_of(db: sqlite3.Connection, collection: int, *, without: str = "") -> list[Width]:
    """The columns of a collection that count, whatever their status; one of them may be left out."""
    rows = db.execute(
        "SELECT type, size, is_array FROM db_attributes WHERE collection = ? AND key != ?",
        (collection, without),
    )
    return [Width(str(row["type"]), int(row["size"]), bool(row["is_array"])) for row in rows]


def row_bytes(columns: Sequence[Width]) -> int:
    """How wide a row with these columns is, as Appwrite counts."""
    return BASE_ROW_WIDTH + sum(column.bytes() for column in columns)


def fits(columns: list[Width]) -> bool:
    """Whether a table may have these columns."""
    if len(columns) + INTERNAL_COLUMNS > MAX_COLUMNS:
        return False
    return row_bytes(columns) < MAX_ROW_WIDTH


#: Columns of the collection that keeps attributes (1.8.1, app/config/collections/projects.php).
DEFINITION_WIDTH = 16_384

#: Bytes of MariaDB's row, and of the part of it that InnoDB keeps in the page; a column is only added while the columns
#: before it fit there.
MAX_TABLE_BYTES, FULL_PAGE = 65_535, 8126
BASE_TABLE_BYTES, BASE_PAGE_BYTES, BASE_NULLABLE = 1055, 82, 3
#: Bytes in the page of what is kept outside of it, and the longest text (in bytes) that never is.
OUTSIDE, LONGEST_INSIDE = 21, 255
_TABLE_BYTES = {"bigint": 8, "double": 8, "boolean": 1, "datetime": 7, "point": 12, "linestring": 12, "polygon": 12}
SPATIAL = frozenset({"point", "linestring", "polygon"})


def too_long_definition(default: Any, options: dict[str, Any]) -> str:
    """What the database layer says about a default or elements that do not fit encoded, or an empty text."""
    for field, value in (("default", {"value": default}), ("formatOptions", options)):
        if len(encoded(value)) > DEFINITION_WIDTH:
            return too_long(field, DEFINITION_WIDTH)
    return ""


def metadata_problem(attributes: Sequence[Attribute], more: Attribute) -> str:
    """Why the worker's own count refuses one more attribute, or an empty text. Hidden sides count here."""
    widths = [Width(each.type, each.size, each.is_array) for each in (*attributes, more)]
    if len(widths) + INTERNAL_COLUMNS > MAX_COLUMNS:
        return "Column limit reached. Cannot create new attribute."
    return "" if fits(widths) else "Row width limit reached. Cannot create new attribute."


def is_table_full(attributes: Sequence[Attribute], more: Attribute) -> bool:
    """Whether MariaDB refuses the column of one more attribute."""
    before = [each for each in attributes if each.is_stored]
    after = [*before, more]
    in_page = BASE_PAGE_BYTES + _null_bytes(before) + sum(map(_page_bytes, before))
    in_table = BASE_TABLE_BYTES + _null_bytes(after) + sum(map(_table_bytes, after))
    return in_page >= FULL_PAGE or in_table > MAX_TABLE_BYTES


def _null_bytes(attributes: Sequence[Attribute]) -> int:
    nullable = BASE_NULLABLE + sum(not (each.type in SPATIAL and each.required) for each in attributes)
    return -(-nullable // 8)


def _text_bytes(attribute: Attribute) -> int:
    """Bytes of a text that is kept as VARCHAR, 0 of anything else."""
    if attribute.is_array or attribute.type not in SIZED_TEXTS | {"relationship"}:
        return 0
    size = KEY_LENGTH if attribute.type == "relationship" else attribute.size
    return 4 * size if size <= MAX_VARCHAR else 0


def _table_bytes(attribute: Attribute) -> int:
    text = _text_bytes(attribute)
    if text:
        return text + (1 if text <= LONGEST_INSIDE else 2)
    if attribute.is_array:
        return 12
    if attribute.type == "integer":
        return 8 if attribute.size >= 8 else 4
    if attribute.type in TEXTS:
        return 10 if attribute.size <= TEXT_BYTES else 11 if attribute.size <= MEDIUM_TEXT_BYTES else 12
    return _TABLE_BYTES[attribute.type]


def _page_bytes(attribute: Attribute) -> int:
    is_inside = not attribute.is_array and attribute.type not in SPATIAL | TEXTS | {"relationship"}
    if is_inside or 0 < _text_bytes(attribute) <= LONGEST_INSIDE:
        return _table_bytes(attribute)
    return OUTSIDE


def key_bytes(attribute: Attribute, length: int | None) -> int:
    """Bytes that an attribute takes of an index."""
    if attribute.is_array:
        return 4 * KEY_LENGTH
    if attribute.type in TEXTS:
        return 4 * (length or attribute.size)
    return _table_bytes(attribute)


# Which indexes are accepted. Sentences and order of checks as utopia-php/database 3.5.0, Validator/Index.php.


#: Characters of a key, as MariaDB counts them in utf8mb4.
MAX_LENGTH = 768
ARRAY_LENGTH = 255
MAX_INDEXES = 58
RESERVED = frozenset({"primary", "_created_at", "_updated_at", "_tenant_id"})

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
    _check_spatial(kind, attributes, facts)


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
        if facts[name].type not in TEXTS:
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
            if attribute.type not in TEXTS and length:
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
    if attribute.type in TEXTS:
        return attribute.size, length or attribute.size
    units = 2 if attribute.type == "double" else 1
    return units, units


def _check_spatial(kind: str, attributes: Sequence[str], facts: Facts) -> None:
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

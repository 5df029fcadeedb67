"""How many columns a collection may have, how wide its rows may be, and how long its definitions.

Appwrite counts before it accepts an attribute (utopia-php/database 3.5.0, Adapter/SQL.php, Validator/Structure.php).
MariaDB counts otherwise, and more strictly, when a worker makes the column: tried on 10.11 at each limit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..stored import encoded, too_long
from .catalog import Attribute
from .columns import MAX_VARCHAR, MEDIUM_TEXT_BYTES, TEXT_BYTES

MAX_COLUMNS = 1017
INTERNAL_COLUMNS = 7
MAX_ROW_WIDTH = 65_535
BASE_ROW_WIDTH = 1067
#: Bytes of a pointer to data that is kept outside the row.
POINTER_WIDTH = 20
KEY_LENGTH = 255

WIDTHS = {
    "double": 8,
    "boolean": 1,
    "datetime": 7,
    "relationship": KEY_LENGTH * 4 + 1,
    "point": 25,
    "linestring": POINTER_WIDTH,
    "polygon": POINTER_WIDTH,
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
        if self.type == "string":
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


def fits(columns: list[Width]) -> bool:
    """Whether a table may have these columns."""
    if len(columns) + INTERNAL_COLUMNS > MAX_COLUMNS:
        return False
    return BASE_ROW_WIDTH + sum(column.bytes() for column in columns) < MAX_ROW_WIDTH


#: Columns of the collection that keeps attributes (1.8.1, app/config/collections/projects.php).
DEFINITION_WIDTH = 16_384

#: Bytes of MariaDB's row, and of the part of it that InnoDB keeps in the page; a column is only added while the columns
#: before it fit there.
MAX_TABLE_BYTES, FULL_PAGE = 65_535, 8126
BASE_TABLE_BYTES, BASE_PAGE_BYTES, BASE_NULLABLE = 1055, 82, 3
#: Bytes in the page of what is kept outside of it, and the longest text (in bytes) that never is.
OUTSIDE, LONGEST_INSIDE = 21, 255
_TABLE_BYTES = {"double": 8, "boolean": 1, "datetime": 7, "point": 12, "linestring": 12, "polygon": 12}
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
    if attribute.is_array or attribute.type not in {"string", "relationship"}:
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
    if attribute.type == "string":
        return 10 if attribute.size <= TEXT_BYTES else 11 if attribute.size <= MEDIUM_TEXT_BYTES else 12
    return _TABLE_BYTES[attribute.type]


def _page_bytes(attribute: Attribute) -> int:
    is_inside = not attribute.is_array and attribute.type not in SPATIAL | {"string", "relationship"}
    if is_inside or 0 < _text_bytes(attribute) <= LONGEST_INSIDE:
        return _table_bytes(attribute)
    return OUTSIDE


def key_bytes(attribute: Attribute, length: int | None) -> int:
    """Bytes that an attribute takes of an index."""
    if attribute.is_array:
        return 4 * KEY_LENGTH
    if attribute.type == "string":
        return 4 * (length or attribute.size)
    return _table_bytes(attribute)

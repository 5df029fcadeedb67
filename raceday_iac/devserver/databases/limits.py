"""How many columns a collection may have, and how wide its rows may be (utopia-php/database 3.5.0, Adapter/SQL.php)."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from .columns import MAX_VARCHAR

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

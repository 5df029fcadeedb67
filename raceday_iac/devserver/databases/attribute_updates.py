"""Changing an attribute in place. Appwrite does this at once, not in the background (1.8.1, Attributes/Action.php): the
metadata is read and changed first, then the table, and after the window both copies are written.

The type in the path is not compared with the attribute's type: what is checked depends on the attribute alone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from . import catalog, columns, index_rules, limits, metadata
from .attribute_types import ENUM, FLOAT_RANGE, INTEGER_RANGE, check_range
from .limits import Width
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from ..server import Server


class AttributeUpdate:
    """One update of one attribute; `values` are the parameters of whichever route was used."""

    def __init__(
        self, server: Server, collection: sqlite3.Row, row: sqlite3.Row, values: dict[str, Any], words: Vocabulary
    ) -> None:
        if row["status"] != "available":
            raise words.error("attribute_not_available")
        self.server = server
        self.db = server.db
        self.collection = collection
        self.row = row
        self.values = values
        self.words = words
        self.default = values["default"]
        self.number = int(collection["number"])
        self.key = str(row["key"])

    def begin(self) -> Callable[[], sqlite3.Row]:
        """Check the change against the metadata as it is now. Returns what stores it, and answers the new row."""
        if self.row["type"] == "relationship":
            # A real server runs into an error that it does not foresee.
            raise ApiError("general_unknown")
        options = self._options()
        size = self.values.get("size") or int(self.row["size"])
        self._check_width(size)
        new_key = self._new_key()
        known = metadata.must_read(self.db, self.number)
        record = known.attribute(self.key)
        if record is None:
            # Lost in the metadata: not foreseen either, and answered like that for ever.
            raise ApiError("general_unknown")
        record |= {"size": size, "required": self.values["required"], "default": self.default, "options": options}
        if new_key is not None:
            self._rename_in(known, record, new_key)
        if size != self.row["size"] or new_key is not None:
            self._check_indexes(known, new_key or self.key)
        if new_key is not None:
            # Only the table knows that the key is taken, and it is asked last.
            self._refuse_taken(new_key)

        def finish() -> sqlite3.Row:
            if size != self.row["size"]:
                self._check_data(size)
            if new_key is not None:
                columns.rename_column(self.db, self.number, self.key, new_key)
                self._rename_listed(new_key)
            metadata.write(self.db, self.number, known)
            if limits.too_long_definition(self.default, options):
                # Not foreseen: the metadata has the change, what the API lists has not (1.8.1, Attributes/Action.php).
                raise ApiError("general_unknown", keep_writes=True)
            return self._store(size, options, new_key)

        return finish

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = json.loads(self.row["options"])
        if self.row["format"] in {INTEGER_RANGE, FLOAT_RANGE}:
            for bound in ("min", "max"):
                if self.values.get(bound) is not None:
                    options[bound] = self.values[bound]
            check_range(options["min"], options["max"], self.default, self.words)
        elif self.row["format"] == ENUM:
            options["elements"] = self._elements()
        return options

    def _elements(self) -> list[str]:
        elements = self.values.get("elements")
        if not elements:
            raise self.words.error("attribute_value_invalid", "Enum elements must not be empty")
        if self.default is not None and self.default not in elements:
            raise self.words.error("attribute_value_invalid", "Default value not found in elements")
        return list(elements)

    def _new_key(self) -> str | None:
        new_key: str | None = self.values["newKey"]
        return None if new_key == self.row["key"] else new_key

    def _refuse_taken(self, new_key: str) -> None:
        taken = self.db.execute(
            "SELECT 1 FROM db_attributes WHERE collection = ? AND key = ? AND number != ?",
            (self.number, new_key, self.row["number"]),
        ).fetchone()
        if taken is not None:
            raise self.words.error("attribute_already_exists")

    def _check_width(self, size: int) -> None:
        others = limits.columns_of(self.db, self.number, without=self.key)
        own = Width(str(self.row["type"]), size, bool(self.row["is_array"]))
        if not limits.fits([*others, own]):
            raise self.words.error("attribute_limit_exceeded")

    def _check_indexes(self, known: metadata.Metadata, key: str) -> None:
        """A longer string may no longer fit into the indexes that it belongs to, and a new name may stand in one of
        them already."""
        own = map(catalog.read_attribute, known.attributes)
        facts = {each.key.lower(): each for each in (*index_rules.system_attributes().values(), *own)}
        for index in known.indexes:
            if key in index["attributes"]:
                self._check_index(index, facts)

    def _check_index(self, index: metadata.Record, facts: dict[str, catalog.Attribute]) -> None:
        try:
            index_rules.check_again(index["type"], index["attributes"], index["lengths"], facts)
        except index_rules.BadIndex as problem:
            raise self.words.error("index_invalid", str(problem)) from None

    def _check_data(self, size: int) -> None:
        if self.row["type"] != "string" or self.row["is_array"] or size > self.row["size"]:
            return
        if columns.exceeds_size(self.db, self.number, self.key, size):
            raise self.words.error("attribute_invalid_resize")

    def _rename_in(self, known: metadata.Metadata, record: metadata.Record, new_key: str) -> None:
        record["key"] = new_key
        for index in known.indexes:
            index["attributes"] = [new_key if each == self.key else each for each in index["attributes"]]

    def _rename_listed(self, new_key: str) -> None:
        for index in self.db.execute("SELECT * FROM db_indexes WHERE collection = ?", (self.number,)).fetchall():
            attributes = json.loads(index["attributes"])
            if self.key in attributes:
                renamed = [new_key if each == self.key else each for each in attributes]
                self.db.execute(
                    "UPDATE db_indexes SET attributes = ?, updated_at = ? WHERE number = ?",
                    (json.dumps(renamed), self.server.timestamp(), index["number"]),
                )

    def _store(self, size: int, options: dict[str, Any], new_key: str | None) -> sqlite3.Row:
        stored = (size, self.values["required"], json.dumps(self.default), json.dumps(options))
        before = tuple(self.row[name] for name in ("size", "required", "default_value", "options"))
        is_changed = new_key is not None or stored != before
        self.db.execute(
            "UPDATE db_attributes SET key = ?, size = ?, required = ?, default_value = ?, options = ?, updated_at = ? "
            "WHERE number = ?",
            (
                new_key or self.row["key"],
                *stored,
                self.server.timestamp() if is_changed else self.row["updated_at"],
                self.row["number"],
            ),
        )
        row: sqlite3.Row | None = self.db.execute(
            "SELECT * FROM db_attributes WHERE number = ?", (self.row["number"],)
        ).fetchone()
        if row is None:
            raise self.words.error("attribute_not_found")
        return row

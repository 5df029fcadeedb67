"""How definitions look in answers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..ages import Age
from . import limits
from .attribute_types import NEW_TEXTS, TYPES, word_for
from .dialect import Vocabulary
from .formats import shown

if TYPE_CHECKING:
    from ..server import Server


def database_answer(age: Age, row: sqlite3.Row) -> dict[str, Any]:
    shown = {
        "$id": row["id"],
        "name": row["name"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "enabled": bool(row["enabled"]),
        "type": row["type"],
    }
    return {**shown, "status": "ready"} if age.has_database_status else shown


#: A row of a table, or what stands in for one.
Row = sqlite3.Row | Mapping[str, Any]


def collection_answer(
    age: Age, row: sqlite3.Row, words: Vocabulary, attributes: Sequence[Row], indexes: Iterable[Row]
) -> dict[str, Any]:
    """A collection with all its attributes and indexes, whatever their status."""
    shown = {
        "$id": row["id"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "$permissions": json.loads(row["permissions"]),
        "databaseId": row["database_id"],
        "name": row["name"],
        "enabled": bool(row["enabled"]),
        words.security: bool(row["document_security"]),
        words.attributes: [attribute_answer(each, words) for each in attributes],
        "indexes": [index_answer(each, row, words) for each in indexes],
    }
    if not age.has_row_bytes:
        return shown
    widths = [limits.Width(str(each["type"]), int(each["size"]), bool(each["is_array"])) for each in attributes]
    return {**shown, "bytesMax": limits.MAX_ROW_WIDTH, "bytesUsed": limits.row_bytes(widths)}


def attribute_rows(db: sqlite3.Connection, collection: int) -> list[sqlite3.Row]:
    return db.execute("SELECT * FROM db_attributes WHERE collection = ? ORDER BY number", (collection,)).fetchall()


def index_rows(db: sqlite3.Connection, collection: int) -> list[sqlite3.Row]:
    return db.execute("SELECT * FROM db_indexes WHERE collection = ? ORDER BY number", (collection,)).fetchall()


def listed_attribute(row: Row, words: Vocabulary) -> dict[str, Any]:
    """An attribute of a list, which does not look after whether the newer texts are encrypted (observed on 1.9.6)."""
    answer = attribute_answer(row, words)
    return {**answer, "encrypt": None} if row["type"] in NEW_TEXTS else answer


def attribute_answer(row: Row, words: Vocabulary, word: str | None = None) -> dict[str, Any]:
    """An attribute as its own type shows it, or as `word` would: an update answers in the shape of its route."""
    answer: dict[str, Any] = {
        "key": row["key"],
        "type": row["type"],
        "status": row["status"],
        "error": row["error"],
        "required": bool(row["required"]),
        "array": bool(row["is_array"]),
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
    }
    options = json.loads(row["options"])
    if word is None and row["type"] == "relationship":
        return answer | relation_fields(options, words)
    for field in TYPES[word or word_for(row["type"], row["format"])].shape:
        answer[field] = _field(field, row, options)
    return answer


def _field(field: str, row: Row, options: dict[str, Any]) -> Any:
    if field == "default":
        return shown(json.loads(row["default_value"]))
    if field == "size":
        return row["size"]
    if field == "encrypt":
        return bool(row["encrypt"])
    if field == "format":
        return row["format"]
    return shown(options.get(field))


def relation_fields(options: dict[str, Any], words: Vocabulary) -> dict[str, Any]:
    """The extra fields of a relationship."""
    return {
        words.related: options["relatedCollection"],
        "relationType": options["relationType"],
        "twoWay": options["twoWay"],
        "twoWayKey": options["twoWayKey"],
        "onDelete": options.get("shownOnDelete", options["onDelete"]),
        "side": options["side"],
    }


def index_answer(row: Row, collection: sqlite3.Row, words: Vocabulary) -> dict[str, Any]:
    """`collection` is one of `catalog.COLLECTION_ROWS`."""
    return {
        "$id": f"{collection['database_sequence']}_{collection['sequence']}_{row['key']}",
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "key": row["key"],
        "type": row["type"],
        "status": row["status"],
        "error": row["error"],
        words.attributes: json.loads(row["attributes"]),
        # The answer's model is a list of integers, so that "no length" is shown as 0.
        "lengths": [length or 0 for length in json.loads(row["lengths"])],
        "orders": json.loads(row["orders"]),
    }


# Attributes and indexes as a read of one document shows them: from a cache that may be stale (a fault, see `Faults`).
#
# A real server reads a collection, an attribute or an index by its id through a cache, and lists from the database. A
# read that crosses the end of the work in the background fills the cache with what was before, and there it stays.


AnyRow = Mapping[str, Any]
_ROWS = {"attributes": attribute_rows, "indexes": index_rows}


def members(server: Server, collection: int, part: str) -> Sequence[AnyRow | sqlite3.Row]:
    """The attributes or indexes of a collection; `part` is `attributes` or `indexes`."""
    rows: list[sqlite3.Row] = _ROWS[part](server.db, collection)
    if not server.faults.stale_answers:
        return rows
    there = {str(row["key"]).lower() for row in rows}
    gone = [row for key, row in _stale_answers(server, collection, part).items() if key not in there]
    return [*(_shown(server, row) for row in rows), *gone]


def member(server: Server, collection: int, part: str, key: str) -> AnyRow | sqlite3.Row | None:
    """One of them."""
    found = members(server, collection, part)
    return next((each for each in found if str(each["key"]).lower() == key.lower()), None)


def remember(server: Server, collection: int, part: str, row: sqlite3.Row) -> None:
    """Note what is about to be deleted."""
    if server.faults.is_stale(str(row["key"])):
        _stale_answers(server, collection, part)[str(row["key"]).lower()] = {**dict(row), "status": "deleting"}


def _shown(server: Server, row: sqlite3.Row) -> AnyRow | sqlite3.Row:
    if row["status"] == "available" and server.faults.is_stale(str(row["key"])):
        return {**dict(row), "status": "processing"}
    return row


def _stale_answers(server: Server, collection: int, part: str) -> dict[str, AnyRow]:
    known: dict[tuple[int, str], dict[str, AnyRow]] = server.services.setdefault("stale answers", {})
    return known.setdefault((collection, part), {})

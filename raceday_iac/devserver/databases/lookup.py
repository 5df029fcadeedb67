"""Finding databases and collections by the ids of a request, how they look in answers, and what callers without a key
may do with them.

Those may do what collection and document permit to anybody, or to guests. Of a key Appwrite asks for no permissions
(1.8.1, Collections/Documents/*, and utopia-php/database, Database.php).
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .. import params
from ..ages import Age
from ..errors import ApiError
from ..params import Check, Param, Refused
from . import catalog, limits, query_sql
from . import queries as query_rules
from .attribute_types import NEW_TEXTS, TYPES, word_for
from .dialect import Vocabulary
from .formats import shown
from .queries import BadQuery, Field, Fields, Query, arrange, parse
from .query_sql import Source

if TYPE_CHECKING:
    from ..server import Server

if TYPE_CHECKING:
    from ..server import Server
    from ..web import Reply, Request


ROLES = ("any", "guests")
#: The permission that a method needs; a PUT creates or updates.
NEEDED = {"GET": "read", "POST": "create", "PATCH": "update", "DELETE": "delete"}


def find_database(server: Server, request: Request, database_id: str, words: Vocabulary) -> sqlite3.Row:
    """The row of a database, or 404."""
    row: sqlite3.Row | None = server.db.execute(
        "SELECT * FROM db_databases WHERE project = ? AND id = ? AND deleted = 0", (request.project, database_id)
    ).fetchone()
    if row is None:
        raise words.error("database_not_found", name=database_id)
    return row


def find_collection_row(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> sqlite3.Row:
    """The row of the collection that a request names, or 404."""
    database = find_database(server, request, values["databaseId"], words)
    row = collection_row(server.db, int(database["number"]), values["collectionId"])
    if row is None:
        raise words.error("collection_not_found", name=values["collectionId"])
    return row


def kept_lists(server: Server) -> dict[tuple[catalog.Collection, str, str, tuple[str, ...]], tuple[float, Reply]]:
    """Answers that are kept for a time: until when (seconds), and which, by what was asked."""
    kept: dict[Any, tuple[float, Reply]] = server.services.setdefault("kept lists", {})
    return kept


def forget_lists(server: Server, collection: int) -> None:
    """Answer the lists of a collection again."""
    kept = kept_lists(server)
    for key in [each for each in kept if each[0].number == collection]:
        del kept[key]


def internal_name(collection: sqlite3.Row) -> str:
    """What the database layer calls a collection, and some messages do."""
    return f"database_{collection['database_sequence']}_collection_{collection['sequence']}"


def collection_row(db: sqlite3.Connection, database: int, collection_id: str) -> sqlite3.Row | None:
    """The row of a collection of a database, or None."""
    row: sqlite3.Row | None = db.execute(
        f"{catalog.COLLECTION_ROWS} WHERE c.database = ? AND c.id = ? AND c.deleted = 0", (database, collection_id)
    ).fetchone()
    return row


def find_collection(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> catalog.Collection:
    """The collection whose documents a request is about, with everything that is built in it."""
    row = find_collection_row(server, request, values, words)
    if is_guest(request):
        admit_guest(server, request, row, values, words)
    return catalog.load(server.db, row)


# Lists of databases, collections, attributes, indexes and transactions: what may be filtered, and reading a page.


SYSTEM = {
    "$id": Field("string", "id"),
    "$createdAt": Field("datetime", "created_at"),
    "$updatedAt": Field("datetime", "updated_at"),
    "$sequence": Field("integer", "number"),
}
DATABASES: Fields = {**SYSTEM, "name": Field("string", "name"), "$sequence": Field("integer", "sequence")}
COLLECTIONS: Fields = {
    **DATABASES,
    "enabled": Field("boolean", "enabled"),
    "documentSecurity": Field("boolean", "document_security"),
}
ATTRIBUTES: Fields = {
    **SYSTEM,
    "$id": Field("string", "key"),
    "key": Field("string", "key"),
    "type": Field("string", "type"),
    "size": Field("integer", "size"),
    "required": Field("boolean", "required"),
    "array": Field("boolean", "is_array"),
    "status": Field("string", "status"),
    "error": Field("string", "error"),
}
INDEXES: Fields = {
    **SYSTEM,
    "$id": Field("string", "key"),
    "key": Field("string", "key"),
    "type": Field("string", "type"),
    "status": Field("string", "status"),
    "attributes": Field("string", "attributes", is_array=True),
    "error": Field("string", "error"),
}
TRANSACTIONS: Fields = {**SYSTEM, "status": Field("string", "status"), "expiresAt": Field("datetime", "expires_at")}

SEARCH = Param("search", params.text(1, 256), default="")
#: Whether a list is counted.
TOTAL = Param("total", params.loose_boolean, default=True)

_SPECIAL = re.compile(r"[@+\-*)(,<>~\"]")
#: InnoDB indexes no shorter words.
SHORTEST_WORD = 3


def queries_of(fields: Fields) -> Param:
    """The `queries` parameter of a list, checked as a parameter."""
    return Param("queries", _query_check(fields), default=[])


def _query_check(fields: Fields) -> Check:
    def check(value: Any) -> list[Query]:
        if not isinstance(value, list):
            raise Refused("Queries must be an array")
        queries = [_parse(each) for each in value]
        try:
            query_rules.check(queries, fields, selectable=False)
        except BadQuery as problem:
            raise Refused(str(problem)) from None
        return queries

    return check


def _parse(text: Any) -> Query:
    try:
        return parse(str(text))
    except BadQuery as problem:
        raise Refused(f"Invalid query: {problem}") from None


def page(
    server: Server,
    source: Source,
    queries: list[Query],
    *,
    noun: str,
    cursor_by: str = "$id",
) -> tuple[list[sqlite3.Row], int]:
    """The rows that the queries ask for, and how many there are in all. `noun` names a row in messages."""
    plan, now, cursor = arrange(queries), server.clock.now(), None
    if plan.cursor is not None:
        cursor = query_sql.find_cursor(server.db, source, plan, cursor_by, now)
        if cursor is None:
            raise ApiError("general_cursor_not_found", f"{noun} '{plan.cursor}' for the 'cursor' value not found.")
    rows = query_sql.select(server.db, source, plan, "*", now, cursor)
    return rows, query_sql.count(server.db, source, plan, now)


def with_search(source: Source, search: str) -> Source:
    """The rows of a source whose id or name contains the words of `search`."""
    if not search:
        return source
    condition = f"{source.condition} AND fulltext_matches(id || ' ' || name, ?)"
    return Source(source.table, source.fields, condition, (*source.parameters, search))


def fulltext_matches(text: str | None, wanted: str) -> bool | None:
    """MariaDB's boolean mode as Appwrite uses it: any of the words, the last as a beginning; quotes mean a phrase."""
    if text is None:
        return None
    is_phrase = len(wanted) > 1 and wanted.startswith('"') and wanted.endswith('"')
    words = _SPECIAL.sub(" ", wanted.lower()).split()
    if not words:
        return False
    found = re.findall(r"\w+", text.lower())
    if is_phrase:
        pieces = [piece for word in words for piece in re.findall(r"\w+", word)]
        return any(found[place : place + len(pieces)] == pieces for place in range(len(found)))
    return any(_contains(found, word, is_last=word is words[-1]) for word in words)


def _contains(found: list[str], word: str, *, is_last: bool) -> bool:
    pieces = re.findall(r"\w+", word)
    if len(pieces) != 1:
        return bool(pieces) and set(pieces) <= set(found)
    if is_last:
        return any(each.startswith(word) and len(each) >= SHORTEST_WORD for each in found)
    return len(word) >= SHORTEST_WORD and word in found


def install(db: sqlite3.Connection) -> None:
    """Make the search function known to the database connection."""
    function: Callable[[str | None, str], bool | None] = fulltext_matches
    db.create_function("fulltext_matches", 2, function, deterministic=True)


def is_guest(request: Request) -> bool:
    return request.key.kind == "guest"


def refuse_guest(request: Request | None) -> None:
    """Refuse a guest whatever has no permissions of its own: transactions."""
    if request is not None and is_guest(request):
        raise ApiError("user_unauthorized")


def admit_guest(server: Server, request: Request, row: sqlite3.Row, values: dict[str, Any], words: Vocabulary) -> None:
    """Refuse a guest's call of a collection's documents that is not permitted. `row` is the collection's."""
    _refuse_disabled(server, row, words)
    refuse_guest(request if values.get("transactionId") else None)
    identifier = values.get("documentId")
    if request.method != "GET" and (not identifier or values.get("documents")):
        raise ApiError("general_unauthorized_scope")
    _check_granted(values.get("permissions"))
    known = catalog.must_read(server.db, int(row["number"]))
    there = _permissions_of(server.db, int(row["number"]), identifier) if identifier else None
    needed = NEEDED.get(request.method) or ("create" if there is None else "update")
    if _permits(known.permissions, needed) or (known.document_security and _permits(there or (), needed)):
        return
    if request.method == "GET" and identifier:
        raise words.error("document_not_found", name=str(identifier))
    if request.method == "GET" and known.document_security:
        return
    if there is None and needed != "create" and identifier:
        raise words.error("document_not_found", name=str(identifier))
    raise ApiError("user_unauthorized")


def readable(server: Server, request: Request, collection: catalog.Collection) -> tuple[str, tuple[str, ...]]:
    """A condition on documents, with its values, for a caller who may not read all of a collection."""
    if not is_guest(request) or _permits(catalog.must_read(server.db, collection.number).permissions, "read"):
        return "", ()
    wanted = tuple(f"%{json.dumps(_grant('read', role))}%" for role in ROLES)
    return " OR ".join(["_permissions LIKE ?"] * len(wanted)), wanted


def _grant(permission: str, role: str) -> str:
    return f'{permission}("{role}")'


def _permits(granted: Any, permission: str) -> bool:
    return any(_grant(permission, role) in granted for role in ROLES)


def _permissions_of(db: sqlite3.Connection, collection: int, identifier: str) -> list[str] | None:
    sql = f"SELECT _permissions FROM {catalog.table_name(collection)} WHERE _uid = ?"
    row = db.execute(sql, (identifier,)).fetchone()
    return None if row is None else list(json.loads(row[0]))


def _refuse_disabled(server: Server, row: sqlite3.Row, words: Vocabulary) -> None:
    database = server.db.execute("SELECT id, enabled FROM db_databases WHERE number = ?", (row["database"],)).fetchone()
    if not database["enabled"]:
        raise words.error("database_not_found", name=str(database["id"]))
    if not row["enabled"]:
        raise words.error("collection_not_found", name=str(row["id"]))


def _check_granted(permissions: list[str] | None) -> None:
    """Nobody may grant what is not theirs."""
    for each in permissions or ():
        role = each.partition('("')[2].removesuffix('")')
        if role not in ROLES:
            raise ApiError("user_unauthorized", f"Permissions must be one of: ({', '.join(ROLES)})")


# How definitions look in answers.


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
    if word is None and row["type"] == "relationship":
        return answer | relation_fields(json.loads(row["options"]), words)
    word = word or word_for(row["type"], row["format"])
    return answer | _own_fields(word, row["options"], row["default_value"], row["size"], row["encrypt"], row["format"])


@lru_cache(maxsize=1024)
def _own_fields(word: str, options: str, default: str, size: int, encrypt: int, form: str) -> dict[str, Any]:
    """The fields of a type, from a row's columns. Remembered, for an answer to be made of; nobody changes them."""
    known = {"default": json.loads(default), "size": size, "encrypt": bool(encrypt), "format": form}
    found = {**json.loads(options), **known}
    return {field: shown(found.get(field)) for field in TYPES[word].shape}


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

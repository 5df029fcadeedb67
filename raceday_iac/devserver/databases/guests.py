"""What callers without a key may do with documents: what collection and document permit to anybody, or to guests.

Of a key Appwrite asks for no permissions (1.8.1, Collections/Documents/*, and utopia-php/database, Database.php).
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from . import catalog
from .dialect import Vocabulary

if TYPE_CHECKING:
    from ..server import Server
    from ..web import Request

ROLES = ("any", "guests")
#: The permission that a method needs; a PUT creates or updates.
NEEDED = {"GET": "read", "POST": "create", "PATCH": "update", "DELETE": "delete"}


def is_guest(request: Request) -> bool:
    return request.key.kind == "guest"


def refuse(request: Request | None) -> None:
    """Refuse a guest whatever has no permissions of its own: transactions."""
    if request is not None and is_guest(request):
        raise ApiError("user_unauthorized")


def admit(server: Server, request: Request, row: sqlite3.Row, values: dict[str, Any], words: Vocabulary) -> None:
    """Refuse a guest's call of a collection's documents that is not permitted. `row` is the collection's."""
    _refuse_disabled(server, row, words)
    refuse(request if values.get("transactionId") else None)
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

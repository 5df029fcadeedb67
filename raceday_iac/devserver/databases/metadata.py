"""The second copy of a collection's schema: the one that documents are checked against.

Appwrite keeps each attribute and index twice: as a document of its own, which the API lists (`db_attributes`,
`db_indexes`), and inside one metadata document of the collection (`db_metadata`). PATCHes of attributes and PUTs of
collections (HTTP workers), creations and deletions (database workers) read that document, change the table, and write
the document back whole, without a lock. Where two overlap, the one that writes last takes back what the other wrote,
and the API's list does not show it (utopia-php/database 3.5.0, Database.php; observed on 1.8.1, 1.9.6).

Nobody else writes `db_metadata`. Who changes a schema calls `read`, lets the window pass, and calls `write`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ApiError

if TYPE_CHECKING:
    from ..server import Server

Result = TypeVar("Result")
Record = dict[str, Any]


@dataclass
class Metadata:
    """One collection's metadata document. A record of an attribute has `key type format size required array encrypt
    default options` (of a relationship also `hidden`: the far side of a one-way one, and `index`: its real index); one
    of an index has `number key type attributes lengths orders`."""

    attributes: list[Record]
    indexes: list[Record]
    permissions: list[str]
    document_security: bool

    def attribute(self, key: str) -> Record | None:
        """The attribute of a key, found without regard to case."""
        return _by_key(self.attributes, key)

    def index(self, key: str) -> Record | None:
        """The index of a key, found without regard to case."""
        return _by_key(self.indexes, key)

    def without_attribute(self, key: str) -> None:
        """Take an attribute out, also out of the indexes; one that is left empty goes too."""
        self.attributes = [each for each in self.attributes if each["key"].lower() != key.lower()]
        for index in self.indexes:
            kept = [place for place, each in enumerate(index["attributes"]) if each.lower() != key.lower()]
            for name in ("attributes", "lengths", "orders"):
                index[name] = [index[name][place] for place in kept if place < len(index[name])]
        self.indexes = [each for each in self.indexes if each["attributes"]]

    def without_index(self, key: str) -> None:
        self.indexes = [each for each in self.indexes if each["key"].lower() != key.lower()]


def _by_key(records: list[Record], key: str) -> Record | None:
    return next((each for each in records if each["key"].lower() == key.lower()), None)


def read(db: sqlite3.Connection, collection: int) -> Metadata | None:
    """A copy of the document as it is now; None when the collection is gone."""
    row = db.execute("SELECT content FROM db_metadata WHERE collection = ?", (collection,)).fetchone()
    return None if row is None else Metadata(**json.loads(row["content"]))


def create(db: sqlite3.Connection, collection: int, permissions: list[str], *, security: bool) -> None:
    """The document of a new collection."""
    _store(db, collection, Metadata([], [], permissions, security))


def write(db: sqlite3.Connection, collection: int, metadata: Metadata) -> None:
    """Put the document back, whole. Nothing happens when the collection is gone."""
    if db.execute("SELECT 1 FROM db_metadata WHERE collection = ?", (collection,)).fetchone() is not None:
        _store(db, collection, metadata)


def _store(db: sqlite3.Connection, collection: int, metadata: Metadata) -> None:
    content = json.dumps(asdict(metadata), ensure_ascii=False)
    db.execute("INSERT OR REPLACE INTO db_metadata (collection, content) VALUES (?, ?)", (collection, content))
    touch(db, collection)


def new_token() -> str:
    return secrets.token_hex(8)


def touch(db: sqlite3.Connection, collection: int) -> None:
    """Say that the definition of a collection has changed."""
    db.execute("UPDATE db_collections SET token = ? WHERE number = ?", (new_token(), collection))


def must_read(db: sqlite3.Connection, collection: int) -> Metadata:
    """As `read`, for an HTTP worker: without the document, a real one runs into an error that it does not foresee."""
    found = read(db, collection)
    if found is None:
        raise ApiError("general_unknown")
    return found


def after_window(server: Server, finish: Callable[[], Result]) -> Result | Awaitable[Result]:
    """Do the second half of an HTTP worker's change when the window between its read and its write has passed."""
    window = server.settings.window
    if not window:
        return finish()

    async def wait() -> Result:
        await asyncio.sleep(window)
        with server.transaction():
            try:
                return finish()
            except ApiError as error:
                if not error.keep_writes:
                    raise
                failure = error
        raise failure

    return wait()


def adopt(db: sqlite3.Connection) -> None:
    """Make the documents of collections that an older server kept: there `built` said what documents knew."""
    names = {str(each["name"]) for each in db.execute("SELECT name FROM pragma_table_info('db_attributes')")}
    if "built" not in names:
        return
    rows = db.execute(
        "SELECT number, permissions, document_security FROM db_collections "
        "WHERE number NOT IN (SELECT collection FROM db_metadata)"
    ).fetchall()
    for row in rows:
        number = int(row["number"])
        attributes = _built(db, "db_attributes", number)
        indexes = _built(db, "db_indexes", number)
        records = [attribute_record(each, hidden=bool(each["hidden"])) for each in attributes]
        kept = Metadata(
            records,
            [index_record(each) for each in indexes],
            json.loads(row["permissions"]),
            bool(row["document_security"]),
        )
        _store(db, number, kept)
    db.execute("DELETE FROM db_attributes WHERE hidden = 1")


def _built(db: sqlite3.Connection, table: str, collection: int) -> list[sqlite3.Row]:
    return db.execute(
        f"SELECT * FROM {table} WHERE collection = ? AND built = 1 ORDER BY number", (collection,)
    ).fetchall()


def attribute_record(row: sqlite3.Row, *, hidden: bool = False) -> Record:
    """The record of a listed attribute."""
    return {
        "key": str(row["key"]),
        "type": str(row["type"]),
        "format": str(row["format"]),
        "size": int(row["size"]),
        "required": bool(row["required"]),
        "array": bool(row["is_array"]),
        "encrypt": bool(row["encrypt"]),
        "default": json.loads(row["default_value"]),
        "options": json.loads(row["options"]),
        "hidden": hidden,
        "index": f"rel_{row['number']}",
    }


def index_record(row: sqlite3.Row) -> Record:
    """The record of a listed index."""
    lists = {name: json.loads(row[name]) for name in ("attributes", "lengths", "orders")}
    return {"number": int(row["number"]), "key": str(row["key"]), "type": str(row["type"]), **lists}

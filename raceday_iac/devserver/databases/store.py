"""Reading and writing documents: the engine below the HTTP handlers (utopia-php/database 3.5.0, Database.php)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from . import catalog, php_dates, relations, structure
from .catalog import Collection
from .columns import SYSTEM_COLUMNS, quoted
from .formats import Conflict, Duplicate
from .structure import Document, columns_of, complete, decode, encode_value, is_same

if TYPE_CHECKING:
    from ..server import Server


#: How far a document's date may run ahead of a clock that stands still.
MAX_CLOCK_STEP = timedelta(minutes=1)


class Store:
    """Documents within one request.

    `keep_dates` lets documents bring their own `$createdAt` and `$updatedAt`. `known_at` is the instant up to which the
    writer knows the data: documents that changed later are conflicts. `only` is a condition with its values: what may
    be listed.
    """

    def __init__(
        self,
        server: Server,
        *,
        keep_dates: bool = False,
        known_at: datetime | None = None,
        only: tuple[str, tuple[str, ...]] = ("", ()),
    ) -> None:
        self.server = server
        self.only = only
        self.db = server.db
        self.keep_dates = keep_dates
        self.known_at = known_at
        self.now = server.clock.now()
        self.time = php_dates.stamp(self.now)
        self._latest = php_dates.stamp(self.now + MAX_CLOCK_STEP)
        #: Collections whose documents are being written, outermost first: nested documents end at a depth.
        self.writing: list[int] = []
        #: Documents that a cascade is deleting.
        self.deleting: set[tuple[int, str]] = set()
        #: Definitions do not change while documents are written.
        self._collections: dict[int, Collection | None] = {}

    def collection(self, number: int) -> Collection | None:
        if number not in self._collections:
            self._collections[number] = catalog.load_number(self.db, number)
        return self._collections[number]

    def fetch(self, collection: Collection, document_id: str) -> Document | None:
        """A document as it is stored: with ids where it relates to others, without lists of them."""
        columns = columns_of(collection)
        row = self.db.execute(f"SELECT {columns.sql} FROM {collection.table} WHERE _uid = ?", (document_id,)).fetchone()
        return None if row is None else decode(row, columns)

    def fetch_where(self, collection: Collection, column: str, wanted: Sequence[Any]) -> list[Document]:
        """Documents by the values of a column, oldest first."""
        documents: list[Document] = []
        columns = columns_of(collection)
        for start in range(0, len(wanted), 500):
            chunk = wanted[start : start + 500]
            rows = self.db.execute(
                f"SELECT {columns.sql} FROM {collection.table} "
                f"WHERE {quoted(column)} IN ({', '.join('?' * len(chunk))}) ORDER BY _id",
                list(chunk),
            )
            documents += [decode(row, columns) for row in rows]
        return documents

    def exists(self, collection: Collection, document_id: str) -> bool:
        row = self.db.execute(f"SELECT 1 FROM {collection.table} WHERE _uid = ?", (document_id,)).fetchone()
        return row is not None

    def date(self, given: Any, otherwise: str) -> Any:
        """A date that a document brings, if it may."""
        return given if self.keep_dates and given is not None else otherwise

    def time_after(self, changed_at: str) -> str:
        """The date of a change to a document that last changed at `changed_at`: now, but never the same again.

        Compare-and-set rests on `$updatedAt`. On a real server no two changes of a document fall into one millisecond;
        here they can, and under a clock that stands still they always do.
        """
        if not self.time <= changed_at <= self._latest:
            return self.time
        last = php_dates.parse(changed_at, self.now)
        return self.time if last is None else php_dates.stamp(last + timedelta(milliseconds=1))

    def insert(self, collection: Collection, given: Document) -> Document:
        """Store a new document with the documents that are nested in it."""
        document = dict(given)
        document["$id"] = document.get("$id") or self.server.new_id()
        document["$permissions"] = document.get("$permissions") or []
        for name in structure.DATES:
            document[name] = self.date(document.get(name), self.time)
        complete(collection, document, self.now)
        structure.check(collection, document)
        relations.relate_new(self, collection, document)
        self._insert_row(collection, document)
        return self._with_blanks(collection, document)

    def _insert_row(self, collection: Collection, document: Document) -> None:
        names = ["_uid", "_createdAt", "_updatedAt", "_permissions"]
        row = [document["$id"], document["$createdAt"], document["$updatedAt"], json.dumps(document["$permissions"])]
        for attribute in collection.stored:
            if document.get(attribute.key) is not None:
                names.append(quoted(attribute.key))
                row.append(encode_value(attribute, document[attribute.key]))
        sql = f"INSERT INTO {collection.table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        try:
            document["$sequence"] = self.db.execute(sql, row).lastrowid
        except sqlite3.IntegrityError:
            raise Duplicate from None

    @staticmethod
    def _with_blanks(collection: Collection, document: Document) -> Document:
        """With every plain attribute, as answers have them."""
        for attribute in collection.plain:
            if document.get(attribute.key) is None:
                document[attribute.key] = [] if attribute.is_array else None
        return document

    def update(self, collection: Collection, document_id: str, changes: Document) -> Document | None:
        """Change some attributes of a document; None when it is not there."""
        old = self.fetch(collection, document_id)
        if old is None:
            return None
        document = old | changes
        document["$id"], document["$sequence"] = old["$id"], old["$sequence"]
        document["$createdAt"] = self.date(changes.get("$createdAt"), old["$createdAt"])
        if relations.is_changed(self, collection, old, changes):
            document["$updatedAt"] = self.date(changes.get("$updatedAt"), self.time_after(old["$updatedAt"]))
        else:
            document["$updatedAt"] = old["$updatedAt"]
        self.check_conflict(old)
        complete(collection, document, self.now)
        structure.check(collection, document)
        relations.relate_changed(self, collection, old, document, changes)
        self._update_row(collection, old, document)
        return self._with_blanks(collection, document)

    def check_conflict(self, old: Document) -> None:
        if self.known_at is None:
            return
        changed_at = php_dates.parse(old["$updatedAt"], self.now)
        if changed_at is not None and changed_at > self.known_at:
            raise Conflict

    def _update_row(self, collection: Collection, old: Document, document: Document) -> None:
        names, row = [], []
        for attribute in collection.stored:
            key = attribute.key
            if key in document and document[key] is not old[key] and not is_same(document[key], old[key]):
                names.append(f"{quoted(key)} = ?")
                row.append(encode_value(attribute, document[key]))
        for name in (*structure.DATES, "$permissions"):
            if document[name] != old[name]:
                names.append(f"{SYSTEM_COLUMNS[name]} = ?")
                row.append(json.dumps(document[name]) if name == "$permissions" else document[name])
        if not names:
            return
        sql = f"UPDATE {collection.table} SET {', '.join(names)} WHERE _id = ?"
        try:
            self.db.execute(sql, [*row, old["$sequence"]])
        except sqlite3.IntegrityError:
            raise Duplicate from None

    def upsert(self, collection: Collection, given: Document) -> tuple[Document, Document | None] | None:
        """Store a document under its id, new or not: (stored, what was there before). None when nothing changed.

        Optional attributes that are not given keep their stored value; required ones must be given.
        """
        old = self.fetch(collection, given["$id"]) if given.get("$id") else None
        if old is not None and not self._differs(collection, old, given):
            return None
        document = dict(given)
        document["$id"] = document.get("$id") or self.server.new_id()
        changed_at = self.time_after(old["$updatedAt"]) if old else self.time
        document["$updatedAt"] = self.date(document.get("$updatedAt"), changed_at)
        document["$createdAt"] = self.date(document.get("$createdAt"), old["$createdAt"] if old else self.time)
        document.pop("$sequence", None)
        for key in collection.optional:
            if key not in document:
                document[key] = old[key] if old else None
        if "$permissions" not in document:
            document["$permissions"] = old["$permissions"] if old else []
        complete(collection, document, self.now)
        structure.check(collection, document)
        if old is not None:
            self.check_conflict(old)
        relations.relate_new(self, collection, document)
        if old is None:
            self._insert_row(collection, document)
        else:
            document["$id"], document["$sequence"] = old["$id"], old["$sequence"]
            self._update_row(collection, old, document)
        return self._with_blanks(collection, document), old

    @staticmethod
    def _differs(collection: Collection, old: Document, given: Document) -> bool:
        if "$permissions" in given and sorted(given["$permissions"]) != sorted(old["$permissions"]):
            return True
        if any(key not in given for key in collection.shown):
            return True
        return any(old.get(key) != value for key, value in given.items() if not key.startswith("$"))

    def delete(self, collection: Collection, document_id: str) -> Document | None:
        """Delete a document and what goes with it; returns it, or None when it was not there."""
        old = self.fetch(collection, document_id)
        if old is None:
            return None
        self.check_conflict(old)
        relations.release(self, collection, old)
        self.db.execute(f"DELETE FROM {collection.table} WHERE _id = ?", (old["$sequence"],))
        return old

    def overwrite(self, collection: Collection, old: Document, changes: Document) -> Document:
        """Store checked values in a document, as bulk changes do: its date moves even when nothing else does."""
        document = old | changes
        document["$updatedAt"] = self.date(changes.get("$updatedAt"), self.time_after(old["$updatedAt"]))
        document["$createdAt"] = self.date(changes.get("$createdAt"), old["$createdAt"])
        self._update_row(collection, old, document)
        return document

    def set_column(self, collection: Collection, key: str, document_id: str, value: str | None) -> None:
        """Point one document at another, without touching anything else but its date."""
        try:
            self.db.execute(
                f"UPDATE {collection.table} SET {quoted(key)} = ?, _updatedAt = ? "
                f"WHERE _uid = ? AND {quoted(key)} IS NOT ?",
                (value, self.time, document_id, value),
            )
        except sqlite3.IntegrityError:
            raise Duplicate from None

"""Resources that are plain documents of a project (buckets, teams, topics, …): kept as JSON in one table.

Each service says which fields of its resources lists can be filtered by, and what the errors are called.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import ApiError
from .functions.listing import Column, Parsed, Scope, parse_queries, read_page
from .params import NO_IDS
from .web import Reply, Request

if TYPE_CHECKING:
    from .server import Server

#: Ids are compared without case, as MariaDB does.
SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
    id TEXT NOT NULL COLLATE NOCASE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    fields TEXT NOT NULL,
    UNIQUE (project, kind, owner, id)
);
"""


@dataclass(frozen=True)
class Record:
    """One resource. `fields` are as answers hold them, without id and times."""

    sequence: int
    id: str
    created_at: str
    updated_at: str
    fields: dict[str, Any]

    def answer(self, **more: Any) -> dict[str, Any]:
        times = {"$createdAt": self.created_at, "$updatedAt": self.updated_at}
        return {"$id": self.id, **times, **self.fields, **more}


@dataclass(frozen=True)
class Records:
    """All of one kind. `columns` are the fields that lists are filtered by, with their type (text, number, boolean).
    With `is_server_wide`, an id is taken for all projects: Appwrite keeps these in its own project (1.9.6)."""

    kind: str
    title: str
    absent: str
    taken: str
    columns: Mapping[str, str] = field(default_factory=dict)
    is_server_wide: bool = False

    def create(
        self,
        server: Server,
        project: str,
        identifier: str,
        fields: Mapping[str, Any],
        owner: str = "",
        now: str = "",
    ) -> Record:
        """Raises the 409 of an id that is taken. `now` is the time that other fields name as well."""
        wanted = server.new_id() if identifier in NO_IDS else identifier
        now = now or server.timestamp()
        if self.is_server_wide and self._exists(server, wanted):
            raise ApiError(self.taken)
        try:
            server.db.execute(
                "INSERT INTO records (project, kind, owner, id, created_at, updated_at, fields) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (project, self.kind, owner, wanted, now, now, json.dumps(fields)),
            )
        except sqlite3.IntegrityError:
            raise ApiError(self.taken) from None
        return self.find(server, project, wanted, owner)

    def _exists(self, server: Server, identifier: str) -> bool:
        """In whatever project."""
        asked = "SELECT 1 FROM records WHERE kind = ? AND id = ?"
        return server.db.execute(asked, (self.kind, identifier)).fetchone() is not None

    def find(self, server: Server, project: str, identifier: str, owner: str = "") -> Record:
        """Raises the 404 of one that is not there."""
        row = server.db.execute(
            "SELECT * FROM records WHERE project = ? AND kind = ? AND owner = ? AND id = ?",
            (project, self.kind, owner, identifier),
        ).fetchone()
        if row is None:
            raise ApiError(self.absent)
        return _record(row)

    def all(self, server: Server, project: str, owner: str = "") -> list[Record]:
        """In creation order."""
        rows = server.db.execute(
            "SELECT * FROM records WHERE project = ? AND kind = ? AND owner = ? ORDER BY sequence",
            (project, self.kind, owner),
        )
        return [_record(row) for row in rows]

    def among(self, server: Server, project: str, name: str, value: str, owner: str = "") -> list[Record]:
        """Those whose field says that, without case."""
        return [each for each in self.all(server, project, owner) if str(each.fields[name]).lower() == value.lower()]

    def anywhere(self, server: Server, project: str, identifier: str) -> Record:
        """One by its id alone, whatever it lies in. Raises its 404."""
        row = server.db.execute(
            "SELECT * FROM records WHERE project = ? AND kind = ? AND id = ?", (project, self.kind, identifier)
        ).fetchone()
        if row is None:
            raise ApiError(self.absent)
        return _record(row)

    def change(self, server: Server, record: Record, fields: Mapping[str, Any]) -> Record:
        """Set some fields. Where nothing differs, the time of change stays."""
        wanted = {**record.fields, **fields}
        if wanted != record.fields:
            server.db.execute(
                "UPDATE records SET fields = ?, updated_at = ? WHERE sequence = ?",
                (json.dumps(wanted), server.timestamp(), record.sequence),
            )
        row = server.db.execute("SELECT * FROM records WHERE sequence = ?", (record.sequence,)).fetchone()
        return _record(row)

    def delete(self, server: Server, record: Record) -> None:
        server.db.execute("DELETE FROM records WHERE sequence = ?", (record.sequence,))

    def delete_all(self, server: Server, project: str, owner: str) -> None:
        """Everything of this kind that lies in something."""
        server.db.execute(
            "DELETE FROM records WHERE project = ? AND kind = ? AND owner = ?", (project, self.kind, owner)
        )

    def page(
        self,
        server: Server,
        project: str,
        values: Mapping[str, Any],
        owner: str = "",
        search: Sequence[str] = ("id", "name"),
    ) -> tuple[int, list[Record]]:
        """What a list request asks for, and how many there are."""
        columns = {name: Column(name, kind) for name, kind in self.columns.items()}
        asked: Parsed = parse_queries(values["queries"], columns)
        scope = Scope(self._table(), self.title, {"project": project, "kind": self.kind, "owner": owner})
        page = read_page(server.db, scope, asked, (values.get("search", ""), *search))
        return page.total, [_record(row) for row in page.rows]

    def listed(
        self,
        server: Server,
        request: Request,
        values: Mapping[str, Any],
        plural: str,
        owner: str = "",
        search: Sequence[str] = ("id", "name"),
        shown: Callable[[Record], dict[str, Any]] = Record.answer,
    ) -> Reply:
        """The answer to a list request; `plural` is what the list is called, `shown` how each of them is answered."""
        total, found = self.page(server, request.project, values, owner, search)
        return Reply(200, {"total": total, plural: [shown(each) for each in found]}, model=plural)

    def _table(self) -> str:
        """The table with a column for each field that lists are filtered by."""
        extracted = "".join(
            f", json_extract(fields, '$.\"{name}\"') AS {name}" for name in {"name": "", **self.columns}
        )
        return f"(SELECT *{extracted} FROM records)"


def _record(row: sqlite3.Row) -> Record:
    return Record(row["sequence"], row["id"], row["created_at"], row["updated_at"], json.loads(row["fields"]))

"""Lists of resources: reading one page from the database; and resources that are plain documents of a project (buckets,
teams, topics, …), kept as JSON in one table.

Each service says which fields of its resources lists can be filtered by, and what the errors are called.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .errors import ApiError, invalid
from .params import NO_IDS, Param, Refused, loose_boolean, text
from .server import stamp
from .web import Reply, Request, parse_json

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

# The `queries` of resource lists: parsing, checking and turning them into SQL.
#
# Everything is checked up front and refused as a bad parameter, unlike the queries of documents.


RULE = (
    "Value must a valid array no longer than 100 items and Value must be a valid string and at least 1 chars "
    "and no longer than 4096 chars"
)
DEFAULT_LIMIT = 25
MOST_VALUES = 500

COMPARISONS = {
    "lessThan": "<",
    "lessThanEqual": "<=",
    "greaterThan": ">",
    "greaterThanEqual": ">=",
}
#: Methods with a pattern: how the value becomes one, and whether a match is wanted.
PATTERNS = {
    "startsWith": ("{}%", True),
    "notStartsWith": ("{}%", False),
    "endsWith": ("%{}", True),
    "notEndsWith": ("%{}", False),
    "contains": ("%{}%", True),
    "notContains": ("%{}%", False),
    "search": ("%{}%", True),
    "notSearch": ("%{}%", False),
}


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


@dataclass(frozen=True)
class Column:
    """Where a filterable attribute is kept, and what its values must be: text, number, boolean or instant."""

    name: str
    kind: str = "text"


#: Filterable in every list.
COMMON = {
    "$id": Column("id"),
    "$createdAt": Column("created_at", "instant"),
    "$updatedAt": Column("updated_at", "instant"),
    "$sequence": Column("sequence", "number"),
}


@dataclass
class Condition:
    """A part of a WHERE clause with its values."""

    sql: str
    values: list[Any] = field(default_factory=list)


@dataclass
class Parsed:
    """What a list request asks for."""

    conditions: list[Condition] = field(default_factory=list)
    orders: list[tuple[str, bool]] = field(default_factory=list)
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    cursor: str | None = None
    backwards: bool = False
    select: list[str] = field(default_factory=list)


def query_texts(value: Any) -> list[str]:
    """The check of the parameter `queries`."""
    if not isinstance(value, list) or len(value) > 100:
        raise Refused(RULE)
    if not all(isinstance(item, str) and 1 <= len(item) <= 4096 for item in value):
        raise Refused(RULE)
    return value


#: What lists take: PAGE all of them, LIST those that can be searched.
PAGE = (Param("queries", query_texts, ()), Param("total", loose_boolean, True))
LIST = (*PAGE, Param("search", text(1, 256), ""))


def parse_queries(texts: Sequence[str], columns: Mapping[str, Column], *, selectable: bool = False) -> Parsed:
    """Raises the 400 of a bad `queries` parameter."""
    parsed = Parsed()
    try:
        for text in texts:
            _take(parsed, _decode(text), columns, selectable=selectable)
    except Refused as refusal:
        raise invalid("queries", f"Invalid query: {refusal}") from None
    return parsed


def _decode(text: str) -> dict[str, Any]:
    try:
        query = parse_json(text)
    except ValueError:
        raise Refused("Syntax error") from None
    if not isinstance(query, dict) or not isinstance(query.get("method"), str):
        raise Refused("Syntax error")
    if not isinstance(query.get("attribute", ""), str) or not isinstance(query.get("values", []), list):
        raise Refused("Syntax error")
    return query


def _take(parsed: Parsed, query: dict[str, Any], columns: Mapping[str, Column], *, selectable: bool) -> None:
    method, values = query["method"], query.get("values", [])
    if method in {"limit", "offset"}:
        setattr(parsed, method, _bounded(method, values))
    elif method in {"cursorAfter", "cursorBefore"}:
        parsed.cursor, parsed.backwards = _cursor(values), method == "cursorBefore"
    elif method in {"orderAsc", "orderDesc"}:
        attribute = query.get("attribute", "")
        name = _column(attribute, columns).name if attribute else "sequence"
        parsed.orders.append((name, method == "orderDesc"))
    elif method == "orderRandom":
        parsed.orders.append(("random()", False))
    elif method == "select" and selectable:
        parsed.select.extend(str(value) for value in values)
    elif method == "select":
        raise invalid("queries", f"Invalid query method: {method}")
    else:
        parsed.conditions.append(_condition(query, columns))


def _bounded(method: str, values: list[Any]) -> int:
    minimum = 1 if method == "limit" else 0
    try:
        number = int(values[0])
    except (IndexError, TypeError, ValueError):
        number = -1
    if number < minimum:
        rule = f"Value must be a valid range between {minimum} and 9,223,372,036,854,775,807"
        raise Refused(f"Invalid {method}: {rule}")
    return min(number, 2**62)


def _cursor(values: list[Any]) -> str:
    if len(values) != 1 or not isinstance(values[0], str):
        raise Refused("Invalid cursor")
    return values[0]


def _column(attribute: str, columns: Mapping[str, Column]) -> Column:
    column = columns.get(attribute) or COMMON.get(attribute)
    if column is None:
        raise Refused(f"Attribute not found in schema: {attribute}")
    return column


def _condition(query: dict[str, Any], columns: Mapping[str, Column]) -> Condition:
    method, values = query["method"], query.get("values", [])
    if method in {"and", "or"}:
        return _logical(method, values, columns)
    known = {"equal", "notEqual", "between", "notBetween", "isNull", "isNotNull", *COMPARISONS, *PATTERNS}
    if method not in known:
        raise Refused(f"Invalid query method: {method}")
    attribute = query.get("attribute", "")
    column = _column(attribute, columns)
    if method in {"isNull", "isNotNull"}:
        return Condition(f"{column.name} IS {'NOT ' if method == 'isNotNull' else ''}NULL")
    if not values:
        raise Refused(f"{method[0].upper()}{method[1:]} queries require at least one value.")
    if len(values) > MOST_VALUES:
        raise Refused(f"Query on attribute has greater than {MOST_VALUES} values: {attribute}")
    return _compare(method, column, [_value(attribute, column, value) for value in values])


def _logical(method: str, values: list[Any], columns: Mapping[str, Column]) -> Condition:
    if len(values) < 2 or not all(isinstance(value, dict) and "method" in value for value in values):
        raise Refused(f"{method.capitalize()} queries require at least two queries")
    parts = [_condition(value, columns) for value in values]
    joined = f" {method.upper()} ".join(f"({part.sql})" for part in parts)
    return Condition(joined, [value for part in parts for value in part.values])


def _compare(method: str, column: Column, values: list[Any]) -> Condition:
    name = column.name
    if method == "equal":
        return Condition(f"{name} IN ({', '.join('?' * len(values))})", values)
    if method in PATTERNS:
        pattern, wanted = PATTERNS[method]
        likes = " OR ".join(f"{name} LIKE ? ESCAPE '\\'" for _ in values)
        texts = [pattern.format(escape_like(str(value))) for value in values]
        return Condition(f"({likes})" if wanted else f"NOT ({likes})", texts)
    if method in {"between", "notBetween"}:
        if len(values) != 2:
            raise Refused(f"{method[0].upper()}{method[1:]} queries require exactly two values.")
        return Condition(f"{name} {'NOT ' if method == 'notBetween' else ''}BETWEEN ? AND ?", values)
    if len(values) != 1:
        raise Refused(f"{method[0].upper()}{method[1:]} queries require exactly one value.")
    return Condition(f"{name} {COMPARISONS.get(method, '!=')} ?", values)


def escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _value(attribute: str, column: Column, value: Any) -> Any:
    is_boolean = isinstance(value, bool)
    if column.kind == "boolean" and is_boolean:
        return int(value)
    if column.kind == "number" and isinstance(value, int | float) and not is_boolean:
        return value
    if column.kind == "text" and isinstance(value, str):
        return value
    instant = _instant(value) if column.kind == "instant" else None
    if instant is None:
        raise Refused(f'Query value is invalid for attribute "{attribute}"')
    return instant


def _instant(value: Any) -> str | None:
    """A time in the form in which times are kept, so that text comparison orders them."""
    try:
        parsed = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return stamp(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


#: Totals stop counting here (Appwrite 1.8.1, APP_LIMIT_COUNT).
MOST_COUNTED = 5000


@dataclass(frozen=True)
class Scope:
    """The rows that a list may show at all: a table and the columns that must have these values."""

    table: str
    title: str
    fixed: Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    total: int
    rows: list[sqlite3.Row]


def read_page(db: sqlite3.Connection, scope: Scope, asked: Parsed, search: Sequence[str] = ()) -> Page:
    """The rows asked for and how many there are. `search` is a text followed by the columns to look in."""
    clauses = [f"{name} = ?" for name in scope.fixed]
    values = list(scope.fixed.values())
    for condition in asked.conditions:
        clauses.append(f"({condition.sql})")
        values += condition.values
    if search and search[0]:
        clauses.append("(" + " OR ".join(f"{name} LIKE ? ESCAPE '\\'" for name in search[1:]) + ")")
        values += [f"%{escape_like(search[0])}%"] * (len(search) - 1)
    where = " AND ".join(clauses)
    counted = f"SELECT count(*) FROM (SELECT 1 FROM {scope.table} WHERE {where} LIMIT {MOST_COUNTED})"
    total = int(db.execute(counted, values).fetchone()[0])
    return Page(total, _read_rows(db, scope, asked, where, values))


def _read_rows(db: sqlite3.Connection, scope: Scope, asked: Parsed, where: str, values: list[Any]) -> list[sqlite3.Row]:
    orders = [*asked.orders, ("sequence", False)]
    if asked.backwards:
        orders = [(name, not descending) for name, descending in orders]
    if asked.cursor is not None:
        after, more = _after_cursor(_cursor_row(db, scope, asked.cursor), orders)
        where, values = f"{where} AND ({after})", [*values, *more]
    by = ", ".join(f"{name} {'DESC' if descending else 'ASC'}" for name, descending in orders)
    sql = f"SELECT * FROM {scope.table} WHERE {where} ORDER BY {by} LIMIT ? OFFSET ?"
    rows = db.execute(sql, [*values, asked.limit, asked.offset]).fetchall()
    return rows[::-1] if asked.backwards else rows


def _cursor_row(db: sqlite3.Connection, scope: Scope, cursor: str) -> sqlite3.Row:
    clauses = " AND ".join(f"{name} = ?" for name in (*scope.fixed, "id"))
    found: sqlite3.Row | None = db.execute(
        f"SELECT * FROM {scope.table} WHERE {clauses}", (*scope.fixed.values(), cursor)
    ).fetchone()
    if found is None:
        message = f"{scope.title} '{cursor}' for the 'cursor' value not found."
        raise ApiError("general_cursor_not_found", message)
    return found


def _after_cursor(row: sqlite3.Row, orders: Sequence[tuple[str, bool]]) -> tuple[str, list[Any]]:
    """`(a > ?) OR (a = ? AND b > ?) …`, in the direction of each order."""
    known = [(name, descending) for name, descending in orders if name in row.keys()]  # noqa: SIM118 - sqlite3.Row
    alternatives: list[str] = []
    values: list[Any] = []
    for position, (name, descending) in enumerate(known):
        equal = [f"{before} = ?" for before, _ in known[:position]]
        alternatives.append("(" + " AND ".join([*equal, f"{name} {'<' if descending else '>'} ?"]) + ")")
        values += [row[before] for before, _ in known[:position]] + [row[name]]
    return " OR ".join(alternatives), values


COLUMN_SETS: dict[str, dict[str, Column]] = {
    "functions": {
        "name": Column("name"),
        "enabled": Column("enabled", "boolean"),
        "runtime": Column("runtime"),
        "deploymentId": Column("deployment_id"),
        "schedule": Column("schedule"),
        "scheduleNext": Column("NULL", "instant"),
        "schedulePrevious": Column("NULL", "instant"),
        "timeout": Column("timeout", "number"),
        "entrypoint": Column("entrypoint"),
        "commands": Column("commands"),
        "installationId": Column("installation_id"),
    },
    "sites": {
        "name": Column("name"),
        "enabled": Column("enabled", "boolean"),
        "framework": Column("framework"),
        "deploymentId": Column("deployment_id"),
        "buildCommand": Column("build_command"),
        "installCommand": Column("install_command"),
        "outputDirectory": Column("output_directory"),
        "installationId": Column("installation_id"),
    },
    "deployments": {
        "buildSize": Column("build_size", "number"),
        "sourceSize": Column("source_size", "number"),
        "totalSize": Column("total_size", "number"),
        "buildDuration": Column("build_duration", "number"),
        "status": Column("status"),
        "activate": Column("activate", "boolean"),
        "type": Column("type"),
    },
    "variables": {
        "key": Column("key"),
        "secret": Column("secret", "boolean"),
        "resourceId": Column("iif(function LIKE 'sites/%', substr(function, 7), function)"),
        "resourceType": Column("iif(function = '', 'project', iif(function LIKE 'sites/%', 'site', 'function'))"),
    },
    "executions": {
        "trigger": Column("trigger"),
        "status": Column("status"),
        "responseStatusCode": Column("response_status_code", "number"),
        "duration": Column("duration", "number"),
        "requestMethod": Column("request_method"),
        "requestPath": Column("request_path"),
        "deploymentId": Column("deployment"),
    },
}

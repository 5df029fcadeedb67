"""Reading one page of a resource list from the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ApiError
from .queries import Column, Parsed, escape_like

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
        "scheduleNext": Column("NULL", "moment"),
        "schedulePrevious": Column("NULL", "moment"),
        "timeout": Column("timeout", "number"),
        "entrypoint": Column("entrypoint"),
        "commands": Column("commands"),
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

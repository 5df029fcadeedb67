"""Reading and changing rows of functions and what belongs to them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from ..errors import ApiError

if TYPE_CHECKING:
    from ..server import Server

Row = sqlite3.Row


def find(server: Server, table: str, project: str, identifier: str) -> Row | None:
    row: Row | None = server.db.execute(
        f"SELECT * FROM {table} WHERE project = ? AND id = ?", (project, identifier)
    ).fetchone()
    return row


def get_function(server: Server, project: str, function: str) -> Row:
    """Raises the 404 of an unknown function."""
    row = find(server, "functions", project, function)
    if row is None:
        raise ApiError("function_not_found")
    return row


def get_deployment(server: Server, project: str, function: Row, deployment: str) -> Row:
    """Raises the 404 of a deployment that is unknown or another function's."""
    row = find(server, "deployments", project, deployment)
    if row is None or row["function"] != function["id"]:
        raise ApiError("deployment_not_found")
    return row


def variables_of(server: Server, project: str, function: str) -> list[Row]:
    """In creation order."""
    return server.db.execute(
        "SELECT * FROM variables WHERE project = ? AND function = ? ORDER BY sequence", (project, function)
    ).fetchall()


def change(server: Server, table: str, row: Row, **values: Any) -> None:
    """Set columns of a row, and its time of change."""
    values["updated_at"] = server.timestamp()
    assignments = ", ".join(f"{name} = ?" for name in values)
    server.db.execute(f"UPDATE {table} SET {assignments} WHERE sequence = ?", (*values.values(), row["sequence"]))


def insert(server: Server, table: str, **values: Any) -> None:
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    server.db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def arm_schedule(server: Server, project: str, function: str) -> None:
    """A schedule runs while there is one and a deployment is active. `enabled` is not looked at (1.8.1).

    Called after updates, activations and changes of variables; deleting the active deployment does not call it, so
    that the schedule goes on and its runs fail, as on a real server.
    """
    server.db.execute(
        "UPDATE functions SET schedule_active = (schedule != '' AND deployment_id != '') WHERE project = ? AND id = ?",
        (project, function),
    )


def set_latest_status(server: Server, project: str, deployment: Row, status: str) -> None:
    """Show the state of a deployment on its function, if it is the newest one."""
    server.db.execute(
        "UPDATE functions SET latest_deployment_status = ?, updated_at = ? "
        "WHERE project = ? AND id = ? AND latest_deployment_id = ?",
        (status, server.timestamp(), project, deployment["function"], deployment["id"]),
    )


def activate(server: Server, function: Row, deployment: Row, **more: Any) -> None:
    """Make a deployment the one that runs."""
    change(
        server,
        "functions",
        function,
        deployment_id=deployment["id"],
        deployment_created_at=deployment["created_at"],
        **more,
    )
    arm_schedule(server, function["project"], function["id"])

"""Reading and changing rows of functions and what belongs to them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..stored import too_long

if TYPE_CHECKING:
    from ..server import Server

Row = sqlite3.Row

#: Width of the scheduler's own column (1.8.1, app/config/collections/platform.php, schedules).
SCHEDULER_SCHEDULE = 100


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


def create_schedule(server: Server, function: Row) -> None:
    """The scheduler's row of a new function. Raises 500 when its column is too short for the schedule: the function is
    there then, and whatever concerns its schedule fails from then on."""
    problem = _schedule_problem(function["schedule"])
    schedule = None if problem else function["schedule"]
    server.db.execute(
        "INSERT INTO schedules (function, schedule, active) VALUES (?, ?, 0)", (function["sequence"], schedule)
    )
    if problem:
        raise ApiError("general_unknown", keep_writes=True)


def complete_schedules(server: Server) -> None:
    """Rows for the functions of a data directory that was written before schedules had a table of their own."""
    server.db.execute(
        "INSERT INTO schedules (function, schedule, active) "
        "SELECT sequence, schedule, schedule != '' AND deployment_id != '' FROM functions WHERE true "
        "ON CONFLICT (function) DO NOTHING"
    )


def delete_schedule(server: Server, function: Row) -> None:
    """Raises the 500 of a function whose row was never written; what was done before stands."""
    row = _schedule_row(server, function)
    server.db.execute("DELETE FROM schedules WHERE function = ?", (function["sequence"],))
    if row is None or row["schedule"] is None:
        raise ApiError("general_unknown", keep_writes=True)


def arm_schedule(server: Server, project: str, function: str) -> None:
    """Tell the scheduler. Raises 500 when its row cannot be written; what was done before stands (observed on 1.8.1).

    Called after updates, activations and changes of variables; deleting the active deployment does not call it, so
    that the schedule goes on and its runs fail, as on a real server.
    """
    if schedule_problem(server, project, function):
        raise ApiError("general_unknown", keep_writes=True)


def schedule_problem(server: Server, project: str, function: str) -> str:
    """Tell the scheduler; what is wrong, or an empty text.

    A schedule runs while there is one and a deployment is active. `enabled` is not looked at (1.8.1), and to PHP "0" is
    as empty as "".
    """
    row = get_function(server, project, function)
    told = _schedule_row(server, row)
    if told is None or told["schedule"] is None:
        return "Must define $id attribute"
    problem = _schedule_problem(row["schedule"])
    if not problem:
        server.db.execute(
            "UPDATE schedules SET schedule = ?, active = ? WHERE function = ?",
            (row["schedule"], row["schedule"] not in ("", "0") and row["deployment_id"] != "", row["sequence"]),
        )
    return problem


def _schedule_row(server: Server, function: Row) -> Row | None:
    row: Row | None = server.db.execute(
        "SELECT * FROM schedules WHERE function = ?", (function["sequence"],)
    ).fetchone()
    return row


def _schedule_problem(schedule: str) -> str:
    return too_long("schedule", SCHEDULER_SCHEDULE) if len(schedule) > SCHEDULER_SCHEDULE else ""


def set_latest_status(server: Server, project: str, deployment: Row, status: str) -> None:
    """Show the state of a deployment on its function, if it is the newest one."""
    server.db.execute(
        "UPDATE functions SET latest_deployment_status = ?, updated_at = ? "
        "WHERE project = ? AND id = ? AND latest_deployment_id = ?",
        (status, server.timestamp(), project, deployment["function"], deployment["id"]),
    )


def activate(server: Server, function: Row, deployment: Row, **more: Any) -> None:
    """Make a deployment the one that runs. The scheduler has to be told after it."""
    change(
        server,
        "functions",
        function,
        deployment_id=deployment["id"],
        deployment_created_at=deployment["created_at"],
        **more,
    )

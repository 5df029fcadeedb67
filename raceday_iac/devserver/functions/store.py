"""Reading and changing rows of functions and what belongs to them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..ages import Age
from ..errors import ApiError
from ..params import too_long
from ..storage import add_columns

if TYPE_CHECKING:
    from ..server import Server


# Rows as the objects that go over the wire, field by field as a running 1.8.1 answers them.


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


def functions_of(server: Server, project: str) -> list[Row]:
    """In creation order."""
    return server.db.execute("SELECT * FROM functions WHERE project = ? ORDER BY sequence", (project,)).fetchall()


def variables_of(server: Server, project: str, function: str) -> list[Row]:
    """Those of a function, or of the project when it has no name, in creation order."""
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


def complete_columns(server: Server) -> None:
    """What a data directory of an earlier release lacks, or has elsewhere."""
    db = server.db
    texts, lists = "TEXT NOT NULL DEFAULT ''", "TEXT NOT NULL DEFAULT '[]'"
    add_columns(
        db,
        "functions",
        build_specification=texts,
        deployment_retention="INTEGER NOT NULL DEFAULT 0",
        provider_branches=lists,
        provider_paths=lists,
    )
    add_columns(db, "deployments", provider="TEXT NOT NULL DEFAULT '{}'")
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'project_variables'").fetchone():
        for row in db.execute("SELECT project, key, value FROM project_variables").fetchall():
            insert_project_variable(server, **row)
        db.execute("DROP TABLE project_variables")


def insert_project_variable(server: Server, project: str, key: str, value: str) -> None:
    """One that everybody may read and all functions get."""
    now = server.timestamp()
    own = {"project": project, "function": "", "id": server.new_id(), "key": key, "value": value}
    insert(server, "variables", **own, secret=False, created_at=now, updated_at=now)


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
    """Show the state of a deployment on its function, if it is the newest one; since 1.9 its state makes it that."""
    if server.age.latest_from is not None:
        if status in server.age.latest_from:
            server.db.execute(
                "UPDATE functions SET latest_deployment_id = ?, latest_deployment_created_at = ?, "
                "latest_deployment_status = ?, updated_at = ? WHERE project = ? AND id = ?",
                (
                    deployment["id"],
                    deployment["created_at"],
                    status,
                    server.timestamp(),
                    project,
                    deployment["function"],
                ),
            )
        return
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


VCS_FIELDS = (
    "providerRepositoryName",
    "providerRepositoryOwner",
    "providerRepositoryUrl",
    "providerCommitHash",
    "providerCommitAuthorUrl",
    "providerCommitAuthor",
    "providerCommitMessage",
    "providerCommitUrl",
    "providerBranch",
    "providerBranchUrl",
)


def function_model(age: Age, row: Row, variables: Iterable[Row]) -> dict[str, Any]:
    shown = {
        "$id": row["id"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "execute": json.loads(row["execute"]),
        "name": row["name"],
        "enabled": bool(row["enabled"]),
        "live": bool(row["live"]),
        "logging": bool(row["logging"]),
        "runtime": row["runtime"],
        "deploymentId": row["deployment_id"],
        "deploymentCreatedAt": row["deployment_created_at"],
        "latestDeploymentId": row["latest_deployment_id"],
        "latestDeploymentCreatedAt": row["latest_deployment_created_at"],
        "latestDeploymentStatus": row["latest_deployment_status"],
        "scopes": json.loads(row["scopes"]),
        "vars": [variable_model(variable) for variable in variables],
        "events": json.loads(row["events"]),
        "schedule": row["schedule"],
        "timeout": row["timeout"],
        "entrypoint": row["entrypoint"],
        "commands": row["commands"],
        "version": "v5",
        "installationId": row["installation_id"],
        "providerRepositoryId": row["provider_repository_id"] or "",
        "providerBranch": row["provider_branch"],
        "providerRootDirectory": row["provider_root_directory"],
        "providerSilentMode": bool(row["provider_silent_mode"]),
    }
    if not age.has_two_specifications:
        return {**shown, "specification": row["specification"]}
    return {
        **shown,
        "deploymentRetention": row["deployment_retention"],
        "providerBranches": json.loads(row["provider_branches"]),
        "providerPaths": json.loads(row["provider_paths"]),
        "buildSpecification": row["build_specification"] or row["specification"],
        "runtimeSpecification": row["specification"],
    }


def variable_model(row: Row) -> dict[str, Any]:
    """A secret's value never leaves the server."""
    return {
        "$id": row["id"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "key": row["key"],
        "value": "" if row["secret"] else row["value"],
        "secret": bool(row["secret"]),
        "resourceType": "function" if row["function"] else "project",
        "resourceId": row["function"],
    }


def deployment_model(row: Row) -> dict[str, Any]:
    return {
        "$id": row["id"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "type": row["type"],
        "resourceId": row["function"],
        "resourceType": "functions",
        "entrypoint": row["entrypoint"],
        "sourceSize": row["source_size"],
        "buildSize": row["build_size"],
        "totalSize": row["total_size"],
        "buildId": "",
        "activate": bool(row["activate"]),
        "screenshotLight": "",
        "screenshotDark": "",
        "status": row["status"],
        "buildLogs": row["build_logs"],
        "buildDuration": row["build_duration"],
        **dict.fromkeys(VCS_FIELDS, ""),
        **json.loads(row["provider"]),
    }


def execution_model(age: Age, row: Row) -> dict[str, Any]:
    """Bodies are never stored: only the answer to a synchronous execution shows one."""
    is_of = {"resourceId": row["function"], "resourceType": "functions"} if age.runs_resources else {}
    return {
        "$id": row["id"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "$permissions": [],
        **(is_of or {"functionId": row["function"]}),
        "deploymentId": row["deployment"],
        "trigger": row["trigger"],
        "status": row["status"],
        "requestMethod": row["request_method"],
        "requestPath": row["request_path"],
        "requestHeaders": json.loads(row["request_headers"]),
        "responseStatusCode": row["response_status_code"],
        "responseBody": "",
        "responseHeaders": json.loads(row["response_headers"]),
        "logs": row["logs"],
        "errors": row["errors"],
        "duration": row["duration"] or 0,
        "scheduledAt": row["scheduled_at"],
    }


def new_execution_model(age: Age, row: Row) -> dict[str, Any]:
    """What the request that makes an execution is answered; on main with the dates as the database writes them."""
    shown = execution_model(age, row)
    if not age.runs_resources:
        return shown
    return shown | {name: shown[name].replace("T", " ").partition("+")[0] for name in ("$createdAt", "$updatedAt")}


# Tables of functions, variables, deployments and executions, and the scheduler's own table.
#
# Ids and variable keys ignore case, as the collation of a real server's database does.


SCHEMA = """
CREATE TABLE IF NOT EXISTS functions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    name TEXT NOT NULL,
    runtime TEXT NOT NULL,
    execute TEXT NOT NULL,
    events TEXT NOT NULL,
    scopes TEXT NOT NULL,
    schedule TEXT NOT NULL,
    timeout INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    live INTEGER NOT NULL DEFAULT 1,
    logging INTEGER NOT NULL,
    entrypoint TEXT NOT NULL,
    commands TEXT NOT NULL,
    specification TEXT NOT NULL,
    deployment_id TEXT NOT NULL DEFAULT '',
    deployment_created_at TEXT NOT NULL DEFAULT '',
    latest_deployment_id TEXT NOT NULL DEFAULT '',
    latest_deployment_created_at TEXT NOT NULL DEFAULT '',
    latest_deployment_status TEXT NOT NULL DEFAULT '',
    installation_id TEXT NOT NULL,
    provider_repository_id TEXT,
    provider_branch TEXT NOT NULL,
    provider_root_directory TEXT NOT NULL,
    provider_silent_mode INTEGER NOT NULL,
    build_specification TEXT NOT NULL DEFAULT '',
    deployment_retention INTEGER NOT NULL DEFAULT 0,
    provider_branches TEXT NOT NULL DEFAULT '[]',
    provider_paths TEXT NOT NULL DEFAULT '[]',
    UNIQUE (project, id)
);
CREATE TABLE IF NOT EXISTS schedules (
    function INTEGER PRIMARY KEY,
    schedule TEXT,
    active INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS variables (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    function TEXT NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    key TEXT NOT NULL COLLATE NOCASE,
    value TEXT NOT NULL,
    secret INTEGER NOT NULL,
    UNIQUE (project, id),
    UNIQUE (project, function, key)
);
CREATE TABLE IF NOT EXISTS deployments (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE,
    function TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    type TEXT NOT NULL,
    entrypoint TEXT NOT NULL,
    commands TEXT NOT NULL,
    activate INTEGER NOT NULL,
    source_size INTEGER NOT NULL DEFAULT 0,
    build_size INTEGER NOT NULL DEFAULT 0,
    total_size INTEGER NOT NULL DEFAULT 0,
    build_duration INTEGER NOT NULL DEFAULT 0,
    build_logs TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL,
    chunks INTEGER NOT NULL DEFAULT 1,
    received TEXT NOT NULL DEFAULT '[]',
    environment TEXT NOT NULL DEFAULT '',
    provider TEXT NOT NULL DEFAULT '{}',
    UNIQUE (project, id)
);
CREATE INDEX IF NOT EXISTS deployments_of_function ON deployments (project, function, sequence);
CREATE TABLE IF NOT EXISTS executions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE,
    function TEXT NOT NULL,
    deployment TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    trigger TEXT NOT NULL,
    status TEXT NOT NULL,
    request_method TEXT NOT NULL,
    request_path TEXT NOT NULL,
    request_headers TEXT NOT NULL DEFAULT '[]',
    response_status_code INTEGER NOT NULL DEFAULT 0,
    response_headers TEXT NOT NULL DEFAULT '[]',
    logs TEXT NOT NULL DEFAULT '',
    errors TEXT NOT NULL DEFAULT '',
    duration REAL NOT NULL DEFAULT 0,
    scheduled_at TEXT,
    request TEXT NOT NULL DEFAULT '',
    UNIQUE (project, id)
);
CREATE INDEX IF NOT EXISTS executions_of_function ON executions (project, function, sequence);
CREATE INDEX IF NOT EXISTS executions_unfinished ON executions (status) WHERE status NOT IN ('completed', 'failed');
"""

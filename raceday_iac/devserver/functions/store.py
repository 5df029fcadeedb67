"""Reading and changing rows of functions and sites, and of what belongs to them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Service:
    """What has code, variables and deployments: functions, or sites. `name` is its table and the beginning of its
    routes, `one` what variables and ids call one of them."""

    name: str
    one: str

    @property
    def path(self) -> str:
        return f"/{self.name}/{{{self.id_parameter}}}"

    @property
    def id_parameter(self) -> str:
        return f"{self.one}Id"

    def get(self, server: Server, project: str, identifier: str) -> Row:
        """Raises the 404 of one that is not there."""
        row = find(server, self.name, project, identifier)
        if row is None:
            raise ApiError(f"{self.one}_not_found")
        return row


FUNCTIONS, SITES = Service("functions", "function"), Service("sites", "site")


def service_of(owner: Row) -> Service:
    return SITES if "framework" in owner.keys() else FUNCTIONS  # noqa: SIM118 - sqlite3.Row


def key_of(owner: Row) -> str:
    """By what variables and deployments know whose they are: the id of a function, and `sites/` and the id of a site,
    which may be called as a function is."""
    return str(owner["id"]) if service_of(owner) is FUNCTIONS else f"{SITES.name}/{owner['id']}"


def split_key(key: str) -> tuple[Service, str]:
    service, _, identifier = key.rpartition("/")
    return SITES if service else FUNCTIONS, identifier


def asked_owner(server: Server, project: str, values: Mapping[str, Any]) -> Row | None:
    """The function or site that a request names; None where it names none. Raises its 404."""
    named = next((each for each in (FUNCTIONS, SITES) if each.id_parameter in values), None)
    return named.get(server, project, values[named.id_parameter]) if named is not None else None


def owner_of(server: Server, row: Row) -> Row | None:
    """The function or site of a deployment."""
    service, identifier = split_key(row["function"])
    return find(server, service.name, row["project"], identifier)


def get_function(server: Server, project: str, function: str) -> Row:
    """Raises the 404 of an unknown function."""
    return FUNCTIONS.get(server, project, function)


def get_deployment(server: Server, owner: Row, deployment: str) -> Row:
    """Raises the 404 of a deployment that is unknown or another's."""
    row = find(server, "deployments", owner["project"], deployment)
    if row is None or row["function"] != key_of(owner):
        raise ApiError("deployment_not_found")
    return row


def functions_of(server: Server, project: str) -> list[Row]:
    """In creation order."""
    return server.db.execute("SELECT * FROM functions WHERE project = ? ORDER BY sequence", (project,)).fetchall()


def variables_of(server: Server, project: str, owner: str) -> list[Row]:
    """Those of a function or site, or of the project when there is no key, in creation order."""
    return server.db.execute(
        "SELECT * FROM variables WHERE project = ? AND function = ? ORDER BY sequence", (project, owner)
    ).fetchall()


def change(server: Server, table: str, row: Row, **values: Any) -> None:
    """Set columns of a row, and its time of change."""
    values["updated_at"] = server.timestamp()
    assignments = ", ".join(f"{name} = ?" for name in values)
    server.db.execute(f"UPDATE {table} SET {assignments} WHERE sequence = ?", (*values.values(), row["sequence"]))


def change_owner(server: Server, owner: Row, **values: Any) -> None:
    change(server, service_of(owner).name, owner, **values)


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
    add_columns(db, "deployments", provider="TEXT NOT NULL DEFAULT '{}'", output_directory=texts)
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
    """Inform the scheduler. Raises 500 when its row cannot be written; what was done before stands (observed on 1.8.1).

    Called after updates, activations and changes of variables; deleting the active deployment does not call it, so
    that the schedule goes on and its runs fail, as on a real server.
    """
    if schedule_problem(server, project, function):
        raise ApiError("general_unknown", keep_writes=True)


def schedule_problem(server: Server, project: str, function: str) -> str:
    """Inform the scheduler; what is wrong, or an empty text.

    A schedule runs while there is one and a deployment is active. `enabled` is not looked at (1.8.1), and to PHP "0" is
    as empty as "".
    """
    row = get_function(server, project, function)
    reported = _schedule_row(server, row)
    if reported is None or reported["schedule"] is None:
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
    """Show the state of a deployment on its owner, if it is the newest one; since 1.9 its state makes it that."""
    service, owner = split_key(deployment["function"])
    if server.age.latest_from is not None:
        if status in server.age.latest_from:
            server.db.execute(
                f"UPDATE {service.name} SET latest_deployment_id = ?, latest_deployment_created_at = ?, "
                "latest_deployment_status = ?, updated_at = ? WHERE project = ? AND id = ?",
                (
                    deployment["id"],
                    deployment["created_at"],
                    status,
                    server.timestamp(),
                    project,
                    owner,
                ),
            )
        return
    server.db.execute(
        f"UPDATE {service.name} SET latest_deployment_status = ?, updated_at = ? "
        "WHERE project = ? AND id = ? AND latest_deployment_id = ?",
        (status, server.timestamp(), project, owner, deployment["id"]),
    )


def activate(server: Server, owner: Row, deployment: Row, **more: Any) -> None:
    """Make a deployment the one that runs. The scheduler has to be informed after it."""
    change_owner(
        server,
        owner,
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


def owner_model(server: Server, owner: Row) -> dict[str, Any]:
    """A function or site as it is answered."""
    shown = _code_model(server.age, owner, variables_of(server, owner["project"], key_of(owner)))
    own = _function_fields(owner) if service_of(owner) is FUNCTIONS else _site_fields(server.age, owner)
    return {**shown, **own}


def _code_model(age: Age, row: Row, variables: Iterable[Row]) -> dict[str, Any]:
    """What functions and sites have in common."""
    shown = {
        "$id": row["id"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "name": row["name"],
        "enabled": bool(row["enabled"]),
        "live": bool(row["live"]),
        "logging": bool(row["logging"]),
        "deploymentId": row["deployment_id"],
        "deploymentCreatedAt": row["deployment_created_at"],
        "latestDeploymentId": row["latest_deployment_id"],
        "latestDeploymentCreatedAt": row["latest_deployment_created_at"],
        "latestDeploymentStatus": row["latest_deployment_status"],
        "vars": [variable_model(variable) for variable in variables],
        "timeout": row["timeout"],
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


def _function_fields(row: Row) -> dict[str, Any]:
    return {
        "execute": json.loads(row["execute"]),
        "runtime": row["runtime"],
        "scopes": json.loads(row["scopes"]),
        "events": json.loads(row["events"]),
        "schedule": row["schedule"],
        "entrypoint": row["entrypoint"],
        "commands": row["commands"],
        "version": "v5",
    }


def _site_fields(age: Age, row: Row) -> dict[str, Any]:
    return {
        "framework": row["framework"],
        "deploymentScreenshotLight": "",
        "deploymentScreenshotDark": "",
        "installCommand": row["install_command"],
        "buildCommand": row["build_command"],
        "outputDirectory": row["output_directory"],
        "buildRuntime": row["build_runtime"],
        "adapter": row["adapter"],
        "fallbackFile": row["fallback_file"],
        **({"startCommand": row["start_command"]} if age.has_two_specifications else {}),
        **({"scopes": json.loads(row["scopes"])} if age.sites_have_scopes else {}),
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
        "resourceType": split_key(row["function"])[0].one if row["function"] else "project",
        "resourceId": split_key(row["function"])[1],
    }


def deployment_model(row: Row) -> dict[str, Any]:
    return {
        "$id": row["id"],
        "$createdAt": row["created_at"],
        "$updatedAt": row["updated_at"],
        "type": row["type"],
        "resourceId": split_key(row["function"])[1],
        "resourceType": split_key(row["function"])[0].name,
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
# Ids and variable keys ignore case, as the collation of a real server's database does. What variables and deployments
# have as `function` is the key of their function or site (see `key_of`).


#: The columns of functions and of sites that are about their code.
CODE_COLUMNS = """deployment_id TEXT NOT NULL DEFAULT '',
    deployment_created_at TEXT NOT NULL DEFAULT '',
    latest_deployment_id TEXT NOT NULL DEFAULT '',
    latest_deployment_created_at TEXT NOT NULL DEFAULT '',
    latest_deployment_status TEXT NOT NULL DEFAULT '',
    installation_id TEXT NOT NULL,
    provider_repository_id TEXT,
    provider_branch TEXT NOT NULL,
    provider_root_directory TEXT NOT NULL,
    provider_silent_mode INTEGER NOT NULL"""
SCHEMA = f"""
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
    {CODE_COLUMNS},
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
    provider TEXT NOT NULL DEFAULT '{{}}',
    output_directory TEXT NOT NULL DEFAULT '',
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

"""Creating, reading, changing and deleting functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..params import NO_IDS, Param, anything, boolean, custom_id, existing_id, text, whole_number
from ..web import Reply, Request, Routes
from . import checks, store
from .catalogue import default_specification
from .cleanup import discard_deployments
from .executor import executor_of
from .listing import COLUMN_SETS, Scope, read_page
from .models import Row, function_model
from .queries import parse_queries, query_texts

if TYPE_CHECKING:
    from ..server import Server

routes = Routes()

DAY = 86_400
#: `live` goes off when one of these is changed; any other update switches it on (1.8.1, Functions/Update.php).
NEEDS_BUILD = ("name", "entrypoint", "commands", "provider_root_directory", "runtime")

OPTIONAL = (
    Param("execute", checks.execute_roles, ()),
    Param("events", checks.events, ()),
    Param("schedule", checks.schedule, ""),
    Param("timeout", whole_number(1, 2**31), 15),
    Param("enabled", boolean, True),
    Param("logging", boolean, True),
    Param("entrypoint", text(0, 1028), ""),
    Param("commands", text(0, 8192), ""),
    Param("scopes", checks.SCOPES, ()),
    Param("installationId", text(0, 128), ""),
    Param("providerRepositoryId", text(0, 128), None, nullable=True),
    Param("providerBranch", text(0, 128), ""),
    Param("providerSilentMode", boolean, False),
    Param("providerRootDirectory", text(0, 128), ""),
    Param("specification", anything, None),
)
FUNCTION_ID = Param("functionId", existing_id)


def reply(server: Server, request: Request, function: str, status: int = 200, **headers: str) -> Reply:
    """The function as it is now."""
    row = store.get_function(server, request.project, function)
    return Reply(status, _model(server, row), headers, model="function")


def _model(server: Server, row: Row) -> dict[str, Any]:
    return function_model(row, store.variables_of(server, row["project"], row["id"]))


@routes.add("GET", "/functions", "functions.read", Param("queries", query_texts, ()), Param("search", text(0, 256), ""))
def list_functions(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    asked = parse_queries(values["queries"], COLUMN_SETS["functions"])
    scope = Scope("functions", "Function", {"project": request.project})
    page = read_page(server.db, scope, asked, (values["search"], "id", "name", "runtime"))
    return Reply(200, {"total": page.total, "functions": [_model(server, row) for row in page.rows]}, model="functions")


@routes.add("GET", "/functions/{functionId}", "functions.read", FUNCTION_ID)
def get_function(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return reply(server, request, values["functionId"])


@routes.add(
    "POST",
    "/functions",
    "functions.write",
    Param("functionId", custom_id),
    Param("name", text(1, 128)),
    Param("runtime", checks.RUNTIME),
    *OPTIONAL,
)
def create_function(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    checks.check_settings(server, values)
    headers = count_creation(server, request.project)
    try:
        function = _insert(server, request.project, values)
    except ApiError as error:
        raise ApiError(error.kind, error.message, headers, keep_writes=True) from None
    return Reply(201, _model(server, store.get_function(server, request.project, function)), headers, model="function")


def count_creation(server: Server, project: str) -> dict[str, str]:
    """Count one creation, failed ones included, in the project's UTC day. Raises 429 beyond the limit (1.8.1)."""
    limit = server.settings.function_creation_limit
    if not limit:
        return {}
    day = int(server.clock.now().timestamp()) // DAY
    used = server.sequence(f"functions created in {project} on {day}")
    headers = {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(max(limit - used, 0)),
        "x-ratelimit-reset": str((day + 1) * DAY),
    }
    if used > limit:
        raise ApiError("general_rate_limit_exceeded", headers=headers, keep_writes=True)
    return headers


def _insert(server: Server, project: str, values: dict[str, Any]) -> str:
    function = server.new_id() if values["functionId"] in NO_IDS else str(values["functionId"])
    allowed = server.settings.runtimes
    if allowed and values["runtime"] not in allowed:
        raise ApiError("function_runtime_unsupported", f'Runtime "{values["runtime"]}" is not supported')
    checks.check_repository(values)
    if store.find(server, "functions", project, function) is not None:
        raise ApiError("function_already_exists")
    checks.check_widths(values)
    now = server.timestamp()
    store.insert(
        server, "functions", project=project, id=function, created_at=now, updated_at=now, **_columns(server, values)
    )
    store.create_schedule(server, store.get_function(server, project, function))
    return function


def _columns(server: Server, values: dict[str, Any]) -> dict[str, Any]:
    same = ("name", "runtime", "schedule", "timeout", "enabled", "logging", "entrypoint", "commands")
    return {
        **{name: values[name] for name in same},
        **{name: json.dumps(list(values[name])) for name in ("execute", "events", "scopes")},
        "specification": values["specification"] or default_specification(server.settings),
        "installation_id": values["installationId"],
        "provider_repository_id": values["providerRepositoryId"],
        "provider_branch": values["providerBranch"],
        "provider_root_directory": values["providerRootDirectory"],
        "provider_silent_mode": values["providerSilentMode"],
    }


@routes.add(
    "PUT",
    "/functions/{functionId}",
    "functions.write",
    FUNCTION_ID,
    Param("name", text(1, 128)),
    Param("runtime", checks.RUNTIME, ""),
    *OPTIONAL,
)
def update_function(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """A full replacement: what is left out goes back to its default, except runtime and entrypoint."""
    checks.check_settings(server, values)
    function = store.get_function(server, request.project, values["functionId"])
    checks.check_repository(values)
    values["runtime"] = values["runtime"] or function["runtime"]
    values["entrypoint"] = values["entrypoint"] or function["entrypoint"]
    checks.check_widths(values)
    columns = _columns(server, values)
    live = all(columns[name] == function[name] for name in NEEDS_BUILD)
    if columns["specification"] != function["specification"]:
        executor_of(server).forget(request.project, function["deployment_id"])
    store.change(server, "functions", function, live=live, **columns)
    store.arm_schedule(server, request.project, function["id"])
    return reply(server, request, function["id"])


@routes.add("DELETE", "/functions/{functionId}", "functions.write", FUNCTION_ID)
def delete_function(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    function = store.get_function(server, request.project, values["functionId"])
    owned = (request.project, function["id"])
    deployments = server.db.execute("SELECT id FROM deployments WHERE project = ? AND function = ?", owned).fetchall()
    for table in ("variables", "deployments", "executions"):
        server.db.execute(f"DELETE FROM {table} WHERE project = ? AND function = ?", owned)
    server.db.execute("DELETE FROM functions WHERE sequence = ?", (function["sequence"],))
    discard_deployments(server, request.project, [row["id"] for row in deployments])
    store.delete_schedule(server, function)
    return Reply(204)

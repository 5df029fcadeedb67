"""Creating, reading, changing and deleting functions."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...cron import cron_problem, next_run
from .. import params
from ..ages import ONLY_1_8, ONLY_1_9, ONLY_MAIN, SINCE_1_9
from ..errors import ApiError
from ..instance import default_specification, specifications
from ..params import (
    NO_IDS,
    Check,
    Param,
    Refused,
    anything,
    boolean,
    custom_id,
    existing_id,
    is_event,
    list_of,
    one_of,
    or_null,
    text,
    whole_number,
)
from ..records import COLUMN_SETS, LIST, Scope, parse_queries, read_page
from ..web import Reply, Request, Routes
from . import files as storage
from . import store
from .builds import builder_of
from .executor import executor_of
from .store import Row, owner_model

if TYPE_CHECKING:
    from ..server import Server


# Checks of parameters that only functions and executions have.


MOST_ITEMS = 100
SCHEDULE_WIDTH, EVENT_WIDTH = 128, 256
HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
MOST_HEADER_BYTES = 16_384

MOST_RETENTION_DAYS = 36_500
BRANCHES = list_of(text(1, 128), MOST_ITEMS)


def _check_role(role: Any) -> None:
    if not isinstance(role, str):
        raise Refused("Every role must be of type string.")
    if role == "*":
        raise Refused('Wildcard role "*" has been replaced. Use "any" instead.')
    if "role:" in role:
        raise Refused('Roles using the "role:" prefix have been removed. Use "users", "guests", or "any" instead.')
    if not role.startswith(params.NAMES):
        raise Refused(f'Role "{role}" is not allowed. Must be one of: {", ".join(params.NAMES)}.')
    params.check(params.parse(role))


def execute_roles(value: Any) -> list[str]:
    """The roles that may execute a function, as sent."""
    if not isinstance(value, list):
        raise Refused("Roles must be an array of strings.")
    if len(value) > MOST_ITEMS:
        raise Refused(f"You can only provide up to {MOST_ITEMS} roles.")
    for role in value:
        _check_role(role)
    return value


def _events(server: Server) -> Check:
    def check(value: Any) -> str:
        if isinstance(value, str) and value.startswith("functions."):
            raise Refused("Triggering a function on a function event is not allowed.")
        if not isinstance(value, str) or not is_event(value, server.age):
            raise Refused("Event is not valid.")
        return value

    return list_of(check, MOST_ITEMS)


def _schedule(server: Server) -> Check:
    """Empty, or a cron expression that may come, before 1.9 also one that never does. To PHP "0" is as empty as ""."""

    def check(value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, str) and (value in ("", "0") or (not cron_problem(value) and _comes(server, value))):
            return value
        raise Refused("String must be a valid cron expression")

    return check


def _comes(server: Server, expression: str) -> bool:
    if not server.age.refuses_schedules_that_never_come:
        return True
    return next_run(expression, server.clock.now()) is not None


def _runtime(server: Server) -> Check:
    return one_of(*server.age.runtimes)


def scopes_of(server: Server) -> Check:
    return list_of(one_of(*server.age.scopes), server.age.most_scopes)


def _timeout(server: Server) -> Check:
    return whole_number(1, server.settings.function_timeout_limit)


def specification_of(server: Server) -> Check:
    slugs = [entry["slug"] for entry in specifications(server.settings)]
    rule = f"Specification must be one of: {', '.join(slugs)}"

    def check(value: Any) -> str:
        if value not in slugs:
            raise Refused(rule)
        return str(value)

    return check


def _kept_specification(server: Server) -> Check:
    return or_null(specification_of(server))


def check_widths(values: dict[str, Any]) -> None:
    """The columns behind the parameters (1.8.1, app/config/collections/projects.php, functions): a plain 500."""
    if len(values["schedule"]) > SCHEDULE_WIDTH or any(len(event) > EVENT_WIDTH for event in values["events"]):
        raise ApiError("general_unknown")


def check_repository(values: dict[str, Any]) -> None:
    """This server has no version control: an installation cannot exist."""
    if values["installationId"]:
        raise ApiError("installation_not_found")
    if values["providerRepositoryId"]:
        raise ApiError(
            "general_argument_invalid",
            "When connecting to VCS (Version Control System), you need to provide "
            '"installationId" and "providerBranch".',
        )


def execution_headers(value: Any) -> dict[str, str]:
    """Headers of an execution, from an object or its JSON text. Raises the 400 of 1.8.1's Headers validator."""
    rule = (
        "Invalid headers: Alphanumeric characters or hyphens only, cannot start with 'x-appwrite', maximum 16KB in size"
    )
    if not isinstance(value, dict) or len(value) > MOST_ITEMS:
        raise ApiError("general_argument_invalid", rule)
    headers = {str(name): str(content) for name, content in value.items()}
    size = sum(len(name.encode()) + len(content.encode()) for name, content in headers.items())
    names_fit = all(HEADER_NAME.fullmatch(name) and not name.lower().startswith("x-appwrite-") for name in headers)
    if not names_fit or size >= MOST_HEADER_BYTES:
        raise ApiError("general_argument_invalid", rule)
    return headers


routes = Routes()

DAY = 86_400
#: `live` goes off when one of these is changed; any other update switches it on (1.8.1, Functions/Update.php).
NEEDS_BUILD = ("name", "entrypoint", "commands", "provider_root_directory", "runtime")

#: What functions and sites say of a repository, and of the size of builds before 1.9.
REPOSITORY = (
    Param("installationId", text(0, 128), ""),
    Param("providerRepositoryId", text(0, 128), None, nullable=True),
    Param("providerBranch", text(0, 128), ""),
    Param("providerSilentMode", boolean, False),
    Param("providerRootDirectory", text(0, 128), ""),
    Param("specification", anything, None, ages=ONLY_1_8, of_server=specification_of),
    Param("providerBranches", BRANCHES, None, ages=SINCE_1_9),
    Param("providerPaths", BRANCHES, None, ages=SINCE_1_9),
)
#: In an update, null is as good as nothing for some.
CHANGED_REPOSITORY = tuple(
    replace(each, check=or_null(each.check), nullable=True)
    if each.name in ("providerRepositoryId", "providerBranches", "providerPaths")
    else each
    for each in REPOSITORY
)
OPTIONAL = (
    Param("execute", execute_roles, ()),
    Param("events", anything, (), of_server=_events),
    Param("schedule", anything, "", of_server=_schedule),
    Param("timeout", anything, 15, of_server=_timeout),
    Param("enabled", boolean, True),
    Param("logging", boolean, True),
    Param("entrypoint", text(0, 1028), ""),
    Param("commands", text(0, 8192), ""),
    Param("scopes", anything, (), of_server=scopes_of),
)
#: Parameters of before 1.7, which only act for clients that announce an older format.
TEMPLATE = tuple(
    Param(name, text(0, 128), "")
    for name in ("templateRepository", "templateOwner", "templateRootDirectory", "templateVersion")
)
RETENTION = Param("deploymentRetention", whole_number(0, MOST_RETENTION_DAYS), 0, ages=SINCE_1_9)
NEW_SPECIFICATIONS = tuple(
    Param(name, anything, None, ages=SINCE_1_9, of_server=specification_of)
    for name in ("buildSpecification", "runtimeSpecification")
)
#: On main null is as good as nothing.
CHANGED_SPECIFICATIONS = tuple(
    Param(name, anything, None, ages is ONLY_MAIN, ages, check)
    for ages, check in ((ONLY_1_9, specification_of), (ONLY_MAIN, _kept_specification))
    for name in ("buildSpecification", "runtimeSpecification")
)
FUNCTION_ID = Param("functionId", existing_id)
SPECIFICATION_COLUMNS = {"runtimeSpecification": "specification", "buildSpecification": "build_specification"}
PROVIDER_LISTS = (("providerBranches", "provider_branches"), ("providerPaths", "provider_paths"))


def reply(server: Server, owner: Row, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """The function or site as it is now."""
    service = store.service_of(owner)
    row = service.get(server, owner["project"], owner["id"])
    return Reply(status, owner_model(server, row), headers or {}, model=service.one)


@routes.add("GET", "/functions", "functions.read", *LIST)
def list_functions(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    asked = parse_queries(values["queries"], COLUMN_SETS["functions"])
    scope = Scope("functions", "Function", {"project": request.project})
    page = read_page(server.db, scope, asked, (values["search"], "id", "name", "runtime"))
    shown = [owner_model(server, row) for row in page.rows]
    return Reply(200, {"total": page.total, "functions": shown}, model="functions")


@routes.add("GET", "/functions/{functionId}", "functions.read", FUNCTION_ID)
def get_function(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return reply(server, store.get_function(server, request.project, values["functionId"]))


@routes.add(
    "POST",
    "/functions",
    "functions.write",
    Param("functionId", custom_id),
    Param("name", text(1, 128)),
    Param("runtime", anything, of_server=_runtime),
    *OPTIONAL,
    *REPOSITORY,
    *NEW_SPECIFICATIONS,
    *TEMPLATE,
    RETENTION,
)
def create_function(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    headers = count_creation(server, request.project)
    try:
        function = _insert(server, request.project, values)
    except ApiError as error:
        raise ApiError(error.type, error.message, headers, keep_writes=True) from None
    return reply(server, store.get_function(server, request.project, function), 201, headers)


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
    check_repository(values)
    if store.find(server, "functions", project, function) is not None:
        raise ApiError("function_already_exists")
    check_widths(values)
    now = server.timestamp()
    store.insert(
        server, "functions", project=project, id=function, created_at=now, updated_at=now, **_columns(server, values)
    )
    store.create_schedule(server, store.get_function(server, project, function))
    return function


def _columns(server: Server, values: dict[str, Any], before: Row | None = None) -> dict[str, Any]:
    same = ("name", "runtime", "schedule", "timeout", "enabled", "logging", "entrypoint", "commands")
    return {
        **{name: values[name] for name in same},
        **{name: json.dumps(list(values[name])) for name in ("execute", "events", "scopes")},
        **_specifications(server, values, before),
        **repository_columns(values, before),
    }


def repository_columns(values: dict[str, Any], before: Row | None) -> dict[str, Any]:
    """What functions and sites keep of a repository, and how long they keep deployments."""
    return {
        "deployment_retention": values.get("deploymentRetention", 0),
        **{column: _branches(values.get(name), before, column) for name, column in PROVIDER_LISTS},
        "installation_id": values["installationId"],
        "provider_repository_id": values["providerRepositoryId"],
        "provider_branch": values["providerBranch"],
        "provider_root_directory": values["providerRootDirectory"],
        "provider_silent_mode": values["providerSilentMode"],
    }


def _specifications(server: Server, values: dict[str, Any], before: Row | None) -> dict[str, str]:
    """That of run time, and that of builds. What is not named becomes the largest, or on main stays."""
    keeps = server.age.keeps_specifications and before is not None
    largest = default_specification(server.settings)
    if not server.age.has_two_specifications:
        return dict.fromkeys(SPECIFICATION_COLUMNS.values(), values["specification"] or largest)
    return {
        column: values[name] or (before[column] if keeps and before is not None else "") or largest
        for name, column in SPECIFICATION_COLUMNS.items()
    }


def _branches(sent: list[str] | None, before: Row | None, column: str) -> str:
    """Branches and paths of version control stay when they are left out."""
    if sent is None:
        return str(before[column]) if before is not None else "[]"
    return json.dumps(sent)


@routes.add(
    "PUT",
    "/functions/{functionId}",
    "functions.write",
    FUNCTION_ID,
    Param("name", text(1, 128)),
    Param("runtime", anything, "", of_server=_runtime),
    *OPTIONAL,
    *CHANGED_REPOSITORY,
    *CHANGED_SPECIFICATIONS,
    RETENTION,
)
def update_function(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """A full replacement: what is left out goes back to its default, except runtime and entrypoint."""
    function = store.get_function(server, request.project, values["functionId"])
    check_repository(values)
    values["runtime"] = values["runtime"] or function["runtime"]
    values["entrypoint"] = values["entrypoint"] or function["entrypoint"]
    check_widths(values)
    columns = _columns(server, values, function)
    live = all(columns[name] == function[name] for name in NEEDS_BUILD)
    if columns["specification"] != function["specification"]:
        executor_of(server).forget(request.project, function["deployment_id"])
    changed = {"live": live, **columns}
    if not server.age.unchanged_keeps_time or any(function[name] != value for name, value in changed.items()):
        store.change(server, "functions", function, **changed)
    store.arm_schedule(server, request.project, function["id"])
    return reply(server, function)


@routes.add("DELETE", "/functions/{functionId}", "functions.write", FUNCTION_ID)
def delete_function(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    function = store.get_function(server, request.project, values["functionId"])
    delete_owner(server, function)
    store.delete_schedule(server, function)
    return Reply(204)


def delete_owner(server: Server, owner: Row) -> None:
    """A function or site, with its variables, its deployments and the records of its runs."""
    owned = (owner["project"], store.key_of(owner))
    deployments = server.db.execute("SELECT id FROM deployments WHERE project = ? AND function = ?", owned).fetchall()
    for table in ("variables", "deployments", "executions"):
        server.db.execute(f"DELETE FROM {table} WHERE project = ? AND function = ?", owned)
    server.db.execute(f"DELETE FROM {store.service_of(owner).name} WHERE sequence = ?", (owner["sequence"],))
    discard_deployments(server, owner["project"], [row["id"] for row in deployments])


# Ending what runs for deployments and removing their files, after they were deleted from the database.


def discard_deployments(server: Server, project: str, deployments: Iterable[str]) -> None:
    """Stop builds and workers now; delete the files once the transaction has been committed."""
    gone = list(deployments)
    for deployment in gone:
        builder_of(server).cancel(project, deployment)
        executor_of(server).kill(project, deployment)

    def delete_files() -> None:
        for deployment in gone:
            server.background(asyncio.to_thread(storage.delete, storage.files_of(server, project, deployment)))

    if gone:
        server.later(0, delete_files)

"""Variables of functions. They reach code when a process starts, never a running one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..params import Param, boolean, collated, encrypted_length, existing_id, text
from ..web import Reply, Request, Routes
from . import store
from .catalogue import specification
from .store import Row, variable_model, variables_of

if TYPE_CHECKING:
    from ..server import Server


routes = Routes()

FUNCTION_ID = Param("functionId", existing_id)
VARIABLE_ID = Param("variableId", existing_id)
COLLECTION = "/functions/{functionId}/variables"
ONE = "/functions/{functionId}/variables/{variableId}"
VALUE_WIDTH = 8192


def _get(server: Server, request: Request, values: dict[str, Any]) -> tuple[Row, Row]:
    function = store.get_function(server, request.project, values["functionId"])
    variable = store.find(server, "variables", request.project, values["variableId"])
    if variable is None or variable["function"] != function["id"]:
        raise ApiError("variable_not_found")
    return function, variable


def _needs_redeploy(server: Server, function: Row) -> None:
    store.change(server, "functions", function, live=False)
    store.arm_schedule(server, function["project"], function["id"])


def _refuse_taken(server: Server, function: Row, key: str, but: int = 0) -> None:
    """Keys are the same when MariaDB's collation takes them for the same."""
    wanted = collated(key)
    for row in store.variables_of(server, function["project"], function["id"]):
        if row["sequence"] != but and collated(row["key"]) == wanted:
            raise ApiError("variable_already_exists")


def _check_width(value: str) -> None:
    """The value is stored encrypted (1.8.1, app/config/collections/projects.php, variables): a plain 500."""
    if encrypted_length(value) > VALUE_WIDTH:
        raise ApiError("general_unknown")


@routes.add("GET", COLLECTION, "functions.read", FUNCTION_ID)
def list_variables(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Unpaged in 1.8.1."""
    function = store.get_function(server, request.project, values["functionId"])
    found = [variable_model(row) for row in store.variables_of(server, request.project, function["id"])]
    return Reply(200, {"total": len(found), "variables": found}, model="variables")


@routes.add("GET", ONE, "functions.read", FUNCTION_ID, VARIABLE_ID)
def get_variable(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, variable_model(_get(server, request, values)[1]), model="variable")


@routes.add(
    "POST",
    COLLECTION,
    "functions.write",
    FUNCTION_ID,
    Param("key", text(1, 255)),
    Param("value", text(0, 8192)),
    Param("secret", boolean, True),
)
def create_variable(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    function = store.get_function(server, request.project, values["functionId"])
    _check_width(values["value"])
    _refuse_taken(server, function, values["key"])
    identifier, now = server.new_id(), server.timestamp()
    store.insert(
        server,
        "variables",
        project=request.project,
        function=function["id"],
        id=identifier,
        created_at=now,
        updated_at=now,
        key=values["key"],
        value=values["value"],
        secret=values["secret"],
    )
    _needs_redeploy(server, function)
    created = store.find(server, "variables", request.project, identifier)
    assert created is not None
    return Reply(201, variable_model(created), model="variable")


@routes.add(
    "PUT",
    ONE,
    "functions.write",
    FUNCTION_ID,
    VARIABLE_ID,
    Param("key", text(1, 255)),
    Param("value", text(0, 8192), None, nullable=True),
    Param("secret", boolean, None, nullable=True),
)
def update_variable(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    function, variable = _get(server, request, values)
    if variable["secret"] and values["secret"] is False:
        raise ApiError("variable_cannot_unset_secret")
    _check_width(variable["value"] if values["value"] is None else values["value"])
    _refuse_taken(server, function, values["key"], variable["sequence"])
    given = {name: values[name] for name in ("value", "secret") if values[name] is not None}
    store.change(server, "variables", variable, key=values["key"], **given)
    _needs_redeploy(server, function)
    _, changed = _get(server, request, values)
    # 1.8.1 answers the time of the change before this one (observed).
    return Reply(200, {**variable_model(changed), "$updatedAt": variable["updated_at"]}, model="variable")


@routes.add("DELETE", ONE, "functions.write", FUNCTION_ID, VARIABLE_ID)
def delete_variable(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    function, variable = _get(server, request, values)
    server.db.execute("DELETE FROM variables WHERE sequence = ?", (variable["sequence"],))
    _needs_redeploy(server, function)
    return Reply(204)


@routes.add("GET", "/project/variables", "projects.read")
@routes.add("POST", "/project/variables", "projects.write")
def project_variables(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    """Only the console may call these in 1.8.1: no key has the scope, so this is never reached."""
    raise ApiError("general_access_forbidden")


# Environment variables of builds and runs: what the container gives, the user's variables, and Appwrite's own.


#: Settings of this machine that code needs to reach the internet and package registries.
PASSED_ON = (
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE "
    "PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_CERT PIP_CONFIG_FILE PIP_TRUSTED_HOST NODE_EXTRA_CA_CERTS "
    "npm_config_registry npm_config_cafile"
).split()
OWN_HOSTS = "127.0.0.1,localhost"
VCS = (
    "REPOSITORY_ID REPOSITORY_NAME REPOSITORY_OWNER REPOSITORY_URL REPOSITORY_BRANCH REPOSITORY_BRANCH_URL COMMIT_HASH "
    "COMMIT_MESSAGE COMMIT_URL COMMIT_AUTHOR_NAME COMMIT_AUTHOR_URL ROOT_DIRECTORY"
).split()


def machine_environment(scratch: Path, binaries: Path | None) -> dict[str, str]:
    """What any process starts with; `binaries` comes first in PATH (a virtual environment's bin)."""
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    excluded = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    no_proxy = f"{OWN_HOSTS},{excluded}" if excluded else OWN_HOSTS
    environment = {
        **known,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PATH": f"{binaries}{os.pathsep}{path}" if binaries else path,
        "HOME": str(scratch),
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", os.path.expanduser("~/.cache/pip")),
    }
    if binaries:
        environment["VIRTUAL_ENV"] = str(binaries.parent)
    return environment


def function_environment(server: Server, function: Row, deployment: Row) -> dict[str, str]:
    """The project's variables, then the function's, then Appwrite's: each may hide the ones before."""
    project = function["project"]
    shared = server.db.execute("SELECT key, value FROM project_variables WHERE project = ?", (project,)).fetchall()
    own = variables_of(server, project, function["id"])
    return {
        **{row["key"]: row["value"] for row in (*shared, *own) if "\0" not in row["key"] + row["value"]},
        **_appwrite_environment(server, function, deployment),
    }


def _appwrite_environment(server: Server, function: Row, deployment: Row) -> Mapping[str, str]:
    runtime = server.age.runtimes[function["runtime"]]
    size = specification(function["specification"])
    return {
        "APPWRITE_FUNCTION_API_ENDPOINT": server.endpoint,
        "APPWRITE_FUNCTION_ID": function["id"],
        "APPWRITE_FUNCTION_NAME": function["name"],
        "APPWRITE_FUNCTION_DEPLOYMENT": deployment["id"],
        "APPWRITE_FUNCTION_PROJECT_ID": function["project"],
        "APPWRITE_FUNCTION_RUNTIME_NAME": runtime["name"],
        "APPWRITE_FUNCTION_RUNTIME_VERSION": runtime["version"],
        "APPWRITE_FUNCTION_CPUS": str(size["cpus"]),
        "APPWRITE_FUNCTION_MEMORY": str(size["memory"]),
        "APPWRITE_VERSION": server.age.version,
        "APPWRITE_REGION": "default",
        "APPWRITE_DEPLOYMENT_TYPE": deployment["type"],
        **{f"APPWRITE_VCS_{name}": "" for name in VCS},
    }

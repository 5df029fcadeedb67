"""Variables of functions, sites and projects. They reach code when a process starts, never a running one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..ages import EVERY, ONLY_1_8, SINCE_1_9
from ..errors import ApiError
from ..instance import specification
from ..params import (
    NO_IDS,
    Param,
    boolean,
    collated,
    custom_id,
    encrypted_length,
    existing_id,
    or_null,
    text,
)
from ..records import COLUMN_SETS, PAGE, Scope, parse_queries, read_page
from ..web import Reply, Request, Routes
from . import store
from .store import Row, variable_model, variables_of

if TYPE_CHECKING:
    from ..server import Server


routes = Routes()

VARIABLE_ID = Param("variableId", existing_id)
#: Since 1.9 lists can be asked, the id is the client's to choose, and a PUT may name what it changes only.
LISTED = tuple(replace(each, ages=SINCE_1_9) for each in PAGE)
CREATED = (
    Param("variableId", custom_id, ages=SINCE_1_9),
    Param("key", text(1, 255)),
    Param("value", text(0, 8192)),
    Param("secret", boolean, True),
)
CHANGED = (
    VARIABLE_ID,
    Param("key", text(1, 255), ages=ONLY_1_8),
    Param("key", or_null(text(0, 255)), None, nullable=True, ages=SINCE_1_9),
    Param("value", or_null(text(0, 8192)), None, nullable=True),
    Param("secret", or_null(boolean), None, nullable=True),
)
OF_PROJECT = "/project/variables"
ONE = "/{variableId}"
VALUE_WIDTH = 8192


def _owner(server: Server, request: Request, values: dict[str, Any]) -> str:
    """The key of the function or site whose variables are meant, or an empty text for the project's."""
    owner = store.asked_owner(server, request.project, values)
    return store.key_of(owner) if owner is not None else ""


def _get(server: Server, request: Request, values: dict[str, Any], owner: str) -> Row:
    variable = store.find(server, "variables", request.project, values["variableId"])
    if variable is None or variable["function"] != owner:
        raise ApiError("variable_not_found")
    return variable


def _needs_redeploy(server: Server, project: str, owner: str) -> None:
    """What gets the variable: the function or site that has it, or all functions."""
    service, identifier = store.split_key(owner)
    owned = (service.get(server, project, identifier),) if owner else store.functions_of(server, project)
    for each in owned:
        store.change_owner(server, each, live=False)
        if service is store.FUNCTIONS:
            store.arm_schedule(server, project, each["id"])


def _refuse_taken(server: Server, project: str, owner: str, key: str, but: int = 0) -> None:
    """Keys are the same when MariaDB's collation takes them for the same."""
    wanted = collated(key)
    for row in store.variables_of(server, project, owner):
        if row["sequence"] != but and collated(row["key"]) == wanted:
            raise ApiError("variable_already_exists")


def _check_width(value: str) -> None:
    """The value is stored encrypted (1.8.1, app/config/collections/projects.php, variables): a plain 500."""
    if encrypted_length(value) > VALUE_WIDTH:
        raise ApiError("general_unknown")


def list_variables(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Unpaged in 1.8.1."""
    owner = _owner(server, request, values)
    if "queries" not in values:
        rows = store.variables_of(server, request.project, owner)
        total = len(rows)
    else:
        asked = parse_queries(values["queries"], COLUMN_SETS["variables"])
        page = read_page(
            server.db, Scope("variables", "Variable", {"project": request.project, "function": owner}), asked
        )
        rows, total = page.rows, page.total
    return Reply(200, {"total": total, "variables": [variable_model(row) for row in rows]}, model="variables")


def get_variable(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    row = _get(server, request, values, _owner(server, request, values))
    return Reply(200, variable_model(row), model="variable")


def create_variable(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    owner = _owner(server, request, values)
    _check_width(values["value"])
    chosen = values.get("variableId", "unique()")
    identifier, now = server.new_id() if chosen in NO_IDS else chosen, server.timestamp()
    if store.find(server, "variables", request.project, identifier) is not None:
        raise ApiError("variable_already_exists")
    _refuse_taken(server, request.project, owner, values["key"])
    store.insert(
        server,
        "variables",
        project=request.project,
        function=owner,
        id=identifier,
        created_at=now,
        updated_at=now,
        key=values["key"],
        value=values["value"],
        secret=values["secret"],
    )
    _needs_redeploy(server, request.project, owner)
    created = store.find(server, "variables", request.project, identifier)
    assert created is not None
    return Reply(201, variable_model(created), model="variable")


def update_variable(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    owner = _owner(server, request, values)
    variable = _get(server, request, values, owner)
    if variable["secret"] and values["secret"] is False:
        raise ApiError("variable_cannot_unset_secret")
    given = {name: values[name] for name in ("key", "value", "secret") if values[name] is not None}
    if not given:
        raise ApiError("general_argument_invalid")
    wanted = {"key": variable["key"], "value": variable["value"], **given}
    _check_width(wanted["value"])
    _refuse_taken(server, request.project, owner, wanted["key"], variable["sequence"])
    changed = {name: value for name, value in given.items() if value != variable[name]}
    if changed or not server.age.unchanged_keeps_time:
        store.change(server, "variables", variable, **given)
    _needs_redeploy(server, request.project, owner)
    shown = variable_model(_get(server, request, values, owner))
    if not server.age.answers_new_time:
        shown["$updatedAt"] = variable["updated_at"]
    return Reply(200, shown, model="variable")


def delete_variable(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    owner = _owner(server, request, values)
    variable = _get(server, request, values, owner)
    server.db.execute("DELETE FROM variables WHERE sequence = ?", (variable["sequence"],))
    _needs_redeploy(server, request.project, owner)
    return Reply(204)


for _path, _params, _scope, _ages in (
    *(
        (f"{each.path}/variables", (Param(each.id_parameter, existing_id),), each.name, EVERY)
        for each in (store.FUNCTIONS, store.SITES)
    ),
    (OF_PROJECT, (), "project", SINCE_1_9),
):
    routes.add("GET", _path, f"{_scope}.read", *_params, *LISTED, ages=_ages)(list_variables)
    routes.add("GET", _path + ONE, f"{_scope}.read", *_params, VARIABLE_ID, ages=_ages)(get_variable)
    routes.add("POST", _path, f"{_scope}.write", *_params, *CREATED, ages=_ages)(create_variable)
    routes.add("PUT", _path + ONE, f"{_scope}.write", *_params, *CHANGED, ages=_ages)(update_variable)
    routes.add("DELETE", _path + ONE, f"{_scope}.write", *_params, VARIABLE_ID, ages=_ages)(delete_variable)


@routes.add("GET", OF_PROJECT, "projects.read", ages=ONLY_1_8)
@routes.add("POST", OF_PROJECT, "projects.write", ages=ONLY_1_8)
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


def code_environment(server: Server, owner: Row, deployment: Row) -> dict[str, str]:
    """The project's variables, then those of the function or site, then Appwrite's: each may hide the ones before."""
    shared = variables_of(server, owner["project"], "")
    own = variables_of(server, owner["project"], store.key_of(owner))
    return {
        **{row["key"]: row["value"] for row in (*shared, *own) if "\0" not in row["key"] + row["value"]},
        **_appwrite_environment(server, owner, deployment),
    }


def runtime_of(server: Server, owner: Row) -> Mapping[str, str]:
    """The runtime that builds it. A site whose PUT left it out has none, and then nothing but files (1.9.6)."""
    is_function = store.service_of(owner) is store.FUNCTIONS
    return server.age.runtimes[owner["runtime"] if is_function else owner["build_runtime"] or "static-1"]


def _appwrite_environment(server: Server, owner: Row, deployment: Row) -> Mapping[str, str]:
    runtime = runtime_of(server, owner)
    size = specification(owner["specification"])
    own = {
        "API_ENDPOINT": server.endpoint,
        "ID": owner["id"],
        "NAME": owner["name"],
        "DEPLOYMENT": deployment["id"],
        "PROJECT_ID": owner["project"],
        "RUNTIME_NAME": runtime["name"],
        "RUNTIME_VERSION": runtime["version"],
        "CPUS": str(size["cpus"]),
        "MEMORY": str(size["memory"]),
    }
    prefix = f"APPWRITE_{store.service_of(owner).one.upper()}_"
    return {
        **{f"{prefix}{name}": value for name, value in own.items()},
        "APPWRITE_VERSION": server.age.version,
        "APPWRITE_REGION": "default",
        "APPWRITE_DEPLOYMENT_TYPE": deployment["type"],
        **{f"APPWRITE_VCS_{name}": "" for name in VCS},
    }

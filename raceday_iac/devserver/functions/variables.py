"""Variables of functions. They reach code when a process starts, never a running one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..params import Param, boolean, existing_id, text
from ..stored import collated, encrypted_length
from ..web import Reply, Request, Routes
from . import store
from .models import Row, variable_model

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

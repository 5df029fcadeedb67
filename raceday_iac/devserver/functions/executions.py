"""Starting, reading and deleting executions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..params import Param, Refused, existing_id, one_of, or_null, spoken_boolean, text
from ..settings import stamp
from ..web import Reply, Request, Routes, parse_json
from . import store
from .crud import execution_headers
from .executor import Outcome, executor_of
from .listing import COLUMN_SETS, PAGE, Scope, parse_queries, read_page
from .runs import Call, job_for, new_execution, perform, result_columns, scheduler_of
from .store import Row, execution_model, new_execution_model

if TYPE_CHECKING:
    from ..server import Server

routes = Routes()

FUNCTION_ID = Param("functionId", existing_id)
EXECUTION_ID = Param("executionId", existing_id)
COLLECTION = "/functions/{functionId}/executions"
ONE = "/functions/{functionId}/executions/{executionId}"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
DELETABLE = frozenset({"completed", "failed", "scheduled"})


def _headers_given(value: Any) -> Any:
    """An object, or the JSON text of one."""
    if isinstance(value, dict):
        return value
    if value == []:
        return {}
    if isinstance(value, str) and len(value) <= 65_535:
        try:
            return parse_json(value) if value else {}
        except ValueError:
            return None
    raise Refused("Value must be a valid object or a valid string and no longer than 65535 chars")


#: Before 1.9 only the second.
READ, WRITE = (("executions.read", "execution.read"), ("executions.write", "execution.write"))


@routes.add("GET", COLLECTION, READ[1], FUNCTION_ID, *PAGE, later_scopes=READ)
def list_executions(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    function = store.get_function(server, request.project, values["functionId"])
    asked = parse_queries(values["queries"], COLUMN_SETS["executions"])
    scope = Scope("executions", "Execution", {"project": request.project, "function": function["id"]})
    page = read_page(server.db, scope, asked)
    shown = [execution_model(server.age, row) for row in page.rows]
    return Reply(200, {"total": page.total, "executions": shown}, model="executions")


def _get(server: Server, request: Request, values: dict[str, Any]) -> Row:
    function = store.get_function(server, request.project, values["functionId"])
    row = store.find(server, "executions", request.project, values["executionId"])
    if row is None or row["function"] != function["id"]:
        raise ApiError("execution_not_found")
    return row


@routes.add("GET", ONE, READ[1], FUNCTION_ID, EXECUTION_ID, later_scopes=READ)
def get_execution(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, execution_model(server.age, _get(server, request, values)), model="execution")


@routes.add("DELETE", ONE, WRITE[1], FUNCTION_ID, EXECUTION_ID, later_scopes=WRITE)
def delete_execution(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Deleting a scheduled one cancels it. Whose execution it is, is not checked (1.8.1, Executions/Delete.php)."""
    store.get_function(server, request.project, values["functionId"])
    row = store.find(server, "executions", request.project, values["executionId"])
    if row is None:
        raise ApiError("execution_not_found")
    if row["status"] not in DELETABLE:
        raise ApiError("execution_in_progress")
    server.db.execute("DELETE FROM executions WHERE sequence = ?", (row["sequence"],))
    return Reply(204)


@routes.add(
    "POST",
    COLLECTION,
    WRITE[1],
    FUNCTION_ID,
    Param("body", text(0, 10_485_760), ""),
    Param("async", spoken_boolean, False),
    Param("path", text(1, 2048), "/"),
    Param("method", one_of(*METHODS), "POST"),
    Param("headers", _headers_given, {}),
    Param("scheduledAt", or_null(text(1, 100)), None, nullable=True),
    later_scopes=WRITE,
)
def create_execution(server: Server, request: Request, values: dict[str, Any]) -> Reply | Awaitable[Reply]:
    scheduled_at = _check_schedule(server, values)
    headers = execution_headers(values["headers"])
    function, deployment = _runnable(server, request, values["functionId"])
    trigger = "schedule" if scheduled_at else "http"
    call = Call(values["method"], values["path"], headers, values["body"], trigger, request.host)
    if scheduled_at:
        row = new_execution(server, function, call, "scheduled", scheduled_at=scheduled_at)
        scheduler_of(server).expect(request.project, row["id"], datetime.fromisoformat(scheduled_at))
        return Reply(202, new_execution_model(server.age, row), model="execution")
    if values["async"]:
        row = new_execution(server, function, call, "waiting")
        server.background(perform(server, request.project, row["id"]))
        return Reply(202, new_execution_model(server.age, row), model="execution")
    return _run_now(server, function, deployment, call)


def _check_schedule(server: Server, values: dict[str, Any]) -> str | None:
    """The time of a scheduled execution, in the form in which times are kept."""
    text_form = values["scheduledAt"]
    if text_form is None:
        return None
    if not values["async"]:
        raise ApiError(
            "general_bad_request",
            "Scheduled executions must run asynchronously. Set scheduledAt to a future date, or set async to true.",
        )
    try:
        instant = datetime.fromisoformat(text_form)
    except ValueError:
        instant = datetime.min.replace(tzinfo=UTC)
    instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    earliest = server.clock.now() + timedelta(minutes=1)
    if instant < earliest or instant.second or instant.microsecond:
        raise ApiError("general_bad_request", "Execution schedule must be a valid date, and at least 1 minute from now")
    return stamp(instant)


def _runnable(server: Server, request: Request, identifier: str) -> tuple[Row, Row]:
    """The function and its active deployment, if the caller may run it now."""
    function = store.find(server, "functions", request.project, identifier)
    is_guest = request.key.kind == "guest"
    if function is None or (is_guest and not function["enabled"]):
        raise ApiError("function_not_found")
    deployment = store.find(server, "deployments", request.project, function["deployment_id"])
    if deployment is None or deployment["function"] != function["id"]:
        raise ApiError(
            "deployment_not_found", "Deployment not found. Create a deployment before trying to execute a function"
        )
    if deployment["status"] != "ready":
        raise ApiError("build_not_ready")
    if is_guest and not _guests_may(function):
        raise ApiError("user_unauthorized", "No permissions provided for action 'execute'")
    return function, deployment


def _guests_may(function: Row) -> bool:
    return bool({"any", "guests"} & set(json.loads(function["execute"])))


async def _run_now(server: Server, function: Row, deployment: Row, call: Call) -> Reply:
    """A synchronous run. Its record is written when it has ended."""
    with server.transaction():
        identifier = server.new_id()
        job = job_for(server, function, deployment, call, identifier)
    limit = server.settings.synchronous_timeout
    problem: ApiError | None = None
    try:
        outcome = await asyncio.wait_for(executor_of(server).run(job), limit)
    except TimeoutError:
        problem = ApiError("function_synchronous_timeout")
        outcome = _timed_out(problem, limit)
    with server.transaction():
        result = result_columns(server, outcome)
        row = new_execution(server, function, call, result.pop("status"), id=identifier, **result)
    if problem is not None:
        raise problem
    shown = new_execution_model(server.age, row) | {
        "responseBody": outcome.body.decode("utf-8", "replace"),
        "responseHeaders": [
            *outcome.named_headers(stored_only=False, with_length=server.age.tells_lengths),
            {"name": "x-appwrite-execution-id", "value": identifier},
        ],
    }
    return Reply(201, shown, model="execution")


def _timed_out(problem: ApiError, limit: float) -> Outcome:
    return Outcome(500, {}, b"", "", f"{problem.message}\\nError Code: {problem.status}", limit)

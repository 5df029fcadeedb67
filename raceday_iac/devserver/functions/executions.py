"""Executions: starting, reading and deleting them, performing them through the executor, and when they start by
themselves.

Functions start at the times of their schedules, and executions at their `scheduledAt`. As on a real 1.8.1: UTC, to the
minute, from a table that is read every few seconds. Once a minute it asks for the next run from now on, which is not
always what the run before would have led to. Runs that were missed are not made up for, runs may overlap, and `enabled`
plays no part.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ...cron import CronError, NoNextRun, parse
from ..errors import ApiError
from ..keys import mint_dynamic_key
from ..params import Param, Refused, existing_id, one_of, or_null, spoken_boolean, text
from ..records import COLUMN_SETS, PAGE, Scope, parse_queries, read_page
from ..server import stamp
from ..web import Reply, Request, Routes, parse_json
from . import store
from .crud import execution_headers
from .executor import Job, Outcome, executor_of
from .files import files_of
from .store import Row, execution_model, new_execution_model
from .variables import code_environment

if TYPE_CHECKING:
    from ..server import Server


routes = Routes()

FUNCTION_ID = Param("functionId", existing_id)
EXECUTION_ID = Param("executionId", existing_id)
COLLECTION = "/functions/{functionId}/executions"
ONE = "/functions/{functionId}/executions/{executionId}"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
DELETABLE = frozenset({"completed", "failed", "scheduled"})

#: Request headers that an execution keeps (1.8.1, FUNCTION_ALLOWLIST_HEADERS_REQUEST).
STORED_REQUEST_HEADERS = ("content-type", "agent", "content-length", "host", "x-appwrite-client-ip")
#: A run's key outlives its timeout by this much (1.8.1, Executions/Create.php).
KEY_GRACE = 60

NO_DEPLOYMENT = (
    "The execution could not be completed because a corresponding deployment was not found. A function deployment "
    "needs to be created before it can be executed. Please create a deployment for your function and try again."
)
NOT_READY = (
    "The execution could not be completed because the build is not ready. Please wait for the build to complete and "
    "try again."
)
INTERRUPTED = "The server was stopped during the execution."

LOG = logging.getLogger("raceday_iac.devserver")

#: A run that is later than this was missed (the process slept, or the clock was moved).
TOO_LATE = timedelta(seconds=60)
CLEANING_INTERVAL = timedelta(hours=1)

Key = tuple[str, str]


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


@dataclass(frozen=True)
class Call:
    """What the caller wants the function to be asked. `client` is the caller's address, empty for schedules."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    trigger: str
    client: str = ""

    def stored_headers(self) -> list[dict[str, str]]:
        sent = {**self.headers, "x-appwrite-client-ip": self.client} if self.client else dict(self.headers)
        return [
            {"name": name, "value": value} for name, value in sent.items() if name.lower() in STORED_REQUEST_HEADERS
        ]

    def to_json(self) -> str:
        return json.dumps({"headers": dict(self.headers), "body": self.body, "client": self.client})

    @classmethod
    def from_row(cls, row: Row) -> Call:
        rest: dict[str, Any] = json.loads(row["request"])
        return cls(
            row["request_method"], row["request_path"], rest["headers"], rest["body"], row["trigger"], rest["client"]
        )


def new_execution(server: Server, function: Row, call: Call, status: str, **more: Any) -> Row:
    """Insert an execution of the active deployment."""
    now = server.timestamp()
    columns: dict[str, Any] = {
        "project": function["project"],
        "id": server.new_id(),
        "function": function["id"],
        "deployment": function["deployment_id"],
        "created_at": now,
        "updated_at": now,
        "trigger": call.trigger,
        "status": status,
        "request_method": call.method,
        "request_path": call.path,
        "request_headers": json.dumps(call.stored_headers()),
        "request": call.to_json() if status in {"waiting", "scheduled"} else "",
    }
    columns |= more
    store.insert(server, "executions", **columns)
    row = store.find(server, "executions", function["project"], columns["id"])
    assert row is not None
    return row


def job_for(server: Server, function: Row, deployment: Row, call: Call, execution: str) -> Job:
    """The run of a deployment, with a key of its own. Inside a transaction."""
    lifetime = function["timeout"] + KEY_GRACE
    key = mint_dynamic_key(
        server.db,
        function["project"],
        function["id"],
        json.loads(function["scopes"]),
        now=server.clock.now().timestamp(),
        lifetime=lifetime,
    )
    return Job(
        project=function["project"],
        deployment=deployment["id"],
        runtime=server.age.runtimes[function["runtime"]]["key"],
        entrypoint=deployment["entrypoint"],
        files=files_of(server, function["project"], deployment["id"]),
        python=deployment["environment"],
        variables=code_environment(server, function, deployment),
        method=call.method,
        path=call.path,
        headers=_headers(call, execution, key),
        body=call.body,
        timeout=function["timeout"],
        logging=bool(function["logging"]),
    )


def _headers(call: Call, execution: str, key: str) -> dict[str, str]:
    headers = {"host": "localhost:3000", **{name.lower(): value for name, value in call.headers.items()}}
    if call.body:
        headers["content-length"] = str(len(call.body.encode("utf-8", "surrogatepass")))
    headers |= {
        "x-appwrite-execution-id": execution,
        "x-appwrite-key": key,
        "x-appwrite-trigger": call.trigger,
        "x-appwrite-user-id": "",
        "x-appwrite-user-jwt": "",
        "x-appwrite-country-code": "",
        "x-appwrite-continent-code": "",
        "x-appwrite-continent-eu": "false",
    }
    if call.client:
        headers["x-appwrite-client-ip"] = call.client
    else:
        headers["x-appwrite-event"] = ""
    return headers


async def perform(server: Server, project: str, execution: str) -> None:
    """Run a stored execution that waits or is due. One that was deleted meanwhile is left alone."""
    with server.transaction():
        row = store.find(server, "executions", project, execution)
        function = store.find(server, "functions", project, row["function"]) if row is not None else None
        if row is None or function is None or row["status"] not in {"waiting", "scheduled"}:
            return
        deployment = store.find(server, "deployments", project, function["deployment_id"])
        problem = _obstacle(function, deployment)
        if problem or deployment is None:
            fail(server, row, problem)
            return
        store.change(server, "executions", row, status="processing", deployment=deployment["id"])
        if server.faults.loses_execution(function["id"]):
            return
        job = job_for(server, function, deployment, Call.from_row(row), execution)
    outcome = await executor_of(server).run(job)
    with server.transaction():
        store.change(server, "executions", row, **result_columns(server, outcome))


def _obstacle(function: Row, deployment: Row | None) -> str:
    if deployment is None or deployment["function"] != function["id"]:
        return NO_DEPLOYMENT
    return "" if deployment["status"] == "ready" else NOT_READY


def fail(server: Server, row: Row, problem: str) -> None:
    """End an execution that could not run."""
    store.change(server, "executions", row, status="failed", errors=problem, request="")


def result_columns(server: Server, outcome: Outcome) -> dict[str, Any]:
    """What is stored of a run. Bodies are not."""
    headers = outcome.named_headers(stored_only=True, with_length=server.age.tells_lengths)
    return {
        "status": outcome.state,
        "response_status_code": outcome.status,
        "response_headers": json.dumps(headers),
        "logs": outcome.logs,
        "errors": outcome.errors,
        "duration": round(outcome.duration, 6),
        "request": "",
    }


def resume_runs(server: Server) -> None:
    """After a restart: what waited runs now, what was running has failed."""
    for row in server.db.execute("SELECT * FROM executions WHERE status = 'processing'").fetchall():
        fail(server, row, INTERRUPTED)
    for row in server.db.execute("SELECT * FROM executions WHERE status = 'waiting' ORDER BY sequence").fetchall():
        server.background(perform(server, row["project"], row["id"]))


@dataclass
class Entry:
    """A schedule in the scheduler's memory, and its next run as seen at the instant `asked`."""

    schedule: str
    asked: datetime
    due: datetime | None

    def ask(self, now: datetime) -> None:
        self.asked, self.due = now, _next_run(self.schedule, now)

    def is_of_another_minute(self, now: datetime) -> bool:
        return self.asked.replace(second=0, microsecond=0) != now.replace(second=0, microsecond=0)


class Scheduler:
    """Call `sync` to read the tables and `run_due` to start what is due; `work` does both for ever."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._functions: dict[Key, Entry] = {}
        self._executions: dict[Key, datetime] = {}
        self._synced_at: datetime | None = None
        self._cleaned_at: datetime | None = None

    async def work(self) -> None:
        while True:
            try:
                self.tick()
            except Exception:
                LOG.exception("the scheduler failed")
            await asyncio.sleep(self._server.settings.schedule_pass)

    def tick(self) -> int:
        """One pass; returns how many runs were started."""
        now = self._server.clock.now()
        interval = timedelta(seconds=self._server.settings.schedule_sync)
        with self._server.transaction():
            # A clock that was set back must not stop the reading.
            if self._synced_at is None or not timedelta() <= now - self._synced_at < interval:
                self.sync()
            return self.run_due()

    def sync(self) -> None:
        """Read the armed schedules. New and changed ones count from now on."""
        now = self._server.clock.now()
        if self._synced_at is None:
            self._read_executions(now)
        self._synced_at = now
        rows = self._server.db.execute(
            "SELECT f.project, f.id, s.schedule FROM schedules s JOIN functions f ON f.sequence = s.function "
            "WHERE s.active = 1"
        ).fetchall()
        armed = {(row["project"], row["id"]): row["schedule"] for row in rows}
        for key in self._functions.keys() - armed.keys():
            del self._functions[key]
        for key, schedule in armed.items():
            known = self._functions.get(key)
            if known is None or known.schedule != schedule:
                self._functions[key] = Entry(schedule, now, _next_run(schedule, now))
                if self._functions[key].due is None:
                    LOG.warning("the schedule %r of function %s never comes", schedule, key[1])
        self._clean(now)

    def _read_executions(self, now: datetime) -> None:
        """Scheduled executions that an earlier process left. One first seen when it is due never runs (1.8.1)."""
        rows = self._server.db.execute(
            "SELECT project, id, scheduled_at FROM executions WHERE status = 'scheduled' AND scheduled_at > ?",
            (stamp(now),),
        ).fetchall()
        for row in rows:
            self.expect(row["project"], row["id"], datetime.fromisoformat(row["scheduled_at"]))

    def expect(self, project: str, execution: str, due: datetime) -> None:
        """Run a scheduled execution at its time, unless it is deleted before."""
        self._executions[project, execution] = due

    def run_due(self) -> int:
        """Start everything whose time has come."""
        now = self._server.clock.now()
        started = 0
        for key, entry in self._functions.items():
            if entry.due is not None and entry.due <= now:
                started += now - entry.due <= TOO_LATE and self._start_function(*key)
                entry.ask(now)
            elif entry.is_of_another_minute(now):
                entry.ask(now)
        for key, due in list(self._executions.items()):
            if due <= now:
                del self._executions[key]
                self._server.background(perform(self._server, *key))
                started += 1
        return started

    def _start_function(self, project: str, identifier: str) -> bool:
        function = store.find(self._server, "functions", project, identifier)
        if function is None:
            return False
        call = Call("POST", "/", {}, "", "schedule")
        row = new_execution(self._server, function, call, "waiting")
        self._server.background(perform(self._server, project, row["id"]))
        return True

    def _clean(self, now: datetime) -> None:
        """Executions are kept for a limited time."""
        if self._cleaned_at is not None and timedelta() <= now - self._cleaned_at < CLEANING_INTERVAL:
            return
        self._cleaned_at = now
        oldest = now - timedelta(days=self._server.settings.execution_retention_days)
        self._server.db.execute(
            "DELETE FROM executions WHERE created_at < ? AND status IN ('completed', 'failed')", (stamp(oldest),)
        )


def _next_run(schedule: str, now: datetime) -> datetime | None:
    """None where there is none, or where a schedule is kept that cannot be read."""
    try:
        return parse(schedule).next_run(now)
    except (CronError, NoNextRun):
        return None


def scheduler_of(server: Server) -> Scheduler:
    if "scheduler" not in server.services:
        server.services["scheduler"] = Scheduler(server)
    found: Scheduler = server.services["scheduler"]
    return found

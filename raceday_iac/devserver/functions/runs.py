"""Performing executions: from a stored request, through the executor, to the stored result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..keys import mint_dynamic_key
from . import store
from .executor import Job, Outcome, executor_of
from .files import files_of
from .store import Row
from .variables import code_environment

if TYPE_CHECKING:
    from ..server import Server

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

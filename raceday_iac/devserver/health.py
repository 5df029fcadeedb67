"""The health routes, and what else an instance says of itself.

There is one process and one database here, so all is well whenever we can answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .ages import SINCE_1_9, UNTIL_1_9
from .errors import ApiError
from .params import Param, one_of, text, whole_number
from .web import Reply, Request, Routes

if TYPE_CHECKING:
    from .server import Server

SCHEMA = ""
routes = Routes()

PASS = {"ping": 0, "status": "pass"}
#: The storage handlers give no name; the answer model requires one and fills in its default.
UNNAMED = {"name": "", **PASS}
QUEUES = (
    "builds",
    "certificates",
    "databases",
    "deletes",
    "functions",
    "logs",
    "mails",
    "messaging",
    "migrations",
    "stats-resources",
    "stats-usage",
    "webhooks",
)
FAILED = tuple(
    f"v1-{name}"
    for name in (
        "database deletes audits mails functions stats-resources stats-usage webhooks certificates builds messaging "
        "migrations"
    ).split()
)
THRESHOLD = Param("threshold", whole_number(0, 2**31 - 1), 5000)


def on_start(server: Server) -> None:
    """Health has nothing to resume."""


@routes.add("GET", "/ping", "global")
def ping(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, b"Pong!", {"content-type": "text/plain; charset=UTF-8"})


@routes.add("GET", "/console/variables", "projects.read")
def list_console_variables(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    """What Appwrite's own command line asks before it gives a new function a domain: no key of a project has the scope,
    so that it says what is missing."""
    raise ApiError("general_access_forbidden")


@routes.add("GET", "/console/scopes/project", "public", ages=SINCE_1_9)
def key_scopes(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    shown = list(server.age.described_scopes)
    return Reply(200, {"total": len(shown), "scopes": shown})


@routes.add("GET", "/health/version", "public")
def version(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, {"version": server.age.version})


@routes.add("GET", "/health", "health.read")
def health(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, {"name": "http", **PASS})


@routes.add("GET", "/health/db", "health.read")
def database(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    names = ("Console.DB (console)", "Projects.DB (database_db_main)")
    return Reply(200, {"total": 2, "statuses": [{"name": name, **PASS} for name in names]})


@routes.add("GET", "/health/cache", "health.read")
def cache(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, {"total": 1, "statuses": [{"name": "Cache (cache_redis_main)", **PASS}]})


@routes.add("GET", "/health/pubsub", "health.read")
def pubsub(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, {"total": 1, "statuses": [{"name": "PubSub (pubsub_redis_main)", **PASS}]})


@routes.add("GET", "/health/storage", "health.read")
def storage(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, UNNAMED)


@routes.add("GET", "/health/storage/local", "health.read")
def local_storage(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, UNNAMED)


@routes.add("GET", "/health/time", "health.read")
def time(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    now = int(server.clock.now().timestamp())
    return Reply(200, {"remoteTime": now, "localTime": now, "diff": 0})


@routes.add("GET", "/health/anti-virus", "health.read")
def antivirus(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, {"version": "", "status": "disabled"})


@routes.add("GET", "/health/queue/{name}", "health.read", Param("name", text(1, 64)), THRESHOLD, ages=UNTIL_1_9)
def queue(server: Server, _request: Request, values: dict[str, Any]) -> Reply:
    """Queue lengths: ours are the deployments that wait and the executions that wait."""
    name = values["name"]
    if name not in QUEUES:
        raise ApiError("general_route_not_found")
    tables = {"builds": "deployments", "functions": "executions"}
    size = 0
    if name in tables:
        row = server.db.execute(f"SELECT count(*) FROM {tables[name]} WHERE status = 'waiting'").fetchone()
        size = int(row[0])
    limit = values["threshold"]
    if size >= limit:
        said = f"Queue size threshold hit. Current size is {size} and threshold is set to {limit}."
        raise ApiError("health_queue_size_exceeded", said)
    return Reply(200, {"size": size})


@routes.add("GET", "/health/queue/failed/{name}", "health.read", Param("name", one_of(*FAILED)), THRESHOLD)
def failed_queue(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, {"size": 0})

"""What an instance says of itself (health, queues, versions) and what it offers: runtimes, frameworks and
specifications.

There is one process and one database here, so all is well whenever we can answer.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .ages import ONLY_MAIN, SINCE_1_9, UNTIL_1_9
from .errors import ApiError
from .params import Check, Param, anything, list_of, loose_boolean, one_of, text, whole_number
from .server import Settings
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

#: What templates are for.
USE_CASES = ("dev-tools", "starter", "databases", "ai", "messaging", "utilities")
WIRE_FIELDS = ("$id", "key", "name", "version", "base", "image", "logo", "supports")


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
def cache_health(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
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


def _read(name: str) -> Any:
    return json.loads(files("raceday_iac.devserver").joinpath(f"data/{name}").read_text(encoding="utf-8"))


@cache
def all_specifications() -> tuple[dict[str, Any], ...]:
    return tuple(_read("specifications.json")["specifications"])


def specifications(settings: Settings) -> list[dict[str, Any]]:
    """Those within the instance's limits, smallest first."""
    return [
        entry
        for entry in all_specifications()
        if (not settings.compute_cpus or entry["cpus"] <= settings.compute_cpus)
        and (not settings.compute_memory or entry["memory"] <= settings.compute_memory)
    ]


def default_specification(settings: Settings) -> str:
    """Without a plan the largest allowed one (observed on 1.8.1)."""
    return str(specifications(settings)[-1]["slug"])


def specification(slug: str) -> dict[str, Any]:
    return next(entry for entry in all_specifications() if entry["slug"] == slug)


@routes.add("GET", "/functions/runtimes", "public")
def list_runtimes(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    allowed = server.settings.runtimes
    shown = [
        {"logo": f"{entry['key']}.png", **{name: entry[name] for name in WIRE_FIELDS if name in entry}}
        for name, entry in server.age.runtimes.items()
        if not allowed or name in allowed
    ]
    return Reply(200, {"total": len(shown), "runtimes": shown}, model="runtimes")


@routes.add("GET", "/sites/frameworks", "public")
def list_frameworks(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    """Each with the runtimes of its language that this instance allows; those without one are left out."""
    allowed = server.settings.site_runtimes or tuple(server.age.runtimes)
    shown = []
    for entry in server.age.frameworks.values():
        language = str(entry["buildRuntime"]).partition("-")[0]
        runtimes = [each for each in allowed if each.startswith(f"{language}-")]
        if runtimes:
            shown.append({**entry, "runtimes": runtimes})
    return Reply(200, {"total": len(shown), "frameworks": shown})


def _known_runtimes(server: Server) -> Check:
    return list_of(one_of(*server.age.runtimes), 100)


@routes.add(
    "GET",
    "/functions/templates",
    "public",
    Param("runtimes", anything, (), of_server=_known_runtimes),
    Param("useCases", list_of(one_of(*USE_CASES), 100), ()),
    Param("limit", whole_number(1, 5000), 25),
    Param("offset", whole_number(0, 5000), 0),
    Param("total", loose_boolean, True),
)
@routes.add("GET", "/sites/templates", "public")
def list_templates(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    """Templates are repositories of others, which this server does not fetch."""
    return Reply(200, {"total": 0, "templates": []})


@routes.add("GET", "/functions/templates/{templateId}", "public", Param("templateId", text(1, 128)))
def get_template(_server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    raise ApiError("function_template_not_found")


#: All of them are for both here.
SPECIFIED = Param("type", one_of("runtimes", "builds"), "", ages=ONLY_MAIN)


@routes.add(
    "GET",
    "/functions/specifications",
    "functions.read",
    SPECIFIED,
)
@routes.add("GET", "/sites/specifications", "sites.read", SPECIFIED)
def list_specifications(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    shown = [
        {"slug": entry["slug"], "memory": entry["memory"], "cpus": entry["cpus"], "enabled": True}
        for entry in specifications(server.settings)
    ]
    return Reply(200, {"total": len(shown), "specifications": shown})

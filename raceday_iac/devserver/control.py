"""Control routes below /v1/_dev, for tests and demonstrations. Appwrite has nothing like them.

They need the server's own key, which no project key and no function can get.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from . import faults as foreign
from .databases.jobs import Workers
from .errors import ApiError, invalid
from .faults import RequestFault
from .functions import store
from .functions.executions import scheduler_of
from .functions.executor import executor_of
from .keys import CONTROL_SCOPE
from .params import Param, Refused, anything, list_of, one_of, text, whole_number
from .server import SystemClock, stamp
from .web import Reply, Request, Routes

if TYPE_CHECKING:
    from requests import Response, Session

    from .server import Server


SCHEMA = ""
routes = Routes()


def on_start(server: Server) -> None:
    """Nothing to resume: faults and counts do not outlive the process."""


def seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("Value must be a number of seconds")
    return float(value)


def foreign_answer(value: Any) -> str:
    name = str(value)
    try:
        if name:
            foreign.is_instead(name)
    except foreign.UnknownAnswerError as error:
        raise Refused(f"Value must name a foreign answer: {error}") from None
    return name


PATTERNS = list_of(text(1, 256), 100)


@routes.add("GET", "/_dev/requests", CONTROL_SCOPE)
def list_requests(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    """How often each route was called since the last reset."""
    counted = [{"method": method, "route": route, "count": count} for (method, route), count in server.requests.items()]
    return Reply(200, {"total": sum(server.requests.values()), "requests": counted})


@routes.add("GET", "/_dev/requests/recent", CONTROL_SCOPE)
def list_recent(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    """The last requests, the newest first."""
    shown = [{**each._asdict(), "at": stamp(each.at)} for each in reversed(server.recent)]
    return Reply(200, {"total": len(server.recent), "requests": shown})


@routes.add("DELETE", "/_dev/requests", CONTROL_SCOPE)
def reset_requests(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    server.requests.clear()
    return Reply(204)


def _describe(server: Server) -> dict[str, Any]:
    faults = server.faults
    return {
        "requests": [asdict(fault) for fault in faults.requests if fault.times > 0],
        "stuckAttributes": sorted(faults.stuck_attributes),
        "failingAttributes": sorted(faults.failing_attributes),
        "staleAnswers": sorted(faults.stale_answers),
        "buildDelay": faults.build_delay,
        "failingBuilds": faults.failing_builds,
        "stuckBuilds": faults.stuck_builds,
        "stuckExecutions": sorted(faults.stuck_executions),
        "databaseWorkers": Workers.of(server).number,
    }


@routes.add("GET", "/_dev/faults", CONTROL_SCOPE)
def show_faults(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, _describe(server))


@routes.add(
    "POST",
    "/_dev/faults",
    CONTROL_SCOPE,
    Param("method", text(1, 16), "*"),
    Param("path", text(1, 2048), "*"),
    Param("times", whole_number(1, 1_000_000), 1),
    Param("status", whole_number(0, 599), 0),
    Param("type", text(0, 128), "general_unknown"),
    Param("message", text(0, 2048), "Server Error"),
    Param("retryAfter", whole_number(0, 86_400), None, nullable=True),
    Param("cut", one_of("", "before", "after"), ""),
    Param("delay", seconds, 0.0),
    Param("answer", foreign_answer, ""),
    Param("skip", whole_number(0, 1_000_000), 0),
)
def add_fault(server: Server, _request: Request, values: dict[str, Any]) -> Reply:
    """Arm one request fault; see `RequestFault` for the meaning of the fields."""
    fault = RequestFault(
        method=values["method"],
        path=values["path"],
        times=values["times"],
        status=values["status"],
        type=values["type"],
        message=values["message"],
        retry_after=values["retryAfter"],
        cut=values["cut"],
        delay=values["delay"],
        answer=values["answer"],
        skip=values["skip"],
    )
    server.faults.add(fault)
    return Reply(201, _describe(server))


@routes.add(
    "PATCH",
    "/_dev/faults",
    CONTROL_SCOPE,
    Param("stuckAttributes", PATTERNS, None, nullable=True),
    Param("failingAttributes", PATTERNS, None, nullable=True),
    Param("staleAnswers", PATTERNS, None, nullable=True),
    Param("buildDelay", seconds, None, nullable=True),
    Param("failingBuilds", whole_number(0, 1000), None, nullable=True),
    Param("stuckBuilds", whole_number(0, 1000), None, nullable=True),
    Param("stuckExecutions", PATTERNS, None, nullable=True),
    Param("databaseWorkers", whole_number(1, 64), None, nullable=True),
)
def change_faults(server: Server, _request: Request, values: dict[str, Any]) -> Reply:
    """Set the faults of background work. What is left out stays as it is."""
    faults = server.faults
    if values["stuckAttributes"] is not None:
        faults.stuck_attributes = set(values["stuckAttributes"])
    if values["failingAttributes"] is not None:
        faults.failing_attributes = set(values["failingAttributes"])
    if values["staleAnswers"] is not None:
        faults.stale_answers = set(values["staleAnswers"])
    if values["buildDelay"] is not None:
        faults.build_delay = values["buildDelay"]
    if values["failingBuilds"] is not None:
        faults.failing_builds = values["failingBuilds"]
    if values["stuckBuilds"] is not None:
        faults.stuck_builds = values["stuckBuilds"]
    if values["stuckExecutions"] is not None:
        faults.stuck_executions = set(values["stuckExecutions"])
    if values["databaseWorkers"] is not None:
        Workers.of(server).change(values["databaseWorkers"])
    return Reply(200, _describe(server))


@routes.add("DELETE", "/_dev/faults", CONTROL_SCOPE)
def clear_faults(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    server.faults.clear()
    Workers.of(server).change(server.settings.database_workers)
    return Reply(204)


@routes.add("GET", "/_dev/clock", CONTROL_SCOPE)
def show_clock(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, {"now": server.timestamp()})


@routes.add("PATCH", "/_dev/clock", CONTROL_SCOPE, Param("offset", anything))
def move_clock(server: Server, _request: Request, values: dict[str, Any]) -> Reply:
    """Set the server's time to the machine's plus `offset` seconds."""
    if not isinstance(server.clock, SystemClock):
        raise ApiError("general_bad_request", "This server has its own clock.")
    try:
        server.clock.offset = timedelta(seconds=seconds(values["offset"]))
    except Refused as refusal:
        raise invalid("offset", str(refusal)) from None
    return Reply(200, {"now": server.timestamp()})


# Creating the functions and sites that an appwrite.json describes, through the HTTP API.


#: Fields of a function in such a file that are parameters of its creation, in every age of Appwrite. A server ignores
#: those of other ages.
FUNCTION_FIELDS = (
    "name runtime execute events schedule timeout enabled logging entrypoint commands scopes specification "
    "buildSpecification runtimeSpecification deploymentRetention"
).split()
#: The same of a site.
SITE_FIELDS = (
    "name framework enabled logging timeout installCommand buildCommand startCommand outputDirectory buildRuntime "
    "adapter fallbackFile specification buildSpecification runtimeSpecification deploymentRetention"
).split()
#: Where code lies is of no interest without it, and what a server added to its answer is of none at all.
_SILENT = frozenset({"$id", "$createdAt", "$updatedAt", "path", "ignore"})
#: Appwrite's limits of a timeout, in seconds (1.8.1).
_LONGEST, _LONGEST_OF_SITE = 900, 30
_REFUSED_FIELD = re.compile(r"Invalid `(\w+)` param")


@dataclass(frozen=True)
class Loaded:
    """Ids of what was created and of what was there already; for others why they were
    not created, and what of a created one was not taken as the file says it."""

    created: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: How many of the created are sites.
    sites: int = 0

    def and_sites(self, other: Loaded) -> Loaded:
        """Both together; sites by their addresses."""

        def of(ids: Sequence[str]) -> tuple[str, ...]:
            return tuple(f"site.{each}" for each in ids)

        return Loaded(
            (*self.created, *of(other.created)),
            (*self.skipped, *of(other.skipped)),
            {**self.refused, **dict(zip(of(list(other.refused)), other.refused.values(), strict=True))},
            {**self.changed, **dict(zip(of(list(other.changed)), other.changed.values(), strict=True))},
            len(other.created),
        )


@dataclass(frozen=True)
class _Service:
    """What the entries of a list are, and which of their fields are parameters."""

    name: str
    fields: Sequence[str]
    needed: tuple[str, ...]
    longest: int


_FUNCTIONS = _Service("functions", FUNCTION_FIELDS, ("name", "runtime"), _LONGEST)
_SITES = _Service("sites", SITE_FIELDS, ("name", "framework", "buildRuntime"), _LONGEST_OF_SITE)


#: The lists of an appwrite.json that are loaded.
LISTS = (_FUNCTIONS.name, _SITES.name)


def load_lists(lists: Mapping[str, Sequence[Any]], endpoint: str, project: str, key: str) -> Loaded:
    """Create what the lists of an appwrite.json name, by the key of each."""
    functions, sites = (lists[name] for name in LISTS)
    place = (endpoint, project, key)
    return load_functions(functions, *place).and_sites(load_sites(sites, *place))


def load_functions(functions: Sequence[Any], endpoint: str, project: str, key: str) -> Loaded:
    """Create the functions of an appwrite.json, without code, through the HTTP API. Their folders need not exist."""
    return _loaded(_FUNCTIONS, functions, endpoint, project, key)


def load_sites(sites: Sequence[Any], endpoint: str, project: str, key: str) -> Loaded:
    """The same of sites."""
    return _loaded(_SITES, sites, endpoint, project, key)


def _loaded(service: _Service, entries: Sequence[Any], endpoint: str, project: str, key: str) -> Loaded:
    import requests  # noqa: PLC0415 - takes long, and `status` imports this module too

    created: list[str] = []
    skipped: list[str] = []
    refused: dict[str, str] = {}
    changed: dict[str, tuple[str, ...]] = {}
    with requests.Session() as session:
        session.headers.update({"X-Appwrite-Project": project, "X-Appwrite-Key": key})
        for number, entry in enumerate(entries):
            id = entry.get("$id") if isinstance(entry, Mapping) else None
            if not isinstance(id, str) or not id:
                refused[f"{service.name}[{number}]"] = "it has no $id"
                continue
            remarks: list[str] = []
            answer = _created(session, service, endpoint, entry, remarks)
            if answer.status_code == 409:
                skipped.append(id)
            elif not answer.ok:
                refused[id] = _message(answer)
            else:
                created.append(id)
                remarks += _with_variables(session, f"{endpoint}/{service.name}/{id}/variables", entry)
                changed |= {id: tuple(remarks)} if remarks else {}
    return Loaded(tuple(created), tuple(skipped), refused, changed)


def _created(
    session: Session, service: _Service, endpoint: str, entry: Mapping[str, Any], remarks: list[str]
) -> Response:
    """The last answer to a creation. What the server refuses of optional settings is left out and reported."""
    identity, body = {f"{service.name.removesuffix('s')}Id": entry["$id"]}, _body(service, entry, remarks)
    while True:
        answer = session.post(f"{endpoint}/{service.name}", json={**identity, **body}, timeout=30)
        found = _REFUSED_FIELD.match(_message(answer)) if answer.status_code == 400 else None
        if found is None or found[1] not in body or found[1] in service.needed:
            return answer
        remarks.append(f"{found[1]} is left out: {_message(answer)}")
        del body[found[1]]


def _body(service: _Service, entry: Mapping[str, Any], remarks: list[str]) -> dict[str, Any]:
    body = {name: entry[name] for name in service.fields if entry.get(name) is not None}
    body.setdefault("name", entry["$id"])
    specification = body.get("specification")
    for name in ("buildSpecification", "runtimeSpecification"):
        # Until 1.8 there is one specification for both, and what runs is what counts.
        if specification is not None:
            body.setdefault(name, specification)
        elif name in body:
            body["specification"] = body[name]
    commands = body.get("commands")
    if isinstance(commands, list):
        body["commands"] = " && ".join(map(str, commands))
        remarks.append(f"commands is a list, and is joined: {body['commands']}")
    timeout = body.get("timeout")
    if isinstance(timeout, int) and timeout > service.longest:
        body["timeout"] = service.longest
        remarks.append(f"timeout {timeout} s is above Appwrite's limit; {service.longest} s is taken")
    unknown = sorted(set(entry) - {*service.fields, *_SILENT, "vars", "variables"})
    if unknown:
        remarks.append(f"unknown settings are left out: {', '.join(unknown)}")
    return body


def _with_variables(session: Session, url: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Create its variables; say what came of those that could not be."""
    given = entry.get("variables") or entry.get("vars") or {}
    pairs = given.items() if isinstance(given, Mapping) else [_pair(each) for each in given]
    for name, value in pairs:
        said = value if isinstance(value, str) else json.dumps(value)
        body = {"variableId": "unique()", "key": name, "value": said, "secret": False}
        answer = session.post(url, json=body, timeout=30)
        if not answer.ok:
            yield f"variable {name} is left out: {_message(answer)}"


def _pair(each: Any) -> tuple[Any, Any]:
    return (each.get("key"), each.get("value")) if isinstance(each, Mapping) else (each, "")


def _message(answer: Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status_code}"


def _texts(value: Any) -> dict[str, str]:
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return value
    raise Refused("Value must be an object with texts")


@routes.add("PUT", "/_dev/variables", CONTROL_SCOPE, Param("variables", _texts))
def set_project_variables(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Replace the variables that all functions of the project get."""
    server.db.execute("DELETE FROM variables WHERE project = ? AND function = ''", (request.project,))
    for key, value in values["variables"].items():
        store.insert_project_variable(server, request.project, key, value)
    return Reply(200, {"variables": values["variables"]})


@routes.add("POST", "/_dev/schedules", CONTROL_SCOPE)
def run_scheduler(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    """Read the schedules and start what is due, now."""
    scheduler = scheduler_of(server)
    scheduler.sync()
    return Reply(200, {"started": scheduler.tick()})


@routes.add("GET", "/_dev/executor", CONTROL_SCOPE)
def show_executor(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, {"coldStarts": executor_of(server).cold_starts})

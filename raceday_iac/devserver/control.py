"""Control routes below /v1/_dev, for tests and demonstrations. Appwrite has nothing like them.

They need the server's own key, which no project key and no function can get.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import faults as foreign
from .errors import ApiError, invalid
from .faults import RequestFault
from .keys import CONTROL_SCOPE
from .params import Param, Refused, anything, list_of, one_of, text, whole_number
from .settings import SystemClock
from .web import Reply, Request, Routes

if TYPE_CHECKING:
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
        kind=values["type"],
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
    return Reply(200, _describe(server))


@routes.add("DELETE", "/_dev/faults", CONTROL_SCOPE)
def clear_faults(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    server.faults.clear()
    return Reply(204)


@routes.add("GET", "/_dev/clock", CONTROL_SCOPE)
def show_clock(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, {"now": server.timestamp()})


@routes.add("PATCH", "/_dev/clock", CONTROL_SCOPE, Param("offset", anything))
def move_clock(server: Server, _request: Request, values: dict[str, Any]) -> Reply:
    """Set the server's time to the machine's plus `offset` seconds."""
    if not isinstance(server.clock, SystemClock):
        raise ApiError("general_bad_request", "This server runs on a clock of its own.")
    try:
        server.clock.offset = timedelta(seconds=seconds(values["offset"]))
    except Refused as refusal:
        raise invalid("offset", str(refusal)) from None
    return Reply(200, {"now": server.timestamp()})


# Creating the functions that an appwrite.json describes, through the HTTP API.


#: Fields of a function in appwrite.json that are parameters of its creation.
FUNCTION_FIELDS = (
    "name runtime execute events schedule timeout enabled logging entrypoint commands scopes specification"
).split()


@dataclass(frozen=True)
class Loaded:
    """Ids of the functions that `load_appwrite_json` created, and of those that were there already."""

    created: tuple[str, ...]
    skipped: tuple[str, ...]


class LoadError(RuntimeError):
    """The server refused a function of an appwrite.json."""


def load_appwrite_json(source: Path | str | Mapping[str, Any], endpoint: str, project: str, key: str) -> Loaded:
    """Create the functions of an appwrite.json, without code, through the HTTP API. Their folders need not exist."""
    import requests  # noqa: PLC0415 - takes long, and `status` imports this module too

    document = source if isinstance(source, Mapping) else json.loads(Path(source).read_text(encoding="utf-8"))
    created: list[str] = []
    skipped: list[str] = []
    with requests.Session() as session:
        session.headers.update({"X-Appwrite-Project": project, "X-Appwrite-Key": key})
        for function in document.get("functions", []):
            body = {"functionId": function["$id"]}
            body |= {name: function[name] for name in FUNCTION_FIELDS if function.get(name) is not None}
            answer = session.post(f"{endpoint}/functions", json=body, timeout=30)
            if answer.status_code == 409:
                skipped.append(function["$id"])
            elif answer.ok:
                created.append(function["$id"])
            else:
                raise LoadError(f"function {function['$id']}: {answer.json()['message']}")
    return Loaded(tuple(created), tuple(skipped))

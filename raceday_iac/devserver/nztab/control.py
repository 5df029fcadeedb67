"""Control routes of the played API below /v1/_dev/nztab: what is played, what goes wrong, what was asked."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from ..keys import CONTROL_SCOPE
from ..params import Param, Refused, boolean, list_of, whole_number
from ..web import Reply, Request, Routes
from .faults import NztabFault

if TYPE_CHECKING:
    from ..server import Server

SCHEMA = ""
routes = Routes()


def on_start(server: Server) -> None:
    """Nothing to resume: days are made anew, faults and counts do not outlive the process."""


def day_or_any(value: Any) -> str:
    """A date, or nothing for whichever is asked for."""
    if value == "":
        return ""
    try:
        return str(date.fromisoformat(value))
    except (TypeError, ValueError):
        raise Refused("Value must be a date (YYYY-MM-DD) or empty") from None


def fault(value: Any) -> NztabFault:
    """One fault as an object with the fields of `NztabFault`, in camel case."""
    if not isinstance(value, dict):
        raise Refused("Value must be an object")
    unknown = sorted(set(value) - set(FAULT_FIELDS))
    if unknown or "kind" not in value:
        raise Refused(f"Value must have a kind, and may have {', '.join(list(FAULT_FIELDS)[1:])}")
    fields: dict[str, Any] = {FAULT_FIELDS[name]: given for name, given in value.items()}
    fields["ids"] = frozenset(fields.get("ids", ()))
    try:
        return NztabFault(**fields)
    except (TypeError, ValueError) as problem:
        raise Refused(str(problem)) from None


FAULT_FIELDS = {
    "kind": "kind",
    "route": "route",
    "ids": "ids",
    "every": "every",
    "rate": "rate",
    "times": "times",
    "status": "status",
    "retryAfter": "retry_after",
    "seconds": "seconds",
}


def _describe(server: Server) -> dict[str, Any]:
    nztab = server.nztab
    settings = nztab.settings
    return {
        "date": str(settings.date) if settings.date else "",
        "seed": settings.seed,
        "races": settings.races or 0,
        "full": settings.full,
        "requestsPerSecond": nztab.faults.requests_per_second,
        "faults": [_describe_fault(rule) for rule in nztab.faults.rules],
        "requests": dict(nztab.requests),
        "statuses": {str(status): count for status, count in nztab.statuses.items()},
        "anonymous": nztab.anonymous,
    }


def _describe_fault(rule: NztabFault) -> dict[str, Any]:
    fields = asdict(rule) | {"ids": sorted(rule.ids)}
    return {name: fields[field] for name, field in FAULT_FIELDS.items()} | {"seen": rule.seen, "done": rule.done}


@routes.add("GET", "/_dev/nztab", CONTROL_SCOPE)
def show(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, _describe(server))


@routes.add(
    "PATCH",
    "/_dev/nztab",
    CONTROL_SCOPE,
    Param("date", day_or_any, None, nullable=True),
    Param("seed", whole_number(0, 2**31 - 1), None, nullable=True),
    Param("races", whole_number(0, 999), None, nullable=True),
    Param("full", boolean, None, nullable=True),
    Param("requestsPerSecond", whole_number(0, 1_000_000), None, nullable=True),
    Param("faults", list_of(fault, 100), None, nullable=True),
)
def change(server: Server, _request: Request, values: dict[str, Any]) -> Reply:
    """Change what is played and what goes wrong. What is left out stays as it is; a given list of faults replaces the
    present one; an empty date and no races mean the recorded card on any day."""
    nztab = server.nztab
    changes: dict[str, Any] = {name: values[name] for name in ("seed", "full") if values[name] is not None}
    if values["date"] is not None:
        changes["date"] = date.fromisoformat(values["date"]) if values["date"] else None
    if values["races"] is not None:
        changes["races"] = values["races"] or None
    if changes:
        nztab.use(**changes)
    if values["requestsPerSecond"] is not None:
        nztab.faults.requests_per_second = values["requestsPerSecond"]
    if values["faults"] is not None:
        nztab.faults.rules = values["faults"]
    return Reply(200, _describe(server))


@routes.add("DELETE", "/_dev/nztab", CONTROL_SCOPE)
def reset(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    """Disarm the faults, forget the counts, and play what the server was started with."""
    server.nztab.reset()
    return Reply(204)

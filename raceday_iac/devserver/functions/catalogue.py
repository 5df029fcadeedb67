"""What the instance offers: runtimes, frameworks and specifications."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ..ages import ONLY_MAIN
from ..errors import ApiError
from ..params import Check, Param, anything, list_of, loose_boolean, one_of, text, whole_number
from ..settings import Settings
from ..web import Reply, Request, Routes

if TYPE_CHECKING:
    from ..server import Server

routes = Routes()

#: What templates are for.
USE_CASES = ("dev-tools", "starter", "databases", "ai", "messaging", "utilities")
WIRE_FIELDS = ("$id", "key", "name", "version", "base", "image", "logo", "supports")


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

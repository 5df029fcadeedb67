"""The embedded server: its requests as they come, faults, clock, reset and load. In no console of anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from ..errors import IacError
from .app import Console, Deed, Form, Page
from .project import Local

#: What a person types before everything is deleted.
RESET = "delete everything"
#: A fault lasts so many requests when nothing is said.
_TIMES = 10


@dataclass(frozen=True)
class Preset:
    """A fault by a name that people know: of the next requests, or (with `lasting`) until it is switched off."""

    title: str
    request: Mapping[str, Any] = field(default_factory=dict)
    lasting: Mapping[str, Any] = field(default_factory=dict)


PRESETS: Mapping[str, Preset] = {
    "slow": Preset("Every answer takes 3 seconds longer", {"delay": 3.0}),
    "429": Preset(
        "429, too many requests",
        {"status": 429, "type": "general_rate_limit_exceeded", "message": "Rate limit", "retryAfter": 2},
    ),
    "500": Preset("500, an error of the server", {"status": 500}),
    "503": Preset("503, a page of the proxy in front", {"answer": "503-html"}),
    "404": Preset("404, but not from Appwrite", {"answer": "404-text"}),
    "cut": Preset("The connection is cut after the work is done", {"cut": "after"}),
    "stuck": Preset("Attributes and indexes stay in processing", lasting={"stuckAttributes": ["*"]}),
    "failing": Preset("Attributes and indexes fail", lasting={"failingAttributes": ["*"]}),
    "builds": Preset("The next builds fail", lasting={"failingBuilds": _TIMES}),
    "lost": Preset("Executions never end", lasting={"stuckExecutions": ["*"]}),
    "workers": Preset("Two database workers, which overwrite each other's changes", lasting={"databaseWorkers": 2}),
}


def server(console: Console, request: Request) -> str:
    """All of it."""
    local = _local(console)
    now = datetime.fromisoformat(str(local.control("GET", "clock")["now"]))
    offset = round((now - datetime.now(UTC)).total_seconds())
    return console.show(
        "server.html",
        request,
        title="Embedded server",
        place=console.project.place(),
        faults=_armed(local.control("GET", "faults")),
        presets=[(name, each.title) for name, each in PRESETS.items()],
        times=_TIMES,
        now=now.strftime("%Y-%m-%d %H:%M:%S"),
        offset=offset if abs(offset) > 1 else 0,
        reset=RESET,
        requests=_requests(local),
    )


def requests(console: Console, request: Request) -> str:
    """The part of the page that is asked for again and again."""
    return console.show("requests.html", request, requests=_requests(_local(console)))


def _requests(local: Local) -> list[dict[str, Any]]:
    found = local.control("GET", "requests/recent")["requests"]
    return [
        {
            **each,
            "at": str(each["at"])[11:23],
            "milliseconds": f"{each['seconds'] * 1000:.1f}",
            "tone": "broken"
            if not each["status"] or each["status"] >= 500
            else "warn"
            if each["status"] >= 400
            else "",
        }
        for each in found[:60]
    ]


def _armed(found: Mapping[str, Any]) -> list[str]:
    """What is switched on, in words."""
    lines = [_fault(each) for each in found["requests"]]
    words = {
        "stuckAttributes": "attributes and indexes that stay in processing",
        "failingAttributes": "attributes and indexes that fail",
        "staleAnswers": "attributes and indexes that are answered from an old cache",
        "stuckExecutions": "functions whose executions never end",
    }
    lines += [f"{text}: {', '.join(found[name])}" for name, text in words.items() if found[name]]
    numbers = {
        "buildDelay": "seconds that a build waits",
        "failingBuilds": "builds that will fail",
        "stuckBuilds": "builds that will never end",
    }
    lines += [f"{text}: {found[name]}" for name, text in numbers.items() if found[name]]
    if found["databaseWorkers"] > 1:
        lines.append(f"database workers: {found['databaseWorkers']}")
    return lines


def _fault(each: Mapping[str, Any]) -> str:
    what = [
        f"answer {each['answer']}" if each["answer"] else "",
        f"status {each['status']}" if each["status"] else "",
        f"{each['delay']} s later" if each["delay"] else "",
        f"cut {each['cut']} the work" if each["cut"] else "",
    ]
    return f"the next {each['times']} of {each['method']} {each['path']}: {', '.join(filter(None, what))}"


def switch(console: Console, _request: Request, form: Form) -> str:
    """Switch a fault on, or all of them off."""
    local = _local(console)
    if form.get("off"):
        local.control("DELETE", "faults")
        return console.to("/server", "All faults are off.")
    preset = PRESETS.get(form.get("fault", ""))
    if preset is None:
        raise IacError("There is no such fault.", unchanged=True)
    if preset.lasting:
        local.control("PATCH", "faults", preset.lasting)
    else:
        times = form.get("times", "")
        place = {"method": form.get("method") or "*", "path": form.get("path") or "*"}
        number = int(times) if times.isdecimal() and len(times) < 7 else _TIMES
        local.control("POST", "faults", {**preset.request, **place, "times": number})
    return console.to("/server", f"Switched on: {preset.title}.")


def move_clock(console: Console, _request: Request, form: Form) -> str:
    """Set the server's time to the machine's, plus so many hours."""
    try:
        hours = float(form.get("hours") or 0)
    except ValueError:
        raise IacError("The hours must be a number, such as 1.5 or -3.", unchanged=True) from None
    if not abs(hours) <= 24 * 366:
        raise IacError("The clock can be moved by a year at most.", unchanged=True)
    _local(console).control("PATCH", "clock", {"offset": hours * 3600})
    return console.to(
        "/server", f"The server's clock is {hours:g} hours ahead." if hours else "It has the machine's time."
    )


def reset(console: Console, _request: Request, form: Form) -> str:
    """Delete all of it, once that was typed."""
    if form.get("sentence", "").strip() != RESET:
        return console.to("/server", f"Nothing was deleted: to delete everything, type {RESET!r}.")
    if any(each.changes for each in console.tasks.running()):
        raise IacError("An apply is under way. Nothing was deleted.", hint="wait for its end")
    local = _local(console)
    console.tasks.complete("reset", "Deleting everything", lambda _task: local.reset())
    console.tasks.forget("plan", "health", "apply")
    return console.to("/server", "The embedded server is empty, and so is its state.")


def load(console: Console, _request: Request, form: Form) -> str:
    """Create the functions of a file."""
    local, content = _local(console), form.get("file", "")
    lines = console.tasks.complete("load", "Loading a file", lambda _task: local.load(content))
    console.tasks.forget("plan")
    return console.to("/server", "\n".join(lines))


def _local(console: Console) -> Local:
    if console.local is None:
        raise IacError(f"Environment {console.project.environment} is not an embedded server.", unchanged=True)
    return console.local


PAGES = (
    Page("/server", server, "Server", is_local=True),
    Page("/server/requests", requests, is_local=True),
)
DEEDS = (
    Deed("/server/faults", switch),
    Deed("/server/clock", move_clock),
    Deed("/server/reset", reset),
    Deed("/server/load", load),
)

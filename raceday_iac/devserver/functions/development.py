"""Control routes of functions: project variables, which before 1.9 only the console can set, and the scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..keys import CONTROL_SCOPE
from ..params import Param, Refused
from ..web import Reply, Request, Routes
from . import store
from .executor import executor_of
from .scheduler import scheduler_of

if TYPE_CHECKING:
    from ..server import Server

routes = Routes()


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

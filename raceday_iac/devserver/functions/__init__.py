"""Functions, their executions, and what they have in common with sites: variables, deployments and builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..web import Routes
from . import crud, deployments, executions, variables
from .builds import builder_of, resume_builds
from .executions import resume_runs, scheduler_of
from .executor import executor_of
from .store import SCHEMA as TABLES
from .store import complete_columns, complete_schedules

if TYPE_CHECKING:
    from ..server import Server

SCHEMA = TABLES
routes = Routes()
for part in (crud, variables, deployments, executions):
    routes.table.extend(part.routes.table)


def on_start(server: Server) -> None:
    """Start the services, and pick up builds and executions that an earlier process left."""
    complete_columns(server)
    complete_schedules(server)
    executor_of(server)
    builder_of(server)
    resume_builds(server)
    resume_runs(server)
    if server.settings.scheduler:
        server.background(scheduler_of(server).work())

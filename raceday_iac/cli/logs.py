"""`raceday-iac logs FUNCTION`."""

from __future__ import annotations

from ..errors import EXIT_OK, IacError
from ..loading.environment import load_environment
from ..provider import Reader
from ..render.executions import build_lines, execution_document, execution_lines
from ..render.lines import Line, print_json, print_lines
from .options import Options
from .target import opened
from .workspace import reader


def run(options: Options, function: str, limit: int, execution: str, build: str) -> int:
    """Show executions, newest first, or a build log."""
    environment = load_environment(options.stack, options.env)
    with opened(environment, options) as target:
        connection = reader(target)
        if build:
            _show_build(options, connection, function, build)
            return EXIT_OK
        if execution:
            found = [connection.execution(function, execution)]
        else:
            found = list(connection.executions(function, limit))
    if options.json:
        print_json({"executions": [execution_document(each) for each in found]})
    elif not found:
        print_lines([Line(f"function.{function} has no executions.")], color=options.color)
    else:
        print_lines((line for each in found for line in execution_lines(each)), color=options.color)
    return EXIT_OK


def _show_build(options: Options, connection: Reader, function: str, build: str) -> None:
    newest = connection.deployments(function, 1) if build == "latest" else ()
    if build == "latest" and not newest:
        raise IacError(f"function.{function} has no deployments.")
    deployment = connection.deployment(function, newest[0].id if newest else build)
    if options.json:
        print_json({"deployment": {"id": deployment.id, "status": deployment.status, "log": deployment.log}})
    else:
        print_lines(build_lines(function, deployment), color=options.color)

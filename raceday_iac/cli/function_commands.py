"""The commands about the code of functions: run it, read its logs, write out its bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options

FunctionName = Annotated[str, typer.Argument(metavar="FUNCTION", help="Function id.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run)
    app.command("logs")(logs)
    app.command("vendor")(vendor)


def run(
    function: FunctionName,
    body: Annotated[str, typer.Option(help="Request body, usually JSON.")] = "",
    asynchronous: Annotated[bool, typer.Option("--async", help="Start it and do not wait.")] = False,
) -> None:
    """Execute a function and show its answer."""
    from .deployments import run_function

    raise typer.Exit(run_function(options.current, function, body, asynchronous))


def logs(
    function: FunctionName,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="Newest executions.")] = 5,
    execution: Annotated[str, typer.Option(metavar="ID", help="Only this execution.")] = "",
    build: Annotated[
        str, typer.Option(metavar="ID", help="The build log of a deployment; `latest` for the newest.")
    ] = "",
) -> None:
    """Show a function's executions with their logs."""
    from .deployments import run_logs as run

    raise typer.Exit(run(options.current, function, limit, execution, build))


def vendor(
    function: FunctionName,
    out: Annotated[Path, typer.Option(help="Folder to write to; created when missing.")],
) -> None:
    """Write out the bundle that would be deployed: own code, shared code, lock numbers, schema."""
    from .deployments import run_vendor as run

    raise typer.Exit(run(options.current, function, out))

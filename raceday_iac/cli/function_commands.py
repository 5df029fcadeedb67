"""The commands about the code of functions: run it, read its logs, live through a day with it."""

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
    app.command("simulate")(simulate)
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


def simulate(
    day: Annotated[str, typer.Option(help="New Zealand date; 2025-07-17 is the recorded day.")] = "2025-07-17",
    seed: Annotated[int, typer.Option(help="Decides everything that is left to chance.")] = 1,
    races: Annotated[int | None, typer.Option(help="A made-up day with so many races.")] = None,
    until: Annotated[str, typer.Option(metavar="HH:MM", help="Stop at this New Zealand time.")] = "",
    without_locks: Annotated[
        bool, typer.Option("--without-locks", help="Give every run the lock it asks for.")
    ] = False,
    legacy_schedules: Annotated[
        bool, typer.Option("--legacy-schedules", help="Also start the poller every 10 minutes, as the deleted one was.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write the report as a page.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Write the timeline as a picture.")] = None,
) -> None:
    """Live through a whole race day in virtual time: real functions, real locks. Exit 1 when an invariant is broken."""
    from .simulate import Asked, run

    asked = Asked(day, seed, races, until, without_locks, legacy_schedules, html, svg)
    raise typer.Exit(run(options.current, asked))


def vendor(
    function: FunctionName,
    out: Annotated[Path, typer.Option(help="Folder to write to; created when missing.")],
) -> None:
    """Write out the bundle that would be deployed: own code, shared code, lock numbers, schema."""
    from .deployments import run_vendor as run

    raise typer.Exit(run(options.current, function, out))

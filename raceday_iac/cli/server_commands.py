"""The words of `raceday-iac server …`. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options

app = typer.Typer(
    help="The Appwrite-compatible server for development, on this machine only.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def start(
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    database_workers: Annotated[
        int, typer.Option(min=1, help="How many schemas it changes at a time, as a server with more workers does.")
    ] = 1,
) -> None:
    """Start it in the background, with scheduler and executor."""
    from .server import run_start

    raise typer.Exit(run_start(options.current, port, database_workers))


@app.command()
def stop() -> None:
    """Stop it. Its data stays."""
    from .server import run_stop

    raise typer.Exit(run_stop(options.current))


@app.command()
def status(
    env_vars: Annotated[
        bool, typer.Option("--env-vars", help="Print export lines for other clients. They hold the key.")
    ] = False,
) -> None:
    """Whether it runs, and where."""
    from .server import run_status

    raise typer.Exit(run_status(options.current, env_vars))


@app.command()
def reset() -> None:
    """Stop it and delete its data and the state that belongs to it."""
    from .server import run_reset

    raise typer.Exit(run_reset(options.current))


@app.command()
def load(file: Annotated[Path, typer.Argument(help="An appwrite.json.")]) -> None:
    """Create the functions of an appwrite.json on it."""
    from .server import run_load

    raise typer.Exit(run_load(options.current, file))

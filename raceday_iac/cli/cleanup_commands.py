"""`cleanup` as the command line knows it. It imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cleanup")(cleanup)


def cleanup(
    path: Annotated[Path, typer.Argument(help="The folder with appwrite.json and package.json.")],
    write: Annotated[bool, typer.Option("--write", help="Do it. Refused while git has uncommitted changes.")] = False,
    no_git: Annotated[bool, typer.Option("--no-git", help="With --write: without git's safety net.")] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when changes are pending, 0 when there are none.")
    ] = False,
) -> None:
    """Take what is redundant out of a legacy server/ tree. Shows the differences unless told to --write."""
    from ..raceday.cli import Asked, run

    raise typer.Exit(run(options.current, Asked(path, write, not no_git, detailed_exitcode)))

"""`simulate` and `cleanup` as the command line knows them. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...cli import options

app = typer.Typer()


@app.command()
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


@app.command()
def cleanup(
    path: Annotated[Path, typer.Argument(help="The folder with appwrite.json and package.json.")],
    write: Annotated[bool, typer.Option("--write", help="Do it. Refused while git has uncommitted changes.")] = False,
    no_git: Annotated[bool, typer.Option("--no-git", help="With --write: without git's safety net.")] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when changes are pending, 0 when there are none.")
    ] = False,
) -> None:
    """Take what is redundant out of a legacy server/ tree. Shows the differences unless told to --write."""
    from .cleanup import Asked, run

    raise typer.Exit(run(options.current, Asked(path, write, not no_git, detailed_exitcode)))

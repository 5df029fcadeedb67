"""`lint` and `schedule` as the command line knows them. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options

FromJson = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Look at an appwrite.json instead of the stack. Needs no stack.")
]
Begin = Annotated[str, typer.Option("--from", metavar="DATE", help="First day of the year looked at; default today.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("lint")(lint)
    app.command("schedule")(schedule)


def lint(
    from_appwrite_json: FromJson = None,
    begin: Begin = "",
    live: Annotated[bool, typer.Option("--live", help="Also ask the server what it offers. Reads only.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also explain what is answered, accepted or for information.")
    ] = False,
) -> None:
    """Find schedules that clash, locks that do not hold, scopes too wide, open doors. Exit 1 on an error."""
    from .lint import Asked
    from .lint import run_lint as run

    raise typer.Exit(run(options.current, Asked(from_appwrite_json, begin, live, verbose)))


def schedule(
    function: Annotated[list[str] | None, typer.Argument(metavar="[FUNCTION]...", show_default=False)] = None,
    from_appwrite_json: FromJson = None,
    begin: Begin = "",
    number: Annotated[int, typer.Option("--number", "-n", min=1, max=1000, help="Runs to name per function.")] = 3,
    svg: Annotated[Path | None, typer.Option(help="Write the timeline as a picture.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the timeline and the next runs as a page.")] = None,
) -> None:
    """The next runs of each function, on the stack's clock and in UTC, and its day as a timeline. Needs no server."""
    from .lint import ScheduleAsked as Asked
    from .lint import run_schedule as run

    raise typer.Exit(run(options.current, Asked(function or (), from_appwrite_json, begin, number, svg, html)))

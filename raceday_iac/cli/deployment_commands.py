"""The commands about deployments: `rollback` and `deployments`. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options

FunctionName = Annotated[str, typer.Argument(metavar="FUNCTION", help="Function id.")]
AutoApprove = Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (rollback, deployments):
        app.command(command.__name__)(command)


def rollback(
    function: FunctionName,
    to: Annotated[str, typer.Option(metavar="DEPLOYMENT", help="This one; default is the one before.")] = "",
    auto_approve: AutoApprove = False,
) -> None:
    """Activate an earlier deployment of a function. Nothing is built, and the stack is not needed."""
    from .apply import run_rollback as run

    raise typer.Exit(run(options.current, function, to, auto_approve))


def deployments(
    function: FunctionName,
    clean: Annotated[bool, typer.Option("--clean", help="Delete orphans, after asking.")] = False,
    older_than: Annotated[
        float, typer.Option(metavar="MINUTES", min=0, help="Unfinished ones count as abandoned after this.")
    ] = 60,
    auto_approve: AutoApprove = False,
    download: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the source of the active one as FILE (.tar.gz).")
    ] = None,
    of: Annotated[str, typer.Option(metavar="DEPLOYMENT", help="With --download: of this one.")] = "",
) -> None:
    """List a function's deployments: active, previous, unfinished, orphans, and those of others."""
    from .deployments import run_deployments as run
    from .deployments import save_source

    if download is not None or of:
        raise typer.Exit(save_source(options.current, function, download, of))
    raise typer.Exit(run(options.current, function, clean, older_than, auto_approve))

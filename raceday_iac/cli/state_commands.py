"""The words of `raceday-iac state …`. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options

app = typer.Typer(help="Look at what is owned.", no_args_is_help=True, rich_markup_mode=None)
lock_app = typer.Typer(help="Who holds the lock of the state.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(lock_app, name="lock")


@app.command("list")
def list_() -> None:
    """The addresses of all owned resources."""
    from .state import run_resource_list as run_list

    raise typer.Exit(run_list(options.current))


@app.command()
def show(address: Annotated[str, typer.Argument(help="For example function.daily-races.")]) -> None:
    """What was last applied to one resource."""
    from .state import run_show

    raise typer.Exit(run_show(options.current, address))


@app.command()
def verify() -> None:
    """Check that nobody changed the audit log. Exit 1 where its chain is broken."""
    from .state import run_verify

    raise typer.Exit(run_verify(options.current))


@app.command()
def pull() -> None:
    """Print the state as canonical JSON, decrypted."""
    from .state import run_pull

    raise typer.Exit(run_pull(options.current))


@app.command()
def push(
    file: Annotated[Path, typer.Argument(help="A state as `pull` prints it; - is standard input.")],
    force: Annotated[bool, typer.Option("--force", help="Also of another lineage, or older.")] = False,
) -> None:
    """Put a state in the place of the current one."""
    from .state import run_push

    raise typer.Exit(run_push(options.current, file, force))


@app.command()
def mv(
    source: Annotated[str, typer.Argument(help="For example function.old.")],
    destination: Annotated[str, typer.Argument(help="For example function.new.")],
) -> None:
    """Rename a resource, and what lies in it, in the state alone."""
    from .state import run_mv

    raise typer.Exit(run_mv(options.current, source, destination))


@app.command()
def rm(addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS…")]) -> None:
    """Forget resources, and what lies in them. They stay on Appwrite."""
    from .state import run_rm

    raise typer.Exit(run_rm(options.current, addresses))


@app.command()
def history() -> None:
    """The states that are kept: when, by whom, by which command, how many resources."""
    from .state import run_history

    raise typer.Exit(run_history(options.current))


@app.command()
def restore(serial: Annotated[int, typer.Argument(help="From `state history`.")]) -> None:
    """Make an earlier state the current one, under a new serial. Nothing on Appwrite is changed."""
    from .state import run_restore

    raise typer.Exit(run_restore(options.current, serial))


@app.command()
def rebind(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Let the state belong to the endpoint, project and stack that are named now: a move is meant."""
    from .state import run_rebind

    raise typer.Exit(run_rebind(options.current, yes))


@app.command()
def keys(generate: Annotated[bool, typer.Option("--generate", help="Print a new key instead.")] = False) -> None:
    """The key that the state is encrypted with, and its age."""
    from .state import run_keys

    raise typer.Exit(run_keys(options.current, generate))


@app.command()
def rekey() -> None:
    """Encrypt the state and its history with the key that the environment names now."""
    from .state import run_rekey

    raise typer.Exit(run_rekey(options.current))


@lock_app.command("list")
def lock_list() -> None:
    """Who holds it, since when, and when it expires."""
    from .state import run_lock_list as run_list

    raise typer.Exit(run_list(options.current))


@lock_app.command("release")
def lock_release(
    lock_id: Annotated[str, typer.Argument(metavar="[ID]", help="Only if it is still this one.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take it from a run that is dead. Should that run still live, its next save is refused."""
    from .state import run_release

    raise typer.Exit(run_release(options.current, lock_id, yes))

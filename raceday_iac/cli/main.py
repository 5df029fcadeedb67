"""The command line. Each command imports what it needs when it runs, so that `--help` stays instant."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import EXIT_ERROR, EXIT_INTERRUPTED, IacError, Interrupted, OutputError, StackError
from . import deployment_commands, lint_commands, options, state_commands

app = typer.Typer(
    name="raceday-iac",
    help="Reconcile a stack of Python files with a live Appwrite project.",
    epilog=options.HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
)
state_app = typer.Typer(help="Look at what is owned.", no_args_is_help=True, rich_markup_mode=None)
server_app = typer.Typer(
    help="The Appwrite-compatible server for development, on this machine only.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(state_app, name="state")
state_commands.add_to(state_app)
app.add_typer(server_app, name="server")

#: The base of all complaints about the command line; typer ships it, but does not export it.
_UsageError: Any = next(each for each in typer.BadParameter.__mro__ if each.__name__ == "ClickException")

AutoApprove = Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")]
DataLoss = Annotated[
    list[str], typer.Option("--allow-data-loss", metavar="ADDRESS", help="Resource that may lose data; repeatable.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="One line per attribute and index.")]
Targets = Annotated[
    list[str], typer.Option(metavar="ADDRESS", help="Only this, what lies in it and what it needs; repeatable.")
]
Excluded = Annotated[
    list[str], typer.Option(metavar="ADDRESS", help="Not this, what lies in it and what needs it; repeatable.")
]
Replaced = Annotated[list[str], typer.Option(metavar="ADDRESS", help="Make this anew, however it is; repeatable.")]
RefreshOnly = Annotated[
    bool, typer.Option("--refresh-only", help="Only take over into the state what was changed on the server.")
]
Confirmed = Annotated[
    list[str],
    typer.Option(metavar='"ACTION KIND=NUMBER"', help="Let a threshold pass, with the number it shows; repeatable."),
]
Parallelism = Annotated[int, typer.Option(min=1, max=64, help="Requests under way at once.")]
FunctionName = Annotated[str, typer.Argument(metavar="FUNCTION", help="Function id.")]


@app.command()
def plan(
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when changes are pending, 0 when there are none.")
    ] = False,
    verbose: Verbose = False,
    out: Annotated[Path | None, typer.Option(help="Save the plan, to apply exactly this later.")] = None,
    target: Targets = [],  # noqa: B006 - typer copies it
    exclude: Excluded = [],  # noqa: B006
    replace: Replaced = [],  # noqa: B006
    refresh_only: RefreshOnly = False,
    allow_data_loss: DataLoss = [],  # noqa: B006
    confirm: Confirmed = [],  # noqa: B006
) -> None:
    """Show what apply would do. Changes nothing."""
    from .plan import run
    from .wishing import Asked

    asked = Asked(allow_data_loss, target, exclude, replace, confirm, refresh_only)
    raise typer.Exit(run(options.current, asked, detailed_exitcode, verbose, out))


@app.command()
def apply(
    file: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="A plan saved by plan --out.")] = None,
    auto_approve: AutoApprove = False,
    parallelism: Parallelism = 8,
    verbose: Verbose = False,
    target: Targets = [],  # noqa: B006
    exclude: Excluded = [],  # noqa: B006
    replace: Replaced = [],  # noqa: B006
    refresh_only: RefreshOnly = False,
    allow_data_loss: DataLoss = [],  # noqa: B006
    confirm: Confirmed = [],  # noqa: B006
) -> None:
    """Make Appwrite what the stack says."""
    from .apply import run
    from .wishing import Asked

    asked = Asked(allow_data_loss, target, exclude, replace, confirm, refresh_only)
    raise typer.Exit(run(options.current, asked, auto_approve, parallelism, verbose, file))


@app.command()
def show(file: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan saved by plan --out.")]) -> None:
    """Show a saved plan. Needs no server."""
    from .plan import run_show

    raise typer.Exit(run_show(options.current, file))


@app.command()
def destroy(function: FunctionName, auto_approve: AutoApprove = False) -> None:
    """Delete one managed function with its variables, deployments and executions."""
    from .destroy import run

    raise typer.Exit(run(options.current, function, auto_approve))


@app.command()
def drift(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also name what is unmanaged.")] = False,
) -> None:
    """Tell what was changed behind the stack's back. Exit 0 clean, 2 changes pending, 3 drift, 4 both."""
    from .drift import run

    raise typer.Exit(run(options.current, verbose))


@app.command("import")
def import_command(
    addresses: Annotated[list[str] | None, typer.Argument(metavar="[ADDRESS]...", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that the stack declares.")] = False,
    from_appwrite_json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take what an appwrite.json describes, instead of the server.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the stack file that declares what is there.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="With --write: replace the file.")] = False,
    resend_secrets: Annotated[
        bool, typer.Option("--resend-secrets", help="Do not trust live secrets: let the next apply send them.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name everything.")] = False,
) -> None:
    """Take what is live into the state, or write the stack that declares it. Changes nothing on the server."""
    from .import_command import Asked, run

    asked = Asked(addresses or (), everything, from_appwrite_json, write, force, resend_secrets, verbose)
    raise typer.Exit(run(options.current, asked))


@app.command()
def export(
    appwrite_json: Annotated[
        bool, typer.Option("--appwrite-json", help="The form that Appwrite's own command line reads.")
    ] = False,
    file: Annotated[Path | None, typer.Argument(help="Where to; standard output when missing.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
) -> None:
    """Write the stack in another form. Needs no server."""
    from .export import run

    raise typer.Exit(run(options.current, appwrite_json, file, force))


@app.command()
def graph(
    form: Annotated[str, typer.Option("--format", help="text, dot or mermaid.")] = "text",
    everything: Annotated[bool, typer.Option("--all", help="Attributes and indexes too.")] = False,
) -> None:
    """Show what depends on what. Needs no server."""
    from .graph import run

    raise typer.Exit(run(options.current, form, everything))


@app.command()
def run(
    function: FunctionName,
    body: Annotated[str, typer.Option(help="Request body, usually JSON.")] = "",
    asynchronous: Annotated[bool, typer.Option("--async", help="Start it and do not wait.")] = False,
) -> None:
    """Execute a function and show its answer."""
    from .run import run as run_function

    raise typer.Exit(run_function(options.current, function, body, asynchronous))


@app.command()
def logs(
    function: FunctionName,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="Newest executions.")] = 5,
    execution: Annotated[str, typer.Option(metavar="ID", help="Only this execution.")] = "",
    build: Annotated[
        str, typer.Option(metavar="ID", help="The build log of a deployment; `latest` for the newest.")
    ] = "",
) -> None:
    """Show a function's executions with their logs."""
    from .logs import run

    raise typer.Exit(run(options.current, function, limit, execution, build))


deployment_commands.add_to(app)
lint_commands.add_to(app)


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
def vendor(
    function: FunctionName,
    out: Annotated[Path, typer.Option(help="Folder to write to; created when missing.")],
) -> None:
    """Write out the bundle that would be deployed: own code, shared code, lock numbers, schema."""
    from .vendor import run

    raise typer.Exit(run(options.current, function, out))


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


@app.command()
def version() -> None:
    """Print the version."""
    from .. import __version__

    typer.echo(__version__)


@state_app.command("list")
def state_list() -> None:
    """The addresses of all owned resources."""
    from .state import run_list

    raise typer.Exit(run_list(options.current))


@state_app.command("show")
def state_show(address: Annotated[str, typer.Argument(help="For example function.daily-races.")]) -> None:
    """What was last applied to one resource."""
    from .state import run_show

    raise typer.Exit(run_show(options.current, address))


@state_app.command("verify")
def state_verify() -> None:
    """Check that nobody changed the audit log. Exit 1 where its chain is broken."""
    from .audit import run_verify

    raise typer.Exit(run_verify(options.current))


@server_app.command("start")
def server_start(port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0) -> None:
    """Start it in the background, with scheduler and executor."""
    from .server import run_start

    raise typer.Exit(run_start(options.current, port))


@server_app.command("stop")
def server_stop() -> None:
    """Stop it. Its data stays."""
    from .server import run_stop

    raise typer.Exit(run_stop(options.current))


@server_app.command("status")
def server_status(
    env_vars: Annotated[
        bool, typer.Option("--env-vars", help="Print export lines for other clients. They hold the key.")
    ] = False,
) -> None:
    """Whether it runs, and where."""
    from .server import run_status

    raise typer.Exit(run_status(options.current, env_vars))


@server_app.command("reset")
def server_reset() -> None:
    """Stop it and delete its data and the state that belongs to it."""
    from .server import run_reset

    raise typer.Exit(run_reset(options.current))


@server_app.command("load")
def server_load(file: Annotated[Path, typer.Argument(help="An appwrite.json.")]) -> None:
    """Create the functions of an appwrite.json on it."""
    from .server import run_load

    raise typer.Exit(run_load(options.current, file))


def main() -> None:
    """Entry point of the console script."""
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: list[str]) -> int:
    """Run one command and return its exit code. Every message for people is written here or in `render`."""
    from ..signals import handled

    try:
        chosen, rest = options.take_globals(arguments)
        options.use(chosen)
        logging.basicConfig(level=chosen.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
        with handled(_pressed, signal.SIGINT):
            result = app(rest, prog_name="raceday-iac", standalone_mode=False)
        return int(result or 0)
    except OutputError as error:
        code = _report(error)
        _give_up_output()
        return code
    except IacError as error:
        return _report(error)
    except _UsageError as error:
        error.show()
        return EXIT_ERROR
    except (KeyboardInterrupt, typer.Abort):
        return _report(_interrupted())
    except BrokenPipeError:
        # The reader has seen enough.
        _give_up_output()
        return EXIT_ERROR


def _pressed(presses: int) -> None:
    """Ctrl-C ends the run with a sentence; typer would end it silently. The second one does not wait for anything."""
    if presses > 1:
        os._exit(EXIT_INTERRUPTED)
    raise _interrupted()


def _interrupted() -> Interrupted:
    if options.changes_begun:
        hint = "see what is left: raceday-iac plan"
        return Interrupted("Interrupted. Everything that was done is in the state.", hint=hint)
    return Interrupted("Interrupted. Nothing was changed.")


def _give_up_output() -> None:
    """Python writes what is left in its buffers when it ends; there is nowhere to write it to."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _report(error: IacError) -> int:
    if options.current.json and not isinstance(error, OutputError):
        import json

        content: dict[str, object] = {"message": error.message, "hint": error.hint, "kind": type(error).__name__}
        if isinstance(error, StackError):
            content["problems"] = [
                {
                    "file": each.location.file,
                    "line": each.location.line,
                    "subject": each.subject,
                    "message": each.message,
                }
                for each in error.problems
            ]
        print(json.dumps({"format": 1, "error": content}))  # noqa: T201
    else:
        hint = f"\n  → {error.hint}" if error.hint else ""
        print(f"Error: {error.message}{hint}", file=sys.stderr)  # noqa: T201
    return error.exit_code


if __name__ == "__main__":
    main()

"""`server`: the embedded server as a process of its own. It is imported only by the commands that need it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..counting import counted
from ..errors import EXIT_ERROR, EXIT_OK, IacError
from ..extensions import folders_of
from ..loading.environment import Environment, load_environment
from ..render.import_text import remark_lines
from ..render.lines import Line, print_lines
from ..waiting import WAITS
from .options import Options, current, plugin_names
from .workspace import answer, must_run_here, opened, played, require_same_project, reset_state, server_folder

if TYPE_CHECKING:
    from ..devserver.control import Loaded
    from ..devserver.daemon import Status
    from ..importing.names import Remark

app = typer.Typer(name="server", no_args_is_help=True, rich_markup_mode=None)


@app.command("start")
def start_server(
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 0,
    database_workers: Annotated[
        int,
        typer.Option(min=1, help="How many schemas it changes at the same time, like a server with so many workers."),
    ] = 1,
    appwrite: Annotated[
        str,
        typer.Option(
            help="Which Appwrite it plays: 1.8, 1.9 or main; default: the one that it played last, at first 1.9."
        ),
    ] = "",
) -> int:
    """Start the embedded server in the background, with scheduler and executor."""
    options = current()
    status = started(options, _require_embedded(options), port, database_workers, appwrite)
    lines = [f"Serving at {status.endpoint} (loopback only).", "Look at it in a browser: raceday-iac console"]
    answer(options, {"running": True, "endpoint": status.endpoint}, lines)
    return EXIT_OK


def started(
    options: Options, environment: Environment, port: int = 0, database_workers: int = 1, appwrite: str = ""
) -> Status:
    """The server of the environment in a process of its own, started unless it runs. Raises IacError."""
    from ..devserver.daemon import DataInUseError, StartError, start

    try:
        with WAITS.on("starting the embedded server"):
            folder = server_folder(options)
            age = played(appwrite or environment.appwrite, folder)
            plugins, folders = plugin_names(options), folders_of(options.stack)
            name = age.name if age is not None else ""
            status = start(folder, port, environment.project, database_workers, plugins, folders, name)
    except (DataInUseError, StartError, OSError) as error:
        raise IacError(f"The embedded server could not be started: {error}") from None
    require_same_project(status.project, environment)
    return status


@app.command("stop")
def stop_server() -> int:
    """Stop the embedded server. Its data stays."""
    must_run_here()
    from ..devserver.daemon import stop

    options = current()
    stopped = stop(server_folder(options))
    answer(
        options,
        {"running": False, "wasRunning": stopped},
        ["Stopped." if stopped else "The embedded server was not running."],
    )
    return EXIT_OK


@app.command("status")
def show_status(
    env_vars: Annotated[
        bool, typer.Option("--env-vars", help="Print export lines for other clients, with the API key.")
    ] = False,
) -> int:
    """Show whether the embedded server runs, and where. Exit 0 when it runs, 1 when not."""
    must_run_here()
    from ..devserver.daemon import status

    options = current()
    found = status(server_folder(options))
    if env_vars:
        if not found.running:
            raise IacError("The embedded server is not running.", hint="raceday-iac server start")
        values = {
            "APPWRITE_ENDPOINT": found.endpoint,
            "APPWRITE_PROJECT_ID": found.project,
            "APPWRITE_API_KEY": found.key,
        }
        print_lines((Line(f"export {name}={shlex.quote(value)}") for name, value in values.items()), revealing=True)
        return EXIT_OK
    content = {
        "running": found.running,
        "endpoint": found.endpoint,
        "project": found.project,
        "pid": found.pid,
        "startedAt": found.started_at,
        "dataFolder": str(found.data_dir),
    }
    text = f"Running at {found.endpoint}, project {found.project}, process {found.pid}."
    answer(options, content, [text if found.running else "The embedded server is not running."])
    return EXIT_OK if found.running else EXIT_ERROR


@app.command("reset")
def reset_server() -> int:
    """Stop the embedded server, and delete its data and its state."""
    options = current()
    reset_all(options, _require_embedded(options))
    answer(options, {"reset": True}, ["The embedded server is empty, and so is its state."])
    return EXIT_OK


def reset_all(options: Options, environment: Environment) -> None:
    """Stop the server of the environment, and delete its data and its state. Raises IacError."""
    from ..devserver.daemon import DataInUseError, reset
    from ..state.backends.local import LocalState

    store = LocalState(options.state_folder)
    with store.locked("server reset"):
        try:
            reset(server_folder(options))
        except DataInUseError:
            raise IacError("Another command is using the embedded server. Nothing was deleted.") from None
        store.clear()
        reset_state(environment, options)


@app.command("load")
def load_server(file: Annotated[Path, typer.Argument(help="An appwrite.json.")]) -> int:
    """Create functions and sites of an appwrite.json, as far as it takes them. Exit 1 when it does not take all."""
    options = current()
    loaded, others, remarks = load_file(options, _require_embedded(options), file)
    content = {
        "created": list(loaded.created),
        "skipped": list(loaded.skipped),
        "refused": dict(loaded.refused),
        "changed": {id: list(remarks) for id, remarks in loaded.changed.items()},
        "notLoaded": others,
    }
    answer(options, content, [*loaded_lines(loaded, others), *remark_lines(remarks)])
    return EXIT_ERROR if loaded.refused else EXIT_OK


def load_file(options: Options, environment: Environment, file: Path) -> tuple[Loaded, list[str], tuple[Remark, ...]]:
    """Create functions and sites of a file. What came of it, what else it has, and remarks on it. Raises IacError."""
    from ..devserver.control import LISTS, load_lists
    from ..importing.appwrite_json import PLACE, SILENT, named
    from ..importing.document import read_document

    document = read_document(file)
    lists = {name: document.content.get(name, []) for name in LISTS}
    for name, entries in lists.items():
        if not isinstance(entries, list):
            raise IacError(f"{file} is not an appwrite.json: its {name} are not a list.", unchanged=True)
    with opened(environment, options) as target:
        loaded = load_lists(lists, target.endpoint, target.project, target.key.reveal())
    silent = {*LISTS, *PLACE, *SILENT}
    others = [named(name, held) for name, held in document.content.items() if held and name not in silent]
    return loaded, others, document.remarks


def loaded_lines(loaded: Loaded, others: Sequence[str]) -> Iterator[Line]:
    """What came of it, for people."""
    skipped = f"; {len(loaded.skipped)} existed already" if loaded.skipped else ""
    sites = f" and {counted(loaded.sites, 'site')}" if loaded.sites else ""
    yield Line(f"Created {counted(len(loaded.created) - loaded.sites, 'function')}{sites}{skipped}.")
    for id, reason in loaded.refused.items():
        yield Line(f"  {id} was not created: {reason}", "red")
    for id, remarks in loaded.changed.items():
        yield from (Line(f"  {id}: {each}", "yellow") for each in remarks)
    if others:
        yield Line(f"  not loaded, because only functions and sites are: {', '.join(others)}", "yellow")


def _require_embedded(options: Options) -> Environment:
    must_run_here()
    environment = load_environment(options.stack, options.env)
    if not environment.is_embedded:
        raise IacError(
            f"Environment {options.env!r} is a real Appwrite at {environment.endpoint}; "
            "`server` commands work with the embedded server only.",
            unchanged=True,
        )
    return environment

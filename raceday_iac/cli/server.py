"""`server`: the embedded server as a process of its own. It is imported only by the commands that need it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from ..counting import counted
from ..errors import EXIT_ERROR, EXIT_OK, IacError
from ..extensions import folders_of
from ..loading.environment import Environment, load_environment
from ..render.lines import Line, print_lines
from ..waiting import WAITS
from .extensions import plugin_names
from .options import Options, current
from .workspace import answer, opened, require_same_project, reset_state, server_folder

app = typer.Typer(name="server", no_args_is_help=True, rich_markup_mode=None)


@app.command("start")
def start_server(
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    database_workers: Annotated[
        int, typer.Option(min=1, help="How many schemas it changes at a time, as a server with more workers does.")
    ] = 1,
    appwrite: Annotated[
        str, typer.Option(help="Which Appwrite it plays: 1.8, 1.9 or main. Without: the one that it played last.")
    ] = "",
) -> int:
    """Start it in the background, with scheduler and executor."""
    from ..devserver.ages import AGES
    from ..devserver.daemon import DataInUseError, StartError, start

    if appwrite not in ("", *AGES):
        raise IacError(f"The embedded server does not play Appwrite {appwrite}.", hint=f"one of {', '.join(AGES)}")
    options = current()
    environment = _require_embedded(options)
    try:
        with WAITS.on("starting the embedded server"):
            plugins, folders = plugin_names(options), folders_of(options.stack)
            status = start(
                server_folder(options), port, environment.project, database_workers, plugins, folders, appwrite
            )
    except (DataInUseError, StartError, OSError) as error:
        raise IacError(f"The embedded server could not be started: {error}") from None
    require_same_project(status.project, environment)
    answer(options, {"running": True, "endpoint": status.endpoint}, [f"Serving at {status.endpoint} (loopback only)."])
    return EXIT_OK


@app.command("stop")
def stop_server() -> int:
    """Stop it. Its data stays."""
    from ..devserver.daemon import stop

    options = current()
    stopped = stop(server_folder(options))
    answer(options, {"running": False, "wasRunning": stopped}, ["Stopped." if stopped else "It was not running."])
    return EXIT_OK


@app.command("status")
def show_status(
    env_vars: Annotated[
        bool, typer.Option("--env-vars", help="Print export lines for other clients. They hold the key.")
    ] = False,
) -> int:
    """Whether it runs, and where. Exit 0 when it runs, 1 when not."""
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
    answer(options, content, [text if found.running else "Not running."])
    return EXIT_OK if found.running else EXIT_ERROR


@app.command("reset")
def reset_server() -> int:
    """Stop it and delete its data and the state that belongs to it."""
    from ..devserver.daemon import DataInUseError, reset
    from ..state.backends.local import LocalState

    options = current()
    environment = _require_embedded(options)
    store = LocalState(options.state_folder)
    with store.locked("server reset"):
        try:
            reset(server_folder(options))
        except DataInUseError:
            raise IacError("Another command is using the embedded server. Nothing was deleted.") from None
        store.clear()
        reset_state(environment, options)
    answer(options, {"reset": True}, ["The embedded server is empty, and so is its state."])
    return EXIT_OK


@app.command("load")
def load_server(file: Annotated[Path, typer.Argument(help="An appwrite.json.")]) -> int:
    """Create the functions of an appwrite.json on it."""
    from ..devserver.control import LoadError, load_appwrite_json

    options = current()
    environment = _require_embedded(options)
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise IacError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise IacError(f"{file} is not valid JSON: {error}.") from None
    if not isinstance(document, dict) or not isinstance(document.get("functions", []), list):
        raise IacError(f"{file} is not an appwrite.json: it has no list of functions.")
    with opened(environment, options) as target:
        try:
            loaded = load_appwrite_json(document, target.endpoint, target.project, target.key.reveal())
        except (LoadError, KeyError) as error:
            raise IacError(f"{file} could not be loaded: {error}") from None
    content = {"created": list(loaded.created), "skipped": list(loaded.skipped)}
    text = f"Created {counted(len(loaded.created), 'function')}"
    skipped = f"; {len(loaded.skipped)} were there already" if loaded.skipped else ""
    answer(options, content, [f"{text}{skipped}."])
    return EXIT_OK


def _require_embedded(options: Options) -> Environment:
    environment = load_environment(options.stack, options.env)
    if not environment.is_embedded:
        raise IacError(
            f"Environment {options.env!r} is a real Appwrite at {environment.endpoint}; "
            "`server` is about the embedded one.",
            unchanged=True,
        )
    return environment

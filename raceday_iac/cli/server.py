"""`raceday-iac server`: the embedded server as a process of its own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from ..counting import counted
from ..errors import EXIT_ERROR, EXIT_OK, IacError
from ..extensions import folders_of
from ..loading.environment import Environment, load_environment
from ..render.lines import Line, print_json, print_lines
from ..waiting import WAITS
from .extensions import plugin_names
from .options import Options
from .workspace import opened, require_same_project, reset_state, server_folder


def run_start(options: Options, port: int, database_workers: int) -> int:
    """Start it, unless it runs."""
    from ..devserver.daemon import DataInUseError, StartError, start

    environment = _require_embedded(options)
    try:
        with WAITS.on("starting the embedded server"):
            plugins, folders = plugin_names(options), folders_of(options.stack)
            status = start(server_folder(options), port, environment.project, database_workers, plugins, folders)
    except (DataInUseError, StartError, OSError) as error:
        raise IacError(f"The embedded server could not be started: {error}") from None
    require_same_project(status.project, environment)
    _say(options, {"running": True, "endpoint": status.endpoint}, f"Serving at {status.endpoint} (loopback only).")
    return EXIT_OK


def run_stop(options: Options) -> int:
    """Stop it, if it runs."""
    from ..devserver.daemon import stop

    stopped = stop(server_folder(options))
    _say(options, {"running": False, "wasRunning": stopped}, "Stopped." if stopped else "It was not running.")
    return EXIT_OK


def run_status(options: Options, env_vars: bool) -> int:
    """Exit 0 when it runs, 1 when not."""
    from ..devserver.daemon import status

    current = status(server_folder(options))
    if env_vars:
        if not current.running:
            raise IacError("The embedded server is not running.", hint="raceday-iac server start")
        values = {
            "APPWRITE_ENDPOINT": current.endpoint,
            "APPWRITE_PROJECT_ID": current.project,
            "APPWRITE_API_KEY": current.key,
        }
        print_lines((Line(f"export {name}={shlex.quote(value)}") for name, value in values.items()), revealing=True)
        return EXIT_OK
    content = {
        "running": current.running,
        "endpoint": current.endpoint,
        "project": current.project,
        "pid": current.pid,
        "startedAt": current.started_at,
        "dataFolder": str(current.data_dir),
    }
    text = f"Running at {current.endpoint}, project {current.project}, process {current.pid}."
    _say(options, content, text if current.running else "Not running.")
    return EXIT_OK if current.running else EXIT_ERROR


def run_reset(options: Options) -> int:
    """Delete its data and, since that described it, the state of its environment."""
    from ..devserver.daemon import DataInUseError, reset
    from ..state.backends.local import LocalState

    environment = _require_embedded(options)
    store = LocalState(options.state_folder)
    with store.locked("server reset"):
        try:
            reset(server_folder(options))
        except DataInUseError:
            raise IacError("Another command is using the embedded server. Nothing was deleted.") from None
        store.clear()
        reset_state(environment, options)
    _say(options, {"reset": True}, "The embedded server is empty, and so is its state.")
    return EXIT_OK


def run_load(options: Options, file: Path) -> int:
    """Create the functions that an appwrite.json describes."""
    from ..devserver.control import LoadError, load_appwrite_json

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
    _say(options, content, f"{text}{skipped}.")
    return EXIT_OK


def _require_embedded(options: Options) -> Environment:
    environment = load_environment(options.stack, options.env)
    if not environment.is_embedded:
        raise IacError(
            f"Environment {options.env!r} is a real Appwrite at {environment.endpoint}; "
            "`server` is about the embedded one. Nothing was changed."
        )
    return environment


def _say(options: Options, content: Mapping[str, object], text: str) -> None:
    if options.json:
        print_json(content)
    else:
        print_lines([Line(text)], color=options.color)

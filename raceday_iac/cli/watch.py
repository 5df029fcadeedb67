"""`watch`: plan again whenever a stack file or a function's code changes, and on the embedded server apply it.

Files are looked at twice a second. A mistake in them is shown, and watching goes on; what a guard refuses stays
refused. Server and lock are held for a round and not between two, so that other commands can be run beside it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from ..errors import EXIT_INTERRUPTED, EXIT_OK, IacError, Interrupted
from ..loading.environment import load_environment
from ..loading.stack_file import load_stack
from ..packaging.bundle import SHARED
from ..planning import Plan
from ..planning.saved import plan_document
from ..render.lines import Line, print_json, print_lines
from ..render.plan_text import plan_lines
from . import options as run
from .apply import carry_out
from .options import Options, current
from .workspace import Workspace, make_plan, provider, reader

app = typer.Typer()

#: Seconds between two looks at the files.
INTERVAL = 0.5
#: Folders that hold no source, wherever they lie.
_NO_SOURCE = ("__pycache__", "node_modules", "venv")
#: Files that are named when several changed at once.
_NAMED = 3

#: Time of last change and size, by file.
Seen = Mapping[Path, tuple[int, int]]


@app.command("watch")
def watch() -> int:
    """Look, wait for a change, and look again, until Ctrl-C."""
    options = current()
    try:
        for changed in changes(_folders_of(options)):
            _report(options, changed)
            if _outlived(options) == EXIT_INTERRUPTED:
                return EXIT_INTERRUPTED
            _say(options, {"event": "watching"}, Line("Waiting for a change. Ctrl-C ends this.", "dim"))
    except (Interrupted, KeyboardInterrupt):
        _say(options, {"event": "stopped"}, Line("\nStopped watching."))
    return EXIT_INTERRUPTED


def changes(
    folders: Callable[[], Iterable[Path]], sleep: Callable[[float], None] = time.sleep
) -> Iterator[tuple[Path, ...]]:
    """First nothing, for the round that shows how things are. Then the files of each change: what is saved together
    comes together, and what changes during a round comes after it."""
    changed: tuple[Path, ...] = ()
    while True:
        watched = tuple(folders())
        before = seen(watched)
        yield changed
        now = seen(watched)
        while now == before:
            sleep(INTERVAL)
            now = seen(watched)
        while True:
            sleep(INTERVAL)
            latest = seen(watched)
            if latest == now:
                break
            now = latest
        changed = tuple(sorted(each for each in before.keys() | now.keys() if before.get(each) != now.get(each)))


def seen(folders: Iterable[Path]) -> Seen:
    """The files below the folders, those aside that are hidden or no source."""
    found: dict[Path, tuple[int, int]] = {}
    for folder in folders:
        for place, inner, names in os.walk(folder):
            inner[:] = [each for each in inner if not each.startswith(".") and each not in _NO_SOURCE]
            for name in names:
                if not name.startswith("."):
                    # An editor may replace it at this very time.
                    with suppress(OSError):
                        status = os.stat(path := Path(place, name))
                        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _folders_of(options: Options) -> Callable[[], tuple[Path, ...]]:
    """Where the stack lies, with the code and the migrations that it names: those it named last, while it cannot be
    read."""
    code: set[Path] = set()

    def folders() -> tuple[Path, ...]:
        nonlocal code
        with suppress(IacError):
            stack = load_stack(options.stack)
            named = (each.arguments.get("code") for each in stack.declarations)
            code = {options.root / each for each in named if isinstance(each, str)}
            code |= {(options.root / str(each.file)).parent for each in stack.migrations}
        shared = {each.parent / SHARED for each in code}
        return (options.stack.resolve().parent, *sorted(code | shared))

    return folders


def _report(options: Options, changed: tuple[Path, ...]) -> None:
    """What begins a round."""
    if not changed:
        return
    here = Path.cwd()
    names = [str(each.relative_to(here)) if each.is_relative_to(here) else str(each) for each in changed]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    said = f"\n{datetime.now().astimezone():%H:%M:%S}  {', '.join(names[:_NAMED])}{more} changed"
    _say(options, {"event": "changed", "files": names}, Line(said, "bold"))


def _say(options: Options, event: Mapping[str, Any], line: Line) -> None:
    if options.json:
        print_json(event, in_one_line=True)
    else:
        print_lines([line], color=options.color)


def _outlived(options: Options) -> int:
    """The exit code of a round, whose mistakes end nothing but itself."""
    from .main import report

    try:
        return _round(options)
    except Interrupted:
        raise
    except IacError as error:
        return report(error)
    finally:
        run.end_changes()


def _round(options: Options) -> int:
    """Plan, and on the embedded server apply."""
    applies = load_environment(options.stack, options.env).is_embedded
    workspace = Workspace.load(options, reading=not applies, sending=applies)
    with workspace.target() as server:
        if not applies:
            _show(options, make_plan(workspace, workspace.read_state(), reader(server)))
            return EXIT_OK
        with workspace.store.locked("watch"):
            state, connection = workspace.read_state(), provider(server)
            plan = make_plan(workspace, state, connection)
            _show(options, plan)
            if plan.is_empty or plan.refusals:
                return EXIT_OK
            return carry_out(options, workspace, plan, server, connection, state, command="watch")


def _show(options: Options, plan: Plan) -> None:
    if options.json:
        print_json({"event": "planned", "plan": plan_document(plan)}, in_one_line=True)
    else:
        print_lines(plan_lines(plan, ""), color=options.color)

"""The command line. Each command imports what it needs when it runs, so that `--help` stays instant."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from typing import Any

import typer
from typer.models import CommandInfo

from ..errors import EXIT_ERROR, EXIT_INTERRUPTED, IacError, Interrupted, OutputError, StackError
from . import (
    deployment_commands,
    function_commands,
    health_commands,
    lint_commands,
    options,
    reconcile_commands,
    server_commands,
    state_commands,
)

app = typer.Typer(
    name="raceday-iac",
    help="Reconcile a stack of Python files with a live Appwrite project.",
    epilog=options.HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
)
for _group in (
    reconcile_commands,
    function_commands,
    deployment_commands,
    lint_commands,
    health_commands,
):
    _group.add_to(app)
app.add_typer(state_commands.app, name="state")
app.add_typer(server_commands.app, name="server")

#: The base of all complaints about the command line; typer ships it, but does not export it.
_UsageError: Any = next(each for each in typer.BadParameter.__mro__ if each.__name__ == "ClickException")


@app.command("version")
def version() -> None:
    """Print the version."""
    from .. import __version__

    typer.echo(__version__)


def main() -> None:
    """Entry point of the console script."""
    # Before the command has begun, and when it is over, there is nothing to be told or tidied up.
    signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED))
    code = execute(sys.argv[1:])
    if code == EXIT_INTERRUPTED:
        # Threads that still wait for a server would be waited for.
        _leave(code)
    # What is left goes with the process: without this, its end looks through all of it for garbage, for 0.1 s.
    gc.freeze()
    sys.exit(code)


def execute(arguments: list[str]) -> int:
    """Run one command and return its exit code. Every message for people is written here or in `render`."""
    from ..model.secret import forget_secrets
    from ..signals import handled, unless_heard
    from ..waiting import telling

    forget_secrets()
    hooks = sys.unraisablehook, threading.excepthook
    try:
        chosen, rest = options.take_globals(arguments)
        options.use(chosen)
        _log_to_standard_error(chosen.log_level.upper())
        with telling(_tell_wait), unless_heard(_deaf, signal.SIGINT), handled(_pressed, signal.SIGINT):
            result = _app_for(rest)(rest, prog_name="raceday-iac", standalone_mode=False)
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
    finally:
        sys.unraisablehook, threading.excepthook = hooks


class _Shown(logging.Formatter):
    """Libraries log what they like; what is written is what may be shown."""

    def format(self, record: logging.LogRecord) -> str:
        from ..redaction import shown

        return shown(super().format(record))


def _log_to_standard_error(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Shown("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


def _app_for(arguments: list[str]) -> typer.Typer:
    """Knowing only the command asked for: typer inspects all that it knows, which takes longer than most of them do."""
    groups = [each for each in app.registered_groups if arguments[:1] == [each.name]]
    commands = [each for each in app.registered_commands if arguments[:1] == [each.name]]
    narrow = copy(app)
    if not (groups or commands):
        added = [CommandInfo(name, callback=each) for name, each in _extension_commands(arguments).items()]
        narrow.registered_commands = [*app.registered_commands, *added]
        commands = [each for each in added if arguments[:1] == [each.name]]
    if not (groups or commands):
        return narrow
    narrow.registered_groups = groups
    # A lone command would not be called by its name.
    narrow.registered_commands = [*commands, *(each for each in app.registered_commands if each.name == "version")]
    return narrow


def _extension_commands(arguments: list[str]) -> dict[str, Callable[..., Any]]:
    """The commands that extensions add. Help is shown whatever is wrong with them."""
    from .extensions import command_of, commands_of

    try:
        return {name: command_of(options.current, name) for name in commands_of(options.current)}
    except IacError:
        if arguments and not arguments[0].startswith("-"):
            raise
        return {}


def _pressed(presses: int) -> None:
    """Ctrl-C ends the run with a sentence; typer would end it silently. The second one does not wait for anything."""
    if presses > 1:
        os._exit(EXIT_INTERRUPTED)
    if not options.changes_begun:
        # The interrupt may come while a thread is being started, which that thread would complain about on its own.
        sys.unraisablehook = _say_nothing
        threading.excepthook = _say_nothing
    raise _interrupted()


def _say_nothing(_problem: object) -> None:
    pass


def _deaf() -> None:
    """The interrupt was not heard, or what it left to be tidied up waits for somebody. What is being changed is never
    cut: there the first one lets it finish, and the second one ends it."""
    if not options.changes_begun:
        _leave(_report(_interrupted()))


def _leave(code: int) -> None:
    """End at once, with everything said that was to be said."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)


def _tell_wait(text: str) -> None:
    from ..redaction import shown

    with suppress(Exception):
        print(shown(text), file=sys.stderr, flush=True)  # noqa: T201


def _interrupted() -> Interrupted:
    if options.changes_begun:
        hint = f"see what is left: {options.shows_rest}"
        return Interrupted("Interrupted. Everything that was done is in the state.", hint=hint)
    return Interrupted("Interrupted. Nothing was changed.")


def _give_up_output() -> None:
    """Python writes what is left in its buffers when it ends; there is nowhere to write it to."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _report(error: IacError) -> int:
    if options.current.json and not isinstance(error, OutputError):
        from ..redaction import json_text

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
        print(json_text({"format": 1, "error": content}, ascii_only=True))  # noqa: T201
    else:
        from ..render.lines import printable

        hint = f"\n  → {error.hint}" if error.hint else ""
        print(printable(f"Error: {error.message}{hint}"), file=sys.stderr)  # noqa: T201
    return error.exit_code


if __name__ == "__main__":
    main()

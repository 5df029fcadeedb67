"""The command line: one table of all commands, and what every command has in common.

A command lies in the module of its family, which is imported when the command is called and not before: `--help` and
completion read the table alone. A family has an `app` (typer) with its commands; a command returns its exit code.
"""

from __future__ import annotations

import _thread
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_command_from_info, get_group

from ..errors import (
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_OK,
    IacError,
    Interrupted,
    OutputError,
    StackError,
)
from ..extensions import load_part
from . import options
from .help import completion_is_asked, epilog, grouped, use_what_is_typed, with_examples, with_globals
from .options import commands_of

#: Each command with the module that has it, and what is said of it. A module may have a group of the same name.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": (
        ".init",
        "Begin a project: stack file, environments, .gitignore. Asks for what is missing; changes nothing on a server.",
    ),
    "plan": (".plan", "Show what apply would do. Changes nothing."),
    "apply": (".apply", "Change Appwrite so that it matches the stack."),
    "watch": (
        ".watch",
        "Plan again when a stack file or code changes. On the embedded server, apply the plan, too.",
    ),
    "show": (".plan", "Show a saved plan. Needs no server."),
    "destroy": (
        ".apply",
        "Delete a function, another resource with all that is in it, or everything that is managed. Asks first.",
    ),
    "drift": (
        ".plan",
        "Show what was changed outside of raceday-iac. Exit 0 clean, 2 changes pending, 3 drift, 4 both.",
    ),
    "compare": (
        ".compare",
        "Show what differs between two environments, and whether the stack declares it. Changes nothing.",
    ),
    "promote": (
        ".compare",
        "Bring the commit that one environment runs to another one. Refused if no commit is exactly what runs.",
    ),
    "import": (
        ".importing",
        "Import existing resources. Into the state, or by writing a stack that declares them. "
        "Changes nothing on the server.",
    ),
    "export": (".importing", "Write the stack in another format. Needs no server."),
    "graph": (".plan", "Show what depends on what. Needs no server."),
    "run": (".functions", "Execute a function and show its answer."),
    "logs": (".functions", "Show a function's executions with their logs."),
    "vendor": (
        ".functions",
        "Write out the bundle that would be deployed. Own code, shared code, lock numbers, schema.",
    ),
    "rollback": (
        ".apply",
        "Activate an earlier deployment of a function. Nothing is built, and the stack is not needed.",
    ),
    "deployments": (
        ".functions",
        "List a function's deployments. Active, previous, unfinished, orphans, and those of others.",
    ),
    "lint": (
        ".lint",
        "Find schedules that clash, locks that do not hold, scopes and permissions that are too wide. "
        "Exit 1 on an error.",
    ),
    "schedule": (
        ".lint",
        "Show the next runs of each function, in the stack's time zone and in UTC. Draws its day as a timeline. "
        "Needs no server.",
    ),
    "health": (
        ".health",
        "Show the status of the functions, their schedules, locks and data. Reads only. "
        "Exit 7 on a warning, 8 on an error.",
    ),
    "recover": (
        ".health",
        "Repair what is proven to be stuck. Uses safe steps only; everything else is only reported.",
    ),
    "backup": (".backup", "Make, list, check and delete backups. Apply makes one of what it destroys."),
    "migration": (".migration", "List migrations of data, undo one, or mark one as run."),
    "restore": (
        ".restore",
        "Write back what a backup holds. Overwrites newer values only with --overwrite. Asks first.",
    ),
    "console": (
        ".console",
        "Show the project in a browser, on this machine only. On a real Appwrite it only reads.",
    ),
    "state": (".state", "Inspect and change the state, its history, key and lock."),
    "server": (".server", "Run the Appwrite-compatible server for development, on this machine only."),
}


class Program(TyperGroup):
    """Lists the commands by what the table and the stack's extensions say; the one that is called is loaded."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._added: Mapping[str, tuple[str, str]] | None = None
        self._offer(COMMANDS)
        if completion_is_asked():
            with_globals(self)

    def _offer(self, table: Mapping[str, tuple[str, str]]) -> None:
        for name, (_, said) in table.items():
            self.add_command(TyperCommand(name, help=said, rich_markup_mode=None))

    def _extend(self) -> None:
        """Add the commands of the extensions. They are looked at only where none of ours is meant. Raises IacError."""
        if self._added is None:
            self._added = commands_of(options.current())
            self._offer(self._added)

    def list_commands(self, ctx: Any) -> list[str]:
        """All, in the order of the table. They are shown whatever is wrong with the extensions."""
        with suppress(IacError):
            self._extend()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command as it is listed. Raises IacError where it might be that of an extension which is broken."""
        if cmd_name not in self.commands:
            self._extend()
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """All of them below headings, none of them cut."""
        named = ((name, str(self.commands[name].help)) for name in self.list_commands(ctx))
        for heading, rows in grouped(named):
            with formatter.section(heading):
                formatter.write_dl(rows)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is called, with its options. Refuses what is no command."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, self.load(str(name)) or found, rest

    def load(self, name: str) -> Any:
        """A command, or a group of them, from its family; None for one that no table names."""
        if name in COMMANDS:
            module, said = COMMANDS[name]
            return _built(import_module(module, __package__).app, name, said, completion_is_asked())
        if self._added and name in self._added:
            module, said = self._added[name]
            return _built(load_part(f"{module}:app", options.current().stack), name, said, completion_is_asked())
        return None

    def forget_extensions(self) -> None:
        """Those of the stack of an earlier run."""
        for name in self._added or ():
            del self.commands[name]
        self._added = None


@cache
def _built(family: typer.Typer, name: str, said: str, is_completing: bool) -> Any:
    """A command with its options: once in a process, because it takes a hundredth of a second."""
    built = _command_of(family, name, said)
    with_examples(name, built)
    if is_completing:
        with_globals(built)
    return built


def _command_of(family: typer.Typer, name: str, said: str) -> Any:
    if family.info.name == name:
        group = get_group(family)
        group.help = said
        return group
    command = next(
        each for each in family.registered_commands if name == (each.name or getattr(each.callback, "__name__", ""))
    )
    command.name, command.help = name, said
    return get_command_from_info(command, pretty_exceptions_short=False, rich_markup_mode=None)


app = typer.Typer(
    cls=Program,
    name="raceday-iac",
    help="Reconcile a stack of Python files with a live Appwrite project.",
    epilog=options.HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@cache
def _program_of(_is_completing: bool) -> Any:
    return get_command(app)


def whole_program(chosen: options.Options = options.Options()) -> Any:  # noqa: B008 - immutable
    """All commands with their options, loaded: for documentation and tests. The stack's extensions are among them."""
    options.use(chosen)
    program: Any = get_command(app)
    # A command keeps some of how it was called: these are nobody else's.
    _built.cache_clear()
    for name in program.list_commands(None):
        program.commands[name] = program.load(name) or program.commands[name]
    _built.cache_clear()
    return program


#: The base of all complaints about the command line; typer ships it, but does not export it.
_UsageError: Any = next(each for each in typer.BadParameter.__mro__ if each.__name__ == "ClickException")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        version()
        raise typer.Exit


@app.callback()
def _program(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Makes typer see a group here: it has one command of its own only."""


@app.command("version", epilog=epilog("version"))
def version() -> int:
    """Print the version."""
    from .. import __version__

    if options.current().json:
        from platform import python_version

        from ..render.lines import print_json

        print_json({"version": __version__, "python": python_version(), "platform": sys.platform})
    else:
        typer.echo(__version__)
    return EXIT_OK


def main() -> None:
    """Entry point of the console script."""
    # Before the command has begun, and when it is over, there is nothing to be reported or tidied up.
    signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED))
    # A command makes many objects and hardly any garbage: looking for it so often costs a tenth of a short one.
    gc.set_threshold(100_000)
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
    from ..render.lines import repeat_environment
    from ..waiting import handled, reporting, unless_heard

    forget_secrets()
    hooks = sys.unraisablehook, threading.excepthook
    # For what is wrong with the options themselves.
    options.use(options.Options(json="--json" in arguments))
    try:
        _must_be_somewhere()
        chosen, rest = options.take_globals(arguments)
        options.use(chosen)
        if completion_is_asked():
            use_what_is_typed()
        repeat_environment(chosen.env if chosen.env_named else "", COMMANDS)
        _log_to_standard_error(chosen.log_level.upper())
        with reporting(_report_wait), unless_heard(_deaf, signal.SIGINT), handled(_pressed, signal.SIGINT):
            program = _program_of(completion_is_asked())
            program.forget_extensions()
            result = program(rest, prog_name="raceday-iac", standalone_mode=False)
        return int(result or 0)
    except OutputError as error:
        code = report(error)
        _give_up_output()
        return code
    except IacError as error:
        return report(error)
    except _UsageError as error:
        if not options.current().json:
            error.show()
            return EXIT_ERROR
        return report(_mistyped(error))
    except (KeyboardInterrupt, typer.Abort):
        return report(_interrupted())
    except BrokenPipeError:
        # The reader has seen enough.
        _give_up_output()
        return EXIT_ERROR
    finally:
        sys.unraisablehook, threading.excepthook = hooks


def _must_be_somewhere() -> None:
    """Raises IacError where the current folder was deleted: no path means anything there."""
    try:
        os.getcwd()
    except FileNotFoundError:
        hint = "go to the folder of the project, and run the command again"
        raise IacError("The current folder does not exist any more.", hint=hint, unchanged=True) from None


def _mistyped(error: Any) -> IacError:
    """What typer says of a command line, for machines."""
    context = getattr(error, "ctx", None)
    return IacError(error.format_message(), hint=f"{context.command_path} -h" if context else "")


class _Shown(logging.Formatter):
    """Libraries log what they like; what is written is what may be shown."""

    def format(self, record: logging.LogRecord) -> str:
        from ..model.secret import shown

        return shown(super().format(record))


def _log_to_standard_error(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Shown("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


def _pressed(presses: int) -> None:
    """Ctrl-C ends the run with a sentence; typer would end it silently. The second one does not wait for anything."""
    if presses > 1:
        os._exit(EXIT_INTERRUPTED)
    if options.changes_begun:
        from ..waiting import FINISHING

        _report_wait(FINISHING)
    else:
        # The interrupt may come while a thread is being started, which that thread would complain about on its own.
        sys.unraisablehook = _say_nothing
        threading.excepthook = _say_nothing
    raise _interrupted()


def _say_nothing(_problem: object) -> None:
    pass


#: Seconds that an interrupted command has for its last sentence.
_LAST = 2.0


def _deaf() -> None:
    """The interrupt was not heard, or what it left to be tidied up waits for somebody. What is being changed is never
    cut: there the first one lets it finish, and the second one ends it."""
    if not options.changes_begun:
        # What is said may need a lock that the interrupted thread holds, and so may the start of a `threading.Thread`:
        # the end may wait for neither.
        _thread.start_new_thread(_end_unsaid, ())
        _leave(report(_interrupted()))


def _end_unsaid() -> None:
    time.sleep(_LAST)
    os._exit(EXIT_INTERRUPTED)


def _leave(code: int) -> None:
    """End at once, with everything said that was to be said."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)


def _report_wait(text: str) -> None:
    from ..model.secret import shown

    with suppress(Exception):
        print(shown(text), file=sys.stderr, flush=True)  # noqa: T201


def _interrupted() -> Interrupted:
    if options.changes_begun:
        hint = f"see what is left: {options.shows_rest}"
        return Interrupted("Interrupted. Everything that was done is recorded in the state.", hint=hint)
    return Interrupted("Interrupted.", unchanged=True)


def _give_up_output() -> None:
    """Python writes what is left in its buffers when it ends; there is nowhere to write it to."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def report(error: IacError) -> int:
    """Say what went wrong, in the form that was asked for. Returns the exit code."""
    if options.current().json and not isinstance(error, OutputError):
        from ..model.secret import json_text

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
        from ..render.lines import Line, print_lines

        hint = f"\n  → {error.hint}" if error.hint else ""
        lines = (Line(each) for each in f"Error: {error.message}{hint}".split("\n"))
        # Where even this cannot be written, the exit code is all there is.
        with suppress(OutputError):
            print_lines(lines, color=False, stream=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    main()

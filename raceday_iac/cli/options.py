"""Global options. They may stand before the subcommand or after it, so they are taken out before typer parses."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import IacError

STACKS = Path("stacks")
#: Where a stack is looked for when none is named, and the folder of stacks does not hold exactly one.
DEFAULT_STACK = STACKS / "stack.py"
_SETS_STACK = re.compile(r"^stack\b[^=\n(]*=", re.MULTILINE)
LOG_LEVELS = ("debug", "info", "warning", "error")

HELP = """\b
Global options, before or after the command:
  --env NAME         environment (stacks/environments/NAME.yaml); default local
  --stack FILE       stack file; default the only one in stacks/
  --extension NAME   an extension that the stack does not name; may be repeated
  --json             machine-readable output
  --no-color         no colours (NO_COLOR is respected too)
  --log-level LEVEL  debug, info, warning (default) or error"""


@dataclass(frozen=True)
class Options:
    """The global options of one run."""

    env: str = "local"
    stack: Path = DEFAULT_STACK
    json: bool = False
    color: bool = True
    log_level: str = "warning"
    #: Whether the environment was named on the command line.
    env_named: bool = False
    #: Extensions beside those that the stack names.
    extensions: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The project's root: the folder above the one with the stack file."""
        return self.stack.resolve().parent.parent

    @property
    def state_folder(self) -> Path:
        return self.root / "state" / self.env


def take_globals(arguments: list[str]) -> tuple[Options, list[str]]:
    """The global options, and the arguments without them. What follows `--` is left alone."""
    options, rest = Options(stack=Path()), []
    position = 0
    while position < len(arguments):
        word = arguments[position]
        if word == "--":
            rest += arguments[position:]
            break
        name, equals, value = word.partition("=")
        if name in ("--env", "--stack", "--log-level", "--extension"):
            if not equals:
                position += 1
                if position >= len(arguments):
                    raise IacError(f"{name} needs a value.")
                value = arguments[position]
            options = _with_value(options, name, value)
        elif word == "--json":
            options = replace(options, json=True)
        elif word == "--no-color":
            options = replace(options, color=False)
        else:
            rest.append(word)
        position += 1
    if options.stack == Path():
        options = replace(options, stack=default_stack())
    return options, rest


def default_stack(folder: Path = STACKS) -> Path:
    """The file of the folder that sets the variable `stack`, where it is the only one."""
    found = []
    for file in sorted(folder.glob("*.py")):
        with suppress(OSError, UnicodeDecodeError):
            if _SETS_STACK.search(file.read_text(encoding="utf-8")):
                found.append(file)
    return found[0] if len(found) == 1 else folder / DEFAULT_STACK.name


def _with_value(options: Options, name: str, value: str) -> Options:
    if name == "--env":
        return replace(with_environment(options, value), env_named=True)
    if name == "--extension":
        return replace(options, extensions=(*options.extensions, value))
    if name == "--stack":
        return replace(options, stack=Path(value))
    if value not in LOG_LEVELS:
        raise IacError(f"--log-level {value!r} is not one of {', '.join(LOG_LEVELS)}.")
    return replace(options, log_level=value)


def with_environment(options: Options, name: str) -> Options:
    """The options for another environment. Raises IacError for what is no name of one."""
    if not name or "/" in name or name.startswith(".") or not name.isprintable():
        raise IacError(f"--env {name!r} is not the name of an environment.")
    return replace(options, env=name)


_current = Options()

#: Whether this run has begun to change something. An interrupt must not claim that nothing was.
changes_begun = False

#: The command that shows what an interrupted run has left undone.
shows_rest = ""


def current() -> Options:
    """The global options of this run."""
    return _current


def use(options: Options) -> None:
    """Make the options of this run known to the commands."""
    global _current  # noqa: PLW0603 - one process runs one command
    _current = options


def begin_changes(rest: str = "raceday-iac plan") -> None:
    """From here on something may have been changed. `rest` is the command that shows what is left of it."""
    global changes_begun, shows_rest
    changes_begun, shows_rest = True, rest

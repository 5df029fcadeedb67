"""Global options. They may stand before the subcommand or after it, so they are taken out before typer parses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import IacError

DEFAULT_STACK = Path("stacks/raceday.py")
LOG_LEVELS = ("debug", "info", "warning", "error")

HELP = """\b
Global options, before or after the command:
  --env NAME         environment (stacks/environments/NAME.yaml); default local
  --stack FILE       stack file; default stacks/raceday.py
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

    @property
    def root(self) -> Path:
        """The project's root: the folder above the one with the stack file."""
        return self.stack.resolve().parent.parent

    @property
    def state_folder(self) -> Path:
        return self.root / "state" / self.env


def take_globals(arguments: list[str]) -> tuple[Options, list[str]]:
    """The global options, and the arguments without them. What follows `--` is left alone."""
    options, rest = Options(), []
    position = 0
    while position < len(arguments):
        word = arguments[position]
        if word == "--":
            rest += arguments[position:]
            break
        name, equals, value = word.partition("=")
        if name in ("--env", "--stack", "--log-level"):
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
    return options, rest


def _with_value(options: Options, name: str, value: str) -> Options:
    if name == "--env":
        return replace(with_environment(options, value), env_named=True)
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


#: Set once by `main`, read by commands.
current = Options()


#: Whether this run has begun to change something. An interrupt must not claim that nothing was.
changes_begun = False

#: The command that shows what an interrupted run has left undone.
shows_rest = ""


def begin_changes(rest: str = "raceday-iac plan") -> None:
    """From here on something may have been changed. `rest` is the command that shows what is left of it."""
    global changes_begun, shows_rest
    changes_begun, shows_rest = True, rest


def use(options: Options) -> None:
    """Make the options of this run known to the commands."""
    global current  # noqa: PLW0603 - one process runs one command
    current = options

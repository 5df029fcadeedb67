"""Global options. They may stand before the subcommand or after it, so they are taken out before typer parses.

What is not said there comes from the variables RACEDAY_IAC_STACK and RACEDAY_IAC_ENV, then from `[tool.raceday-iac]` in
the `pyproject.toml` of the project, whose root is the nearest folder, from the current one upwards, that has a stack.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import IacError
from ..extensions import Extension, extensions_named_in, load_extensions, load_part

if TYPE_CHECKING:
    from ..linting.rules import RuleSet

STACKS = Path("stacks")
#: Where a stack is looked for when none is named, and the folder of stacks does not hold exactly one.
DEFAULT_STACK = STACKS / "stack.py"
STACK_VARIABLE, ENV_VARIABLE = "RACEDAY_IAC_STACK", "RACEDAY_IAC_ENV"
#: The table of `pyproject.toml`, and what may stand in it.
TABLE = "tool.raceday-iac"
_SETTINGS = ("stack", "env")
_SETS_STACK = re.compile(r"^stack\b[^=\n(]*=", re.MULTILINE)
LOG_LEVELS = ("debug", "info", "warning", "error")

HELP = """\b
Global options, before or after the command:
  --env NAME         environment (stacks/environments/NAME.yaml); default $RACEDAY_IAC_ENV, else local
  --stack FILE       stack file; default $RACEDAY_IAC_STACK, else the only one in stacks/
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

    # Both are asked for a dozen times a run, and the system is asked for each folder of a path.
    @cached_property
    def root(self) -> Path:
        """The project's root: the folder above the one with the stack file."""
        return self.stack.resolve().parent.parent

    @cached_property
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
    return _completed(options), rest


def _completed(options: Options, variables: Mapping[str, str] = os.environ) -> Options:
    """With what the command line does not say. Raises IacError."""
    root = project_root()
    settings = _settings(root / "pyproject.toml")
    if options.stack == Path():
        named = variables.get(STACK_VARIABLE, "")
        stack = Path(named) if named else root / settings["stack"] if "stack" in settings else None
        options = replace(options, stack=stack or default_stack(root / STACKS))
    if not options.env_named:
        for where, name in ((ENV_VARIABLE, variables.get(ENV_VARIABLE)), (TABLE, settings.get("env"))):
            if name:
                return with_environment(options, name, where)
    return options


def project_root(folder: Path = Path()) -> Path:
    """The nearest folder upwards that has a stack or a table of ours; the current one where there is none. It is
    given relative to the current one, as a person would type it."""
    here = folder.resolve()
    for above, each in enumerate((here, *here.parents)):
        if _is_project(each):
            return Path(*[os.pardir] * above)
    return folder


def _is_project(folder: Path) -> bool:
    stacks = folder / STACKS
    return (stacks / "environments").is_dir() or any(map(_sets_stack, stacks.glob("*.py"))) or _has_table(folder)


def _has_table(folder: Path) -> bool:
    with suppress(OSError, UnicodeDecodeError):
        return f"[{TABLE}]" in (folder / "pyproject.toml").read_text(encoding="utf-8")
    return False


def _settings(file: Path) -> Mapping[str, str]:
    """What the project's table says. Raises IacError for what cannot be meant."""
    if not _has_table(file.parent):
        return {}
    import tomllib

    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["raceday-iac"]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise IacError(f"{file} cannot be read: {error}.", unchanged=True) from None
    for name, value in found.items():
        if name not in _SETTINGS or not isinstance(value, str) or not value:
            raise IacError(
                f"{file}: [{TABLE}] has {name} = {value!r}; only {' and '.join(_SETTINGS)} are possible, as texts.",
                unchanged=True,
            )
    return dict(found)


def default_stack(folder: Path = STACKS) -> Path:
    """The only file of the folder, or the only one that sets the variable `stack`; of several, the one called
    `stack.py`."""
    files = sorted(folder.glob("*.py"))
    found = files if len(files) == 1 else [file for file in files if _sets_stack(file)]
    return found[0] if len(found) == 1 else folder / DEFAULT_STACK.name


def _sets_stack(file: Path) -> bool:
    with suppress(OSError, UnicodeDecodeError):
        return _SETS_STACK.search(file.read_text(encoding="utf-8")) is not None
    return False


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


def with_environment(options: Options, name: str, where: str = "--env") -> Options:
    """The options for another environment. Raises IacError for what is no name of one; `where` says who named it."""
    if not name or "/" in name or name.startswith(".") or not name.isprintable():
        raise IacError(f"{where} {name!r} is not the name of an environment.")
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


def end_changes() -> None:
    """The changes that were begun have ended, but the run continues."""
    global changes_begun  # noqa: PLW0603 - one process runs one command
    changes_begun = False


# What the extensions of a stack add to commands: further commands, and plugins of the embedded server.


def extensions_of(options: Options, named: Sequence[str] | None = None) -> tuple[Extension, ...]:
    """Those that the stack names, and those of `--extension`. Raises IacError. Without `named` the stack file is looked
    at, and run only where its text does not say."""
    named = extensions_named_in(options.stack) if named is None else named
    if named is None:
        from ..loading.stack_file import load_stack

        named = tuple(load_stack(options.stack).extensions)
    return load_extensions(tuple(dict.fromkeys((*named, *options.extensions))), options.stack)


def commands_of(options: Options) -> dict[str, tuple[str, str]]:
    """The module of each command, and what is said of it. Raises IacError."""
    return {name: reported for extension in extensions_of(options) for name, reported in extension.commands.items()}


def plugin_names(options: Options) -> tuple[str, ...]:
    """What the extensions add to the embedded server, as `package.module:name`."""
    return tuple(each.server for each in extensions_of(options) if each.server)


def plugins_of(options: Options) -> tuple[Any, ...]:
    """The same, for a server in this process."""
    return tuple(load_part(name, options.stack)() for name in plugin_names(options))


def lint_rules_of(options: Options) -> RuleSet:
    """The rules that hold for every stack, and those of the extensions. Raises IacError."""
    from ..linting.linter import RULES

    found = RULES
    for extension in extensions_of(options):
        if extension.lint_rules:
            found |= load_part(extension.lint_rules, options.stack)
    return found

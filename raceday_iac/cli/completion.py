"""What the tab key offers beside commands and options: environments, stack files, functions and addresses.

Nothing is asked of a server: names come from the environment files, the stack, and state that lies in files. Whatever
is wrong there, nothing is offered, and nothing is said.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from . import options

_ASKED = "_RACEDAY_IAC_COMPLETE"


def is_asked() -> bool:
    """Whether this run is a shell's that asks what could come next."""
    return os.environ.get(_ASKED, "").startswith("complete")


def typed() -> list[str]:
    """What stands on the shell's line before the word that is being typed."""
    if "COMP_WORDS" in os.environ:
        words, number = os.environ["COMP_WORDS"], int(os.environ.get("COMP_CWORD", "0"))
        return _words(words)[1:number]
    return _words(os.environ.get("_TYPER_COMPLETE_ARGS", ""))[1:]


def _words(line: str) -> list[str]:
    with suppress(ValueError):
        return shlex.split(line)
    return line.split()


def use_what_is_typed() -> None:
    """Make the global options on the shell's line known. One without its value is the one that is being typed."""
    words = typed()
    while words:
        try:
            options.use(options.take_globals(words)[0])
        except Exception:  # noqa: BLE001 - nothing may be said to a shell
            words = words[:-1]
        else:
            return
    with suppress(Exception):
        options.use(options.take_globals([])[0])


def environments(incomplete: str) -> list[str]:
    """Names of environment files."""
    folder = options.current().stack.parent / "environments"
    return _beginning(incomplete, (each.stem for each in folder.glob("*.yaml")))


def stacks(incomplete: str) -> list[str]:
    """Stack files."""
    folder = Path(incomplete).parent if "/" in incomplete else options.current().stack.parent
    return _beginning(incomplete, (str(each) for each in folder.glob("*.py")))


def addresses(incomplete: str) -> list[str]:
    """What is declared, and what is owned."""
    return _beginning(incomplete, _known())


def functions(incomplete: str) -> list[str]:
    """Ids of functions that are declared or owned."""
    mark = "function."
    return _beginning(incomplete, (each.removeprefix(mark) for each in _known() if each.startswith(mark)))


def migrations(incomplete: str) -> list[str]:
    """Names of migrations that are declared or ran."""
    mark = "migration."
    return _beginning(incomplete, (each.removeprefix(mark) for each in _known() if each.startswith(mark)))


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})


def _known() -> set[str]:
    from ..loading.environment import load_environment
    from ..loading.resolve import resolve
    from ..loading.stack_file import load_stack
    from ..model.secret import Lenient
    from ..state.backends.local import LocalState

    current, found = options.current(), set[str]()
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        with suppress(Exception):
            stack, environment = load_stack(current.stack), load_environment(current.stack, current.env)
            desired = resolve(stack, environment, current.root, Lenient())
            found.update(map(str, (*desired.resources, *desired.migrations)))
        with suppress(Exception):
            state = LocalState(current.state_folder).read()
            found.update(map(str, (*state.entries, *state.migrations)))
    return found


_globals = typer.Typer()


@_globals.command()
def _of_all(
    env: Annotated[str, typer.Option(autocompletion=environments)] = "",
    stack: Annotated[str, typer.Option(autocompletion=stacks)] = "",
    extension: Annotated[str, typer.Option()] = "",
    log_level: Annotated[
        str, typer.Option(autocompletion=lambda incomplete: _beginning(incomplete, options.LOG_LEVELS))
    ] = "",
    json: Annotated[bool, typer.Option("--json")] = False,
    no_color: Annotated[bool, typer.Option("--no-color")] = False,
) -> None:
    """The global options, as a shell sees them."""


def with_globals(command: Any) -> None:
    """Let a command, and all below it, be completed with the global options too."""
    for each in getattr(command, "commands", {}).values():
        with_globals(each)
    own = {name for parameter in command.params for name in parameter.opts}
    command.params += [each for each in get_command(_globals).params if not own & set(each.opts)]

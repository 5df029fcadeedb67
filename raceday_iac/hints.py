"""Commands that messages name. They say `--env` again where the person has said it: what is typed next is meant for the
same environment."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Each has commands below it, so its own name is no command.
_GROUPS = ("state", "server")
#: What brings its environment along, or needs none.
_WITHOUT = ("show",)
_environment = ""
_command = re.compile(r"(?!)")


def use_environment(name: str, commands: Iterable[str] = ()) -> None:
    """The environment that this run was given on its command line (empty where it was given none), and what else could
    be typed."""
    global _environment, _command  # noqa: PLW0603 - one process runs one command
    _environment = name
    if name:
        words = "|".join(f"{each} [a-z]+" if each in _GROUPS else each for each in commands if each not in _WITHOUT)
        _command = re.compile(rf"\braceday-iac ({words})(?![\w-])(?![^,;:()`\n]*--env)")


def with_environment(text: str) -> str:
    """A message whose commands name the environment of this run."""
    if not _environment or "raceday-iac " not in text:
        return text
    return _command.sub(lambda found: f"{found[0]} --env {_environment}", text)

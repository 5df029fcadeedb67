"""Commands that messages name. They say `--env` again where the person has said it: what is typed next is meant for the
same environment."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Each has commands below it, so its own name is no command.
_GROUPS = ("state", "server", "backup", "migration")
#: What brings its environment along, or needs none.
_WITHOUT = ("show", "compare", "promote")
#: What is followed by a name, and not by the rest of a sentence.
_NAMING = ("run", "logs", "deployments", "rollback", "destroy", "vendor", "restore")
_OPTIONS = r"(?: --(?:all|clean|dry-run|verbose|watch|async)\b| --[a-z-]+(?: [^\s,;:()`-][^\s,;:()`]*)?)*"
_environment = ""
_command = re.compile(r"(?!)")


def use_environment(name: str, commands: Iterable[str] = ()) -> None:
    """The environment that this run was given on its command line (empty where it was given none), and what else could
    be typed."""
    global _environment, _command  # noqa: PLW0603 - one process runs one command
    _environment = name
    if name:
        words = "|".join(_word(each) for each in commands if each not in _WITHOUT)
        _command = re.compile(rf"\braceday-iac (?:{words})(?![\w-]){_OPTIONS}")


def _word(command: str) -> str:
    """A command with the names that belong to it."""
    if command in _GROUPS:
        return rf"{command} (?:lock release(?: [\w-]+)?|lock list|(?:undo|mark)(?: [\w.-]*\w)?|[a-z]+)"
    if command in _NAMING:
        return rf"{command}(?: [^\s,;:()`-][^\s,;:()`]*)?"
    # A saved plan, which is named here, brings its environment along.
    return "apply(?! [A-Za-z./])" if command == "apply" else command


def with_environment(text: str) -> str:
    """A message whose commands name the environment of this run."""
    if not _environment or "raceday-iac " not in text:
        return text
    return _command.sub(lambda found: found[0] if "--env" in found[0] else f"{found[0]} --env {_environment}", text)

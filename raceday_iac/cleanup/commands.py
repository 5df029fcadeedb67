"""What a command line of package.json (or of a text) starts: functions, files and other scripts."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass
from itertools import pairwise

from .names import FUNCTION_SCRIPTS

_BETWEEN = {"&&", "||", ";", "|", "&"}
_RUNNERS = {"npm", "pnpm", "yarn"}
_RUN = {"run", "run-script"}
#: Scripts take the function's id first; this one only for functions that exist, whatever else it did.
_FUNCTION_SCRIPTS = (*FUNCTION_SCRIPTS, "update-vars-only.js")
#: Upper case is a placeholder.
_NAMED = re.compile(rf"\bnode[ \t]+\S*\b(?:{'|'.join(map(re.escape, FUNCTION_SCRIPTS))})[ \t]+([a-z0-9][\w.-]*)")


@dataclass(frozen=True)
class Started:
    """Ids of functions, paths of script files, and names of scripts."""

    functions: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()


def started_by(command: str) -> Started:
    """What a command line starts; nothing of one that a shell could not read."""
    functions: list[str] = []
    files: list[str] = []
    scripts: list[str] = []
    for words in _commands(command):
        plain = [word for word in words[1:] if not word.startswith("-")]
        if words[0] == "node" and plain and plain[0].endswith((".js", ".mjs", ".cjs")):
            file = posixpath.normpath(plain[0])
            files.append(file)
            functions += plain[1:2] if posixpath.basename(file) in _FUNCTION_SCRIPTS else []
        elif words[0] in _RUNNERS and plain and plain[0] in _RUN:
            scripts += plain[1:2]
        elif words[0] == "appwrite":
            functions += [after for word, after in pairwise(words) if word == "--function-id"]
            functions += [word.partition("=")[2] for word in words if word.startswith("--function-id=")]
    return Started(tuple(functions), tuple(files), tuple(scripts))


def functions_named(line: str) -> list[tuple[int, str]]:
    """Where a text hands the id of a function to one of the scripts that take one."""
    return [(found.start(1), found[1].rstrip(".")) for found in _NAMED.finditer(line)]


def _commands(command: str) -> list[list[str]]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        return []
    found: list[list[str]] = [[]]
    for word in words:
        if word in _BETWEEN:
            found.append([])
        else:
            found[-1].append(word)
    return [command for command in map(_without_wrapper, found) if command]


def _without_wrapper(words: list[str]) -> list[str]:
    """The command behind what only starts it, such as `dotenv --`, `npx` or `cross-env NAME=value`."""
    start = next((number for number, word in enumerate(words) if word in {"node", "appwrite", *_RUNNERS}), 0)
    return words[start:]

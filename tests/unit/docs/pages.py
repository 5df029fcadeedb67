"""The written pages, and the commands that they show."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(r"^( *)```(\w*)([^\n]*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(raceday-iac [^`]+)`")
#: What ends a command within a line of a shell.
_ENDS = {"|", "||", "&&", ";", "&", ">", ">>", "2>", ")"}


def load(name: str) -> ModuleType:
    """A module of docs/, which is no package."""
    spec = spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec
    assert spec.loader
    module = sys.modules[name] = module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # As mkdocs does for its hooks.
        patch.syspath_prepend(str(DOCS))
        spec.loader.exec_module(module)
    return module


def blocks(text: str) -> Iterator[tuple[str, str, str]]:
    """Language, the rest of the first line, and content of each code block."""
    for found in _FENCE.finditer(text):
        yield found[2], found[3], found[4]


def without_blocks(text: str) -> str:
    """The prose of a page."""
    return _FENCE.sub("", text)


def commands(text: str) -> Iterator[list[str]]:
    """Every use of the program in code blocks and between backquotes, as words, without the program's name."""
    for language, _, content in blocks(text):
        if language in ("console", "bash", "sh", "shell", "yaml", "text"):
            for line in content.replace("\\\n", " ").splitlines():
                if language != "console" or line.lstrip().startswith("$ "):
                    yield from _in_line(line)
    for found in _INLINE.finditer(without_blocks(text)):
        yield from _in_line(found[1].replace("\n", " "))


def _in_line(line: str) -> Iterator[list[str]]:
    for start in re.finditer(r"(?:^|[\s(\"'`])raceday-iac (?=[\w-])", line):
        lexer = shlex.shlex(line[start.end() :], posix=True, punctuation_chars=True)
        lexer.commenters = "#"
        words = []
        try:
            for word in lexer:
                if word in _ENDS:
                    break
                words.append(word)
        except ValueError:
            # A quotation mark that opened before the command.
            words = line[start.end() :].strip("\"'`) ").split()
        yield words

"""`.gitignore` files as git reads them: nested ones, negations, folders that nothing can bring back.

pathspec translates the patterns. What stands above it is the walk: git asks folder by folder, the nearest file first,
and takes a pattern for what it names itself, never for what lies below that; below an ignored folder nothing is asked.
`.git/info/exclude` and a user's own `core.excludesFile` are not read: a bundle is the same on every machine.
"""

from __future__ import annotations

import codecs
import os
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

IGNORE_FILE = ".gitignore"
#: A last `**` means what lies below, and never the folder itself; alone it is `*`.
_LONE_STARS, _LAST_STARS = re.compile(r"^(!?)/?\*\*(/?)$"), re.compile(r"/\*\*(/?)$")
#: pathspec knows ranges, not the names of them.
_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "xdigit": "0-9a-fA-F",
    "space": " \t\r\n\v\f",
    "blank": " \t",
    "punct": r"!-/:-@\[-`{-~",
    "print": " -~",
    "graph": "!-~",
}
_CLASS = re.compile(rf"\[:({'|'.join(_CLASSES)}):\]")
#: pathspec's name for the group that ends where a folder of the pattern ends.
_FOLDER_END = "ps_d"


@dataclass(frozen=True)
class _Rule:
    """One pattern. `is_name`: it has no slash inside, and so looks at the last part of a path alone."""

    pattern: Any
    line: int
    is_name: bool

    def matches(self, path: str) -> bool:
        """Whether it names the path itself. Folders end in a slash."""
        asked = path[path.rstrip("/").rfind("/") + 1 :] if self.is_name else path
        found = self.pattern.regex.search(asked)
        if found is None:
            return False
        end = found.end(_FOLDER_END) if _FOLDER_END in found.re.groupindex else -1
        return self.is_name or end in (-1, len(asked))


class Patterns:
    """The lines of one file, the last one that matches wins."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = tuple(lines)

    @cached_property
    def _rules(self) -> tuple[_Rule, ...]:
        return tuple(rule for number, line in enumerate(self._lines, 1) if (rule := _rule(line, number)))

    def decide(self, path: str) -> tuple[bool, int] | None:
        """Whether a path relative to the file is ignored, and by which line (1-based). None: nothing is said of it."""
        asked = _as_bytes(path)
        for rule in reversed(self._rules):
            if rule.matches(asked):
                return bool(rule.pattern.include), rule.line
        return None

    def names(self, path: str) -> bool:
        """Whether a path, or a folder that it lies in, is matched."""
        parts = path.rstrip("/").split("/")
        folders = ("/".join(parts[:depth]) + "/" for depth in range(1, len(parts)))
        return any((said := self.decide(each)) and said[0] for each in (*folders, path))


@dataclass
class GitIgnore:
    """All `.gitignore` files from the folder `top` downwards, each read once."""

    top: Path
    _read: dict[Path, Patterns | None] = field(default_factory=dict)

    def says(self, path: Path, *, is_folder: bool) -> str:
        """By which file and line a path is ignored whose folders are not; empty when it is not. Raises OSError for a
        file that cannot be read."""
        for folder in path.parents:
            patterns = self._patterns(folder)
            said = patterns.decide(path.relative_to(folder).as_posix() + "/" * is_folder) if patterns else None
            if said is not None:
                file = (folder / IGNORE_FILE).relative_to(self.top).as_posix()
                return f"{file} line {said[1]}" if said[0] else ""
            if folder == self.top:
                break
        return ""

    def says_of_all(self, path: Path, *, is_folder: bool) -> str:
        """As `says`, asked for the folders between `top` and the path too."""
        above = [each for each in reversed(path.parents) if each != self.top and each.is_relative_to(self.top)]
        found = (self.says(each, is_folder=True) for each in above)
        return next((each for each in found if each), "") or self.says(path, is_folder=is_folder)

    def _patterns(self, folder: Path) -> Patterns | None:
        if folder not in self._read:
            file = folder / IGNORE_FILE
            # As git does, a link is not followed: what it leads to may be anywhere.
            is_there = file.is_file() and not file.is_symlink()
            content = file.read_bytes().removeprefix(codecs.BOM_UTF8) if is_there else b""
            self._read[folder] = Patterns(content.split(b"\n")) if content else None
        return self._read[folder]


def _as_bytes(path: str) -> str:
    """A path with a character for each byte: to git, a question mark is one byte."""
    return os.fsencode(path).decode("latin-1")


def _rule(line: bytes, number: int) -> _Rule | None:
    """None for an empty line, a comment, and what git does not understand either."""
    # Imported only where something is ignored at all.
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415

    text = line.decode("latin-1").removesuffix("\r")
    text = text if text.endswith("\\ ") else text.rstrip(" \t")
    text = _LAST_STARS.sub(r"/**/*\1", _LONE_STARS.sub(r"\1*\2", text))
    text = _CLASS.sub(lambda found: _CLASSES[found[1]], text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            pattern = GitIgnoreSpecPattern(text)
    except ValueError:
        return None
    if pattern.include is None:
        return None
    return _Rule(pattern, number, "/" not in text.removeprefix("!").removesuffix("/"))

"""The files of a tree as values. Paths are relative to its root, with slashes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property


@dataclass(frozen=True)
class Tree:
    """Every file with its bytes; None for what was not read (a link, `node_modules`, something large)."""

    files: Mapping[str, bytes | None]

    def __contains__(self, path: str) -> bool:
        return path in self.files

    def text(self, path: str) -> str | None:
        """The text of a file, or None when it has none: not there, not read, or no UTF-8. A byte order mark stays."""
        return self._texts.get(path)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Path and text of each file that has one, in order of path."""
        yield from sorted(self._texts.items())

    def under(self, folder: str) -> tuple[str, ...]:
        """What lies in a folder, or the path itself where it is a file or a link."""
        return tuple(sorted(path for path in self.files if path == folder or path.startswith(f"{folder}/")))

    def after(self, gone: set[str], written: Mapping[str, str]) -> Tree:
        """The tree with some files gone and others written."""
        kept = {path: content for path, content in self.files.items() if path not in gone}
        return replace(self, files={**kept, **{path: text.encode() for path, text in written.items()}})

    @cached_property
    def _texts(self) -> dict[str, str]:
        found = {}
        for path, content in self.files.items():
            if content is None or b"\0" in content:
                continue
            try:
                found[path] = content.decode()
            except UnicodeDecodeError:
                continue
        return found


def beside(path: str, relative: str) -> str:
    """Where a relative import of a file leads."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), relative))


def line_of(text: str, position: int) -> int:
    """The number of the line that a position lies in, from 1."""
    return text.count("\n", 0, position) + 1

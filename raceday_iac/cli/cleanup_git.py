"""What git knows of a tree that is cleaned up: whether everything is committed, and what it would not bring back.

While a clean-up writes, its intentions lie in the git folder. A run that was cut short leaves a tree that is not clean;
the next one may go on when every difference is one of those, and exactly so.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cleanup import Action, Cleanup
from ..errors import IacError
from ..files import PRIVATE_FILE, is_draft_of, write_whole

_JOURNAL = "raceday-iac-cleanup.json"
#: Would send git somewhere else than to the named folder, for example inside a hook.
_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_SHOWN = 5


@dataclass(frozen=True)
class Git:
    """The repository that a folder lies in."""

    top: Path
    folder: Path
    root: Path

    def must_be_clean(self) -> None:
        """Raises IacError for a difference to the last commit that is not left over from a clean-up."""
        allowed = self._intended()
        others = [path for path in self._differing() if not _is_intended(path, allowed)]
        if others:
            names = ", ".join(os.path.relpath(path, self.top) for path in others[:_SHOWN])
            more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
            raise IacError(
                f"The git tree is not clean: {names}{more}. Nothing was changed.",
                hint="commit or put aside what is there, so that git can bring back everything that goes",
            )

    def must_keep(self, cleanup: Cleanup) -> None:
        """Raises IacError for a file to be edited that git ignores."""
        edited = {each.path for each in cleanup.of(Action.EDIT)}
        unkept = [path for path in self.unkept(cleanup) if path in edited]
        if unkept:
            raise IacError(
                f"git does not keep {', '.join(unkept)}, so that nobody could bring it back. Nothing was changed.",
                hint="commit it, or do without git: --no-git",
            )

    def unkept(self, cleanup: Cleanup) -> tuple[str, ...]:
        """What goes or is edited and git does not have, relative to the root."""
        listed = _git(self.root, "ls-files", "-z", "--", ".").split("\0")
        changes = (*cleanup.of(Action.EDIT), *cleanup.of(Action.DELETE))
        # A folder that git has nothing of holds nothing to bring back when it is empty.
        return tuple(
            each.path for each in changes if each.path not in listed and _holds_something(self.root / each.path)
        )

    def begin(self, cleanup: Cleanup) -> None:
        """Write down what is going to be done."""
        intended: dict[str, list[str | None]] = dict(self._intended())
        for change in cleanup.changes:
            before = None if change.action is Action.CREATE else _hash(self.root / change.path)
            after = None if change.action is Action.DELETE else hashlib.sha256(change.after.encode()).hexdigest()
            intended[str(self.root / change.path)] = [before, after]
        write_whole(self._journal, json.dumps({"format": 1, "files": intended}), PRIVATE_FILE)

    def end(self) -> None:
        """Everything is done."""
        self._journal.unlink(missing_ok=True)

    @property
    def _journal(self) -> Path:
        return self.folder / _JOURNAL

    def _intended(self) -> Mapping[str, list[str | None]]:
        try:
            content: Any = json.loads(self._journal.read_text(encoding="utf-8"))
            return dict(content["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _differing(self) -> list[Path]:
        options = ("--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
        lines = _git(self.top, "status", *options).split("\0")
        return [self.top / line[3:] for line in lines if line]


def repository(root: Path) -> Git | None:
    """The repository of a folder; None when it lies in none. Raises IacError when git cannot say."""
    try:
        top, folder = _git(root, "rev-parse", "--show-toplevel", "--absolute-git-dir").splitlines()
    except _NoRepository:
        return None
    return Git(Path(top), Path(folder), root)


class _NoRepository(Exception):
    pass


def _git(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    # Looking must not write: `status` would refresh the index otherwise.
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    command = ["git", "-C", str(folder), *arguments]
    try:
        result = subprocess.run(command, capture_output=True, check=False, env=environment)
    except OSError as error:
        hint = "install git, or do without it: --no-git"
        raise IacError(f"git cannot be run: {error.strerror or error}. Nothing was changed.", hint=hint) from None
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip()
        if "not a git repository" in said:
            raise _NoRepository
        raise IacError(f"git {arguments[0]} failed: {said.splitlines()[0] if said else 'no reason given'}.")
    return os.fsdecode(result.stdout)


def _is_intended(path: Path, intended: Mapping[str, list[str | None]]) -> bool:
    if str(path) in intended:
        return _hash(path) in intended[str(path)]
    return any(is_draft_of(path, Path(each)) for each in intended)


def _hash(path: Path) -> str | None:
    if path.is_symlink() or not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _holds_something(path: Path) -> bool:
    return path.is_symlink() or path.is_file() or (path.is_dir() and any(path.iterdir()))

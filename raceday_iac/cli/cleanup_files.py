"""Reading and writing the files of a clean-up. Each file is written whole or not at all, and deletions come last."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ..cleanup import Action, Change, Cleanup, Tree
from ..errors import IacError
from ..files import write_whole

#: Larger files are no source code.
_LARGEST = 2_000_000
#: Folders that are taken as one thing.
_OPAQUE = {"node_modules", ".git"}


def read_tree(root: Path) -> Tree:
    """The files below a folder. Links are not followed; the root's own `.git` is left out."""
    if not root.is_dir():
        raise IacError(f"{root} is not a folder. Nothing was changed.")
    found: dict[str, bytes | None] = {}
    for folder, folders, files in os.walk(root, onerror=_unreadable):
        here = Path(folder)
        opaque = [name for name in folders if name in _OPAQUE or (here / name).is_symlink()]
        folders[:] = [name for name in folders if name not in opaque]
        for name in (*opaque, *files):
            path = here / name
            if path != root / ".git":
                found[path.relative_to(root).as_posix()] = _content(path)
        if here != root and not (folders or files or opaque):
            # An empty folder: what is left of one whose deletion was cut short.
            found[here.relative_to(root).as_posix()] = None
    return Tree(found)


def must_be_writable(root: Path, cleanup: Cleanup) -> None:
    """Raises IacError when something is no longer as it was planned from, or must not be deleted."""
    for change in cleanup.changes:
        path = root / change.path
        expected = change.before.encode() if change.action is Action.EDIT else None
        if change.action is not Action.DELETE and (_content(path) if path.exists() else None) != expected:
            raise IacError(f"{path} was changed meanwhile. Nothing was written.", hint="run the command again")
        if change.action is Action.DELETE and ".git" in Path(change.path).parts:
            raise IacError(f"{path.parent} is a git repository of its own. Nothing was changed.")


def write_changes(root: Path, cleanup: Cleanup, done: Callable[[Change], None] | None = None) -> None:
    """Do the changes in their order, and call `done` after each. Raises IacError for one that cannot be done."""
    must_be_writable(root, cleanup)
    for change in cleanup.changes:
        path = root / change.path
        try:
            if change.action is Action.DELETE:
                _delete(path)
            else:
                _write(path, change.after.encode(), like=root / (change.origin or change.path))
        except OSError as error:
            raise IacError(
                f"{path} cannot be changed: {error.strerror or error}. What was done before stays done.",
                hint="put that right and run the command again: it does the rest",
            ) from None
        if done:
            done(change)
    for folder in cleanup.folders:
        _delete_empty(root / folder)


def _write(path: Path, content: bytes, like: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, stat.S_IMODE(like.stat().st_mode))


def _delete(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    elif path.name in _OPAQUE:
        shutil.rmtree(path)
    else:
        path.rmdir()


def _delete_empty(folder: Path) -> None:
    """What is left of a folder whose files are gone. A file that has appeared meanwhile keeps its folder."""
    if folder.is_symlink():
        return
    for each in sorted(_folders(folder), reverse=True):
        with suppress(OSError):
            each.rmdir()


def _folders(folder: Path) -> Iterator[Path]:
    for name, _, _ in os.walk(folder):
        yield Path(name)


def _content(path: Path) -> bytes | None:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        _unreadable(error)
        raise


def _unreadable(error: OSError) -> None:
    raise IacError(f"{error.filename} cannot be read: {error.strerror or error}. Nothing was changed.") from None

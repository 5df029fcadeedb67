"""Files of the server: for their owner alone (0600 in folders of 0700), never made or written through a link."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

FILE, FOLDER = 0o600, 0o700
_OTHERS = 0o077


def private_folder(folder: Path) -> Path:
    """Make a folder, with those above it that are missing; narrow one that is there. Raises OSError."""
    for each in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        with suppress(FileExistsError):
            each.mkdir(mode=FOLDER)
    _narrow(folder, folder.stat().st_mode)
    return folder


def private_file(file: Path) -> Path:
    """Make an empty file where there is none; narrow one that is there. Raises OSError."""
    open_private(file, os.O_WRONLY, "wb").close()
    return file


def open_private(file: Path, flags: int, how: str) -> IO[Any]:
    """Open a file, made if need be. Raises OSError, for a link too."""
    descriptor = os.open(file, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE)
    mode = os.fstat(descriptor).st_mode
    if mode & _OTHERS:
        os.fchmod(descriptor, stat.S_IMODE(mode) & ~_OTHERS)
    return open(descriptor, how, encoding=None if "b" in how else "utf-8")


def narrow_all(folder: Path) -> None:
    """Take a tree that somebody else has made away from others."""
    for path, _, names in os.walk(folder):
        for each in (Path(path), *(Path(path, name) for name in names)):
            if not each.is_symlink():
                _narrow(each, each.stat().st_mode)


def _narrow(path: Path, mode: int) -> None:
    if mode & _OTHERS:
        with suppress(PermissionError):
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS)

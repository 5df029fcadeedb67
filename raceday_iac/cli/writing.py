"""Files that a command writes for the user: never over what is there unasked, and whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..errors import IacError


def must_be_free(file: Path, *, force: bool) -> None:
    """Raises IacError when something is there that nobody allowed to replace."""
    if file.is_dir() or (file.exists() and not force):
        hint = "" if file.is_dir() else "name another file, or replace it with --force"
        raise IacError(f"{file} exists already. Nothing was written.", hint=hint)


def must_be_writable(file: Path) -> None:
    """Find out before minutes are spent on what to write. Raises IacError; what is there stays as it is."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        is_new = not file.exists()
        with file.open("ab"):
            pass
        if is_new:
            file.unlink()
    except OSError as error:
        raise _unwritable(file, error) from None


def write_file(file: Path, text: str) -> None:
    """Write beside, then rename. A device, a pipe, or what a link leads to is not replaced but written into. Raises
    IacError when it cannot be written."""
    beside = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_symlink() or (file.exists() and not file.is_file()):
            file.write_text(text, encoding="utf-8")
            return
        with beside.open("w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        beside.replace(file)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise _unwritable(file, error) from None


def _unwritable(file: Path, error: OSError) -> IacError:
    return IacError(f"{file} cannot be written: {error.strerror or error}. Nothing was written.")

"""Files that a command writes for the user: never over what is there unasked, and whole or not at all."""

from __future__ import annotations

from pathlib import Path

from .. import files
from ..errors import IacError


def must_be_free(file: Path, *, force: bool) -> None:
    """Raises IacError when something is there that nobody allowed to replace."""
    if file.is_dir() or (file.exists() and not force):
        hint = "" if file.is_dir() else "name another file, or replace it with --force"
        raise IacError(f"{file} exists already. Nothing was written.", hint=hint)


def must_be_writable(file: Path) -> None:
    """Find out before minutes are spent on what to write. Raises IacError; what is there stays as it is."""
    try:
        files.must_be_writable(file)
    except OSError as error:
        raise _unwritable(file, error) from None


def write_file(file: Path, content: str | bytes, *, private: bool = False) -> None:
    """See `files.write_named`. Raises IacError when it cannot be written."""
    try:
        files.write_named(file, content, private=private)
    except OSError as error:
        raise _unwritable(file, error) from None


def _unwritable(file: Path, error: OSError) -> IacError:
    return IacError(f"{file} cannot be written: {error.strerror or error}. Nothing was written.")

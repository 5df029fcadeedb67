"""Files that a user names to be read."""

from __future__ import annotations

from pathlib import Path

from ..errors import IacError


def read_text(file: Path, called: str) -> str:
    """Raises IacError, with the file as it is `called`, when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(called, error) from None


def unreadable(called: str, error: OSError | UnicodeDecodeError) -> IacError:
    """The error for it, in words."""
    reason = error.strerror if isinstance(error, OSError) else "it is not text"
    return IacError(f"{called} cannot be read: {reason}. Nothing was changed.")

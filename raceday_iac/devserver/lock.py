"""The lock on a data directory: only one process may have its database open."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from .private import open_private, private_folder

LOCK_FILE = "server.lock"
LOCK_PAUSES = (0.01, 0.02, 0.05, 0.1)


class DataInUseError(RuntimeError):
    """Another process has this data directory open."""


def lock_data(data_dir: Path) -> IO[str]:
    """The lock on a data directory, held until the returned file is closed. Raises `DataInUseError`."""
    handle = open_private(private_folder(data_dir) / LOCK_FILE, os.O_WRONLY | os.O_APPEND, "a")
    # `is_locked` of another process holds the lock for a moment, so one refusal proves nothing.
    for pause in LOCK_PAUSES:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(pause)
        else:
            return handle
    handle.close()
    raise DataInUseError(f"{data_dir} is in use by another server process")


def is_locked(data_dir: Path) -> bool:
    """Whether some process serves this directory right now."""
    if not (data_dir / LOCK_FILE).exists():
        return False
    with (data_dir / LOCK_FILE).open("r") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False

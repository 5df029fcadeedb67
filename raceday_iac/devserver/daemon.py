"""The server as a process of its own, that goes on when the command which started it has ended.

What others need to know of it is in `server.json` (readable by the owner only, because it holds the key); what it says
goes to `server.log`. Whether it runs is decided by the lock on its data directory, never by a process id alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.request import ProxyHandler, build_opener

from .storage import open_private, private_folder

INFO_FILE = "server.json"
LOG_FILE = "server.log"
START_SECONDS = 30
STOP_SECONDS = 10
POLL_SECONDS = 0.05
#: Where this package can be imported from, installed or not.
SOURCE = Path(__file__).parents[2]


class StartError(RuntimeError):
    """The server did not come up."""


@dataclass(frozen=True)
class Status:
    """What is known of the server of a data directory. All but `running` and `data_dir` is empty when it is down."""

    running: bool
    data_dir: Path
    endpoint: str = ""
    project: str = ""
    key: str = ""
    pid: int = 0
    started_at: str = ""


def status(data_dir: Path | str) -> Status:
    """Whether a server process runs on this directory, and how to reach it."""
    directory = Path(data_dir).resolve()
    if not is_locked(directory):
        return Status(False, directory)
    try:
        info = json.loads((directory / INFO_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Status(False, directory)
    return Status(True, directory, info["endpoint"], info["project"], info["key"], int(info["pid"]), info["startedAt"])


def start(
    data_dir: Path | str,
    port: int = 0,
    project: str = "",
    database_workers: int = 0,
    plugins: Sequence[str] = (),
    folders: Sequence[str] = (),
    appwrite: str = "",
) -> Status:
    """Start a server process unless one runs, and wait until it answers. Raises `StartError`, `DataInUseError`.

    `appwrite` is the age to play; without it the one that the directory was last used with. `plugins` are what
    extensions add, as `package.module:name`, and `folders` where these may be imported from.
    """
    directory = Path(data_dir).resolve()
    current = status(directory)
    if current.running:
        return current
    if is_locked(directory):
        raise DataInUseError(f"{directory} is in use by another server process")
    private_folder(directory)
    command = [sys.executable, "-m", __package__, "--data-dir", str(directory), "--port", str(port)]
    # Without a word the process takes its own default, which would be dear to import here.
    command += ["--project", project] if project else []
    command += ["--database-workers", str(database_workers)] if database_workers else []
    command += ["--appwrite", appwrite] if appwrite else []
    command += [word for plugin in plugins for word in ("--plugin", plugin)]
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH", ""), *(folders if plugins else ()))))
    env = {**os.environ, "PYTHONPATH": path} if path else None
    with open_private(directory / LOG_FILE, os.O_WRONLY | os.O_APPEND, "ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=SOURCE,
            env=env,
        )
    if not _wait_until(lambda: process.poll() is not None or _answers(directory), START_SECONDS):
        process.kill()
    if not _answers(directory):
        raise StartError(f"the server did not start; the end of {directory / LOG_FILE} says:\n{_log_tail(directory)}")
    return status(directory)


def stop(data_dir: Path | str) -> bool:
    """End the server process of this directory and wait for it. False when none ran."""
    directory = Path(data_dir).resolve()
    current = status(directory)
    if not current.running:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(current.pid, number)
        except ProcessLookupError:
            break
        if _wait_until(lambda: not is_locked(directory), STOP_SECONDS):
            break
    (directory / INFO_FILE).unlink(missing_ok=True)
    return True


def reset(data_dir: Path | str) -> bool:
    """Stop the server if it runs, and delete its data. Cached virtual environments stay. True if it ran."""
    directory = Path(data_dir).resolve()
    was_running = stop(directory)
    lock = lock_data(directory)
    try:
        for entry in directory.iterdir():
            if entry.name in {LOCK_FILE, "venvs"}:
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    finally:
        lock.close()
    return was_running


def _answers(directory: Path) -> bool:
    current = status(directory)
    if not current.running:
        return False
    try:
        with build_opener(ProxyHandler({})).open(f"{current.endpoint}/health/version", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(POLL_SECONDS)
    return holds()


def _log_tail(directory: Path, lines: int = 15) -> str:
    try:
        return "\n".join((directory / LOG_FILE).read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


# The lock on a data directory: only one process may have its database open.


LOCK_FILE = "server.lock"
LOCK_PAUSES = (0.01, 0.02, 0.05, 0.1)


class DataInUseError(RuntimeError):
    """Another process has this data directory open."""


def lock_data(data_dir: Path) -> IO[str]:
    """The lock on a data directory, held until the returned file is closed. Raises `DataInUseError`."""
    handle = open_private(private_folder(data_dir) / LOCK_FILE, os.O_WRONLY | os.O_APPEND, "a")
    # `is_locked` of another process holds the lock for a short time, so one refusal proves nothing.
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

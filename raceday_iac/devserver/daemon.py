"""The server as a process of its own, that goes on when the command which started it has ended.

What others need to know of it is in `server.json` (readable by the owner only, for it holds the key); what it says goes
to `server.log`. Whether it runs is decided by the lock on its data directory, never by a process id alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from .app import App
from .running import (
    HOST,
    LOCK_FILE,
    PROJECT,
    DataInUseError,
    StartError,
    build_server,
    is_locked,
    listen,
    lock_data,
    server_key,
    uvicorn_config,
)
from .settings import Settings

INFO_FILE = "server.json"
LOG_FILE = "server.log"
START_SECONDS = 30
STOP_SECONDS = 10
POLL_SECONDS = 0.05


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


def start(data_dir: Path | str, port: int = 0) -> Status:
    """Start a server process unless one runs, and wait until it answers. Raises `StartError`, `DataInUseError`."""
    directory = Path(data_dir).resolve()
    current = status(directory)
    if current.running:
        return current
    if is_locked(directory):
        raise DataInUseError(f"{directory} is in use by another server process")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = [sys.executable, "-m", __package__, "--data-dir", str(directory), "--port", str(port)]
    with (directory / LOG_FILE).open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
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


def serve_forever(data_dir: Path | str, port: int = 0, settings: Settings | None = None) -> None:
    """Serve in this process until SIGTERM or SIGINT. Raises `DataInUseError` when somebody else does."""
    directory = Path(data_dir).resolve()
    lock = lock_data(directory)
    try:
        asyncio.run(_serve(directory, port, settings))
    finally:
        (directory / INFO_FILE).unlink(missing_ok=True)
        lock.close()


async def _serve(directory: Path, port: int, settings: Settings | None) -> None:
    import uvicorn  # noqa: PLC0415 - importing this module must stay cheap for `status`

    listener = listen(port)
    server = build_server(directory, settings)
    server.endpoint = f"http://{HOST}:{listener.getsockname()[1]}/v1"
    with server.transaction():
        server.ensure_project(PROJECT)
        key = server_key(server, PROJECT)
    web = uvicorn.Server(uvicorn_config(App(server)))
    serving = asyncio.ensure_future(web.serve(sockets=[listener]))
    while not web.started and not serving.done():
        await asyncio.sleep(0.01)
    if web.started:
        _write_info(directory, server.endpoint, key, server.timestamp())
        logging.getLogger("raceday_iac.devserver").info("serving %s at %s", directory, server.endpoint)
    try:
        await serving
    finally:
        await server.close()


def _write_info(directory: Path, endpoint: str, key: str, started_at: str) -> None:
    info = {"endpoint": endpoint, "pid": os.getpid(), "project": PROJECT, "key": key, "startedAt": started_at}
    path = directory / INFO_FILE
    draft = path.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    with open(draft, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(info, file, indent=1)
    draft.replace(path)


def _answers(directory: Path) -> bool:
    current = status(directory)
    if not current.running:
        return False
    try:
        return requests.get(f"{current.endpoint}/health/version", timeout=2).ok
    except requests.RequestException:
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


#: Fields of a function in appwrite.json that are parameters of its creation.
FUNCTION_FIELDS = (
    "name runtime execute events schedule timeout enabled logging entrypoint commands scopes specification"
).split()


@dataclass(frozen=True)
class Loaded:
    """Ids of the functions that `load_appwrite_json` created, and of those that were there already."""

    created: tuple[str, ...]
    skipped: tuple[str, ...]


class LoadError(RuntimeError):
    """The server refused a function of an appwrite.json."""


def load_appwrite_json(source: Path | str | Mapping[str, Any], endpoint: str, project: str, key: str) -> Loaded:
    """Create the functions of an appwrite.json, without code, through the HTTP API. Their folders need not exist."""
    document = source if isinstance(source, Mapping) else json.loads(Path(source).read_text(encoding="utf-8"))
    created: list[str] = []
    skipped: list[str] = []
    with requests.Session() as session:
        session.headers.update({"X-Appwrite-Project": project, "X-Appwrite-Key": key})
        for function in document.get("functions", []):
            body = {"functionId": function["$id"]}
            body |= {name: function[name] for name in FUNCTION_FIELDS if function.get(name) is not None}
            answer = session.post(f"{endpoint}/functions", json=body, timeout=30)
            if answer.status_code == 409:
                skipped.append(function["$id"])
            elif answer.ok:
                created.append(function["$id"])
            else:
                raise LoadError(f"function {function['$id']}: {answer.json()['message']}")
    return Loaded(tuple(created), tuple(skipped))

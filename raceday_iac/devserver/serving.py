"""What the server's own process does: serve until it is told to end, and say in `server.json` how to reach it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
from pathlib import Path

from .app import App
from .daemon import INFO_FILE
from .lock import lock_data
from .private import open_private
from .running import HOST, Uvicorn, build_server, listen, server_key, uvicorn_config
from .settings import PROJECT, Settings

LOG = logging.getLogger("raceday_iac.devserver")


def serve_forever(
    data_dir: Path | str, port: int = 0, settings: Settings | None = None, project: str = PROJECT
) -> None:
    """Serve in this process until SIGTERM or SIGINT. Raises `DataInUseError` when somebody else does."""
    directory = Path(data_dir).resolve()
    lock = lock_data(directory)
    try:
        asyncio.run(_serve(directory, port, settings, project))
    finally:
        (directory / INFO_FILE).unlink(missing_ok=True)
        lock.close()


async def _serve(directory: Path, port: int, settings: Settings | None, project: str) -> None:
    listener = listen(port)
    server = build_server(directory, settings)
    server.endpoint = f"http://{HOST}:{listener.getsockname()[1]}/v1"
    with server.transaction():
        server.ensure_project(project)
        key = server_key(server, project)

    def say_hello() -> None:
        _write_info(directory, server.endpoint, project, key, server.timestamp())
        LOG.info("serving %s at %s", directory, server.endpoint)

    web = Uvicorn(uvicorn_config(App(server)), say_hello)

    def end() -> None:
        # Executions that clients wait for must end first, or uvicorn would wait for them.
        ending.append(asyncio.ensure_future(server.stop_work()))
        web.end()

    ending: list[asyncio.Future[None]] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        await web.serve(sockets=[listener])
    finally:
        await server.close()
        LOG.info("ended")


def _write_info(directory: Path, endpoint: str, project: str, key: str, started_at: str) -> None:
    info = {"endpoint": endpoint, "pid": os.getpid(), "project": project, "key": key, "startedAt": started_at}
    path = directory / INFO_FILE
    draft = path.with_suffix(f".{secrets.token_hex(8)}")
    with open_private(draft, os.O_WRONLY | os.O_EXCL, "w") as file:
        json.dump(info, file, indent=1)
    draft.replace(path)

"""Starting and stopping servers: the names that commands and tests use."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TypeVar

import uvicorn

from . import (
    buckets,
    control,
    databases,
    functions,
    instance,
    messaging,
    platforms,
    project,
    project_keys,
    rules,
    sign_ins,
    sites,
    teams,
    webhooks,
)
from .app import App
from .daemon import INFO_FILE, StartError, lock_data
from .server import PROJECT, Clock, Server, Settings
from .storage import open_private

# A server in a thread of this process: what commands use for their own lifetime, and what tests use.
#
# Only one process may have a data directory open; a file lock sees to that.


Result = TypeVar("Result")

HOST = "127.0.0.1"
STARTUP_SECONDS = 30


def build_server(data_dir: Path, settings: Settings | None = None, clock: Clock | None = None) -> Server:
    """A server with all parts, not yet listening."""
    return Server(
        data_dir,
        functions,
        sites,
        databases,
        buckets,
        teams,
        messaging,
        project,
        sign_ins,
        platforms,
        webhooks,
        project_keys,
        rules,
        instance,
        control,
        settings=settings,
        clock=clock,
    )


class Uvicorn(uvicorn.Server):  # type: ignore[misc]
    """Reports when it listens, and leaves signals alone: the end is announced by `end`.

    It ends at once. The original looks every tenth of a second whether it should, and whether it may: three tenths for
    every command that has a server of its own.
    """

    def __init__(self, config: uvicorn.Config, at_start: Callable[[], object]) -> None:
        super().__init__(config)
        self._at_start = at_start
        self._is_ended = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        if self.started:
            self._at_start()

    def capture_signals(self) -> AbstractContextManager[None]:
        return nullcontext()

    def end(self) -> None:
        """From any thread."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._is_ended.set)

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._is_ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, wait an instant for answers that are under way, and let go of everybody."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if tasks := list(self.server_state.tasks):
            _, late = await asyncio.wait(tasks, timeout=self.config.timeout_graceful_shutdown)
            for task in late:
                task.cancel()
        await self.lifespan.shutdown()


def uvicorn_config(app: App) -> uvicorn.Config:
    """Plain HTTP on loopback: no access log, no date of its own, and no patience with open connections at the end."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="auto",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes a free one."""
    # Naming the protocol matters: asyncio switches Nagle's algorithm off (40 ms an answer) only for IPPROTO_TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


class RunningServer:
    """A server that listens. `key` may do everything, the control routes included."""

    def __init__(self, server: Server, listener: socket.socket, lock: IO[str], project: str) -> None:
        self.server = server
        self.project = project
        self._lock = lock
        server.endpoint = f"http://{HOST}:{listener.getsockname()[1]}/v1"
        self.endpoint = server.endpoint
        with server.transaction():
            server.ensure_project(project)
            self.key = server_key(server, project)
        self._listens = threading.Event()
        self._uvicorn = Uvicorn(uvicorn_config(App(server)), self._listens.set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="devserver", daemon=True)

    def start(self) -> RunningServer:
        self._thread.start()
        waited = 0.0
        while not self._listens.wait(0.2) and waited < STARTUP_SECONDS:
            waited += 0.2
            if not self._thread.is_alive():
                break
        if not self._listens.is_set():
            self.stop()
            raise StartError("the embedded server did not start; see its log output")
        return self

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await self._uvicorn.serve(sockets=[self._listener])
        finally:
            await self.server.close()

    def call(self, action: Callable[[Server], Result]) -> Result:
        """Run `action` on the server's event loop inside a transaction, from another thread."""

        async def run() -> Result:
            with self.server.transaction():
                return action(self.server)

        assert self._loop is not None, "the server is not running"
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=60)

    def ensure_project(self, project: str) -> None:
        self.call(lambda server: server.ensure_project(project))

    def create_key(self, project: str, scopes: Iterable[str] | None = None, secret: str | None = None) -> str:
        """A project key; without `scopes` it may do everything a key can do."""
        return self.call(lambda server: server.create_key(project, scopes, secret))

    def stop(self) -> None:
        """Stop serving, kill all child processes, close the database, release the data. May be called twice."""
        if self._thread.is_alive() and self._loop is not None:
            asyncio.run_coroutine_threadsafe(self.server.stop_work(), self._loop)
            self._uvicorn.end()
            self._thread.join(timeout=20)
        self._listener.close()
        self._lock.close()

    def __enter__(self) -> RunningServer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()


def server_key(server: Server, project: str) -> str:
    """The key of this data directory: made once, then always the same."""
    row = server.db.execute("SELECT value FROM texts WHERE name = ?", (f"server key of {project}",)).fetchone()
    key = server.create_server_key(project, row["value"] if row else None)
    server.db.execute(
        "INSERT INTO texts (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        (f"server key of {project}", key),
    )
    return key


def start_server(
    data_dir: Path | str,
    *,
    port: int = 0,
    settings: Settings | None = None,
    clock: Clock | None = None,
    project: str = PROJECT,
) -> RunningServer:
    """Serve a data directory from a thread of this process until `stop()`. Raises `DataInUseError`, `OSError`.

    Without `settings` there is no scheduler: a server that lives only for a command must not start functions by itself.
    """
    directory = Path(data_dir).resolve()
    lock = lock_data(directory)
    try:
        listener = listen(port)
        try:
            return RunningServer(
                build_server(directory, settings or Settings(scheduler=False), clock), listener, lock, project
            ).start()
        except BaseException:
            listener.close()
            raise
    except BaseException:
        lock.close()
        raise


# What the server's own process does: serve until it is asked to end, and write to `server.json` how to reach it.


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

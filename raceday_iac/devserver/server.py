"""The server as handlers see it: database, clock, settings, faults, and work to be done later. What an operator sets.

One `Server` owns one data directory. After `start` it is used on its event loop only; another thread that needs it
goes through `RunningServer.call`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from . import ages, keys, storage
from .ages import Age
from .faults import Faults
from .web import Key, RawAnswer, Routes

LOG = logging.getLogger("raceday_iac.devserver")


class Part(Protocol):
    """A package or module that adds tables and routes, and picks up unfinished work after a restart."""

    SCHEMA: str
    routes: Routes

    def on_start(self, server: Server) -> None: ...


class Plugin(Part, Protocol):
    """A part that an extension brings. Requests below `mount`, which lies beside `/v1`, are its own: it answers them
    without project, key or Appwrite's faults, and they are not among the counted requests."""

    mount: str

    def attach(self, server: Server) -> None:
        """Called once for each server, before it starts. What belongs to the server is kept in its `services`."""

    def answer(self, server: Server, method: str, path: str, query: str, headers: Mapping[str, str]) -> RawAnswer:
        """The answer to a request; `path` is what follows `mount`."""


#: Requests that are remembered.
RECENT = 300


class Handled(NamedTuple):
    """A request that was answered. `key` says what kind of key it brought, and of which function."""

    number: int
    at: datetime
    method: str
    path: str
    route: str
    status: int
    seconds: float
    key: str


class Server:
    """Everything a handler needs. `db` is inside a transaction while a handler or a `later` callback runs."""

    def __init__(
        self,
        data_dir: Path,
        *parts: Part,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.settings = settings or Settings()
        self.clock: Clock = clock or SystemClock()
        self.faults = Faults()
        self.parts = (*parts, *self.settings.plugins)
        self.db = storage.open_database(data_dir, [part.SCHEMA for part in self.parts])
        if self.settings.age is not None:
            ages.remember(self.db, self.settings.age)
        self.age = ages.remembered(self.db)
        self.endpoint = "http://127.0.0.1/v1"
        #: Requests by (method, route) since the last reset; calls to /v1/_dev are left out.
        self.requests: Counter[tuple[str, str]] = Counter()
        #: The last of them, for people who watch.
        self.recent: deque[Handled] = deque(maxlen=RECENT)
        self._handled = 0
        #: Objects of the parts that live as long as the server (executor, scheduler), by name.
        self.services: dict[str, Any] = {}
        for plugin in self.settings.plugins:
            plugin.attach(self)
        #: Put around work in the background; a simulation keeps account of it here.
        self.around: Callable[[Coroutine[Any, Any, object]], Coroutine[Any, Any, object]] = lambda work: work
        self._closing: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.is_stopping = False

    def remember(self, method: str, path: str, route: str, status: int, seconds: float, key: str) -> None:
        """Note a request that was answered. `status` is 0 where the connection was cut."""
        self._handled += 1
        self.recent.append(Handled(self._handled, self.clock.now(), method, path, route, status, seconds, key))

    def timestamp(self) -> str:
        return stamp(self.clock.now())

    def new_id(self) -> str:
        """20 hex characters that sort by time, as Appwrite's ID.unique()."""
        instant = self.clock.now()
        return f"{int(instant.timestamp()):08x}{instant.microsecond:05x}{secrets.token_hex(4)[:7]}"

    def sequence(self, name: str) -> int:
        """The next number of the counter `name`."""
        return storage.next_value(self.db, name)

    def transaction(self) -> AbstractContextManager[None]:
        return storage.transaction(self.db)

    def ensure_project(self, project: str) -> None:
        self.db.execute(
            "INSERT INTO projects (id, created_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
            (project, self.timestamp()),
        )

    def has_project(self, project: str) -> bool:
        return self.db.execute("SELECT 1 FROM projects WHERE id = ?", (project,)).fetchone() is not None

    def create_key(self, project: str, scopes: Iterable[str] | None = None, secret: str | None = None) -> str:
        """A project key; without `scopes` it may do everything a key can do."""
        wanted = self.age.scopes if scopes is None else scopes
        return keys.create_key(self.db, project, wanted, self.timestamp(), secret)

    def create_server_key(self, project: str, secret: str | None = None) -> str:
        """A key with every scope that may also use the control routes."""
        return self.create_key(project, (*self.age.scopes, keys.CONTROL_SCOPE), secret)

    def find_key(self, project: str, header: str) -> Key:
        return keys.find_key(self.db, project, header, self.clock.now().timestamp())

    def later(self, delay: float, callback: Callable[[], object]) -> None:
        """Run `callback` inside a transaction on the event loop, after `delay` seconds of real time."""

        def run() -> None:
            self._timers.discard(handle)
            try:
                with self.transaction():
                    callback()
            except Exception:
                LOG.exception("work in the background failed")

        handle = asyncio.get_running_loop().call_later(delay, run)
        self._timers.add(handle)

    def later_if_open(self, delay: float, callback: Callable[[], object]) -> None:
        """As `later`, but nothing once the server is stopping."""
        if not self.is_stopping:
            self.later(delay, callback)

    def background(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[Any]:
        """Run a coroutine in the background until the server closes."""
        task = asyncio.get_running_loop().create_task(self.around(work))
        self._tasks.add(task)
        task.add_done_callback(self._forget_task)
        return task

    def _forget_task(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            LOG.error("a background task failed", exc_info=task.exception())

    def at_close(self, action: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have `action` awaited when the server stops."""
        self._closing.append(action)

    def start(self) -> None:
        """Resume what an earlier process left unfinished. Called on the event loop."""
        for part in self.parts:
            with self.transaction():
                part.on_start(self)

    async def stop_work(self) -> None:
        """Stop all background work and kill child processes. Requests that wait for them end. May be called twice."""
        if self.is_stopping:
            return
        self.is_stopping = True
        for timer in self._timers:
            timer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for action in reversed(self._closing):
            await action()

    async def close(self) -> None:
        """Stop all work and close the database. May be called twice."""
        await self.stop_work()
        self.db.close()


# What an Appwrite operator sets in the environment of an instance, and the speed of our stand-in workers.


#: The project of an embedded server that is given no other.
PROJECT = "raceday"


@dataclass(frozen=True)
class Settings:
    """Times are seconds, sizes bytes. Empty `runtimes` and `site_runtimes` allow all; a compute limit of 0 is none."""

    #: Which Appwrite is played. None: the one that the data directory was last used with, at first 1.8.1.
    age: Age | None = None
    #: How long an attribute or index waits for a database worker; about what a real 1.8.1 takes on two cores.
    processing_delay: float = 0.02
    #: How long a change of a collection's schema takes from reading its metadata to writing it. Meanwhile others may do
    #: the same, and the one that writes last wins. None: a quarter of the delay, but no more than 5 ms.
    schema_window: float | None = None
    #: How many jobs on schemas are done at the same time (`_APP_WORKERS_NUM` of the database worker).
    database_workers: int = 1
    #: Creations of functions per project and UTC day; 0 switches the limit off.
    function_creation_limit: int = 50
    runtimes: tuple[str, ...] = ()
    function_timeout_limit: int = 900
    site_runtimes: tuple[str, ...] = ()
    site_timeout_limit: int = 30
    compute_cpus: float = 0
    compute_memory: int = 0
    #: Total size of a deployment's source archive.
    compute_size_limit: int = 30_000_000
    build_timeout: float = 900
    #: How long a build is at least `processing` and `building`, so that clients meet these states as on a real server.
    build_preparation: float = 0.05
    build_minimum: float = 0.1
    #: Where virtual environments are kept; several servers may share a folder. None: in the data directory.
    venv_folder: Path | None = None
    synchronous_timeout: float = 30
    #: How long an idle worker process is kept warm.
    worker_idle: float = 60
    #: Processes one deployment may run at the same time; more executions wait.
    workers_per_deployment: int = 8
    #: Passes of the scheduler: reading the table of schedules, and starting what is due.
    schedule_sync: float = 10
    schedule_pass: float = 1
    #: False leaves schedules alone, for servers that live only for the length of a command.
    scheduler: bool = True
    execution_retention_days: int = 14
    #: What extensions add to the server.
    plugins: tuple[Plugin, ...] = ()

    @property
    def window(self) -> float:
        """Seconds between reading and writing a collection's metadata."""
        return min(0.005, self.processing_delay / 4) if self.schema_window is None else self.schema_window


# Where the server gets its time from. Tests and simulations replace it.


class Clock(Protocol):
    """Anything that knows the time, in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's time, plus an offset that a simulation may set."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self.offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


class ManualClock:
    """Time that stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self.instant = start.astimezone(UTC)

    def now(self) -> datetime:
        return self.instant

    def advance(self, **duration: float) -> datetime:
        """Move on by `timedelta(**duration)`."""
        self.instant += timedelta(**duration)
        return self.instant


def stamp(instant: datetime) -> str:
    """Appwrite's text form: ISO 8601, UTC, milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")

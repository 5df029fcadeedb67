"""What an Appwrite operator sets in the environment of an instance, and the speed of our stand-in workers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .ages import Age

if TYPE_CHECKING:
    from .server import Plugin

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

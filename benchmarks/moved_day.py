"""Raceday on an embedded server on which it is another day and time, with real builds and real worker processes.

A race day cannot be waited for, and in the small hours of New Zealand the functions do nothing. So the server's clock
is moved, and each function is called by an entry module that moves the function's clock with it.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from time import sleep
from typing import Any
from zoneinfo import ZoneInfo

from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import Settings, SystemClock
from raceday_iac.raceday.nztab.days import make_day
from raceday_iac.raceday.nztab.model import NztabSettings
from raceday_iac.raceday.nztab.player import NztabPlugin

from .processes import target_of, timed
from .raw_schema import Client

ROOT = Path(__file__).parent.parent
DAY = date(2025, 7, 17)
NZ = ZoneInfo("Pacific/Auckland")
COMMAND = str(Path(sys.executable).parent / "raceday-iac")
SETUP = "database-setup"
#: Those that have a time of the day.
FUNCTIONS = (
    "daily-meetings",
    "daily-races",
    "daily-initial-data",
    "enhanced-race-poller",
    "master-race-scheduler",
    "meeting-status-poller",
)
#: The line of the log that says what a run took.
SUMMARIES = {SETUP: "setup.done"}
READERS = ("daily-meetings", "daily-races", "enhanced-race-poller", "meeting-status-poller")
ENTRY = '''"""The real entry module, with the clock moved by as many seconds as a file says."""

import time

from . import main as real
from .vendor import entry


async def main(context):
    with open({file!r}, encoding="utf-8") as file:
        seconds = float(file.read())
    world = entry.REAL._replace(now=lambda: time.time() + seconds)
    return await entry.in_thread(lambda said: real.handle(said, world), context)
'''


@dataclass(frozen=True)
class Taken:
    """What one execution took, by its own account: the last line of its log."""

    seconds: float
    cpu_seconds: float
    memory_mb: float
    requests: int
    summary: Mapping[str, Any]


class MovedDay:
    """One server with everything deployed."""

    def __init__(self, server: RunningServer, clock: SystemClock, offset_file: Path, races: int | None) -> None:
        self._client = Client(server.endpoint, server.project, server.key)
        self._clock, self._offset_file = clock, offset_file
        #: The races that are imported, by their start.
        self.races = sorted(make_day(DAY, 1, races).imported, key=lambda race: race.start)

    def move_to(self, instant: datetime) -> None:
        """Let it be that instant from now on."""
        self._clock.offset = instant.astimezone(UTC) - datetime.now(UTC)
        self._offset_file.write_text(str(self._clock.offset.total_seconds()), encoding="utf-8")

    def run(self, function: str, body: Mapping[str, Any] | None = None) -> Taken:
        """One execution in a worker process, to its end."""
        asked = {"async": True, "body": json.dumps(body or {})}
        return self._ended(function, self._client.call("post", f"/functions/{function}/executions", asked)["$id"])

    def last(self, function: str) -> Taken:
        """The execution of a function that was started last, by whomever, to its end."""
        listed = self._client.call("get", f"/functions/{function}/executions")["executions"]
        return self._ended(function, listed[0]["$id"])

    def _ended(self, function: str, identity: str) -> Taken:
        while True:
            found = self._client.call("get", f"/functions/{function}/executions/{identity}")
            if found["status"] in ("completed", "failed"):
                return _taken(function, found)
            sleep(0.2)


@contextmanager
def moved_day(folder: Path, races: int | None) -> Iterator[MovedDay]:
    """The recorded card, or a made-up one of so many races; events are as long as those of the real API."""
    clock = SystemClock(at(7) - datetime.now(UTC))
    settings = Settings(scheduler=False, plugins=(NztabPlugin(NztabSettings(races=races, full=True)),))
    with start_server(folder / "server", settings=settings, clock=clock) as server:
        offset_file = folder / "offset"
        _deploy(_copy_project(folder, offset_file), server)
        yield MovedDay(server, clock, offset_file, races)


def at(hour: int, minute: int = 0) -> datetime:
    """A time of the day, in New Zealand."""
    return datetime.combine(DAY, time(hour, minute), NZ)


def _copy_project(folder: Path, offset_file: Path) -> Path:
    project = folder / "project"
    for part in ("stacks", "functions"):
        shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("__pycache__"))
    for function in FUNCTIONS:
        entry = project / "functions" / function / "src" / "moved.py"
        entry.write_text(ENTRY.format(file=str(offset_file)), encoding="utf-8")
    overrides: dict[str, Any] = {f"function.{name}": {"entrypoint": "src/moved.py"} for name in FUNCTIONS}
    overrides |= {f"variable.{name}/NZTAB_API_BASE_URL": {"value": "/nztab"} for name in READERS}
    target = {"endpoint": "${APPWRITE_ENDPOINT}", "project": "${APPWRITE_PROJECT_ID}"}
    environment = {**target, "api_key_env": "APPWRITE_API_KEY", "overrides": overrides}
    # JSON is YAML.
    (project / "stacks" / "environments" / "bench.yaml").write_text(json.dumps(environment), encoding="utf-8")
    return project


def _deploy(project: Path, server: RunningServer) -> None:
    stack = str(project / "stacks" / "raceday.py")
    command = [COMMAND, "apply", "--auto-approve", "--env", "bench", "--stack", stack]
    timed(command, target_of(server))


def _taken(function: str, execution: Mapping[str, Any]) -> Taken:
    lines = [*execution["logs"].splitlines(), *execution["errors"].splitlines()]
    events = [json.loads(line) for line in lines if line.startswith("{")]
    said = {event["event"]: event for event in events}
    summary, released = (said.get(name) for name in (SUMMARIES.get(function, "run.summary"), "lock.released"))
    if summary is None or released is None:
        sys.exit(f"{function} gave no summary:\n{execution['logs']}{execution['errors']}")
    # The lock counts its requests, that of its release included.
    requests = summary["requests"] if function == SETUP else summary["requests"]["appwrite"] + released["requests"]
    seconds = summary["elapsedMs"] / 1000
    return Taken(seconds, summary["cpuSeconds"], summary["memoryMb"], requests, summary)

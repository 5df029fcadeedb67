"""Living through a day: a server in virtual time, its scheduler every minute, and the functions it starts.

The server has been set up as any other: the stack was applied to it. From here on time is virtual, executions run in
this process, and everything they send is written down.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ...devserver.functions.scheduler import scheduler_of
from ...devserver.runner import RunningServer
from ...devserver.server import Server
from .executor import VirtualExecutor
from .ledger import Ledger
from .virtual_time import VirtualTime

NZ = ZoneInfo("Pacific/Auckland")
#: A day ends when its last hour, which reaches past midnight, is over.
END_OF_DAY = time(1)
MINUTE = 60.0
#: New values after which the youngest are searched, and searches after which the older ones are.
COLLECTIONS = (50_000, 50, 50)
#: Told the moment, at every full hour of New Zealand time.
Observer = Callable[[datetime], None]


@dataclass(frozen=True)
class DaySpec:
    """Which day, and how. `until` is a New Zealand clock time of that day; None is 01:00 of the next."""

    day: date
    seed: int = 1
    races: int | None = None
    until: time | None = None
    with_locks: bool = True
    #: Environment of the functions beside what Appwrite gives them.
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def begin(self) -> datetime:
        """Midnight in New Zealand, in UTC."""
        return datetime.combine(self.day, time(), NZ).astimezone(UTC)

    @property
    def end(self) -> datetime:
        if self.until is None:
            return datetime.combine(self.day + timedelta(days=1), END_OF_DAY, NZ).astimezone(UTC)
        return datetime.combine(self.day, self.until, NZ).astimezone(UTC)


def run_day(
    server: RunningServer, time: VirtualTime, wanted: DaySpec, folder: Path, observe: Observer = lambda _: None
) -> Ledger:
    """Run the scheduler from the beginning of the day to its end, and wait until everything it started is over."""
    ledger = Ledger()
    executor = VirtualExecutor(time, ledger, folder, seed=wanted.seed, with_locks=wanted.with_locks)
    server.call(lambda inner: prepare(inner, executor, time))
    end = wanted.end.timestamp()
    with environment(server, wanted), fewer_collections():
        while time.seconds() < end:
            server.call(lambda inner: scheduler_of(inner).tick())
            if time.seconds() % 3600 == 0:
                observe(time.now())
            time.sleep(MINUTE - time.seconds() % MINUTE)
        # Sleeping comes first: what was started a moment ago has begun when this thread wakes.
        time.sleep(1.0)
        while ledger.active():
            time.sleep(1.0)
    return ledger


def prepare(server: Server, executor: VirtualExecutor, time: VirtualTime) -> None:
    """Have the server run its functions by this executor from now on, and count its work in the background as awake."""
    server.services["executor"] = executor
    server.at_close(executor.close)

    def counted(work: Coroutine[Any, Any, object]) -> Coroutine[Any, Any, object]:
        """Work in the background is awake, from the moment it is asked for."""
        time.join_in()

        async def held() -> object:
            try:
                return await work
            finally:
                time.leave()

        return held()

    server.around = counted


@contextmanager
def fewer_collections() -> Iterator[None]:
    """Look for unreachable values less often. What a day leaves behind lives to its end: to search it all again and
    again takes an eighth of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def environment(server: RunningServer, wanted: DaySpec) -> Iterator[None]:
    """What the runtime puts into the environment of each function. One process, so all share it."""
    given = {
        "APPWRITE_FUNCTION_API_ENDPOINT": server.endpoint,
        "APPWRITE_FUNCTION_PROJECT_ID": server.project,
        **wanted.variables,
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value

"""One run of the frame, made by hand: a real lock on the embedded server, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from _shared import lock
from _shared.invocation import Invocation
from _shared.lock_protocol import Numbers
from _shared.logs import Log
from _shared.racing_date import racing_date
from _shared.running import Outcome, Run, perform

from .raceday import DATABASE, Raceday
from .runtime import Context, context

#: Its lease ends 275 s after the beginning (a margin of 5 s before the expiry), new work 10 s before that.
SETTINGS = lock.Settings("tester", "tester-lock", DATABASE, "locks", Numbers(60, 20, 280))


@dataclass
class Frame:
    """A run that holds its lock, and what it logged."""

    run: Run
    held: lock.Lock
    reported: Context = field(default_factory=lambda: context(""))

    def perform(self, work: Callable[[Run], Any], slow_after: float = 1000.0) -> Outcome:
        """The work from beginning to end, with heartbeats."""
        with self.held:
            return perform(work, slow_after, self.run)


def begin(raceday: Raceday, settings: lock.Settings = SETTINGS, folder: str = "", **changes: Any) -> Frame:
    """Take the lock and make a run of it. Keyword arguments replace parts of the runtime."""
    runtime = raceday.runtime(**changes)
    credentials = raceday.credentials_of("tester")
    held = lock.acquire(settings, credentials, "execution-1", nz_date=racing_date(runtime.now()), runtime=runtime)
    assert isinstance(held, lock.Lock), held
    reported = context("")
    log = Log(reported.log, reported.error, function=settings.function, execution="execution-1", clock=runtime.clock)
    call = Invocation(credentials, settings.function, "execution-1", "http", {})
    return Frame(Run(folder, settings, call, log, held, runtime), held, reported)

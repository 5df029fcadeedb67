"""When the legacy system started what, and after how long it was cut off: its nine functions as they were configured
before the clean-up. Crons are UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ..cron import parse


@dataclass(frozen=True)
class LegacyFunction:
    """Schedule (none: only over HTTP) and timeout in seconds."""

    name: str
    cron: str | None
    timeout: float


FUNCTIONS = (
    LegacyFunction("daily-meetings", "0 19 * * *", 840),
    LegacyFunction("daily-races", "0 20 * * *", 840),
    LegacyFunction("race-data-poller", "*/10 * * * *", 840),
    LegacyFunction("single-race-poller", None, 300),
    LegacyFunction("batch-race-poller", None, 600),
    LegacyFunction("daily-initial-data", "30 20 * * *", 840),
    LegacyFunction("meeting-status-poller", "*/15 21-23,0-11 * * *", 300),
    LegacyFunction("enhanced-race-poller", None, 840),
    LegacyFunction("master-race-scheduler", "*/1 * * * *", 120),
)
TIMEOUTS = {each.name: each.timeout for each in FUNCTIONS}


def occurrences(cron: str, begin: float, end: float) -> Iterator[float]:
    """The full minutes in [begin, end), seconds since 1970, at which Appwrite starts what has that cron."""
    for run in parse(cron).runs_between(datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC)):
        yield run.timestamp()

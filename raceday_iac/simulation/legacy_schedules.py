"""When the legacy system started what, and after how long it was cut off: its nine functions as they were configured
before the clean-up. Crons are UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

MINUTE = 60.0


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
    """The full minutes in [begin, end) at which a cron fires. Only minutes and hours may be restricted: the legacy
    schedules restrict nothing else."""
    minutes, hours, *rest = cron.split()
    if rest != ["*", "*", "*"]:
        raise ValueError(f"a legacy schedule restricts only minutes and hours, not {cron!r}")
    wanted_minutes, wanted_hours = _values(minutes, 60), _values(hours, 24)
    moment = -(-begin // MINUTE) * MINUTE
    while moment < end:
        clock = datetime.fromtimestamp(moment, UTC)
        if clock.minute in wanted_minutes and clock.hour in wanted_hours:
            yield moment
        moment += MINUTE


def _values(text: str, limit: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        first, last = (0, limit - 1) if span == "*" else (int(low), int(high or low))
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)

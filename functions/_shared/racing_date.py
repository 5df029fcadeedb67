"""The racing day as the lock document names it, worked out without the zone data, which takes too long to load before
the lock is tried for.

It knows the rules of New Zealand since 2007: the clocks go forward on the last Sunday of September and back on the
first Sunday of April. Once the lock is held, `nz_time` has the last word.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_HOUR = timedelta(hours=1)


def racing_date(seconds: float) -> str:
    """The day whose card is being raced at this instant (seconds since 1970): the New Zealand date an hour before."""
    instant = datetime.fromtimestamp(seconds, UTC) - _HOUR
    is_summer = not _back(instant.year) <= instant < _forward(instant.year)
    return (instant + (13 if is_summer else 12) * _HOUR).date().isoformat()


def _forward(year: int) -> datetime:
    """At 02:00 standard time."""
    last = datetime(year, 9, 30, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7) - 10 * _HOUR


def _back(year: int) -> datetime:
    """At 03:00 summer time."""
    first = datetime(year, 4, 1, tzinfo=UTC)
    return first + timedelta(days=(6 - first.weekday()) % 7) - 10 * _HOUR

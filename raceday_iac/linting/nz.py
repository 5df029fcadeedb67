"""New Zealand's clock over a year: dates, the quiet window, and the two hours in which it is changed.

Schedules are UTC, so all of this is told from instants; nothing here counts with the clock itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Pacific/Auckland")
#: Inside it (the end excluded) the functions finish gracefully.
QUIET_FROM, QUIET_UNTIL = 1, 6


def offset(moment: datetime) -> timedelta:
    """New Zealand's distance from UTC at an instant."""
    found = moment.astimezone(ZONE).utcoffset()
    assert found is not None
    return found


def is_quiet(moment: datetime) -> bool:
    return QUIET_FROM <= moment.astimezone(ZONE).hour < QUIET_UNTIL


def clock_changes(begin: date, days: int) -> Iterator[datetime]:
    """The instants at which the clock is changed, to the hour."""
    moment = datetime.combine(begin, time(), UTC)
    last = offset(moment)
    for _ in range(days * 24):
        moment += timedelta(hours=1)
        now = offset(moment)
        if now != last:
            yield moment
        last = now


def said(moment: datetime) -> str:
    """An instant as people read it here: New Zealand first, then UTC."""
    local = moment.astimezone(ZONE)
    return f"{local:%a %Y-%m-%d %H:%M} {local.tzname()} ({moment.astimezone(UTC):%m-%d %H:%M} UTC)"

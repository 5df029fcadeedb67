"""New Zealand's clock over a year: dates, the quiet window, and the two hours in which it is changed.

Schedules are UTC, so all of this is told from instants; nothing here counts with the clock itself.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
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


@lru_cache(maxsize=16)
def clock_changes(begin: date, days: int) -> tuple[datetime, ...]:
    """The instants at which the clock is changed, to the hour."""
    midnights = [datetime.combine(begin, time(), UTC) + timedelta(days=number) for number in range(days + 1)]
    found = []
    for start, end in pairwise(midnights):
        if offset(start) != offset(end):
            hours = [start + timedelta(hours=number) for number in range(25)]
            found += [after for before, after in pairwise(hours) if offset(before) != offset(after)]
    return tuple(found)


def said(moment: datetime) -> str:
    """An instant as people read it here: New Zealand first, then UTC."""
    local = moment.astimezone(ZONE)
    return f"{local:%a %Y-%m-%d %H:%M} {local.tzname()} ({moment.astimezone(UTC):%m-%d %H:%M} UTC)"

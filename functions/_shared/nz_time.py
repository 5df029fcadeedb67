"""The New Zealand clock of a race day: which day it is, when the quiet window is, where a day begins.

Everything takes and gives instants with a zone. Import it only after the lock is held: the zone data (from the system,
or from the package `tzdata` that the bundle must then list) takes an instant to load.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Pacific/Auckland")
#: Inside this window of the local clock no new work is taken. It fits between the last race and the first import in
#: both offsets, and neither edge is ever ambiguous: the clocks change at 02:00 and 03:00.
QUIET_FROM, QUIET_UNTIL = time(1), time(6)


def is_quiet(instant: datetime) -> bool:
    """Whether runs have to finish: from 01:00 until before 06:00 in New Zealand."""
    return QUIET_FROM <= instant.astimezone(ZONE).time() < QUIET_UNTIL


def seconds_until_quiet(instant: datetime) -> float:
    """Seconds until the next quiet window begins; 0 inside one."""
    if is_quiet(instant):
        return 0.0
    today = instant.astimezone(ZONE).date()
    begins = [datetime.combine(today + timedelta(days=days), QUIET_FROM, ZONE) for days in (0, 1)]
    # Subtracting in UTC, because two instants of one zone are subtracted by their wall clocks.
    waits = [(begin.astimezone(UTC) - instant.astimezone(UTC)).total_seconds() for begin in begins]
    return min(wait for wait in waits if wait >= 0)


def date_of(instant: datetime) -> date:
    """The date on the calendar of New Zealand."""
    return instant.astimezone(ZONE).date()


def racing_day(instant: datetime) -> date:
    """The day whose card is being raced. The hour after midnight still belongs to the day before."""
    return (instant.astimezone(UTC) - timedelta(hours=1)).astimezone(ZONE).date()

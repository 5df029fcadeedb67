"""The clock that a stack's people live by: a time zone, and the hours in which nothing should run.

Schedules are UTC whatever is declared here. This says in which zone times are shown, where a day begins, and which
hours count as quiet. Without a declaration that is UTC, and no hour is quiet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_QUARTER = timedelta(minutes=15)


@dataclass(frozen=True)
class LocalTime:
    """`timezone` is a name of the IANA database; `quiet_hours` are begin and end, the end excluded. They may go over
    midnight."""

    timezone: str = "UTC"
    quiet_hours: tuple[time, time] | None = None

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def is_utc(self) -> bool:
        return self.timezone == "UTC"

    @property
    def quiet_text(self) -> str:
        """`01:00 to 06:00`; empty when no hour is quiet."""
        return " to ".join(f"{each:%H:%M}" for each in self.quiet_hours or ())

    def is_quiet(self, instant: datetime) -> bool:
        if self.quiet_hours is None:
            return False
        begin, end = self.quiet_hours
        clock = instant.astimezone(self.zone).time()
        return begin <= clock < end if begin < end else clock >= begin or clock < end

    def offset(self, instant: datetime) -> timedelta:
        """The zone's distance from UTC at an instant."""
        found = instant.astimezone(self.zone).utcoffset()
        assert found is not None
        return found

    def name_at(self, instant: datetime) -> str:
        """What the zone is called at an instant, such as CET or CEST."""
        return instant.astimezone(self.zone).tzname() or self.timezone

    def day_of(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def at(self, day: date, clock: time) -> datetime:
        """The instant of a time of a day, in UTC."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """From the day's midnight to the next one, in UTC. A day in which the clock changes is not 24 hours long."""
        return self.at(day, time()), self.at(day + timedelta(days=1), time())

    def quiet_spans(self, days: Iterator[date]) -> Iterator[tuple[datetime, datetime]]:
        """Begin and end of the quiet hours that begin on each of these days."""
        for day in days if self.quiet_hours else ():
            assert self.quiet_hours is not None
            begin, end = self.quiet_hours
            yield self.at(day, begin), self.at(day if begin < end else day + timedelta(days=1), end)

    def said(self, instant: datetime) -> str:
        """An instant for people: on the clock of the zone first, then in UTC."""
        if self.is_utc:
            return f"{instant.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC"
        local = instant.astimezone(self.zone)
        return f"{local:%a %Y-%m-%d %H:%M} {self.name_at(instant)} ({instant.astimezone(UTC):%m-%d %H:%M} UTC)"

    def clock_changes(self, begin: date, days: int) -> tuple[datetime, ...]:
        """The instants at which the clock is changed, in UTC. No zone changes it at anything but a quarter hour."""
        return _clock_changes(self, begin, days)

    def change_text(self, change: datetime) -> str:
        """What a change does to the clock: `02:00 to 03:00 does not exist`."""
        before, after = ((change + self.offset(each)).time() for each in (change - _QUARTER, change))
        goes_back = self.offset(change) < self.offset(change - _QUARTER)
        first, last = (after, before) if goes_back else (before, after)
        return f"{first:%H:%M} to {last:%H:%M} {'happens twice' if goes_back else 'does not exist'}"


@lru_cache(maxsize=16)
def _clock_changes(local_time: LocalTime, begin: date, days: int) -> tuple[datetime, ...]:
    offset = local_time.offset
    midnights = [datetime.combine(begin, time(), UTC) + timedelta(days=number) for number in range(days + 1)]
    found: list[datetime] = []
    for start, end in pairwise(midnights):
        if offset(start) != offset(end):
            quarters = [start + _QUARTER * number for number in range(97)]
            found += [after for before, after in pairwise(quarters) if offset(before) != offset(after)]
    return tuple(found)


#: For whoever declares nothing.
UTC_TIME = LocalTime()


def read_local_time(timezone: object, quiet_hours: object) -> tuple[LocalTime, list[str]]:
    """What a stack declares, and what is wrong with it. What is wrong counts as not declared."""
    problems: list[str] = []
    zone, hours = "UTC", None
    if _is_zone(timezone):
        zone = str(timezone)
    else:
        problems.append(f"timezone {timezone!r} is not a name of the IANA database, such as Europe/Vienna")
    if quiet_hours is not None:
        hours = _hours(quiet_hours)
        if hours is None:
            problems.append(
                f'quiet_hours {quiet_hours!r} are not two different times; write them as ("22:00", "06:00")'
            )
    return LocalTime(zone, hours), problems


def _is_zone(name: object) -> bool:
    try:
        return isinstance(name, str) and bool(ZoneInfo(name).key)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False


def _hours(given: object) -> tuple[time, time] | None:
    if not isinstance(given, list | tuple) or len(given) != 2:
        return None
    try:
        begin, end = (time.fromisoformat(each) for each in given)
    except (TypeError, ValueError):
        return None
    return (begin, end) if begin != end and not begin.tzinfo and not end.tzinfo else None

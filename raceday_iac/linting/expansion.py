"""A cron expression as the days and minutes of a year at which it fires. Crons are UTC.

An every-minute schedule fires half a million times a year, so a year is held as days, each with the same minutes, and
what a function occupies of a day as the bits of one number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from math import ceil

from croniter import CroniterError, croniter

DAY = 1440
YEAR = 365
_ALL = ["*"]


@dataclass(frozen=True)
class Expansion:
    """When a cron fires from `begin` for `days` days. `minutes` are minutes of the UTC day, in order."""

    expression: str
    begin: date
    days: int
    minutes: tuple[int, ...]
    firing: tuple[bool, ...]

    @property
    def is_empty(self) -> bool:
        return not any(self.firing)

    @property
    def per_day(self) -> int:
        return len(self.minutes)

    def day(self, number: int) -> date:
        return self.begin + timedelta(days=number)

    def moment(self, number: int, minute: int) -> datetime:
        """The instant of a minute of a day; minutes beyond the day are on the next one."""
        return datetime.combine(self.day(number), time(), UTC) + timedelta(minutes=minute)

    def fires_on(self, number: int) -> bool:
        return 0 <= number < self.days and self.firing[number]

    def runs_after(self, moment: datetime) -> Iterator[datetime]:
        """The runs after an instant, within the year, in order."""
        for number in range(max(0, (moment.date() - self.begin).days), self.days):
            if self.firing[number]:
                runs = (self.moment(number, minute) for minute in self.minutes)
                yield from (run for run in runs if run > moment)

    @cached_property
    def shortest_gap(self) -> tuple[timedelta, datetime] | None:
        """The shortest time between two runs, and when it first happens: the second of the two runs."""
        found: tuple[int, datetime] | None = None
        last: int | None = None
        inner = min(((b - a, b) for a, b in zip(self.minutes, self.minutes[1:], strict=False)), default=None)
        for number in (number for number, fires in enumerate(self.firing) if fires):
            start = number * DAY
            gaps = [(start + self.minutes[0] - last, self.minutes[0])] if last is not None else []
            gaps += [inner] if inner else []
            for gap, minute in gaps:
                if found is None or gap < found[0]:
                    found = (gap, self.moment(number, minute))
            last = start + self.minutes[-1]
        return (timedelta(minutes=found[0]), found[1]) if found else None

    def occupied(self, number: int, seconds: int) -> int:
        """The minutes of a day in which runs of that length are under way, as bits: bit 0 is 00:00 UTC."""
        today = _bits(self.minutes, seconds) if self.fires_on(number) else 0
        # What began yesterday (or, before the year, would have) may reach into today.
        before = number == 0 and self.firing[0] and self.firing[-1]
        yesterday = _bits(self.minutes, seconds) >> DAY if before or self.fires_on(number - 1) else 0
        return (today | yesterday) & ((1 << DAY) - 1)


@lru_cache(maxsize=256)
def _bits(minutes: tuple[int, ...], seconds: int) -> int:
    """Runs that begin at these minutes of a day, as bits; they may reach beyond it."""
    run = (1 << max(1, ceil(seconds / 60))) - 1
    bits = 0
    for minute in minutes:
        bits |= run << minute
    return bits


def expand(expression: str, begin: date, days: int = YEAR) -> Expansion | None:
    """The runs of a year; None when the expression cannot be read."""
    try:
        fields, nth = croniter.expand(expression)
        if len(fields) != 5:
            return None
        hours = _values(fields[1], 24)
        minutes = tuple(hour * 60 + minute for hour in hours for minute in _values(fields[0], 60))
        dates = (begin + timedelta(days=number) for number in range(days))
        if nth:
            first = time(minutes[0] // 60, minutes[0] % 60)
            firing = tuple(bool(croniter.match(expression, datetime.combine(each, first, UTC))) for each in dates)
        else:
            firing = tuple(_fires(each, *fields[2:]) for each in dates)
        return Expansion(expression, begin, days, minutes, firing)
    except (CroniterError, ValueError, KeyError, AttributeError):
        return None


def _fires(day: date, days: list[int | str], months: list[int | str], weekdays: list[int | str]) -> bool:
    """Whether the date fits. Where day and weekday are both restricted, one of them is enough, as in every cron."""
    if months != _ALL and day.month not in months:
        return False
    is_last = (day + timedelta(days=1)).day == 1
    fits = (day.day in days or ("l" in days and is_last), day.isoweekday() % 7 in weekdays)
    restricted = [fit for fit, field in zip(fits, (days, weekdays), strict=True) if field != _ALL]
    return any(restricted) if restricted else True


def _values(field: list[int | str], count: int) -> list[int]:
    if field == _ALL:
        return list(range(count))
    return sorted({int(value) for value in field})

"""The time axis of pictures: where an instant is drawn, round times on a clock, midnights and quiet hours. Instants are
seconds since 1970."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from ..model.local_time import LocalTime

_MINUTE = 60.0
_HOUR = 3600.0


@dataclass(frozen=True)
class Scale:
    """Instants to pixels."""

    begin: float
    end: float
    left: float
    width: float

    def x(self, instant: float) -> float:
        return self.left + (instant - self.begin) / (self.end - self.begin) * self.width

    def length(self, seconds: float) -> float:
        return seconds / (self.end - self.begin) * self.width

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def is_detail(self) -> bool:
        """Whether it shows a few hours rather than a day."""
        return self.end - self.begin <= 4 * _HOUR


@dataclass(frozen=True)
class Tick:
    """An instant with its name."""

    instant: float
    label: str


def ticks(scale: Scale, zone: tzinfo) -> Iterator[Tick]:
    """Round times on a zone's clock: every second hour of a day, every ten minutes of a detail."""
    step = 10 * _MINUTE if scale.is_detail else _HOUR
    offset = datetime.fromtimestamp(scale.begin, zone).utcoffset() or timedelta()
    # Some zones are half an hour, or a quarter, away from full hours.
    apart = offset.total_seconds() % step
    for each in _every(step, scale.begin + apart, scale.end + apart):
        instant = each - apart
        clock = datetime.fromtimestamp(instant, zone)
        if scale.is_detail or clock.hour % 2 == 0:
            yield Tick(instant, f"{clock:%H:%M}")


def midnights(scale: Scale, local_time: LocalTime) -> Iterator[float]:
    """Where the date changes."""
    day = datetime.fromtimestamp(scale.begin, local_time.zone).date()
    while (instant := local_time.at(day, time()).timestamp()) <= scale.end:
        if instant >= scale.begin:
            yield instant
        day += timedelta(days=1)


def quiet_windows(scale: Scale, local_time: LocalTime) -> Iterator[tuple[float, float]]:
    """The stretches that are quiet, whatever the clock was changed to in them."""
    if local_time.quiet_hours is None:
        return
    begin: float | None = None
    for instant in _every(_MINUTE, scale.begin, scale.end):
        quiet = local_time.is_quiet(datetime.fromtimestamp(instant, local_time.zone))
        if quiet and begin is None:
            begin = instant
        elif not quiet and begin is not None:
            yield begin, instant
            begin = None
    if begin is not None:
        yield begin, scale.end


def offset_name(instant: float, local_time: LocalTime) -> str:
    """What the zone is called then, such as CET or CEST."""
    return local_time.name_at(datetime.fromtimestamp(instant, local_time.zone))


def _every(step: float, begin: float, end: float) -> Iterator[float]:
    instant = -(-begin // step) * step
    while instant <= end:
        yield instant
        instant += step

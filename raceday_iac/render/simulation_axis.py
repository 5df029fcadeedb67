"""The time axis of a race day: New Zealand's clock above, UTC below, the day boundary and the quiet window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

NZ = ZoneInfo("Pacific/Auckland")
#: Inside it (NZ clock, the end excluded) the functions finish gracefully.
QUIET_HOURS = (1, 6)
_MINUTE = 60.0
_HOUR = 3600.0


@dataclass(frozen=True)
class Scale:
    """Moments (seconds since 1970) to pixels."""

    begin: float
    end: float
    left: float
    width: float

    def x(self, moment: float) -> float:
        return self.left + (moment - self.begin) / (self.end - self.begin) * self.width

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
    """A moment with its name."""

    moment: float
    label: str


def ticks(scale: Scale, zone: tzinfo) -> Iterator[Tick]:
    """Round moments on a zone's clock: every second hour of a day, every ten minutes of a detail."""
    step, is_round = (10 * _MINUTE, _always) if scale.is_detail else (_HOUR, _is_even_hour)
    for moment in _every(step, scale.begin, scale.end):
        clock = datetime.fromtimestamp(moment, zone)
        if is_round(clock):
            yield Tick(moment, f"{clock:%H:%M}")


def midnights(scale: Scale) -> Iterator[float]:
    """Where the New Zealand date changes."""
    for moment in _every(_HOUR, scale.begin, scale.end):
        if datetime.fromtimestamp(moment, NZ).hour == 0:
            yield moment


def quiet_windows(scale: Scale) -> Iterator[tuple[float, float]]:
    """The stretches that are quiet, whatever the clock was changed to in them."""
    begin: float | None = None
    for moment in _every(_MINUTE, scale.begin, scale.end):
        quiet = QUIET_HOURS[0] <= datetime.fromtimestamp(moment, NZ).hour < QUIET_HOURS[1]
        if quiet and begin is None:
            begin = moment
        elif not quiet and begin is not None:
            yield begin, moment
            begin = None
    if begin is not None:
        yield begin, scale.end


def offset_name(moment: float) -> str:
    """NZST or NZDT."""
    return datetime.fromtimestamp(moment, NZ).tzname() or "NZ"


def clock(moment: float) -> str:
    """The time on New Zealand's clock."""
    return f"{datetime.fromtimestamp(moment, NZ):%H:%M}"


def _every(step: float, begin: float, end: float) -> Iterator[float]:
    moment = -(-begin // step) * step
    while moment <= end:
        yield moment
        moment += step


def _always(_: datetime) -> bool:
    return True


def _is_even_hour(clock: datetime) -> bool:
    return clock.hour % 2 == 0

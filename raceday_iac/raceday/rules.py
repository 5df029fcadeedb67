"""What only Raceday's project knows: what a racing day is, when a race has to be polled, and when code ends by itself.

The functions' own modules are asked, `functions/_shared/`: what is watched is what really runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, ClassVar

from ..health.data import LOCKS, Late, Rules, shared_modules
from ..health.watched import Grace
from ..linting.usage import Module, names_in
from ..model.resource import Desired

#: The shared module that knows the quiet hours, and its functions that ask for them.
_CLOCK = "vendor.nz_time"
_QUIET = frozenset({"is_quiet", "seconds_until_quiet"})
#: What only health finds in Raceday's project.
HEALTH_CODES = {"race.late": "a race is not polled on time"}
#: The row of the interval table in which a race needs no poll any more.
OVER = "over"
#: How far back the beginning of a delay is looked for, and in which steps. Seconds.
_LONGEST, _STEP = 7200, 15


@dataclass(frozen=True)
class Standing:
    """A stored race and its polls at an instant. `row` is that of the functions' interval table; `start`, `polled` and
    `due` (from when on it has to be polled; None once it is over) are seconds since 1970."""

    identity: str
    status: str
    start: float
    row: str
    polled: float | None
    due: float | None
    late: Late | None

    @property
    def is_over(self) -> bool:
        return self.row == OVER


def ends_in_quiet_hours(code: Mapping[str, Module]) -> bool:
    """Whether code asks for the quiet hours. Modules by the names that others import them by."""
    return any(names_in(module) & _QUIET for name, module in code.items() if name != _CLOCK)


@dataclass(frozen=True)
class RacingRules(Rules):
    """A day is a racing day: until 01:00 in New Zealand it is the one before."""

    data_rules: ClassVar[tuple[str, ...]] = (*Rules.data_rules, "polled")
    noun: ClassVar[str] = "race"
    day_field: ClassVar[str] = "nzDate"

    @property
    def polled_fields(self) -> tuple[str, ...]:
        return tuple(self.card.FIELDS)[1:]

    def day_of(self, now: datetime) -> date:
        day: date = self.nz_time.racing_day(now)
        return day

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """Begin and end of a day's card, in UTC."""
        begin, end = self.card.bounds(day)
        return begin, end

    def at(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self.nz_time.ZONE)

    def is_quiet(self, now: datetime) -> bool:
        return bool(self.nz_time.is_quiet(now))

    def standing(self, document: Mapping[str, Any], now: datetime, grace: Grace) -> Standing:
        """How a stored race stands with its polls."""
        race, day, at = self.card.card_race(dict(document)), self.day_of(now), now.timestamp()
        begin, row = self.card.polled_from(race, day), self.due.phase(race, at)
        due, late = self.due.due_at(race, at, begin), None
        if due is not None and at >= begin and due <= at:
            due, late = self._waiting(race, row, at, begin, due, grace)
        elif due is not None:
            due = max(begin, due)
        return Standing(race.identity, race.status, race.start, row, race.polled, due, late)

    def late(self, document: Mapping[str, Any], now: datetime, grace: Grace) -> Late | None:
        """Whether a stored race waits for its poll for longer than is allowed."""
        return self.standing(document, now, grace).late

    def _waiting(
        self, race: Any, row: str, at: float, begin: float, due: float, grace: Grace
    ) -> tuple[float, Late | None]:
        """Since when a race that is due waits for its poll, and whether that is too long. `due` is by the row that it
        is in now: before it came into that, it may have been due later."""
        earliest = max(begin, race.polled or begin)
        since = at
        while since - _STEP >= earliest and at - since < _LONGEST and self.due.is_due(race, since - _STEP, begin):
            since -= _STEP
        is_urgent = self.due.INTERVALS[row] <= 60
        patience = (grace.urgent_poll if is_urgent else grace.poll).total_seconds()
        waited = at - since
        late = Late(race.identity, row, waited, patience, waited >= _LONGEST) if waited > patience else None
        return due if since - _STEP < due <= since else since, late

    def is_over(self, document: Mapping[str, Any], now: datetime) -> bool:
        return bool(self.due.phase(self.card.card_race(dict(document)), now.timestamp()) == OVER)


def load_rules(desired: Desired) -> RacingRules | None:
    """The rules of a project, or None for one whose functions share no such code. Raises IacError when it is broken."""
    modules = shared_modules(desired, ("due", "card", "nz_time", *LOCKS))
    return None if modules is None else RacingRules(desired.local_time, modules)

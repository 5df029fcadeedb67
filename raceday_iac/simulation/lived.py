"""All there is to judge a day by, and which races can be judged by its end.

The truth is the player's day: it knows when each race changed and what it paid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from ..devserver.nztab.model import Day, Race
from .day import NZ, Wanted
from .ledger import Ledger
from .stored import Stored

#: Polling begins at this time of the New Zealand clock.
OPENING = time(9)
#: A race that ended this long before the end of the day has everything stored: results, and dividends that came late.
SETTLED_AFTER = timedelta(minutes=6)
POLLER = "enhanced-race-poller"

#: What is wrong, one sentence each.
Violations = Iterator[str]


@dataclass(frozen=True)
class Lived:
    """One day: what was wanted, what was played, what was seen on the wires, and what is stored in the end."""

    wanted: Wanted
    day: Day
    ledger: Ledger
    stored: Stored

    @property
    def opening(self) -> datetime:
        return datetime.combine(self.wanted.day, OPENING, NZ).astimezone(UTC)

    @property
    def is_whole(self) -> bool:
        """Whether it was lived to its end, so that there was something of everything."""
        return self.wanted.until is None

    def ended(self, slack: timedelta = SETTLED_AFTER) -> Iterator[Race]:
        """Races whose end, dividends included, came early enough before the end of the day to be stored. Of races
        that were run before polling began nobody could have seen the end."""
        for race in self.day.imported:
            line = race.timeline
            last = max(line.ended, line.dividends if line.abandoned is None else race.start)
            if last + slack <= self.wanted.end and last > self.opening:
                yield race

    def polls_of(self, race: str) -> list[float]:
        """When the poller asked for it, in order."""
        return sorted(each.begin for each in self.ledger.polls if each.race == race and each.function == POLLER)

    def statuses_of(self, race: str) -> list[tuple[float, str]]:
        """From when on its document had which status, in order."""
        return sorted((each.at, each.status) for each in self.ledger.statuses if each.race == race)


Check = Callable[[Lived], tuple[int, Violations]]


def clock(moment: float) -> str:
    """A moment on the New Zealand clock."""
    return f"{datetime.fromtimestamp(moment, NZ):%H:%M:%S}"

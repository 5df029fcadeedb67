"""When a race has to be polled: one table for the scheduler, which starts polling, and the poller, which does it.

Minutes are counted to the advertised start: positive before it, negative after. All instants are seconds since 1970.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

TERMINAL = frozenset({"Final", "Finalized", "Abandoned"})
MINUTE = 60.0
BASELINE = 30 * MINUTE
#: Results and dividends may arrive after the status has become final: this long a finished race is still looked at.
#: Long enough for two looks, also when a run of the poller ends between them.
SETTLING = 7 * MINUTE
SETTLING_INTERVAL = 2.5 * MINUTE


class CardRace(NamedTuple):
    """What the stored race document says about when to poll it."""

    identity: str
    status: str
    start: float
    polled: float | None = None
    finished: float | None = None


def minutes_to_start(race: CardRace, now: float) -> float:
    return (race.start - now) / MINUTE


def phase(race: CardRace, now: float) -> str:
    """The row of the table that a race is in."""
    if race.status in TERMINAL:
        return "settling" if race.finished is not None and now - race.finished <= SETTLING else "over"
    if race.status in ("Closed", "Running"):
        return "closed"
    if race.status == "Interim":
        return "interim"
    minutes = minutes_to_start(race, now)
    if minutes > 65:
        return "baseline"
    if minutes > 5:
        return "approaching"
    if minutes > 3:
        return "critical"
    if minutes >= -60:
        return "jump"
    # Put off for more than an hour without a word: looked at now and then, so that its end is not missed.
    return "overdue"


#: Seconds between two polls.
INTERVALS = {
    "baseline": BASELINE,
    "approaching": 2.5 * MINUTE,
    "critical": 30.0,
    "jump": 15.0,
    "closed": 15.0,
    "interim": 30.0,
    "overdue": BASELINE,
    "settling": SETTLING_INTERVAL,
}


def slot(identity: str) -> float:
    """Where in the half hour a race has its baseline poll, in seconds: spread evenly, the same on every run."""
    return zlib.crc32(identity.encode()) % int(BASELINE)


def due_at(race: CardRace, now: float, opening: float) -> float | None:
    """From which instant on the race has to be polled; None: never. `opening` is when polling begins on its day."""
    row = phase(race, now)
    if row == "over":
        return None
    since = opening if race.polled is None else race.polled
    if row in ("baseline", "overdue"):
        # The first instant of its own in the half hours that lies after the last poll.
        own = slot(race.identity)
        passed = (since - own) // BASELINE
        return (passed + 1) * BASELINE + own
    if race.polled is None:
        return opening
    return race.polled + INTERVALS[row]


def is_due(race: CardRace, now: float, opening: float) -> bool:
    instant = due_at(race, now, opening)
    return instant is not None and instant <= now

"""What the interval table demands, said a second time: the functions have their own copy, this one judges them.

A race is *due* when its last poll is as long ago as the row it is in demands. It may stay due for as long as it takes
to start the poller; near its start that is hardly any time, for there one run follows the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from .phases import TERMINAL, phase_of

#: Seconds, by row. The poller goes round every 15 to 30 s near the jump; domain facts give the table in minutes.
INTERVALS = {
    "baseline": 1800.0,
    "approaching": 150.0,
    "critical": 30.0,
    "jump": 15.0,
    "closed": 15.0,
    "interim": 30.0,
}
#: Seconds that a race may be due: a scheduler's minute, less what the poller does in it, and the start of a poller.
PATIENCE = 75.0
#: The same in rows of up to 30 s: the time between the last round of one run and the first of the next, which is less
#: than a minute, so that polls once a minute do not pass.
URGENT, URGENT_PATIENCE = 30.0, 25.0
#: A race more than an hour late is looked at every half hour.
HOUR_LATE = -60.0
STEP = 5.0


@dataclass(frozen=True)
class Followed:
    """One race as the day went: when it was polled, and from when on its stored status was what. Both in order."""

    race: str
    start: float
    polls: Sequence[float]
    statuses: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Gap:
    """A race that was due for too long."""

    race: str
    row: str
    since: float
    seconds: float


def gaps(followed: Followed, begin: float, end: float) -> tuple[int, list[Gap]]:
    """Checks a race from `begin` to `end`: how many waits for a poll there were, and in which it was due for too long.
    The last wait is the one that the end of the day, or of the race, cuts off."""
    waits, found, last = 0, list[Gap](), begin
    for poll in (*followed.polls, inf):
        if poll > begin:
            waits += 1
            due = _due_since(followed, last, max(begin, last), min(poll, end))
            if due is not None and min(poll, end) - due[1] > patience_of(due[0]):
                found.append(Gap(followed.race, *due, min(poll, end) - due[1]))
        if poll > end:
            break
        last = poll
    return waits, found


def patience_of(row: str) -> float:
    """Seconds that a race in this row may be due."""
    return URGENT_PATIENCE if INTERVALS[row] <= URGENT else PATIENCE


def row_of(start: float, status: str, now: float) -> str:
    """The row of the table that a race is in at a moment; `terminal` when it is over."""
    minutes = (start - now) / 60
    row = "terminal" if status in TERMINAL else phase_of(status, minutes)
    return "baseline" if row == "jump" and minutes < HOUR_LATE else row


def _due_since(followed: Followed, last: float, begin: float, end: float) -> tuple[str, float] | None:
    """When, from `begin` until before `end`, the race became due after its poll at `last`, and in which row."""
    now = begin
    while now < end:
        row = row_of(followed.start, _status(followed.statuses, now), now)
        if row == "terminal":
            return None
        if now - last >= INTERVALS[row]:
            return row, now
        now += STEP
    return None


def _status(statuses: Sequence[tuple[float, str]], now: float) -> str:
    current = "Open"
    for moment, status in statuses:
        if moment > now:
            break
        current = status
    return current

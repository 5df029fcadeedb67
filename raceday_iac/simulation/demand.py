"""What the interval table demands, said a second time: the functions have their own copy, this one judges them.

A race is *due* when its last poll is as long ago as the row it is in demands. The check follows a race second by
second only in thought: between two events (a poll, a change of the row) being due begins at a moment that is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
#: A race more than an hour late is looked at every half hour.
HOUR_LATE = -60.0
STEP = 5.0


@dataclass(frozen=True)
class Followed:
    """One race as the day went: when it was polled, and from when on its stored status was what."""

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


def gaps(followed: Followed, begin: float, end: float, patience: float) -> tuple[int, list[Gap]]:
    """Checks a race from `begin` to `end`: how many polls were demanded, and where one was overdue by more than
    `patience` seconds (a scheduler's minute, and the start of a poller)."""
    demanded, found = 0, list[Gap]()
    polls, statuses = list(followed.polls), list(followed.statuses)
    last: float | None = None
    due_since: float | None = None
    row, now, polled = "baseline", begin, 0
    while now <= end:
        while polled < len(polls) and polls[polled] <= now:
            if due_since is not None:
                demanded += 1
                _note(found, followed.race, row, due_since, polls[polled], patience)
            last, due_since = polls[polled], None
            polled += 1
        row = _row(followed.start, _status(statuses, now), now)
        if row == "terminal":
            break
        if due_since is None and now - (begin if last is None else last) >= INTERVALS[row]:
            due_since = now
        now += STEP
    else:
        if due_since is not None:
            _note(found, followed.race, row, due_since, end, patience)
    return demanded, found


def _note(found: list[Gap], race: str, row: str, since: float, until: float, patience: float) -> None:
    if until - since > patience:
        found.append(Gap(race, row, since, until - since))


def _row(start: float, status: str, now: float) -> str:
    minutes = (start - now) / 60
    row = "terminal" if status in TERMINAL else phase_of(status, minutes)
    return "baseline" if row == "jump" and minutes < HOUR_LATE else row


def _status(statuses: Sequence[tuple[float, str]], now: float) -> str:
    current = "Open"
    for moment, status in statuses:
        if moment > now:
            break
        current = status
    return current

"""Reading the card: the stored races of a racing day, with what is needed to choose among them.

A day's card are the races that start between 06:00 New Zealand time and 06:00 of the next day: night races in Perth
belong to the day before. The start time has an index; the fields for the date have none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from . import due, nz_time
from .appwrite_http import path_of, query
from .due import CardRace
from .lock_protocol import seconds
from .running import Run

#: More than the largest Saturday has.
PAGE = 400
FIELDS = ("$id", "status", "startTime", "last_poll_time", "finalizedAt", "abandonedAt")
#: Polling begins at this time of the New Zealand day.
OPENING = time(9)
#: Seconds before its start from which on a race is polled even before that.
NEAR_START = 65 * due.MINUTE


def bounds(day: date) -> tuple[datetime, datetime]:
    """Begin and end (exclusive) of a day's card, in UTC."""
    begin, end = (
        datetime.combine(each, nz_time.QUIET_UNTIL, nz_time.ZONE).astimezone(UTC)
        for each in (day, day + timedelta(days=1))
    )
    return begin, end


def opening(day: date) -> float:
    """When polling begins, in seconds since 1970."""
    return datetime.combine(day, OPENING, nz_time.ZONE).timestamp()


def polled_from(race: CardRace, day: date) -> float:
    """From which instant on a race is polled: the opening, or 65 minutes before its start when that is earlier."""
    return min(opening(day), race.start - NEAR_START)


def is_dormant(races: Iterable[CardRace], now: float, day: date) -> bool:
    """Whether nothing can be due at this instant: too early in the day, no races, or all of them over."""
    return not any(now >= polled_from(race, day) and due.phase(race, now) != "over" for race in races)


def due_races(races: Iterable[CardRace], now: float, day: date) -> list[CardRace]:
    """The races to poll at this instant, most urgent first."""
    found = [race for race in races if now >= (begin := polled_from(race, day)) and due.is_due(race, now, begin)]
    return sorted(found, key=lambda race: _urgency(race, now, day))


def _urgency(race: CardRace, now: float, day: date) -> tuple[float, float, str]:
    """The shorter the interval the more urgent; among equals whoever has been due for longest."""
    since = due.due_at(race, now, polled_from(race, day))
    return due.INTERVALS[due.phase(race, now)], now if since is None else since, race.identity


def stored_races(run: Run, fields: tuple[str, ...] = FIELDS) -> list[dict[str, Any]]:
    """The races of the run's day, by start: one request for each 400."""
    begin, end = bounds(run.day)
    path = path_of("databases", run.database, "collections", "races", "documents")
    queries = [
        query("greaterThanEqual", begin.isoformat(), attribute="startTime"),
        query("lessThan", end.isoformat(), attribute="startTime"),
        query("orderAsc", attribute="startTime"),
        query("select", *fields),
        query("limit", PAGE),
    ]
    found: list[dict[str, Any]] = []
    while True:
        page = run.client.get(path, [*queries, *([query("offset", len(found))] if found else [])])["documents"]
        found += page
        if len(page) < PAGE:
            return found


def card_race(document: dict[str, Any]) -> CardRace:
    """What the table needs to know of a stored race."""
    ended = document.get("finalizedAt") or document.get("abandonedAt")
    return CardRace(
        identity=str(document["$id"]),
        status=str(document["status"]),
        start=_seconds(document["startTime"]) or 0.0,
        polled=_seconds(document.get("last_poll_time")),
        finished=_seconds(ended),
    )


def _seconds(text: Any) -> float | None:
    return seconds(text) if text else None

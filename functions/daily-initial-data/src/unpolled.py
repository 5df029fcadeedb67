"""Which races of the card have not been polled on their day. Pure: documents in, ids out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from .vendor import card, due


class Unpolled(NamedTuple):
    """Ids of the races that still want their first poll, by start, and how many documents made no sense."""

    races: tuple[str, ...]
    unreadable: int


def unpolled(documents: Iterable[Mapping[str, Any]], day: date) -> Unpolled:
    """A poll before the day's card began is one of another day; a race that is over needs none."""
    begin, end = (moment.timestamp() for moment in card.bounds(day))
    found, unreadable = [], 0
    for document in documents:
        try:
            race = card.card_race(dict(document))
            is_of_day = begin <= race.start < end
        except (KeyError, TypeError, ValueError):
            is_of_day = False
        if not is_of_day:
            unreadable += 1
        elif race.status not in due.TERMINAL and (race.polled is None or race.polled < begin):
            found.append((race.start, race.identity))
    return Unpolled(tuple(identity for _, identity in sorted(found)), unreadable)

"""Which of the stored races are due, and whether anything can be due at all. Pure: documents and a moment in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from .vendor import card, due
from .vendor.due import CardRace

#: Seconds between two ticks.
TICK = 60.0


class Selection(NamedTuple):
    """The card at one moment. `due` are the races to poll, most urgent first."""

    now: float
    races: tuple[CardRace, ...]
    due: tuple[CardRace, ...]
    #: Whether a race near its start becomes due before the next tick: the poller has to be there by then.
    soon: bool
    #: Why nothing can be due; None when something can.
    reason: str | None

    @property
    def is_dormant(self) -> bool:
        return self.reason is not None

    def urgent(self) -> tuple[CardRace, ...]:
        """Those of the due races that cannot wait for half an hour."""
        return tuple(race for race in self.due if due.INTERVALS[due.phase(race, self.now)] < due.BASELINE)


def select(
    documents: Iterable[Mapping[str, Any]], now: float, day: date, count: Callable[[str, int], None]
) -> Selection:
    """What is due of these race documents. One that makes no sense is counted and left out."""
    races = tuple(_readable(documents, day, count))
    dormant = card.is_dormant(races, now, day)
    found = () if dormant else tuple(card.due_races(races, now, day))
    soon = not dormant and any(_is_urgent_at(race, now + TICK, day) for race in races)
    return Selection(now, races, found, soon, _reason(races, now) if dormant else None)


def _is_urgent_at(race: CardRace, moment: float, day: date) -> bool:
    """Whether it will be due then, in a row that demands a poll within a tick."""
    row = due.phase(race, moment)
    return row != "over" and due.INTERVALS[row] < TICK and due.is_due(race, moment, card.polled_from(race, day))


def _readable(
    documents: Iterable[Mapping[str, Any]], day: date, count: Callable[[str, int], None]
) -> Iterable[CardRace]:
    begin, end = (moment.timestamp() for moment in card.bounds(day))
    for document in documents:
        try:
            race = card.card_race(dict(document))
        except (KeyError, TypeError, ValueError):
            count("skipped:unreadable", 1)
            continue
        # Nothing is ever started for another day, whatever the list contains.
        if begin <= race.start < end:
            yield race
        else:
            count("skipped:other_day", 1)


def _reason(races: tuple[CardRace, ...], now: float) -> str:
    if not races:
        return "no races"
    if all(due.phase(race, now) == "over" for race in races):
        return "all races are over"
    return "polling has not begun"

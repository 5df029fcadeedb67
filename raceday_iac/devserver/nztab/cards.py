"""The card as it was recorded on 17 July 2025, with starts as minutes after NZ midnight, so that it fits any day.

The recording is `data/nztab/card.json`: 76 meetings and 748 races of all countries and categories. Statuses and
protests are left out of it, for these belong to a moment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from .model import IMPORTED_CATEGORIES, IMPORTED_COUNTRIES

RECORDED_DATE = date(2025, 7, 17)

#: Keys of a recorded meeting that do not concern a moment or another day, passed on as they are.
EXTRAS = ("video_channels", "quaddie", "early_quaddie", "tote_running_double", "tote_treble")


@dataclass(frozen=True)
class CardRace:
    """`minute` counts from NZ midnight of the card's date; it may pass 1440."""

    key: str
    number: int
    name: str
    minute: int
    distance: int
    track: str
    weather: str


@dataclass(frozen=True)
class CardMeeting:
    """`key` is the recorded id, or a name that is unique within its card."""

    key: str
    name: str
    category: str
    country: str
    state: str
    track: str
    tote: int | None
    tote_day_shift: int
    races: tuple[CardRace, ...]
    extras: Mapping[str, Any] = field(default_factory=dict)


def read_data(name: str) -> Any:
    """One of the recordings."""
    path = files("raceday_iac.devserver").joinpath(f"data/nztab/{name}")
    return json.loads(path.read_text(encoding="utf-8"))


def is_imported(meeting: CardMeeting) -> bool:
    return meeting.country in IMPORTED_COUNTRIES and meeting.category in IMPORTED_CATEGORIES


@cache
def recorded_card() -> tuple[CardMeeting, ...]:
    return tuple(_card_meeting(meeting) for meeting in read_data("card.json")["meetings"])


def _card_meeting(meeting: dict[str, Any]) -> CardMeeting:
    return CardMeeting(
        key=meeting["meeting"],
        name=meeting["name"],
        category=meeting["category"],
        country=meeting["country"],
        state=meeting["state"],
        track=meeting["track_condition"],
        tote=meeting.get("tote_meeting_number"),
        tote_day_shift=meeting.get("tote_day_shift", 0),
        races=tuple(CardRace(*race) for race in meeting["races"]),
        extras={key: meeting[key] for key in EXTRAS if key in meeting},
    )

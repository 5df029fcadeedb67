"""What is true of a meeting as a whole. Most of it is gathered from its races: the API states it nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .vendor.due import TERMINAL
from .vendor.race_mapping import renamed

ACTIVE, ABANDONED = "active", "abandoned"
#: The recordings have only the first of these; the others are taken should they ever come.
_FACTS = {
    "track_condition": "trackCondition",
    "rail_position": "railPosition",
    "track_direction": "trackDirection",
    "track_surface": "trackSurface",
}


def facts_of(meeting: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a meeting that change during a day; those that cannot be told are left out."""
    values = renamed(meeting, _FACTS)
    races = meeting.get("races")
    usable = [race for race in races if isinstance(race, Mapping)] if isinstance(races, list) else []
    if usable:
        values["status"] = status_of([race.get("status") for race in usable])
    if (weather := weather_of(usable)) is not None:
        values["weather"] = weather
    return values


def status_of(races: list[Any]) -> str:
    """A meeting is abandoned when all its races are, and only then."""
    return ABANDONED if all(status == "Abandoned" for status in races) else ACTIVE


def weather_of(races: list[Mapping[str, Any]]) -> str | None:
    """The weather of the races still to come, when they agree. It is written in various cases (`FINE`, `Fine`)."""
    told = [race.get("weather") for race in races if race.get("status") not in TERMINAL]
    texts = [text.strip() for text in told if isinstance(text, str) and text.strip()]
    return texts[0] if len({text.casefold() for text in texts}) == 1 else None

"""From what NZ TAB says of a race to the fields of a `races` document. Values only; sizes and types are for `fitting`.

A key that the answer lacks is left out, so that what is stored stays. A key that is there and empty becomes None, so
that a value which was withdrawn is cleared. The status is nowhere here: an importer never changes that of a race which
is stored already, only the poller does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from .errors import Skip, shown

SOURCE = "NZTAB"
#: What Appwrite takes as the id of a document: at most 36 characters, not beginning with a special one.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")

#: Attribute of `races` by field of the event's `race`.
_FROM_EVENT = {
    "description": "description",
    "race_number": "raceNumber",
    "start_time_nz": "startTimeNz",
    "distance": "distance",
    "track_condition": "trackCondition",
    "weather": "weather",
    "track_direction": "trackDirection",
    "track_surface": "trackSurface",
    "rail_position": "railPosition",
    "track_home_straight": "trackHomeStraight",
    "type": "type",
    "start_type": "startType",
    "group": "group",
    "class": "class",
    "gait": "gait",
    "entrant_count": "entrantCount",
    "field_size": "fieldSize",
    "positions_paid": "positionsPaid",
    "gender_conditions": "genderConditions",
    "age_conditions": "ageConditions",
    "weight_and_handicap_conditions": "weightConditions",
    "allowance_conditions": "allowanceConditions",
    "special_conditions": "specialConditions",
    "jockey_conditions": "jockeyConditions",
    "form_guide": "formGuide",
    "comment": "comment",
    "silk_url": "silkUrl",
    "silk_base_url": "silkBaseUrl",
    "video_channels": "videoChannels",
    "mile_rate_400": "mileRate400",
    "mile_rate_800": "mileRate800",
}
#: Here 0 stands for "none".
_NUMBERS_FROM_EVENT = {"ffwin_option_number": "ffwinOptionNumber", "fftop3_option_number": "fftop3OptionNumber"}

#: Attribute of `races` by field of a race in the list of meetings.
_FROM_LIST = {
    "name": "name",
    "race_number": "raceNumber",
    "start_time": "startTime",
    "tote_start_time": "toteStartTime",
    "distance": "distance",
    "track_condition": "trackCondition",
    "weather": "weather",
}


def identity(value: Any) -> str:
    """An id as it came, when it can be that of a document. Raises `Skip` otherwise."""
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        raise Skip(f"no usable id: {shown(value)!r}")
    return value


def check_same_race(data: Mapping[str, Any], race_id: str) -> None:
    """Raises `Skip` when the event is that of another race than was asked for."""
    told = data["race"].get("event_id")
    if told is not None and told != race_id:
        raise Skip(f"asked for race {race_id}, got {shown(told)!r}")


def race_values(data: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that an event tells of its race, except the status and whose race it is."""
    race = data["race"]
    values = renamed(race, _FROM_EVENT)
    values |= {key: race[field] or None for field, key in _NUMBERS_FROM_EVENT.items() if field in race}
    if isinstance(race.get("prize_monies"), Mapping):
        values["totalPrizeMoney"] = race["prize_monies"].get("total_value")
    if isinstance(race.get("description"), str) and race["description"]:
        values["name"] = race["description"]
    # The texts beside the numbers (`…_string`) are no ISO 8601.
    values |= moments(race)
    if (day := race_date(race)) is not None:
        values["raceDateNz"] = day.isoformat()
    return {**values, "dataSource": SOURCE}


def moments(race: Mapping[str, Any]) -> dict[str, datetime]:
    """Advertised and actual start, where they are known."""
    found = {"startTime": epoch(race.get("advertised_start")), "actualStart": epoch(race.get("actual_start"))}
    return {key: moment for key, moment in found.items() if moment is not None}


def race_date(race: Mapping[str, Any]) -> date | None:
    """The NZ day that the race belongs to, None when the answer does not say it properly."""
    try:
        return date.fromisoformat(race["race_date_nz"])
    except (KeyError, TypeError, ValueError):
        return None


def race_from_meeting(race: Mapping[str, Any], meeting: Mapping[str, Any]) -> dict[str, Any]:
    """A new race as the list of meetings has it, with its status. Raises `Skip` without usable ids."""
    values = renamed(race, _FROM_LIST)
    own = {"raceId": identity(race.get("id")), "meeting": identity(meeting.get("meeting")), "dataSource": SOURCE}
    if "status" in race:
        own["status"] = race["status"]
    return {**values, **own}


def epoch(value: Any) -> datetime | None:
    """A moment from seconds since 1970; None for 0 (there is none yet) and for what is no such number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The fields that are given, under our names; an empty list or object is nothing."""
    return {key: None if given[field] in ({}, []) else given[field] for field, key in names.items() if field in given}

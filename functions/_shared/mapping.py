"""From what NZ TAB says of a race and of its runners to the fields of `races` and `entrants` documents.

Values only; sizes and types are for `sanitize`.

A key that the answer lacks is left out, so that what is stored stays. A key that is there and empty becomes None, so
that a value which was withdrawn is cleared. The status is nowhere here: an importer never changes that of a race which
is stored already, only the poller does. Runners are believed one by one: one that cannot be used is counted and left
out, the others are kept. Nobody is ever deleted: a scratched runner stays, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from .errors import Skip, shown
from .running import OF_THE_RUN, Run

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
    reported = data["race"].get("event_id")
    if reported is not None and reported != race_id:
        raise Skip(f"requested race {race_id}, got {shown(reported)!r}")


def race_values(data: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that an event says of its race, except the status and whose race it is."""
    race = data["race"]
    values = renamed(race, _FROM_EVENT)
    values |= {key: race[field] or None for field, key in _NUMBERS_FROM_EVENT.items() if field in race}
    if isinstance(race.get("prize_monies"), Mapping):
        values["totalPrizeMoney"] = race["prize_monies"].get("total_value")
    if isinstance(race.get("description"), str) and race["description"]:
        values["name"] = race["description"]
    # The texts beside the numbers (`…_string`) are no ISO 8601.
    values |= instants(race)
    if (day := race_date(race)) is not None:
        values["raceDateNz"] = day.isoformat()
    return {**values, "dataSource": SOURCE}


def instants(race: Mapping[str, Any]) -> dict[str, datetime]:
    """Advertised and actual start, where they are known."""
    found = {"startTime": epoch(race.get("advertised_start")), "actualStart": epoch(race.get("actual_start"))}
    return {key: instant for key, instant in found.items() if instant is not None}


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
    """An instant from seconds since 1970; None for 0 (there is none yet) and for what is no such number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The fields that are given, under our names; an empty list or object is nothing."""
    return {key: None if given[field] in ({}, []) else given[field] for field, key in names.items() if field in given}


#: Larger than any field with its emergencies. A race and all its entrants fit into one transaction of 100.
MOST_RUNNERS = 60
HIGHEST_NUMBER = 99

#: Attribute of `entrants` by field of a runner.
_SAME = {
    "name": "name",
    "runner_number": "runnerNumber",
    "barrier": "barrier",
    "emergency_position": "emergencyPosition",
    "runner_change": "runnerChange",
    "jockey": "jockey",
    "trainer_name": "trainerName",
    "trainer_location": "trainerLocation",
    "apprentice_indicator": "apprenticeIndicator",
    "gear": "gear",
    "allowance_weight": "allowanceWeight",
    "market_name": "marketName",
    "age": "age",
    "sex": "sex",
    "colour": "colour",
    "foaling_date": "foalingDate",
    "sire": "sire",
    "dam": "dam",
    "breeding": "breeding",
    "owners": "owners",
    "country": "country",
    "prize_money": "prizeMoney",
    "best_time": "bestTime",
    "last_twenty_starts": "lastTwentyStarts",
    "win_p": "winPercentage",
    "place_p": "placePercentage",
    "rating": "rating",
    "handicap_rating": "handicapRating",
    "class_level": "classLevel",
    "form_comment": "formComment",
    "silk_colours": "silkColours",
    "silk_url_64x64": "silkUrl64",
    "silk_url_128x128": "silkUrl128",
}
#: Absent means false.
_SCRATCHINGS = {
    "is_scratched": "isScratched",
    "is_late_scratched": "isLateScratched",
    "is_emergency": "isEmergency",
}
#: Absent means that the answer does not say.
_FLAGS = {
    "favourite": "favourite",
    "mover": "mover",
    "primary_market": "primaryMarket",
    "first_start_indicator": "firstStartIndicator",
}
#: Attribute of `entrants` by field of a runner's `odds`. The pools have none before money is in them.
ODDS = {
    "fixed_win": "fixedWinOdds",
    "fixed_place": "fixedPlaceOdds",
    "pool_win": "poolWinOdds",
    "pool_place": "poolPlaceOdds",
}
_WEIGHTS = {"allocated": "allocatedWeight", "total": "totalWeight"}


def entrant_identity(runner: Any) -> str:
    """The id of a runner, which becomes that of its document. Raises `Skip` for what is no runner or has none."""
    if not isinstance(runner, Mapping):
        raise Skip("a runner is not an object")
    return identity(runner.get("entrant_id"))


def runner_number(runner: Mapping[str, Any]) -> int:
    """The number that the runner wears. Raises `Skip` when it has no sensible one."""
    reported = runner.get("runner_number")
    try:
        number = 0.0 if isinstance(reported, bool) else float(reported)
    except (TypeError, ValueError, OverflowError):
        number = 0.0
    if not (1 <= number <= HIGHEST_NUMBER and number.is_integer()):
        raise Skip(f"no usable runner number: {shown(reported, 20)!r}")
    return int(number)


def entrant_values(runner: Mapping[str, Any], race_id: str) -> dict[str, Any]:
    """Everything that is stored of a runner, except when. Raises `Skip` without a usable id, number or name."""
    own = {"entrantId": entrant_identity(runner), "runnerNumber": runner_number(runner)}
    if not isinstance(runner.get("name"), str):
        raise Skip(f"runner {own['runnerNumber']} has no name")
    values = renamed(runner, _SAME)
    values |= {key: runner.get(field) or False for field, key in _SCRATCHINGS.items()}
    values |= {key: runner[field] for field, key in _FLAGS.items() if runner.get(field) is not None}
    if "scratch_time" in runner:
        # 0 stands for "none".
        values["scratchTime"] = runner["scratch_time"] or None
    values |= _odds(runner)
    values |= {key: given for field, key in _WEIGHTS.items() if (given := _inner(runner, "weight", field)) is not None}
    settling = _inner(runner, "speedmap", "settling_lengths")
    if settling is not None:
        values["settlingLengths"] = settling
    return {**values, **own, "race": race_id, "raceId": race_id, "dataSource": SOURCE}


def entrants_of(
    data: Mapping[str, Any], race_id: str, run: Run, *, importing: bool = False
) -> dict[str, dict[str, Any]]:
    """The documents of all usable runners of an event by id, fitted to the schema.

    Of runners with the same id or the same number the first is kept. What is left out is counted under `skipped:…`.
    `importing` stamps when they were imported, which polling does not touch.
    """
    now = run.timestamp()
    stamps = {"lastUpdated": now, **({"importedAt": now} if importing else {})}
    found: dict[str, dict[str, Any]] = {}
    numbers: set[int] = set()
    for runner in _runners(data, run):
        try:
            values = entrant_values(runner, race_id)
            if values["entrantId"] in found or values["runnerNumber"] in numbers:
                run.counts.add("skipped:duplicate_runner")
                continue
            document = run.sanitizer.fit("entrants", {**_plausible(values, run), **stamps})
        except OF_THE_RUN:
            raise
        except Exception as reason:  # noqa: BLE001 - whatever is wrong with a runner, the others are kept
            run.counts.add("skipped:runner")
            run.log.event("runner.skipped", race=race_id, reason=str(reason)[:200])
            continue
        found[values["entrantId"]] = document
        numbers.add(values["runnerNumber"])
    return found


def _runners(data: Mapping[str, Any], run: Run) -> Iterator[Any]:
    runners = data.get("runners")
    if not isinstance(runners, list):
        run.counts.add("skipped:runners_missing")
        return
    run.counts.add("cut:runners", max(0, len(runners) - MOST_RUNNERS))
    yield from runners[:MOST_RUNNERS]


def _plausible(values: dict[str, Any], run: Run) -> dict[str, Any]:
    """Without odds below zero, which no bookmaker pays."""
    for key in ODDS.values():
        odds = values.get(key)
        if isinstance(odds, (int, float)) and odds < 0:
            run.counts.add(f"negative:entrants.{key}")
            del values[key]
    return values


def _odds(runner: Mapping[str, Any]) -> dict[str, Any]:
    """All four prices of a runner that has odds. One that is not there, or 0, is withdrawn and clears the stored."""
    reported = runner.get("odds", ())
    if reported is not None and not isinstance(reported, Mapping):
        return {}
    return {key: (reported or {}).get(field) or None for field, key in ODDS.items()}


def _inner(runner: Mapping[str, Any], part: str, field: str) -> Any:
    inner = runner.get(part)
    return inner.get(field) if isinstance(inner, Mapping) else None

"""The card as it was recorded on 17 July 2025, with starts as minutes after NZ midnight, so that it fits any day.

The recording is `data/card.json`: 76 meetings and 748 races of all countries and categories. Statuses and
protests are left out of it, because these belong to an instant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from .model import IMPORTED_CATEGORIES, IMPORTED_COUNTRIES, RACE_KINDS, SPONSORS, dice

RECORDED_DATE = date(2025, 7, 17)

#: Keys of a recorded meeting that do not concern an instant or another day, passed on as they are.
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
    path = files(__package__).joinpath(f"data/{name}")
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


# The event that was recorded: the pattern of all others, and of itself.
#
# It is `data/nztab/event.json`, race 1 of Awapuni Synthetic on 17 July 2025, after the race.


@cache
def recorded_event() -> dict[str, Any]:
    """The `data` of the event that was recorded."""
    data: dict[str, Any] = read_data("event.json")["data"]
    return data


#: What is not asked for by anybody and makes 90 % of an event: the form of horse and jockey.
HEAVY = frozenset(
    "past_performances jockey_past_performances first_up second_up third_up fourth_up track distance track_distance "
    "good soft heavy turf synthetic overall last_starts left_handed right_handed hurdle steeple fresh_30 fresh_90 "
    "weight_for_age last_12_months last_12_w last_12_p last_12_months_prize_money slow firm runner_win_history "
    "picks".split()
)
#: What the instant decides; see `events`.
MOVING = frozenset(
    "is_scratched is_late_scratched scratch_time odds favourite mover flucs flucs_with_timestamp".split()
)


@cache
def templates() -> tuple[dict[str, Any], ...]:
    """The recorded runners without form and without what moves."""
    runners = recorded_event()["runners"]
    return tuple({k: v for k, v in runner.items() if k not in HEAVY | MOVING} for runner in runners)


@cache
def heavy_blocks(place: int) -> dict[str, Any]:
    """The form of one of the recorded runners."""
    runners = recorded_event()["runners"]
    runner: dict[str, Any] = runners[place % len(runners)]
    return {key: value for key, value in runner.items() if key in HEAVY}


# A card of a wanted size, for days larger than the recorded one: 220 races are a big Saturday.
#
# Its AUS and NZ thoroughbred and harness meetings are made up; the rest of the world and the greyhounds are those of
# the recorded card, on large days twice, so that the meetings no longer fit on one page of 100.


#: Races per meeting, about.
USUAL = 9.3
MOST = 12
#: From this size on a day has more than 100 meetings.
LARGE = 150
LAST_MINUTE = 23 * 60 + 50
DISTANCES = {"T": (1000, 1200, 1400, 1600, 2000, 2200), "H": (1609, 1720, 2125, 2400, 2700)}


@dataclass(frozen=True)
class Course:
    """A place and the earliest and latest first race there, in minutes after NZ midnight.

    `is_late` is for Perth at night, whose last two races start after NZ midnight."""

    name: str
    country: str
    state: str
    category: str
    first: tuple[int, int]
    gap: tuple[int, int]
    track: str = "Good4"
    is_late: bool = False


DAY_NZ, DAY_AUS, TWILIGHT, NIGHT = (705, 760), (830, 900), (1020, 1080), (1110, 1160)

COURSES = (
    Course("Te Rapa", "NZ", "NZ", "T", DAY_NZ, (33, 38), "Soft5"),
    Course("Randwick", "AUS", "NSW", "T", DAY_AUS, (33, 38)),
    Course("Gloucester Park", "AUS", "WA", "H", (1200, 1230), (24, 30), "Good", is_late=True),
    Course("Flemington", "AUS", "VIC", "T", DAY_AUS, (33, 38)),
    Course("Addington", "NZ", "NZ", "H", TWILIGHT, (25, 32), "Fast"),
    Course("Menangle", "AUS", "NSW", "H", NIGHT, (25, 30), "Fast"),
    Course("Eagle Farm", "AUS", "QLD", "T", DAY_AUS, (33, 38), "Soft5"),
    Course("Melton", "AUS", "VIC", "H", NIGHT, (25, 30), "Good"),
    Course("Riccarton Park", "NZ", "NZ", "T", DAY_NZ, (33, 38), "Heavy"),
    Course("Morphettville", "AUS", "SA", "T", DAY_AUS, (33, 38)),
    Course("Albion Park", "AUS", "QLD", "H", TWILIGHT, (25, 32), "Good"),
    Course("Newcastle", "AUS", "NSW", "T", DAY_AUS, (33, 38)),
    Course("Pinjarra", "AUS", "WA", "H", (1200, 1230), (24, 30), "Good", is_late=True),
    Course("Alexandra Park", "NZ", "NZ", "H", TWILIGHT, (25, 32), "Fast"),
    Course("Gold Coast", "AUS", "QLD", "T", DAY_AUS, (33, 38)),
    Course("Ascot", "AUS", "WA", "T", (920, 980), (33, 38)),
    Course("Ballarat", "AUS", "VIC", "T", DAY_AUS, (33, 38), "Synthetic"),
    Course("Trentham", "NZ", "NZ", "T", DAY_NZ, (33, 38), "Soft"),
    Course("Bathurst", "AUS", "NSW", "H", TWILIGHT, (25, 32), "Fast"),
    Course("Canterbury", "AUS", "NSW", "T", NIGHT, (28, 30)),
    Course("Shepparton", "AUS", "VIC", "H", NIGHT, (25, 30), "Good"),
    Course("Toowoomba", "AUS", "QLD", "T", TWILIGHT, (30, 35)),
    Course("Globe Derby", "AUS", "SA", "H", TWILIGHT, (25, 32), "Good"),
    Course("Wingatui", "NZ", "NZ", "T", DAY_NZ, (33, 38), "Soft5"),
    Course("Launceston", "AUS", "TAS", "H", TWILIGHT, (25, 32), "Good"),
)


def made_up_card(seed: int, races: int) -> tuple[CardMeeting, ...]:
    """`races` imported races, and the rest of the world, in an order that mixes both."""
    if races < 1:
        raise ValueError("a day has at least one race")
    draw = dice(seed, races, "card")
    count = max(round(races / USUAL), -(-races // MOST))
    sizes = [races // count + (place < races % count) for place in range(count)]
    meetings = [_made_up_meeting(draw, place, size) for place, size in enumerate(sizes)]
    world = [meeting for meeting in recorded_card() if not is_imported(meeting)]
    if races >= LARGE:
        world += [_again(meeting) for meeting in world]
    card = meetings + world
    draw.shuffle(card)
    return tuple(card)


def _again(meeting: CardMeeting) -> CardMeeting:
    """The same meeting once more, as another one."""
    races = tuple(replace(race, key=f"{race.key}/2") for race in meeting.races)
    return replace(meeting, key=f"{meeting.key}/2", name=f"{meeting.name} Park", races=races)


def _made_up_meeting(draw: Random, place: int, size: int) -> CardMeeting:
    course = COURSES[place % len(COURSES)]
    turn = place // len(COURSES)
    name = f"{course.name} {turn + 1}" if turn else course.name
    weather = draw.choice(("FINE", "Fine", "Overcast", "OCAST", "Showery"))
    races = tuple(
        CardRace(
            key=f"{name}/{number}",
            number=number,
            name=_race_name(draw, course),
            minute=minute,
            distance=draw.choice(DISTANCES[course.category]),
            track=course.track,
            weather=weather,
        )
        for number, minute in enumerate(_minutes(draw, course, size), 1)
    )
    channels = ["Trackside1"] if course.country == "NZ" else ["Trackside1", "Trackside2"]
    return CardMeeting(
        key=name,
        name=name,
        category=course.category,
        country=course.country,
        state=course.state,
        track=course.track,
        tote=place + 1,
        tote_day_shift=0,
        races=races,
        extras={"video_channels": channels, **_multi_legs(size)},
    )


def _minutes(draw: Random, course: Course, size: int) -> list[int]:
    """Starts that rise, none after 23:50 except the last two of a late meeting (00:10-00:40)."""
    late = [1440 + draw.randint(10, 17), 1440 + draw.randint(32, 40)][2 - min(size, 2) :] if course.is_late else []
    count = size - len(late)
    first = draw.randint(*course.first)
    gap = draw.randint(*course.gap)
    if count > 1:
        gap = min(gap, (LAST_MINUTE - first) // (count - 1))
    return [first + place * gap for place in range(count)] + late


def _race_name(draw: Random, course: Course) -> str:
    name = f"{draw.choice(SPONSORS)} {draw.choice(RACE_KINDS[course.category])}"
    return name.upper() if course.country == "NZ" else name


def _multi_legs(size: int) -> dict[str, list[int]]:
    if size < 8:
        return {}
    return {"quaddie": list(range(size - 3, size + 1)), "early_quaddie": [1, 2, 3, 4]}

"""A card of a wanted size, for days larger than the recorded one: 220 races are a big Saturday.

Its AUS and NZ thoroughbred and harness meetings are made up; the rest of the world and the greyhounds are those of the
recorded card, on large days twice, so that the meetings no longer fit on one page of 100.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from .cards import CardMeeting, CardRace, is_imported, recorded_card
from .chance import dice
from .names import RACE_KINDS, SPONSORS

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
    meetings = [_meeting(draw, place, size) for place, size in enumerate(sizes)]
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


def _meeting(draw: Random, place: int, size: int) -> CardMeeting:
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

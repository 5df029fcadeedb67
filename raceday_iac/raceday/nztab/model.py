"""A race day as values: meetings, races, what is going to happen to each of them and when; and which days are played.

Everything is fixed when a day is made; nothing here knows what time it is. Instants are aware, in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from random import Random
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

NZ = ZoneInfo("Pacific/Auckland")

#: What the product imports; days made to measure count these only.
IMPORTED_COUNTRIES = ("AUS", "NZ")
IMPORTED_CATEGORIES = ("T", "H")

CATEGORY_NAMES = {"T": "Thoroughbred Horse Racing", "H": "Harness Horse Racing", "G": "Greyhound Racing"}


@dataclass(frozen=True)
class Steps:
    """A text that changes at known instants: the first value holds until the first change."""

    first: str
    changes: tuple[tuple[datetime, str], ...] = ()

    def at(self, instant: datetime) -> str:
        value = self.first
        for since, text in self.changes:
            if since > instant:
                break
            value = text
        return value


@dataclass(frozen=True)
class Timeline:
    """The instants of one race: betting closes when the field jumps.

    `dividends` is when the final dividends appear, which may be minutes after the status says Final. An abandoned race
    never reaches the instants after `abandoned`.
    """

    advertised: datetime
    jump: datetime
    interim: datetime
    final: datetime
    dividends: datetime
    abandoned: datetime | None = None

    @cached_property
    def changes(self) -> tuple[tuple[datetime, str], ...]:
        """When the status becomes what, in order. Before the first change it is Open."""
        normal = ((self.jump, "Closed"), (self.interim, "Interim"), (self.final, "Final"))
        if self.abandoned is None:
            return normal
        end = self.abandoned
        return (*(change for change in normal if change[0] < end), (end, "Abandoned"))

    @property
    def ended(self) -> datetime:
        """When the terminal status was reached."""
        return self.changes[-1][0]

    def status_at(self, instant: datetime) -> str:
        return Steps("Open", self.changes).at(instant)


@dataclass(frozen=True)
class MeetingFacts:
    """What is true of a meeting all day. `tote` is its number on the NZ tote, None where there is no tote betting.

    `tote_day` may be the day before: the tote counts a race at 02:22 as 26:22 of the previous day.
    """

    id: str
    name: str
    day: date
    category: str
    country: str
    state: str
    tote: int | None = None
    tote_day: date | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_imported(self) -> bool:
        return self.country in IMPORTED_COUNTRIES and self.category in IMPORTED_CATEGORIES


@dataclass(frozen=True, repr=False)
class Race:
    """One race with everything that will happen to it. `seed` decides its field, odds, pools and result."""

    id: str
    number: int
    name: str
    distance: int
    meeting: MeetingFacts
    timeline: Timeline
    track: Steps
    weather: Steps
    seed: int
    has_protest: bool = False
    #: The race whose event was recorded: its field, result, pools and dividends are those of the recording.
    is_recorded: bool = False

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Race {self.id}: {self.meeting.name} {self.number}, {self.start:%Y-%m-%d %H:%M}Z>"

    @property
    def start(self) -> datetime:
        """The advertised start."""
        return self.timeline.advertised


@dataclass(frozen=True, repr=False)
class Meeting:
    facts: MeetingFacts
    races: tuple[Race, ...]
    track: Steps

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Meeting {self.id}: {self.facts.name}, {len(self.races)} races>"

    @property
    def id(self) -> str:
        return self.facts.id

    @cached_property
    def changes(self) -> tuple[datetime, ...]:
        """All instants at which the status, the track or the weather of any of its races becomes another, in order."""
        races = [(*race.timeline.changes, *race.track.changes, *race.weather.changes) for race in self.races]
        return tuple(sorted({since for changes in (self.track.changes, *races) for since, _ in changes}))


@dataclass(frozen=True, repr=False)
class Day:
    """The card of one NZ date, of all countries and categories."""

    date: date
    seed: int
    meetings: tuple[Meeting, ...]

    def __repr__(self) -> str:
        return f"<Day {self.date}, seed {self.seed}, {len(self.meetings)} meetings>"

    @cached_property
    def races(self) -> tuple[Race, ...]:
        """All races, by start."""
        return tuple(sorted((race for meeting in self.meetings for race in meeting.races), key=_by_start))

    @cached_property
    def imported(self) -> tuple[Race, ...]:
        """The AUS and NZ thoroughbred and harness races, by start."""
        return tuple(race for race in self.races if race.meeting.is_imported)

    @cached_property
    def _races_by_id(self) -> dict[str, Race]:
        return {race.id: race for race in self.races}

    @cached_property
    def _meetings_by_id(self) -> dict[str, Meeting]:
        return {meeting.id: meeting for meeting in self.meetings}

    def race(self, race_id: str) -> Race | None:
        return self._races_by_id.get(race_id)

    def meeting(self, meeting_id: str) -> Meeting | None:
        return self._meetings_by_id.get(meeting_id)


def _by_start(race: Race) -> tuple[datetime, str]:
    return race.start, race.id


# Chance that can be repeated: every draw belongs to a name, so that one race's luck does not depend on another's.


#: The namespace of all ids that were not recorded.
NAMESPACE = UUID("6f1c3c52-6c0e-5b0e-9d8b-5d6c1c0f9a11")


def dice(*name: object) -> Random:
    """A generator that gives the same numbers for the same name, in every process."""
    return Random("/".join(map(str, name)))


def made_id(*name: object) -> str:
    """A UUID that is always the same for this name."""
    return str(uuid5(NAMESPACE, "/".join(map(str, name))))


# Words of which horses, people and races are named when nothing was recorded.


SPONSORS = tuple(
    "Regent Car Court|Prydes Feeds|Breckon Farms|Central Hardware|Harbour Tyres|Mainland Fencing|Lindsay Transport|"
    "Southern Printers|Happy Birthday Emily|Western Plumbing|Club Members|Valley Vineyards|Summit Builders|"
    "Riverside Motors|Coastal Signs|Golden Grain|O'Brien Electrical|Village Green Hotel|C & R Joinery".split("|")
)
RACE_KINDS = {
    "T": ("Handicap", "Maiden Plate", "Benchmark 64", "Showcase Hcp (C1)", "2YO Stakes", "Cup (L)", "Midway Mdn Hcp"),
    "H": ("Mobile Pace", "Handicap Trot", "Winter Rewards Mobile Pace", "Ladyship Mobile Pace", "2YO Mobile Pace"),
}
FIRST_WORDS = (
    "Silver Golden Quiet Rapid Southern Royal Lucky Midnight Crimson Gentle Noble Wandering Northern Iron Velvet Happy "
    "Dashing Secret Distant Bold Flying Amber Little Thunder Winter Summer Dancing Laughing Ivory Copper"
).split()
SECOND_WORDS = (
    "Arrow Harbour Promise Whisper Ranger Duchess Comet Lantern Meadow Bandit Echo Fortune Sailor Ember Falcon Rhythm "
    "Temple Jewel Outlaw Canyon Breeze Captain Story Lightning Orchid Tempest Voyager Anthem Puzzle Minstrel"
).split()
GIVEN_NAMES = "Kate Liam Suzy Richard Marc Opie Sam Nicole Clinton Hazel Bruce Ngaire Tayla Wiremu Joe Anna".split()
SURNAMES = "Gordon Hercock French Kauri Hamill Dykstra Bosson McNab Collett Parkes O'Malley Weir Stott Lerner".split()
TOWNS = "Awapuni Foxton Cambridge Matamata Riccarton Rosehill Cranbourne Deagon Bunbury Menangle".split()
GEAR = (
    "[Approved Plates, Lugging Bit]",
    "Blinkers OFF [Approved Plates, Ear Covers Pre-Race]",
    "[Nose Band, Tongue Tie]",
    "Blinkers ON first time",
    "",
)
SILKS = (
    "Cerise & gold hoops, cerise sleeves & quartered cap",
    "White, emerald green shamrock (b&f) & white cap",
    "Royal blue, white diamonds, red cap",
    "Black, yellow sash, black cap",
    "Purple & lime checks, lime cap",
)


@dataclass(frozen=True)
class NztabSettings:
    """Without `date` every day that is asked for has a card, else only this one. `races` asks for a made-up day of that
    many AUS and NZ thoroughbred and harness races. `full` adds horses' form, which makes events seven times as long.
    """

    date: date | None = None
    seed: int = 1
    races: int | None = None
    full: bool = False

"""Making the day of a date: the recorded card moved to it, or a made-up one of a wanted size."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from .cards import RECORDED_DATE, CardMeeting, CardRace, recorded_card
from .chance import dice, made_id
from .madeup import made_up_card
from .model import IMPORTED_CATEGORIES, IMPORTED_COUNTRIES, NZ, Day, Meeting, MeetingFacts, Race, Steps
from .timelines import choose_endings, make_timeline

#: The race of the recorded event, and how many seconds late it jumped.
RECORDED_RACE = "0f57e087-00d9-4c61-9549-835abe2ae2ed"
RECORDED_DELAY = 166

#: What a track may turn into during a day.
TRACK_CHANGES = {
    "Good4": ("Soft5", "Soft6"),
    "Good": ("Slow", "Soft"),
    "Soft5": ("Soft6", "Heavy8"),
    "Soft": ("Heavy",),
    "Fast": ("Good", "Slow"),
    "Easy": ("Slow", "Heavy"),
    "Heavy": ("Soft",),
}
PROTESTS = 0.015


def make_day(day: date, seed: int, races: int | None = None) -> Day:
    """All meetings of the NZ date `day`.

    Without `races` it is the recorded card at the same NZ wall-clock times, with the recorded ids on the recorded date.
    With `races` the AUS and NZ thoroughbred and harness meetings are made up, with that many races together.
    """
    card = recorded_card() if races is None else made_up_card(seed, races)
    keep_ids = races is None and day == RECORDED_DATE
    label = str(day) if races is None else f"{day}/{seed}/{races}"
    imported = [_id(label, keep_ids, race.key) for meeting in card if _is_imported(meeting) for race in meeting.races]
    others = [_id(label, keep_ids, race.key) for meeting in card if not _is_imported(meeting) for race in meeting.races]
    endings = choose_endings(seed, label, imported) | choose_endings(seed, f"{label}/others", others)
    return Day(day, seed, tuple(_meeting(day, seed, label, keep_ids, meeting, endings) for meeting in card))


def nz_moment(day: date, minute: int) -> datetime:
    """The instant at which NZ clocks show `minute` minutes past midnight of `day`, on days of any length.

    An hour that does not exist is taken as the one after it, an hour that occurs twice as its first."""
    wall = datetime.combine(day, time(), NZ) + timedelta(minutes=minute)
    return wall.astimezone(UTC)


def _is_imported(meeting: CardMeeting) -> bool:
    return meeting.country in IMPORTED_COUNTRIES and meeting.category in IMPORTED_CATEGORIES


def _id(label: str, keep_ids: bool, key: str) -> str:
    return key if keep_ids else made_id(label, key)


def _meeting(day: date, seed: int, label: str, keep_ids: bool, card: CardMeeting, endings: dict[str, str]) -> Meeting:
    facts = MeetingFacts(
        id=_id(label, keep_ids, card.key),
        name=card.name,
        day=day,
        category=card.category,
        country=card.country,
        state=card.state,
        tote=card.tote,
        tote_day=None if card.tote is None else day + timedelta(days=card.tote_day_shift),
        extras=card.extras,
    )
    draw = dice(seed, facts.id, "meeting")
    begin = nz_moment(day, card.races[0].minute)
    end = nz_moment(day, card.races[-1].minute)
    turns = draw.random() < 0.3
    change = begin + (end - begin) * draw.uniform(-0.1, 0.8)
    softer = draw.choice(TRACK_CHANGES.get(card.track, (card.track,)))
    cloudier = draw.choice(("OCAST", "Overcast", "Showery", "SHWRY"))
    track = _steps(card.track, change, softer if turns else card.track)
    races = []
    for race in card.races:
        race_track = _steps(race.track, change, softer if turns and race.track == card.track else race.track)
        weather = _steps(race.weather, change, cloudier if turns and race.weather else race.weather)
        races.append(_race(seed, facts, _id(label, keep_ids, race.key), race, endings, race_track, weather))
    return Meeting(facts, tuple(races), track)


def _steps(first: str, change: datetime, then: str) -> Steps:
    return Steps(first) if then == first else Steps(first, ((change.replace(microsecond=0), then),))


def _race(
    seed: int,
    facts: MeetingFacts,
    race_id: str,
    card: CardRace,
    endings: dict[str, str],
    track: Steps,
    weather: Steps,
) -> Race:
    is_recorded = race_id == RECORDED_RACE
    # The recorded race was run and settled, whatever the dice say.
    ending = "" if is_recorded else endings.get(race_id, "")
    start = nz_moment(facts.day, card.minute)
    return Race(
        id=race_id,
        number=card.number,
        name=card.name,
        distance=card.distance,
        meeting=facts,
        timeline=make_timeline(seed, race_id, start, ending, RECORDED_DELAY if is_recorded else None),
        track=track,
        weather=weather,
        seed=seed,
        has_protest=not is_recorded and dice(seed, race_id, "protest").random() < PROTESTS,
        is_recorded=is_recorded,
    )

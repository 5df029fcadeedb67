"""Making the day of a date: the recorded card moved to it, or a made-up one of a wanted size."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from .cards import RECORDED_DATE, CardMeeting, CardRace, is_imported, made_up_card, recorded_card
from .fields import choose_endings, make_timeline
from .model import NZ, Day, Meeting, MeetingFacts, Race, Steps, dice, made_id

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
#: Share of the meetings that meet with other weather during the day.
TURNS = 0.3
PROTESTS = 0.015
#: Made days that are kept, for all players of a process: one takes longer to make than a request to answer.
MADE_DAYS = 16


@dataclass(frozen=True)
class _Plan:
    """What is decided for the day as a whole. `label` makes ids that belong to this day only."""

    day: date
    seed: int
    label: str
    keep_ids: bool
    endings: dict[str, str]
    turns: frozenset[str]

    def id_of(self, key: str) -> str:
        return key if self.keep_ids else made_id(self.label, key)


@lru_cache(MADE_DAYS)
def make_day(day: date, seed: int, races: int | None = None) -> Day:
    """All meetings of the NZ date `day`.

    Without `races` it is the recorded card at the same NZ wall-clock times, with the recorded ids on the recorded date.
    With `races` the AUS and NZ thoroughbred and harness meetings are made up, with that many races together.
    """
    card = recorded_card() if races is None else made_up_card(seed, races)
    plan = _Plan(
        day=day,
        seed=seed,
        label=str(day) if races is None else f"{day}/{seed}/{races}",
        keep_ids=races is None and day == RECORDED_DATE,
        endings=_choose_endings(seed, str(day), card),
        turns=_choose_turns(seed, str(day), card),
    )
    return Day(day, seed, tuple(_meeting(plan, meeting) for meeting in card))


def nz_instant(day: date, minute: int) -> datetime:
    """The instant at which NZ clocks show `minute` minutes past midnight of `day`, on days of any length.

    An hour that does not exist is taken as the one after it, an hour that occurs twice as its first."""
    wall = datetime.combine(day, time(), NZ) + timedelta(minutes=minute)
    return wall.astimezone(UTC)


def _choose_endings(seed: int, label: str, card: tuple[CardMeeting, ...]) -> dict[str, str]:
    """The abandoned races by key; drawn apart for what is imported, so that each day has some of these."""
    endings: dict[str, str] = {}
    for imported in (True, False):
        keys = [race.key for meeting in card if is_imported(meeting) is imported for race in meeting.races]
        # The recorded race was run and settled, whatever the dice say.
        keys = [key for key in keys if key != RECORDED_RACE]
        endings |= choose_endings(seed, f"{label}/{imported}", keys)
    return endings


def _choose_turns(seed: int, label: str, card: tuple[CardMeeting, ...]) -> frozenset[str]:
    """The meetings whose track and weather change; at least one of the imported ones, if any of them can."""
    draw = dice(seed, label, "turns")
    turns: set[str] = set()
    for imported, least in ((True, 1), (False, 0)):
        able = [meeting.key for meeting in card if is_imported(meeting) is imported and meeting.track in TRACK_CHANGES]
        turns |= set(draw.sample(able, min(len(able), max(least, round(len(able) * TURNS)))))
    return frozenset(turns)


def _meeting(plan: _Plan, card: CardMeeting) -> Meeting:
    facts = MeetingFacts(
        id=plan.id_of(card.key),
        name=card.name,
        day=plan.day,
        category=card.category,
        country=card.country,
        state=card.state,
        tote=card.tote,
        tote_day=None if card.tote is None else plan.day + timedelta(days=card.tote_day_shift),
        extras=card.extras,
    )
    if card.key not in plan.turns:
        races = tuple(_race(plan, facts, race, Steps(race.track), Steps(race.weather)) for race in card.races)
        return Meeting(facts, races, Steps(card.track))
    draw = dice(plan.seed, facts.id, "turn")
    begin, end = (nz_instant(plan.day, race.minute) for race in (card.races[0], card.races[-1]))
    change = (begin + (end - begin) * draw.uniform(-0.1, 0.8)).replace(microsecond=0)
    track = Steps(card.track, ((change, draw.choice(TRACK_CHANGES[card.track])),))
    clouds = ((change, draw.choice(("OCAST", "Overcast", "Showery", "SHWRY"))),)
    races = tuple(
        _race(
            plan,
            facts,
            race,
            track if race.track == card.track else Steps(race.track),
            Steps(race.weather, clouds if race.weather else ()),
        )
        for race in card.races
    )
    return Meeting(facts, races, track)


def _race(plan: _Plan, facts: MeetingFacts, card: CardRace, track: Steps, weather: Steps) -> Race:
    race_id = plan.id_of(card.key)
    is_recorded = race_id == RECORDED_RACE
    start = nz_instant(plan.day, card.minute)
    delay = RECORDED_DELAY if is_recorded else None
    return Race(
        id=race_id,
        number=card.number,
        name=card.name,
        distance=card.distance,
        meeting=facts,
        timeline=make_timeline(plan.seed, race_id, start, plan.endings.get(card.key, ""), delay),
        track=track,
        weather=weather,
        seed=plan.seed,
        has_protest=not is_recorded and dice(plan.seed, race_id, "protest").random() < PROTESTS,
        is_recorded=is_recorded,
    )

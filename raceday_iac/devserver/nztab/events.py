"""The answer to `/events/{id}`: one race with its runners, market and results at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from .chance import dice
from .fields import field_of
from .markets import market_of
from .model import NZ, Race
from .pools import pools_at
from .recording import recorded_event
from .results import dividends_of, places_paid, results_of
from .runners import favourite_at, mover_at, runners_at
from .states import RaceState, state_of
from .trackers import tracker_of

COMMENT = (
    "{0} ({1}) ran home well last time and meets a field it can beat. {2} ({3}) is fitter for the last run and will be "
    "hard to hold out from the draw. {4} ({5}) steps up in distance, which is to its liking; include it in all "
    "combinations."
)


@dataclass(frozen=True)
class Wants:
    """The parts of an event that a request may ask for; what is not asked for is null."""

    tote_trends: bool = False
    money_tracker: bool = False
    big_bets: bool = False
    biggest_bet: bool = False
    live_bets: bool = False
    will_pays: bool = False


ALL = Wants(True, True, True, True, True, True)


def event_at(race: Race, moment: datetime, wants: Wants = ALL, full: bool = False) -> dict[str, Any]:
    """The `data` of the answer. Lists of results and dividends are shared between answers: copy before changing."""
    state = state_of(race, moment)
    market = market_of(race, moment)
    runners = runners_at(race, market, moment, full)
    return {
        "race": _race(race, state, moment),
        "results": results_of(race) if state.has_results else [],
        "dividends": [row for row in dividends_of(race) if row["status"] in state.dividends],
        "substitutions": _substitutions(race, state),
        "favourite": favourite_at(race, market, runners),
        "runners": runners,
        "derivatives": None,
        "mover": mover_at(market, runners),
        "big_bets": [] if wants.big_bets else None,
        "live_bets": [] if wants.live_bets else None,
        "biggest_bet": {} if wants.biggest_bet else None,
        "money_tracker": tracker_of(race, market, moment) if wants.money_tracker else None,
        "tote_pools": pools_at(race, market, moment, wants.will_pays, full) if wants.tote_trends else None,
        "error": "",
    }


def _substitutions(race: Race, state: RaceState) -> list[dict[str, Any]]:
    """Once betting is over: the runner that stands in for scratched ones, the favourite of the tote."""
    if race.meeting.tote is None or state.status not in ("Closed", "Interim", "Final"):
        return []
    market = market_of(race, race.timeline.dividends)
    best = max(range(len(market.shares)), key=market.shares.__getitem__)
    return [{"entrant_id": field_of(race).runners[best].id, "tote": "NZ", "product_name": "Pool Win"}]


def _race(race: Race, state: RaceState, moment: datetime) -> dict[str, Any]:
    # The recordings show the true start of races that were run; before the jump we assume the advertised one.
    actual = race.timeline.jump if state.status in ("Closed", "Interim", "Final") else race.start
    runners = field_of(race).runners
    return {
        **_constant(race),
        "status": state.status,
        "actual_start": int(actual.timestamp()),
        "actual_start_string": start_text(actual),
        "weather": state.weather,
        "track_condition": state.track_condition,
        "field_size": sum(not runner.is_scratched_at(moment) for runner in runners),
    }


def start_text(moment: datetime) -> str:
    """`2025-07-17 00:52:46 +0000 UTC`, which is not ISO 8601."""
    return f"{moment:%Y-%m-%d %H:%M:%S} +0000 UTC"


@lru_cache(maxsize=512)
def _constant(race: Race) -> dict[str, Any]:
    """What does not move. Keys that are not named here are as recorded."""
    recorded: dict[str, Any] = recorded_event()["race"]
    if race.is_recorded:
        return recorded
    facts = race.meeting
    field = field_of(race)
    draw = dice(race.seed, race.id, "race")
    is_harness = facts.category == "H"
    return {
        **recorded,
        "event_id": race.id,
        "meeting_name": facts.name,
        "display_meeting_name": facts.name,
        "meeting_id": facts.id,
        "description": race.name,
        "advertised_start": int(race.start.timestamp()),
        "advertised_start_string": start_text(race.start),
        "race_date_nz": str(facts.day),
        "start_time_nz": f"{race.start.astimezone(NZ):%H:%M:%S %Z}",
        "race_number": race.number,
        "type": facts.category,
        "start_type": draw.choice(("Mobile", "Stand")) if is_harness else "",
        "country": facts.country,
        "state": facts.state,
        "distance": race.distance,
        "comment": _comment(race),
        "track_direction": draw.choice(("Left", "Right")),
        "track_surface": "Synthetic" if race.track.first == "Synthetic" else "Turf",
        "track_circumference": draw.randint(1000, 2200),
        "track_home_straight": draw.randint(250, 500),
        "silk_url": f"https://silks.invalid/{race.id}.png",
        "entrant_count": len(field.runners),
        "positions_paid": places_paid(len(field.finish)),
        "video_channels": facts.extras.get("video_channels", []),
        "video_channels_meta": {},
        "tips": [runner.id for runner in field.finish[:4]],
        "rail_position": draw.choice(("True", "Out 3m", "Out 6m entire circuit")),
        "class": draw.choice(("Rating 60 HCP", "MDN", "BM64", "R45-49")),
        "prize_monies": _prizes(draw.choice((8000, 14_000, 17_000, 35_000, 80_000))),
        "ffwin_option_number": draw.choice((0, draw.randint(100, 999))),
        "fftop3_option_number": 0,
        "gait": draw.choice(("Pace", "Trot")) if is_harness else "",
        "mile_rate_400": "29.1" if is_harness else "",
        "mile_rate_800": "58.4" if is_harness else "",
    }


def _comment(race: Race) -> str:
    told = [part for runner in field_of(race).finish[:3] for part in (runner.name.upper(), runner.number)]
    return COMMENT.format(*told)


def _prizes(total: int) -> dict[str, int]:
    shares = (0.56, 0.18, 0.09, 0.05, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02)
    names = ("1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "10th")
    return {**{name: int(total * share) for name, share in zip(names, shares, strict=True)}, "total_value": total}

"""Meetings as the API writes them at a moment, and the flat list of races, which calls the same things differently."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from .chance import made_id
from .model import CATEGORY_NAMES, NZ, Meeting, Race
from .states import state_of

#: Fields that only the answer about a single meeting has, with the recorded values of those we know no rule for.
SINGLE_ONLY = {
    "jetbet_club_name": "",
    "club_day": 228,
    "club_mnemonic": "NSWC",
    "fob_mnemonic": "",
    "fob_sell_date": "",
    "fob_close_date": "",
    "fob_complete_date": "",
    "fob_club_day": 0,
    "track_mnemonic": "INTL",
    "is_fob_meeting": False,
    "meeting_type": "",
}


def meeting_at(meeting: Meeting, moment: datetime) -> dict[str, Any]:
    """A meeting of the list. Weather and status are those of its races; it has none itself."""
    facts = meeting.facts
    answer: dict[str, Any] = {
        "meeting": facts.id,
        "name": facts.name,
        "date": f"{facts.day}T00:00:00Z",
        "track_condition": meeting.track.at(moment),
        "category": facts.category,
        "category_name": CATEGORY_NAMES[facts.category],
        "country": facts.country,
        "state": facts.state,
        "races": [_race_at(race, moment) for race in meeting.races],
        **facts.extras,
    }
    if facts.tote is not None:
        is_over = all(moment >= race.timeline.ended for race in meeting.races)
        answer["tote_meeting_number"] = facts.tote
        answer["tote_raceday_date"] = str(facts.tote_day)
        answer["tote_status"] = "Closed" if is_over else "Open"
    return answer


def single_meeting_at(meeting: Meeting, moment: datetime) -> dict[str, Any]:
    """The longer form of `/meetings/{id}`."""
    day = str(meeting.facts.day)
    dates = {"sell_date": day, "meeting_date": day, "jetbet_track_name": meeting.facts.name}
    return {**meeting_at(meeting, moment), **SINGLE_ONLY, **dates}


def _race_at(race: Race, moment: datetime) -> dict[str, Any]:
    state = state_of(race, moment)
    answer: dict[str, Any] = {
        "id": race.id,
        "race_number": race.number,
        "name": race.name,
        "start_time": f"{race.start:%Y-%m-%dT%H:%M:%SZ}",
        "track_condition": state.track_condition,
        "distance": race.distance,
        "weather": state.weather,
        "country": race.meeting.country,
        "state": race.meeting.state,
        "status": state.status,
    }
    if race.meeting.tote is not None:
        answer["tote_start_time"] = tote_time(race)
    if state.protest_reason:
        answer |= {"protest": True, "protest_reason": state.protest_reason}
    return answer


def tote_time(race: Race) -> str:
    """On NZ clocks, counted from midnight of the tote's day: `26:22:00` is 02:22 of the day after."""
    day = race.meeting.tote_day or race.meeting.day
    wall = race.start.astimezone(NZ).replace(tzinfo=None) - datetime.combine(day, time())
    minutes, seconds = divmod(int(wall.total_seconds()), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


def listed_race(race: Race, moment: datetime) -> dict[str, Any]:
    """A race of `/list`: no status, and the start under other names."""
    timeline = race.timeline
    has_jumped = timeline.status_at(moment) in ("Closed", "Interim", "Final")
    answer: dict[str, Any] = {
        "id": race.id,
        "name": race.name,
        "number": race.number,
        "meeting_id": race.meeting.id,
        "advertised_start": _utc(race.start),
        "actual_start": _utc(timeline.jump if has_jumped else race.start),
    }
    if race.meeting.category == "T":
        answer["silk_url"] = f"https://silks.invalid/{race.id}.png"
    return answer


def listed_special(meeting: Meeting, moment: datetime) -> dict[str, Any]:
    """The bet on a whole meeting that the recorded list has among its races: no number, and a senseless start."""
    last = meeting.races[-1]
    first = listed_race(meeting.races[0], moment)
    return {
        "id": made_id(meeting.id, "special"),
        "name": f"{meeting.facts.name} ({meeting.facts.category})",
        "meeting_id": meeting.id,
        "advertised_start": _utc(last.start),
        "actual_start": first["actual_start"],
    }


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

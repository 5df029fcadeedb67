"""The endpoints: from what was asked to title, echoed parameters and data."""

from __future__ import annotations

import base64
import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Protocol

from .events import Wants, event_at
from .fields import state_of
from .model import CATEGORY_NAMES, NZ, Day, Meeting, NztabSettings, Race, made_id

ALL_OFFSETS = 1_000_000


@dataclass(frozen=True)
class Asked:
    route: str
    id: str
    query: Mapping[str, str]
    now: datetime


@dataclass(frozen=True)
class Content:
    title: str
    params: dict[str, Any]
    data: dict[str, Any]


class Cards(Protocol):
    """Where meetings and races are found; see `Nztab`."""

    settings: NztabSettings

    def day(self, day: date) -> Day | None: ...
    def race(self, race_id: str) -> Race | None: ...
    def meeting(self, meeting_id: str) -> Meeting | None: ...


def list_meetings(cards: Cards, asked: Asked) -> Content:
    """The meetings of NZ dates: 100 unless more are asked for, the rest by `offset`."""
    query = asked.query
    encoding = read_encoding(query)
    begin, end = read_days(query, asked.now)
    categories, countries = read_words(query, "category", "type"), read_words(query, "country")
    ids = read_words(query, "ids")
    limit = read_number(query, "limit", LIMIT, LARGEST_LIMIT)
    offset = read_number(query, "offset", 0, ALL_OFFSETS)
    found = [
        meeting
        for day in _cards_between(cards, begin, end)
        for meeting in day.meetings
        if (not categories or meeting.facts.category in categories)
        and (not countries or meeting.facts.country in countries)
        and (not ids or meeting.id.upper() in ids)
    ]
    params = {
        "enc": encoding,
        "ids": sorted(ids) or None,
        "date_from": f"{begin}T00:00:00Z",
        "date_to": f"{end}T00:00:00Z",
        "type": ",".join(sorted(categories)) or " ",
        "country": ",".join(sorted(countries)) or " ",
        "limit": limit,
        "offset": offset,
        "futures": read_flag(query, "futures"),
        "meeting_numbers": None,
    }
    page = found[offset : offset + limit]
    return Content("Race Meetings", params, {"meetings": [meeting_at(meeting, asked.now) for meeting in page]})


def _cards_between(cards: Cards, begin: date, end: date) -> list[Day]:
    days = (begin + timedelta(days=count) for count in range((end - begin).days + 1))
    return [card for day in days if (card := cards.day(day))]


def get_meeting(cards: Cards, asked: Asked) -> Content:
    params = {"enc": read_encoding(asked.query), "id": asked.id}
    meeting = cards.meeting(asked.id)
    if meeting is None:
        raise BadQuery(404, "meeting not found")
    return Content("Get meeting by id", params, {"meetings": [single_meeting_at(meeting, asked.now)]})


def get_event(cards: Cards, asked: Asked) -> Content:
    """One race. What the API does not know is ignored: `will_pays` is only the echo's name of `with_will_pays`."""
    query = asked.query
    encoding = read_encoding(query)
    wants = Wants(
        tote_trends=read_flag(query, "with_tote_trends_data"),
        money_tracker=read_flag(query, "with_money_tracker"),
        big_bets=read_flag(query, "with_big_bets"),
        biggest_bet=read_flag(query, "with_biggest_bet"),
        live_bets=read_flag(query, "with_live_bets"),
        will_pays=read_flag(query, "with_will_pays"),
    )
    params = {
        "enc": encoding,
        "id": asked.id,
        "present_overlay": read_flag(query, "present_overlay"),
        "with_big_bets": wants.big_bets,
        "with_live_bets": wants.live_bets,
        "with_money_tracker": wants.money_tracker,
        "with_biggest_bet": wants.biggest_bet,
        "will_pays": wants.will_pays,
        "with_tote_trends_data": wants.tote_trends,
        "bet_type_filter": query.get("bet_type_filter", ""),
        "bets_limit": 10,
    }
    race = cards.race(asked.id)
    if race is None:
        raise BadQuery(404, "event not found")
    return Content(f"Event Details: {asked.id}", params, event_at(race, asked.now, wants, cards.settings.full))


def list_races(cards: Cards, asked: Asked) -> Content:
    """Races by advertised start, of UTC days, in pages with a token for the next one."""
    query = asked.query
    encoding = read_encoding(query)
    begin, end = read_days(query, asked.now)
    first = datetime.combine(begin, time(), UTC)
    last = datetime.combine(end + timedelta(days=1), time(), UTC)
    countries, categories = read_words(query, "countries"), read_words(query, "meet_types")
    limit = read_number(query, "limit", LIMIT, LARGEST_LIMIT)
    order = read_number(query, "order_by", 1, 1)
    page = read_page(query)
    rows = [
        row
        # The card of a NZ date begins and ends on neighbouring UTC dates.
        for day in _cards_between(cards, begin - timedelta(days=1), end + timedelta(days=1))
        for meeting in day.meetings
        if (not categories or meeting.facts.category in categories)
        and (not countries or meeting.facts.country in countries)
        for row in _rows(meeting, asked.now)
        if first <= datetime.fromisoformat(row["advertised_start"]) < last
    ]
    rows.sort(key=lambda row: (row["advertised_start"], row["id"]), reverse=order == 0)
    params = {
        "enc": encoding,
        "limit": limit,
        "countries": sorted(countries) or None,
        "meet_types": sorted(categories) or None,
        "date_from": f"{begin}T00:00:00Z",
        "date_to": f"{end}T23:59:59.999999999Z",
        "order_by": order,
        "page_token": query.get("page_token", ""),
    }
    data: dict[str, Any] = {"races": rows[(page - 1) * limit : page * limit]}
    if page * limit < len(rows):
        asked_for = hashlib.sha256(repr((begin, end, sorted(countries), sorted(categories))).encode()).hexdigest()[:13]
        data["next_page_token"] = page_token(page + 1, asked_for)
    return Content("List Races", params, data)


def _rows(meeting: Meeting, now: datetime) -> list[dict[str, Any]]:
    rows = [listed_race(race, now) for race in meeting.races]
    if meeting.facts.country == "NZ" and meeting.facts.category == "G":
        rows.append(listed_special(meeting, now))
    return rows


PLAYED: dict[str, Callable[[Cards, Asked], Content]] = {
    "meetings": list_meetings,
    "meeting": get_meeting,
    "event": get_event,
    "list": list_races,
}


# Meetings as the API writes them at an instant, and the flat list of races, which calls the same things differently.


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


def meeting_at(meeting: Meeting, instant: datetime) -> dict[str, Any]:
    """A meeting of the list. Weather and status are those of its races; it has none itself.

    It is shared between answers: copy before changing.
    """
    return _meeting_after(meeting, bisect_right(meeting.changes, instant))


@lru_cache(maxsize=512)
def _meeting_after(meeting: Meeting, changes: int) -> dict[str, Any]:
    """As it is after so many of its changes, until the next."""
    instant = meeting.changes[changes - 1] if changes else datetime.min.replace(tzinfo=UTC)
    facts = meeting.facts
    answer: dict[str, Any] = {
        "meeting": facts.id,
        "name": facts.name,
        "date": f"{facts.day}T00:00:00Z",
        "track_condition": meeting.track.at(instant),
        "category": facts.category,
        "category_name": CATEGORY_NAMES[facts.category],
        "country": facts.country,
        "state": facts.state,
        "races": [_race_at(race, instant) for race in meeting.races],
        **facts.extras,
    }
    if facts.tote is not None:
        is_over = all(instant >= race.timeline.ended for race in meeting.races)
        answer["tote_meeting_number"] = facts.tote
        answer["tote_raceday_date"] = str(facts.tote_day)
        answer["tote_status"] = "Closed" if is_over else "Open"
    return answer


def single_meeting_at(meeting: Meeting, instant: datetime) -> dict[str, Any]:
    """The longer form of `/meetings/{id}`."""
    day = str(meeting.facts.day)
    dates = {"sell_date": day, "meeting_date": day, "jetbet_track_name": meeting.facts.name}
    return {**meeting_at(meeting, instant), **SINGLE_ONLY, **dates}


def _race_at(race: Race, instant: datetime) -> dict[str, Any]:
    state = state_of(race, instant)
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


def listed_race(race: Race, instant: datetime) -> dict[str, Any]:
    """A race of `/list`: no status, and the start under other names."""
    timeline = race.timeline
    has_jumped = timeline.status_at(instant) in ("Closed", "Interim", "Final")
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


def listed_special(meeting: Meeting, instant: datetime) -> dict[str, Any]:
    """The bet on a whole meeting that the recorded list has among its races: no number, and a senseless start."""
    last = meeting.races[-1]
    first = listed_race(meeting.races[0], instant)
    return {
        "id": made_id(meeting.id, "special"),
        "name": f"{meeting.facts.name} ({meeting.facts.category})",
        "meeting_id": meeting.id,
        "advertised_start": _utc(last.start),
        "actual_start": first["actual_start"],
    }


def _utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


# Reading the query of a request, and refusing what the API cannot understand.
#
# Unknown parameters are ignored, as the API does: what was understood is echoed in `params` of the answer.


LIMIT, LARGEST_LIMIT = 100, 200
#: Words that may stand for a date, and how many days they cover from today.
SPANS = {"today": 1, "week": 7, "month": 31, "all": 31}
LONGEST = 31


class BadQuery(Exception):
    """The request cannot be answered: `status` and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def read_encoding(query: Mapping[str, str]) -> str:
    """JSON only; the real API also writes XML and HTML."""
    encoding = query.get("enc", "json")
    if encoding != "json":
        raise BadQuery(400, f"enc {encoding!r} is not played here")
    return encoding


def read_flag(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise BadQuery(400, f"{name} must be true or false")
    return text in ("true", "1")


def read_number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise BadQuery(400, f"{name} must be a number from 0 to {most}")
    return int(text)


def read_days(query: Mapping[str, str], now: datetime) -> tuple[date, date]:
    """The first and the last day asked for; today in New Zealand when none is named."""
    today = now.astimezone(NZ).date()
    begin, span = _read_day(query, "date_from", today)
    end, end_span = _read_day(query, "date_to", begin)
    if "date_to" not in query:
        end_span = span
    end += timedelta(days=end_span - 1)
    if not begin <= end <= begin + timedelta(days=LONGEST - 1):
        raise BadQuery(400, f"date_to must be at most {LONGEST - 1} days after date_from")
    return begin, end


def _read_day(query: Mapping[str, str], name: str, default: date) -> tuple[date, int]:
    text = query.get(name, "")
    if not text:
        return default, 1
    if text in SPANS:
        return default, SPANS[text]
    try:
        return date.fromisoformat(text[:10]), 1
    except ValueError:
        raise BadQuery(400, f"{name} must be a date (YYYY-MM-DD) or one of {', '.join(SPANS)}") from None


def read_words(query: Mapping[str, str], *names: str) -> frozenset[str]:
    """A list with commas, under the first of the names that is used; empty means all."""
    for name in names:
        words = frozenset(word.strip().upper() for word in query.get(name, "").split(",") if word.strip())
        if words:
            return words
    return frozenset()


def read_page(query: Mapping[str, str]) -> int:
    """The page that a `page_token` stands for, from 1."""
    token = query.get("page_token", "")
    if not token:
        return 1
    try:
        page: Any = json.loads(base64.b64decode(token + "=" * (-len(token) % 4)))["page_number"]
    except (ValueError, KeyError, TypeError):
        page = None
    if not isinstance(page, int) or page < 1:
        raise BadQuery(400, "page_token is not one of ours")
    return page


def page_token(page: int, asked: str) -> str:
    """As recorded: base64 of the page number and a hash of the request, without padding."""
    text = json.dumps({"page_number": page, "page_request_hash": asked}, separators=(",", ":"))
    return base64.b64encode(text.encode()).decode().rstrip("=")

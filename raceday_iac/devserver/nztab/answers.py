"""The endpoints: from what was asked to title, echoed parameters and data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol

from .events import Wants, event_at
from .meetings import listed_race, listed_special, meeting_at, single_meeting_at
from .model import Day, Meeting, Race
from .queries import (
    LARGEST_LIMIT,
    LIMIT,
    Refused,
    page_token,
    read_days,
    read_encoding,
    read_flag,
    read_number,
    read_page,
    read_words,
)
from .settings import NztabSettings

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
        raise Refused(404, "meeting not found")
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
        raise Refused(404, "event not found")
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

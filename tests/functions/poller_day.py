"""Races of the played day in the database, and the poller started again and again, as its scheduler does."""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx

from raceday_iac.raceday.nztab.cards import recorded_event

from .raceday import Called, Raceday, package_of

DAY = date(2025, 7, 17)
POLLER = "enhanced-race-poller"
LOCK = "enhanced-race-poller-lock"
#: The race whose event was recorded: Awapuni 1, at 12:50 New Zealand time.
RECORDED = "0f57e087-00d9-4c61-9549-835abe2ae2ed"
MONEY, ODDS, POOLS, RESULTS = "money-flow-history", "odds-history", "race-pools", "race-results"


def poller_module(bundles: Path, name: str) -> ModuleType:
    """A module of the poller as it is deployed."""
    if str(bundles) not in sys.path:
        sys.path.insert(0, str(bundles))
    return importlib.import_module(f"{package_of(POLLER)}.src.{name}")


def recorded(**changes: Any) -> dict[str, Any]:
    """The recorded event, to be changed."""
    return {**copy.deepcopy(recorded_event()), **changes}


def played(raceday: Raceday, race: str = RECORDED) -> Any:
    """A race as the player has it: with everything that will happen to it."""
    day = raceday.nztab.day(DAY)
    assert day is not None
    found = day.race(race)
    assert found is not None
    return found


def imported(raceday: Raceday, count: int) -> list[Any]:
    """The first races of the day that Raceday imports."""
    day = raceday.nztab.day(DAY)
    assert day is not None
    return list(day.imported[:count])


def put_race(raceday: Raceday, race: str, start: datetime, **changes: Any) -> None:
    """A race as `daily-meetings` stores it."""
    raceday.put(
        "meetings",
        "m-1",
        meetingId="m-1",
        meetingName="Somewhere",
        country="NZ",
        raceType="Thoroughbred Horse Racing",
        date="2025-07-17T00:00:00.000+00:00",
        status="active",
    )
    stored = {"raceId": race, "name": "A race", "raceNumber": 1, "startTime": start.isoformat(), "status": "Open"}
    raceday.put("races", race, **{**stored, "meeting": "m-1", **changes})


def put_played(raceday: Raceday, *races: Any) -> None:
    for race in races:
        put_race(raceday, race.id, race.start)


def slowly(raceday: Any, seconds: float) -> Callable[[Any], Any]:
    """NZ TAB takes its time with every answer."""

    def transport(real: Any) -> httpx.MockTransport:
        def answer(request: httpx.Request) -> httpx.Response:
            raceday.time.sleep(seconds)
            response: httpx.Response = real.handle_request(request)
            return response

        return httpx.MockTransport(answer)

    return transport


def polled(raceday: Any) -> set[str]:
    return {each["$id"] for each in raceday.documents("races") if each["last_poll_time"]}


def put_side_by_side(raceday: Any, count: int, minutes: float) -> list[str]:
    """So many races that all start in `minutes`."""
    races = imported(raceday, count)
    for race in races:
        put_race(raceday, race.id, raceday.time.now() + timedelta(minutes=minutes))
    return [race.id for race in races]


def go_to(raceday: Raceday, instant: datetime) -> None:
    """Let time pass until then."""
    raceday.time.sleep((instant - raceday.time.now()).total_seconds())


def live(raceday: Raceday, until: datetime, every: float = 120.0) -> Iterator[Called]:
    """The poller started every other minute until then."""
    while raceday.time.now() < until:
        next_start = raceday.time.now() + timedelta(seconds=every)
        yield raceday.call(POLLER)
        go_to(raceday, next_start)


def own_requests(called: Called) -> int:
    """Appwrite requests of a run without those for its lock."""
    return int(summary(called)["requests"]["appwrite"])


def lock_requests(called: Called) -> int:
    (released,) = called.context.events("lock.released")
    return int(released["requests"])


def summary(called: Called) -> dict[str, Any]:
    (found,) = called.context.events("run.summary")
    return found


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def by_entrant(documents: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for document in documents:
        found.setdefault(document["entrantId"], []).append(document)
    return found

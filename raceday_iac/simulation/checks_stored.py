"""Invariants of what is stored when the day is over, held against what upstream played.

Nothing here shares code with the functions that are judged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from ..devserver.nztab.events import event_at
from ..devserver.nztab.model import Race
from .checks_seen import DAILY, LONGEST_DAILY
from .day import NZ
from .demand import PATIENCE
from .lived import Lived, Violations

#: Steps of the money-flow timeline, each from so many minutes before the start to the one before it.
BUCKETS = (*range(60, 0, -5), 4, 3, 2, 1, 0)


def card_is_imported(lived: Lived) -> tuple[int, Violations]:
    """Every race, with every runner that upstream lists. On a day that ends before the import there is no card yet."""
    imported = datetime.combine(lived.wanted.day - timedelta(days=1), DAILY["daily-races"], UTC) + LONGEST_DAILY
    races = lived.day.imported if imported <= lived.wanted.end else ()

    def missing() -> Violations:
        for race in races:
            if race.id not in lived.stored.races:
                yield f"race {race.id} is not stored"
                continue
            stored = {str(each["$id"]) for each in lived.stored.entrants.get(race.id, ())}
            absent = _field(event_at(race, race.start)) - stored
            if absent:
                yield f"race {race.id} lacks {len(absent)} entrants"

    return len(races), missing()


def buckets_complete(lived: Lived) -> tuple[int, Violations]:
    """From the opening on, as long as a race is not abandoned, each step has each runner."""
    checked, missing = 0, list[str]()
    for race in lived.ended():
        expected = runners_in_the_market(race)
        found: dict[int, set[str]] = {}
        for each in lived.stored.money_flow.get(race.id, ()):
            found.setdefault(int(each["timeInterval"]), set()).add(str(each["entrantId"]))
        for bucket in BUCKETS:
            end = race.start - timedelta(minutes=bucket)
            if end < lived.opening + timedelta(seconds=PATIENCE) or _is_void(race, end):
                continue
            checked += max(1, len(expected))
            absent = expected - found.get(bucket, set())
            missing += [f"{race.id}: no bucket {bucket} of {entrant}" for entrant in sorted(absent)]
            if not expected:
                missing.append(f"{race.id}: upstream has no runners, which cannot be")
    return checked, iter(missing)


def buckets_once(lived: Lived) -> tuple[int, Violations]:
    documents = [each for found in lived.stored.money_flow.values() for each in found]

    def doubled() -> Violations:
        seen: set[tuple[str, int, str]] = set()
        for each in documents:
            key = (str(each["entrantId"]), int(each["timeInterval"]), str(each["type"]))
            if key in seen:
                yield f"bucket {key[1]} of {key[0]} is stored twice"
            seen.add(key)

    return len(documents), doubled()


def odds_once(lived: Lived) -> tuple[int, Violations]:
    """Odds have a history of their changes only."""
    repeated = lived.stored.odds_repeated
    return lived.stored.odds, iter([f"{repeated} odds say what was known"] if repeated else [])


def status_is_upstreams(lived: Lived) -> tuple[int, Violations]:
    races = list(lived.ended())
    return len(races), (problem for race in races if (problem := _wrong_status(lived, race)))


def midnight(lived: Lived) -> tuple[int, Violations]:
    """Races that were still under way at midnight are polled until they end."""
    begin = datetime.combine(lived.wanted.day + timedelta(days=1), time(), NZ).astimezone(UTC)
    races = [race for race in lived.ended() if race.timeline.ended >= begin]
    return len(races), (f"lost at midnight: {problem}" for race in races if (problem := _wrong_status(lived, race)))


def results_complete(lived: Lived) -> tuple[int, Violations]:
    """One document a race that says final, with each placing and each dividend as upstream has it."""
    races = [race for race in lived.ended() if race.timeline.abandoned is None]

    def wrong() -> Violations:
        for race in races:
            stored = lived.stored.results.get(race.id, ())
            if len(stored) != 1:
                yield f"race {race.id} has {len(stored) or 'no'} results"
            else:
                yield from _wrong_results(lived, race, stored[0])

    return len(races), wrong()


def pools_final(lived: Lived) -> tuple[int, Violations]:
    """The totals that upstream has when a race is over, in cents."""
    races = [race for race in lived.ended() if race.timeline.abandoned is None]

    def wrong() -> Violations:
        for race in races:
            pools = event_at(race, lived.wanted.end)["tote_pools"] or ()
            totals = {each["product_type"]: each["total"] for each in pools}
            stored = lived.stored.pools.get(race.id, ())
            for kind, attribute in (("Win", "winPoolTotal"), ("Place", "placePoolTotal")):
                cents = round(totals.get(kind, 0) * 100)
                if [each[attribute] for each in stored] != [cents] and (cents or stored):
                    found = ", ".join(str(each[attribute]) for each in stored) or "missing"
                    yield f"race {race.id}: {attribute} is {found}, upstream has {cents}"

    return len(races), wrong()


def runners_in_the_market(race: Race) -> set[str]:
    """Runners that the money tracker has, an hour before the start and at the last moment before the race is run."""
    last = min(race.timeline.jump, race.timeline.ended - timedelta(seconds=1))
    tracked = [
        {str(each["entrant_id"]) for each in event["money_tracker"]["entrants"]} & _field(event)
        for event in (event_at(race, moment) for moment in (race.start - timedelta(minutes=61), last))
    ]
    return tracked[0] & tracked[1]


def _field(event: Mapping[str, Any]) -> set[str]:
    return {str(each["entrant_id"]) for each in event["runners"]}


def _is_void(race: Race, moment: datetime) -> bool:
    return race.timeline.abandoned is not None and race.timeline.abandoned <= moment


def _wrong_status(lived: Lived, race: Race) -> str | None:
    stored = lived.stored.races.get(race.id)
    status = race.timeline.status_at(lived.wanted.end)
    if stored is not None and stored["status"] == status:
        return None
    return f"race {race.id} is {'missing' if stored is None else stored['status']}, upstream says {status}"


def _wrong_results(lived: Lived, race: Race, stored: Mapping[str, Any]) -> Violations:
    truth = event_at(race, lived.wanted.end)
    if stored["resultStatus"] != "final":
        yield f"results of race {race.id} are {stored['resultStatus']}"
    for what, attribute in (("results", "resultsData"), ("dividends", "dividendsData")):
        rows = json.loads(stored[attribute] or "[]")
        missing = [each for each in truth[what] if each not in rows]
        if missing or len(rows) != len(truth[what]):
            right = len(truth[what]) - len(missing)
            yield f"{what} of race {race.id}: {len(rows)} are stored, {right} of {len(truth[what])} are right"

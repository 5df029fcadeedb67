"""Which races a run was asked to poll, and what is stored of them and around them.

That is read once in a run, then kept up to date by what the run writes. So a poll knows what changed, and what came
before, without reading everything each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .money_flow import KIND, Amounts, interval_at
from .pools import Pools
from .results import is_over
from .vendor.appwrite_http import path_of, query
from .vendor.errors import BadRequest
from .vendor.running import Run

#: More than the largest day has.
MOST_RACES = 400
#: So many ids are asked for at once: all of them would make an address too long for some servers.
IDS_AT_ONCE = 100
#: What is read of a stored race.
FIELDS = ("$id", "status", "startTime", "actualStart", "last_poll_time", "finalizedAt", "abandonedAt")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")

#: A stored race, or what is read of it.
Race = dict[str, Any]


class Wanted(NamedTuple):
    """What the body of the execution asks for."""

    mode: str
    races: tuple[str, ...] = ()


def read_wanted(body: Mapping[str, Any]) -> Wanted:
    """`raceId`, `raceIds`, or neither: then the run chooses by itself. Raises `BadRequest` for ids that cannot be."""
    if body.get("raceId") is not None:
        return Wanted("single", (_checked(body["raceId"]),))
    given = body.get("raceIds")
    if given in (None, "", []):
        return Wanted("selection")
    listed = given.split(",") if isinstance(given, str) else given
    if not isinstance(listed, list):
        raise BadRequest("raceIds must be a list of race ids")
    if len(listed) > MOST_RACES:
        raise BadRequest(f"raceIds has {len(listed)} ids; at most {MOST_RACES} are taken")
    return Wanted("batch", tuple(dict.fromkeys(_checked(each) for each in listed)))


def _checked(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if _ID.fullmatch(text) is None:
        raise BadRequest(f"not the id of a race: {str(value)[:50]!r}")
    return text


def read_others(run: Run, wanted: Wanted, card: Mapping[str, Race]) -> dict[str, Race]:
    """Of the wanted races those that are on no card of today. Unknown ones are counted; a single one is refused."""
    missing = [race for race in wanted.races if race not in card]
    found = {document["$id"]: document for ids in _portions(missing) for document in _stored(run, ids)}
    unknown = [race for race in missing if race not in found]
    if unknown and wanted.mode == "single":
        raise BadRequest(f"no race has the id {unknown[0]}", 404)
    run.counts.add("skipped:unknown_race", len(unknown))
    return found


def _portions(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE)]


def _stored(run: Run, ids: Sequence[str]) -> list[Race]:
    path = path_of("databases", run.database, "collections", "races", "documents")
    queries = [query("equal", *ids, attribute="$id"), query("select", *FIELDS), query("limit", len(ids))]
    found: list[Race] = run.client.get(path, queries)["documents"]
    return found


#: Races remembered at a time, so that a large card does not fill the memory.
REMEMBERED = 40
#: Many more than a race has: entrants of the races that are polled together, or steps of one race.
PAGE = 500
#: The first step of the timeline: nothing lies before it.
FIRST_STEP = 60


@dataclass
class Known:
    """One race. `steps` are the amounts of a runner by step; `result` is None when it was not looked at; `flows` are
    the documents of the timeline that this run wrote last, by runner."""

    entrants: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: dict[str, dict[int, Amounts]] = field(default_factory=dict)
    has_steps: bool = False
    result: Mapping[str, Any] | None = None
    flows: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    pools: Pools | None = None


class Memory:
    """The races of one run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._known: dict[str, Known] = {}

    def of(self, race: str) -> Known:
        return self._known[race]

    def forget_all(self) -> None:
        """It can all be read again."""
        self._known.clear()

    def forget(self, race: str) -> None:
        """Something went wrong with it: what is stored has to be read again."""
        self._known.pop(race, None)

    def prepare(self, races: Iterable[Race], minutes: Mapping[str, float]) -> None:
        """Read what is not known yet. `minutes` to the advertised start say which steps may matter."""
        races = list(races)
        for race in races:
            # Reinserted, so that the races polled last are the last to be forgotten.
            self._known[race["$id"]] = self._known.pop(race["$id"], None) or Known()
        while len(self._known) > max(REMEMBERED, len(races)):
            del self._known[next(iter(self._known))]
        self._read_entrants([race["$id"] for race in races if not self.of(race["$id"]).entrants])
        for race in races:
            if not is_over(race["status"]):
                self._read_steps(race["$id"], interval_at(minutes[race["$id"]]))
        self._read_results(
            [
                race["$id"]
                for race in races
                if (race["status"] == "Interim" or is_over(race["status"])) and self.of(race["$id"]).result is None
            ]
        )

    def _read_entrants(self, races: list[str]) -> None:
        if races:
            wanted = [query("equal", *races, attribute="raceId")]
            for document in self._listed("entrants", wanted):
                self.of(document["raceId"]).entrants[document["$id"]] = document

    def _read_steps(self, race: str, interval: int) -> None:
        """The steps before this one, the latest first, and the step itself: the run may go on to the next."""
        known = self.of(race)
        if known.has_steps or interval >= FIRST_STEP:
            return
        known.has_steps = True
        wanted = [
            query("equal", race, attribute="raceId"),
            query("equal", KIND, attribute="type"),
            query("greaterThanEqual", interval, attribute="timeInterval"),
            query("orderAsc", attribute="timeInterval"),
            query("select", "$id", "entrantId", "timeInterval", "winPoolAmount", "placePoolAmount"),
        ]
        for document in self._listed("money-flow-history", wanted):
            amounts = Amounts(document["winPoolAmount"] or 0, document["placePoolAmount"] or 0)
            known.steps.setdefault(document["entrantId"], {})[document["timeInterval"]] = amounts

    def _read_results(self, races: list[str]) -> None:
        if not races:
            return
        for race in races:
            self.of(race).result = {}
        for document in self._listed("race-results", [query("equal", *races, attribute="$id")]):
            self.of(document["$id"]).result = document

    def _listed(self, collection: str, queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        path = path_of("databases", self._run.database, "collections", collection, "documents")
        found: list[dict[str, Any]] = self._run.client.get(path, [*queries, query("limit", PAGE)])["documents"]
        return found

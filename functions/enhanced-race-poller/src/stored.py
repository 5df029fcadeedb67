"""What is stored around the races that are polled: read once in a run, then kept up to date by what the run writes.

So that a poll can tell what changed, and what came before, without reading everything each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .buckets import interval_at
from .money_flow import KIND, Amounts
from .pools import Pools
from .selection import Race
from .status import is_over
from .vendor.appwrite_http import path_of, query
from .vendor.running import Run

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

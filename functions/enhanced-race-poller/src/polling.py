"""One poll of one race: ask NZ TAB, and work out everything that has to be written. Nothing is written here.

The event itself is gone when this returns: only the documents that come of it are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from .money_flow import (
    DEVIATION,
    Amounts,
    Instant,
    bucket_identity,
    deviations,
    flow_values,
    is_same,
    own_runners,
    plausibility,
    summed,
)
from .pools import Pools, nearest, odds_changes, pool_values, pools_of
from .results import is_news, is_over, result_time, result_values, status_changes, status_of
from .stored import Known, Race
from .vendor.card import card_race
from .vendor.documents import Write
from .vendor.due import minutes_to_start
from .vendor.errors import Retryable
from .vendor.mapping import check_same_race, entrants_of
from .vendor.nztab import NzTab, Paused
from .vendor.running import OF_THE_RUN, Run

#: Only what is stored is asked for: bets and expected payments are not.
FLAGS = ("with_tote_trends_data", "with_money_tracker")
#: The next round is the next attempt. One race alone must not fail so often in a row that all are paused.
ATTEMPTS = 2
#: Seconds after which there is no second attempt in this round: nor does one slow race hold up those beside it.
PATIENCE = 8.0
#: Of an entrant, what says nothing about it.
STAMPS = frozenset({"lastUpdated", "importedAt", "race"})

Part = TypeVar("Part")


class Missed(NamedTuple):
    """NZ TAB gave no answer: the race was not polled. `is_own`: it was asked for this race, which may be the reason."""

    race: str
    is_own: bool


@dataclass
class Poll:
    """One race as it was seen. `update` are the changes of its own document, which is written last."""

    race: str
    polled_at: str
    status: str
    update: dict[str, Any]
    writes: list[Write] = field(default_factory=list)
    entrants: dict[str, dict[str, Any]] = field(default_factory=dict)
    flows: dict[str, dict[str, Any]] = field(default_factory=dict)
    pools: Pools | None = None
    result: dict[str, Any] | None = None

    @property
    def all_writes(self) -> list[Write]:
        return [*self.writes, Write("races", self.race, self.update, "update")]

    def remember_in(self, known: Known) -> None:
        """What is stored once everything is written."""
        known.entrants |= self.entrants
        for entrant, flow in self.flows.items():
            amounts = Amounts(flow["winPoolAmount"], flow["placePoolAmount"])
            known.steps.setdefault(entrant, {})[flow["timeInterval"]] = amounts
        known.flows |= self.flows
        if self.pools is not None:
            known.pools = self.pools
        if self.result is not None:
            known.result = self.result


def poll(run: Run, nztab: NzTab, race: Race, known: Known) -> Poll | Missed:
    """Look at one race. Whatever is wrong with a part of the answer, the other parts are kept."""
    identity = race["$id"]
    try:
        return _seen(run, nztab, race, known)
    except Retryable as reason:
        run.counts.add("missed")
        run.log.event("race.missed", race=identity, reason=str(reason)[:200])
        return Missed(identity, not isinstance(reason, Paused))
    except OF_THE_RUN:
        raise
    except Exception as reason:  # noqa: BLE001 - whatever is wrong with a race, the others are polled
        # An answer, though of no use: asking again before the next time would not change it.
        run.counts.add("skipped:race")
        run.log.event("race.skipped", race=identity, reason=repr(reason)[:200])
        return _stamped(run, race, run.timestamp(), {})


def _seen(run: Run, nztab: NzTab, race: Race, known: Known) -> Poll:
    identity, began = race["$id"], run.runtime.clock()
    data = nztab.event(identity, flags=FLAGS, attempts=ATTEMPTS, patience=PATIENCE)
    check_same_race(data, identity)
    now = run.now()
    minutes = minutes_to_start(card_race(race), now.timestamp())
    instant = Instant(now.isoformat(timespec="milliseconds"), minutes, nearest((run.runtime.clock() - began) * 1000))
    return _Look(run, race, known, data, instant).whole()


def _stamped(run: Run, race: Race, polled_at: str, changes: Mapping[str, Any]) -> Poll:
    changed = {**changes, "lastUpdated": polled_at} if changes else {}
    update = run.sanitizer.fit("races", {**changed, "last_poll_time": polled_at}, partial=True)
    return Poll(race["$id"], polled_at, str(update.get("status", race["status"])), update)


class _Look:
    """One usable event, taken apart."""

    def __init__(self, run: Run, race: Race, known: Known, data: Mapping[str, Any], instant: Instant) -> None:
        self.run, self.race, self.known, self.data, self.instant = run, race, known, data, instant
        self.identity = str(race["$id"])

    def whole(self) -> Poll:
        event, polled_at = self.data["race"], self.instant.polled_at
        if status_of(event) is None:
            self.run.counts.add("skipped:status")
        changes = self._part("race", lambda: status_changes(self.race, event, polled_at), {})
        found = _stamped(self.run, self.race, polled_at, changes)
        self._part("entrants", lambda: self._entrants(found), None)
        pools = self._part("pools", lambda: self._pools(found), None)
        if not is_over(self.race["status"]) and found.status != "Abandoned":
            self._part("money_flow", lambda: self._money(found, pools or Pools({}, 0)), None)
        self._part("results", lambda: self._results(found), None)
        return found

    def _part(self, name: str, work: Callable[[], Part], default: Part) -> Part:
        try:
            return work()
        except OF_THE_RUN:
            raise
        except Exception as reason:  # noqa: BLE001 - whatever is wrong with a part, the others are kept
            self.run.counts.add(f"skipped:{name}")
            self.run.log.event("part.skipped", race=self.identity, part=name, reason=repr(reason)[:200])
            return default

    def _entrants(self, found: Poll) -> None:
        """Changed entrants, then the history of their odds, which refers to them."""
        seen = entrants_of(self.data, self.identity, self.run)
        if not seen:
            self.run.counts.add("no_runners")
        before = {entrant: self.known.entrants.get(entrant, {}) for entrant in seen}
        found.entrants = {entrant: seen[entrant] for entrant in seen if _is_changed(seen[entrant], before[entrant])}
        found.writes += [Write("entrants", *each) for each in found.entrants.items()]
        for entrant, document in found.entrants.items():
            changes = odds_changes(entrant, before[entrant], document, found.polled_at)
            self.run.counts.add("odds_changes", len(changes))
            found.writes += [Write("odds-history", *each) for each in changes.items()]
        # A later read has every attribute, the document to write only those that the answer had.
        found.entrants = {entrant: before[entrant] | found.entrants[entrant] for entrant in found.entrants}

    def _pools(self, found: Poll) -> Pools | None:
        pools = pools_of(self.data, self.run.counts.add)
        if pools is not None and pools != self.known.pools:
            values = pool_values(self.identity, pools, found.polled_at)
            found.writes.append(Write("race-pools", self.identity, self.run.sanitizer.fit("race-pools", values)))
            found.pools = pools
        return pools

    def _money(self, found: Poll, pools: Pools) -> None:
        """While the race is not over, and once more when it has just ended: then the totals are final."""
        field = self._field(found)
        shares = own_runners(summed(self.data, self.run.counts.add), field, self.run.counts.add)
        if not shares:
            return
        if max(deviations(shares.values(), pools)) > DEVIATION:
            self.run.counts.add("implausible:money_flow")
        score = plausibility(shares.values(), pools)
        for entrant, share in sorted(shares.items()):
            steps = self.known.steps.get(entrant, {})
            values = flow_values(self.identity, entrant, share, pools, self.instant, field[entrant], steps, score)
            bucket = bucket_identity(entrant, values["timeInterval"])
            document = self.run.sanitizer.fit("money-flow-history", {**values, "bucketDocumentId": bucket})
            if not is_over(found.status) and is_same(document, self.known.flows.get(entrant)):
                self.run.counts.add("unchanged:money_flow")
                continue
            found.writes.append(Write("money-flow-history", bucket, document))
            found.flows[entrant] = document

    def _results(self, found: Poll) -> None:
        values = result_values(self.data, self.identity, found.status, self._field(found))
        if values is None:
            return
        document = self.run.sanitizer.fit("race-results", values)
        stored = self.known.result or {}
        if not is_news(document, stored):
            return
        when = result_time(document, stored, found.polled_at)
        found.result = {**document, **self.run.sanitizer.fit("race-results", {"resultTime": when}, partial=True)}
        found.writes.append(Write("race-results", self.identity, found.result))
        self.run.counts.add("results_saved")

    def _field(self, found: Poll) -> dict[str, dict[str, Any]]:
        """The entrants of the race as they are stored once this poll is written."""
        return {**self.known.entrants, **found.entrants}


def _is_changed(document: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    return any(key not in STAMPS and stored.get(key) != value for key, value in document.items())

"""How a race's money is spread over its runners, and how that moved since the step of the timeline before.

The money tracker has several entries per runner, which are summed. All amounts are cents.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .pools import Pools, nearest, percentage

_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
#: Later than this no race is still waited for; the name of a step has room for three digits.
LAST = -999


def interval_at(minutes: float) -> int:
    """The step that begins at or before `minutes` to the advertised start: 60, 55, … 5, 4, … 0, then -1, -2, ….

    Half minutes after the start would not fit the integer attribute; a step there is a whole minute.
    """
    if minutes >= 60:
        return 60
    if minutes >= 5:
        return math.floor(minutes / 5) * 5
    return max(LAST, math.floor(minutes))


def interval_type(interval: int) -> str:
    """How finely the timeline is drawn there."""
    if interval > 30:
        return "5m"
    if interval > 5:
        return "2m"
    return "30s" if interval > 0 else "live"


def bucket_identity(entrant: str, interval: int) -> str:
    """The id of the one document of a runner and a step: 32 characters of the runner, 4 of the step."""
    short = entrant.replace("-", "").lower()
    if _UUID.fullmatch(entrant) is None:
        short = hashlib.sha256(entrant.encode()).hexdigest()[:32]
    return f"{short}{'b' if interval >= 0 else 'a'}{abs(interval):03d}"


Count = Callable[[str], None]

KIND = "bucketed_aggregation"
POOL_TYPE = "combined"
#: From this step on everything that came before it is one lump: the base line of the timeline.
BASELINE = 55
#: A deviation of the runners' shares from the pool totals beyond this is an error.
DEVIATION = 0.05


#: Of a document, what says when it was made rather than what is in it.
WHEN = frozenset({"eventTimestamp", "pollingTimestamp", "pollingLatencyMs", "timeToStart"})


class Tracked(NamedTuple):
    """One runner's shares in percent, summed over its entries."""

    hold: float
    bet: float
    entries: int


class Amounts(NamedTuple):
    """What a step holds, in cents."""

    win: int
    place: int


class Instant(NamedTuple):
    """When a race was polled, in every form that is stored."""

    polled_at: str
    minutes: float
    latency_ms: int


def summed(data: Mapping[str, Any], count: Count) -> dict[str, Tracked]:
    """Shares by entrant id, foreign ones included; {} when the event has no money tracker."""
    tracker = data.get("money_tracker")
    if tracker is None:
        return {}
    listed = tracker.get("entrants") if isinstance(tracker, Mapping) else None
    if not isinstance(listed, list):
        count("skipped:money_tracker")
        return {}
    found: dict[str, Tracked] = {}
    for entry in listed:
        one = _entry(entry)
        if one is None:
            count("skipped:money_entry")
            continue
        hold, bet, entries = found.get(entry["entrant_id"], Tracked(0.0, 0.0, 0))
        found[entry["entrant_id"]] = Tracked(hold + one.hold, bet + one.bet, entries + 1)
    return found


def _entry(entry: Any) -> Tracked | None:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("entrant_id"), str):
        return None
    hold, bet = percentage(entry.get("hold_percentage")), percentage(entry.get("bet_percentage"))
    return None if hold is None or bet is None else Tracked(hold, bet, 1)


def own_runners(tracked: Mapping[str, Tracked], entrants: Iterable[str], count: Count) -> dict[str, Tracked]:
    """Only the runners of this race: the tracker also lists entrants of other markets."""
    known = set(entrants)
    for _ in tracked.keys() - known:
        count("skipped:foreign_entrant")
    return {entrant: shares for entrant, shares in tracked.items() if entrant in known}


def deviations(shares: Iterable[Tracked], pools: Pools) -> tuple[float, float]:
    """By how much the runners' amounts miss the totals of the win and the place pool; 0 to 1 and more."""
    held = sum(each.hold for each in shares) / 100
    win, place = (abs(held - 1) if total else 0.0 for total in (pools.win, pools.place))
    return win, place


def plausibility(shares: Iterable[Tracked], pools: Pools) -> int:
    """100 when the shares add up; 50 when there is no money they could be shares of."""
    if pools.win == 0 and pools.place == 0:
        return 50
    return max(0, nearest(100 - 50 * sum(deviations(shares, pools))))


def amounts_of(shares: Tracked, pools: Pools) -> Amounts:
    return Amounts(nearest(pools.win * shares.hold / 100), nearest(pools.place * shares.hold / 100))


def increments(now: Amounts, interval: int, earlier: Mapping[int, Amounts]) -> Amounts:
    """What came in since the step before: the latest of the earlier ones. `earlier` are a runner's steps.

    Without an earlier one everything counts in the first steps of the timeline, and nothing later on: what came in
    before we looked is not what came in now.
    """
    before = min((step for step in earlier if step > interval), default=None)
    if before is None:
        return now if interval >= BASELINE else Amounts(0, 0)
    return Amounts(now.win - earlier[before].win, now.place - earlier[before].place)


def flow_values(
    race: str,
    entrant: str,
    shares: Tracked,
    pools: Pools,
    instant: Instant,
    odds: Mapping[str, Any],
    earlier: Mapping[int, Amounts],
    score: int,
) -> dict[str, Any]:
    """The document of one runner and one step; its id is `bucket_identity(entrant, interval)`."""
    interval = interval_at(instant.minutes)
    amounts = amounts_of(shares, pools)
    step = increments(amounts, interval, earlier)
    return {
        "raceId": race,
        "entrant": entrant,
        "entrantId": entrant,
        "type": KIND,
        "poolType": POOL_TYPE,
        "holdPercentage": shares.hold,
        "betPercentage": shares.bet,
        "eventTimestamp": instant.polled_at,
        "pollingTimestamp": instant.polled_at,
        "pollingLatencyMs": instant.latency_ms,
        "timeToStart": nearest(instant.minutes),
        "timeInterval": interval,
        "intervalType": interval_type(interval),
        "winPoolAmount": amounts.win,
        "placePoolAmount": amounts.place,
        "totalPoolAmount": pools.win + pools.place,
        "winPoolPercentage": _share(amounts.win, pools.win),
        "placePoolPercentage": _share(amounts.place, pools.place),
        "incrementalAmount": step.win,
        "incrementalWinAmount": step.win,
        "incrementalPlaceAmount": step.place,
        "rawPollingData": {
            "entrant_id": entrant,
            "hold_percentage": shares.hold,
            "bet_percentage": shares.bet,
            "entries": shares.entries,
        },
        "dataQualityScore": score,
        "mathematicallyConsistent": pools.win > 0 and pools.place > 0,
        "isStale": False,
        "isConsolidated": False,
        **{key: odds.get(key) for key in ("fixedWinOdds", "fixedPlaceOdds", "poolWinOdds", "poolPlaceOdds")},
    }


def is_same(document: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> bool:
    """Whether the step holds already what a later poll found."""
    return earlier is not None and all(key in WHEN or earlier.get(key) == value for key, value in document.items())


def _share(amount: int, total: int) -> float | None:
    return round(100 * amount / total, 2) if total else None

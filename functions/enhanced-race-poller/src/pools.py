"""Money and prices out of an answer: a race's pools in cents, and the documents of prices that changed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

#: No pool of a race comes near it; beyond it cents would not fit the database.
MOST_DOLLARS = 1e12


def number(value: Any) -> float | None:
    """A finite number, also when it came as text; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def percentage(value: Any) -> float | None:
    """A share between 0 and 100."""
    found = number(value)
    return found if found is not None and 0 <= found <= 100 else None


def dollars(value: Any) -> float | None:
    """An amount of money that is possible."""
    found = number(value)
    return found if found is not None and 0 <= found <= MOST_DOLLARS else None


def nearest(value: float) -> int:
    """The nearest whole number, halves upwards."""
    return math.floor(value + 0.5)


def cents(amount: float) -> int:
    """Whole cents of an amount in dollars."""
    return nearest(amount * 100)


Count = Callable[[str], None]

#: Attribute of `race-pools` by product type. Multi-leg bets (`EarlyQuadrella`, …) count only towards the grand total.
ATTRIBUTES = {
    "Win": "winPoolTotal",
    "Place": "placePoolTotal",
    "Quinella": "quinellaPoolTotal",
    "Trifecta": "trifectaPoolTotal",
    "Exacta": "exactaPoolTotal",
    "First 4": "first4PoolTotal",
    "First Four": "first4PoolTotal",
    "FirstFour": "first4PoolTotal",
}


class Pools(NamedTuple):
    """Cents by attribute, those without a type of their own in `other`."""

    totals: Mapping[str, int]
    other: int

    @property
    def win(self) -> int:
        return self.totals.get("winPoolTotal", 0)

    @property
    def place(self) -> int:
        return self.totals.get("placePoolTotal", 0)

    @property
    def total(self) -> int:
        return sum(self.totals.values()) + self.other


def pools_of(data: Mapping[str, Any], count: Count) -> Pools | None:
    """The pools of an event; None when it has none (many foreign meetings are not on the tote) or no usable one."""
    listed = data.get("tote_pools")
    if not isinstance(listed, list):
        if listed is not None:
            count("skipped:tote_pools")
        return None
    totals: dict[str, int] = {}
    other, usable = 0, False
    for pool in listed:
        amount = dollars(pool.get("total")) if isinstance(pool, Mapping) else None
        if amount is None or not isinstance(pool.get("product_type"), str):
            count("skipped:tote_pool")
            continue
        usable = True
        attribute = ATTRIBUTES.get(pool["product_type"])
        if attribute is None:
            other += cents(amount)
        else:
            if attribute in totals:
                count("duplicate:tote_pool")
            # A pool only grows: of two rows of one type the larger is the later.
            totals[attribute] = max(cents(amount), totals.get(attribute, 0))
    return Pools(totals, other) if usable else None


def pool_values(race: str, pools: Pools, polled_at: str) -> dict[str, Any]:
    """The `race-pools` document. All totals are stated, so that a pool which is withdrawn does not keep its old one."""
    attributes = dict.fromkeys(ATTRIBUTES.values(), 0)
    return {
        "raceId": race,
        **attributes,
        **pools.totals,
        "totalRacePool": pools.total,
        "currency": "$",
        "lastUpdated": polled_at,
    }


#: `type` of `odds-history` by attribute of `entrants`.
TYPES = {
    "fixedWinOdds": "fixed_win",
    "fixedPlaceOdds": "fixed_place",
    "poolWinOdds": "pool_win",
    "poolPlaceOdds": "pool_place",
}


def odds_changes(
    entrant: str, before: Mapping[str, Any], after: Mapping[str, Any], polled_at: str
) -> dict[str, dict[str, Any]]:
    """The `odds-history` documents of one runner by id. A price that is withdrawn (none, or 0) has no document."""
    found: dict[str, dict[str, Any]] = {}
    for attribute, kind in TYPES.items():
        price = number(after.get(attribute))
        if price is None or price <= 0 or price == number(before.get(attribute)):
            continue
        found[_identity(entrant, kind, polled_at)] = {
            "entrant": entrant,
            "type": kind,
            "odds": price,
            "eventTimestamp": polled_at,
        }
    return found


def _identity(entrant: str, kind: str, polled_at: str) -> str:
    """The same for a repeated write, so that it makes no double."""
    return hashlib.sha256(f"{entrant}|{kind}|{polled_at}".encode()).hexdigest()[:36]

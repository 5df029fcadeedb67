"""The totals of a race's pools: dollars upstream, cents in `race-pools`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .figures import cents, dollars

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

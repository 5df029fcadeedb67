"""The history of odds: one document for each price that changed, and none for a price that did not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from .figures import number

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

"""The money tracker: which entrant holds how much of the money, in the API's roundabout way.

The list has several entries per entrant, to be summed, in whole percent, and entrants that are not in the field.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import accumulate, pairwise
from math import sqrt
from typing import Any

from .chance import dice
from .fields import field_of
from .markets import TOTE_OPENS, Market
from .model import Race


@dataclass(frozen=True)
class _Plan:
    """How the entries of a race are laid out: `cuts` are the limits between an entrant's entries, from 0 to 1."""

    cuts: tuple[tuple[float, ...], ...]
    order: tuple[int, ...]


@lru_cache(maxsize=512)
def _plan(race: Race) -> _Plan:
    draw = dice(race.seed, race.id, "tracker")
    cuts = []
    for _runner in field_of(race).runners:
        weights = [draw.choice((0.0, 0.5, 1.0, 2.0, 4.0)) for _ in range(draw.randint(7, 9))] + [1.0]
        cuts.append((0.0, *(part / sum(weights) for part in accumulate(weights))))
    count = sum(len(cut) - 1 for cut in cuts) + len(field_of(race).strangers)
    return _Plan(tuple(cuts), tuple(draw.sample(range(count), count)))


def tracker_of(race: Race, market: Market, moment: datetime) -> dict[str, Any]:
    """Nobody has bet yet more than 20 hours before the start."""
    if moment < race.start - TOTE_OPENS:
        return {"entrants": []}
    field = field_of(race)
    plan = _plan(race)
    own = 1 - sum(share for _id, share in field.strangers)
    bets = [sqrt(share) for share in market.shares]
    entries = []
    for runner, share, bet, cuts in zip(field.runners, market.shares, _parts(bets), plan.cuts, strict=True):
        holds = _split(round(100 * share * own), cuts)
        entries += [_entry(runner.id, *pair) for pair in zip(holds, _split(round(100 * bet), cuts), strict=True)]
    entries += [_entry(stranger, round(100 * share), 0) for stranger, share in field.strangers]
    return {"entrants": [entries[place] for place in plan.order]}


def _parts(values: Iterable[float]) -> list[float]:
    values = list(values)
    total = sum(values)
    return [value / total for value in values]


def _split(total: int, cuts: tuple[float, ...]) -> list[int]:
    """Whole numbers that sum to `total`."""
    return [round(total * after) - round(total * before) for before, after in pairwise(cuts)]


def _entry(entrant: str, hold: int, bet: int) -> dict[str, Any]:
    return {"entrant_id": entrant, "hold_percentage": hold, "bet_percentage": bet}

"""How a race ends: the placings and what they pay. Both are known from the start and shown when they are due."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .chance import dice, made_id
from .fields import Runner, field_of
from .markets import final_pools, market_of, plain
from .model import Race
from .recording import recorded_event

#: Lengths behind the horse in front, and how the judge writes them.
MARGINS = (
    *((0.1, "NSE"), (0.2, "HD"), (0.4, "LG NK"), (0.5, "1/2L")),
    *((1, "1L"), (1.8, "1-3/4L"), (2.3, "2-1/4L"), (3, "3L")),
)
EXOTIC_KEEPS = 0.22


@lru_cache(maxsize=512)
def results_of(race: Race) -> list[dict[str, Any]]:
    """One entry per runner that started, the winner first. Not to be changed by the caller."""
    if race.is_recorded:
        recorded: list[dict[str, Any]] = recorded_event()["results"]
        return recorded
    draw = dice(race.seed, race.id, "results")
    time = round(race.distance / draw.uniform(12.5, 16.5), 2)
    behind = 0.0
    results = []
    for position, runner in enumerate(field_of(race).finish, 1):
        result = {"position": position, "name": runner.name, "barrier": runner.barrier, "runner_number": runner.number}
        if position == 1:
            tail: dict[str, Any] = {"winning_time": time, "time_ran": time}
        else:
            lengths, words = draw.choice(MARGINS)
            behind += lengths
            tail = {"positional_margin": words}
        results.append({**result, "margin_length": plain(round(behind, 1)), "entrant_id": runner.id, **tail})
    return results


@lru_cache(maxsize=512)
def dividends_of(race: Race) -> list[dict[str, Any]]:
    """The rows of both statuses, `Interim` and `Final`, in no order. Not to be changed by the caller."""
    if race.is_recorded:
        recorded: list[dict[str, Any]] = recorded_event()["dividends"]
        return recorded
    pools = final_pools(race)
    if not pools:
        return []
    rows = [
        _row(race, status, product, size, dividend, winners)
        for status in ("Interim", "Final")
        for product, size, dividend, winners in _payments(race, pools)
    ]
    dice(race.seed, race.id, "dividends").shuffle(rows)
    return rows


def _payments(race: Race, pools: dict[str, tuple[float, float]]) -> list[tuple[str, float, float, list[Runner]]]:
    """Product, pool size, dividend, runners: win, two or three places, and the exotic bets."""
    field = field_of(race)
    market = market_of(race, race.timeline.dividends)
    prices = {runner.id: price for runner, price in zip(field.runners, market.prices, strict=True)}
    shares = {runner.id: share for runner, share in zip(field.runners, market.shares, strict=True)}
    order = field.finish
    paid = [("Pool Win", pools["Win"][0], prices[order[0].id].pool_win or 0, [order[0]])]
    for runner in order[: places_paid(len(order))]:
        paid.append(("Pool Place", pools["Place"][0], prices[runner.id].pool_place or 0, [runner]))
    for product, kind, count, ways in (
        ("Pool Quinella", "Quinella", 2, 2),
        ("Pool Trifecta", "Trifecta", 3, 1),
        ("Pool First4", "FirstFour", 4, 1),
    ):
        winners = list(order[:count])
        most = pools[kind][0] * (1 - EXOTIC_KEEPS)
        chance = _chance([shares[runner.id] for runner in winners]) * ways
        dividend = plain(round(min((1 - EXOTIC_KEEPS) / chance, most), 1))
        paid.append((product, pools[kind][0], dividend, winners))
    return paid


def places_paid(starters: int) -> int:
    return 3 if starters >= 8 else 2


def _chance(shares: list[float]) -> float:
    """Of these runners finishing in this order."""
    chance, rest = 1.0, 1.0
    for share in shares:
        chance *= share / rest
        rest = max(rest - share, 0.01)
    return max(chance, 1e-6)


def _row(race: Race, status: str, product: str, size: float, dividend: float, winners: list[Runner]) -> dict[str, Any]:
    description = ":".join(str(runner.number) for runner in winners)
    return {
        "id": made_id(race.id, status, product, description),
        "tote": "NZ",
        "product_name": product,
        "status": status,
        "dividend": dividend,
        "pool_size": size,
        "jackpot_size": 0,
        "positions": [
            {"runner_number": runner.number, "position": position} for position, runner in enumerate(winners, 1)
        ],
        "description": description,
    }

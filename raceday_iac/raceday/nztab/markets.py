"""What the market of a race says at an instant: shares of the money, odds and pools.

All of it moves in steps, as a tote's screens do: every two minutes at first, every 20 seconds in the last hour. Pools
grow until the jump, settle within three minutes after it and then stand still.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import accumulate, pairwise
from math import sqrt
from typing import Any

from .cards import recorded_event
from .fields import Field, Runner, field_of
from .model import Race, dice

#: Seconds after the jump until all money is counted, and the share of the pools that comes in that time.
SETTLING = 180
UNCOUNTED = 0.06
#: Money comes early and late: half of it is there so many seconds before the jump.
HALF_WAY = 600
#: Before this no tote betting is reported.
TOTE_OPENS = timedelta(hours=20)
#: What the tote keeps of a pool.
WIN_KEEPS, PLACE_KEEPS = 0.155, 0.2
#: The share in the money of a runner that will be scratched, until it is.
DOOMED_SHARE = 0.03

#: Pools of every race with tote betting and their usual size against the win pool.
POOLS = {"Win": 1.0, "Place": 0.43, "Quinella": 0.58, "Trifecta": 0.87, "FirstFour": 0.5}
#: Pools that begin with the first race of their legs, and where the meeting names these.
LEG_POOLS = {"EarlyQuadrella": "early_quaddie", "Quadrella": "quaddie"}
GROUP_POOLS = {"RunningDouble": "tote_running_double", "Treble": "tote_treble"}


@dataclass(frozen=True)
class Price:
    """Odds of one runner. Those of the tote are None while it does not bet on it."""

    fixed_win: float
    fixed_place: float
    pool_win: float | None
    pool_place: float | None


@dataclass(frozen=True)
class Market:
    """`shares` and `prices` follow the order of the field's runners; a scratched one has share 0 and price 0."""

    tick: int
    progress: float
    shares: tuple[float, ...]
    prices: tuple[Price, ...]
    favourite: Runner
    mover: Runner


def market_of(race: Race, instant: datetime) -> Market:
    tick, progress = _progress(race, instant)
    runners = field_of(race).runners
    shares = _shares(runners, progress, instant)
    tote_bets = race.meeting.tote is not None and instant >= race.start - TOTE_OPENS
    prices = tuple(_price(runner, share, instant, tote_bets) for runner, share in zip(runners, shares, strict=True))
    live = [(runner, price) for runner, price in zip(runners, prices, strict=True) if price.fixed_win]
    favourite = min(live, key=lambda pair: (pair[1].fixed_win, pair[0].number))[0]
    mover = min(live, key=lambda pair: (pair[1].fixed_win / pair[0].prices[0][1], pair[0].number))[0]
    return Market(tick, progress, shares, prices, favourite, mover)


def pools_of(race: Race, instant: datetime) -> dict[str, float]:
    """Dollars by pool type; empty where there is no tote betting."""
    _tick, progress = _progress(race, instant)
    return {kind: round(total * progress**pace, 2) for kind, (total, pace) in final_pools(race).items()}


@lru_cache(maxsize=512)
def final_pools(race: Race) -> dict[str, tuple[float, float]]:
    """By pool type: the total in the end, and how late its money comes (1 is as all)."""
    if race.is_recorded:
        return {pool["product_type"]: (pool["total"], 1.0) for pool in recorded_event()["tote_pools"]}
    if race.meeting.tote is None:
        return {}
    draw = dice(race.seed, race.id, "pools")
    win = draw.lognormvariate(9.3, 0.6)
    sizes = POOLS | dict.fromkeys(_leg_pools(race), 0.9)
    return {
        kind: (round(win * size * draw.uniform(0.7, 1.3), 2), draw.uniform(0.9, 1.25)) for kind, size in sizes.items()
    }


def _leg_pools(race: Race) -> list[str]:
    extras = race.meeting.extras
    kinds = [kind for kind, key in LEG_POOLS.items() if extras.get(key, [None])[0] == race.number]
    kinds += [kind for kind, key in GROUP_POOLS.items() if any(legs[0] == race.number for legs in extras.get(key, []))]
    return kinds


def _progress(race: Race, instant: datetime) -> tuple[int, float]:
    """The number of the step, and the share of the money that is in, from 0 to 1."""
    abandoned = race.timeline.abandoned
    if abandoned is not None:
        instant = min(instant, abandoned)
    left = (race.timeline.jump - instant).total_seconds()
    if left > 0:
        step = 120 if left > 3600 else 20
        # Rounded up, because what is not there yet is not shown.
        shown = -(-left // step) * step
        return -int(shown), (1 - UNCOUNTED) / (1 + shown / HALF_WAY)
    after = min(-left // 30 * 30, SETTLING)
    return int(after), 1 - UNCOUNTED * (1 - after / SETTLING)


def _shares(runners: tuple[Runner, ...], progress: float, instant: datetime) -> tuple[float, ...]:
    """Each runner's share of the win pool at this stage; together 1."""
    shares = []
    for runner in runners:
        if runner.is_scratched_at(instant):
            shares.append(0.0)
        elif runner.scratched is not None:
            shares.append(DOOMED_SHARE)
        else:
            shares.append(runner.early + (runner.late - runner.early) * progress)
    total = sum(shares)
    return tuple(share / total for share in shares)


def _price(runner: Runner, share: float, instant: datetime, tote_bets: bool) -> Price:
    if not share:
        return Price(0, 0, None, None)
    fixed = runner.prices[0][1]
    for since, price in runner.prices:
        if since > instant:
            break
        fixed = price
    pool_win = max(round((1 - WIN_KEEPS) / share, 1), 1.0)
    return Price(
        fixed_win=fixed,
        fixed_place=place_price(fixed, 2),
        pool_win=plain(min(pool_win, 999.9)) if tote_bets else None,
        pool_place=place_price(min(pool_win, 999.9), 1) if tote_bets else None,
    )


def place_price(win: float, digits: int) -> float:
    return plain(round(1 + (win - 1) * (1 - PLACE_KEEPS) / 4, digits))


def plain(value: float) -> float:
    """The API writes 5, not 5.0."""
    return int(value) if value == int(value) else value


# The tote pools of an event as the API writes them at an instant.


#: Pools whose trend the API gives, and the tote's name of them.
TRENDS = {"Trifecta": "TFA", "FirstFour": "FT4", "EarlyQuadrella": "QAD", "Quadrella": "QAD"}


def pools_at(race: Race, market: Market, instant: datetime, will_pays: bool, full: bool) -> list[dict[str, Any]]:
    """In another order each time the numbers move, as the API's own order is random."""
    if instant < race.start - TOTE_OPENS:
        return []
    status = race.timeline.status_at(instant)
    pools = [
        _pool(race, market, kind, total, status, will_pays, full) for kind, total in pools_of(race, instant).items()
    ]
    dice(race.seed, race.id, "order", market.tick).shuffle(pools)
    return pools


def _pool(
    race: Race, market: Market, kind: str, total: float, status: str, will_pays: bool, full: bool
) -> dict[str, Any]:
    is_multi_leg = kind in LEG_POOLS or kind in GROUP_POOLS
    pool: dict[str, Any] = {
        "product_type": kind,
        "total": plain(total),
        "status": "OPEN" if status == "Open" else "CLOSED",
        "guarantee": 0,
        "brought_forward": 0,
        "terminating": False,
        "jackpot": 0,
        "leg": 0,
        "is_commingled": not is_multi_leg,
        "commingled_info": not is_multi_leg,
        "is_concession": False,
        "is_final": status == "Final",
        "win_investment": str(int(total * 2.5)),
        "will_pay_live_units": 0,
        "will_pay_current_leg": 0,
    }
    if is_multi_leg:
        del pool["is_final"]
    if kind in LEG_POOLS:
        pool[LEG_POOLS[kind]] = race.meeting.extras[LEG_POOLS[kind]]
        if will_pays:
            pool["will_pays"] = _will_pays(market, total, field_of(race))
    if kind == "Quinella":
        pool["qla_odds"] = _quinella_odds(market)
    if kind in TRENDS:
        pool["tote_trends"] = _trend(race, market, kind, total, full)
    return pool


def _will_pays(market: Market, total: float, field: Field) -> list[dict[str, Any]]:
    return [
        {"odds": plain(round(min(total, total * 0.02 / share), 1)), "sel": runner.number}
        for runner, share in zip(field.runners, market.shares, strict=True)
        if share
    ]


def _quinella_odds(market: Market) -> list[dict[str, Any]]:
    """The odds of every pair; each row is one text."""
    prices = [price.pool_win or 0 for price in market.prices]
    ranks = {place: rank for rank, place in enumerate(sorted(range(len(prices)), key=prices.__getitem__), 1)}
    rows = []
    for place, price in enumerate(prices):
        odds = "|".join("-" if other == place else f"{price * prices[other] / 2.2:.2f}" for other in range(len(prices)))
        rows.append({"favouritism": ranks[place], "sel": place + 1, "oddsString": odds})
    return rows


def _trend(race: Race, market: Market, kind: str, total: float, full: bool) -> dict[str, Any]:
    """The runners' own investments, the long part of it, only in full answers."""
    runners = _trend_runners(race, market, total) if full else ""
    letter = {"T": "R", "H": "H", "G": "G"}[race.meeting.category]
    text = (
        f"<meetings>\r\n  <date>{race.meeting.tote_day}</date>\r\n"
        f'  <meeting meeting_number="{race.meeting.tote}" meeting_type="{letter}">\r\n'
        f'    <race race_number="{race.number}">\r\n      <bet_types>\r\n        <bet_type type="{TRENDS[kind]}">\r\n'
        f"          <pool_total>{total:.2f}</pool_total>\r\n{runners}"
        "        </bet_type>\r\n      </bet_types>\r\n    </race>\r\n  </meeting>\r\n</meetings>\r\n"
    )
    trend: dict[str, Any] = {"pool_total": plain(total)}
    if kind in LEG_POOLS:
        last = race.start + timedelta(minutes=105)
        trend["final_leg_start_time"] = f"{last:%Y-%m-%d %H:%M}"
    return {**trend, "tote_trends_data": text}


def _trend_runners(race: Race, market: Market, total: float) -> str:
    lines = [
        f'            <runner runner_number="{runner.number}">\r\n'
        f"              <runner_scratched>{not share}</runner_scratched>\r\n"
        f"              <runner_name>{runner.name}</runner_name>\r\n"
        f"              <runner_investment1>{total * share:.2f}</runner_investment1>\r\n"
        "            </runner>\r\n"
        for runner, share in zip(field_of(race).runners, market.shares, strict=True)
    ]
    return f'          <runners race_number="{race.number}">\r\n{"".join(lines)}          </runners>\r\n'


# The money tracker: which entrant holds how much of the money, in the API's roundabout way.
#
# The list has several entries per entrant, to be summed, in whole percent, and entrants that are not in the field.


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


def tracker_of(race: Race, market: Market, instant: datetime) -> dict[str, Any]:
    """Nobody has bet yet more than 20 hours before the start."""
    if instant < race.start - TOTE_OPENS:
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

"""What the market of a race says at a moment: shares of the money, odds and pools.

All of it moves in steps, as a tote's screens do: every two minutes at first, every 20 seconds in the last hour. Pools
grow until the jump, settle within three minutes after it and then stand still.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from .chance import dice
from .fields import Runner, field_of
from .model import Race
from .recording import recorded_event

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


def market_of(race: Race, moment: datetime) -> Market:
    tick, progress = _progress(race, moment)
    runners = field_of(race).runners
    shares = _shares(runners, progress, moment)
    tote_bets = race.meeting.tote is not None and moment >= race.start - TOTE_OPENS
    prices = tuple(_price(runner, share, moment, tote_bets) for runner, share in zip(runners, shares, strict=True))
    live = [(runner, price) for runner, price in zip(runners, prices, strict=True) if price.fixed_win]
    favourite = min(live, key=lambda pair: (pair[1].fixed_win, pair[0].number))[0]
    mover = min(live, key=lambda pair: (pair[1].fixed_win / pair[0].prices[0][1], pair[0].number))[0]
    return Market(tick, progress, shares, prices, favourite, mover)


def pools_of(race: Race, moment: datetime) -> dict[str, float]:
    """Dollars by pool type; empty where there is no tote betting."""
    _tick, progress = _progress(race, moment)
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


def _progress(race: Race, moment: datetime) -> tuple[int, float]:
    """The number of the step, and the share of the money that is in, from 0 to 1."""
    abandoned = race.timeline.abandoned
    if abandoned is not None:
        moment = min(moment, abandoned)
    left = (race.timeline.jump - moment).total_seconds()
    if left > 0:
        step = 120 if left > 3600 else 20
        # Rounded up, for what is not there yet is not shown.
        shown = -(-left // step) * step
        return -int(shown), (1 - UNCOUNTED) / (1 + shown / HALF_WAY)
    after = min(-left // 30 * 30, SETTLING)
    return int(after), 1 - UNCOUNTED * (1 - after / SETTLING)


def _shares(runners: tuple[Runner, ...], progress: float, moment: datetime) -> tuple[float, ...]:
    """Each runner's share of the win pool at this stage; together 1."""
    shares = []
    for runner in runners:
        if runner.is_scratched_at(moment):
            shares.append(0.0)
        elif runner.scratched is not None:
            shares.append(DOOMED_SHARE)
        else:
            shares.append(runner.early + (runner.late - runner.early) * progress)
    total = sum(shares)
    return tuple(share / total for share in shares)


def _price(runner: Runner, share: float, moment: datetime, tote_bets: bool) -> Price:
    if not share:
        return Price(0, 0, None, None)
    fixed = runner.prices[0][1]
    for since, price in runner.prices:
        if since > moment:
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

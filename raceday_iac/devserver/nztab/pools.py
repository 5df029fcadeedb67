"""The tote pools of an event as the API writes them at a moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from .chance import dice
from .fields import Field, field_of
from .markets import GROUP_POOLS, LEG_POOLS, TOTE_OPENS, Market, plain, pools_of
from .model import Race

#: Pools whose trend the API tells, and the tote's name of them.
TRENDS = {"Trifecta": "TFA", "FirstFour": "FT4", "EarlyQuadrella": "QAD", "Quadrella": "QAD"}


def pools_at(race: Race, market: Market, moment: datetime, will_pays: bool, full: bool) -> list[dict[str, Any]]:
    """In another order each time the numbers move, as the API's own order is random."""
    if moment < race.start - TOTE_OPENS:
        return []
    status = race.timeline.status_at(moment)
    pools = [
        _pool(race, market, kind, total, status, will_pays, full) for kind, total in pools_of(race, moment).items()
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

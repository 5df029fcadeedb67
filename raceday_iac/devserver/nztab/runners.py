"""The runners of an event as the API writes them at a moment."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from .chance import dice, made_id
from .fields import Runner, field_of
from .markets import Market, Price
from .model import NZ, Race
from .recording import heavy_blocks

#: What `favourite` and `mover` lack beside an entry of `runners`, in the recording.
NOT_REPEATED = frozenset(
    "picks ride_guide_exists ride_guide_file ride_guide_thumbnail flucs flucs_with_timestamp meta scr_time "
    "competitor_id".split()
)
#: Share of races whose favourite is that of another market, with an entrant id that is not in the field.
FOREIGN_FAVOURITES = 0.1


def runners_at(race: Race, market: Market, moment: datetime, full: bool) -> list[dict[str, Any]]:
    """All runners by number, the scratched ones among them. `full` adds the form of horse and jockey."""
    nine = datetime.combine(race.meeting.day, time(9), NZ).astimezone(UTC)
    return [
        {
            **runner.facts,
            **(heavy_blocks(place) if full else {}),
            **_moving(runner, price, market, min(moment, race.timeline.jump), nine),
            **_scratching(runner, moment),
        }
        for place, (runner, price) in enumerate(zip(field_of(race).runners, market.prices, strict=True))
    ]


def _moving(runner: Runner, price: Price, market: Market, moment: datetime, nine: datetime) -> dict[str, Any]:
    odds = {"fixed_win": price.fixed_win, "fixed_place": price.fixed_place}
    if price.pool_win is not None and price.pool_place is not None:
        odds |= {"pool_win": price.pool_win, "pool_place": price.pool_place}
    history = [(since, value) for since, value in runner.prices if since <= moment] or list(runner.prices[:1])
    entries: list[dict[str, Any]] = [{"timestamp": _stamp(since), "fluc": value} for since, value in history]
    by_price = sorted(entries, key=lambda entry: entry["fluc"])
    flucs: dict[str, Any] = {"last_six": entries[-6:], "open": entries[0], "high": by_price[-1], "low": by_price[0]}
    if moment >= nine:
        early = [entry for entry, (since, _value) in zip(entries, history, strict=True) if since <= nine]
        flucs["nine_am"] = early[-1] if early else entries[0]
    return {
        "odds": odds,
        "favourite": runner is market.favourite,
        "mover": runner is market.mover,
        "flucs": [value for _since, value in history[-6:]],
        "flucs_with_timestamp": flucs,
    }


def _stamp(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _scratching(runner: Runner, moment: datetime) -> dict[str, Any]:
    if not runner.is_scratched_at(moment) or runner.scratched is None:
        return {"is_scratched": False, "is_late_scratched": False, "scratch_time": 0}
    return {
        "is_scratched": True,
        "is_late_scratched": runner.is_late_scratched,
        "scratch_time": int(runner.scratched.timestamp()),
    }


def favourite_at(race: Race, market: Market, runners: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole runner once more; it does not call itself the favourite (as recorded)."""
    favourite = {**_again(runners[market.favourite.number - 1]), "favourite": False}
    if not race.is_recorded and dice(race.seed, race.id, "favourite").random() < FOREIGN_FAVOURITES:
        foreign = made_id(race.id, "favourite")
        return {**favourite, "entrant_id": foreign, "market_name": "Live Racing", "primary_market": False}
    return favourite


def mover_at(market: Market, runners: list[dict[str, Any]]) -> dict[str, Any]:
    return _again(runners[market.mover.number - 1])


def _again(runner: dict[str, Any]) -> dict[str, Any]:
    speedmap = {key: value for key, value in runner["speedmap"].items() if key != "label"}
    return {key: value for key, value in runner.items() if key not in NOT_REPEATED} | {"speedmap": speedmap}

"""The answer to `/events/{id}`: one race with its runners, market and results at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import lru_cache
from typing import Any

from .cards import heavy_blocks, recorded_event
from .fields import RaceState, Runner, field_of, state_of
from .markets import Market, Price, final_pools, market_of, plain, pools_at, tracker_of
from .model import NZ, Race, dice, made_id

COMMENT = (
    "{0} ({1}) ran home well last time and meets a field it can beat. {2} ({3}) is fitter for the last run and will be "
    "hard to hold out from the draw. {4} ({5}) steps up in distance, which is to its liking; include it in all "
    "combinations."
)


@dataclass(frozen=True)
class Wants:
    """The parts of an event that a request may ask for; what is not asked for is null."""

    tote_trends: bool = False
    money_tracker: bool = False
    big_bets: bool = False
    biggest_bet: bool = False
    live_bets: bool = False
    will_pays: bool = False


ALL = Wants(True, True, True, True, True, True)


def event_at(race: Race, instant: datetime, wants: Wants = ALL, full: bool = False) -> dict[str, Any]:
    """The `data` of the answer. Lists of results and dividends are shared between answers: copy before changing."""
    state = state_of(race, instant)
    market = market_of(race, instant)
    runners = runners_at(race, market, instant, full)
    return {
        "race": _race(race, state, instant),
        "results": results_of(race) if state.has_results else [],
        "dividends": [row for row in dividends_of(race) if row["status"] in state.dividends],
        "substitutions": _substitutions(race, state),
        "favourite": favourite_at(race, market, runners),
        "runners": runners,
        "derivatives": None,
        "mover": mover_at(market, runners),
        "big_bets": [] if wants.big_bets else None,
        "live_bets": [] if wants.live_bets else None,
        "biggest_bet": {} if wants.biggest_bet else None,
        "money_tracker": tracker_of(race, market, instant) if wants.money_tracker else None,
        "tote_pools": pools_at(race, market, instant, wants.will_pays, full) if wants.tote_trends else None,
        "error": "",
    }


def _substitutions(race: Race, state: RaceState) -> list[dict[str, Any]]:
    """Once betting is over: the runner that stands in for scratched ones, the favourite of the tote."""
    if race.meeting.tote is None or state.status not in ("Closed", "Interim", "Final"):
        return []
    market = market_of(race, race.timeline.dividends)
    best = max(range(len(market.shares)), key=market.shares.__getitem__)
    return [{"entrant_id": field_of(race).runners[best].id, "tote": "NZ", "product_name": "Pool Win"}]


def _race(race: Race, state: RaceState, instant: datetime) -> dict[str, Any]:
    # The recordings show the true start of races that were run; before the jump we assume the advertised one.
    actual = race.timeline.jump if state.status in ("Closed", "Interim", "Final") else race.start
    runners = field_of(race).runners
    return {
        **_constant(race),
        "status": state.status,
        "actual_start": int(actual.timestamp()),
        "actual_start_string": start_text(actual),
        "weather": state.weather,
        "track_condition": state.track_condition,
        "field_size": sum(not runner.is_scratched_at(instant) for runner in runners),
    }


def start_text(instant: datetime) -> str:
    """`2025-07-17 00:52:46 +0000 UTC`, which is not ISO 8601."""
    return f"{instant:%Y-%m-%d %H:%M:%S} +0000 UTC"


@lru_cache(maxsize=512)
def _constant(race: Race) -> dict[str, Any]:
    """What does not move. Keys that are not named here are as recorded."""
    recorded: dict[str, Any] = recorded_event()["race"]
    if race.is_recorded:
        return recorded
    facts = race.meeting
    field = field_of(race)
    draw = dice(race.seed, race.id, "race")
    is_harness = facts.category == "H"
    return {
        **recorded,
        "event_id": race.id,
        "meeting_name": facts.name,
        "display_meeting_name": facts.name,
        "meeting_id": facts.id,
        "description": race.name,
        "advertised_start": int(race.start.timestamp()),
        "advertised_start_string": start_text(race.start),
        "race_date_nz": str(facts.day),
        "start_time_nz": f"{race.start.astimezone(NZ):%H:%M:%S %Z}",
        "race_number": race.number,
        "type": facts.category,
        "start_type": draw.choice(("Mobile", "Stand")) if is_harness else "",
        "country": facts.country,
        "state": facts.state,
        "distance": race.distance,
        "comment": _comment(race),
        "track_direction": draw.choice(("Left", "Right")),
        "track_surface": "Synthetic" if race.track.first == "Synthetic" else "Turf",
        "track_circumference": draw.randint(1000, 2200),
        "track_home_straight": draw.randint(250, 500),
        "silk_url": f"https://silks.invalid/{race.id}.png",
        "entrant_count": len(field.runners),
        "positions_paid": places_paid(len(field.finish)),
        "video_channels": facts.extras.get("video_channels", []),
        "video_channels_meta": {},
        "tips": [runner.id for runner in field.finish[:4]],
        "rail_position": draw.choice(("True", "Out 3m", "Out 6m entire circuit")),
        "class": draw.choice(("Rating 60 HCP", "MDN", "BM64", "R45-49")),
        "prize_monies": _prizes(draw.choice((8000, 14_000, 17_000, 35_000, 80_000))),
        "ffwin_option_number": draw.choice((0, draw.randint(100, 999))),
        "fftop3_option_number": 0,
        "gait": draw.choice(("Pace", "Trot")) if is_harness else "",
        "mile_rate_400": "29.1" if is_harness else "",
        "mile_rate_800": "58.4" if is_harness else "",
    }


def _comment(race: Race) -> str:
    reported = [part for runner in field_of(race).finish[:3] for part in (runner.name.upper(), runner.number)]
    return COMMENT.format(*reported)


def _prizes(total: int) -> dict[str, int]:
    shares = (0.56, 0.18, 0.09, 0.05, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02)
    names = ("1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "10th")
    return {**{name: int(total * share) for name, share in zip(names, shares, strict=True)}, "total_value": total}


# The runners of an event as the API writes them at an instant.


#: What `favourite` and `mover` lack beside an entry of `runners`, in the recording.
NOT_REPEATED = frozenset(
    "picks ride_guide_exists ride_guide_file ride_guide_thumbnail flucs flucs_with_timestamp meta scr_time "
    "competitor_id".split()
)
#: Share of races whose favourite is that of another market, with an entrant id that is not in the field.
FOREIGN_FAVOURITES = 0.1


def runners_at(race: Race, market: Market, instant: datetime, full: bool) -> list[dict[str, Any]]:
    """All runners by number, the scratched ones among them. `full` adds the form of horse and jockey."""
    nine = datetime.combine(race.meeting.day, time(9), NZ).astimezone(UTC)
    return [
        {
            **runner.facts,
            **(heavy_blocks(place) if full else {}),
            **_moving(runner, price, market, min(instant, race.timeline.jump), nine),
            **_scratching(runner, instant),
        }
        for place, (runner, price) in enumerate(zip(field_of(race).runners, market.prices, strict=True))
    ]


def _moving(runner: Runner, price: Price, market: Market, instant: datetime, nine: datetime) -> dict[str, Any]:
    odds = {"fixed_win": price.fixed_win, "fixed_place": price.fixed_place}
    if price.pool_win is not None and price.pool_place is not None:
        odds |= {"pool_win": price.pool_win, "pool_place": price.pool_place}
    history = [(since, value) for since, value in runner.prices if since <= instant] or list(runner.prices[:1])
    entries: list[dict[str, Any]] = [{"timestamp": _stamp(since), "fluc": value} for since, value in history]
    by_price = sorted(entries, key=lambda entry: entry["fluc"])
    flucs: dict[str, Any] = {"last_six": entries[-6:], "open": entries[0], "high": by_price[-1], "low": by_price[0]}
    if instant >= nine:
        early = [entry for entry, (since, _value) in zip(entries, history, strict=True) if since <= nine]
        flucs["nine_am"] = early[-1] if early else entries[0]
    return {
        "odds": odds,
        "favourite": runner is market.favourite,
        "mover": runner is market.mover,
        "flucs": [value for _since, value in history[-6:]],
        "flucs_with_timestamp": flucs,
    }


def _stamp(instant: datetime) -> str:
    return f"{instant.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _scratching(runner: Runner, instant: datetime) -> dict[str, Any]:
    if not runner.is_scratched_at(instant) or runner.scratched is None:
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


# How a race ends: the placings and what they pay. Both are known from the start and shown when they are due.


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

"""The event that was recorded: the pattern of all others, and of itself.

It is `data/nztab/event.json`, race 1 of Awapuni Synthetic on 17 July 2025, after the race.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from .cards import read_data


@cache
def recorded_event() -> dict[str, Any]:
    """The `data` of the event that was recorded."""
    data: dict[str, Any] = read_data("event.json")["data"]
    return data


#: What is not asked for by anybody and makes 90 % of an event: the form of horse and jockey.
HEAVY = frozenset(
    "past_performances jockey_past_performances first_up second_up third_up fourth_up track distance track_distance "
    "good soft heavy turf synthetic overall last_starts left_handed right_handed hurdle steeple fresh_30 fresh_90 "
    "weight_for_age last_12_months last_12_w last_12_p last_12_months_prize_money slow firm runner_win_history "
    "picks".split()
)
#: What the moment decides; see `events`.
MOVING = frozenset(
    "is_scratched is_late_scratched scratch_time odds favourite mover flucs flucs_with_timestamp".split()
)


@cache
def templates() -> tuple[dict[str, Any], ...]:
    """The recorded runners without form and without what moves."""
    runners = recorded_event()["runners"]
    return tuple({k: v for k, v in runner.items() if k not in HEAVY | MOVING} for runner in runners)


@cache
def heavy_blocks(place: int) -> dict[str, Any]:
    """The form of one of the recorded runners."""
    runners = recorded_event()["runners"]
    runner: dict[str, Any] = runners[place % len(runners)]
    return {key: value for key, value in runner.items() if key in HEAVY}

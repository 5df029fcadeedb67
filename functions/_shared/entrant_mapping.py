"""From a runner of NZ TAB to an `entrants` document, and from the runners of an event to all documents of its field.

Runners are believed one by one: one that cannot be used is counted and left out, the others are kept. As with races, a
key that the answer lacks is left out and an empty one clears what is stored. Nobody is ever deleted: a scratched
runner stays, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .errors import Skip, shown
from .race_mapping import SOURCE, identity, renamed
from .running import OF_THE_RUN, Run

#: Larger than any field with its emergencies. A race and all its entrants fit into one transaction of 100.
MOST_RUNNERS = 60
HIGHEST_NUMBER = 99

#: Attribute of `entrants` by field of a runner.
_SAME = {
    "name": "name",
    "runner_number": "runnerNumber",
    "barrier": "barrier",
    "emergency_position": "emergencyPosition",
    "runner_change": "runnerChange",
    "jockey": "jockey",
    "trainer_name": "trainerName",
    "trainer_location": "trainerLocation",
    "apprentice_indicator": "apprenticeIndicator",
    "gear": "gear",
    "allowance_weight": "allowanceWeight",
    "market_name": "marketName",
    "age": "age",
    "sex": "sex",
    "colour": "colour",
    "foaling_date": "foalingDate",
    "sire": "sire",
    "dam": "dam",
    "breeding": "breeding",
    "owners": "owners",
    "country": "country",
    "prize_money": "prizeMoney",
    "best_time": "bestTime",
    "last_twenty_starts": "lastTwentyStarts",
    "win_p": "winPercentage",
    "place_p": "placePercentage",
    "rating": "rating",
    "handicap_rating": "handicapRating",
    "class_level": "classLevel",
    "form_comment": "formComment",
    "silk_colours": "silkColours",
    "silk_url_64x64": "silkUrl64",
    "silk_url_128x128": "silkUrl128",
}
#: Absent means false.
_SCRATCHINGS = {
    "is_scratched": "isScratched",
    "is_late_scratched": "isLateScratched",
    "is_emergency": "isEmergency",
}
#: Absent means that the answer does not say.
_FLAGS = {
    "favourite": "favourite",
    "mover": "mover",
    "primary_market": "primaryMarket",
    "first_start_indicator": "firstStartIndicator",
}
#: Attribute of `entrants` by field of a runner's `odds`. The pools have none before money is in them.
ODDS = {
    "fixed_win": "fixedWinOdds",
    "fixed_place": "fixedPlaceOdds",
    "pool_win": "poolWinOdds",
    "pool_place": "poolPlaceOdds",
}
_WEIGHTS = {"allocated": "allocatedWeight", "total": "totalWeight"}


def entrant_identity(runner: Any) -> str:
    """The id of a runner, which becomes that of its document. Raises `Skip` for what is no runner or has none."""
    if not isinstance(runner, Mapping):
        raise Skip("a runner is no object")
    return identity(runner.get("entrant_id"))


def runner_number(runner: Mapping[str, Any]) -> int:
    """The number that the runner wears. Raises `Skip` when it has no sensible one."""
    told = runner.get("runner_number")
    try:
        number = 0.0 if isinstance(told, bool) else float(told)
    except (TypeError, ValueError, OverflowError):
        number = 0.0
    if not (1 <= number <= HIGHEST_NUMBER and number.is_integer()):
        raise Skip(f"no usable runner number: {shown(told, 20)!r}")
    return int(number)


def entrant_values(runner: Mapping[str, Any], race_id: str) -> dict[str, Any]:
    """Everything that is stored of a runner, except when. Raises `Skip` without a usable id, number or name."""
    own = {"entrantId": entrant_identity(runner), "runnerNumber": runner_number(runner)}
    if not isinstance(runner.get("name"), str):
        raise Skip(f"runner {own['runnerNumber']} has no name")
    values = renamed(runner, _SAME)
    values |= {key: runner.get(field) or False for field, key in _SCRATCHINGS.items()}
    values |= {key: runner[field] for field, key in _FLAGS.items() if runner.get(field) is not None}
    if "scratch_time" in runner:
        # 0 stands for "none".
        values["scratchTime"] = runner["scratch_time"] or None
    values |= _odds(runner)
    values |= {key: given for field, key in _WEIGHTS.items() if (given := _inner(runner, "weight", field)) is not None}
    settling = _inner(runner, "speedmap", "settling_lengths")
    if settling is not None:
        values["settlingLengths"] = settling
    return {**values, **own, "race": race_id, "raceId": race_id, "dataSource": SOURCE}


def entrants_of(
    data: Mapping[str, Any], race_id: str, run: Run, *, importing: bool = False
) -> dict[str, dict[str, Any]]:
    """The documents of all usable runners of an event by id, fitted to the schema.

    Of runners with the same id or the same number the first is kept. What is left out is counted under `skipped:…`.
    `importing` stamps when they were imported, which polling does not touch.
    """
    now = run.timestamp()
    stamps = {"lastUpdated": now, **({"importedAt": now} if importing else {})}
    found: dict[str, dict[str, Any]] = {}
    numbers: set[int] = set()
    for runner in _runners(data, run):
        try:
            values = entrant_values(runner, race_id)
            if values["entrantId"] in found or values["runnerNumber"] in numbers:
                run.counts.add("skipped:duplicate_runner")
                continue
            document = run.fitting.fit("entrants", {**_plausible(values, run), **stamps})
        except OF_THE_RUN:
            raise
        except Exception as reason:  # noqa: BLE001 - whatever is wrong with a runner, the others are kept
            run.counts.add("skipped:runner")
            run.log.event("runner.skipped", race=race_id, reason=str(reason)[:200])
            continue
        found[values["entrantId"]] = document
        numbers.add(values["runnerNumber"])
    return found


def _runners(data: Mapping[str, Any], run: Run) -> Iterator[Any]:
    runners = data.get("runners")
    if not isinstance(runners, list):
        run.counts.add("skipped:runners_missing")
        return
    run.counts.add("cut:runners", max(0, len(runners) - MOST_RUNNERS))
    yield from runners[:MOST_RUNNERS]


def _plausible(values: dict[str, Any], run: Run) -> dict[str, Any]:
    """Without odds below zero, which no bookmaker pays."""
    for key in ODDS.values():
        odds = values.get(key)
        if isinstance(odds, (int, float)) and odds < 0:
            run.counts.add(f"negative:entrants.{key}")
            del values[key]
    return values


def _odds(runner: Mapping[str, Any]) -> dict[str, Any]:
    """All four prices of a runner that has odds. One that is not there, or 0, is withdrawn and clears the stored."""
    told = runner.get("odds", ())
    if told is not None and not isinstance(told, Mapping):
        return {}
    return {key: (told or {}).get(field) or None for field, key in ODDS.items()}


def _inner(runner: Mapping[str, Any], part: str, field: str) -> Any:
    inner = runner.get(part)
    return inner.get(field) if isinstance(inner, Mapping) else None

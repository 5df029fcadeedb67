"""From runners to `entrants`: one by one, so that one that is of no use does not cost the others."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from _shared.errors import Skip
from _shared.mapping import MOST_RUNNERS, ODDS, entrant_values, entrants_of

from raceday_iac.raceday.nztab.cards import recorded_event
from raceday_iac.raceday.nztab.player import spoil_data

from .standin_run import StandInRun, schema_of

RACE = "0f57e087-00d9-4c61-9549-835abe2ae2ed"


@pytest.fixture
def event() -> dict[str, Any]:
    return copy.deepcopy(recorded_event())


@pytest.fixture
def runner(event: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = event["runners"][0]
    return first


@pytest.fixture
def run(bundles: Path) -> StandInRun:
    return StandInRun(schema=schema_of(bundles))


def mapped(event: dict[str, Any], run: StandInRun, **options: Any) -> dict[str, dict[str, Any]]:
    return entrants_of(event, RACE, run, **options)  # type: ignore[arg-type]


def test_the_recorded_runner(runner: dict[str, Any]) -> None:
    assert entrant_values(runner, RACE) == {
        "entrantId": "61181b8c-a540-43a8-900c-83ebe680e218",
        "race": RACE,
        "raceId": RACE,
        "name": "Tickford",
        "runnerNumber": 1,
        "barrier": 7,
        "isScratched": False,
        "isLateScratched": False,
        "isEmergency": False,
        "scratchTime": None,
        "emergencyPosition": "",
        "runnerChange": {"12/11/2020": "Gelding", "30/07/2021": "Stable Change - Steve Hamill"},
        "fixedWinOdds": 5,
        "fixedPlaceOdds": 1.8,
        "poolWinOdds": 4.4,
        "poolPlaceOdds": 1.5,
        "favourite": False,
        "mover": True,
        "jockey": "Kate Hercock",
        "trainerName": "Richard French",
        "trainerLocation": "Awapuni",
        "apprenticeIndicator": "",
        "gear": "Nose Band OFF [Approved Plates, Blinkers, Lugging Bit]",
        "allocatedWeight": "60",
        "totalWeight": "60",
        "allowanceWeight": "",
        "marketName": "Final Field",
        "primaryMarket": True,
        "settlingLengths": 9,
        "age": 8,
        "sex": "g",
        "colour": "br",
        "foalingDate": "2016-10-21",
        "sire": "He's Remarkable",
        "dam": "Lilahjay",
        "breeding": "8  He's Remarkable-Lilahjay",
        "owners": "J & R Dykstra & S M Hamill",
        "country": "NZ",
        "prizeMoney": "69510",
        "lastTwentyStarts": "4776X",
        "winPercentage": "12%",
        "placePercentage": "15%",
        "rating": "",
        "handicapRating": "60",
        "classLevel": "",
        "firstStartIndicator": False,
        "formComment": None,
        "silkColours": "Cerise & gold hoops, cerise sleeves & quartered cap",
        "silkUrl64": runner["silk_url_64x64"],
        "silkUrl128": runner["silk_url_128x128"],
        "dataSource": "NZTAB",
    }


def test_the_recorded_field_fits_the_schema(event: dict[str, Any], run: StandInRun) -> None:
    entrants = mapped(event, run, importing=True)

    assert run.counts.as_dict() == {}
    assert [each["runnerNumber"] for each in entrants.values()] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(key == each["entrantId"] for key, each in entrants.items())
    assert all(isinstance(each[key], float) for each in entrants.values() for key in ODDS.values())
    assert {each["importedAt"] for each in entrants.values()} == {run.timestamp()}


def test_polling_does_not_touch_when_a_runner_was_imported(event: dict[str, Any], run: StandInRun) -> None:
    assert all("importedAt" not in each for each in mapped(event, run).values())


def test_a_scratched_runner_is_kept_and_says_so(event: dict[str, Any], run: StandInRun) -> None:
    event["runners"][2] |= {"is_scratched": True, "is_late_scratched": True, "scratch_time": 1752712000}
    scratched = list(mapped(event, run).values())[2]

    assert (scratched["isScratched"], scratched["isLateScratched"], scratched["scratchTime"]) == (
        True,
        True,
        1752712000,
    )


@pytest.mark.parametrize("empty", [{}, {"is_scratched": None, "is_late_scratched": None, "is_emergency": None}])
def test_what_is_not_said_to_be_scratched_runs(runner: dict[str, Any], empty: dict[str, Any]) -> None:
    for key in ("is_scratched", "is_late_scratched", "is_emergency"):
        del runner[key]
    values = entrant_values({**runner, **empty}, RACE)

    assert [values[key] for key in ("isScratched", "isLateScratched", "isEmergency")] == [False] * 3


@pytest.mark.parametrize("withdrawn", [{}, {"fixed_win": None}, {"fixed_win": 0}, {"fixed_win": ""}])
def test_odds_that_are_withdrawn_clear_what_is_stored(runner: dict[str, Any], withdrawn: dict[str, Any]) -> None:
    runner["odds"] = {"pool_win": 5, **withdrawn}
    values = entrant_values(runner, RACE)

    assert (values["poolWinOdds"], values["fixedWinOdds"], values["poolPlaceOdds"]) == (5, None, None)


@pytest.mark.parametrize("odds", [None, {}])
def test_odds_that_are_withdrawn_altogether_clear_what_is_stored(runner: dict[str, Any], odds: Any) -> None:
    runner["odds"] = odds
    values = entrant_values(runner, RACE)

    assert {values[key] for key in ODDS.values()} == {None}


def test_a_runner_that_does_not_speak_of_odds_leaves_them_as_they_are_stored(runner: dict[str, Any]) -> None:
    del runner["odds"]

    assert not ODDS.values() & entrant_values(runner, RACE).keys()


@pytest.mark.parametrize("part", ["odds", "weight", "speedmap"])
@pytest.mark.parametrize("value", [None, [], "none", 3])
def test_a_part_in_another_form_costs_only_itself(runner: dict[str, Any], part: str, value: Any) -> None:
    runner[part] = value

    assert entrant_values(runner, RACE)["name"] == "Tickford"


def test_negative_odds_are_left_out(event: dict[str, Any], run: StandInRun) -> None:
    event["runners"][0]["odds"]["fixed_win"] = -5
    first = next(iter(mapped(event, run).values()))

    assert "fixedWinOdds" not in first
    assert run.counts["negative:entrants.fixedWinOdds"] == 1


@pytest.mark.parametrize("gear", ["Blinkers ON", {"on": ["Blinkers"]}, ["Blinkers"], None, {}])
def test_gear_comes_as_text_and_as_object(event: dict[str, Any], run: StandInRun, gear: Any) -> None:
    event["runners"][0]["gear"] = gear
    stored = next(iter(mapped(event, run).values()))["gear"]

    assert stored is None if not gear else isinstance(stored, str)
    assert run.counts.as_dict() == {}


def test_texts_that_are_too_long_are_cut_and_counted(event: dict[str, Any], run: StandInRun) -> None:
    event["runners"][0] |= {"owners": "o" * 300, "form_comment": "f" * 600, "silk_colours": "s" * 100}
    first = next(iter(mapped(event, run).values()))

    assert (len(first["owners"]), len(first["formComment"]), len(first["silkColours"])) == (255, 500, 100)
    assert run.counts.as_dict() == {"cut:entrants.owners": 1, "cut:entrants.formComment": 1}


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "Tickford",
        [],
        {"entrant_id": None},
        {"entrant_id": "x" * 37},
        {"entrant_id": "../races"},
        {"runner_number": None},
        {"runner_number": "seven"},
        {"runner_number": 0},
        {"runner_number": 1.5},
        {"runner_number": True},
        {"runner_number": 100},
        {"name": None},
        {"name": ""},
        {"name": 17},
    ],
)
def test_a_useless_runner_is_counted_and_the_others_are_kept(event: dict[str, Any], run: StandInRun, bad: Any) -> None:
    event["runners"][3] = {**event["runners"][3], **bad} if isinstance(bad, dict) else bad
    entrants = mapped(event, run)

    assert [each["runnerNumber"] for each in entrants.values()] == [1, 2, 3, 5, 6, 7, 8]
    assert run.counts["skipped:runner"] == 1
    assert [name for name, _ in run.events] == ["runner.skipped"]


@pytest.mark.parametrize("number", [3, 3.0, "3"])
def test_a_number_may_come_as_text(runner: dict[str, Any], number: Any) -> None:
    assert entrant_values({**runner, "runner_number": number}, RACE)["runnerNumber"] == 3


def test_of_two_runners_with_one_id_or_one_number_the_first_is_kept(event: dict[str, Any], run: StandInRun) -> None:
    same_id = {**event["runners"][0], "runner_number": 9, "name": "Second"}
    same_number = {**event["runners"][1], "entrant_id": "another", "name": "Third"}
    event["runners"] += [same_id, same_number]

    entrants = mapped(event, run)
    assert len(entrants) == 8
    assert not {"Second", "Third"} & {each["name"] for each in entrants.values()}
    assert run.counts["skipped:duplicate_runner"] == 2


@pytest.mark.parametrize("runners", [None, {}, "none", 3])
def test_a_field_that_is_no_list_is_empty(event: dict[str, Any], run: StandInRun, runners: Any) -> None:
    event["runners"] = runners

    assert mapped(event, run) == {}
    assert run.counts.as_dict() == {"skipped:runners_missing": 1}


def test_a_field_without_end_is_cut(event: dict[str, Any], run: StandInRun) -> None:
    one = event["runners"][0]
    event["runners"] = [{**one, "entrant_id": f"e{n}", "runner_number": n} for n in range(1, MOST_RUNNERS + 11)]

    assert len(mapped(event, run)) == MOST_RUNNERS
    assert run.counts.as_dict() == {"cut:runners": 10}


@pytest.mark.parametrize(
    ("kind", "left", "counts"),
    [
        # Runners 1, 4 and 7 have no name and no number.
        ("nulls", [2, 3, 5, 6, 8], {"skipped:runner": 3}),
        ("wrong_types", [1, 3, 4, 6, 7], {"skipped:runner": 3}),
        ("duplicates", [1, 2, 3, 4, 5, 6, 7, 8], {"skipped:duplicate_runner": 2}),
        ("missing", [], {"skipped:runners_missing": 1}),
    ],
)
def test_spoilt_answers_lose_only_what_is_spoilt(
    event: dict[str, Any], run: StandInRun, kind: str, left: list[int], counts: dict[str, int]
) -> None:
    spoilt = spoil_data(kind, "event", {"data": event})["data"]

    assert [each["runnerNumber"] for each in mapped(spoilt, run).values()] == left
    assert run.counts.as_dict() == counts


def test_an_id_that_cannot_be_hashed_is_skipped(runner: dict[str, Any]) -> None:
    with pytest.raises(Skip):
        entrant_values({**runner, "entrant_id": {"id": 1}}, RACE)

"""What NZ TAB says of a race, as fields of a `races` document."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from _shared.errors import Skip
from _shared.mapping import check_same_race, epoch, identity, race_from_meeting, race_values

from raceday_iac.raceday.nztab.cards import recorded_event

from .standin_run import StandInRun, schema_of

RACE = "0f57e087-00d9-4c61-9549-835abe2ae2ed"
MEETING = "e9f2039d-d489-4a7d-aae1-d66225f1a5f4"
LISTED: dict[str, Any] = {
    "id": RACE,
    "race_number": 1,
    "name": "PRYDA HANDICAP 1700",
    "start_time": "2025-07-17T00:50:00Z",
    "tote_start_time": "12:50:00",
    "track_condition": "Synthetic",
    "distance": 1700,
    "weather": "Overcast",
    "country": "NZ",
    "state": "NZ",
    "status": "Open",
}


@pytest.fixture
def event() -> dict[str, Any]:
    return copy.deepcopy(recorded_event())


def with_race(event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**event, "race": {**event["race"], **changes}}


def without(event: dict[str, Any], field: str) -> dict[str, Any]:
    return {**event, "race": {key: value for key, value in event["race"].items() if key != field}}


def test_the_recorded_race(event: dict[str, Any]) -> None:
    values = race_values(event)

    reported = event["race"]
    assert values == {
        "name": "PRYDA HANDICAP 1700",
        "description": "PRYDA HANDICAP 1700",
        "raceNumber": 1,
        "startTime": datetime(2025, 7, 17, 0, 50, tzinfo=UTC),
        "actualStart": datetime(2025, 7, 17, 0, 52, 46, tzinfo=UTC),
        "startTimeNz": "12:50:00 NZST",
        "raceDateNz": "2025-07-17",
        "distance": 1700,
        "trackCondition": "Synthetic",
        "weather": "Overcast",
        "trackDirection": "Left",
        "trackSurface": "Synthetic",
        "railPosition": "True | No Rain Last 24 Hours | 27mm Rain Last 7 Days",
        "trackHomeStraight": 303,
        "type": "T",
        "startType": "",
        "group": "",
        "class": "Rating 60 HCP",
        "gait": "",
        "totalPrizeMoney": 17000,
        "entrantCount": 8,
        "fieldSize": 8,
        "positionsPaid": 3,
        "genderConditions": "unrestricted",
        "ageConditions": "Unrestricted",
        "weightConditions": "hcp",
        "allowanceConditions": True,
        "specialConditions": "",
        "jockeyConditions": "C",
        "formGuide": "",
        "comment": reported["comment"],
        "silkUrl": reported["silk_url"],
        "silkBaseUrl": reported["silk_base_url"],
        "videoChannels": ["Trackside1"],
        "ffwinOptionNumber": 421,
        "fftop3OptionNumber": 1421,
        "mileRate400": "",
        "mileRate800": "",
        "dataSource": "NZTAB",
    }


def test_all_of_it_fits_the_schema(event: dict[str, Any], bundles: Path) -> None:
    run = StandInRun(schema=schema_of(bundles))
    fitted = run.sanitizer.fit("races", race_values(event), partial=True)

    assert run.counts.as_dict() == {}
    assert fitted["actualStart"] == "2025-07-17T00:52:46.000+00:00"
    assert fitted["videoChannels"] == '["Trackside1"]'
    assert fitted["formGuide"] is None


def test_the_status_is_never_among_the_values(event: dict[str, Any]) -> None:
    assert not {"status", "meeting", "finalizedAt", "last_poll_time"} & race_values(event).keys()


@pytest.mark.parametrize("field", ["distance", "comment", "race_date_nz", "prize_monies", "ffwin_option_number"])
def test_what_the_answer_lacks_is_left_as_it_is_stored(event: dict[str, Any], field: str) -> None:
    assert len(race_values(event).keys() - race_values(without(event, field)).keys()) == 1


def test_what_is_empty_clears_what_is_stored(event: dict[str, Any]) -> None:
    values = race_values(with_race(event, weather=None, video_channels=[], ffwin_option_number=0))

    assert (values["weather"], values["videoChannels"], values["ffwinOptionNumber"]) == (None, None, None)


@pytest.mark.parametrize("description", [None, "", 17, ["x"]])
def test_a_race_without_a_usable_name_keeps_the_one_it_has(event: dict[str, Any], description: Any) -> None:
    assert "name" not in race_values(with_race(event, description=description))


@pytest.mark.parametrize("value", [0, -1, None, "1752713566", True, float("nan"), float("inf"), 10**30, []])
def test_what_is_no_epoch_is_no_instant(event: dict[str, Any], value: Any) -> None:
    assert epoch(value) is None
    assert "actualStart" not in race_values(with_race(event, actual_start=value))


@pytest.mark.parametrize("value", [None, "", "17 July", 20250717.5, []])
def test_a_date_that_is_none_is_left_out(event: dict[str, Any], value: Any) -> None:
    assert "raceDateNz" not in race_values(with_race(event, race_date_nz=value))


@pytest.mark.parametrize("value", [None, [], 17000, "17000"])
def test_prize_money_in_another_form_is_left_out(event: dict[str, Any], value: Any) -> None:
    assert "totalPrizeMoney" not in race_values(with_race(event, prize_monies=value))


def test_an_event_of_another_race_is_refused(event: dict[str, Any]) -> None:
    check_same_race(event, RACE)
    check_same_race(without(event, "event_id"), RACE)

    with pytest.raises(Skip, match="requested race"):
        check_same_race(with_race(event, event_id=MEETING), RACE)


def test_a_listed_race_belongs_to_its_meeting() -> None:
    assert race_from_meeting(LISTED, {"meeting": MEETING}) == {
        "raceId": RACE,
        "meeting": MEETING,
        "name": "PRYDA HANDICAP 1700",
        "raceNumber": 1,
        "startTime": "2025-07-17T00:50:00Z",
        "toteStartTime": "12:50:00",
        "distance": 1700,
        "trackCondition": "Synthetic",
        "weather": "Overcast",
        "status": "Open",
        "dataSource": "NZTAB",
    }


@pytest.mark.parametrize("value", [None, "", 17, "x" * 37, "-begins", "a b", "a/../b", ["a"], "ä"])
def test_an_id_that_no_document_can_have_is_skipped(value: Any) -> None:
    with pytest.raises(Skip, match="no usable id"):
        identity(value)
    with pytest.raises(Skip):
        race_from_meeting({**LISTED, "id": value}, {"meeting": MEETING})
    with pytest.raises(Skip):
        race_from_meeting(LISTED, {"meeting": value})


@pytest.mark.parametrize("value", [RACE, "a", "A.b_c-9", "x" * 36])
def test_an_id_that_a_document_can_have_is_kept(value: str) -> None:
    assert identity(value) == value

"""`daily-meetings`: the day's meetings and races, each by itself, as often as one likes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from .wires import Killed, Mortal, wired

STALE = 310.0
DAY = "2025-07-17"
MEETING: dict[str, Any] = {
    "meeting": "meeting-1",
    "name": "Awapuni Synthetic",
    "date": f"{DAY}T00:00:00Z",
    "track_condition": "Synthetic",
    "category": "T",
    "category_name": "Thoroughbred Horse Racing",
    "country": "NZ",
    "state": "NZ",
}
RACE: dict[str, Any] = {
    "id": "race-1",
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


def race(number: int, **changes: Any) -> dict[str, Any]:
    return {**RACE, "id": f"race-{number}", "race_number": number, **changes}


def meeting(*races: Any, **changes: Any) -> dict[str, Any]:
    return {**MEETING, "races": list(races), **changes}


def upstream(*meetings: Any, body: Callable[[Any], bytes] | None = None) -> Callable[[Any], Any]:
    """For the `transport` of a runtime: NZ TAB lists these meetings."""
    envelope = {"header": {}, "data": {"meetings": list(meetings)}}
    content = json.dumps(envelope).encode() if body is None else body(envelope)
    return lambda _: httpx.MockTransport(lambda request: httpx.Response(200, content=content))


def by_id(raceday: Any, collection: str) -> dict[str, dict[str, Any]]:
    return {document["$id"]: document for document in raceday.documents(collection)}


def change(raceday: Any, collection: str, identity: str, **data: Any) -> None:
    raceday.client.patch(f"/databases/raceday-db/collections/{collection}/documents/{identity}", {"data": data})


def test_the_recorded_day_has_12_meetings_and_96_races(raceday: Any) -> None:
    called = raceday.call("daily-meetings")

    assert (called.outcome, called.body["meetings"], called.body["races"]) == ("done", 12, 96)
    meetings, races = by_id(raceday, "meetings"), by_id(raceday, "races")
    assert (len(meetings), len(races)) == (12, 96)
    assert {race["meeting"] for race in races.values()} == set(meetings)
    assert {each["date"] for each in meetings.values()} == {f"{DAY}T00:00:00.000+00:00"}
    assert {each["status"] for each in meetings.values()} == {"active"}
    assert {(each["country"], each["category"]) for each in meetings.values()} == {
        ("NZ", "T"),
        ("NZ", "H"),
        ("AUS", "T"),
        ("AUS", "H"),
    }
    assert called.counts["meetings.others"] == 64


def test_a_meeting_and_a_race_field_by_field(raceday: Any) -> None:
    raceday.call("daily-meetings", transport=upstream(meeting(race(1))))
    now = "2025-07-16T19:00:00.000+00:00"

    stored = by_id(raceday, "meetings")["meeting-1"]
    assert {key: value for key, value in stored.items() if not key.startswith("$") and value is not None} == {
        "meetingId": "meeting-1",
        "meetingName": "Awapuni Synthetic",
        "country": "NZ",
        "state": "NZ",
        "raceType": "Thoroughbred Horse Racing",
        "category": "T",
        "categoryName": "Thoroughbred Horse Racing",
        "date": f"{DAY}T00:00:00.000+00:00",
        "trackCondition": "Synthetic",
        "status": "active",
        "lastUpdated": now,
        "dataSource": "NZTAB",
    }
    stored = by_id(raceday, "races")["race-1"]
    assert {key: value for key, value in stored.items() if not key.startswith("$") and value is not None} == {
        "raceId": "race-1",
        "name": "PRYDA HANDICAP 1700",
        "raceNumber": 1,
        "startTime": "2025-07-17T00:50:00.000+00:00",
        "toteStartTime": "12:50:00",
        "distance": 1700,
        "trackCondition": "Synthetic",
        "weather": "Overcast",
        "status": "Open",
        "meeting": "meeting-1",
        "lastUpdated": now,
        "importedAt": now,
        "dataSource": "NZTAB",
    }


def test_it_makes_few_requests(raceday: Any) -> None:
    raceday.call("daily-meetings")

    # Two reads, two transactions of three requests; two for the lock, and three for the fence.
    assert sum(raceday.requests().values()) == 13
    assert raceday.nztab.requests == {"meetings": 1}


def test_a_second_run_writes_nothing(raceday: Any) -> None:
    raceday.call("daily-meetings")
    before = by_id(raceday, "races"), by_id(raceday, "meetings")
    raceday.forget_requests()

    called = raceday.call("daily-meetings")
    assert called.counts["unchanged:races"] == 96
    assert {method for method, path in raceday.requests() if "documentId" not in path} == {"GET", "POST"}
    assert not [path for _, path in raceday.requests() if "transactions" in path]
    assert (by_id(raceday, "races"), by_id(raceday, "meetings")) == before


def test_at_midday_it_takes_no_status_back(raceday: Any) -> None:
    raceday.call("daily-meetings", transport=upstream(meeting(race(1), race(2))))
    polled = {"status": "Closed", "last_poll_time": "2025-07-17T00:51:00.000+00:00", "raceDateNz": DAY}
    change(raceday, "races", "race-1", **polled)
    change(raceday, "meetings", "meeting-1", status="abandoned", weather="Fine")
    raceday.time.sleep(6 * 3600)

    softer = meeting(race(1, status="Final", weather="Showery"), race(2), track_condition="Soft5")
    called = raceday.call("daily-meetings", transport=upstream(softer))

    stored = by_id(raceday, "races")["race-1"]
    assert {key: stored[key] for key in polled} == polled
    assert (stored["weather"], stored["meeting"]) == ("Showery", "meeting-1")
    of_meeting = by_id(raceday, "meetings")["meeting-1"]
    assert (of_meeting["status"], of_meeting["weather"], of_meeting["trackCondition"]) == ("abandoned", "Fine", "Soft5")
    assert (called.counts["unchanged:races"], called.counts["written:races"]) == (1, 1)


def test_a_race_that_was_added_is_imported_beside_the_others(raceday: Any) -> None:
    raceday.call("daily-meetings", transport=upstream(meeting(race(1))))
    called = raceday.call("daily-meetings", transport=upstream(meeting(race(1), race(2)), meeting(meeting="meeting-2")))

    assert set(by_id(raceday, "races")) == {"race-1", "race-2"}
    assert (called.counts["written:races"], called.counts["written:meetings"]) == (1, 1)


@pytest.mark.parametrize(
    ("status", "instant"), [("Open", None), ("Final", "finalizedAt"), ("Abandoned", "abandonedAt")]
)
def test_a_race_that_had_ended_before_it_was_known_gets_an_instant_for_it(
    raceday: Any, status: str, instant: str | None
) -> None:
    raceday.call("daily-meetings", transport=upstream(meeting(race(1, status=status))))

    stored = by_id(raceday, "races")["race-1"]
    assert stored["status"] == status
    assert {key for key in ("finalizedAt", "abandonedAt") if stored[key]} == ({instant} if instant else set())


def test_which_meetings_are_imported_is_a_setting(raceday: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACEDAY_COUNTRIES", "nz")
    monkeypatch.setenv("RACEDAY_CATEGORIES", "T, G")
    raceday.call("daily-meetings")

    found = {(each["country"], each["category"]) for each in by_id(raceday, "meetings").values()}
    assert found <= {("NZ", "T"), ("NZ", "G")}
    assert ("NZ", "T") in found


def test_a_large_day_is_read_page_by_page(raceday: Any) -> None:
    raceday.nztab.use(races=220)
    called = raceday.call("daily-meetings")

    assert called.body["races"] == 220
    assert len(by_id(raceday, "races")) == 220
    listed = called.counts["meetings.others"] + called.body["meetings"]
    assert raceday.nztab.requests["meetings"] == listed // 200 + 1


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ((2025, 7, 17, 19, 0), "2025-07-18"),
        ((2025, 12, 17, 19, 0), "2025-12-18"),
        ((2026, 4, 4, 19, 0), "2026-04-05"),
        ((2025, 9, 27, 19, 0), "2025-09-28"),
        # Half past midnight still belongs to the day before.
        ((2025, 7, 17, 12, 30), "2025-07-17"),
        ((2025, 12, 17, 11, 30), "2025-12-17"),
    ],
)
def test_the_day_is_the_one_that_is_raced_in_new_zealand(raceday: Any, instant: tuple[int, ...], day: str) -> None:
    raceday.nztab.use(races=8)
    raceday.time.sleep(datetime(*instant, tzinfo=UTC).timestamp() - raceday.time.seconds())  # type: ignore[misc]
    called = raceday.call("daily-meetings")

    assert (called.body["day"], called.body["races"]) == (day, 8)
    assert {each["date"][:10] for each in by_id(raceday, "meetings").values()} == {day}


@pytest.mark.parametrize("instant", [(2025, 7, 17, 13, 0), (2025, 12, 17, 12, 0)], ids=["winter", "summer"])
def test_in_the_quiet_window_nothing_is_asked_for(raceday: Any, instant: tuple[int, ...]) -> None:
    raceday.time.sleep(datetime(*instant, tzinfo=UTC).timestamp() - raceday.time.seconds())  # type: ignore[misc]

    assert raceday.call("daily-meetings").outcome == "stopped"
    assert not raceday.nztab.requests


BAD_RACES: dict[str, Any] = {
    "null": None,
    "text": "race",
    "without id": race(9, id=None),
    "impossible id": race(9, id="x" * 37),
    "without number": race(9, race_number=None),
    "number of another type": race(9, race_number="nine"),
    "without start": {key: value for key, value in race(9).items() if key != "start_time"},
    "start that is none": race(9, start_time="2025-07-17 00:50:00 +0000 UTC"),
    "start of another type": race(9, start_time=1752713400),
}


@pytest.mark.parametrize("bad", BAD_RACES.values(), ids=BAD_RACES)
def test_a_bad_race_costs_only_itself(raceday: Any, bad: Any) -> None:
    called = raceday.call("daily-meetings", transport=upstream(meeting(race(1), bad, race(2))))

    assert set(by_id(raceday, "races")) == {"race-1", "race-2"}
    assert (called.outcome, called.body["races"], called.counts["skipped:race"]) == ("done", 2, 1)
    assert len(called.context.events("race.skipped")) == 1


@pytest.mark.parametrize(
    ("changes", "stored", "counts"),
    [
        ({"name": None}, {"name": "Race 1"}, {"assumed:races.name": 1}),
        ({"name": ["x"]}, {"name": "Race 1"}, {"assumed:races.name": 1}),
        ({"name": "n" * 300}, {"name": "n" * 255}, {"cut:races.name": 1}),
        ({"status": None}, {"status": "Open"}, {"assumed:races.status": 1}),
        ({"status": 7}, {"status": "Open"}, {"assumed:races.status": 1}),
        ({"distance": "1700m"}, {"distance": None}, {"not_number:races.distance": 1}),
        ({"weather": {}}, {"weather": None}, {}),
        ({"weather": {"now": "Fine"}}, {"weather": None}, {"not_text:races.weather": 1}),
        ({"track_condition": None}, {"trackCondition": None}, {}),
        ({"start_time": "2025-07-20T00:50:00Z"}, {"status": "Open"}, {"races.other_day": 1}),
    ],
)
def test_a_race_with_a_bad_value_is_kept(
    raceday: Any, changes: dict[str, Any], stored: dict[str, Any], counts: dict[str, int]
) -> None:
    called = raceday.call("daily-meetings", transport=upstream(meeting(race(1, **changes))))

    found = by_id(raceday, "races")["race-1"]
    assert {key: found[key] for key in stored} == stored
    assert {key: called.counts.get(key, 0) for key in counts} == counts


def test_a_bad_value_takes_nothing_from_a_stored_race(raceday: Any) -> None:
    raceday.call("daily-meetings", transport=upstream(meeting(race(1))))
    before = by_id(raceday, "races")["race-1"]
    bad = race(1, name=None, race_number="x", start_time=None, status=None, distance="far")
    raceday.call("daily-meetings", transport=upstream(meeting(bad, name=None)))

    assert by_id(raceday, "races")["race-1"] == before
    assert by_id(raceday, "meetings")["meeting-1"]["meetingName"] == "Awapuni Synthetic"


BAD_MEETINGS: dict[str, Any] = {
    "null": None,
    "text": "meeting",
    "without id": meeting(race(9), meeting=None),
    "impossible id": meeting(race(9), meeting="../x"),
    "of another day": meeting(race(9), meeting="meeting-9", date="2025-07-18T00:00:00Z"),
    "without country": meeting(race(9), meeting="meeting-9", country=None),
    "foreign": meeting(race(9), meeting="meeting-9", country="UK"),
    "category of another type": meeting(race(9), meeting="meeting-9", category=3),
    "double": meeting(race(9), name="Again"),
}


@pytest.mark.parametrize("bad", BAD_MEETINGS.values(), ids=BAD_MEETINGS)
def test_a_bad_meeting_costs_only_itself(raceday: Any, bad: Any) -> None:
    good = [meeting(race(1)), bad, meeting(race(2), meeting="meeting-2")]
    called = raceday.call("daily-meetings", transport=upstream(*good))

    assert (called.outcome, called.body["meetings"], called.body["races"]) == ("done", 2, 2)
    assert set(by_id(raceday, "meetings")) == {"meeting-1", "meeting-2"}
    assert set(by_id(raceday, "races")) == {"race-1", "race-2"}
    assert by_id(raceday, "meetings")["meeting-1"]["meetingName"] == "Awapuni Synthetic"


@pytest.mark.parametrize("races", [None, "none", {}, 3])
def test_a_meeting_without_a_list_of_races_is_kept(raceday: Any, races: Any) -> None:
    called = raceday.call("daily-meetings", transport=upstream({**MEETING, "races": races}))

    assert set(by_id(raceday, "meetings")) == {"meeting-1"}
    assert called.counts["skipped:races_missing"] == 1


@pytest.mark.parametrize("name", [None, "", 17, []])
def test_a_meeting_without_a_name_is_kept_for_its_races(raceday: Any, name: Any) -> None:
    raceday.call("daily-meetings", transport=upstream(meeting(race(1), name=name)))
    assert by_id(raceday, "meetings")["meeting-1"]["meetingName"] == "Unnamed meeting"

    raceday.call("daily-meetings", transport=upstream(meeting(race(1))))
    assert by_id(raceday, "meetings")["meeting-1"]["meetingName"] == "Awapuni Synthetic"


def test_of_two_races_with_one_id_the_first_is_kept(raceday: Any) -> None:
    called = raceday.call("daily-meetings", transport=upstream(meeting(race(1), race(1, name="Again"), race(2))))

    assert by_id(raceday, "races")["race-1"]["name"] == RACE["name"]
    assert called.counts["skipped:duplicate_race"] == 1


@pytest.mark.parametrize("kind", ["nulls", "wrong_types", "duplicates"])
def test_a_spoilt_list_loses_only_what_is_spoilt(raceday: Any, kind: str) -> None:
    raceday.nztab.faults.add(kind, route="meetings", times=1)
    first = raceday.call("daily-meetings")

    assert (first.outcome, len(by_id(raceday, "meetings"))) == ("done", 12)
    lost = 12 - len({each["meeting"] for each in by_id(raceday, "races").values()})
    assert lost == first.counts.get("skipped:races_missing", 0)
    raceday.call("daily-meetings")
    assert len(by_id(raceday, "races")) == 96
    assert "Unnamed meeting" not in {each["meetingName"] for each in by_id(raceday, "meetings").values()}


@pytest.mark.parametrize("kind", ["truncated", "html", "empty", "cut", "status"])
def test_a_bad_answer_is_asked_for_again(raceday: Any, kind: str) -> None:
    raceday.nztab.faults.add(kind, route="meetings", times=5)
    called = raceday.call("daily-meetings")

    assert (called.outcome, called.body["races"]) == ("done", 96)
    assert raceday.nztab.requests["meetings"] == 6


@pytest.mark.parametrize(
    ("fault", "category"),
    [
        ({"kind": "html"}, "retryable"),
        ({"kind": "status", "status": 503}, "retryable"),
        ({"kind": "status", "status": 403}, "fatal"),
        ({"kind": "status", "status": 404}, "fatal"),
        ({"kind": "huge"}, "fatal"),
        ({"kind": "not_object"}, "fatal"),
        ({"kind": "missing"}, "fatal"),
    ],
)
def test_without_a_list_the_run_fails(raceday: Any, fault: Mapping[str, Any], category: str) -> None:
    raceday.nztab.faults.add(route="meetings", **fault)
    called = raceday.call("daily-meetings")

    assert (called.status, called.outcome, called.body["category"]) == (500, "failed", category)
    assert not by_id(raceday, "meetings")
    assert called.context.events("run.summary")


def test_an_outage_of_some_minutes_costs_nothing(raceday: Any) -> None:
    begin = raceday.time.seconds()
    raceday.nztab.faults.add("status", route="meetings", status=503)

    def recover(_: Any) -> None:
        if raceday.time.seconds() - begin > 180:
            raceday.nztab.faults.clear()

    assert raceday.call("daily-meetings", transport=wired(recover)).body["races"] == 96


PAGE_TWO: dict[str, tuple[httpx.Response | Exception, str]] = {
    "outage": (httpx.Response(503), "retryable"),
    "patience": (httpx.Response(503, headers={"retry-after": "30"}), "retryable"),
    "refused": (httpx.Response(403), "fatal"),
    "unknown": (httpx.Response(404), "fatal"),
    "no list": (httpx.Response(200, json={"data": {"meetings": None}}), "fatal"),
    "no data": (httpx.Response(200, json={"data": []}), "fatal"),
    "no JSON": (httpx.Response(200, content=b"<html>"), "retryable"),
    "odd": (RuntimeError("odd"), "retryable"),
    "slow": (httpx.ReadTimeout("slow"), "retryable"),
}


@pytest.mark.parametrize(("second", "category"), PAGE_TWO.values(), ids=PAGE_TWO)
def test_what_was_read_before_an_outage_is_written(
    raceday: Any, second: httpx.Response | Exception, category: str
) -> None:
    first = [meeting(race(n), meeting=f"meeting-{n}") for n in range(1, 21)]
    first += [meeting(meeting=f"other-{n}", country="UK") for n in range(180)]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params["offset"] != "0":
            if isinstance(second, httpx.ReadTimeout):
                raceday.time.sleep(30)
            if isinstance(second, Exception):
                raise second
            return httpx.Response(second.status_code, headers=second.headers, content=second.content)
        return httpx.Response(200, json={"data": {"meetings": first}})

    called = raceday.call("daily-meetings", transport=lambda _: httpx.MockTransport(answer))
    assert (called.outcome, called.body["category"]) == ("failed", category)
    assert len(by_id(raceday, "races")) == 20


# The lock, two reads, one bulk upsert, and two transactions of three requests.
@pytest.mark.parametrize("request_number", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_killed_in_the_middle_the_next_run_completes_it(raceday: Any, request_number: int) -> None:
    raceday.nztab.use(races=120)
    with pytest.raises(Killed):
        raceday.call("daily-meetings", runtime=Mortal(appwrite=request_number).runtime(raceday.runtime()))
    raceday.time.sleep(STALE)

    assert raceday.call("daily-meetings").body["races"] == 120
    races = by_id(raceday, "races")
    assert len(races) == 120
    assert {each["meeting"] for each in races.values()} == set(by_id(raceday, "meetings"))


def test_a_document_that_the_server_refuses_costs_only_itself(raceday: Any) -> None:
    raceday.put(
        "meetings",
        "elsewhere",
        # The server keeps `meetingId` unique, so a meeting that another document has taken is refused.
        **{"meetingId": "meeting-2", "meetingName": "x", "country": "NZ", "raceType": "x", "status": "active"},
        date="2025-07-01T00:00:00Z",
    )
    listed = [copy.deepcopy(meeting(race(n), meeting=f"meeting-{n}")) for n in (1, 2, 3)]
    called = raceday.call("daily-meetings", transport=upstream(*listed))

    assert set(by_id(raceday, "races")) == {"race-1", "race-3"}
    assert (called.outcome, called.counts["refused:meetings"]) == ("done", 1)
    assert len(called.context.events("document.refused")) == 1

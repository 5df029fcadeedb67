"""The endpoints of the played API: envelope, filters, paging and refusals, by the player's clock."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.devserver.server import ManualClock
from raceday_iac.raceday.nztab import NztabSettings
from raceday_iac.raceday.nztab.cards import read_data
from raceday_iac.raceday.nztab.player import BASE, Nztab

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data/nztab/recorded-answers.json").read_text(encoding="utf-8")
)
NOON = datetime(2025, 7, 17, 0, 30, tzinfo=UTC)
TODAY = "date_from=2025-07-17&date_to=2025-07-17"
AWAPUNI_1 = "0f57e087-00d9-4c61-9549-835abe2ae2ed"
GRAFTON = "d3f82a25-7acb-4a07-a942-e5fb36a1e426"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def nztab(clock: ManualClock) -> Nztab:
    return Nztab(clock)


def get(nztab: Nztab, path: str, query: str = "") -> dict[str, Any]:
    answer = nztab.answer("GET", BASE + path, query)
    assert answer.status == 200, answer.body
    parsed: dict[str, Any] = json.loads(answer.body)
    return parsed


def refusal(nztab: Nztab, path: str, query: str = "", method: str = "GET") -> tuple[int, Any]:
    answer = nztab.answer(method, BASE + path, query)
    return answer.status, json.loads(answer.body)["error"]


def types(value: dict[str, Any]) -> dict[str, str]:
    return {key: type(inner).__name__ for key, inner in value.items()}


def test_the_meeting_list_has_the_recorded_envelope(nztab: Nztab) -> None:
    answer = get(nztab, "/meetings", TODAY)
    recorded = RECORDED["meetings"]
    assert (list(answer), types(answer["header"])) == (list(recorded), types(recorded["header"]))
    assert types(answer["params"]) == types(recorded["params"])
    assert answer["header"]["title"] == recorded["header"]["title"]


def test_recorded_meetings_are_served_as_recorded_but_for_the_hour(nztab: Nztab) -> None:
    served = {meeting["meeting"]: meeting for meeting in get(nztab, "/meetings", TODAY)["data"]["meetings"]}
    for recorded in RECORDED["meetings"]["data"]["meetings"]:
        meeting = served[recorded["meeting"]]
        assert timeless(meeting) == timeless(recorded)
        assert [timeless(race) for race in meeting["races"]] == [timeless(race) for race in recorded["races"]]


def timeless(entry: dict[str, Any]) -> dict[str, Any]:
    """Without what depends on the instant."""
    moving = ("races", "status", "tote_status", "weather", "track_condition", "protest", "protest_reason")
    return {key: value for key, value in entry.items() if key not in moving}


def test_a_single_meeting_has_the_recorded_fields(nztab: Nztab) -> None:
    answer = get(nztab, f"/meetings/{GRAFTON}", "enc=json")
    recorded = RECORDED["meeting"]
    assert types(answer["data"]["meetings"][0]) == types(recorded["data"]["meetings"][0])
    assert answer["params"] == recorded["params"]
    assert answer["header"]["url"] == recorded["header"]["url"]


def test_an_event_has_the_recorded_envelope_and_echoes_what_it_understood(nztab: Nztab) -> None:
    query = "will_pays=true&with_money_tracker=true&with_tote_trends_data=true&bet_type_filter=a"
    answer = get(nztab, f"/events/{AWAPUNI_1}", query)
    recorded = read_data("event.json")
    assert types(answer["params"]) == types(recorded["params"])
    assert answer["header"]["title"] == recorded["header"]["title"]
    # The flag's own name is `with_will_pays`; the other is ignored.
    assert answer["params"]["will_pays"] is False
    assert answer["params"]["with_money_tracker"] is True


def test_the_race_list_has_the_recorded_fields(nztab: Nztab) -> None:
    answer = get(nztab, "/list", "date_from=today")
    recorded = RECORDED["list"]
    assert types(answer["params"]) == types(recorded["params"])
    assert {key for race in answer["data"]["races"] for key in race} == {
        key for race in recorded["data"]["races"] for key in race
    }
    assert types(answer["data"]) == types(recorded["data"])


def test_generated_times_and_states_follow_the_clock(nztab: Nztab, clock: ManualClock) -> None:
    seen = []
    for hours in (0, 1):
        clock.advance(hours=hours)
        answer = get(nztab, f"/events/{AWAPUNI_1}")
        seen.append((answer["header"]["generated_time"], answer["data"]["race"]["status"]))
    assert seen == [("2025-07-17T00:30:00Z", "Open"), ("2025-07-17T01:30:00Z", "Final")]


@pytest.mark.parametrize("hours", [0, 2, 4, 6, 9, 12])
def test_list_and_event_say_the_same_at_every_instant(nztab: Nztab, clock: ManualClock, hours: int) -> None:
    clock.advance(hours=hours)
    meetings = get(nztab, "/meetings", f"{TODAY}&country=NZ,AUS&category=T,H")["data"]["meetings"]
    for race in (race for meeting in meetings for race in meeting["races"]):
        event = get(nztab, f"/events/{race['id']}")["data"]["race"]
        keys = ("status", "track_condition", "weather", "race_number", "distance", "country", "state")
        assert {key: race[key] for key in keys} == {key: event[key] for key in keys}


def test_protests_are_reported_from_the_interim_result_on(nztab: Nztab, clock: ManualClock) -> None:
    reported: list[dict[str, str]] = []
    for _ in range(2):
        races = [race for meeting in get(nztab, "/meetings", TODAY)["data"]["meetings"] for race in meeting["races"]]
        reported.append({race["status"]: race["protest_reason"] for race in races if race.get("protest")})
        clock.advance(hours=18)
    assert set(reported[0]) <= {"Interim", "Final"}
    assert reported[1]["Final"].startswith("Protest DISMISSED - 3rd (#")


def test_filters_leave_the_twelve_meetings_that_are_imported(nztab: Nztab) -> None:
    meetings = get(nztab, "/meetings", f"{TODAY}&country=NZ,AUS&category=T,H")["data"]["meetings"]
    assert (len(meetings), sum(len(meeting["races"]) for meeting in meetings)) == (12, 96)


def test_a_large_day_comes_in_pages_that_have_every_meeting_once(nztab: Nztab) -> None:
    nztab.use(races=220)
    pages = [get(nztab, "/meetings", f"{TODAY}&offset={offset}")["data"]["meetings"] for offset in (0, 100, 200)]
    ids = [meeting["meeting"] for page in pages for meeting in page]
    assert [len(page) for page in pages] == [100, len(ids) - 100, 0]
    assert len(set(ids)) == len(ids) > 100
    assert [meeting["meeting"] for meeting in get(nztab, "/meetings", f"{TODAY}&limit=200")["data"]["meetings"]] == ids


def test_the_race_list_comes_in_pages_with_tokens(nztab: Nztab) -> None:
    ids: list[str] = []
    query = "date_from=2025-07-17&limit=200"
    token = ""
    for _ in range(10):
        data = get(nztab, "/list", f"{query}&page_token={token}")["data"]
        ids += [race["id"] for race in data["races"]]
        token = data.get("next_page_token", "")
        if not token:
            break
    assert not token
    assert len(set(ids)) == len(ids)
    starts = [race.start for day in ("2025-07-16", "2025-07-17", "2025-07-18") for race in races_of(nztab, day)]
    midnight = datetime(2025, 7, 17, tzinfo=UTC)
    on_the_day = sum(midnight <= start < midnight + timedelta(days=1) for start in starts)
    # Two greyhound meetings in New Zealand add a bet on the whole meeting.
    assert len(ids) == on_the_day + 2


def races_of(nztab: Nztab, day: str) -> Any:
    card = nztab.day(date.fromisoformat(day))
    assert card is not None
    return card.races


def test_today_is_the_date_in_new_zealand(nztab: Nztab, clock: ManualClock) -> None:
    clock.instant = datetime(2025, 7, 17, 12, 30, tzinfo=UTC)
    assert get(nztab, "/meetings", "date_from=today")["data"]["meetings"][0]["date"] == "2025-07-18T00:00:00Z"


def test_several_days_are_served_one_after_the_other(nztab: Nztab) -> None:
    meetings = get(nztab, "/meetings", "date_from=2025-07-16&date_to=2025-07-17&limit=200")["data"]["meetings"]
    assert [meeting["date"][:10] for meeting in meetings] == ["2025-07-16"] * 76 + ["2025-07-17"] * 76


def test_another_day_than_the_played_one_is_empty(nztab: Nztab) -> None:
    nztab.use(date=date(2025, 7, 18))
    assert get(nztab, "/meetings", TODAY)["data"]["meetings"] == []
    assert len(get(nztab, "/meetings", "date_from=2025-07-18&date_to=2025-07-18")["data"]["meetings"]) == 76


def test_a_new_server_finds_ids_of_yesterday_today_and_tomorrow(clock: ManualClock) -> None:
    for shift in (-1, 0, 1):
        wanted = races_of(Nztab(clock), str(NOON.date() + timedelta(days=shift)))[0]
        assert get(Nztab(clock), f"/events/{wanted.id}")["data"]["race"]["event_id"] == wanted.id


def test_another_seed_plays_another_day(clock: ManualClock) -> None:
    clock.advance(hours=12)
    one, other = (
        Nztab(clock, NztabSettings(seed=seed)).answer("GET", f"{BASE}/meetings", TODAY).body for seed in (1, 2)
    )
    assert one != other


def test_the_same_request_at_the_same_instant_has_the_same_answer(clock: ManualClock) -> None:
    query = "with_tote_trends_data=true&with_money_tracker=true"
    one, other = (Nztab(clock).answer("GET", f"{BASE}/events/{GRAFTON_1}", query).body for _ in range(2))
    assert one == other


GRAFTON_1 = "2a862302-6e24-427a-8470-77b59f3b59e4"


def test_full_events_are_several_times_as_long(nztab: Nztab) -> None:
    light = nztab.answer("GET", f"{BASE}/events/{GRAFTON_1}", "with_tote_trends_data=true").body
    nztab.use(full=True)
    assert len(nztab.answer("GET", f"{BASE}/events/{GRAFTON_1}", "with_tote_trends_data=true").body) > 4 * len(light)


@pytest.mark.parametrize(
    ("path", "query", "status", "reason"),
    [
        ("/events/unknown", "", 404, "event not found"),
        ("/meetings/unknown", "", 404, "meeting not found"),
        ("/horses", "", 404, "no such endpoint"),
        ("/meetings", "date_from=yesterday", 400, "date_from must be a date"),
        ("/meetings", "date_from=2025-07-17&date_to=2025-07-16", 400, "date_to must be at most"),
        ("/meetings", "date_from=2025-07-17&date_to=2025-08-17", 400, "date_to must be at most"),
        ("/meetings", "limit=201", 400, "limit must be a number"),
        ("/meetings", "offset=-1", 400, "offset must be a number"),
        ("/meetings", "enc=xml", 400, "enc 'xml'"),
        (f"/events/{AWAPUNI_1}", "with_money_tracker=maybe", 400, "with_money_tracker must be"),
        ("/list", "page_token=nonsense", 400, "page_token is not"),
    ],
)
def test_what_cannot_be_answered_is_refused(nztab: Nztab, path: str, query: str, status: int, reason: str) -> None:
    code, error = refusal(nztab, path, query)
    assert code == status
    assert error.startswith(reason)


def test_the_longest_span_of_days_is_served(nztab: Nztab) -> None:
    nztab.use(date=date(2025, 7, 17))
    assert len(get(nztab, "/meetings", "date_from=2025-07-17&date_to=2025-08-16")["data"]["meetings"]) == 76


def test_only_get_is_understood(nztab: Nztab) -> None:
    assert refusal(nztab, "/meetings", TODAY, "POST")[0] == 405


def test_requests_are_counted_by_route_status_and_event(nztab: Nztab) -> None:
    for path in ("/meetings", f"/events/{AWAPUNI_1}", f"/events/{AWAPUNI_1}", "/events/unknown", "/list", "/horses"):
        nztab.answer("GET", BASE + path)
    assert nztab.requests == {"meetings": 1, "event": 3, "list": 1, "unknown": 1}
    assert nztab.statuses == {200: 4, 404: 2}
    assert nztab.polls == {AWAPUNI_1: 2, "unknown": 1}


def test_requests_that_do_not_say_who_asks_are_counted(nztab: Nztab) -> None:
    identity = {"user-agent": "raceday/1", "from": "a@b.invalid", "x-partner": "raceday", "x-partner-id": "raceday"}
    nztab.answer("GET", f"{BASE}/meetings", TODAY, identity)
    nztab.answer("GET", f"{BASE}/meetings", TODAY, {**identity, "from": ""})
    assert nztab.anonymous == 1

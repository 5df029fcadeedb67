"""Bad answers on demand: which requests they hit, and what they leave of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import ManualClock, Settings
from raceday_iac.raceday.nztab import NztabFault, NztabSettings
from raceday_iac.raceday.nztab.player import BASE, HUGE, Nztab, NztabPlugin, nztab_of

NOW = datetime(2025, 7, 17, 1, tzinfo=UTC)
RACES = ("0f57e087-00d9-4c61-9549-835abe2ae2ed", "2a862302-6e24-427a-8470-77b59f3b59e4")
ALL = "with_money_tracker=true&with_tote_trends_data=true"


@pytest.fixture
def nztab() -> Nztab:
    return Nztab(ManualClock(NOW))


def event(nztab: Nztab, race: str = RACES[1]) -> Any:
    return json.loads(nztab.answer("GET", f"{BASE}/events/{race}", ALL).body)["data"]


def statuses(nztab: Nztab, count: int, path: str = f"/events/{RACES[1]}") -> list[int]:
    return [nztab.answer("GET", BASE + path).status for _ in range(count)]


def test_nothing_goes_wrong_unasked(nztab: Nztab) -> None:
    assert statuses(nztab, 5) == [200] * 5


def test_every_kth_request_fails(nztab: Nztab) -> None:
    nztab.faults.add("status", status=503, every=3)
    assert statuses(nztab, 7) == [200, 200, 503, 200, 200, 503, 200]


def test_a_fault_ends_after_its_times(nztab: Nztab) -> None:
    nztab.faults.add("status", status=500, times=2)
    assert statuses(nztab, 4) == [500, 500, 200, 200]


def test_a_share_of_the_requests_fails_the_same_ones_each_time() -> None:
    seen = []
    for _ in range(2):
        nztab = Nztab(ManualClock(NOW))
        nztab.faults.add("status", status=500, rate=0.3)
        seen.append(statuses(nztab, 40))
    assert seen[0] == seen[1]
    assert 2 < seen[0].count(500) < 25


def test_chosen_events_fail_and_others_do_not(nztab: Nztab) -> None:
    nztab.faults.add("status", ids=[RACES[0]])
    assert [statuses(nztab, 1, f"/events/{race}") for race in RACES] == [[500], [200]]


def test_a_chosen_route_fails_and_others_do_not(nztab: Nztab) -> None:
    nztab.faults.add("status", route="meetings", status=503)
    assert [statuses(nztab, 1, path) for path in ("/meetings", f"/events/{RACES[0]}")] == [[503], [200]]


def test_a_refusal_may_name_a_time_to_wait(nztab: Nztab) -> None:
    nztab.faults.add("status", status=429, retry_after=7)
    answer = nztab.answer("GET", f"{BASE}/meetings")
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")


def test_more_requests_in_a_second_than_allowed_are_refused_by_the_servers_clock() -> None:
    clock = ManualClock(NOW)
    nztab = Nztab(clock)
    nztab.faults.requests_per_second = 2
    assert statuses(nztab, 3) == [200, 200, 429]
    clock.advance(milliseconds=999)
    assert statuses(nztab, 1) == [429]
    clock.advance(milliseconds=1)
    assert statuses(nztab, 3) == [200, 200, 429]


def test_slowness_is_a_delay_that_adds_to_other_faults(nztab: Nztab) -> None:
    nztab.faults.add("slow", seconds=3)
    nztab.faults.add("slow", seconds=4)
    nztab.faults.add("status", status=500)
    answer = nztab.answer("GET", f"{BASE}/meetings")
    assert (answer.delay, answer.status) == (7, 500)


def test_a_connection_may_be_cut(nztab: Nztab) -> None:
    nztab.faults.add("cut")
    assert nztab.answer("GET", f"{BASE}/meetings").is_cut


@pytest.mark.parametrize("kind", ["truncated", "html", "empty"])
def test_bodies_that_are_no_json(nztab: Nztab, kind: str) -> None:
    nztab.faults.add(kind)
    answer = nztab.answer("GET", f"{BASE}/events/{RACES[0]}")
    assert answer.status == 200
    with pytest.raises(ValueError, match=r"."):
        json.loads(answer.body)


def test_an_answer_may_be_a_list(nztab: Nztab) -> None:
    nztab.faults.add("not_object")
    assert isinstance(json.loads(nztab.answer("GET", f"{BASE}/events/{RACES[0]}").body), list)


def test_a_huge_body_is_valid_and_longer_than_ten_megabytes(nztab: Nztab) -> None:
    nztab.faults.add("huge")
    body = nztab.answer("GET", f"{BASE}/events/{RACES[0]}").body
    assert len(body) > HUGE == 10 * 1024 * 1024
    assert json.loads(body)["data"]["runners"]


@pytest.mark.parametrize(
    ("path", "name"),
    [(f"/events/{RACES[0]}", "runners"), ("/meetings", "meetings"), ("/list", "races")],
)
def test_the_list_that_matters_may_be_missing(nztab: Nztab, path: str, name: str) -> None:
    nztab.faults.add("missing")
    assert name not in json.loads(nztab.answer("GET", BASE + path).body)["data"]


def test_nulls_and_wrong_types_spoil_a_third_of_the_runners_and_leave_the_others(nztab: Nztab) -> None:
    good = event(nztab)
    for kind, first in (("nulls", 0), ("wrong_types", 1)):
        nztab.faults.clear()
        nztab.faults.add(kind)
        spoilt = event(nztab)
        same = [one == other for one, other in zip(good["runners"], spoilt["runners"], strict=True)]
        assert same == [place % 3 != first for place in range(len(same))]
        assert spoilt["race"]["distance"] in (None, "1700m")
        assert spoilt["money_tracker"] != good["money_tracker"]
        assert spoilt["tote_pools"] != good["tote_pools"]


def test_duplicates_repeat_two_runners_with_another_name(nztab: Nztab) -> None:
    good = event(nztab)["runners"]
    nztab.faults.add("duplicates")
    spoilt = event(nztab)["runners"]
    assert spoilt[:-2] == good
    assert [runner["entrant_id"] for runner in spoilt[-2:]] == [runner["entrant_id"] for runner in good[:2]]
    assert spoilt[-1]["name"] != good[1]["name"]


@pytest.mark.parametrize("kind", ["nulls", "wrong_types", "duplicates"])
@pytest.mark.parametrize("path", ["/meetings", "/list", f"/events/{RACES[0]}"])
def test_a_spoilt_answer_does_not_spoil_the_next(nztab: Nztab, kind: str, path: str) -> None:
    good = nztab.answer("GET", BASE + path, ALL).body
    nztab.faults.add(kind, times=1)
    assert nztab.answer("GET", BASE + path, ALL).body != good
    assert nztab.answer("GET", BASE + path, ALL).body == good


@pytest.mark.parametrize(
    "options", [{"kind": "earthquake"}, {"kind": "slow", "route": "horses"}, {"kind": "slow", "every": 0}]
)
def test_faults_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no fault|no route|every"):
        NztabFault(**options)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = Settings(scheduler=False, plugins=(NztabPlugin(NztabSettings(seed=5)),))
    clock = ManualClock(NOW)
    with start_server(Path(tmp_path_factory.mktemp("nztab")), settings=settings, clock=clock) as server:
        yield server


@pytest.fixture
def control(running: RunningServer) -> Iterator[Any]:
    """Calls the control routes; the player is reset before and after."""
    headers = {"x-appwrite-project": running.project, "x-appwrite-key": running.key}

    def call(method: str, body: Any = None, key: str = running.key) -> requests.Response:
        url = f"{running.endpoint}/_dev/nztab"
        return requests.request(method, url, json=body, headers={**headers, "x-appwrite-key": key}, timeout=10)

    assert call("DELETE").status_code == 204
    running.server.requests.clear()
    yield call
    call("DELETE")


def fetch(running: RunningServer, path: str) -> requests.Response:
    return requests.get(running.endpoint.removesuffix("/v1") + "/nztab" + BASE + path, timeout=10)


def test_the_server_plays_without_keys_and_counts_apart_from_appwrite(running: RunningServer, control: Any) -> None:
    answer = fetch(running, f"/events/{RACES[0]}")
    assert answer.json()["data"]["race"]["event_id"] == RACES[0]
    assert answer.json()["header"]["generated_time"] == "2025-07-17T01:00:00Z"
    assert nztab_of(running.server).requests == {"event": 1}
    assert not running.server.requests


def test_settings_of_the_server_choose_what_is_played(running: RunningServer, control: Any) -> None:
    assert control("GET").json()["seed"] == 5


def test_the_control_route_changes_what_is_played_and_leaves_the_rest(running: RunningServer, control: Any) -> None:
    reported = control("PATCH", {"date": "2025-09-28", "races": 30}).json()
    assert (reported["date"], reported["races"], reported["seed"]) == ("2025-09-28", 30, 5)
    assert nztab_of(running.server).settings == NztabSettings(date=date(2025, 9, 28), seed=5, races=30)
    reported = control("PATCH", {"date": "", "races": 0}).json()
    assert (reported["date"], reported["races"], reported["seed"]) == ("", 0, 5)


def test_the_control_route_arms_faults_and_says_how_often_they_applied(running: RunningServer, control: Any) -> None:
    control("PATCH", {"faults": [{"kind": "status", "status": 429, "retryAfter": 3, "ids": [RACES[0]], "every": 2}]})
    answers = [fetch(running, f"/events/{RACES[0]}") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].headers["retry-after"] == "3"
    reported = control("GET").json()
    assert [(rule["seen"], rule["done"]) for rule in reported["faults"]] == [(2, 1)]
    assert (reported["requests"], reported["statuses"]) == ({"event": 2}, {"200": 1, "429": 1})


def test_the_control_route_limits_the_rate(running: RunningServer, control: Any) -> None:
    control("PATCH", {"requestsPerSecond": 1})
    assert [fetch(running, "/meetings").status_code for _ in range(2)] == [200, 429]


def test_a_cut_connection_is_lost_over_http(running: RunningServer, control: Any) -> None:
    control("PATCH", {"faults": [{"kind": "cut"}]})
    with pytest.raises(requests.ConnectionError):
        fetch(running, "/meetings")


@pytest.mark.parametrize(
    "body",
    [
        {"date": "soon"},
        {"races": -1},
        {"faults": [{"kind": "earthquake"}]},
        {"faults": [{"status": 500}]},
        {"faults": [{"kind": "slow", "speed": 1}]},
        {"faults": ["slow"]},
    ],
)
def test_the_control_route_refuses_nonsense(running: RunningServer, control: Any, body: dict[str, Any]) -> None:
    assert control("PATCH", body).status_code == 400


def test_deleting_goes_back_to_the_beginning(running: RunningServer, control: Any) -> None:
    before = control("GET").json()
    control("PATCH", {"seed": 9, "full": True, "requestsPerSecond": 1, "faults": [{"kind": "html"}]})
    fetch(running, "/meetings")
    control("DELETE")
    assert control("GET").json() == before


def test_the_control_route_needs_the_servers_own_key(running: RunningServer, control: Any) -> None:
    assert control("GET", key=running.create_key(running.project)).status_code == 401

"""`meeting-status-poller`: what changes of a meeting, of the right day, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from .test_daily_meetings import DAY, by_id, change, meeting, race, upstream
from .wires import Killed, Mortal


@pytest.fixture
def one(raceday: Any) -> Any:
    """A day with one meeting of three races, at nine in the morning."""
    raceday.call("daily-meetings", transport=upstream(meeting(race(1), race(2), race(3))))
    raceday.time.sleep(2 * 3600)
    raceday.forget_requests()
    return raceday


def poll(raceday: Any, *meetings: Any, **options: Any) -> Any:
    return raceday.call("meeting-status-poller", transport=upstream(*meetings, **options))


def stored(raceday: Any) -> dict[str, Any]:
    return by_id(raceday, "meetings")["meeting-1"]


def races(*statuses: str, **changes: Any) -> list[dict[str, Any]]:
    return [race(number, status=status, **changes) for number, status in enumerate(statuses, 1)]


def writes(raceday: Any) -> list[str]:
    return [path for _, path in raceday.requests() if "transactions" in path]


def test_what_has_changed_is_written_and_nothing_else(one: Any) -> None:
    before = stored(one)
    called = poll(one, meeting(*races("Open", "Open", "Open", weather="Showery"), track_condition="Soft5"))

    after = stored(one)
    assert called.body["changed"] == 1
    assert {key for key in after if after[key] != before[key]} == {
        "trackCondition",
        "weather",
        "lastUpdated",
        "$updatedAt",
    }
    assert (after["trackCondition"], after["weather"]) == ("Soft5", "Showery")


def test_it_notes_when_nz_tab_made_its_answer(raceday: Any) -> None:
    raceday.call("daily-meetings")
    for _ in range(60):
        raceday.time.sleep(900)
        if raceday.call("meeting-status-poller").body.get("changed"):
            break

    assert any(each["apiGeneratedTime"] for each in by_id(raceday, "meetings").values())


def test_when_nothing_has_changed_nothing_is_written(one: Any) -> None:
    listed = meeting(*races("Open", "Open", "Open"))
    poll(one, listed)
    before = stored(one)
    one.forget_requests()
    one.time.sleep(900)

    called = poll(one, listed)
    assert (called.outcome, called.body["changed"]) == ("done", 0)
    assert writes(one) == []
    assert stored(one) == before


def test_all_changes_of_a_day_take_one_transaction(raceday: Any) -> None:
    raceday.call("daily-meetings")
    for key in by_id(raceday, "meetings"):
        change(raceday, "meetings", key, trackCondition="?", weather="?")
    raceday.forget_requests()

    called = raceday.call("meeting-status-poller")
    assert called.body["changed"] == 12
    assert len(writes(raceday)) == 3
    # Two reads, the transaction, two for the lock, and three for the fence: made, confirmed, removed.
    assert sum(raceday.requests().values()) == 10
    assert raceday.nztab.requests["meetings"] == 2


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (("Open", "Open", "Open"), "active"),
        (("Abandoned", "Open", "Abandoned"), "active"),
        (("Abandoned", "Final", "Abandoned"), "active"),
        (("Abandoned", "Abandoned", "Abandoned"), "abandoned"),
    ],
)
def test_a_meeting_is_abandoned_when_all_its_races_are(one: Any, statuses: tuple[str, ...], status: str) -> None:
    called = poll(one, meeting(*races(*statuses)))

    assert stored(one)["status"] == status
    assert len(called.context.events("meeting.status")) == (status == "abandoned")


def test_a_meeting_that_takes_place_after_all_is_active_again(one: Any) -> None:
    poll(one, meeting(*races("Abandoned", "Abandoned", "Abandoned")))
    poll(one, meeting(*races("Open", "Abandoned", "Abandoned")))

    assert stored(one)["status"] == "active"


@pytest.mark.parametrize(
    ("weathers", "weather"),
    [
        (("Fine", "Fine", "Fine"), "Fine"),
        (("FINE", "Fine", "fine"), "FINE"),
        (("Fine", "", "Fine"), "Fine"),
        (("Fine", None, 3), "Fine"),
        (("Fine", "Showery", "Fine"), "before"),
        (("", "", ""), "before"),
        ((None, [], {}), "before"),
    ],
)
def test_the_weather_is_that_of_the_races_when_they_agree(one: Any, weathers: tuple[Any, ...], weather: str) -> None:
    change(one, "meetings", "meeting-1", weather="before")
    poll(one, meeting(*(race(number, weather=reported) for number, reported in enumerate(weathers, 1))))

    assert stored(one)["weather"] == weather


def test_the_weather_of_races_that_are_over_is_of_no_interest(one: Any) -> None:
    poll(one, meeting(race(1, status="Final", weather="Fine"), race(2, weather="Showery"), race(3, weather="Showery")))

    assert stored(one)["weather"] == "Showery"


BAD: dict[str, Any] = {
    "not listed": [],
    "foreign": [meeting(*races("Abandoned"), meeting="meeting-9", track_condition="Heavy")],
    "of another day": [meeting(*races("Abandoned"), track_condition="Heavy", date="2025-07-18T00:00:00Z")],
    "without a day": [meeting(*races("Abandoned"), track_condition="Heavy", date=None)],
    "track of another type": [meeting(track_condition=["Heavy"])],
    "races missing": [meeting() | {"races": None}],
    "races of another type": [meeting() | {"races": "none"}],
    "races that are none": [meeting(None, 3, "race")],
    "id of another type": [meeting(*races("Abandoned"), meeting={"id": 1})],
    "no meetings at all": [None, 3, "meeting", []],
}


@pytest.mark.parametrize("listed", BAD.values(), ids=BAD)
def test_what_cannot_be_understood_changes_nothing(one: Any, listed: list[Any]) -> None:
    before = stored(one)
    called = poll(one, *listed)

    assert (called.outcome, called.body["changed"]) == ("done", 0)
    assert stored(one) == before


def test_a_bad_meeting_does_not_keep_the_others(raceday: Any) -> None:
    both = [meeting(race(1)), meeting(race(2), meeting="meeting-2")]
    raceday.call("daily-meetings", transport=upstream(*both))
    poll(raceday, {**both[0], "races": 3, "track_condition": {}}, {**both[1], "track_condition": "Heavy"})

    assert by_id(raceday, "meetings")["meeting-2"]["trackCondition"] == "Heavy"


def test_a_condition_that_is_too_long_is_cut_and_counted(one: Any) -> None:
    called = poll(one, meeting(*races("Open"), track_condition="Heavy" * 20))

    assert stored(one)["trackCondition"] == ("Heavy" * 20)[:50]
    assert called.counts["cut:meetings.trackCondition"] == 1


@pytest.mark.parametrize("kind", ["truncated", "html", "empty", "cut", "status", "huge", "not_object"])
def test_without_a_list_it_is_degraded_but_no_error(one: Any, kind: str) -> None:
    before = stored(one)
    one.nztab.faults.add(kind, route="meetings")
    called = one.call("meeting-status-poller")

    assert (called.status, called.outcome, called.body["degraded"]) == (200, "done", True)
    assert len(called.context.events("nztab.trouble")) == 1
    assert stored(one) == before
    assert writes(one) == []


@pytest.mark.parametrize("status", [503, 404, 403])
def test_what_could_be_read_is_used(one: Any, status: int) -> None:
    listed = [meeting(*races("Open"), track_condition="Heavy")]
    listed += [meeting(meeting=f"other-{number}") for number in range(199)]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params["offset"] != "0":
            return httpx.Response(status)
        return httpx.Response(200, json={"data": {"meetings": listed}})

    called = one.call("meeting-status-poller", transport=lambda _: httpx.MockTransport(answer))
    assert (called.body["degraded"], called.body["changed"]) == (True, 1)
    assert stored(one)["trackCondition"] == "Heavy"


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 403}, {"kind": "missing"}], ids=["refused", "no list"])
def test_what_waiting_does_not_mend_is_an_error(one: Any, fault: dict[str, Any]) -> None:
    one.nztab.faults.add(route="meetings", **fault)
    called = one.call("meeting-status-poller")

    assert (called.status, called.body["category"]) == (500, "fatal")


def test_once_all_races_are_over_for_a_while_nothing_is_asked_for(one: Any) -> None:
    ended = datetime.fromtimestamp(one.time.seconds(), UTC).isoformat(timespec="milliseconds")
    change(one, "races", "race-1", status="Abandoned", abandonedAt=ended)
    for key in ("race-2", "race-3"):
        change(one, "races", key, status="Final", finalizedAt=ended)
    one.time.sleep(35 * 60)
    assert poll(one, meeting()).body["meetings"] == 1

    one.time.sleep(60)
    called = one.call("meeting-status-poller")
    assert called.body["skipped"] == "no race is open any more"
    assert not one.nztab.requests


def test_one_open_race_is_enough_to_ask(one: Any) -> None:
    for key in ("race-1", "race-2"):
        change(one, "races", key, status="Final", finalizedAt="2025-07-16T20:00:00.000+00:00")
    one.time.sleep(3600)

    assert poll(one, meeting()).body["meetings"] == 1


def test_without_a_card_nothing_is_asked_for(raceday: Any) -> None:
    called = raceday.call("meeting-status-poller")

    assert called.body["skipped"] == "no races are stored for this day"
    assert called.context.events("card.empty")
    assert not raceday.nztab.requests


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        # UTC midnight is noon in New Zealand, of the same day.
        ((2025, 7, 17, 0, 0), "2025-07-17"),
        ((2025, 7, 17, 11, 45), "2025-07-17"),
        # Summer: the last runs are after New Zealand's midnight, and still of the day before.
        ((2025, 12, 17, 10, 45), "2025-12-17"),
        ((2025, 12, 17, 11, 0), "2025-12-17"),
        ((2025, 12, 17, 11, 45), "2025-12-17"),
    ],
)
def test_it_refreshes_the_day_that_is_raced(raceday: Any, instant: tuple[int, ...], day: str) -> None:
    raceday.nztab.use(races=30)
    at = datetime(*instant, tzinfo=UTC).timestamp()  # type: ignore[misc]
    raceday.time.sleep(max(0.0, at - 4 * 3600 - raceday.time.seconds()))
    raceday.call("daily-meetings")
    raceday.time.sleep(at - raceday.time.seconds())

    called = raceday.call("meeting-status-poller")
    assert called.body["day"] == day
    assert called.body["meetings"] == len(by_id(raceday, "meetings"))
    assert called.counts.get("meetings.not_listed", 0) == 0


def test_a_day_that_ends_while_the_list_is_read_is_not_written_to(one: Any) -> None:
    at = datetime(2025, 7, 17, 12, 59, 50, tzinfo=UTC).timestamp()
    one.time.sleep(at - one.time.seconds())
    before = stored(one)

    def slow(_: httpx.Request) -> httpx.Response:
        one.time.sleep(15)
        return httpx.Response(200, json={"data": {"meetings": [meeting(*races("Open"), track_condition="Heavy")]}})

    called = one.call("meeting-status-poller", transport=lambda _: httpx.MockTransport(slow))
    assert (called.outcome, called.body["day"]) == ("stopped", DAY)
    assert stored(one) == before


@pytest.mark.parametrize("instant", [(2025, 7, 17, 13, 0), (2025, 12, 17, 12, 0)], ids=["winter", "summer"])
def test_in_the_quiet_window_nothing_is_begun(raceday: Any, instant: tuple[int, ...]) -> None:
    raceday.time.sleep(datetime(*instant, tzinfo=UTC).timestamp() - raceday.time.seconds())  # type: ignore[misc]

    assert raceday.call("meeting-status-poller").outcome == "stopped"


# The lock, two reads, then one transaction of three requests.
@pytest.mark.parametrize("request_number", [1, 2, 3, 4, 5, 6])
def test_killed_in_the_middle_the_next_run_does_it(one: Any, request_number: int) -> None:
    listed = upstream(meeting(*races("Open", "Open", "Open"), track_condition="Heavy"))
    runtime = Mortal(appwrite=request_number).runtime(one.runtime())
    with pytest.raises(Killed):
        one.call("meeting-status-poller", runtime=runtime._replace(transport=listed))
    one.time.sleep(900)

    assert one.call("meeting-status-poller", transport=listed).outcome == "done"
    assert stored(one)["trackCondition"] == "Heavy"


def test_a_whole_day_follows_what_nz_tab_says(raceday: Any) -> None:
    raceday.call("daily-meetings")
    for _ in range(12):
        raceday.time.sleep(3600)
        assert raceday.call("meeting-status-poller").outcome == "done"
    now = datetime.fromtimestamp(raceday.time.seconds(), UTC)
    played = {each.id: each.track.at(now) for each in raceday.nztab.day(datetime.fromisoformat(DAY).date()).meetings}

    meetings = by_id(raceday, "meetings")
    assert {key: each["trackCondition"] or "" for key, each in meetings.items()} == {
        key: played[key] for key in meetings
    }

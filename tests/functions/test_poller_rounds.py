"""The loop of the poller: what it takes on, when it ends, and what it does when something around it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from raceday_iac.devserver.faults import RequestFault

from .poller_day import MONEY, POLLER, go_to, imported, moment, played, put_played, put_race, summary
from .raceday import DATABASE

LOCK = "enhanced-race-poller-lock"
TRANSACTIONS = "/v1/databases/transactions*"


def slowly(raceday: Any, seconds: float) -> Callable[[Any], Any]:
    """NZ TAB takes its time with every answer."""

    def transport(real: Any) -> httpx.MockTransport:
        def answer(request: httpx.Request) -> httpx.Response:
            raceday.time.sleep(seconds)
            response: httpx.Response = real.handle_request(request)
            return response

        return httpx.MockTransport(answer)

    return transport


def polled(raceday: Any) -> set[str]:
    return {each["$id"] for each in raceday.documents("races") if each["last_poll_time"]}


def put_side_by_side(raceday: Any, count: int, minutes: float) -> list[str]:
    """Races that all start in so many minutes."""
    races = imported(raceday, count)
    for race in races:
        put_race(raceday, race.id, raceday.time.now() + timedelta(minutes=minutes))
    return [race.id for race in races]


# What a run takes on


def test_a_single_race_is_polled_whenever_it_is_asked_for(raceday: Any) -> None:
    race = played(raceday)
    put_played(raceday, race)

    called = raceday.call(POLLER, {"raceId": race.id})

    assert (called.status, called.outcome, called.body["mode"]) == (200, "done", "single")
    assert (called.body["polls"], called.body["left"]) == (1, [])
    assert polled(raceday) == {race.id}


def test_an_unknown_single_race_is_not_found(raceday: Any) -> None:
    called = raceday.call(POLLER, {"raceId": "nobody-knows-me"})

    assert (called.status, called.outcome) == (404, "refused")


@pytest.mark.parametrize("body", [{"raceId": "../../x"}, {"raceIds": ["r"] * 401}, {"raceIds": [1]}])
def test_a_bad_request_is_refused_before_anything_is_done(raceday: Any, body: dict[str, Any]) -> None:
    called = raceday.call(POLLER, body)

    assert (called.status, called.outcome) == (400, "refused")
    assert summary(called)["requests"]["appwrite"] == 0
    assert raceday.document("locks", LOCK) is None


def test_unknown_and_finished_races_of_a_batch_are_counted(raceday: Any) -> None:
    first, second = imported(raceday, 2)
    put_race(raceday, first.id, first.start)
    put_race(raceday, second.id, second.start, status="Final", finalizedAt="2025-07-16T10:00:00.000+00:00")

    called = raceday.call(POLLER, {"raceIds": [first.id, second.id, "unknown-1", "unknown-2"]})

    assert (called.outcome, called.body["mode"]) == ("done", "batch")
    assert called.counts["skipped:unknown_race"] == 2
    assert called.counts["skipped:over"] == 1
    assert polled(raceday) == {first.id}


def test_a_race_of_another_day_can_be_asked_for(raceday: Any) -> None:
    race = played(raceday)
    put_played(raceday, race)
    raceday.time.sleep(-0.0)
    go_to(raceday, race.start + timedelta(days=1))

    called = raceday.call(POLLER, {"raceId": race.id})

    assert called.counts["polls"] == 1
    assert raceday.document("races", race.id)["status"] == "Final"


@pytest.mark.parametrize("body", ["", "not json", "[]", {"other": 1}, {"raceIds": []}])
def test_without_races_in_the_body_the_due_ones_are_chosen(raceday: Any, body: Any) -> None:
    near, far = imported(raceday, 2)
    put_race(raceday, near.id, raceday.time.now() + timedelta(minutes=30))
    put_race(raceday, far.id, raceday.time.now() + timedelta(hours=5))

    called = raceday.call(POLLER, body)

    assert (called.body["mode"], called.counts["polls"]) == ("selection", 1)
    assert polled(raceday) == {near.id}


# How long it lives


def test_a_run_with_nothing_to_come_ends_at_once(raceday: Any) -> None:
    put_side_by_side(raceday, 1, minutes=30)

    called = raceday.call(POLLER)

    assert (called.body["rounds"], called.body["durationMs"]) == (1, 0)


def test_a_race_at_the_jump_is_polled_every_round_until_the_budget_ends(raceday: Any) -> None:
    begin = raceday.time.now()
    put_side_by_side(raceday, 1, minutes=1)

    called = raceday.call(POLLER)

    # At 0, 15, … 90 seconds.
    assert (called.body["rounds"], called.body["polls"]) == (7, 7)
    assert raceday.time.now() - begin == timedelta(seconds=90)


def test_a_race_that_is_critical_is_polled_every_second_round(raceday: Any) -> None:
    put_side_by_side(raceday, 1, minutes=5)

    called = raceday.call(POLLER)

    assert called.body["polls"] == 4


def test_a_race_becomes_due_while_the_run_lives(raceday: Any) -> None:
    first, second = put_side_by_side(raceday, 2, minutes=30)
    raceday.call(POLLER, {"raceId": second})
    raceday.time.sleep(60)
    # Due again in 90 seconds, when a run that is kept alive by another race is still there.
    put_race(raceday, first, raceday.time.now() + timedelta(minutes=2))

    called = raceday.call(POLLER)

    assert called.body["races"] == 2
    assert called.body["polls"] == 7 + 1


def test_a_slow_upstream_does_not_make_a_run_outlive_its_lock(raceday: Any) -> None:
    races = put_side_by_side(raceday, 60, minutes=200)
    begin = raceday.time.now()

    called = raceday.call(POLLER, {"raceIds": races}, transport=slowly(raceday, 11.0))

    assert called.status == 200
    # Less than the 115 seconds after which the lock lets nothing be written.
    assert raceday.time.now() - begin < timedelta(seconds=112)
    done = polled(raceday)
    assert 0 < len(done) < 60
    assert set(called.body["left"]) == set(races) - done
    assert raceday.document("locks", LOCK) is None


def test_what_is_left_is_done_by_the_next_run(raceday: Any) -> None:
    races = put_side_by_side(raceday, 60, minutes=200)
    left, runs = races, 0

    while left:
        left = raceday.call(POLLER, {"raceIds": left}, transport=slowly(raceday, 11.0)).body["left"]
        runs += 1

    assert polled(raceday) == set(races)
    assert 1 < runs < 4
    assert len(raceday.nztab.polls) == 60
    assert set(raceday.nztab.polls.values()) == {1}


def test_a_whole_card_is_polled_in_one_run_with_at_most_five_requests_at_a_time(raceday: Any) -> None:
    races = imported(raceday, 96)
    put_played(raceday, *races)
    under_way, most = set[str](), 0

    def transport(real: Any) -> httpx.MockTransport:
        def answer(request: httpx.Request) -> httpx.Response:
            nonlocal most
            under_way.add(str(request.url))
            most = max(most, len(under_way))
            raceday.time.sleep(0.5)
            under_way.discard(str(request.url))
            response: httpx.Response = real.handle_request(request)
            return response

        return httpx.MockTransport(answer)

    called = raceday.call(POLLER, {"raceIds": [race.id for race in races]}, transport=transport)

    assert (called.outcome, called.body["left"]) == ("done", [])
    assert polled(raceday) == {race.id for race in races}
    assert most == 5


def test_an_urgent_race_goes_before_a_long_batch(raceday: Any) -> None:
    races = put_side_by_side(raceday, 60, minutes=200)
    urgent = races.pop()
    put_race(raceday, urgent, raceday.time.now() + timedelta(minutes=1))

    called = raceday.call(POLLER, {"raceIds": races}, transport=slowly(raceday, 8.0))

    assert called.body["left"]
    assert raceday.nztab.polls[urgent] >= 3


def test_the_quiet_window_ends_a_run_which_says_what_is_left(raceday: Any) -> None:
    # 00:59 of the 18th: the last minute of the card of the 17th.
    races = imported(raceday, 60)
    put_played(raceday, *races)
    go_to(raceday, moment("2025-07-17T12:59:00+00:00"))
    for race in races:
        put_race(raceday, race.id, raceday.time.now() + timedelta(minutes=3))

    called = raceday.call(POLLER, transport=slowly(raceday, 7.0))

    assert (called.status, called.outcome, called.body["reason"]) == (200, "stopped", "quiet window")
    assert called.body["day"] == "2025-07-17"
    assert called.body["polls"] > 0
    # What was under way is still written, but nothing is begun.
    assert raceday.time.now() < moment("2025-07-17T13:00:10+00:00")
    assert raceday.document("locks", LOCK) is None
    assert json.loads(raceday.document("locks", "enhanced-race-poller-progress")["progress"])["races"]


def test_in_the_quiet_window_nothing_is_polled(raceday: Any) -> None:
    put_played(raceday, played(raceday))
    go_to(raceday, moment("2025-07-17T13:00:00+00:00"))

    called = raceday.call(POLLER)

    assert (called.outcome, called.body["reason"]) == ("stopped", "quiet window")
    assert sum(raceday.nztab.polls.values()) == 0


# What goes wrong around it


def test_a_second_run_is_refused_and_the_first_goes_on(raceday: Any) -> None:
    put_side_by_side(raceday, 1, minutes=1)
    ran: list[Any] = []
    first = raceday.time.start(lambda: ran.append(raceday.call(POLLER)), "first")
    raceday.time.sleep(40)

    second = raceday.call(POLLER)
    first.join()

    assert second.outcome == "duplicate"
    assert (ran[0].outcome, ran[0].body["polls"]) == ("done", 7)


def test_starts_in_vain_ask_the_caller_to_back_off(raceday: Any) -> None:
    put_side_by_side(raceday, 1, minutes=1)
    for _ in range(2):
        ran: list[Any] = []
        task = raceday.time.start(lambda ran=ran: ran.append(raceday.call(POLLER)), "run")
        for _ in range(3):
            raceday.time.sleep(8)
            assert raceday.call(POLLER).outcome == "duplicate"
        task.join()
        raceday.time.sleep(10)

    assert ran[0].context.events("run.crowded")


def test_a_run_that_loses_its_lock_stops_writing(raceday: Any) -> None:
    put_side_by_side(raceday, 1, minutes=1)
    path = f"/databases/{DATABASE}/collections/locks/documents/{LOCK}"
    taken: list[str] = []

    def sleep(seconds: float) -> None:
        raceday.time.sleep(seconds)
        if not taken:
            # Somebody else has it now, as after a pause of this run.
            raceday.client.patch(path, {"data": {"owner": "somebody else", "generation": 7}})
            taken.append(raceday.time.now().isoformat())

    called = raceday.call(POLLER, sleep=sleep)

    assert (called.status, called.outcome) == (500, "lock_lost")
    stored = raceday.document("races", raceday.documents("races")[0]["$id"])
    # Nothing after the heartbeat that told it, 45 seconds after the start.
    assert moment(stored["last_poll_time"]) <= moment(taken[0]) + timedelta(seconds=45)
    assert raceday.document("locks", LOCK)["owner"] == "somebody else"


def test_a_race_that_cannot_be_fetched_does_not_hold_up_the_others(raceday: Any) -> None:
    bad, *good = put_side_by_side(raceday, 4, minutes=1)
    raceday.nztab.faults.add("status", ids=[bad], status=503)

    called = raceday.call(POLLER)

    assert called.outcome == "done"
    assert polled(raceday) == set(good)
    assert called.counts["missed"] >= 1
    assert raceday.document("races", bad)["last_poll_time"] is None
    assert {raceday.nztab.polls[race] for race in good} == {7}
    # Twice each time, and less and less often.
    assert raceday.nztab.polls[bad] == 2 * 3


def test_a_race_that_upstream_does_not_know_is_stamped_and_asked_for_at_its_next_time_only(raceday: Any) -> None:
    put_race(raceday, "unknown-upstream", raceday.time.now() + timedelta(minutes=30))

    called = raceday.call(POLLER)
    again = raceday.call(POLLER)

    assert called.counts["skipped:race"] == 1
    assert polled(raceday) == {"unknown-upstream"}
    assert "polls" not in again.counts
    assert sum(raceday.nztab.polls.values()) == 1


def test_an_upstream_that_is_down_ends_no_run_and_stamps_nothing(raceday: Any) -> None:
    put_side_by_side(raceday, 6, minutes=1)
    raceday.nztab.faults.add("status", status=502)

    called = raceday.call(POLLER)

    assert called.outcome == "done"
    assert polled(raceday) == set()
    assert called.counts["missed"] >= 6
    # The breaker and the pauses keep it from being hammered.
    assert sum(raceday.nztab.polls.values()) <= 40


def test_a_client_that_is_refused_ends_the_run(raceday: Any) -> None:
    put_side_by_side(raceday, 1, minutes=1)
    raceday.nztab.faults.add("status", status=403)

    called = raceday.call(POLLER)

    assert (called.status, called.outcome, called.body["category"]) == (500, "failed", "fatal")


def test_trouble_of_the_database_in_one_round_leaves_the_races_due(raceday: Any) -> None:
    (race,) = put_side_by_side(raceday, 1, minutes=1)
    # More often than a transaction is tried.
    raceday.server.server.faults.add(RequestFault("POST", f"{TRANSACTIONS}/operations", times=4, status=503))

    called = raceday.call(POLLER)

    assert called.outcome == "done"
    assert called.counts["database.trouble"] == 1
    assert called.body["polls"] >= 5
    assert len(raceday.documents(MONEY, raceId=race)) > 0


def test_a_database_that_stays_down_ends_the_run_after_three_rounds(raceday: Any) -> None:
    put_side_by_side(raceday, 1, minutes=1)
    raceday.server.server.faults.add(RequestFault("POST", TRANSACTIONS, times=1000, status=503))

    called = raceday.call(POLLER)

    assert (called.status, called.outcome, called.body["category"]) == (500, "failed", "retryable")
    assert called.counts["database.trouble"] == 3
    assert polled(raceday) == set()


def test_an_answer_that_is_lost_after_the_commit_makes_no_doubles(raceday: Any) -> None:
    (race,) = put_side_by_side(raceday, 1, minutes=30)
    raceday.server.server.faults.add(RequestFault("PATCH", TRANSACTIONS, cut="after"))

    called = raceday.call(POLLER, {"raceId": race})

    assert called.outcome == "done"
    identities = [each["$id"] for each in raceday.documents(MONEY)]
    assert len(identities) == len(set(identities)) == len({each["entrantId"] for each in raceday.documents(MONEY)})


def test_the_lock_tells_how_far_the_run_is(raceday: Any) -> None:
    put_side_by_side(raceday, 2, minutes=1)
    raceday.time.start(lambda: raceday.call(POLLER), "run")
    raceday.time.sleep(50)

    lock = raceday.document("locks", LOCK)
    raceday.time.sleep(60)

    assert (lock["phase"], lock["nzDate"]) == ("polling", "2025-07-17")
    progress = json.loads(lock["progress"])
    assert progress["round"] == 3
    assert [polls for polls, _ in progress["races"].values()] == [3, 3]

"""The loop of the poller: what a run takes on, and when it ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from .poller_day import (
    LOCK,
    POLLER,
    go_to,
    imported,
    instant,
    played,
    polled,
    put_played,
    put_race,
    put_side_by_side,
    slowly,
    summary,
)

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
    go_to(raceday, instant("2025-07-17T12:59:00+00:00"))
    for race in races:
        put_race(raceday, race.id, raceday.time.now() + timedelta(minutes=3))

    called = raceday.call(POLLER, transport=slowly(raceday, 7.0))

    assert (called.status, called.outcome, called.body["reason"]) == (200, "stopped", "quiet window")
    assert called.body["day"] == "2025-07-17"
    assert called.body["polls"] > 0
    # What was under way is still written, but nothing is begun.
    assert raceday.time.now() < instant("2025-07-17T13:00:10+00:00")
    assert raceday.document("locks", LOCK) is None
    # What the poller has done is in the races themselves, so no later run reads any progress of it.
    assert raceday.document("locks", "enhanced-race-poller-progress") is None


def test_in_the_quiet_window_nothing_is_polled(raceday: Any) -> None:
    put_played(raceday, played(raceday))
    go_to(raceday, instant("2025-07-17T13:00:00+00:00"))

    called = raceday.call(POLLER)

    assert (called.outcome, called.body["reason"]) == ("stopped", "quiet window")
    assert sum(raceday.nztab.polls.values()) == 0

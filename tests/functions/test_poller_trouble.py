"""The poller when something around it fails - lock, NZ TAB, database: what that costs, and what it must not cost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from raceday_iac.devserver.faults import RequestFault

from .poller_day import LOCK, MONEY, POLLER, moment, polled, put_race, put_side_by_side
from .raceday import DATABASE

TRANSACTIONS = "/v1/databases/transactions*"


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

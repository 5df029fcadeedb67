"""The poller when something around it fails - lock, NZ TAB, database: what that costs, and what it must not cost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from raceday_iac.devserver.faults import RequestFault
from raceday_iac.health.runs import ending_of
from raceday_iac.provider.protocol import Execution

from .poller_day import LOCK, MONEY, POLLER, instant, polled, put_race, put_side_by_side
from .raceday import DATABASE
from .wires import Killed, Mortal

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
    # Nothing after the heartbeat that said it, 45 seconds after the start.
    assert instant(stored["last_poll_time"]) <= instant(taken[0]) + timedelta(seconds=45)
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


def test_the_lock_says_how_far_the_run_is(raceday: Any) -> None:
    races = put_side_by_side(raceday, 2, minutes=1)
    raceday.time.start(lambda: raceday.call(POLLER), "run")
    raceday.time.sleep(50)

    lock = raceday.document("locks", LOCK)
    raceday.time.sleep(60)

    assert (lock["phase"], lock["nzDate"]) == ("polling", "2025-07-17")
    progress = json.loads(lock["progress"])
    assert progress["round"] == 3
    assert set(progress["polling"]) == set(races)
    assert [polls for polls, _ in progress["races"].values()] == [3, 3]


@pytest.mark.parametrize("retry_after", [None, 30])
@pytest.mark.parametrize("what", ["*", "*/races/documents*", TRANSACTIONS])
def test_a_database_that_is_dead_for_the_whole_run_makes_it_fail(raceday: Any, what: str, retry_after: int) -> None:
    put_side_by_side(raceday, 2, minutes=1)
    path = "/v1/databases/*" if what == "*" else what

    def after_the_lock(real: Any) -> Any:
        raceday.server.server.faults.add(RequestFault("*", path, times=9999, status=503, retry_after=retry_after))
        return real

    began = raceday.time.now()
    called = raceday.call(POLLER, transport=after_the_lock)

    assert (called.status, called.outcome) in ((500, "failed"), (500, "lock_lost"))
    assert raceday.time.now() - began < timedelta(seconds=120)
    assert len(called.context.events("run.summary")) == 1
    ending = ending_of(execution(called))
    assert (ending.outcome, ending.category) == (called.outcome, called.body.get("category", called.outcome))


def test_the_scheduler_does_not_outlive_its_lease_when_the_server_asks_for_patience(raceday: Any) -> None:
    put_side_by_side(raceday, 1, minutes=1)
    raceday.server.server.faults.add(RequestFault("*", "*/races/documents*", times=99, status=429, retry_after=30))

    began = raceday.time.now()
    called = raceday.call("master-race-scheduler")

    assert (called.status, called.outcome, called.body["category"]) == (500, "failed", "retryable")
    assert raceday.time.now() - began <= timedelta(seconds=80)
    assert raceday.document("locks", "master-race-scheduler-lock") is None


def test_a_run_that_polled_before_the_database_died_is_done(raceday: Any) -> None:
    put_side_by_side(raceday, 1, minutes=1)
    fault = RequestFault("POST", f"{TRANSACTIONS}/operations", times=999, status=503, skip=5)
    raceday.server.server.faults.add(fault)

    called = raceday.call(POLLER)

    assert (called.outcome, called.counts["database.trouble"]) == ("done", 2)


def test_a_slow_race_does_not_hold_up_those_beside_it(raceday: Any) -> None:
    """It is asked for once a round, so no round takes longer than one answer may."""
    bad, *good = put_side_by_side(raceday, 3, minutes=1)

    def transport(real: Any) -> httpx.MockTransport:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith(bad):
                raceday.time.sleep(12)
                raise httpx.ReadTimeout("nothing came")
            return real.handle_request(request)

        return httpx.MockTransport(answer)

    called = raceday.call(POLLER, transport=transport)

    assert called.body["polls"] == 2 * 7
    assert polled(raceday) == set(good)


def test_a_poller_whose_forerunners_died_in_their_first_round_asks_for_patience(raceday: Any) -> None:
    """The third of them already, before it asks for any race: it may die there, too."""
    put_side_by_side(raceday, 1, minutes=1)

    for takeovers in range(3):
        with pytest.raises(Killed):
            raceday.call(POLLER, runtime=Mortal(nztab=1).runtime(raceday.runtime()))
        lock = raceday.document("locks", LOCK)
        assert (lock["takeovers"], lock["backoffUntil"] is not None) == (takeovers, takeovers >= 2)
        raceday.time.sleep(121)


def test_races_whose_ids_begin_alike_have_each_their_progress(raceday: Any) -> None:
    start = raceday.time.now() + timedelta(minutes=1)
    for number in range(3):
        put_race(raceday, f"12345678-{number}", start)
    raceday.time.start(lambda: raceday.call(POLLER), "run")
    raceday.time.sleep(50)

    progress = json.loads(raceday.document("locks", LOCK)["progress"])
    raceday.time.sleep(120)

    assert set(progress["races"]) == {f"12345678-{number}" for number in range(3)}


def execution(called: Any) -> Execution:
    """As the server keeps it."""
    logs, errors = "\n".join(called.context.logs), "\n".join(called.context.errors)
    status = "failed" if called.status >= 500 else "completed"
    stamp = "2025-07-17T00:00:00.000+00:00"
    return Execution("e", POLLER, status, "schedule", called.status, "", logs, errors, 1.0, stamp)

"""The scheduler's ticks on the embedded server: what it starts, what it leaves, and what it costs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from _shared import due, lock
from _shared.documents import Write

from raceday_iac.devserver.faults import RequestFault

from .bundles import load
from .poller_standin import LOCKS, POLLER, PollerStandIn, live_until, put_race
from .raceday import Called, Raceday, package_of
from .runs import begin

SCHEDULER = "master-race-scheduler"
#: 09:00 in New Zealand.
OPENING = datetime(2025, 7, 16, 21, 0, tzinfo=UTC)


@pytest.fixture
def poller(raceday: Raceday, bundles: Path) -> PollerStandIn:
    return PollerStandIn(raceday, lock.load_settings(str(bundles / package_of(POLLER) / "src")))


@pytest.fixture
def day(raceday: Raceday, poller: PollerStandIn) -> Raceday:
    """Noon of the race day, with nothing stored yet."""
    live_until(raceday, 2025, 7, 17, 0, 0)
    return raceday


def tick(raceday: Raceday, **changes: Any) -> Called:
    """One run of the scheduler; requests are counted from its beginning."""
    raceday.forget_requests()
    return raceday.call(SCHEDULER, **changes)


def minutes(raceday: Raceday, number: float) -> datetime:
    """The instant so many minutes from now."""
    return raceday.time.now() + timedelta(minutes=number)


def decision(called: Called) -> str:
    assert called.status == 200, called.body
    found: str = called.body["decision"]
    return found


def hold_poller_lock(raceday: Raceday, **fields: Any) -> None:
    """A lock of the poller, taken at this instant by a run that is not heard of again."""
    stored = {"phase": "polling", "staleAfterSeconds": 120, "expirySeconds": 120, **fields}
    raceday.put("locks", f"{POLLER}-lock", owner="somebody", generation=1, **stored)


def note_refused_starts(raceday: Raceday, number: int) -> None:
    data = {"owner": "somebody", "generation": 0, "attempts": number}
    raceday.put("locks", f"{SCHEDULER}-seen", **data)


# What a tick starts.


def test_a_due_race_is_given_to_one_asynchronous_execution(day: Raceday, poller: PollerStandIn) -> None:
    put_race(day, "r1", minutes(day, 10))

    called = tick(day)

    assert decision(called) == "started"
    assert called.body["execution"] in [each["$id"] for each in poller.executions()]
    assert len(poller.executions()) == 1
    assert called.body["phases"] == {"approaching": 1}


def test_all_due_races_go_into_one_execution_most_urgent_first(day: Raceday, poller: PollerStandIn) -> None:
    polled = minutes(day, -10)
    put_race(day, "late-interim", minutes(day, -8), status="Interim", last_poll_time=polled)
    put_race(day, "approaching", minutes(day, 30), last_poll_time=polled)
    put_race(day, "baseline", minutes(day, 300), last_poll_time=minutes(day, -120))
    put_race(day, "jumping", minutes(day, 1), last_poll_time=polled)
    put_race(day, "critical", minutes(day, 4), last_poll_time=minutes(day, -20))
    put_race(day, "settling", minutes(day, -12), status="Final", finalizedAt=minutes(day, -4), last_poll_time=polled)

    tick(day)
    day.time.sleep(60)

    # By interval: 15 s, then 30 s (the one that has waited for longer first), then 150 s, then half an hour.
    assert poller.asked == [["jumping", "critical", "late-interim", "approaching", "settling", "baseline"]]


def test_the_scheduler_stamps_no_race(day: Raceday, poller: PollerStandIn) -> None:
    poller.polls = lambda races: []
    put_race(day, "r1", minutes(day, 10))

    tick(day)
    day.time.sleep(60)

    assert poller.asked == [["r1"]]
    assert (day.document("races", "r1") or {})["last_poll_time"] is None


def test_a_race_that_the_poller_did_not_manage_is_due_again(day: Raceday, poller: PollerStandIn) -> None:
    poller.polls = lambda races: []
    put_race(day, "r1", minutes(day, 10))
    tick(day)
    day.time.sleep(60)

    again = tick(day)

    assert decision(again) == "started"


def test_of_more_than_400_due_races_the_most_urgent_400_are_given(day: Raceday, poller: PollerStandIn) -> None:
    starts = {f"r{number:03}": minutes(day, 30 - number / 20) for number in range(401)}
    data = {"name": "x", "raceNumber": 1, "status": "Open"}
    races = {name: {**data, "raceId": name, "startTime": start.isoformat()} for name, start in starts.items()}
    races["r400"]["status"] = "Closed"
    begin(day).run.documents.write([Write("races", name, race) for name, race in races.items()])

    called = tick(day)
    day.time.sleep(60)

    assert called.counts["due"] == 401
    assert len(poller.asked[0]) == 400
    assert poller.asked[0][0] == "r400"


@pytest.mark.parametrize(("seconds_ago", "expected"), [(149, "nothing due"), (150, "started")])
def test_an_approaching_race_is_due_again_after_two_and_a_half_minutes(
    day: Raceday, seconds_ago: int, expected: str
) -> None:
    put_race(day, "r1", minutes(day, 30), last_poll_time=day.time.now() - timedelta(seconds=seconds_ago))

    assert decision(tick(day)) == expected


@pytest.mark.parametrize(
    ("minutes_to_start", "seconds_ago", "expected"),
    [
        # In a minute it is 4.9 minutes before its start, where a poll is demanded every 30 seconds.
        (5.9, 20, "started"),
        (6.1, 20, "nothing due"),
        (4.0, 29, "started"),
        (2.0, 1, "started"),
    ],
)
def test_the_poller_is_there_before_a_race_near_its_start_becomes_due(
    day: Raceday, poller: PollerStandIn, minutes_to_start: float, seconds_ago: int, expected: str
) -> None:
    put_race(day, "r1", minutes(day, minutes_to_start), last_poll_time=day.time.now() - timedelta(seconds=seconds_ago))

    called = tick(day)
    day.time.sleep(60)

    assert decision(called) == expected
    # Nothing is due yet: the poller chooses by itself, at the right instant.
    assert poller.asked == ([[]] if expected == "started" else [])


# When nothing can be due.


def test_without_races_the_day_is_dormant(day: Raceday) -> None:
    called = tick(day)

    assert (decision(called), called.body["reason"]) == ("dormant", "no races")


def test_the_day_is_over_when_every_race_is_final_or_abandoned_and_settled(day: Raceday) -> None:
    put_race(day, "r1", minutes(day, -60), status="Final", finalizedAt=minutes(day, -8))
    put_race(day, "r2", minutes(day, -60), status="Abandoned")

    called = tick(day)

    assert (decision(called), called.body["reason"]) == ("dormant", "all races are over")


@pytest.mark.parametrize(("seconds", "expected"), [(due.SETTLING, "nothing due"), (due.SETTLING + 1, "dormant")])
def test_the_day_is_not_over_while_dividends_may_come(day: Raceday, seconds: float, expected: str) -> None:
    ended = day.time.now() - timedelta(seconds=seconds)
    put_race(day, "r1", minutes(day, -20), status="Final", finalizedAt=ended, last_poll_time=minutes(day, -1))

    assert decision(tick(day)) == expected


@pytest.mark.parametrize(("second", "expected"), [(59, "dormant"), (60, "nothing due")])
def test_polling_begins_at_nine(raceday: Raceday, poller: PollerStandIn, second: int, expected: str) -> None:
    put_race(raceday, "r1", OPENING + timedelta(hours=5))
    live_until(raceday, 2025, 7, 16, 20, 59)
    raceday.time.sleep(second)

    assert decision(tick(raceday)) == expected


@pytest.mark.parametrize(("minutes_to_start", "expected"), [(65, "started"), (65.1, "dormant")])
def test_before_nine_a_race_that_starts_soon_is_polled(
    raceday: Raceday, poller: PollerStandIn, minutes_to_start: float, expected: str
) -> None:
    live_until(raceday, 2025, 7, 16, 20, 20)
    put_race(raceday, "early", minutes(raceday, minutes_to_start))
    put_race(raceday, "noon", OPENING + timedelta(hours=3))

    called = tick(raceday)
    raceday.time.sleep(60)

    assert decision(called) == expected
    assert poller.asked == ([["early"]] if expected == "started" else [])


# The day boundary.


@pytest.mark.parametrize("minute", [1, 30, 59])
def test_after_midnight_yesterdays_card_goes_on(raceday: Raceday, poller: PollerStandIn, minute: int) -> None:
    live_until(raceday, 2025, 7, 17, 12, minute)
    put_race(raceday, "perth", minutes(raceday, 2))
    put_race(raceday, "tomorrow", datetime(2025, 7, 17, 23, 0, tzinfo=UTC))

    called = tick(raceday)
    raceday.time.sleep(60)

    assert called.body["day"] == "2025-07-17"
    assert poller.asked == [["perth"]]


@pytest.mark.parametrize(("hour", "minute"), [(13, 0), (17, 59)])
def test_in_the_quiet_window_nothing_is_started(
    raceday: Raceday, poller: PollerStandIn, hour: int, minute: int
) -> None:
    live_until(raceday, 2025, 7, 17, hour, minute)
    put_race(raceday, "r1", minutes(raceday, 2))

    called = tick(raceday)

    assert (called.outcome, called.body["reason"]) == ("stopped", "quiet window")
    assert poller.executions() == []


def test_a_day_that_ends_between_reading_and_starting_starts_nothing(raceday: Raceday, poller: PollerStandIn) -> None:
    """As when the machine stands still in between: the first answer takes until the quiet window."""
    live_until(raceday, 2025, 7, 17, 12, 59, 30)
    put_race(raceday, "r1", minutes(raceday, 2))

    called = tick(raceday, connect=_slow_after(raceday, "/races/documents", 31))

    assert called.outcome == "stopped"
    assert poller.executions() == []


def _slow_after(raceday: Raceday, path_part: str, seconds: float) -> Any:
    """Connections that answer requests of this path late."""
    plain = raceday.runtime(of=SCHEDULER).connect

    def connect(credentials: Any) -> Any:
        sender = plain(credentials)
        send = sender.send

        def slowly(method: str, path: str, *rest: Any) -> Any:
            answer = send(method, path, *rest)
            if path_part in path:
                raceday.time.sleep(seconds)
            return answer

        sender.send = slowly  # type: ignore[method-assign]
        return sender

    return connect


# Backing off.


@pytest.mark.parametrize(("age", "expected"), [(120, "backed off"), (121, "started")])
def test_while_a_run_of_the_poller_lives_none_is_started(
    day: Raceday, poller: PollerStandIn, age: int, expected: str
) -> None:
    put_race(day, "r1", minutes(day, 30))
    hold_poller_lock(day)
    day.time.sleep(age)

    called = tick(day)

    assert decision(called) == expected
    assert len(poller.executions()) == (1 if expected == "started" else 0)


def test_the_numbers_that_the_poller_stored_decide_whether_it_lives(day: Raceday) -> None:
    put_race(day, "r1", minutes(day, 30))
    hold_poller_lock(day, staleAfterSeconds=300, expirySeconds=300)
    day.time.sleep(200)

    assert decision(tick(day)) == "backed off"


@pytest.mark.parametrize(("age", "expected"), [(900, "backed off"), (901, "started")])
def test_a_lock_that_states_no_numbers_may_live_for_as_long_as_a_run_can(day: Raceday, age: int, expected: str) -> None:
    put_race(day, "r1", minutes(day, 30))
    hold_poller_lock(day, staleAfterSeconds=None, expirySeconds=None)
    day.time.sleep(age)

    assert decision(tick(day)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(1, "backed off"), (-1, "started")])
def test_a_wish_of_the_poller_to_wait_is_respected_even_when_it_has_died(
    day: Raceday, poller: PollerStandIn, seconds: int, expected: str
) -> None:
    put_race(day, "r1", minutes(day, 30))
    hold_poller_lock(day, backoffUntil=(day.time.now() + timedelta(seconds=200 + seconds)).isoformat())
    day.time.sleep(200)

    assert decision(tick(day)) == expected


@pytest.mark.parametrize(
    ("status", "age", "expected"),
    [
        ("processing", 239, "backed off"),
        ("processing", 241, "started"),
        ("waiting", 241, "backed off"),
        ("waiting", 899, "backed off"),
        ("waiting", 901, "started"),
        ("completed", 5, "started"),
        ("failed", 5, "started"),
    ],
)
def test_an_execution_that_is_under_way_is_enough(
    day: Raceday, poller: PollerStandIn, status: str, age: int, expected: str
) -> None:
    put_race(day, "r1", minutes(day, 10))
    poller.record(status, age)

    assert decision(tick(day)) == expected


@pytest.mark.parametrize(("number", "overloaded"), [(3, False), (4, True)])
def test_many_waiting_executions_are_reported_as_overload(
    day: Raceday, poller: PollerStandIn, number: int, overloaded: bool
) -> None:
    put_race(day, "r1", minutes(day, 10))
    for _ in range(number):
        poller.record("waiting", 300)

    called = tick(day)

    assert decision(called) == "backed off"
    assert bool(called.context.events("system.overloaded")) is overloaded


@pytest.mark.parametrize(("number", "polled"), [(2, ["soon", "later"]), (3, ["soon"])])
def test_started_too_often_it_leaves_out_what_can_wait(
    day: Raceday, poller: PollerStandIn, number: int, polled: list[str]
) -> None:
    put_race(day, "soon", minutes(day, 10))
    put_race(day, "later", minutes(day, 300), last_poll_time=minutes(day, -60))
    note_refused_starts(day, number)

    called = tick(day)
    day.time.sleep(60)

    assert poller.asked == [polled]
    assert len(called.context.events("run.crowded")) == (1 if number == 3 else 0)


def test_refused_starts_are_counted_again_after_they_were_seen(day: Raceday, poller: PollerStandIn) -> None:
    put_race(day, "later", minutes(day, 300), last_poll_time=minutes(day, -60))
    note_refused_starts(day, 5)

    crowded, next_one = tick(day), tick(day)

    assert (decision(crowded), decision(next_one)) == ("backed off", "started")
    assert day.document("locks", f"{SCHEDULER}-seen") is None


def test_a_scheduler_whose_forerunners_died_says_so_in_its_lock(day: Raceday) -> None:
    put_race(day, "r1", minutes(day, 10))
    day.put("locks", f"{SCHEDULER}-lock", owner="dead", generation=2, takeovers=1)
    day.time.sleep(91)

    called = tick(day)

    (event,) = called.context.events("run.crowded")
    assert (event["takeovers"], event["backoffSeconds"]) == (2, 150)
    assert decision(called) == "started"


def test_two_schedulers_at_once_start_one_poller(day: Raceday, poller: PollerStandIn) -> None:
    put_race(day, "r1", minutes(day, 10))
    called: list[Called] = []
    slow = _slow_after(day, "/races/documents", 5)
    first = day.time.start(lambda: called.append(day.call(SCHEDULER, connect=slow)), "first")
    day.time.sleep(1)

    second = day.call(SCHEDULER)
    first.join()

    assert second.outcome == "duplicate"
    assert decision(called[0]) == "started"
    assert len(poller.executions()) == 1


# Starts of which nobody knows whether they went through.


def fault(raceday: Raceday, **settings: Any) -> None:
    path = f"/v1/functions/{POLLER}/executions"
    raceday.server.server.faults.add(RequestFault(method="POST", path=path, **settings))


def test_a_start_whose_answer_is_lost_is_found(day: Raceday, poller: PollerStandIn) -> None:
    put_race(day, "r1", minutes(day, 10))
    fault(day, cut="after")

    called = tick(day)

    assert decision(called) == "started"
    assert [each["$id"] for each in poller.executions()] == [called.body["execution"]]


@pytest.mark.parametrize("settings", [{"cut": "before"}, {"status": 500}, {"status": 503}])
def test_a_start_that_may_have_been_lost_is_left_to_the_next_tick(
    day: Raceday, poller: PollerStandIn, settings: dict[str, Any]
) -> None:
    put_race(day, "r1", minutes(day, 10))
    fault(day, **settings)

    called, next_one = tick(day), tick(day)

    assert (decision(called), decision(next_one)) == ("unclear", "started")
    assert len(called.context.events("poller.start_unclear")) == 1
    assert len(poller.executions()) == 1


def test_an_execution_from_before_is_not_mistaken_for_the_lost_one(day: Raceday, poller: PollerStandIn) -> None:
    put_race(day, "r1", minutes(day, 10))
    poller.record("completed", 30)
    fault(day, cut="before")

    assert decision(tick(day)) == "unclear"


def test_a_throttled_start_is_made_later(day: Raceday, poller: PollerStandIn) -> None:
    put_race(day, "r1", minutes(day, 10))
    fault(day, status=429, type="general_rate_limit_exceeded", times=2, retry_after=3)

    assert decision(tick(day)) == "started"
    assert len(poller.executions()) == 1


def test_a_poller_that_is_not_deployed_is_a_loud_failure(raceday: Raceday) -> None:
    live_until(raceday, 2025, 7, 17, 0, 0)
    put_race(raceday, "r1", minutes(raceday, 10))

    called = tick(raceday)

    assert (called.status, called.outcome, called.body["category"]) == (500, "failed", "fatal")
    assert "function_not_found" in called.body["message"]


def test_the_poller_may_have_another_name(raceday: Raceday, bundles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACE_POLLER_FUNCTION_ID", "other-poller")
    settings = lock.load_settings(str(bundles / package_of(POLLER) / "src"))
    other = PollerStandIn(raceday, settings._replace(lock_id="other-poller-lock"), "other-poller")
    live_until(raceday, 2025, 7, 17, 0, 0)
    put_race(raceday, "r1", minutes(raceday, 10))

    tick(raceday)

    assert len(other.executions()) == 1


# Documents that make no sense.


@pytest.mark.parametrize(
    ("document", "counted"),
    [
        ({"$id": "x", "status": "Open"}, "skipped:unreadable"),
        ({"$id": "x", "status": "Open", "startTime": "soon"}, "skipped:unreadable"),
        ({"$id": "x", "status": "Open", "startTime": 17}, "skipped:unreadable"),
        ({"$id": "x", "status": "Open", "startTime": "2025-07-16T17:59:59Z"}, "skipped:other_day"),
        ({"$id": "x", "status": "Open", "startTime": "2025-07-17T18:00:00Z"}, "skipped:other_day"),
    ],
)
def test_a_race_that_makes_no_sense_is_counted_and_the_others_are_selected(
    bundles: Path, document: dict[str, Any], counted: str
) -> None:
    good = {"$id": "good", "status": "Closed", "startTime": "2025-07-17T00:00:00+00:00"}
    counts: Counter[str] = Counter()
    now = datetime(2025, 7, 17, tzinfo=UTC).timestamp()

    selected = load(bundles / package_of(SCHEDULER), "work").select(
        [document, good], now, date(2025, 7, 17), lambda name, number: counts.update({name: number})
    )

    assert [race.identity for race in selected.due] == ["good"]
    assert counts == {counted: 1}


# What it costs.


def counted_tick(raceday: Raceday) -> list[str]:
    """The requests of one tick: those of others that run at the same time are not among them."""
    plain, made = raceday.runtime(of=SCHEDULER).connect, list[str]()

    def connect(credentials: Any) -> Any:
        sender = plain(credentials)
        send = sender.send

        def counting(method: str, path: str, *rest: Any) -> Any:
            made.append(f"{method} {path.partition('?')[0]}")
            return send(method, path, *rest)

        sender.send = counting  # type: ignore[method-assign]
        return sender

    tick(raceday, connect=connect)
    return made


RACES = LOCKS.replace("locks", "races")
LOCK = f"{LOCKS}/{SCHEDULER}-lock"
EXECUTIONS = f"/functions/{POLLER}/executions"


@pytest.mark.parametrize("stored", [0, 1])
def test_a_tick_without_work_makes_three_requests(day: Raceday, stored: int) -> None:
    for number in range(stored):
        put_race(day, f"r{number}", minutes(day, 30), last_poll_time=minutes(day, -1))

    assert counted_tick(day) == [f"POST {LOCKS}", f"GET {RACES}", f"DELETE {LOCK}"]
    assert sum(day.requests().values()) == 3


def test_a_tick_while_the_poller_works_makes_four_requests(day: Raceday) -> None:
    put_race(day, "r1", minutes(day, 30))
    hold_poller_lock(day)

    assert counted_tick(day) == [f"POST {LOCKS}", f"GET {RACES}", f"GET {LOCKS}", f"DELETE {LOCK}"]


def test_a_tick_with_a_start_makes_six_requests(day: Raceday) -> None:
    put_race(day, "r1", minutes(day, 10))

    reads = [f"GET {RACES}", f"GET {LOCKS}", f"GET {EXECUTIONS}"]
    assert counted_tick(day) == [f"POST {LOCKS}", *reads, f"POST {EXECUTIONS}", f"DELETE {LOCK}"]


def test_refused_starts_cost_a_transaction_more(day: Raceday) -> None:
    """To count them again is the only thing that the scheduler ever writes, so it makes its fence for that."""
    put_race(day, "r1", minutes(day, 10))
    note_refused_starts(day, 1)

    assert len(counted_tick(day)) == 6 + 3 + 3
    assert day.document("locks", f"{SCHEDULER}-seen") is None


def test_a_refused_tick_makes_four_requests_at_most(day: Raceday) -> None:
    """Its attempt at the lock, a look at who holds it, and counting itself, with its instant."""
    day.put("locks", f"{SCHEDULER}-lock", owner="somebody", generation=1)

    first, later = counted_tick(day), counted_tick(day)

    assert (len(first), len(later)) == (4, 4)

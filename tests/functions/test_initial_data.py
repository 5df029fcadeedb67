"""The first poll of every race: starting the poller, watching it, and starting it again for what is left."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from _shared import lock

from raceday_iac.devserver.faults import RequestFault

from .bundles import load
from .poller_standin import POLLER, PollerStandIn, live_until, put_race, stamp_poll
from .raceday import Called, Raceday, package_of

INITIAL = "daily-initial-data"
#: When it runs: 08:30 in New Zealand. The card of the day begins at 06:00.
MORNING = datetime(2025, 7, 16, 20, 30, tzinfo=UTC)
CARD_BEGINS = datetime(2025, 7, 16, 18, 0, tzinfo=UTC)


@pytest.fixture
def morning(raceday: Raceday) -> Raceday:
    """08:30 with five races stored, none of them polled."""
    live_until(raceday, 2025, 7, 16, 20, 30)
    for number in range(5):
        put_race(raceday, f"r{number}", MORNING + timedelta(hours=9 - number))
    return raceday


@pytest.fixture
def poller(raceday: Raceday, bundles: Path) -> PollerStandIn:
    return PollerStandIn(raceday, lock.load_settings(str(bundles / package_of(POLLER) / "src")))


def result(called: Called) -> tuple[int, int, int]:
    return called.body["polled"], called.body["left"], called.body["executions"]


def test_one_execution_polls_the_whole_card_in_the_order_of_starts(morning: Raceday, poller: PollerStandIn) -> None:
    called = morning.call(INITIAL)

    assert (called.outcome, result(called)) == ("done", (5, 0, 1))
    assert poller.asked == [["r4", "r3", "r2", "r1", "r0"]]


def test_what_the_poller_did_not_manage_is_asked_for_again(morning: Raceday, poller: PollerStandIn) -> None:
    poller.polls = lambda races: races[:2]

    called = morning.call(INITIAL)

    assert result(called) == (5, 0, 3)
    assert poller.asked == [["r4", "r3", "r2", "r1", "r0"], ["r2", "r1", "r0"], ["r0"]]


def test_the_races_are_the_checkpoint(morning: Raceday, poller: PollerStandIn) -> None:
    """Whoever polled them: an earlier run of this function that was killed, or the scheduler."""
    for race in ("r1", "r3"):
        stamp_poll(morning, race)

    morning.call(INITIAL)

    assert poller.asked == [["r4", "r2", "r0"]]


def test_when_everything_is_polled_nothing_is_started(morning: Raceday, poller: PollerStandIn) -> None:
    morning.call(INITIAL)

    again = morning.call(INITIAL)

    assert (again.outcome, result(again)) == ("done", (0, 0, 0))
    assert len(poller.executions()) == 1


def test_three_attempts_in_vain_are_enough(morning: Raceday, poller: PollerStandIn) -> None:
    poller.polls = lambda races: []

    called = morning.call(INITIAL)

    assert (called.outcome, result(called)) == ("done", (0, 5, 3))
    (event,) = called.context.events("races.left")
    assert (event["left"], event["attemptsInVain"]) == (5, 3)


def test_only_attempts_in_vain_in_a_row_count(morning: Raceday, poller: PollerStandIn) -> None:
    takes = iter([0, 0, 2, 0, 0, 3])
    poller.polls = lambda races: races[: next(takes)]
    poller.seconds = 20.0

    called = morning.call(INITIAL)

    assert result(called) == (5, 0, 6)


def test_a_failing_poller_is_an_attempt_and_is_reported(morning: Raceday, poller: PollerStandIn) -> None:
    poller.status = 500
    poller.polls = lambda races: races[:3]

    called = morning.call(INITIAL)

    assert result(called) == (5, 0, 2)
    assert called.counts["executions:failed"] == 2
    assert {event["level"] for event in called.context.events("poller.ended")} == {"error"}


def test_a_run_of_the_poller_that_works_already_is_waited_for(morning: Raceday, poller: PollerStandIn) -> None:
    held = lock.acquire(
        poller.settings, morning.credentials_of(POLLER), "execution-x", runtime=morning.runtime(), nz_date="2025-07-17"
    )
    assert isinstance(held, lock.Lock)

    def other_run() -> None:
        with held:
            morning.time.sleep(60)
            stamp_poll(morning, "r4")

    task = morning.time.start(other_run, "other-run")
    called = morning.call(INITIAL)
    task.join()

    assert (result(called), poller.refused) == ((5, 0, 1), 0)
    assert poller.asked == [["r3", "r2", "r1", "r0"]]
    assert called.counts["waits"] == 12


def test_a_wish_of_the_poller_to_wait_is_respected(morning: Raceday, poller: PollerStandIn) -> None:
    until = (MORNING + timedelta(seconds=200)).isoformat()
    numbers = {"staleAfterSeconds": 120, "expirySeconds": 120}
    morning.put("locks", f"{POLLER}-lock", owner="dead", generation=3, backoffUntil=until, **numbers)

    called = morning.call(INITIAL)

    assert (called.counts["waits"], result(called)) == (40, (5, 0, 1))


def test_it_ends_with_its_time_and_says_what_is_left(morning: Raceday, poller: PollerStandIn) -> None:
    poller.seconds = 100.0
    poller.polls = lambda races: races[:1]
    for number in range(10, 30):
        put_race(morning, f"r{number}", MORNING + timedelta(hours=5))

    called = morning.call(INITIAL)

    assert (called.outcome, called.body["reason"]) == ("stopped", "the time of this run is used up")
    assert called.body["polled"] + called.body["left"] == 25
    assert called.body["executions"] == len(poller.asked)
    assert morning.time.now() - MORNING <= timedelta(seconds=780)


def test_the_next_run_goes_on_where_one_was_cut_off(morning: Raceday, poller: PollerStandIn) -> None:
    poller.seconds = 100.0
    poller.polls = lambda races: races[:1]
    for number in range(10, 20):
        put_race(morning, f"r{number}", MORNING + timedelta(hours=5))
    first = morning.call(INITIAL)
    morning.time.sleep(200)
    poller.polls = lambda races: races

    second = morning.call(INITIAL)

    assert first.outcome == "stopped"
    # One more was polled by the execution that was under way when the time was up.
    assert result(second) == (first.body["left"] - 1, 0, 1)


def test_progress_is_in_the_lock_while_it_works(morning: Raceday, poller: PollerStandIn) -> None:
    seen: list[Any] = []
    poller.polls = lambda races: seen.append(morning.document("locks", f"{INITIAL}-lock")) or races

    morning.call(INITIAL)

    assert seen[0]["phase"] == "polling"
    assert seen[0]["nzDate"] == "2025-07-17"
    progress = json.loads(seen[0]["progress"])
    assert len(progress.pop("races")) == 5
    assert progress == {"polled": 0, "left": 5, "unreadable": 0, "executions": 0, "asked": 5}


# Starts and executions of which nobody knows.


def test_a_start_whose_answer_is_lost_is_found_and_watched(morning: Raceday, poller: PollerStandIn) -> None:
    path = f"/v1/functions/{POLLER}/executions"
    morning.server.server.faults.add(RequestFault(method="POST", path=path, cut="after"))

    called = morning.call(INITIAL)

    assert result(called) == (5, 0, 1)
    assert len(poller.executions()) == 1


def test_a_start_that_was_lost_is_made_again(morning: Raceday, poller: PollerStandIn) -> None:
    path = f"/v1/functions/{POLLER}/executions"
    morning.server.server.faults.add(RequestFault(method="POST", path=path, cut="before"))

    called = morning.call(INITIAL)

    assert result(called) == (5, 0, 1)


def test_an_execution_that_never_ends_is_given_up(morning: Raceday, poller: PollerStandIn) -> None:
    poller.loses = 1

    called = morning.call(INITIAL)

    assert len(called.context.events("poller.lost")) == 1
    assert result(called) == (5, 0, 2)


def test_a_poller_that_is_not_deployed_is_a_loud_failure(morning: Raceday) -> None:
    called = morning.call(INITIAL)

    assert (called.status, called.outcome) == (500, "failed")
    assert "function_not_found" in called.body["message"]


# Which races want a first poll.


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, True),
        ({"last_poll_time": (CARD_BEGINS - timedelta(seconds=1)).isoformat()}, True),
        ({"last_poll_time": CARD_BEGINS.isoformat()}, False),
        ({"status": "Final"}, False),
        ({"status": "Abandoned"}, False),
        ({"status": "Interim"}, True),
    ],
)
def test_races_of_the_card_without_a_poll_since_it_began(bundles: Path, fields: dict[str, Any], wanted: bool) -> None:
    document = {"$id": "r", "status": "Open", "startTime": "2025-07-17T00:00:00+00:00", **fields}

    found = load(bundles / package_of(INITIAL), "work").unpolled([document], date(2025, 7, 17))

    assert (found.races == ("r",)) is wanted


@pytest.mark.parametrize("broken", [{"startTime": "soon"}, {"startTime": None}, {"last_poll_time": 5}])
def test_a_race_that_makes_no_sense_is_counted(bundles: Path, broken: dict[str, Any]) -> None:
    good = {"$id": "r", "status": "Open", "startTime": "2025-07-17T00:00:00+00:00"}

    found = load(bundles / package_of(INITIAL), "work").unpolled([{**good, **broken}, good], date(2025, 7, 17))

    assert (found.races, found.unreadable) == (("r",), 1)


def test_races_of_other_days_are_not_polled(morning: Raceday, poller: PollerStandIn) -> None:
    put_race(morning, "yesterday", CARD_BEGINS - timedelta(seconds=1))
    put_race(morning, "tomorrow", CARD_BEGINS + timedelta(days=1))

    morning.call(INITIAL)

    assert sorted(poller.asked[0]) == ["r0", "r1", "r2", "r3", "r4"]

"""`daily-races`: details and fields of the day's races, in chunks, whatever NZ TAB answers and whenever a run dies."""

from __future__ import annotations

import importlib
import json
import threading
import weakref
from collections import Counter
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from .wires import Killed, Mortal, wired

CHUNK = 10
#: Longer than the lock of a dead run is respected.
STALE = 400.0


def at(raceday: Any, *instant: int) -> None:
    """Let time pass until this instant (UTC)."""
    raceday.time.sleep(datetime(*instant, tzinfo=UTC).timestamp() - raceday.time.seconds())  # type: ignore[misc]


def prepared(raceday: Any, races: int | None = None) -> Any:
    """The meetings are imported."""
    if races is not None:
        raceday.nztab.use(races=races)
    assert raceday.call("daily-meetings").outcome == "done"
    raceday.nztab.reset_counts()
    raceday.forget_requests()
    return raceday


def races(raceday: Any) -> dict[str, dict[str, Any]]:
    return {race["$id"]: race for race in raceday.documents("races")}


def complete(raceday: Any) -> set[str]:
    return {key for key, race in races(raceday).items() if race["raceDateNz"]}


def entrants(raceday: Any) -> Counter[str]:
    """How many are stored of each race."""
    return Counter(entrant["raceId"] for entrant in raceday.documents("entrants"))


def fields_upstream(raceday: Any) -> dict[str, int]:
    """How many runners each race has, by the player's own account."""
    from raceday_iac.raceday.nztab.fields import field_of

    return {key: len(field_of(raceday.nztab.race(key)).runners) for key in races(raceday)}


def assert_all_is_there(raceday: Any) -> None:
    assert complete(raceday) == set(races(raceday))
    assert entrants(raceday) == fields_upstream(raceday)


def test_every_race_of_the_recorded_day_gets_its_details_and_its_field(raceday: Any) -> None:
    prepared(raceday)
    called = raceday.call("daily-races")

    assert (called.status, called.outcome) == (200, "done")
    assert (called.body["races"], called.body["imported"], called.body["failed"]) == (96, 96, 0)
    assert_all_is_there(raceday)
    assert set(raceday.nztab.polls.values()) == {1}


def test_it_asks_appwrite_for_little(raceday: Any) -> None:
    prepared(raceday)
    raceday.call("daily-races")

    # Three requests for each transaction of at most 100 documents; one for the card, and some for the lock.
    assert sum(raceday.requests().values()) < 80


def test_it_changes_neither_the_status_of_a_race_nor_whose_it_is(raceday: Any) -> None:
    prepared(raceday, 10)
    before = races(raceday)
    changed = next(iter(before))
    raceday.client.patch(
        f"/databases/raceday-db/collections/races/documents/{changed}",
        {"data": {"status": "Interim", "last_poll_time": "2025-07-17T01:00:00.000+00:00"}},
    )
    raceday.call("daily-races")

    after = races(raceday)
    assert after[changed]["status"] == "Interim"
    assert after[changed]["last_poll_time"] == "2025-07-17T01:00:00.000+00:00"
    assert {key: race["meeting"] for key, race in after.items()} == {
        key: race["meeting"] for key, race in before.items()
    }


def test_a_second_run_asks_for_nothing_and_writes_nothing(raceday: Any) -> None:
    prepared(raceday, 12)
    raceday.call("daily-races")
    raceday.nztab.reset_counts()
    raceday.forget_requests()
    raceday.time.sleep(60)

    called = raceday.call("daily-races")
    assert (called.body["complete"], called.body["imported"]) == (12, 0)
    assert not raceday.nztab.requests
    assert not [route for _, route in raceday.requests() if "transactions" in route]


def test_when_forced_it_asks_for_everything_again(raceday: Any) -> None:
    prepared(raceday, 12)
    raceday.call("daily-races")
    before = entrants(raceday)

    assert raceday.call("daily-races", {"force": True}).body["imported"] == 12
    assert set(raceday.nztab.polls.values()) == {2}
    assert entrants(raceday) == before


def test_a_race_put_off_from_another_day_is_asked_for_again(raceday: Any) -> None:
    prepared(raceday, 10)
    raceday.call("daily-races")
    one = next(iter(races(raceday)))
    path = f"/databases/raceday-db/collections/races/documents/{one}"
    raceday.client.patch(path, {"data": {"raceDateNz": "2025-07-16"}})

    assert raceday.call("daily-races").body["imported"] == 1
    assert complete(raceday) == set(races(raceday))


def test_without_a_card_it_says_so(raceday: Any) -> None:
    called = raceday.call("daily-races")

    assert (called.outcome, called.body["races"]) == ("done", 0)
    assert len(called.context.events("card.empty")) == 1


@pytest.mark.parametrize("request_number", [1, 6, 10, 11, 19, 25])
def test_killed_while_fetching_the_next_run_continues_where_it_was(raceday: Any, request_number: int) -> None:
    prepared(raceday, 26)
    die_and_continue(raceday, Mortal(nztab=request_number))


# The lock takes one request and the card another; then three for each transaction, and one for the progress.
@pytest.mark.parametrize("request_number", [1, 2, 3, 4, 5, 6, 8, 10, 12, 15])
def test_killed_while_writing_the_next_run_continues_where_it_was(raceday: Any, request_number: int) -> None:
    prepared(raceday, 26)
    die_and_continue(raceday, Mortal(appwrite=request_number))


def die_and_continue(raceday: Any, mortal: Mortal) -> None:
    with pytest.raises(Killed):
        raceday.call("daily-races", runtime=mortal.runtime(raceday.runtime()))
    saved = complete(raceday)
    fields = fields_upstream(raceday)
    # A race that is marked as complete is complete.
    assert {key: entrants(raceday)[key] for key in saved} == {key: fields[key] for key in saved}

    raceday.time.sleep(STALE)
    called = raceday.call("daily-races")

    assert (called.outcome, called.body["complete"], called.body["imported"]) == ("done", len(saved), 26 - len(saved))
    assert_all_is_there(raceday)
    asked = raceday.nztab.polls
    assert all(asked[key] == 1 for key in saved)
    assert max(asked.values()) <= 2
    assert sum(count - 1 for count in asked.values()) <= CHUNK


def test_a_run_that_was_killed_leaves_its_progress_to_the_next(raceday: Any) -> None:
    prepared(raceday, 26)
    with pytest.raises(Killed):
        raceday.call("daily-races", runtime=Mortal(nztab=15).runtime(raceday.runtime()))
    assert raceday.call("daily-races").outcome == "duplicate"
    raceday.time.sleep(STALE)

    resumed = raceday.call("daily-races").context.events("run.resumed")
    assert [event["progress"]["imported"] for event in resumed] == [10]


def test_the_races_that_a_killed_run_had_at_hand_come_last(raceday: Any) -> None:
    """If one of them was its end, it is not the end of the others as well."""
    prepared(raceday, 26)
    with pytest.raises(Killed):
        raceday.call("daily-races", runtime=Mortal(nztab=15).runtime(raceday.runtime()))
    at_hand = set(json.loads(raceday.document("locks", "daily-races-lock")["progress"])["races"])
    raceday.time.sleep(STALE)
    asked: list[str] = []

    raceday.call("daily-races", transport=wired(lambda request: asked.append(request.url.path.rpartition("/")[2])))

    assert len(at_hand) == CHUNK
    assert len(asked) == 16
    assert at_hand.isdisjoint(asked[:6])
    assert at_hand == set(asked[6:])


def test_what_yesterdays_run_left_behind_is_not_gone_on_with(raceday: Any) -> None:
    prepared(raceday, 26)
    with pytest.raises(Killed):
        raceday.call("daily-races", runtime=Mortal(nztab=15).runtime(raceday.runtime()))
    raceday.time.sleep(86_400)

    called = raceday.call("daily-races")

    assert called.context.events("run.resumed") == []
    (event,) = called.context.events("midnight.crossed")
    assert (event["at"], event["before"], event["after"]) == ("takeover", "2025-07-17", "2025-07-18")


def test_out_of_time_it_stops_and_the_next_run_repeats_nothing(raceday: Any) -> None:
    prepared(raceday, 200)
    slow = wired(lambda _: raceday.time.sleep(15))

    first = raceday.call("daily-races", transport=slow)
    assert (first.status, first.outcome) == (200, "stopped")
    saved = len(complete(raceday))
    assert 0 < saved < 200
    second = raceday.call("daily-races", transport=slow)

    assert (second.outcome, second.body["complete"]) == ("done", saved)
    assert complete(raceday) == set(races(raceday))
    assert set(raceday.nztab.polls.values()) == {1}


@pytest.mark.parametrize("start", [(2025, 7, 17, 12, 59), (2025, 12, 17, 11, 59)], ids=["winter", "summer"])
def test_before_the_quiet_window_it_finishes_gracefully(raceday: Any, start: tuple[int, ...]) -> None:
    at(raceday, *start, 0)
    prepared(raceday, 40)
    asked_at: list[float] = []

    def slow(_: Any) -> None:
        asked_at.append(raceday.time.seconds())
        raceday.time.sleep(5)

    called = raceday.call("daily-races", transport=wired(slow))
    one_o_clock = datetime(*start, tzinfo=UTC).timestamp() + 60  # type: ignore[misc]
    saved = complete(raceday)

    assert (called.status, called.outcome) == (200, "stopped")
    assert called.context.events("run.summary")
    assert max(asked_at) < one_o_clock
    assert raceday.time.seconds() <= one_o_clock
    assert len(asked_at) == len(saved) == called.context.events("run.summary")[0]["counts"]["nztab.requests"]
    assert raceday.documents("locks", **{"$id": "daily-races-lock"}) == []


@pytest.mark.parametrize("start", [(2025, 7, 17, 13, 0), (2025, 12, 17, 12, 0)], ids=["winter", "summer"])
def test_in_the_quiet_window_nothing_is_begun(raceday: Any, start: tuple[int, ...]) -> None:
    at(raceday, *start)
    called = raceday.call("daily-races")

    assert (called.outcome, called.body["reason"]) == ("stopped", "quiet window")
    assert not raceday.nztab.requests


@pytest.mark.parametrize("start", [(2025, 7, 17, 20, 0), (2025, 12, 17, 20, 0)], ids=["winter", "summer"])
def test_at_its_hour_the_quiet_window_does_not_stop_it(raceday: Any, start: tuple[int, ...]) -> None:
    at(raceday, *start)
    prepared(raceday, 10)

    assert raceday.call("daily-races").body["imported"] == 10


#: What becomes of a race whose event is spoilt: whether it is complete, and what is counted.
SPOILT: dict[str, tuple[bool, dict[str, int]]] = {
    "truncated": (False, {"failed:races": 1}),
    "html": (False, {"failed:races": 1}),
    "empty": (False, {"failed:races": 1}),
    "cut": (False, {"failed:races": 1}),
    "status": (False, {"failed:races": 1}),
    "huge": (False, {"skipped:race": 1, "nztab.too_large": 1}),
    "not_object": (False, {"skipped:race": 1, "nztab.no_data": 1}),
    "missing": (False, {"races.without_field": 1, "skipped:runners_missing": 1}),
    "nulls": (True, {}),
    "wrong_types": (True, {"not_number:races.distance": 1}),
    "duplicates": (True, {"skipped:duplicate_runner": 2}),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_bad_event_costs_only_itself(raceday: Any, kind: str) -> None:
    prepared(raceday, 12)
    bad = sorted(races(raceday))[5]
    raceday.nztab.faults.add(kind, ids=[bad], route="event")

    called = raceday.call("daily-races")
    is_complete, counts = SPOILT[kind]
    fields = fields_upstream(raceday)
    assert called.outcome == "done"
    assert {key: called.counts.get(key, 0) for key in counts} == counts
    assert complete(raceday) == set(races(raceday)) - (set() if is_complete else {bad})
    assert {key: count for key, count in entrants(raceday).items() if key != bad} == {
        key: count for key, count in fields.items() if key != bad
    }
    left = fields[bad] - called.counts.get("skipped:runner", 0)
    assert entrants(raceday)[bad] == (left if is_complete else 0)


def test_what_could_not_be_had_is_asked_for_by_the_next_run(raceday: Any) -> None:
    prepared(raceday, 12)
    raceday.nztab.faults.add("html", ids=sorted(races(raceday))[:2], route="event")
    assert raceday.call("daily-races").body["failed"] == 2
    raceday.nztab.faults.clear()

    assert raceday.call("daily-races").body["imported"] == 2
    assert_all_is_there(raceday)


def test_an_outage_of_some_minutes_costs_nothing(raceday: Any) -> None:
    prepared(raceday, 24)
    begin = raceday.time.seconds()
    raceday.nztab.faults.add("status", route="event", status=503)

    def recover(_: Any) -> None:
        if raceday.time.seconds() - begin > 60:
            raceday.nztab.faults.clear()

    called = raceday.call("daily-races", transport=wired(recover))
    assert (called.outcome, called.body["imported"], called.body["failed"]) == ("done", 24, 0)
    assert_all_is_there(raceday)


def test_a_limit_of_requests_is_respected_and_nothing_is_lost(raceday: Any) -> None:
    prepared(raceday, 24)
    raceday.nztab.faults.requests_per_second = 2

    called = raceday.call("daily-races")
    assert (called.outcome, called.body["imported"]) == ("done", 24)
    assert called.counts["nztab.status_429"] > 0
    assert_all_is_there(raceday)


def test_when_nothing_can_be_had_the_run_fails_so_that_it_may_be_tried_again(raceday: Any) -> None:
    prepared(raceday, 10)
    raceday.nztab.faults.add("status", route="event", status=503)

    called = raceday.call("daily-races")
    assert (called.status, called.outcome, called.body["category"]) == (500, "failed", "retryable")
    assert not complete(raceday)


def test_a_client_that_is_refused_fails_at_once(raceday: Any) -> None:
    prepared(raceday, 12)
    raceday.nztab.faults.add("status", route="event", status=403)

    called = raceday.call("daily-races")
    assert (called.status, called.body["category"]) == (500, "fatal")
    assert raceday.nztab.requests["event"] <= 4


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({"race_date_nz": None}, "assumed:races.raceDateNz"),
        ({"race_date_nz": "2024-01-01"}, "assumed:races.raceDateNz"),
        ({"advertised_start": 1}, "implausible:races.startTime"),
        ({"event_id": "another"}, "skipped:race"),
    ],
)
def test_a_race_stays_on_its_card_whatever_its_event_says(
    raceday: Any, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], count: str
) -> None:
    prepared(raceday, 5)
    before = {key: race["startTime"] for key, race in races(raceday).items()}

    def loads(body: bytes) -> Any:
        envelope = json.loads(body)
        envelope["data"]["race"] |= change
        return envelope

    reading(monkeypatch, loads)
    called = raceday.call("daily-races")

    assert called.counts[count] == 5
    assert {key: race["startTime"] for key, race in races(raceday).items()} == before
    assert {race["raceDateNz"] for race in races(raceday).values()} == (
        {None} if count == "skipped:race" else {"2025-07-17"}
    )


def reading(monkeypatch: pytest.MonkeyPatch, loads: Any) -> None:
    """Put something in place of what reads the answers of NZ TAB."""
    module = importlib.import_module("bundle_of_daily_races.src.vendor.nztab")
    monkeypatch.setattr(module, "json", SimpleNamespace(loads=loads))


class Tracked(dict[str, Any]):
    """As a dictionary, but it can be watched."""


def test_never_more_events_are_in_memory_than_are_fetched_side_by_side(
    raceday: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(raceday, 40)
    alive: set[int] = set()
    most, guard = 0, threading.Lock()

    def loads(body: bytes) -> Any:
        nonlocal most
        envelope = json.loads(body)
        envelope["data"] = Tracked(envelope["data"])
        with guard:
            alive.add(number := id(envelope["data"]))
            most = max(most, len(alive))
        weakref.finalize(envelope["data"], alive.discard, number)
        return envelope

    reading(monkeypatch, loads)
    assert raceday.call("daily-races").body["imported"] == 40

    assert 0 < most <= 4
    assert not alive

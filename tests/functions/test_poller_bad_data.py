"""Answers of NZ TAB that are wrong in every way: what is good in them is stored, the rest is counted, runs end well."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .poller_day import MONEY, POLLER, POOLS, RECORDED, RESULTS, go_to, played, poller_module, put_played, recorded
from .raceday import Called, package_of

Change = Callable[[dict[str, Any]], Any]


def reported(raceday: Any, change: Change) -> Called:
    """One poll of the recorded race, with a changed answer."""
    race = played(raceday)
    put_played(raceday, race)
    go_to(raceday, race.start - timedelta(minutes=10))

    def transport(real: Any) -> httpx.MockTransport:
        def answer(request: httpx.Request) -> httpx.Response:
            response = real.handle_request(request)
            envelope = json.loads(response.read())
            changed = change(envelope["data"])
            return httpx.Response(200, json=envelope if changed is None else changed)

        return httpx.MockTransport(answer)

    called: Called = raceday.call(POLLER, {"raceId": race.id}, transport=transport)
    assert called.outcome == "done"
    return called


def stored(raceday: Any) -> dict[str, int]:
    names = ("entrants", MONEY, POOLS, RESULTS)
    return {name: len(raceday.documents(name)) for name in names}


def race_of(raceday: Any) -> dict[str, Any]:
    found: dict[str, Any] = raceday.document("races", RECORDED)
    return found


@pytest.mark.parametrize("kind", ["truncated", "html", "empty"])
def test_a_body_that_is_no_json_is_tried_again(raceday: Any, kind: str) -> None:
    race = played(raceday)
    put_played(raceday, race)
    raceday.nztab.faults.add(kind, times=1)

    called = raceday.call(POLLER, {"raceId": race.id})

    assert called.counts["nztab.not_json"] == 1
    assert stored(raceday) == {"entrants": 8, MONEY: 8, POOLS: 1, RESULTS: 0}


@pytest.mark.parametrize("kind", ["truncated", "html", "empty"])
def test_a_body_that_stays_no_json_leaves_the_race_due(raceday: Any, kind: str) -> None:
    race = played(raceday)
    put_played(raceday, race)
    raceday.nztab.faults.add(kind)

    called = raceday.call(POLLER, {"raceId": race.id})

    assert (called.outcome, called.body["left"]) == ("done", [race.id])
    assert called.counts["missed"] >= 1
    assert race_of(raceday)["last_poll_time"] is None


@pytest.mark.parametrize("kind", ["huge", "not_object"])
def test_an_answer_that_cannot_be_used_is_skipped_and_stamped(raceday: Any, kind: str) -> None:
    race = played(raceday)
    put_played(raceday, race)
    raceday.nztab.faults.add(kind)

    called = raceday.call(POLLER, {"raceId": race.id})

    assert called.counts["skipped:race"] == 1
    assert stored(raceday) == {"entrants": 0, MONEY: 0, POOLS: 0, RESULTS: 0}
    assert (race_of(raceday)["status"], bool(race_of(raceday)["last_poll_time"])) == ("Open", True)


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_race_that_is_refused_is_skipped_and_stamped(raceday: Any, status: int) -> None:
    race = played(raceday)
    put_played(raceday, race)
    raceday.nztab.faults.add("status", status=status)

    called = raceday.call(POLLER, {"raceId": race.id})

    assert (called.counts["skipped:race"], called.counts[f"nztab.status_{status}"]) == (1, 1)
    assert race_of(raceday)["last_poll_time"]


def test_missing_runners_are_no_data_but_the_race_has_its_status(raceday: Any) -> None:
    def change(data: dict[str, Any]) -> None:
        del data["runners"]
        data["race"]["status"] = "Closed"

    called = reported(raceday, change)

    # Once closed it is polled in every round.
    assert called.counts["no_runners"] == called.counts["polls"] == 7
    assert race_of(raceday)["status"] == "Closed"
    # Whose money it is cannot be said: all eleven are foreign.
    assert called.counts["skipped:foreign_entrant"] == 7 * 11
    assert stored(raceday) == {"entrants": 0, MONEY: 0, POOLS: 1, RESULTS: 0}


@pytest.mark.parametrize(("kind", "entrants"), [("nulls", 5), ("wrong_types", 5), ("duplicates", 8), ("missing", 0)])
def test_spoilt_entries_leave_the_good_ones(raceday: Any, kind: str, entrants: int) -> None:
    race = played(raceday)
    put_played(raceday, race)
    raceday.nztab.faults.add(kind)

    called = raceday.call(POLLER, {"raceId": race.id})

    assert called.outcome == "done"
    assert len(raceday.documents("entrants")) == entrants
    flows = raceday.documents(MONEY)
    assert {each["entrantId"] for each in flows} == {each["$id"] for each in raceday.documents("entrants")}
    left_out = called.counts.get("skipped:runner", 0) + called.counts.get("skipped:duplicate_runner", 0)
    assert left_out == {"nulls": 3, "wrong_types": 3, "duplicates": 2, "missing": 0}[kind]
    assert called.counts.get("skipped:tote_pool", 0) == (kind in ("nulls", "wrong_types"))
    assert race_of(raceday)["last_poll_time"]


JUNK: list[Any] = [None, 7, -1.5, "text", "", True, [], {}, [None, 3, "x", [], {}], {"a": None}]


@pytest.mark.parametrize("part", ["runners", "tote_pools", "money_tracker", "results", "dividends"])
@pytest.mark.parametrize("junk", JUNK)
def test_a_part_that_is_junk_spoils_no_other_part(bundles: Path, part: str, junk: Any) -> None:
    found, _ = look(bundles, recorded(**{part: junk}))

    written = Counter(write.collection for write in found.all_writes)
    expected = {"races": 1, "entrants": 8, "race-pools": 1, MONEY: 8, RESULTS: 1}
    if part == "runners":
        expected |= {"entrants": 0, MONEY: 0}
    elif part == "money_tracker":
        expected[MONEY] = 0
    elif part == "tote_pools":
        expected["race-pools"] = 0
    assert {name: written[name] for name in expected} == expected


@pytest.mark.parametrize("key", ["status", "actual_start", "advertised_start", "description"])
@pytest.mark.parametrize("junk", JUNK)
def test_junk_in_the_race_itself_keeps_everything_else(bundles: Path, key: str, junk: Any) -> None:
    event = recorded()
    event["race"][key] = junk

    found, _ = look(bundles, event)

    written = Counter(write.collection for write in found.all_writes)
    assert (written["entrants"], written[MONEY], written["race-pools"], written[RESULTS]) == (8, 8, 1, 1)
    assert found.update["last_poll_time"] == found.polled_at


def test_the_event_of_another_race_is_not_stored(bundles: Path) -> None:
    event = recorded()
    event["race"]["event_id"] = "another"

    found, counts = look(bundles, event)

    assert [write.collection for write in found.all_writes] == ["races"]
    assert set(found.update) == {"last_poll_time"}
    assert counts["skipped:race"] == 1


def test_results_too_long_for_the_schema_are_shortened_by_whole_rows(bundles: Path) -> None:
    event = recorded()
    event["dividends"] = event["dividends"] * 20

    found, counts = look(bundles, event)

    (write,) = [write for write in found.all_writes if write.collection == RESULTS]
    rows = json.loads(write.data["dividendsData"])
    assert len(write.data["dividendsData"]) <= 30000
    assert counts["shortened:race-results.dividendsData"] == 1
    # The final rows, which stand first, are the ones that are kept.
    assert [row["status"] for row in rows[:100]] == ["Final"] * 100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PATHS = st.lists(st.integers(0, 200), min_size=1, max_size=5)


def spoil(value: Any, path: list[int], junk: Any) -> None:
    """Put junk somewhere: each number of the path chooses among what is there."""
    holder: Any = value
    while path:
        keys = sorted(holder, key=str) if isinstance(holder, dict) else range(len(holder))
        key = keys[path.pop(0) % len(keys)]
        if not path or not isinstance(holder[key], (dict, list)) or not holder[key]:
            holder[key] = junk
            return
        holder = holder[key]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(spots=st.lists(st.tuples(PATHS, JSON), min_size=1, max_size=6))
def test_whatever_the_answer_holds_a_poll_ends_and_writes_what_fits(
    bundles: Path, spots: list[tuple[list[int], Any]]
) -> None:
    event = recorded()
    for path, junk in spots:
        spoil(event, list(path), junk)
    if not isinstance(event["race"], dict):
        event["race"] = recorded()["race"]

    found, _ = look(bundles, event)

    assert found.all_writes[-1].collection == "races"
    identities = [(write.collection, write.identity) for write in found.all_writes]
    assert len(identities) == len(set(identities))
    for write in found.all_writes:
        assert 0 < len(write.identity) <= 36
        json.dumps(write.data, allow_nan=False)


def look(bundles: Path, event: dict[str, Any]) -> tuple[Any, Counter[str]]:
    """One poll of the recorded race as a value, without a server."""
    polling, stored_module = (poller_module(bundles, name) for name in ("polling", "stored"))
    counts = Counter[str]()
    run = bare_run(bundles, counts)
    race = {"$id": RECORDED, "status": "Open", "startTime": "2025-07-17T00:50:00.000+00:00"}
    nztab = SimpleNamespace(event=lambda _race, **_: event)
    return polling.poll(run, nztab, race, stored_module.Known()), counts


def bare_run(bundles: Path, counts: Counter[str]) -> Any:
    """What a poll needs of a run."""
    sanitizer: ModuleType = poller_module(bundles, "vendor.sanitize")
    now = datetime(2025, 7, 17, 0, 40, tzinfo=UTC)

    def add(name: str, number: int = 1) -> None:
        counts[name] += number

    return SimpleNamespace(
        counts=SimpleNamespace(add=add),
        sanitizer=sanitizer.Sanitizer.load(str(bundles / package_of(POLLER) / "src" / "schema.json"), add),
        log=SimpleNamespace(event=lambda *_args, **fields: json.dumps(fields)),
        now=lambda: now,
        timestamp=lambda: now.isoformat(timespec="milliseconds"),
        runtime=SimpleNamespace(clock=lambda: 0.0),
    )

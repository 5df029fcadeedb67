"""How near a run comes to the memory of its specification, and what it does about it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from _shared.logs import memory_mb, peak_memory_mb
from _shared.running import FULL, HIGH, Memory, Run

from .poller_day import POLLER, put_side_by_side
from .raceday import Called, Raceday
from .runs import Frame, begin

LIMIT = 1000.0


class Process:
    """A process whose memory is what the test says; dropping what it remembers frees some of it."""

    def __init__(self, used: float = 100.0, freed: float = 0.0) -> None:
        self.used, self.freed, self.drops = used, freed, 0

    def drop(self) -> None:
        self.drops += 1
        self.used -= self.freed


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPWRITE_FUNCTION_MEMORY", f"{LIMIT:.0f}")


def started(raceday: Raceday, process: Process) -> Frame:
    frame = begin(raceday, memory=lambda: process.used)
    frame.run.memory.may_drop(process.drop)
    frame.run.phase("working")
    return frame


@pytest.mark.parametrize(
    ("text", "limit"), [("512", 512.0), ("", None), ("0", None), ("-1", None), ("lots", None), ("inf", None)]
)
def test_the_limit_is_what_the_runtime_says(text: str, limit: float | None) -> None:
    assert Memory(lambda: 1.0, {"APPWRITE_FUNCTION_MEMORY": text}).limit == limit


def test_without_a_specification_nothing_is_ever_short(raceday: Raceday, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APPWRITE_FUNCTION_MEMORY", raising=False)
    frame = started(raceday, Process(1e9))

    frame.run.going_on()

    assert (frame.run.memory.is_high, frame.reported.errors) == (False, [])


@pytest.mark.usefixtures("limited")
def test_where_the_platform_does_not_say_nothing_is_ever_short(raceday: Raceday) -> None:
    frame = begin(raceday, memory=lambda: None)

    frame.run.going_on()

    assert not frame.run.memory.is_high


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(("used", "is_high"), [(HIGH * LIMIT - 1, False), (HIGH * LIMIT, True)])
def test_memory_that_becomes_short_is_reported_and_what_is_remembered_is_dropped(
    raceday: Raceday, used: float, is_high: bool
) -> None:
    process = Process(used, freed=30)
    frame = started(raceday, process)

    frame.run.going_on()
    frame.run.going_on()

    assert frame.run.memory.is_high is is_high
    assert process.drops == int(is_high)
    assert frame.run.counts["memory.high"] == int(is_high)
    expected = [(used, used - 30, LIMIT, "working")] if is_high else []
    events = frame.reported.events("memory.high")
    assert [(each["usedMb"], each["relievedMb"], each["limitMb"], each["phase"]) for each in events] == expected


@pytest.mark.usefixtures("limited")
def test_memory_that_is_low_again_may_become_short_again(raceday: Raceday) -> None:
    process = Process(750)
    frame = started(raceday, process)

    found = []
    for used in (750, 650, 590, 750):
        process.used = used
        frame.run.going_on()
        found.append(frame.run.memory.is_high)

    assert found == [True, True, False, True]
    assert frame.run.counts["memory.high"] == 2


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(
    ("used", "freed", "ends"), [(FULL * LIMIT - 1, 0, False), (FULL * LIMIT, 0, True), (900, 100, False)]
)
def test_a_run_ends_by_itself_before_its_memory_does(raceday: Raceday, used: float, freed: float, ends: bool) -> None:
    process = Process(freed=freed)
    frame = started(raceday, process)

    def work(run: Run) -> dict[str, Any]:
        process.used = used
        run.going_on()
        return {"all": True}

    outcome = frame.perform(work)

    assert (outcome.status, outcome.body["outcome"]) == (200, "stopped" if ends else "done")
    assert outcome.body.get("reason") == ("the memory of this run is nearly used up" if ends else None)
    assert len(frame.reported.events("memory.full")) == int(ends)
    assert raceday.document("locks", "tester-lock") is None
    (summary,) = frame.reported.events("run.summary")
    assert summary["memoryLimitMb"] == LIMIT


@pytest.mark.usefixtures("limited")
def test_what_earlier_runs_left_behind_in_a_warm_container_keeps_no_run_from_its_work(raceday: Raceday) -> None:
    frame = begin(raceday, memory=lambda: 0.99 * LIMIT)

    outcome = frame.perform(lambda run: {"done": 1})

    assert outcome.body["outcome"] == "done"
    assert outcome.body["counts"] == {"memory.high": 1}


def test_what_a_process_takes_now_is_at_most_its_peak() -> None:
    now, peak = memory_mb(), peak_memory_mb()

    assert now is not None
    assert peak is not None
    assert 1 < now <= peak


# What the functions do about it.


class Busy(httpx.BaseTransport):
    """Notes whether several requests are ever under way at a time; the first one waits for a second if there will be
    one."""

    def __init__(self, inner: httpx.BaseTransport, waits: bool) -> None:
        self._inner, self._guard, self._now = inner, threading.Lock(), 0
        self.several, self._waits = threading.Event(), waits

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._guard:
            self._now += 1
            if self._now > 1:
                self.several.set()
        if self._waits:
            self.several.wait(10)
        try:
            return self._inner.handle_request(request)
        finally:
            with self._guard:
                self._now -= 1


def run_of(raceday: Raceday, function: str, memory: Callable[[], float], *, several: bool) -> Called:
    """One run, in which several requests to NZ TAB are under way at a time, or never."""
    made: list[Busy] = []

    def transport(inner: Any) -> Busy:
        made.append(Busy(inner, waits=several))
        return made[-1]

    called = raceday.call(function, memory=memory, transport=transport)
    assert any(each.several.is_set() for each in made) is several
    return called


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(("used", "several", "chunks"), [(100, True, 3), (750, False, 9)])
def test_the_details_are_imported_in_smaller_chunks_while_memory_is_short(
    raceday: Raceday, used: float, several: bool, chunks: int
) -> None:
    raceday.nztab.use(races=26)
    raceday.call("daily-meetings")
    seen: list[int] = []

    def memory() -> float:
        found = raceday.document("locks", "daily-races-lock") or {}
        seen.append(json.loads(found.get("progress") or "{}").get("chunk", 0))
        return used

    called = run_of(raceday, "daily-races", memory, several=several)

    assert (called.outcome, called.body["imported"]) == ("done", 26)
    assert max(seen) == chunks - 1  # the last look is before the last chunk


@pytest.mark.usefixtures("limited")
def test_an_import_whose_memory_is_full_ends_and_the_next_one_goes_on(raceday: Raceday) -> None:
    raceday.nztab.use(races=26)
    raceday.call("daily-meetings")
    looks = iter([100.0, 100.0, 100.0])

    first = raceday.call("daily-races", memory=lambda: next(looks, 900.0))
    second = raceday.call("daily-races")

    assert (first.status, first.outcome) == (200, "stopped")
    assert first.body["reason"] == "the memory of this run is nearly used up"
    assert (second.outcome, second.body["complete"]) == ("done", 20)
    assert second.context.events("run.resumed")[0]["progress"]["imported"] == 20


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(("used", "several"), [(100, True), (750, False)])
def test_the_poller_polls_one_race_after_another_while_memory_is_short(
    raceday: Raceday, used: float, several: bool
) -> None:
    races = put_side_by_side(raceday, 5, minutes=30)

    called = run_of(raceday, POLLER, lambda: used, several=several)

    assert called.outcome == "done"
    assert set(raceday.nztab.polls) == set(races)

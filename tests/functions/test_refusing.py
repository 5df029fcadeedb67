"""What refusing a duplicate saved: a run as it usually is, less what the refused one took."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from _shared.lock_protocol import seconds
from _shared.logs import Log
from _shared.refusing import REQUESTS, saved

NORM = SimpleNamespace(SECONDS=88.0, CPU_SECONDS=3600.0, MEMORY_MB=1_000_000, APPWRITE_REQUESTS=46)


def log_after(seconds: float) -> Log:
    """A run that has lived for so many seconds."""
    instants = iter((0.0, *[seconds] * 9))
    return Log(print, print, function="f", execution="e", clock=lambda: next(instants))


def test_each_figure_is_the_usual_one_less_what_the_refusal_took() -> None:
    found = saved(NORM, log_after(0.25))

    assert found["seconds"] == 87.75
    assert found["appwriteRequests"] == 46 - REQUESTS
    assert 0 < found["cpuSeconds"] <= 3600
    assert 0 < found["memoryMb"] < 1_000_000


@pytest.mark.parametrize("name", ["SECONDS", "CPU_SECONDS", "MEMORY_MB", "APPWRITE_REQUESTS"])
def test_a_refusal_that_took_more_than_a_run_saved_nothing(name: str) -> None:
    """In a warm container the memory of the work is there already."""
    small: Any = SimpleNamespace(**{**vars(NORM), name: 0})

    found = saved(small, log_after(0.25))

    names = dict(zip(vars(NORM), found, strict=True))
    assert found[names[name]] == 0
    assert sum(amount == 0 for amount in found.values()) == 1


def test_the_requests_of_a_refusal_are_what_it_really_sends(raceday: Any) -> None:
    raceday.put("locks", "master-race-scheduler-lock", owner="other", generation=1)
    raceday.put("locks", "master-race-scheduler-seen", owner="other", generation=0)
    raceday.forget_requests()

    assert raceday.call("master-race-scheduler").outcome == "duplicate"
    assert sum(raceday.requests().values()) == REQUESTS


@pytest.mark.parametrize(
    "stamp", ["2026-08-21T10:20:30.123+00:00", "2026-08-21 10:20:30.123", "2026-08-21T10:20:30.123Z"]
)
def test_a_time_without_a_zone_is_utc_wherever_the_code_runs(stamp: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert seconds(stamp) == 1787307630.123
    finally:
        monkeypatch.undo()
        time.tzset()

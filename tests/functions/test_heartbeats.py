"""What the heartbeat of each function says: which race or meeting is at hand, and how far the writing is."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
from _shared.documents import Write

from .poller_day import POLLER, put_side_by_side
from .raceday import Raceday, package_of
from .runs import begin
from .test_daily_meetings import meeting, race, upstream


def reported(raceday: Raceday, function: str, patch: pytest.MonkeyPatch, **options: Any) -> list[dict[str, Any]]:
    """Everything that a run puts into its next heartbeat, in order."""
    module = importlib.import_module(f"{package_of(function)}.src.vendor.lock")
    found: list[dict[str, Any]] = []
    plain = module.Lock.report

    def report(held: Any, progress: Any = None, **fields: Any) -> None:
        plain(held, progress, **fields)
        found.append(json.loads(held._fields.get("progress", "{}")))

    patch.setattr(module.Lock, "report", report)
    raceday.call(function, **options)
    return found


def named(found: list[dict[str, Any]], key: str) -> list[Any]:
    return list(dict.fromkeys(each[key] for each in found if each.get(key)))


def test_the_import_names_the_meeting_and_what_it_writes(raceday: Raceday, monkeypatch: pytest.MonkeyPatch) -> None:
    found = reported(raceday, "daily-meetings", monkeypatch, transport=upstream(meeting(race(1), race(2))))

    assert named(found, "meeting") == ["meeting-1"]
    assert named(found, "writing") == ["meetings/meeting-1", "races/race-1"]


def test_the_refresh_names_the_meeting(raceday: Raceday, monkeypatch: pytest.MonkeyPatch) -> None:
    raceday.call("daily-meetings", transport=upstream(meeting(race(1))))
    raceday.time.sleep(2 * 3600)

    changed = upstream(meeting(race(1), track_condition="Soft5"))
    found = reported(raceday, "meeting-status-poller", monkeypatch, transport=changed)

    assert named(found, "meeting") == ["meeting-1"]
    assert named(found, "writing") == ["meetings/meeting-1"]


def test_the_details_name_the_races_of_the_chunk(raceday: Raceday, monkeypatch: pytest.MonkeyPatch) -> None:
    raceday.nztab.use(races=12)
    raceday.call("daily-meetings")

    found = reported(raceday, "daily-races", monkeypatch)

    chunks = [each["races"] for each in found if each.get("races") and "writing" not in each]
    assert [len(chunk) for chunk in chunks] == [10, 2]
    assert {race for chunk in chunks for race in chunk} == {each["$id"] for each in raceday.documents("races")}
    assert next(each["left"] for each in found if each.get("races") == chunks[0]) == 12
    assert found[-1]["left"] == 0
    assert all("/" in each for each in named(found, "writing"))


def test_the_poller_names_the_races_that_it_polls(raceday: Raceday, monkeypatch: pytest.MonkeyPatch) -> None:
    races = put_side_by_side(raceday, 2, minutes=30)

    found = reported(raceday, POLLER, monkeypatch)

    assert set(found[0].get("polling") or found[1]["polling"]) == set(races)


def test_the_scheduler_names_the_race_that_is_most_urgent(raceday: Raceday, monkeypatch: pytest.MonkeyPatch) -> None:
    races = put_side_by_side(raceday, 1, minutes=30)

    found = reported(raceday, "master-race-scheduler", monkeypatch)

    assert named(found, "first") == list(races)


def test_what_is_written_goes_out_with_the_next_heartbeat_and_asks_for_nothing_more(raceday: Raceday) -> None:
    frame = begin(raceday)
    frame.run.phase("importing", {"chunk": 1})
    frame.run.documents.write([Write("meetings", "m", {"trackCondition": "Soft5"}, "update")])
    before = frame.held.requests
    frame.held.beat()

    lock = raceday.document("locks", "tester-lock") or {}
    assert json.loads(lock["progress"]) == {"chunk": 1, "writing": "meetings/m"}
    assert frame.held.requests == before + 1

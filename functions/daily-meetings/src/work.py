"""Imports the meetings and races of the New Zealand day: what is new in whole, of the rest only what has changed.

What others own is left alone: a stored meeting keeps its status, and so does a stored race. So this may run again at
any time of the day, and a run that finds nothing new writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .meetings import meeting_values, new_meeting, new_race, note_start, races_of, skip_race
from .upstream import read_meetings
from .vendor.documents import Write, Written
from .vendor.running import OF_THE_RUN, Run
from .vendor.stored import changes, read_by_id


def work(run: Run) -> Mapping[str, Any]:
    """One import."""
    run.phase("reading the list")
    listed = read_meetings(run)
    if listed.trouble is not None and not listed.meetings:
        raise listed.trouble
    run.phase("meetings", {"meetings": len(listed.meetings)})
    run.going_on()
    kept = write_meetings(run, listed.meetings)
    run.phase("races", {"meetings": len(kept)})
    run.going_on()
    races = write_races(run, kept)
    if listed.trouble is not None:
        # What could be read is written; that it was not all is an error all the same.
        raise listed.trouble
    return {"meetings": len(kept), "races": races}


def write_meetings(run: Run, listed: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Write what is new of them. The listed meetings that are now stored."""
    stored = read_by_id(run.client, run.database, "meetings", list(listed), run.fitting.keys("meetings"))
    new: dict[str, dict[str, Any]] = {}
    altered: list[Write] = []
    unusable: set[str] = set()
    for key, meeting in listed.items():
        run.phase("meetings", {"meetings": len(listed), "meeting": key})
        try:
            each = meeting_values(meeting, run)
            if key in stored:
                altered += _alteration(run, "meetings", stored[key], each)
            else:
                new[key] = run.fitting.fit("meetings", {**new_meeting(each), "lastUpdated": run.timestamp()})
        except OF_THE_RUN:
            raise
        except Exception as reason:  # noqa: BLE001 - whatever is wrong with a meeting, the others are imported
            run.counts.add("skipped:meeting")
            run.log.event("meeting.skipped", meeting=key, reason=repr(reason)[:200])
            unusable.add(key)
    refused = _count(run, "meetings", run.documents.put_all("meetings", new))
    _count(run, "meetings", run.documents.write(altered))
    return {key: meeting for key, meeting in listed.items() if key not in unusable | refused}


def write_races(run: Run, meetings: Mapping[str, Mapping[str, Any]]) -> int:
    """Write what is new of the races of these meetings. How many of them are now stored."""
    values: dict[str, dict[str, Any]] = {}
    for key, meeting in meetings.items():
        run.phase("races", {"meetings": len(meetings), "meeting": key, "races": len(values)})
        for each in races_of(meeting, run):
            if each["raceId"] in values:
                run.counts.add("skipped:duplicate_race")
            else:
                values[each["raceId"]] = each
    # A relationship is left out of what is read, and that of a stored race never changes.
    fields = sorted(run.fitting.keys("races") - {"meeting"})
    stored = read_by_id(run.client, run.database, "races", list(values), fields)
    writes: list[Write] = []
    usable = 0
    for key, each in values.items():
        try:
            writes += _race_writes(run, stored.get(key), each)
            usable += 1
        except OF_THE_RUN:
            raise
        except Exception as reason:  # noqa: BLE001 - whatever is wrong with a race, the others are imported
            skip_race(run, key, reason)
    return usable - len(_count(run, "races", run.documents.write(writes)))


def _race_writes(run: Run, stored: Mapping[str, Any] | None, values: dict[str, Any]) -> list[Write]:
    if stored is None:
        document = run.fitting.fit("races", {**new_race(values, run), "lastUpdated": run.timestamp()})
        note_start(document, run)
        return [Write("races", values["raceId"], document)]
    kept = {key: value for key, value in values.items() if key not in ("status", "meeting")}
    return _alteration(run, "races", stored, kept)


def _alteration(run: Run, collection: str, stored: Mapping[str, Any], values: Mapping[str, Any]) -> list[Write]:
    """The write that is needed to make a stored document say this; none when it does."""
    altered = changes(stored, run.fitting.fit(collection, values, partial=True))
    if not altered:
        run.counts.add(f"unchanged:{collection}")
        return []
    stamp = run.fitting.fit(collection, {"lastUpdated": run.timestamp()}, partial=True)
    return [Write(collection, stored["$id"], {**altered, **stamp}, action="update")]


def _count(run: Run, collection: str, written: Written) -> set[str]:
    """Count and log what came of writing. The ids of what was refused."""
    run.counts.add(f"written:{collection}", written.count)
    run.counts.add(f"refused:{collection}", len(written.refused))
    for key, reason in written.refused.items():
        run.log.problem("document.refused", collection=collection, document=key, reason=reason[:300])
    return set(written.refused)

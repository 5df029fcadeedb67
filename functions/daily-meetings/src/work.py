"""Imports the meetings and races of the New Zealand day: what is new in whole, of the rest only what has changed.

What others own is left alone: a stored meeting keeps its status, and so does a stored race. So this may run again at
any time of the day, and a run that finds nothing new writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .upstream import read_meetings
from .vendor import card
from .vendor.documents import Write, Written, changes, read_by_id
from .vendor.errors import Skip, shown
from .vendor.mapping import SOURCE, race_from_meeting
from .vendor.running import OF_THE_RUN, Run

CATEGORY_NAMES = {"T": "Thoroughbred Horse Racing", "H": "Harness Horse Racing", "G": "Greyhound Racing"}
ACTIVE = "active"
#: What a race is taken for while the list does not say it; the poller learns it from the event.
OPEN = "Open"
#: More than any meeting has.
MOST_RACES = 30


def meeting_values(meeting: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """All that is known of a meeting, except its status: that of a stored one is not ours to change."""
    category = meeting["category"]
    name, category_name = _text(meeting, "name"), _text(meeting, "category_name")
    if not name:
        # Its races are worth having, and the next run learns the name.
        run.counts.add("unnamed:meetings")
    values = {
        "meetingId": meeting["meeting"],
        "meetingName": name or None,
        "country": meeting["country"],
        "raceType": category_name or CATEGORY_NAMES.get(category, category),
        "category": category,
        "categoryName": category_name or CATEGORY_NAMES.get(category, category),
        "date": f"{run.day}T00:00:00Z",
        "dataSource": SOURCE,
    }
    reported = {"state": "state", "track_condition": "trackCondition"}
    return values | {key: meeting[field] for field, key in reported.items() if field in meeting}


def new_meeting(values: Mapping[str, Any]) -> dict[str, Any]:
    """With what a document must have from the beginning."""
    return {**values, "meetingName": values["meetingName"] or "Unnamed meeting", "status": ACTIVE}


def races_of(meeting: Mapping[str, Any], run: Run) -> Iterator[dict[str, Any]]:
    """What the list says of the races of a meeting; unusable ones are counted and left out."""
    races = meeting.get("races")
    if not isinstance(races, list):
        run.counts.add("skipped:races_missing")
        run.log.event("races.skipped", meeting=meeting["meeting"], reason="no list of races")
        return
    run.counts.add("cut:races", max(0, len(races) - MOST_RACES))
    for race in races[:MOST_RACES]:
        try:
            if not isinstance(race, Mapping):
                raise Skip("a race is not an object")
            yield race_from_meeting(race, meeting)
        except OF_THE_RUN:
            raise
        except Exception as reason:  # noqa: BLE001 - whatever is wrong with a race, the others are imported
            skip_race(run, race.get("id") if isinstance(race, Mapping) else None, reason)


def new_race(values: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """With what a document must have from the beginning; a race that has ended already gets an instant when it did."""
    status, name = values.get("status"), values.get("name")
    if not isinstance(status, str) or not status:
        run.counts.add("assumed:races.status")
        status = OPEN
    if not isinstance(name, str) or not name:
        # Its event has the name too.
        run.counts.add("assumed:races.name")
        name = f"Race {values.get('raceNumber')}"
    now = run.timestamp()
    ended = {"Final": "finalizedAt", "Finalized": "finalizedAt", "Abandoned": "abandonedAt"}.get(status)
    # The poller looks at a finished race for a while yet, because results may come late.
    stamps = {ended: now} if ended else {}
    return {**values, "name": name, "status": status, "importedAt": now, **stamps}


def note_start(document: Mapping[str, Any], run: Run) -> None:
    """Count races that do not start on the card's day: they are stored, but polled on their own day."""
    begin, end = card.bounds(run.day)
    if not begin.isoformat(timespec="milliseconds") <= document["startTime"] < end.isoformat(timespec="milliseconds"):
        run.counts.add("races.other_day")


def skip_race(run: Run, race: Any, reason: object) -> None:
    run.counts.add("skipped:race")
    run.log.event("race.skipped", race=shown(race), reason=str(reason)[:200])


def _text(given: Mapping[str, Any], field: str) -> str:
    value = given.get(field)
    return value.strip() if isinstance(value, str) else ""


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
    stored = read_by_id(run.client, run.database, "meetings", list(listed), run.sanitizer.keys("meetings"))
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
                new[key] = run.sanitizer.fit("meetings", {**new_meeting(each), "lastUpdated": run.timestamp()})
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
    fields = sorted(run.sanitizer.keys("races") - {"meeting"})
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
        document = run.sanitizer.fit("races", {**new_race(values, run), "lastUpdated": run.timestamp()})
        note_start(document, run)
        return [Write("races", values["raceId"], document)]
    kept = {key: value for key, value in values.items() if key not in ("status", "meeting")}
    return _alteration(run, "races", stored, kept)


def _alteration(run: Run, collection: str, stored: Mapping[str, Any], values: Mapping[str, Any]) -> list[Write]:
    """The write that is needed to make a stored document say this; none when it does."""
    altered = changes(stored, run.sanitizer.fit(collection, values, partial=True))
    if not altered:
        run.counts.add(f"unchanged:{collection}")
        return []
    stamp = run.sanitizer.fit(collection, {"lastUpdated": run.timestamp()}, partial=True)
    return [Write(collection, stored["$id"], {**altered, **stamp}, action="update")]


def _count(run: Run, collection: str, written: Written) -> set[str]:
    """Count and log what came of writing. The ids of what was refused."""
    run.counts.add(f"written:{collection}", written.count)
    run.counts.add(f"refused:{collection}", len(written.refused))
    for key, reason in written.refused.items():
        run.log.problem("document.refused", collection=collection, document=key, reason=reason[:300])
    return set(written.refused)

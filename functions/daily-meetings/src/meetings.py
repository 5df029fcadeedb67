"""From a listed meeting to its document, and to those of its races; each race by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .vendor import card
from .vendor.errors import Skip, shown
from .vendor.race_mapping import SOURCE, race_from_meeting
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
    told = {"state": "state", "track_condition": "trackCondition"}
    return values | {key: meeting[field] for field, key in told.items() if field in meeting}


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
                raise Skip("a race is no object")
            yield race_from_meeting(race, meeting)
        except OF_THE_RUN:
            raise
        except Exception as reason:  # noqa: BLE001 - whatever is wrong with a race, the others are imported
            skip_race(run, race.get("id") if isinstance(race, Mapping) else None, reason)


def new_race(values: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """With what a document must have from the beginning; a race that has ended already gets a moment when it did."""
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

"""Refreshes what changes of a meeting during the day: track condition, weather, whether it takes place at all.

One request to NZ TAB, and one write when something has changed. When NZ TAB is in trouble, the run does what it can
and ends well, but says that it was `degraded`: the next run is a quarter of an hour away, and nothing is lost by it.
Only an answer that waiting does not mend (this client is refused, or there is no list) makes it fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .facts import facts_of
from .upstream import Told, read_meetings
from .vendor import card, due
from .vendor.appwrite_http import path_of, query
from .vendor.documents import Write
from .vendor.running import OF_THE_RUN, Run
from .vendor.stored import changes

#: After the last race has ended a meeting is looked at for so many seconds, which is two runs: nothing changes later.
LOOKED_AT = 35 * due.MINUTE
FIELDS = ("status", "trackCondition", "weather", "railPosition", "trackDirection", "trackSurface")
PAGE = 200


def work(run: Run) -> Mapping[str, Any]:
    """One refresh."""
    races = [card.card_race(race) for race in card.stored_races(run)]
    if not races:
        run.log.problem("card.empty", reason="daily-meetings has stored no races of this day")
        return {"skipped": "no races are stored for this day"}
    if is_over(races, run.world.now()):
        return {"skipped": "no race is open any more"}
    stored = stored_meetings(run)
    if not stored:
        return {"skipped": "no meetings are stored for this day"}
    run.phase("reading", {"meetings": len(stored)})
    told = read_meetings(run, stored.keys())
    # Reading may have taken us into the next day, whose meetings these are not.
    run.going_on()
    writes: list[Write] = []
    for key, meeting in told.meetings.items():
        run.phase("comparing", {"meetings": len(told.meetings), "meeting": key, "changed": len(writes)})
        writes += _writes(run, stored[key], meeting, told)
    run.phase("writing", {"meetings": len(told.meetings), "changed": len(writes)})
    changed = _write(run, writes)
    run.counts.add("meetings.not_listed", len(stored) - len(told.meetings))
    return {"meetings": len(told.meetings), "changed": changed, **_degraded(run, told)}


def is_over(races: Iterable[due.CardRace], now: float) -> bool:
    """Whether all races of the card ended a while ago."""
    return all(
        race.status in due.TERMINAL and (race.finished is None or now - race.finished > LOOKED_AT) for race in races
    )


def stored_meetings(run: Run) -> dict[str, dict[str, Any]]:
    """The meetings of the run's day, by id. Their date is a label of the NZ day, not a moment."""
    path = path_of("databases", run.database, "collections", "meetings", "documents")
    queries = [
        query("equal", f"{run.day}T00:00:00.000+00:00", attribute="date"),
        query("select", "$id", *FIELDS),
        query("limit", PAGE),
    ]
    found: dict[str, dict[str, Any]] = {}
    while True:
        page = run.client.get(path, [*queries, query("offset", len(found))])["documents"]
        found |= {document["$id"]: document for document in page}
        if len(page) < PAGE:
            return found


def _writes(run: Run, stored: Mapping[str, Any], meeting: Mapping[str, Any], told: Told) -> list[Write]:
    """The changed fields of one meeting; nothing when there are none, or when it cannot be understood."""
    try:
        altered = changes(stored, run.fitting.fit("meetings", facts_of(meeting), partial=True))
        if not altered:
            return []
        stamps = {"lastUpdated": run.timestamp(), "apiGeneratedTime": told.generated}
        data = {**altered, **run.fitting.fit("meetings", stamps, partial=True)}
    except OF_THE_RUN:
        raise
    except Exception as reason:  # noqa: BLE001 - whatever is wrong with a meeting, the others are refreshed
        run.counts.add("skipped:meeting")
        run.log.event("meeting.skipped", meeting=stored["$id"], reason=str(reason)[:200])
        return []
    if "status" in altered:
        run.log.event("meeting.status", meeting=stored["$id"], before=stored["status"], after=altered["status"])
    return [Write("meetings", stored["$id"], data, action="update")]


def _write(run: Run, writes: list[Write]) -> int:
    written = run.documents.write(writes)
    run.counts.add("written:meetings", written.count)
    run.counts.add("refused:meetings", len(written.refused))
    for key, reason in written.refused.items():
        run.log.problem("document.refused", collection="meetings", document=key, reason=reason[:300])
    return written.count


def _degraded(run: Run, told: Told) -> dict[str, Any]:
    if not told.trouble:
        return {}
    run.log.problem("nztab.trouble", reason=told.trouble)
    return {"degraded": True, "reason": told.trouble}

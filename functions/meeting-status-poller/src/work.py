"""Refreshes what changes of a meeting during the day: track condition, weather, whether it takes place at all.

One request to NZ TAB, and one write when something has changed. When NZ TAB is in trouble, the run does what it can
and ends well, but says that it was `degraded`: the next run is a quarter of an hour away, and nothing is lost by it.
Only an answer that waiting does not mend (this client is refused, or there is no list) makes it fail. Most of what is
true of a meeting as a whole is gathered from its races: the API states it nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from .vendor import card, due
from .vendor.appwrite_http import path_of, query
from .vendor.documents import Write, changes
from .vendor.due import TERMINAL
from .vendor.errors import Fatal, Retryable, Skip, shown
from .vendor.mapping import renamed
from .vendor.nztab import NzTab
from .vendor.running import OF_THE_RUN, Run

ACTIVE, ABANDONED = "active", "abandoned"
#: The recordings have only the first of these; the others are taken should they ever come.
_FACTS = {
    "track_condition": "trackCondition",
    "rail_position": "railPosition",
    "track_direction": "trackDirection",
    "track_surface": "trackSurface",
}


def facts_of(meeting: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a meeting that change during a day; those that cannot be known are left out."""
    values = renamed(meeting, _FACTS)
    races = meeting.get("races")
    usable = [race for race in races if isinstance(race, Mapping)] if isinstance(races, list) else []
    if usable:
        values["status"] = status_of([race.get("status") for race in usable])
    if (weather := weather_of(usable)) is not None:
        values["weather"] = weather
    return values


def status_of(races: list[Any]) -> str:
    """A meeting is abandoned when all its races are, and only then."""
    return ABANDONED if all(status == "Abandoned" for status in races) else ACTIVE


def weather_of(races: list[Mapping[str, Any]]) -> str | None:
    """The weather of the races still to come, when they agree. It is written in various cases (`FINE`, `Fine`)."""
    reported = [race.get("weather") for race in races if race.get("status") not in TERMINAL]
    texts = [text.strip() for text in reported if isinstance(text, str) and text.strip()]
    return texts[0] if len({text.casefold() for text in texts}) == 1 else None


class Reported(NamedTuple):
    """The meetings that we know, by id. `trouble` says why it may not be all of them."""

    meetings: dict[str, Mapping[str, Any]]
    generated: Any = None
    trouble: str = ""


def read_meetings(run: Run, known: Collection[str]) -> Reported:
    """Of the list of meetings those with a known id. Foreign ones, doubles and those of another day are left out."""
    found: dict[str, Mapping[str, Any]] = {}
    with NzTab(run) as nztab:
        try:
            for meeting in nztab.meetings(run.day):
                key = meeting.get("meeting")
                if not isinstance(key, str) or key not in known:
                    continue
                if not shown(meeting.get("date")).startswith(run.day.isoformat()):
                    run.counts.add("skipped:other_day")
                elif key in found:
                    run.counts.add("skipped:duplicate_meeting")
                else:
                    found[key] = meeting
        except Fatal as reason:
            if not found:
                raise
            return Reported(found, nztab.generated, str(reason))
        except (Retryable, Skip) as reason:
            return Reported(found, nztab.generated, str(reason))
        return Reported(found, nztab.generated)


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
    if is_over(races, run.runtime.now()):
        return {"skipped": "no race is open any more"}
    stored = stored_meetings(run)
    if not stored:
        return {"skipped": "no meetings are stored for this day"}
    run.phase("reading", {"meetings": len(stored)})
    reported = read_meetings(run, stored.keys())
    # Reading may have taken us into the next day, whose meetings these are not.
    run.going_on()
    writes: list[Write] = []
    for key, meeting in reported.meetings.items():
        run.phase("comparing", {"meetings": len(reported.meetings), "meeting": key, "changed": len(writes)})
        writes += _writes(run, stored[key], meeting, reported)
    run.phase("writing", {"meetings": len(reported.meetings), "changed": len(writes)})
    changed = _write(run, writes)
    run.counts.add("meetings.not_listed", len(stored) - len(reported.meetings))
    return {"meetings": len(reported.meetings), "changed": changed, **_degraded(run, reported)}


def is_over(races: Iterable[due.CardRace], now: float) -> bool:
    """Whether all races of the card ended a while ago."""
    return all(
        race.status in due.TERMINAL and (race.finished is None or now - race.finished > LOOKED_AT) for race in races
    )


def stored_meetings(run: Run) -> dict[str, dict[str, Any]]:
    """The meetings of the run's day, by id. Their date is a label of the NZ day, not an instant."""
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


def _writes(run: Run, stored: Mapping[str, Any], meeting: Mapping[str, Any], reported: Reported) -> list[Write]:
    """The changed fields of one meeting; nothing when there are none, or when it cannot be understood."""
    try:
        altered = changes(stored, run.sanitizer.fit("meetings", facts_of(meeting), partial=True))
        if not altered:
            return []
        stamps = {"lastUpdated": run.timestamp(), "apiGeneratedTime": reported.generated}
        data = {**altered, **run.sanitizer.fit("meetings", stamps, partial=True)}
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


def _degraded(run: Run, reported: Reported) -> dict[str, Any]:
    if not reported.trouble:
        return {}
    run.log.problem("nztab.trouble", reason=reported.trouble)
    return {"degraded": True, "reason": reported.trouble}

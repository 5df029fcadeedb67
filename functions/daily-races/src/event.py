"""From the event of one race to the documents that are written for it: its field first, the race itself last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .vendor import card, nz_time
from .vendor.documents import Write
from .vendor.entrant_mapping import entrants_of
from .vendor.race_mapping import check_same_race, race_values
from .vendor.running import Run


def is_imported(race: Mapping[str, Any], run: Run) -> bool:
    """Whether a stored race is complete: the NZ date is written last, and nobody else writes it.

    A race that was put off from another day still has the date of that day, and is imported again.
    """
    return race.get("raceDateNz") in _days(race["startTime"], run)


def writes_of(race: Mapping[str, Any], data: Mapping[str, Any], run: Run) -> list[Write]:
    """What an event tells of a stored race. Raises `Skip` when it is another race's."""
    race_id = race["$id"]
    check_same_race(data, race_id)
    entrants = entrants_of(data, race_id, run, importing=True)
    values = _plausible(race, race_values(data), run)
    if not entrants:
        # Not complete: the next run asks again.
        run.counts.add("races.without_field")
        run.log.event("race.without_field", race=race_id)
        del values["raceDateNz"]
    now = run.timestamp()
    document = run.fitting.fit("races", {**values, "lastUpdated": now, "importedAt": now}, partial=True)
    # Changed, not upserted: that would demand the status, which is the poller's.
    last = Write("races", race_id, document, action="update")
    return [*(Write("entrants", key, entrant) for key, entrant in entrants.items()), last]


def _plausible(race: Mapping[str, Any], values: dict[str, Any], run: Run) -> dict[str, Any]:
    """A race stays on the card that it was listed on: one wrong start or date, and nobody would poll it any more."""
    begin, end = card.bounds(run.day)
    start = values.get("startTime")
    if start is not None and not begin <= start < end:
        run.counts.add("implausible:races.startTime")
        del values["startTime"]
    if values.get("raceDateNz") not in _days(race["startTime"], run):
        run.counts.add("assumed:races.raceDateNz")
        values["raceDateNz"] = run.day.isoformat()
    return values


def _days(start: str, run: Run) -> tuple[str, str]:
    """The dates that a race of this card may have: the card's, and that of its start when it is after midnight."""
    return run.day.isoformat(), datetime.fromisoformat(start).astimezone(nz_time.ZONE).date().isoformat()

"""One chunk of races: fetched side by side, mapped at once so that no event outlives its thread, written together.

Of each event its field is written first, the race itself last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from .vendor import card, nz_time
from .vendor.documents import BATCH, Write
from .vendor.errors import Retryable
from .vendor.mapping import check_same_race, entrants_of, race_values
from .vendor.nztab import NzTab, Paused
from .vendor.running import OF_THE_RUN, Run


def is_imported(race: Mapping[str, Any], run: Run) -> bool:
    """Whether a stored race is complete: the NZ date is written last, and nobody else writes it.

    A race that was put off from another day still has the date of that day, and is imported again.
    """
    return race.get("raceDateNz") in _days(race["startTime"], run)


def writes_of(race: Mapping[str, Any], data: Mapping[str, Any], run: Run) -> list[Write]:
    """What an event says of a stored race. Raises `Skip` when it is another race's."""
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
    document = run.sanitizer.fit("races", {**values, "lastUpdated": now, "importedAt": now}, partial=True)
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


#: Events in memory at the same time, and requests to NZ TAB at the same time.
WIDTH = 4
#: No event is asked for when less is left of the run: one answer may take so long.
FETCH_SECONDS = 20.0
#: Nothing of what the flags add to an event (pools, money, bets) is stored here; without them it is small.
FLAGS: tuple[str, ...] = ()

Race = Mapping[str, Any]


class Chunk(NamedTuple):
    """What came of the races of a chunk."""

    imported: int
    #: To be tried again: NZ TAB failed to answer.
    failed: tuple[Race, ...]
    #: To be tried yet: the time was up, or NZ TAB is left in peace for a while.
    untried: tuple[Race, ...]

    @property
    def is_troubled(self) -> bool:
        return bool(self.failed or self.untried)


def import_chunk(run: Run, nztab: NzTab, races: Sequence[Race], width: int = WIDTH) -> Chunk:
    """Fetch `width` at a time, and write. A race that cannot be used is counted and left out."""
    failed: list[Race] = []
    untried: list[Race] = []

    def fetched(race: Race) -> list[Write]:
        if run.remaining() < FETCH_SECONDS:
            untried.append(race)
            return []
        try:
            return writes_of(race, nztab.event(race["$id"], flags=FLAGS), run)
        except Retryable as reason:
            (untried if isinstance(reason, Paused) else failed).append(race)
            run.log.event("race.not_fetched", race=race["$id"], reason=str(reason))
        except OF_THE_RUN:
            raise
        except Exception as reason:  # noqa: BLE001 - whatever is wrong with a race, the others are imported
            run.counts.add("skipped:race")
            run.log.event("race.skipped", race=race["$id"], reason=f"{type(reason).__name__}: {reason}"[:200])
        return []

    groups = [group for group in run.each(fetched, races, width) if group]
    refused: set[str] = set()
    for batch in packed(groups):
        refused |= _write(run, batch)
    return Chunk(sum(group[-1].identity not in refused for group in groups), tuple(failed), tuple(untried))


def packed(groups: Iterable[Sequence[Write]]) -> Iterator[list[Write]]:
    """Batches of whole races: a race is never written before its field, not even when the run dies in between."""
    batch: list[Write] = []
    for group in groups:
        if len(batch) + len(group) > BATCH:
            yield batch
            batch = []
        batch = [*batch, *group]
    if batch:
        yield batch


def _write(run: Run, batch: Sequence[Write]) -> set[str]:
    written = run.documents.write(batch)
    run.counts.add("written:documents", written.count)
    run.counts.add("refused:documents", len(written.refused))
    for key, reason in written.refused.items():
        run.log.problem("document.refused", document=key, reason=reason[:300])
    return set(written.refused)

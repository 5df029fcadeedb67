"""What one tick of the scheduler does: read the card, and start the poller when races are due and none is at it.

Only the poller stamps what it polled. So nothing is lost when a start is refused or left out: the races are due at the
next tick still. A tick without work costs one request besides the lock, a start four. Which races are due is decided by
pure functions: documents and an instant in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from .vendor import card, due
from .vendor.due import CardRace
from .vendor.poller_runs import PollerRuns
from .vendor.running import Run

#: Seconds between two ticks.
TICK = 60.0


class Selection(NamedTuple):
    """The card at one instant. `due` are the races to poll, most urgent first."""

    now: float
    races: tuple[CardRace, ...]
    due: tuple[CardRace, ...]
    #: Whether a race near its start becomes due before the next tick: the poller has to be there by then.
    soon: bool
    #: Why nothing can be due; None when something can.
    reason: str | None

    @property
    def is_dormant(self) -> bool:
        return self.reason is not None

    def urgent(self) -> tuple[CardRace, ...]:
        """Those of the due races that cannot wait for half an hour."""
        return tuple(race for race in self.due if due.INTERVALS[due.phase(race, self.now)] < due.BASELINE)


def select(
    documents: Iterable[Mapping[str, Any]], now: float, day: date, count: Callable[[str, int], None]
) -> Selection:
    """What is due of these race documents. One that makes no sense is counted and left out."""
    races = tuple(_readable(documents, day, count))
    dormant = card.is_dormant(races, now, day)
    found = () if dormant else tuple(card.due_races(races, now, day))
    soon = not dormant and any(_is_urgent_at(race, now + TICK, day) for race in races)
    return Selection(now, races, found, soon, _reason(races, now) if dormant else None)


def _is_urgent_at(race: CardRace, instant: float, day: date) -> bool:
    """Whether it will be due then, in a row that demands a poll within a tick."""
    row = due.phase(race, instant)
    return row != "over" and due.INTERVALS[row] < TICK and due.is_due(race, instant, card.polled_from(race, day))


def _readable(
    documents: Iterable[Mapping[str, Any]], day: date, count: Callable[[str, int], None]
) -> Iterable[CardRace]:
    begin, end = (instant.timestamp() for instant in card.bounds(day))
    for document in documents:
        try:
            race = card.card_race(dict(document))
        except (KeyError, TypeError, ValueError):
            count("skipped:unreadable", 1)
            continue
        # Nothing is ever started for another day, whatever the list contains.
        if begin <= race.start < end:
            yield race
        else:
            count("skipped:other_day", 1)


def _reason(races: tuple[CardRace, ...], now: float) -> str:
    if not races:
        return "no races"
    if all(due.phase(race, now) == "over" for race in races):
        return "all races are over"
    return "polling has not begun"


def work(run: Run) -> dict[str, Any]:
    """One tick."""
    # With the lock of the poller, when there is something to start: a tick without work costs no request for it.
    run.looks_for_crowds = True
    run.going_on()
    selection = select(card.stored_races(run), run.now().timestamp(), run.day, run.counts.add)
    run.counts.add("races", len(selection.races))
    run.counts.add("due", len(selection.due))
    first = {"first": selection.due[0].identity} if selection.due else {}
    run.phase("analysed", {"races": len(selection.races), "due": len(selection.due), **first})
    if selection.is_dormant:
        return {"decision": "dormant", "reason": selection.reason}
    if not (selection.due or selection.soon):
        return {"decision": "nothing due"}
    return _start(run, selection)


def _start(run: Run, selection: Selection) -> dict[str, Any]:
    poller = PollerRuns(run)
    held = poller.held()
    crowded = run.note_crowding(held.own_refused) > 0
    if held.is_working:
        return _backed_off(run, "the previous run of the poller still works", phase=held.phase)
    if held.backoff > 0:
        return _backed_off(run, "the poller has set a backoff", seconds=round(held.backoff))
    # While we are started too often, what can wait does wait; a race near its start never pays for that.
    wanted = selection.urgent() if crowded else selection.due
    if not (wanted or selection.soon):
        return _backed_off(run, "the scheduler is started too often")
    waiting = poller.waiting()
    if waiting.is_overloaded:
        run.log.problem("system.overloaded", waiting=waiting.waiting, processing=waiting.processing)
        return _backed_off(run, "too many executions wait", waiting=waiting.waiting)
    if waiting.waiting or waiting.processing:
        return _backed_off(run, "a run of the poller is about to begin", waiting=waiting.waiting)
    execution = poller.start([race.identity for race in wanted])
    if execution is None:
        return {"decision": "unclear", "reason": "the start of the poller was not confirmed; the next tick looks again"}
    phases = Counter(due.phase(race, selection.now) for race in wanted)
    run.counts.add("started")
    run.log.event("poller.started", started=execution.identity, races=len(wanted), phases=dict(phases))
    started = {"started": len(wanted), "first": wanted[0].identity if wanted else None}
    run.phase("started", {"races": len(selection.races), "due": len(selection.due), **started})
    return {"decision": "started", "execution": execution.identity, "races": len(wanted), "phases": dict(phases)}


def _backed_off(run: Run, reason: str, **details: Any) -> dict[str, Any]:
    run.counts.add("backed_off")
    run.log.event("scheduler.backed_off", reason=reason, **details)
    return {"decision": "backed off", "reason": reason, **details}

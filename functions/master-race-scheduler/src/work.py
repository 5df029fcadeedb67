"""What one tick of the scheduler does: read the card, and start the poller when races are due and none is at it.

Only the poller stamps what it polled. So nothing is lost when a start is refused or left out: the races are due at the
next tick still. A tick without work costs one request besides the lock, a start four.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from .selection import Selection, select
from .vendor import card, due
from .vendor.poller_runs import PollerRuns
from .vendor.running import Run


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
        return _backed_off(run, "the poller asks for patience", seconds=round(held.backoff))
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

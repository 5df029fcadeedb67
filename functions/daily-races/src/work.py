"""Gives the races of the day their details and their fields, chunk by chunk: fetch ten, write them, forget them.

What is stored is the checkpoint. A race whose NZ date is written is complete, so a run that was killed or stopped is
continued by the next one without asking for anything twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from .chunks import FETCH_SECONDS, WIDTH, Race, import_chunk, is_imported
from .vendor import card
from .vendor.errors import Retryable, Stop
from .vendor.nztab import NzTab
from .vendor.running import Run

CHUNK = 10
#: While memory is short; and then they are fetched one after another.
SMALL_CHUNK = 3
#: Between two chunks, out of consideration; and after one in which NZ TAB was in trouble.
PAUSE, LONG_PAUSE = 0.5, 10.0
#: How often a race is fetched in one run before it is given up.
TRIES = 4


def work(run: Run) -> Mapping[str, Any]:
    """One import. With `{"force": true}` complete races are fetched again too."""
    run.phase("reading the card")
    earlier = run.earlier_progress()
    if earlier:
        run.log.event("run.resumed", progress=earlier)
    races = card.stored_races(run, ("$id", "startTime", "raceDateNz"))
    forced = run.call.body.get("force") is True
    todo = _others_first([race for race in races if forced or not is_imported(race, run)], earlier.get("races"))
    if not races:
        run.log.problem("card.empty", reason="daily-meetings has stored no races of this day")
    imported, given_up = _import(run, todo, len(races))
    if given_up and not imported:
        raise Retryable(f"none of {given_up} races could be fetched")
    return {
        "races": len(races),
        "complete": len(races) - len(todo),
        "imported": imported,
        "failed": given_up,
    }


def _others_first(races: list[Race], at_hand: Any) -> list[Race]:
    """Those that an earlier run had at hand when it ended come last: if they were its end, it is not that of all."""
    suspects = set(at_hand) if isinstance(at_hand, list) else set()
    return sorted(races, key=lambda race: race["$id"] in suspects)


def _import(run: Run, todo: list[Race], total: int) -> tuple[int, int]:
    """How many were imported, and how many given up."""
    queue, tries = list(todo), Counter[str]()
    imported = given_up = number = 0
    width = WIDTH
    with NzTab(run) as nztab:
        while queue:
            _go_on(run, hopeless=bool(tries) and not imported)
            size = SMALL_CHUNK if run.memory.is_high else CHUNK
            chunk, queue = queue[:size], queue[size:]
            number += 1
            progress = {"total": total, "left": len(chunk) + len(queue), "imported": imported, "chunk": number}
            # One request for each chunk: what is at hand now is what a run that is killed was killed with.
            run.phase("races", {**progress, "races": [race["$id"] for race in chunk]}, save=True)
            done = import_chunk(run, nztab, chunk, 1 if run.memory.is_high else width)
            # Whoever is throttled asks for one at a time, and dares a little more after each chunk that went well.
            width = 1 if done.is_troubled else min(WIDTH, width + 1)
            imported += done.imported
            tries.update(race["$id"] for race in done.failed)
            again = [race for race in done.failed if tries[race["$id"]] < TRIES]
            given_up += len(done.failed) - len(again)
            queue += [*done.untried, *again]
            run.phase("races", {**progress, "left": len(queue), "imported": imported})
            if queue:
                run.sleep(max(LONG_PAUSE, nztab.paused_for()) if done.is_troubled else PAUSE)
    run.counts.add("failed:races", given_up)
    return imported, given_up


def _go_on(run: Run, *, hopeless: bool) -> None:
    run.going_on()
    if run.remaining() < FETCH_SECONDS:
        if hopeless:
            raise Retryable("the NZ TAB did not answer during this run")
        raise Stop("too little time is left to fetch another race")

"""Has every race of the day polled once, early: starts the poller, watches it, and repeats until none is left.

The races themselves are the checkpoint: what `last_poll_time` says is polled needs no other record, so a run that is
cut off is simply continued by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from .vendor import card, due
from .vendor.errors import Stop
from .vendor.poller_runs import LONGEST_RUN, MOST_RACES, Execution, PollerRuns
from .vendor.running import Run


class Unpolled(NamedTuple):
    """Ids of the races that still want their first poll, by start, and how many documents made no sense."""

    races: tuple[str, ...]
    unreadable: int


def unpolled(documents: Iterable[Mapping[str, Any]], day: date) -> Unpolled:
    """A poll before the day's card began is one of another day; a race that is over needs none."""
    begin, end = (instant.timestamp() for instant in card.bounds(day))
    found, unreadable = [], 0
    for document in documents:
        try:
            race = card.card_race(dict(document))
            is_of_day = begin <= race.start < end
        except (KeyError, TypeError, ValueError):
            is_of_day = False
        if not is_of_day:
            unreadable += 1
        elif race.status not in due.TERMINAL and (race.polled is None or race.polled < begin):
            found.append((race.start, race.identity))
    return Unpolled(tuple(identity for _, identity in sorted(found)), unreadable)


#: Between two looks at an execution, or at the lock of the poller.
LOOK_SECONDS = 5.0
#: After so many attempts in a row that polled nothing, the races that are left are not available now.
MOST_IN_VAIN = 3
#: Races named in the progress.
SHOWN = 20
#: After an attempt in vain.
PAUSE_SECONDS = 30.0


def work(run: Run) -> dict[str, Any]:
    """All of it."""
    filling = _Filling(run)
    try:
        filling.fill()
    except Stop as stop:
        raise Stop(str(stop), **filling.answer()) from stop
    return filling.answer()


class _Filling:
    """The state of one run: what is left, and what was done about it."""

    def __init__(self, run: Run) -> None:
        self._run, self._poller = run, PollerRuns(run)
        self._looked = Unpolled((), 0)
        self._polled = 0
        self._executions = 0

    def answer(self) -> dict[str, Any]:
        left, unreadable = len(self._looked.races), self._looked.unreadable
        return {"polled": self._polled, "left": left, "unreadable": unreadable, "executions": self._executions}

    def fill(self) -> None:
        """Until no race is left. Raises `Stop` at the end of the run's time."""
        races, in_vain = self._look(), 0
        while races and in_vain < MOST_IN_VAIN:
            self._wait_until_free()
            # Whoever polled meanwhile may have done it all.
            if wanted := self._look(since=len(races)):
                self._attempt(wanted)
            left = self._look(since=len(wanted))
            in_vain = 0 if len(left) < len(races) else in_vain + 1
            if in_vain:
                self._run.sleep(PAUSE_SECONDS)
            races = left
        if races:
            self._run.log.problem("races.left", left=len(races), attemptsInVain=in_vain, first=races[:10])

    def _look(self, since: int | None = None) -> tuple[str, ...]:
        """The races that are left now; the fewer they are than `since`, the more were polled."""
        self._run.going_on()
        self._looked = unpolled(card.stored_races(self._run), self._run.day)
        self._polled += max(0, (since or 0) - len(self._looked.races))
        return self._looked.races

    def _wait_until_free(self) -> None:
        """While a run of the poller works, another would be refused."""
        while True:
            self._run.going_on()
            held = self._poller.held()
            if not (held.is_working or held.backoff > 0):
                return
            self._run.counts.add("waits")
            self._run.sleep(LOOK_SECONDS)

    def _attempt(self, races: tuple[str, ...]) -> None:
        asked = {"asked": len(races[:MOST_RACES]), "races": list(races[:SHOWN])}
        self._run.phase("polling", {**self.answer(), **asked}, save=True)
        execution = self._poller.start(races)
        if execution is None:
            # It may begin all the same; the next look at the lock shows it.
            self._run.sleep(LOOK_SECONDS)
            return
        self._executions += 1
        self._run.log.event("poller.started", started=execution.identity, races=len(races))
        self._watch(execution)

    def _watch(self, execution: Execution) -> None:
        begun = self._run.runtime.clock()
        while not execution.is_over:
            if self._run.runtime.clock() - begun > LONGEST_RUN:
                self._run.log.problem("poller.lost", started=execution.identity, status=execution.status)
                return
            self._run.going_on()
            self._run.sleep(LOOK_SECONDS)
            execution = self._poller.look(execution)
        note = self._run.log.event if execution.status == "completed" else self._run.log.problem
        note("poller.ended", started=execution.identity, status=execution.status, code=execution.code)
        self._run.counts.add(f"executions:{execution.status}")

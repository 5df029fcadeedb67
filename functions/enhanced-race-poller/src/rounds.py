"""The loop of a run: every 15 seconds look which races are due, poll them, and end before the lock does.

One run at a time polls (the lock sees to that), so it takes care of all races: those it was asked for, and those that
become due while it lives. It ends early when nothing will become due before its end; the scheduler starts the next.
The stamp of a race is its last write. So a race that is stamped has everything of that poll stored before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .polling import Missed, Poll, poll
from .stored import FIELDS, Memory, Race, Wanted, read_others
from .vendor.appwrite_http import AppwriteError
from .vendor.card import card_race, due_races, stored_races
from .vendor.documents import BATCH
from .vendor.due import BASELINE, INTERVALS, minutes_to_start, phase
from .vendor.errors import Stop
from .vendor.nztab import NzTab
from .vendor.running import Run


def write_polls(run: Run, polls: Iterable[Poll]) -> Iterator[Poll]:
    """Write, and give back those whose race is stamped now, as soon as they are."""
    for pack in packed(polls):
        yield from _write(run, pack)


def packed(polls: Iterable[Poll]) -> Iterator[list[Poll]]:
    """Whole races, as many as fit into one transaction; one that does not fit alone is alone."""
    pack, size = list[Poll](), 0
    for each in polls:
        own = len(each.all_writes)
        if pack and size + own > BATCH:
            yield pack
            pack, size = [], 0
        pack.append(each)
        size += own
    if pack:
        yield pack


def _write(run: Run, pack: Sequence[Poll]) -> list[Poll]:
    writes = [write for poll in pack for write in poll.all_writes]
    written = run.documents.write(writes)
    refused = {(write.collection, write.identity) for write in written.refused_writes}
    for collection, count in Counter(write.collection for write in writes).items():
        run.counts.add(f"written:{collection}", count - sum(each == collection for each, _ in refused))
    for write in written.refused_writes:
        run.counts.add(f"refused:{write.collection}")
        reason = written.refused[write.identity][:300]
        run.log.problem("document.refused", collection=write.collection, document=write.identity, reason=reason)
    return [poll for poll in pack if ("races", poll.race) not in refused]


ROUND = 15.0
#: A race is polled in the round nearest to the instant when it becomes due.
SLACK = ROUND / 2
#: The card is read again after so many seconds: only this run stamps races, so in between it knows them itself.
CARD_AGE = 45.0
#: Seconds after which no round begins: the lock ends after 120, and a start of the scheduler comes every 60.
BUDGET = 100.0
#: Requests to NZ TAB at a time, and events in memory at a time.
WIDTH = 5
#: Rows of the table with an interval up to this go before what the caller asked for.
URGENT = 30.0
#: After an unanswered poll a race waits so long, doubled each time.
PAUSE, LONGEST_PAUSE = 15.0, 120.0
#: So many rounds in a row that the database spoils end the run.
TROUBLES = 3
#: Races named in the progress, with their whole ids: so many fit the lock document.
SHOWN = 70


class Rounds:
    """One run of the poller."""

    def __init__(self, run: Run, nztab: NzTab, wanted: Wanted) -> None:
        self._run, self._nztab, self._wanted = run, nztab, wanted
        self._memory = Memory(run)
        run.memory.may_drop(self._memory.forget_all)
        self._end = run.runtime.clock() + BUDGET - run.log.elapsed_ms() / 1000
        self._card: dict[str, Race] = {}
        self._card_read: float | None = None
        #: Races that were asked for and not polled yet.
        self._pending: dict[str, Race] = {}
        self._is_begun, self._has_looked_for_crowding = False, False
        #: Whether the last round ended with work left.
        self._is_cut = False
        self._rounds, self._troubles = 0, 0
        #: Of the last round, if it was spoilt.
        self._trouble: AppwriteError | None = None
        self._polls: dict[str, int] = {}
        self._at_hand: list[str] = []
        self._shown: dict[str, tuple[int, str]] = {}
        self._unanswered: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    def live(self) -> dict[str, Any]:
        """Poll until nothing is left to do in this run. The answer says what was done and what was not."""
        self._run.note_deaths()
        try:
            while True:
                began = self._run.runtime.now()
                self._try_round(began)
                wait = self._wait_after(began)
                if wait is None:
                    break
                self._run.sleep(wait)
            self._run.held.check()
            reason = self._run.reason_to_stop()
            if reason is not None:
                raise Stop(reason)
        except Stop as stop:
            self._fail_if_nothing_worked()
            raise Stop(str(stop), **self._details()) from None
        self._fail_if_nothing_worked()
        return self._details()

    def _fail_if_nothing_worked(self) -> None:
        """A run that the database spoilt up to its end, and that polled nothing, has not done what it was for."""
        if self._trouble is not None and not self._polls:
            raise self._trouble

    def _details(self) -> dict[str, Any]:
        return {
            "mode": self._wanted.mode,
            "rounds": self._rounds,
            "races": len(self._polls),
            "polls": sum(self._polls.values()),
            "left": list(self._pending) if self._is_begun else list(self._wanted.races),
        }

    def _try_round(self, began: float) -> None:
        self._rounds += 1
        self._look_for_crowding()
        try:
            self._round(began)
        except AppwriteError as error:
            if not error.retryable:
                raise
            # Nobody knows what was written: the next round reads everything again.
            self._card_read = None
            self._trouble = error
            self._troubles += 1
            self._run.counts.add("database.trouble")
            self._run.log.problem("database.trouble", status=error.status, type=error.kind, inARow=self._troubles)
            if self._troubles >= TROUBLES:
                raise
        else:
            self._trouble, self._troubles = None, 0

    def _look_for_crowding(self) -> None:
        """Once, and only in a run that does more than one poll: behind a short one no starts can crowd."""
        if not self._has_looked_for_crowding and sum(self._polls.values()) > 1:
            self._has_looked_for_crowding = True
            self._run.note_crowding()

    def _round(self, began: float) -> None:
        self._is_cut = False
        self._run.going_on()
        if self._nztab.paused_for() > 0:
            self._run.counts.add("rounds_paused")
            return
        self._read_card(began)
        if not self._is_begun:
            self._begin()
        queue, is_first = self._queue(), True
        while queue:
            is_late = not is_first and self._run.runtime.now() - began >= ROUND
            if is_late or self._left() <= 0:
                self._is_cut = True
                return
            self._run.going_on()
            width = 1 if self._run.memory.is_high else WIDTH
            self._poll(queue[:width])
            queue, is_first = queue[width:], False

    def _read_card(self, instant: float) -> None:
        if self._card_read is None or instant - self._card_read >= CARD_AGE:
            self._card = {race["$id"]: race for race in stored_races(self._run, FIELDS)}
            self._card_read = instant

    def _begin(self) -> None:
        others = read_others(self._run, self._wanted, self._card)
        now = self._run.runtime.now()
        for identity in self._wanted.races:
            race = self._card.get(identity) or others.get(identity)
            if race is None:
                continue
            if phase(card_race(race), now) == "over":
                self._run.counts.add("skipped:over")
            else:
                self._pending[identity] = race
        self._is_begun = True

    def _queue(self) -> list[Race]:
        """What is urgent, then what was asked for, then what is due as well."""
        now = self._run.runtime.now()
        due = self._due_at(now)
        urgent = [race for race in due if INTERVALS[phase(card_race(self._card[race]), now)] <= URGENT]
        asked = [race for race in self._pending if self._is_ready(race, now)]
        return [self._card.get(race) or self._pending[race] for race in dict.fromkeys([*urgent, *asked, *due])]

    def _due_at(self, instant: float) -> list[str]:
        """The races of the card to poll in a round at that instant, most urgent first."""
        races = [card_race(race) for race in self._card.values() if self._is_ready(race["$id"], instant)]
        by_now = {race.identity for race in due_races(races, instant, self._run.day)}
        soon = due_races(races, instant + SLACK, self._run.day)
        # A base line poll before its slot would not count for it.
        return [
            race.identity
            for race in soon
            if race.identity in by_now or INTERVALS[phase(race, instant + SLACK)] < BASELINE
        ]

    def _is_ready(self, race: str, instant: float) -> bool:
        return self._not_before.get(race, 0.0) <= instant

    def _poll(self, races: list[Race]) -> None:
        now = self._run.runtime.now()
        self._at_hand = [race["$id"] for race in races]
        self._report()
        self._memory.prepare(races, {race["$id"]: minutes_to_start(card_race(race), now) for race in races})
        looks = self._run.each(
            lambda race: poll(self._run, self._nztab, race, self._memory.of(race["$id"])), races, WIDTH
        )
        polls = [look for look in looks if isinstance(look, Poll)]
        done = set[str]()
        try:
            for each in write_polls(self._run, polls):
                done.add(each.race)
                self._note(each)
        finally:
            # What is stored of the others is not known any more.
            for each in polls:
                if each.race not in done:
                    self._memory.forget(each.race)
        paused = {look.race for look in looks if isinstance(look, Missed) and not look.is_own}
        for identity in {race["$id"] for race in races} - done - paused:
            self._put_off(identity)

    def _note(self, each: Poll) -> None:
        """A race is polled and stamped."""
        race = self._card.get(each.race) or self._pending[each.race]
        if each.status != race["status"]:
            self._run.counts.add("status_changes")
            self._run.log.event("race.status", race=each.race, before=race["status"], now=each.status)
        race |= each.update
        each.remember_in(self._memory.of(each.race))
        self._pending.pop(each.race, None)
        self._unanswered.pop(each.race, None)
        self._run.counts.add("polls")
        self._polls[each.race] = self._polls.get(each.race, 0) + 1
        self._show(each)

    def _put_off(self, race: str) -> None:
        """It stays due, but does not hold up the others."""
        self._unanswered[race] = times = self._unanswered.get(race, 0) + 1
        pause = min(LONGEST_PAUSE, PAUSE * 2.0 ** (times - 1))
        # Counted from the begin of the round that follows, so that one round is left out only from the second time on.
        self._not_before[race] = self._run.runtime.now() + pause - ROUND

    def _show(self, each: Poll) -> None:
        self._shown.pop(each.race, None)
        self._shown[each.race] = (self._polls[each.race], each.status[:20])
        self._report()

    def _report(self) -> None:
        """What the next heartbeat says: the races at hand, and what was polled so far."""
        latest: Mapping[str, Any] = dict(list(self._shown.items())[-SHOWN:])
        about = {"round": self._rounds, "left": len(self._pending), "polling": self._at_hand}
        self._run.phase("polling", {"races": latest, **about})

    def _wait_after(self, began: float) -> float | None:
        """Seconds until the next round that has something to do; None when there will be none in this run."""
        now, end = self._run.runtime.now(), self._run.runtime.now() + self._left()
        if now >= end:
            return None
        if self._is_cut:
            return 0.0
        for instant in self._instants(began, end):
            if self._troubles or not self._is_begun or self._due_at(instant) or self._asked_at(instant):
                return max(0.0, instant - now)
        return None

    def _asked_at(self, instant: float) -> bool:
        return any(self._is_ready(race, instant) for race in self._pending)

    def _instants(self, began: float, end: float) -> Iterator[float]:
        """When rounds may begin: every 15 seconds, at once when one took longer than that."""
        instant = max(began + ROUND, self._run.runtime.now())
        while instant < end:
            yield instant
            instant += ROUND

    def _left(self) -> float:
        """Seconds in which a round may begin."""
        return max(0.0, min(self._end - self._run.runtime.clock(), self._run.remaining()))

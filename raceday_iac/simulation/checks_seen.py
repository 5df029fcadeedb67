"""Invariants of what was seen on the wires: who ran and wrote when, and which race was polled when.

Nothing here shares code with the functions that are judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from ..devserver.nztab.model import Race
from .clashes import conflicts, overlaps
from .day import NZ
from .demand import INTERVALS, Followed, gaps, patience_of, row_of
from .lived import Lived, Violations, clock
from .runs import Outcome

#: Inside this window of the New Zealand clock nothing is written.
QUIET = (time(1), time(6))
#: When the daily functions start, UTC, on the date before the New Zealand one; and their longest run.
DAILY = {"daily-meetings": time(19), "daily-races": time(20), "daily-initial-data": time(20, 30)}
LONGEST_DAILY = timedelta(minutes=14)
#: Seconds from a poll to its commit: the answer, with retries that are not too long, and the transaction.
WRITING = 15.0


def daily_runs_worked(lived: Lived) -> tuple[int, Violations]:
    """Each daily function comes to its end; the quiet window stops none, whatever the offset of the day."""
    due = [name for name, start in DAILY.items() if _daily_start(lived, start) + LONGEST_DAILY <= lived.wanted.end]
    executions = [each for each in lived.ledger.executions.values() if each.function in DAILY]

    def stopped() -> Violations:
        done = set[str]()
        for each in executions:
            outcomes = [event.get("outcome") for event in each.events if event.get("event") == "run.summary"]
            if outcomes == ["done"]:
                done.add(each.function)
            elif each.outcome is not Outcome.REFUSED:
                yield f"{each.function} of {clock(each.start)}: {', '.join(map(str, outcomes)) or 'no summary'}"
        yield from (f"{name} never came to its end" for name in due if name not in done)

    return max(len(due), len(executions)), stopped()


def polled_as_demanded(lived: Lived) -> tuple[int, Violations]:
    demanded, found = 0, list[str]()
    begin, end = lived.opening.timestamp(), lived.wanted.end.timestamp()
    for race in lived.day.imported:
        followed = Followed(race.id, race.start.timestamp(), lived.polls_of(race.id), lived.statuses_of(race.id))
        count, late = gaps(followed, begin, end)
        demanded += count
        found += [f"{gap.race} ({gap.row}) was due for {gap.seconds:.0f} s from {clock(gap.since)}" for gap in late]
    return demanded, iter(found)


def changes_stored_soon(lived: Lived) -> tuple[int, Violations]:
    """A status that upstream shows until the next poll that the table demands, is stored then."""
    checked, late = 0, list[str]()
    for race in lived.day.imported:
        written = lived.statuses_of(race.id)
        for status, moment, limit in _changes(lived, race):
            checked += 1
            if not any(moment <= at <= limit for at, found in written if found == status):
                late.append(f"{race.id} was {status} at {clock(moment)} and not stored as that by {clock(limit)}")
    return checked, iter(late)


def never_polled_twice_at_once(lived: Lived) -> tuple[int, Violations]:
    by_race: dict[str, list[tuple[float, float]]] = {}
    for poll in lived.ledger.polls:
        by_race.setdefault(poll.race, []).append((poll.begin, poll.end))

    def doubled() -> Violations:
        for race, polls in by_race.items():
            until = float("-inf")
            for begin, end in sorted(polls):
                if begin < until:
                    yield f"{race} was asked for twice at {clock(begin)}"
                until = max(until, end)

    return len(lived.ledger.polls), doubled()


def one_writer(lived: Lived) -> tuple[int, Violations]:
    """No write by a run that does not own its lock, or without its fence; no two runs of one function at once."""

    def found() -> Violations:
        for what in lived.ledger.unowned:
            yield f"wrote without its lock: {what}"
        for what in lived.ledger.unfenced:
            yield f"wrote without its fence: {what}"
        for clash in overlaps(lived.ledger.runs()):
            yield f"two runs of {clash.first.function} at {clock(clash.begin)}"

    return lived.ledger.writes, found()


def no_conflicts(lived: Lived) -> tuple[int, Violations]:
    runs = lived.ledger.runs()

    def found() -> Violations:
        for clash in conflicts(runs):
            yield f"{clash.first.function} and {clash.second.function} on {clash.subject} at {clock(clash.begin)}"

    return sum(len(run.races) for run in runs), found()


def quiet_window(lived: Lived) -> tuple[int, Violations]:
    def loud() -> Violations:
        for each in lived.ledger.executions.values():
            if each.wrote is not None and (_is_quiet(each.wrote[0]) or _is_quiet(each.wrote[1])):
                yield f"{each.function} wrote at {clock(each.wrote[1])}"

    return len(lived.ledger.executions), loud()


def none_killed(lived: Lived) -> tuple[int, Violations]:
    """No run is cut off by its timeout, or still at work when its lock has expired."""

    def late() -> Violations:
        for each in lived.ledger.executions.values():
            end = lived.wanted.end.timestamp() if each.end is None else each.end
            if each.outcome is Outcome.KILLED:
                yield f"{each.function} of {clock(each.start)} was killed by its timeout"
            elif each.expiry is not None and end - each.start > each.expiry:
                yield f"{each.function} of {clock(each.start)} lived for {end - each.start:.0f} s, longer than its lock"

    return len(lived.ledger.executions), late()


def none_failed(lived: Lived) -> tuple[int, Violations]:
    """Upstream and server do nothing wrong on this day, so nothing is a reason to fail."""

    def failed() -> Violations:
        for each in lived.ledger.executions.values():
            if each.outcome is Outcome.FAILED:
                yield f"{each.function} of {clock(each.start)} failed"

    return len(lived.ledger.executions), failed()


def _changes(lived: Lived, race: Race) -> Iterator[tuple[str, float, float]]:
    """The changes of status that must be seen: into what, when, and until when it must be stored."""
    changes = [(moment.timestamp(), status) for moment, status in race.timeline.changes]
    before, end = "Open", lived.wanted.end.timestamp()
    for number, (moment, status) in enumerate(changes):
        row = row_of(race.start.timestamp(), before, moment)
        limit = moment + INTERVALS[row] + patience_of(row) + WRITING
        following = changes[number + 1][0] if number + 1 < len(changes) else end
        if moment >= lived.opening.timestamp() and limit <= min(following, end):
            yield status, moment, limit
        before = status


def _daily_start(lived: Lived, start: time) -> datetime:
    return datetime.combine(lived.wanted.day - timedelta(days=1), start, UTC)


def _is_quiet(moment: float) -> bool:
    return QUIET[0] <= datetime.fromtimestamp(moment, NZ).time() < QUIET[1]

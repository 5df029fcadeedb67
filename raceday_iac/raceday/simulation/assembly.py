"""From what was seen and stored to the report of the day, beside the legacy model of the same day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from ..nztab.model import Day, Race
from .checks import DayResult, check_all
from .day import DaySpec, count_phases, phase_of
from .ledger import Execution, Ledger, Outcome
from .legacy import ASSUMPTIONS, simulate_legacy
from .legacy_world import CardRace
from .report import DayReport, Duplicates, Polls, Quantiles, compare_runs
from .virtual_time import Latencies

#: A poll of a race that is already over, for dividends that come late.
SETTLING = "settling"


def report_of(lived: DayResult, options: Mapping[str, bool | int | str]) -> DayReport:
    """Check the invariants, run the legacy model over the same card, and put the numbers together."""
    wanted, day, ledger = lived.wanted, lived.day, lived.ledger
    begin, end = wanted.begin.timestamp(), wanted.end.timestamp()
    legacy = simulate_legacy(legacy_card(day), begin, end)
    fields = compare_runs(ledger.runs(), legacy.runs)
    fields["duplicates"] = Duplicates(fields["duplicates"].refused, saved_by_refusing(ledger))
    polls = count_phases(_phases(day, ledger))
    return DayReport(
        day=str(wanted.day),
        seed=wanted.seed,
        races=len(day.imported),
        begin=begin,
        end=end,
        lock_latency_ms=Quantiles.of(ledger.lock_ms),
        invariants=check_all(lived),
        polls=Polls(polls, sum(polls.values()) / max(1, len(day.imported))),
        legacy_polls=legacy.polls_report(),
        status_delay_seconds=Quantiles.of(status_delays(day, ledger)),
        assumptions=(*ASSUMPTIONS, *assumptions()),
        options=options,
        race_starts=tuple(race.start.timestamp() for race in day.imported),
        **fields,
    )


def assumptions(latencies: Latencies | None = None) -> Iterator[str]:
    """What the new side takes for granted."""
    used = latencies or Latencies()
    yield (
        "The new side is real code over real HTTP in virtual time, in which computing takes none. "
        f"A read of Appwrite takes {used.read * 1000:g} ms, a write {used.write * 1000:g} ms and "
        f"{used.operation * 1000:g} ms more for each operation of a transaction, the NZ TAB {used.upstream * 1000:g} "
        "ms: each time by a factor between a half and two."
    )


def legacy_card(day: Day) -> tuple[CardRace, ...]:
    """The imported races as the legacy model takes them."""
    return tuple(_legacy_race(race) for race in day.imported)


def _legacy_race(race: Race) -> CardRace:
    line = race.timeline
    void = line.abandoned
    never: float | None = None
    return CardRace(
        race=race.id,
        meeting=race.meeting.id,
        start=line.advertised.timestamp(),
        jump=line.jump.timestamp(),
        interim=never if void and void <= line.interim else line.interim.timestamp(),
        final=never if void else line.final.timestamp(),
        abandoned=void.timestamp() if void else never,
    )


def status_delays(day: Day, ledger: Ledger) -> list[float]:
    """Seconds from a change of status upstream to its commit in the database; changes that nobody saw are left out."""
    first: dict[tuple[str, str], float] = {}
    for each in sorted(ledger.statuses, key=lambda write: write.at):
        first.setdefault((each.race, each.status), each.at)
    delays = []
    for race in day.imported:
        for instant, status in race.timeline.changes:
            written = first.get((race.id, status))
            if written is not None and written >= instant.timestamp():
                delays.append(written - instant.timestamp())
    return delays


def saved_by_refusing(ledger: Ledger) -> dict[str, float]:
    """What the refused runs would have spent, had they been like the other runs of their function."""
    saved = {"requests": 0.0, "seconds": 0.0, "polls": 0.0}
    for execution in ledger.executions.values():
        if execution.outcome is Outcome.REFUSED:
            alike = [each for each in ledger.executions.values() if _worked(each, execution.function)]
            number = max(1, len(alike))
            saved["requests"] += max(0.0, sum(each.requests for each in alike) / number - execution.requests)
            saved["seconds"] += sum((each.end or 0.0) - each.start for each in alike) / number
            saved["polls"] += sum(each.polls for each in alike) / number
    return saved if any(saved.values()) else {}


def _worked(execution: Execution, function: str) -> bool:
    return execution.function == function and execution.outcome is Outcome.COMPLETED and execution.end is not None


def _phases(day: Day, ledger: Ledger) -> Iterator[str]:
    """The row of the table that each poll was in, by what upstream said at that instant."""
    for poll in ledger.polls:
        race = day.race(poll.race)
        if race is None:
            continue
        row = phase_of(_status_before(race, poll.begin), (race.start.timestamp() - poll.begin) / 60)
        yield SETTLING if row == "terminal" else row


def _status_before(race: Race, instant: float) -> str:
    return race.timeline.status_at(datetime.fromtimestamp(instant, race.start.tzinfo))


def wanted_options(wanted: DaySpec, *, legacy_schedules: bool) -> dict[str, bool | int | str]:
    """How the day was asked for, for the report."""
    options: dict[str, bool | int | str] = {"locks": wanted.with_locks, "legacy_schedules": legacy_schedules}
    if wanted.until is not None:
        options["until"] = f"{wanted.until:%H:%M}"
    return options

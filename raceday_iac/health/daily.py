"""The runs that a day depends on, in their order: which of them did their work, and which did not. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..provider.protocol import Execution
from .findings import Finding, Severity
from .logs import ending_of
from .observations import FunctionSeen, Observation, moment
from .runs import standing
from .schedules import EARLY, last_due
from .shared import Rules
from .watched import Watched


class Stand(StrEnum):
    """How a daily run stands today."""

    DONE = "done"
    RUNNING = "running"
    MISSED = "missed"
    #: Its time has not come, or it has no schedule.
    LATER = "later"


@dataclass(frozen=True)
class Daily:
    """One of them. `due` is when the schedule asked for it; `run` what did the work, or last tried."""

    function: str
    stand: Stand
    due: datetime | None = None
    run: Execution | None = None
    why: str = ""


def daily_runs(observation: Observation, watched: Watched, rules: Rules | None) -> tuple[Daily, ...]:
    """Today's, in the order in which they depend on each other. Which day is today is the functions' own rule."""
    if rules is None:
        return ()
    found = (observation.function(name) for name in watched.daily)
    return tuple(_daily(each, observation.now, watched, rules) for each in found if each is not None)


def _daily(seen: FunctionSeen, now: datetime, watched: Watched, rules: Rules) -> Daily:
    due = last_due(seen.schedule, now, watched.grace.schedule) if seen.schedule else None
    if due is None or rules.racing_day(due) != rules.racing_day(now):
        return Daily(seen.id, Stand.LATER)
    since = [each for each in seen.executions if moment(each.created_at) >= due - EARLY]
    good = next((each for each in since if did_its_work(each)), None)
    if good is not None:
        return Daily(seen.id, Stand.DONE, due, good)
    running = next((each for each in since if is_under_way(each, seen, watched, now)), None)
    if running is not None:
        return Daily(seen.id, Stand.RUNNING, due, running)
    return Daily(seen.id, Stand.MISSED, due, next(iter(since), None), _why(since))


def did_its_work(execution: Execution) -> bool:
    """A duplicate left the work to another run, which counts by itself; one that stopped left some of it undone."""
    is_well = execution.status == "completed" and execution.response_status < 400
    return is_well and ending_of(execution).outcome not in ("duplicate", "stopped")


def is_under_way(execution: Execution, seen: FunctionSeen, watched: Watched, now: datetime) -> bool:
    unfinished = execution.status in ("waiting", "processing")
    return unfinished and not standing(execution, seen.timeout, watched.grace, now)


def _why(since: Sequence[Execution]) -> str:
    if not since:
        return "it did not begin"
    last = since[0]
    if last.status in ("waiting", "processing"):
        return f"execution {last.id} never ended"
    ending = ending_of(last)
    said = f" ({ending.message})" if ending.message else ""
    return f"execution {last.id} {last.status}: {ending.category or ending.outcome or last.response_status}{said}"


def daily_findings(runs: Sequence[Daily]) -> Iterator[Finding]:
    """Those that were missed."""
    for each in runs:
        if each.stand is Stand.MISSED and each.due is not None:
            message = f"its run of {each.due:%m-%d %H:%M} UTC did not do its work: {each.why}"
            advice = "raceday-iac recover --dry-run"
            yield Finding("daily.missed", Severity.ERROR, f"function.{each.function}", message, advice, each.due)

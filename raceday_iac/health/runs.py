"""Figures of a function's executions, and what is wrong with them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from ..kinds.function import size_of
from ..provider.protocol import Execution
from .findings import Finding, Severity
from .logs import Ending, ending_of, events_of, lock_check_of, peak_memory_of
from .observations import FunctionSeen, moment
from .spans import said_span
from .watched import FunctionWatch, Grace

OVER = ("completed", "failed")
#: A run that took so much of its timeout was lucky.
NEAR_TIMEOUT = 0.9
#: Names of events that are counted; the functions have fewer.
MOST_EVENTS = 100
#: A process that comes so near to its memory is soon ended without a word.
NEAR_MEMORY = 0.8
#: Of fewer runs a median says nothing about the lock.
ENOUGH_CHECKS = 5


@dataclass(frozen=True)
class Durations:
    """Seconds; None without a run."""

    p50: float | None = None
    p95: float | None = None
    longest: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Durations:
        """By nearest rank: each is a duration that there was."""
        ordered = sorted(seconds)
        if not ordered:
            return cls()
        middle, high = (ordered[ceil(share * len(ordered)) - 1] for share in (0.5, 0.95))
        return cls(middle, high, ordered[-1])


@dataclass(frozen=True)
class Figures:
    """The runs of a window. Duplicates count as successes, and not among the durations: they did nothing.

    `streak` are the newest failures without a success between them, and `category` what most of them were.
    """

    last: Execution | None = None
    ending: Ending = field(default_factory=Ending)
    over: int = 0
    failed: int = 0
    duplicates: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    durations: Durations = field(default_factory=Durations)
    #: Milliseconds that asking for the lock took, as the logs tell.
    lock_checks: tuple[float, ...] = ()
    #: Most memory of a process, in MB, as the logs tell.
    memory: float | None = None
    #: What the logs tell beside what every run does, by the name of the event.
    events: Mapping[str, int] = field(default_factory=dict)
    streak: int = 0
    category: str = ""
    streak_since: datetime | None = None

    @property
    def lock_check(self) -> float | None:
        """The median, in milliseconds."""
        return Durations.of(self.lock_checks).p50

    @property
    def success(self) -> float | None:
        return (self.over - self.failed) / self.over if self.over else None


@dataclass(frozen=True)
class Usage:
    """What a function takes in a day, reckoned from the runs that were read, refused ones included. `gb_hours` (memory
    and processors of its specification, times duration) is None where nobody knows these."""

    runs: float
    gb_hours: float | None


def usage_of(seen: FunctionSeen, since: datetime, now: datetime) -> Usage:
    """Reckoned over the window; where there were more runs than were read, over the time that these reach back."""
    over = [each for each in seen.executions if each.status in OVER]
    begin = moment(seen.executions[-1].created_at) if seen.is_cut and seen.executions else since
    days = (now - begin) / timedelta(days=1)
    if days <= 0:
        return Usage(0.0, None)
    size = size_of(seen.specification)
    hours = sum(each.duration for each in over) / 3600
    return Usage(len(over) / days, None if size is None else size[0] * size[1] * hours / days)


def usage_findings(usages: Iterable[Usage], budget: float | None) -> Iterator[Finding]:
    """Of all functions together. `budget`: GB-hours a day that are expected at most."""
    taken = sum(each.gb_hours or 0 for each in usages)
    if budget is not None and taken > budget:
        message = f"the functions take {taken:.3g} GB-hours a day; expected are at most {budget:g} (gb_hours)"
        advice = "which of them? raceday-iac health, under: What it takes"
        yield Finding("usage.high", Severity.WARNING, "project", message, advice)


def figures_of(seen: FunctionSeen) -> Figures:
    """Count. Works on what was read: the newest ones, when there were too many."""
    over = [each for each in seen.executions if each.status in OVER]
    endings = {each.id: ending_of(each) for each in over}
    worked = [each for each in over if endings[each.id].outcome != "duplicate"]
    streak: list[Execution] = []
    for each in worked:
        if each.status != "failed":
            break
        streak.append(each)
    categories = Counter(endings[each.id].category for each in streak)
    last = next(iter(seen.executions), seen.older)
    return Figures(
        last=last,
        ending=endings.get(last.id) or ending_of(last) if last else Ending(),
        over=len(over),
        failed=sum(each.status == "failed" for each in over),
        duplicates=len(over) - len(worked),
        outcomes=dict(Counter(endings[each.id].outcome or each.status for each in over)),
        durations=Durations.of([each.duration for each in worked]),
        lock_checks=tuple(found for each in over if (found := lock_check_of(each)) is not None),
        memory=max((found for each in over if (found := peak_memory_of(each)) is not None), default=None),
        events=dict(sum((events_of(each) for each in seen.executions), Counter[str]()).most_common(MOST_EVENTS)),
        streak=len(streak),
        category=categories.most_common(1)[0][0] if categories else "",
        streak_since=moment(streak[-1].created_at) if streak else None,
    )


def run_findings(
    seen: FunctionSeen, figures: Figures, watch: FunctionWatch, slow_after: float | None, grace: Grace, now: datetime
) -> Iterator[Finding]:
    """Everything about executions except what the schedule asked for."""
    yield from _failing(seen, figures, watch)
    yield from _unfinished(seen, slow_after, grace, now)
    yield from _slow(seen, figures, slow_after)
    yield from _slow_lock(seen, figures, watch)
    yield from _much_memory(seen, figures)


def _failing(seen: FunctionSeen, figures: Figures, watch: FunctionWatch) -> Iterator[Finding]:
    subject, look = f"function.{seen.id}", f"raceday-iac logs {seen.id}"
    if figures.streak:
        severity = Severity.ERROR if figures.streak >= watch.streak else Severity.WARNING
        count = "the last run" if figures.streak == 1 else f"the last {figures.streak} runs"
        verb = "failed" if figures.streak == 1 else "all failed"
        said = f" ({figures.ending.message})" if figures.ending.message else ""
        message = f"{count} {verb}: {figures.category}{said}"
        yield Finding("run.failing", severity, subject, message, look, figures.streak_since)
    if figures.success is not None and figures.success < watch.success:
        message = (
            f"{figures.failed} of {figures.over} runs failed: {figures.success:.0%} went well, expected are "
            f"{watch.success:.0%}"
        )
        yield Finding("run.success", Severity.WARNING, subject, message, look)


def _unfinished(seen: FunctionSeen, slow_after: float | None, grace: Grace, now: datetime) -> Iterator[Finding]:
    subject = f"function.{seen.id}"
    for each in seen.unfinished:
        state = standing(each, seen.timeout, grace, now)
        age = now - moment(each.created_at)
        look = f"raceday-iac logs {seen.id} --execution {each.id}"
        since = moment(each.created_at)
        if state == "stuck":
            message = f"execution {each.id} is processing for {said_span(age)}; its timeout is {seen.timeout:g} s"
            yield Finding("run.stuck", Severity.ERROR, subject, message, "raceday-iac recover --dry-run", since)
        elif state == "waiting":
            message = f"execution {each.id} waits for {said_span(age)} to be begun"
            yield Finding("run.waiting", Severity.ERROR, subject, message, "raceday-iac recover --dry-run", since)
        elif state == "expired":
            message = f"execution {each.id} was to begin at {each.scheduled_at[:16]} and never did"
            yield Finding("run.expired", Severity.WARNING, subject, message, "raceday-iac recover --dry-run", since)
        elif each.status == "processing" and slow_after and age.total_seconds() > slow_after:
            message = f"execution {each.id} runs for {said_span(age)}, and should take at most {said_span(slow_after)}"
            yield Finding("run.overlong", Severity.WARNING, subject, message, look, since)


def standing(execution: Execution, timeout: float, grace: Grace, now: datetime) -> str:
    """What an unfinished execution is: `stuck`, `waiting` for too long, `expired`, or nothing of that.

    It may have waited before it began, and only its creation is told: so the wait is allowed for as well.
    """
    created = moment(execution.created_at)
    if execution.status == "processing":
        limit = timedelta(seconds=timeout) + grace.execution + grace.waiting
        return "stuck" if now - created > limit else ""
    if execution.status == "waiting":
        return "waiting" if now - created > grace.waiting else ""
    if execution.status == "scheduled" and execution.scheduled_at:
        return "expired" if now - moment(execution.scheduled_at) > grace.waiting else ""
    return ""


def _slow(seen: FunctionSeen, figures: Figures, slow_after: float | None) -> Iterator[Finding]:
    subject, durations = f"function.{seen.id}", figures.durations
    if durations.longest is None or durations.p95 is None:
        return
    if slow_after is not None and durations.p95 > slow_after:
        message = f"p95 of its runs is {said_span(durations.p95)}; expected are at most {said_span(slow_after)}"
        yield Finding("run.slow", Severity.WARNING, subject, message, f"raceday-iac logs {seen.id}")
    if durations.longest > NEAR_TIMEOUT * seen.timeout:
        message = f"a run took {said_span(durations.longest)} of its timeout of {seen.timeout:g} s"
        yield Finding("run.near_timeout", Severity.WARNING, subject, message, f"raceday-iac logs {seen.id}")


def memory_limit(seen: FunctionSeen) -> float | None:
    """MB that the specification gives; None where it does not say."""
    size = size_of(seen.specification)
    return None if size is None else size[1] * 1024


def _much_memory(seen: FunctionSeen, figures: Figures) -> Iterator[Finding]:
    limit, peak = memory_limit(seen), figures.memory
    if limit is None or peak is None or peak <= NEAR_MEMORY * limit:
        return
    message = f"a run took {peak:.0f} of the {limit:.0f} MB that {seen.specification} gives"
    advice = f"does it grow? raceday-iac logs {seen.id}; else a larger specification in the stack"
    yield Finding("run.memory", Severity.WARNING, f"function.{seen.id}", message, advice)


def check_target(seen: FunctionSeen, watch: FunctionWatch) -> int | None:
    """Milliseconds that asking for the lock should take at most."""
    return watch.lock_check_ms or (seen.lock.check_target_ms if seen.lock else None)


def _slow_lock(seen: FunctionSeen, figures: Figures, watch: FunctionWatch) -> Iterator[Finding]:
    target = check_target(seen, watch)
    count, median = len(figures.lock_checks), figures.lock_check
    if target is None or median is None or count < ENOUGH_CHECKS or median <= target:
        return
    message = f"asking for it takes {median:.0f} ms (the median of {count} runs); its target is {target} ms"
    advice = "is Appwrite slow, or far from its functions? What fits this server: lock_check_ms in health.yaml"
    yield Finding("lock.slow", Severity.WARNING, f"lock.{seen.id}", message, advice)

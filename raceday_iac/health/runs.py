"""Figures of a function's executions, and what is wrong with them. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest
from math import ceil
from typing import Any

from ..counting import format_duration
from ..kinds import kind_of
from ..kinds.code import size_of
from ..kinds.collection import can_only_fail_again, making_again, unknown_to_documents
from ..linting.expansion import Expansion, expand
from ..model.address import Address, owner_of
from ..model.resource import Live
from ..provider.protocol import Deployment, Execution
from .observations import Finding, FunctionSeen, Severity, instant_of
from .watched import FunctionWatch, Grace

# What the log of an execution says of its end. The functions log one JSON object a line; other lines say nothing.


#: The beginnings of what the server itself writes into `errors` (Appwrite 1.8.1, and the embedded server).
_SERVER_SAYS = (
    ("timed out", "timeout"),
    ("timeout", "timeout"),
    ("deployment was not found", "no_code"),
    ("build is not ready", "no_code"),
    ("server was stopped", "interrupted"),
    ("runtime ended", "died"),
)
#: Objects and lists in one line. The longest that the functions write has half as many.
_MOST_PARTS = 200
#: What every run says.
_ROUTINE = ("lock.acquired", "lock.refused", "lock.released", "run.summary")
_NAME = re.compile(r"[a-z]{1,24}\.[a-z_]{1,24}")
#: A number above it is no measurement, neither in milliseconds nor in megabytes.
_MOST = 10_000_000
#: Events of a run that never came to its work, and the category that they stand for.
_EVENTS = {"lock.unusable": "lock", "run.not_configured": "configuration", "run.crashed": "crash"}


@dataclass(frozen=True)
class Ending:
    """`outcome` is the function's own word (`done`, `duplicate`, …); `category` says of a failure what sort it was."""

    outcome: str = ""
    category: str = ""
    message: str = ""


def ending_of(execution: Execution) -> Ending:
    """How an execution ended. Reads the last line that shows it."""
    events = {str(each["event"]): each for each in _events(execution)}
    failed = execution.status == "failed"
    summary = events.get("run.summary")
    if summary is not None:
        outcome = str(summary.get("outcome") or "")
        category = str(summary.get("category") or outcome) if failed else ""
        return Ending(outcome, category, str(summary.get("message") or summary.get("reason") or ""))
    if "lock.refused" in events:
        return Ending("duplicate")
    for name, category in _EVENTS.items():
        if name in events:
            reason = f"{events[name].get('error') or ''}: {events[name].get('reason') or ''}".strip(": ")
            return Ending("failed", category, reason)
    return Ending("failed", *_by_words(execution)) if failed else Ending()


def lock_check_of(execution: Execution) -> float | None:
    """Milliseconds that asking for the lock took, where the log says so."""
    checks = [each.get("checkMs") for each in _events(execution) if each["event"] in ("lock.acquired", "lock.refused")]
    return _measured(checks[-1]) if checks else None


def peak_memory_of(execution: Execution) -> float | None:
    """The most memory, in MB, that the process of a run had come to, where its log says so."""
    return max((found for each in _events(execution) if (found := _measured(each.get("memoryMb")))), default=None)


def events_of(execution: Execution) -> Counter[str]:
    """How often a run said what, by the names of its events. Those of every run are not counted."""
    names = (str(each["event"]) for each in _events(execution))
    return Counter(each for each in names if _NAME.fullmatch(each) and each not in _ROUTINE)


def _measured(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= _MOST else None


def _by_words(execution: Execution) -> tuple[str, str]:
    """Category and message of a failure that only the server, or a traceback, reports."""
    text = execution.errors.strip()
    last = text.splitlines()[-1].strip() if text else ""
    lower = text.lower()
    category = next((category for words, category in _SERVER_SAYS if words in lower), "")
    return category or (f"status {execution.response_status}" if execution.response_status else "unknown"), last[:200]


def _events(execution: Execution) -> Iterator[Mapping[str, Any]]:
    for line in (*execution.logs.splitlines(), *execution.errors.splitlines()):
        content = object_in(line)
        if isinstance(content.get("event"), str):
            yield content


def object_in(text: str) -> Mapping[str, Any]:
    """The JSON object that a text is; an empty one for what is none, or nested so that reading it could fail."""
    if not text.startswith("{") or text.count("[") + text.count("{") > _MOST_PARTS:
        return {}
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


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
    #: Milliseconds that asking for the lock took, as the logs say.
    lock_checks: tuple[float, ...] = ()
    #: Most memory of a process, in MB, as the logs say.
    memory: float | None = None
    #: What the logs say beside what every run does, by the name of the event.
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
    begin = instant_of(seen.executions[-1].created_at) if seen.is_cut and seen.executions else since
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
        message = f"the functions take {taken:.3g} GB-hours a day; the limit is {budget:g} (gb_hours)"
        advice = "to see which ones: raceday-iac health, under Resource usage"
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
        streak_since=instant_of(streak[-1].created_at) if streak else None,
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
            f"{figures.failed} of {figures.over} runs failed: {figures.success:.0%} succeeded, the target is "
            f"{watch.success:.0%}"
        )
        yield Finding("run.success", Severity.WARNING, subject, message, look)


def _unfinished(seen: FunctionSeen, slow_after: float | None, grace: Grace, now: datetime) -> Iterator[Finding]:
    subject = f"function.{seen.id}"
    for each in seen.unfinished:
        state = standing(each, seen.timeout, grace, now)
        age = now - instant_of(each.created_at)
        look = f"raceday-iac logs {seen.id} --execution {each.id}"
        since = instant_of(each.created_at)
        if state == "stuck":
            message = f"execution {each.id} is processing for {format_duration(age)}; its timeout is {seen.timeout:g} s"
            yield Finding("run.stuck", Severity.ERROR, subject, message, "raceday-iac recover --dry-run", since)
        elif state == "waiting":
            message = f"execution {each.id} has waited {format_duration(age)} for its start"
            yield Finding("run.waiting", Severity.ERROR, subject, message, "raceday-iac recover --dry-run", since)
        elif state == "expired":
            message = f"execution {each.id} was scheduled for {each.scheduled_at[:16]} and never began"
            yield Finding("run.expired", Severity.WARNING, subject, message, "raceday-iac recover --dry-run", since)
        elif each.status == "processing" and slow_after and age.total_seconds() > slow_after:
            allowed = format_duration(slow_after)
            message = f"execution {each.id} runs for {format_duration(age)}; it should take at most {allowed}"
            yield Finding("run.overlong", Severity.WARNING, subject, message, look, since)


def standing(execution: Execution, timeout: float, grace: Grace, now: datetime) -> str:
    """What an unfinished execution is: `stuck`, `waiting` for too long, `expired`, or nothing of that.

    It may have waited before it began, and only its creation is reported: so the wait is allowed for as well.
    """
    created = instant_of(execution.created_at)
    if execution.status == "processing":
        limit = timedelta(seconds=timeout) + grace.execution + grace.waiting
        return "stuck" if now - created > limit else ""
    if execution.status == "waiting":
        return "waiting" if now - created > grace.waiting else ""
    if execution.status == "scheduled" and execution.scheduled_at:
        return "expired" if now - instant_of(execution.scheduled_at) > grace.waiting else ""
    return ""


def _slow(seen: FunctionSeen, figures: Figures, slow_after: float | None) -> Iterator[Finding]:
    subject, durations = f"function.{seen.id}", figures.durations
    if durations.longest is None or durations.p95 is None:
        return
    if slow_after is not None and durations.p95 > slow_after:
        message = f"p95 of its runs is {format_duration(durations.p95)}; the limit is {format_duration(slow_after)}"
        yield Finding("run.slow", Severity.WARNING, subject, message, f"raceday-iac logs {seen.id}")
    if durations.longest > NEAR_TIMEOUT * seen.timeout:
        message = f"a run took {format_duration(durations.longest)} of its timeout of {seen.timeout:g} s"
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
    message = f"the lock check takes {median:.0f} ms (the median of {count} runs); its target is {target} ms"
    advice = "is Appwrite slow, or far from its functions? Set a target for this server: lock_check_ms in health.yaml"
    yield Finding("lock.slow", Severity.WARNING, f"lock.{seen.id}", message, advice)


# Runs that a cron asks for, compared with those that there were. Pure. Crons are UTC, as everywhere on Appwrite.


#: The server's clock may stand a little before the minute when it creates what is due.
EARLY = timedelta(seconds=5)
#: Far enough for the next run of a yearly cron.
_AHEAD = 367


@dataclass(frozen=True)
class Punctuality:
    """What became of a schedule. `missed` are instants without a run, oldest first; `overdue` says that nothing began
    at the newest one or since; `next` is None without a schedule."""

    expected: int = 0
    missed: tuple[datetime, ...] = ()
    overdue: bool = False
    next: datetime | None = None


def punctuality(seen: FunctionSeen, since: datetime, now: datetime, grace: Grace) -> Punctuality:
    """Look for a run of the scheduler after each instant of the cron.

    Nothing is counted from before the schedule can be known to have stood: the server does not say since when it does,
    so that is its last change, or the oldest run that it began.
    """
    runs = expand(seen.schedule, since.date(), (now.date() - since.date()).days + _AHEAD) if seen.schedule else None
    if runs is None:
        return Punctuality()
    began = sorted(instant_of(each.created_at) for each in seen.executions if each.trigger == "schedule")
    due = list(_between(runs, since, now - grace.schedule))
    begin = _standing_since(seen, due, began, now, grace.schedule)
    if seen.is_cut and seen.executions:
        begin = max(begin, instant_of(seen.executions[-1].created_at))
    due = [each for each in due if each > begin]
    missed = tuple(_without_run(due, began, grace.schedule))
    following = next(iter(runs.runs_after(now)), None)
    # A run that began since shows that the schedule is alive: what is missing before it is missed, not overdue.
    is_overdue = bool(due) and due[-1] in missed and not (began and began[-1] > due[-1])
    return Punctuality(len(due), missed, is_overdue, following)


def schedule_findings(seen: FunctionSeen, found: Punctuality, now: datetime) -> Iterator[Finding]:
    """The newest run missing is an error; earlier ones are for the record."""
    subject = f"function.{seen.id}"
    if found.overdue:
        last = found.missed[-1]
        message = (
            f"the run of {last:%m-%d %H:%M} UTC did not begin, {format_duration(now - last)} ago ({seen.schedule})"
        )
        advice = "is the scheduler of the server running? See also: raceday-iac recover --dry-run"
        yield Finding("run.overdue", Severity.ERROR, subject, message, advice, last)
    earlier = len(found.missed) - found.overdue
    if earlier:
        first = found.missed[0]
        message = f"{earlier} of {found.expected} runs did not take place, the first at {first:%m-%d %H:%M} UTC"
        yield Finding("run.missed", Severity.INFO if found.overdue else Severity.WARNING, subject, message, "", first)


def last_due(schedule: str, now: datetime, grace: timedelta) -> datetime | None:
    """The newest instant of a cron that has passed, the grace included."""
    begin = now.date() - timedelta(days=8)
    runs = expand(schedule, begin, 10)
    if runs is None:
        return None
    passed = list(_between(runs, now - timedelta(days=7), now - grace))
    return passed[-1] if passed else None


def _between(runs: Expansion, begin: datetime, end: datetime) -> Iterator[datetime]:
    for each in runs.runs_after(begin):
        if each > end:
            return
        yield each


def _standing_since(
    seen: FunctionSeen, due: Sequence[datetime], began: Sequence[datetime], now: datetime, grace: timedelta
) -> datetime:
    """The function's last change, or before it the first run that fits this very cron."""
    changed = instant_of(seen.live.updated_at) if seen.live and seen.live.updated_at else now
    early = [each for each in began if each < changed]
    fitting = (each for each in due if any(each - EARLY <= start <= each + grace for start in early))
    first = next(fitting, None)
    return changed if first is None else first - timedelta(minutes=1)


def _without_run(due: Sequence[datetime], began: Sequence[datetime], grace: timedelta) -> Iterator[datetime]:
    """Each run answers for one instant: the last one before it."""
    position = 0
    for each, following in zip_longest(due, due[1:]):
        while position < len(began) and began[position] < each - EARLY:
            position += 1
        latest = each + grace if following is None else min(each + grace, following - EARLY)
        if position < len(began) and began[position] <= latest:
            position += 1
        else:
            yield each


# Deployments and schema that do not come to their end. Pure.


UNFINISHED = ("waiting", "processing", "building")


def build_findings(seen: FunctionSeen, grace: Grace, now: datetime) -> Iterator[Finding]:
    """Of one function."""
    subject = f"deployment.{seen.id}"
    if seen.live is None:
        yield Finding(
            "function.missing", Severity.ERROR, f"function.{seen.id}", "it is not on the server", "raceday-iac plan"
        )
        return
    if not seen.active:
        message = "it has no active deployment: nothing can run"
        yield Finding("function.no_code", Severity.ERROR, f"function.{seen.id}", message, "raceday-iac apply")
    for each in stuck_builds(seen.deployments, grace, now):
        age = format_duration(now - instant_of(each.created_at))
        what = "its upload was never finished" if each.status == "waiting" else f"it is {each.status}"
        message = f"deployment {each.id}: {what}, begun {age} ago"
        advice = "raceday-iac recover --dry-run"
        yield Finding("build.stuck", Severity.WARNING, subject, message, advice, instant_of(each.created_at))
    newest = next(iter(seen.deployments), None)
    if newest is not None and newest.status == "failed" and newest.id != seen.active:
        message = f"the build of deployment {newest.id} failed; {seen.active or 'none'} is still active"
        advice = f"raceday-iac logs {seen.id} --build latest"
        yield Finding("build.failed", Severity.WARNING, subject, message, advice, instant_of(newest.created_at))


def stuck_builds(deployments: Iterable[Deployment], grace: Grace, now: datetime) -> list[Deployment]:
    """Unfinished for too long."""
    return [
        each for each in deployments if each.status in UNFINISHED and now - instant_of(each.created_at) > grace.build
    ]


def schema_findings(schema: Iterable[Live], grace: Grace, now: datetime) -> Iterator[Finding]:
    """Attributes, relationships and indexes that cannot be used."""
    for live in schema:
        what = trouble_of(live, grace, now)
        if what:
            code = "attribute.stuck" if kind_of(live.address).is_column else "index.stuck"
            since = instant_of(live.updated_at) if live.updated_at else None
            collection = owner_of(live.address)
            advice = making_again(collection) if can_only_fail_again(live) else "raceday-iac recover --dry-run"
            yield Finding(code, Severity.ERROR, str(live.address), what, advice, since)


def broken_findings(lost: Mapping[Address, Sequence[str]]) -> Iterator[Finding]:
    """Collections whose schema Appwrite has lost a part of. Nothing that is listed shows it."""
    for collection, keys in lost.items():
        message = f"{unknown_to_documents(collection, keys).partition(': ')[2]}"
        yield Finding("collection.broken", Severity.ERROR, str(collection), message, making_again(collection))


def trouble_of(live: Live, grace: Grace, now: datetime) -> str:
    """What is wrong with an attribute or index, in words; nothing while it is available or only just begun."""
    if not kind_of(live.address).listed or live.status == "available":
        return ""
    reason = f" ({live.error})" if live.error else ""
    if live.status in ("failed", "stuck"):
        return f"it is {live.status}{reason}"
    if not live.updated_at or now - instant_of(live.updated_at) <= grace.schema_:
        return ""
    return f"it is {live.status} for {format_duration(now - instant_of(live.updated_at))}{reason}"

"""What documents say of a project: whether the data of the day is there (rules of `health.yaml`), who holds the
execution locks, and whether these do what they are for. What day, hours and locks go by is below (`Rules`).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, ClassVar

from ..counting import format_duration
from ..errors import IacError
from ..model.declarations import Lock
from ..model.local_time import UTC_TIME, LocalTime
from ..model.resource import Desired
from ..packaging.bundle import SHARED
from ..provider.protocol import Condition, Execution
from .observations import Counted, Finding, FunctionSeen, Observation, Severity, instant_of
from .runs import EARLY, Figures, check_target, ending_of, last_due, object_in, standing
from .watched import Freshness, Grace, HealthConfig

#: Documents that are named one by one.
_NAMED = 3

_NONE: Mapping[str, Figures] = MappingProxyType({})


@dataclass(frozen=True)
class DataHealth:
    """What became of one rule. `verdict`: `ok`, `bad`, or `resting` while nothing is expected; `said` is for people."""

    rule: Freshness
    verdict: str
    said: str
    count: int | None = None
    age: float | None = None
    late: tuple[Late, ...] = ()
    #: What the documents are that are late.
    noun: str = "document"


def conditions_of(rule: Freshness, rules: Rules, now: datetime) -> tuple[Condition, ...]:
    """Which documents to count, or to look for the newest among, or to check one by one."""
    if rule.rule == "newest":
        return (Condition("isNotNull", rule.attribute), Condition("orderDesc", rule.attribute))
    day = rules.day_of(now)
    if rule.form == "date" and rule.rule == "today":
        begin, end = f"{day}T00:00:00.000+00:00", f"{day + timedelta(days=1)}T00:00:00.000+00:00"
    else:
        begin, end = (each.isoformat(timespec="milliseconds") for each in rules.bounds(day))
    return Condition("greaterThanEqual", rule.attribute, (begin,)), Condition("lessThan", rule.attribute, (end,))


def data_health(
    rules_on_data: Sequence[Freshness], observation: Observation, rules: Rules, grace: Grace
) -> Iterator[DataHealth]:
    """Each rule, in the order of the file."""
    for number, rule in enumerate(rules_on_data):
        if rule.rule == "polled":
            yield _polled(rule, observation, rules, grace)
        else:
            yield _counted(rule, observation.counted.get(number), observation.now, rules)


def _counted(rule: Freshness, counted: Counted | None, now: datetime, rules: Rules) -> DataHealth:
    if counted is None:
        return DataHealth(rule, "bad", "the collection could not be read")
    expected = rules.is_between(now, rule.from_, rule.until)
    if rule.rule == "newest":
        return _newest(rule, counted, now, expected)
    day = rules.day_of(now)
    said = f"{counted.count} of {day}"
    if counted.count >= rule.at_least:
        return DataHealth(rule, "ok", said, counted.count)
    if now < rules.at(day, rule.from_):
        return DataHealth(rule, "resting", f"{said}, expected from {rule.from_:%H:%M} on", counted.count)
    return DataHealth(rule, "bad", f"{said}, expected at least {rule.at_least}", counted.count)


def _newest(rule: Freshness, counted: Counted, now: datetime, expected: bool) -> DataHealth:
    assert rule.within is not None
    limit = format_duration(rule.within)
    if counted.newest is None:
        return DataHealth(rule, "bad" if expected else "resting", "there is none")
    age = max(0.0, (now - counted.newest).total_seconds())
    said = f"the newest is {format_duration(age)} old"
    if age <= rule.within.total_seconds():
        return DataHealth(rule, "ok", said, age=age)
    if not expected:
        return DataHealth(rule, "resting", f"{said}; watched from {rule.from_:%H:%M} to {rule.until:%H:%M}", age=age)
    return DataHealth(rule, "bad", f"{said}, the limit is {limit}", age=age)


def _polled(rule: Freshness, observation: Observation, rules: Rules, grace: Grace) -> DataHealth:
    found, now, noun = observation.polled, observation.now, rules.noun
    if found is None:
        return DataHealth(rule, "bad", f"the {noun}s could not be read", noun=noun)
    if rules.is_quiet(now):
        return DataHealth(rule, "resting", "quiet hours: nothing is polled", len(found), noun=noun)
    late = tuple(each for document in found if (each := rules.late(document, now, grace)) is not None)
    still_open = sum(not rules.is_over(each, now) for each in found)
    said = f"{still_open} open of {len(found)}"
    if not late:
        return DataHealth(rule, "ok", f"{said}, all polled on time", still_open, noun=noun)
    ordered = tuple(sorted(late, key=lambda each: each.patience - each.seconds))
    return DataHealth(rule, "bad", f"{said}, {len(late)} late", still_open, late=ordered, noun=noun)


def data_findings(found: DataHealth) -> Iterator[Finding]:
    """What a rule that does not hold is worth saying."""
    if found.verdict != "bad":
        return
    subject = f"collection.{found.rule.collection}"
    if found.late:
        for each in found.late[:_NAMED]:
            more = "more than " if each.is_longer else ""
            message = (
                f"{found.noun} {each.identity} ({each.row}) is due for {more}{format_duration(each.seconds)}; "
                f"the limit is {format_duration(each.patience)}"
            )
            yield Finding(f"{found.noun}.late", found.rule.severity, subject, message, _advice(found.rule))
        if len(found.late) > _NAMED:
            message = f"{len(found.late) - _NAMED} more {found.noun}s are late"
            yield Finding(f"{found.noun}.late", Severity.INFO, subject, message)
        return
    code = "data.old" if found.rule.rule == "newest" else "data.missing"
    name = f"{found.rule.attribute}: " if found.rule.rule != "polled" else ""
    yield Finding(code, found.rule.severity, subject, f"{name}{found.said}", _advice(found.rule))


def _advice(rule: Freshness) -> str:
    return f"it comes from {rule.by}: raceday-iac logs {rule.by}" if rule.by else ""


# The runs that a day depends on, in their order: which of them did their work, and which did not. Pure.


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


def daily_runs(observation: Observation, watched: HealthConfig, rules: Rules) -> tuple[Daily, ...]:
    """Today's, in the order in which they depend on each other."""
    found = (observation.function(name) for name in watched.daily)
    return tuple(_daily(each, observation.now, watched, rules) for each in found if each is not None)


def _daily(seen: FunctionSeen, now: datetime, watched: HealthConfig, rules: Rules) -> Daily:
    due = last_due(seen.schedule, now, watched.grace.schedule) if seen.schedule else None
    if due is None or rules.day_of(due) != rules.day_of(now):
        return Daily(seen.id, Stand.LATER)
    since = [each for each in seen.executions if instant_of(each.created_at) >= due - EARLY]
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


def is_under_way(execution: Execution, seen: FunctionSeen, watched: HealthConfig, now: datetime) -> bool:
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


@dataclass(frozen=True)
class LockHealth:
    """The lock of a function; `state` is None while it is free. `duplicates` are the starts that it refused in the
    window, and `check_ms` the median of what asking for it took, by the logs of these."""

    function: str
    lock_id: str
    stale_after: float
    expiry: float
    state: LockState | None = None
    duplicates: int = 0
    check_ms: float | None = None
    check_target_ms: int | None = None


def lock_health(
    observation: Observation, rules: Rules, watched: HealthConfig, figures: Mapping[str, Figures] = _NONE
) -> Iterator[LockHealth]:
    """Of each function that has one; of none where the locks could not be read. `figures` by function."""
    if observation.locks is None or not rules.has_locks:
        return
    for seen in observation.functions:
        if seen.lock is not None:
            found = _lock(seen, observation, rules, figures.get(seen.id, Figures()))
            yield replace(found, check_target_ms=check_target(seen, watched.of(seen.id)))


def _lock(seen: FunctionSeen, observation: Observation, rules: Rules, figures: Figures) -> LockHealth:
    assert seen.lock is not None
    assert observation.locks is not None
    document = observation.locks.get(seen.lock.lock_id)
    counted = observation.locks.get(rules.seen_document(seen.lock.lock_id))
    state = rules.lock_state(document, counted, seen.lock, observation.now) if document is not None else None
    if state is not None and not observation.is_dated:
        state = replace(state, is_stale=False)
    return LockHealth(
        seen.id,
        seen.lock.lock_id,
        seen.lock.stale_after,
        seen.lock.expiry,
        state,
        figures.duplicates,
        figures.lock_check,
    )


def lock_without_secrets(lock: LockHealth, clean: Callable[[str], str]) -> LockHealth:
    """With what its owner says cleaned."""
    if lock.state is None:
        return lock
    progress = {clean(name): _cleaned(value, clean) for name, value in lock.state.progress.items()}
    return replace(lock, state=replace(lock.state, phase=clean(lock.state.phase), progress=progress))


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {clean(name): _cleaned(item, clean) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(each, clean) for each in value]
    return clean(value) if isinstance(value, str) else value


def lock_findings(lock: LockHealth) -> Iterator[Finding]:
    """Of one lock."""
    state, subject = lock.state, f"lock.{lock.function}"
    if state is None:
        return
    if state.is_stale:
        message = (
            f"{lock.lock_id} is held by a dead run: last heartbeat {format_duration(state.heartbeat)} ago "
            f"(stale after {format_duration(lock.stale_after)}), taken {format_duration(state.age)} ago"
        )
        advice = "the next run takes it over by itself; to free it now: raceday-iac recover --dry-run"
        yield Finding("lock.stale", Severity.WARNING, subject, message, advice)
    elif state.is_of_yesterday:
        message = f"the run that holds {lock.lock_id} works for {state.day}, and that day is over"
        yield Finding("lock.yesterday", Severity.WARNING, subject, message, f"raceday-iac logs {lock.function}")
    if state.is_crowded:
        message = f"{state.refused} starts were refused within a minute"
        yield Finding(
            "lock.crowded", Severity.WARNING, subject, message, f"find out who starts {lock.function} so often"
        )
    if state.is_dying:
        message = f"{state.takeovers} runs in a row died while they held {lock.lock_id}"
        yield Finding("lock.deaths", Severity.WARNING, subject, message, f"raceday-iac logs {lock.function}")


# What health goes by: where a day begins and ends, which hours are quiet, and how a lock is checked.
#
# Days and hours are those of the stack's `timezone`. Whether a lock may be taken over is decided by the functions' own
# code, which is imported from the project's `functions/_shared/`, not copied: what is watched is what really runs. An
# extension may bring a subclass of `Rules` that knows more of its project's days.


#: The shared modules that locks are checked by.
LOCKS = ("lock_protocol", "attempts")
#: So long a run may take to end once its day is over.
_TO_END = timedelta(minutes=5)


@dataclass(frozen=True)
class Late:
    """A document that is due for too long. Seconds; `is_longer` says that it may have been due for longer still."""

    identity: str
    row: str
    seconds: float
    patience: float
    is_longer: bool = False


@dataclass(frozen=True)
class LockState:
    """A lock document, checked. Ages are seconds on the server's clock; `refused` are starts in vain since the owner
    last looked; `progress` is what the owner has reported, and `day` the date that its run works for."""

    owner: str
    execution: str
    age: float
    heartbeat: float
    is_stale: bool
    takeovers: int
    phase: str
    backoff: float
    progress: Mapping[str, Any] = field(default_factory=dict)
    day: str = ""
    is_of_yesterday: bool = False
    refused: int = 0
    is_crowded: bool = False
    is_dying: bool = False


@dataclass(frozen=True)
class Rules:
    """Questions about days, quiet hours and locks. `modules` are shared ones by name; without those of locks nothing
    is said of locks."""

    local_time: LocalTime = UTC_TIME
    modules: Mapping[str, Any] = field(default_factory=dict)

    #: What health.yaml may ask of documents.
    data_rules: ClassVar[tuple[str, ...]] = ("today", "newest")
    #: What the documents are that the rule `polled` checks one by one, and the attributes that it needs of them.
    noun: ClassVar[str] = "document"
    #: The attribute of a lock document with the date that its run works for; empty where there is none.
    day_field: ClassVar[str] = ""

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["modules"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def has_locks(self) -> bool:
        return all(name in self.modules for name in LOCKS)

    @property
    def polled_fields(self) -> tuple[str, ...]:
        """The attributes that `late` and `is_over` need."""
        return ()

    def day_of(self, now: datetime) -> date:
        """The day that an instant belongs to."""
        return self.local_time.day_of(now)

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """Begin and end of what belongs to a day, in UTC."""
        return self.local_time.bounds(day)

    def at(self, day: date, clock: time) -> datetime:
        """A local time of a day."""
        return self.local_time.at(day, clock)

    def is_between(self, now: datetime, begin: time, end: time) -> bool:
        """Whether it is between two local times of the day."""
        day = self.day_of(now)
        return self.at(day, begin) <= now <= self.at(day, end) + timedelta(minutes=1)

    def is_quiet(self, now: datetime) -> bool:
        return self.local_time.is_quiet(now)

    def late(self, document: Mapping[str, Any], now: datetime, grace: Grace) -> Late | None:
        """Whether a document waits for its poll for longer than is allowed. Only an extension can say."""
        raise NotImplementedError

    def is_over(self, document: Mapping[str, Any], now: datetime) -> bool:
        """Whether a document needs no poll any more. Only an extension can say."""
        raise NotImplementedError

    def numbers(self, lock: Lock) -> Any:
        return self.lock_protocol.Numbers(lock.stale_after, lock.heartbeat, lock.expiry)

    def lock_state(
        self, document: Mapping[str, Any], seen: Mapping[str, Any] | None, lock: Lock, now: datetime
    ) -> LockState:
        """A lock as a run that wants it would check it."""
        found = self.lock_protocol.read_found(document)
        at = now.timestamp()
        refused = self.attempts.read(seen)
        until = str(document.get("backoffUntil") or "")
        day = str(document.get(self.day_field) or "")
        return LockState(
            owner=found.owner,
            execution=str(document.get("executionId") or ""),
            age=max(0.0, at - found.acquired),
            heartbeat=max(0.0, at - found.touched),
            is_stale=self.lock_protocol.refusal_of(found, self.numbers(lock), at) is None,
            takeovers=found.takeovers,
            phase=found.phase or "",
            backoff=max(0.0, (instant_of(until) - now).total_seconds()) if until else 0.0,
            progress=object_in(found.progress or ""),
            day=day,
            is_of_yesterday="" < day < str(self.day_of(now - _TO_END)),
            refused=refused.starts,
            is_crowded=refused.is_crowded(self.attempts.CROWD_WINDOW),
            is_dying=found.takeovers >= self.attempts.DEATHS,
        )

    def seen_document(self, lock_id: str) -> str:
        """The id of the document that refused starts are counted in."""
        return str(self.attempts.document_of(lock_id))


def load_rules(desired: Desired) -> Rules:
    """The rules of a project. Raises IacError when its shared code is broken."""
    return Rules(desired.local_time, shared_modules(desired, LOCKS) or {})


def shared_modules(desired: Desired, names: Collection[str]) -> dict[str, Any] | None:
    """These modules of the code that the functions share, or None where it has not all of them. Raises IacError."""
    folders = {source.folder.parent / SHARED for source in desired.code.values()}
    for folder in sorted(folders):
        if all((folder / f"{name}.py").is_file() for name in names):
            return {name: _module(folder, name) for name in names}
    return None


def _module(folder: Path, name: str) -> Any:
    """A module of the folder, as part of a package that is named after the folder: modules import each other."""
    package = f"_raceday_shared_{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"
    if package not in sys.modules:
        holder = ModuleType(package)
        holder.__path__ = [str(folder)]
        sys.modules[package] = holder
    try:
        return import_module(f"{package}.{name}")
    except (ImportError, SyntaxError, AttributeError) as error:
        raise IacError(f"The shared code {folder / name}.py cannot be used: {error}.") from None

"""The verdict: figures and findings of one observation. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from ..model.local_time import UTC_TIME, LocalTime
from .data import (
    Daily,
    DataHealth,
    LockHealth,
    Rules,
    daily_findings,
    daily_runs,
    data_findings,
    data_health,
    lock_findings,
    lock_health,
    lock_without_secrets,
)
from .observations import ORDER, Finding, FunctionSeen, Observation, Severity, StateLock
from .runs import (
    Figures,
    Punctuality,
    Usage,
    broken_findings,
    build_findings,
    figures_of,
    punctuality,
    run_findings,
    schedule_findings,
    schema_findings,
    usage_findings,
    usage_of,
)
from .watched import HealthConfig


@dataclass(frozen=True)
class FunctionHealth:
    """One function. `slow_after` in seconds."""

    seen: FunctionSeen
    figures: Figures
    punctuality: Punctuality
    slow_after: float | None
    usage: Usage


@dataclass(frozen=True)
class Report:
    """Everything that there is to say. Findings come worst first."""

    now: datetime
    since: datetime
    environment: str
    endpoint: str
    project: str
    functions: tuple[FunctionHealth, ...]
    findings: tuple[Finding, ...]
    locks: tuple[LockHealth, ...] = ()
    data: tuple[DataHealth, ...] = ()
    daily: tuple[Daily, ...] = ()
    state_lock: StateLock | None = None
    skipped: tuple[str, ...] = ()
    #: On whose clock times are shown.
    local_time: LocalTime = UTC_TIME

    def count(self, severity: Severity) -> int:
        return sum(each.severity is severity for each in self.findings)

    @property
    def worst(self) -> Severity | None:
        """None when nothing is wrong. What is for the record only is not wrong."""
        return next((each for each in ORDER[:2] if self.count(each)), None)

    def of(self, function: str) -> tuple[Finding, ...]:
        """The findings about a function and what belongs to it."""
        return tuple(each for each in self.findings if each.subject.partition(".")[2].split("/")[0] == function)


def evaluate(observation: Observation, watched: HealthConfig, rules: Rules = Rules()) -> Report:  # noqa: B008 - immutable
    """Everything that is watched. `rules` say what a day is, and how locks are checked."""
    if not observation.is_dated:
        timeless = watched.model_copy(update={"freshness": (), "daily": ()})
        found = evaluate(replace(observation.ageless(), is_dated=True, locks=None), timeless, rules)
        return replace(found, now=observation.now, since=observation.since)
    data = tuple(data_health(watched.freshness, observation, rules, watched.grace))
    daily = daily_runs(observation, watched, rules)
    functions = tuple(_function(each, observation, watched) for each in observation.functions)
    locks = tuple(lock_health(observation, rules, watched, {each.seen.id: each.figures for each in functions}))
    findings = [
        *(finding for each in functions for finding in _of_function(each, observation, watched)),
        *schema_findings(observation.schema, watched.grace, observation.now),
        *broken_findings(observation.lost),
        *(finding for each in locks for finding in lock_findings(each)),
        *(finding for each in data for finding in data_findings(each)),
        *daily_findings(daily),
        *_state_findings(observation.state_lock),
        *usage_findings([each.usage for each in functions], watched.gb_hours),
    ]
    return Report(
        now=observation.now,
        since=observation.since,
        environment=observation.environment,
        endpoint=observation.endpoint,
        project=observation.project,
        functions=functions,
        findings=_ordered(findings),
        locks=locks,
        data=data,
        daily=daily,
        state_lock=observation.state_lock,
        skipped=observation.skipped,
        local_time=observation.local_time,
    )


def _state_findings(lock: StateLock | None) -> Iterator[Finding]:
    if lock is not None and lock.has_expired:
        message = f"its lock was left by {lock.holder}"
        advice = "the next command that needs it takes it over"
        yield Finding("state.locked", Severity.INFO, "state", message, advice)


def without_secrets(report: Report, clean: Callable[[str], str]) -> Report:
    """The report, with what logs and owners of locks say in it cleaned."""
    findings = tuple(replace(each, message=clean(each.message)) for each in report.findings)
    daily = tuple(replace(each, why=clean(each.why)) for each in report.daily)
    locks = tuple(lock_without_secrets(each, clean) for each in report.locks)
    return replace(report, findings=findings, daily=daily, locks=locks)


def slow_after(seen: FunctionSeen, watched: HealthConfig) -> float | None:
    """Seconds: as declared, or as the function itself says."""
    declared = watched.of(seen.id).slow_after
    return declared.total_seconds() if declared is not None else seen.slow_after


def _function(seen: FunctionSeen, observation: Observation, watched: HealthConfig) -> FunctionHealth:
    found = punctuality(seen, observation.since, observation.now, watched.grace)
    usage = usage_of(seen, observation.since, observation.now)
    return FunctionHealth(seen, figures_of(seen), found, slow_after(seen, watched), usage)


def _of_function(health: FunctionHealth, observation: Observation, watched: HealthConfig) -> Iterator[Finding]:
    seen, now = health.seen, observation.now
    yield from build_findings(seen, watched.grace, now)
    if seen.live is not None:
        yield from run_findings(seen, health.figures, watched.of(seen.id), health.slow_after, watched.grace, now)
        yield from schedule_findings(seen, health.punctuality, now)


def _ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda each: (ORDER.index(each.severity), each.subject, each.code)))


# What is new since the last look, and what is over. Pure.


@dataclass(frozen=True)
class Changes:
    """Findings that began, went on, and ended between two looks."""

    new: tuple[Finding, ...] = ()
    lasting: tuple[Finding, ...] = ()
    over: tuple[Finding, ...] = ()

    @property
    def is_any(self) -> bool:
        return bool(self.new or self.over)


def changes(before: Report | None, now: Report, at: Severity = Severity.INFO) -> Changes:
    """From one look to the next, of findings at least as severe as `at`. The first look finds everything new."""
    return since(before.findings if before else (), now, at)


def since(reported: Iterable[Finding], now: Report, at: Severity = Severity.INFO) -> Changes:
    """The same, since these findings were reported."""
    known = {each.key: each for each in _at_least(reported, at)}
    present = {each.key: each for each in _at_least(now.findings, at)}
    return Changes(
        new=tuple(each for key, each in present.items() if key not in known),
        lasting=tuple(each for key, each in present.items() if key in known),
        over=tuple(each for key, each in known.items() if key not in present),
    )


def _at_least(findings: Iterable[Finding], at: Severity) -> list[Finding]:
    """Without those for the record, unless these are asked for."""
    wanted = ORDER[: ORDER.index(at) + 1]
    return [each for each in findings if each.severity in wanted]

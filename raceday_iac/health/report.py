"""The verdict: figures and findings of one observation. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from .builds import build_findings, schema_findings
from .findings import ORDER, Finding, Severity
from .observations import FunctionSeen, Observation, StateLock
from .runs import Figures, figures_of, run_findings
from .schedules import Punctuality, punctuality, schedule_findings
from .watched import Watched


@dataclass(frozen=True)
class FunctionHealth:
    """One function. `slow_after` in seconds."""

    seen: FunctionSeen
    figures: Figures
    punctuality: Punctuality
    slow_after: float | None


@dataclass(frozen=True)
class Report:
    """Everything that there is to tell. Findings come worst first."""

    now: datetime
    since: datetime
    environment: str
    endpoint: str
    project: str
    functions: tuple[FunctionHealth, ...]
    findings: tuple[Finding, ...]
    state_lock: StateLock | None = None
    skipped: tuple[str, ...] = ()

    def count(self, severity: Severity) -> int:
        return sum(each.severity is severity for each in self.findings)

    @property
    def worst(self) -> Severity | None:
        """None when nothing is wrong. What is for the record only is not wrong."""
        return next((each for each in ORDER[:2] if self.count(each)), None)

    def of(self, function: str) -> tuple[Finding, ...]:
        """The findings about a function and what belongs to it."""
        return tuple(each for each in self.findings if each.subject.partition(".")[2].split("/")[0] == function)


def judge(observation: Observation, watched: Watched) -> Report:
    """All rules, applied."""
    functions = tuple(_function(each, observation, watched) for each in observation.functions)
    findings = [
        *(finding for each in functions for finding in _of_function(each, observation, watched)),
        *schema_findings(observation.schema, watched.grace, observation.now),
    ]
    return Report(
        now=observation.now,
        since=observation.since,
        environment=observation.environment,
        endpoint=observation.endpoint,
        project=observation.project,
        functions=functions,
        findings=_ordered(findings),
        state_lock=observation.state_lock,
        skipped=observation.skipped,
    )


def slow_after(seen: FunctionSeen, watched: Watched) -> float | None:
    """Seconds: as declared, or as the function itself says."""
    declared = watched.of(seen.id).slow_after
    return declared.total_seconds() if declared is not None else seen.slow_after


def _function(seen: FunctionSeen, observation: Observation, watched: Watched) -> FunctionHealth:
    found = punctuality(seen, observation.since, observation.now, watched.grace)
    return FunctionHealth(seen, figures_of(seen), found, slow_after(seen, watched))


def _of_function(health: FunctionHealth, observation: Observation, watched: Watched) -> Iterator[Finding]:
    seen, now = health.seen, observation.now
    yield from build_findings(seen, watched.grace, now)
    if seen.live is not None:
        yield from run_findings(seen, health.figures, watched.of(seen.id), health.slow_after, watched.grace, now)
        yield from schedule_findings(seen, health.punctuality, now)


def _ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda each: (ORDER.index(each.severity), each.subject, each.code)))

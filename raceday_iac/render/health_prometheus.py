"""How a project fares, in the text format that Prometheus reads (version 0.0.4). Everything is a gauge of one look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..health.data import DataHealth, LockHealth, Stand
from ..health.observations import ORDER, instant_of
from ..health.report import FunctionHealth, Report
from ..health.runs import memory_limit

PREFIX = "raceday_iac_"
LATE = "data_late_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = Mapping[str, str]
Sample = tuple[str, Labels, float | None]

#: What each metric means, in the order in which they are written.
HELP = {
    "health_up": "1 when the project could be looked at.",
    "health_looked_at_seconds": "When it was looked at, by the server's clock.",
    "health_findings": "What is wrong, by severity.",
    "health_finding": "1 for each thing that is wrong.",
    "function_on_server": "1 when the function is on the server.",
    "function_last_run_seconds": "When the newest execution was created.",
    "function_runs": "Executions of the window that have ended, by outcome.",
    "function_success_ratio": "Share of the ended executions that did not fail.",
    "function_duration_seconds": "Durations of the window; quantile 1 is the longest.",
    "function_slow_after_seconds": "A run should not take longer.",
    "function_timeout_seconds": "Where the server ends a run.",
    "function_runs_per_day": "Executions that have ended, reckoned to a day.",
    "function_gb_hours_per_day": "Memory and processors of the specification times duration, reckoned to a day.",
    "function_events": "Events in the logs of the window, by name.",
    "function_memory_peak_bytes": "Most memory of a process of the window.",
    "function_memory_limit_bytes": "What its specification gives.",
    "function_failure_streak": "Newest failures without a success between them.",
    "function_unfinished": "Executions that have not ended, by status.",
    "function_missed_runs": "Runs of the window that the schedule asked for and that did not take place.",
    "function_overdue": "1 when the newest run that the schedule asks for did not begin.",
    "function_next_run_seconds": "When the schedule asks for the next run.",
    "lock_held": "1 while the execution lock is held.",
    "lock_stale": "1 when its owner shows no sign of life.",
    "lock_age_seconds": "Since when it is held.",
    "lock_heartbeat_age_seconds": "Since the owner's last sign of life.",
    "lock_refused_starts": "Starts that were refused since the owner last looked.",
    "lock_check_seconds": "What asking for the lock takes at the median.",
    "lock_check_target_seconds": "What it should take at most.",
    "lock_takeovers": "Owners in a row that died.",
    "data_ok": "1 when the rule holds or nothing is expected now.",
    "data_documents": "Documents that the rule counts.",
    "data_age_seconds": "Age of the newest document.",
    "daily_done": "1 when a run that the day depends on has done its work.",
}


def health_metrics(report: Report | None) -> str:
    """All metrics; None when it could not be looked."""
    samples: list[Sample] = [("health_up", {}, 0.0 if report is None else 1.0)]
    if report is not None:
        samples += _overall(report)
        samples += (sample for each in report.functions for sample in _function(each))
        samples += (sample for each in report.locks for sample in _lock(each))
        samples += (sample for each in report.data for sample in _data(each))
        samples += (("daily_done", {"function": each.function}, each.stand is Stand.DONE) for each in report.daily)
    return "".join(_written(samples))


def _overall(report: Report) -> Iterator[Sample]:
    yield "health_looked_at_seconds", {}, report.now.timestamp()
    for severity in ORDER:
        yield "health_findings", {"severity": str(severity)}, report.count(severity)
    # Several documents may be late: one series for the same labels.
    for code, subject, severity_of in sorted(
        {(each.code, each.subject, str(each.severity)) for each in report.findings}
    ):
        yield "health_finding", {"code": code, "subject": subject, "severity": severity_of}, 1


def _function(health: FunctionHealth) -> Iterator[Sample]:
    figures, seen, found = health.figures, health.seen, health.punctuality
    labels = {"function": seen.id}
    durations = figures.durations
    yield "function_on_server", labels, seen.live is not None
    yield "function_last_run_seconds", labels, instant_of(figures.last.created_at).timestamp() if figures.last else None
    for outcome, count in sorted(figures.outcomes.items()):
        yield "function_runs", {**labels, "outcome": outcome}, count
    yield "function_success_ratio", labels, figures.success
    for quantile, seconds in (("0.5", durations.p50), ("0.95", durations.p95), ("1", durations.longest)):
        yield "function_duration_seconds", {**labels, "quantile": quantile}, seconds
    yield "function_slow_after_seconds", labels, health.slow_after
    yield "function_timeout_seconds", labels, seen.timeout if seen.live else None
    yield "function_runs_per_day", labels, health.usage.runs
    yield "function_gb_hours_per_day", labels, health.usage.gb_hours
    for event, count in sorted(figures.events.items()):
        yield "function_events", {**labels, "event": event}, count
    for name, megabytes in (("peak", figures.memory), ("limit", memory_limit(seen))):
        yield f"function_memory_{name}_bytes", labels, None if megabytes is None else megabytes * 2**20
    yield "function_failure_streak", labels, figures.streak
    statuses = [each.status for each in seen.unfinished]
    for status in sorted(set(statuses)):
        yield "function_unfinished", {**labels, "status": status}, statuses.count(status)
    if seen.schedule:
        yield "function_missed_runs", labels, len(found.missed)
        yield "function_overdue", labels, found.overdue
        yield "function_next_run_seconds", labels, found.next.timestamp() if found.next else None


def _lock(lock: LockHealth) -> Iterator[Sample]:
    labels, state = {"function": lock.function}, lock.state
    yield "lock_held", labels, state is not None
    yield "lock_check_seconds", labels, None if lock.check_ms is None else lock.check_ms / 1000
    target = lock.check_target_ms
    yield "lock_check_target_seconds", labels, None if target is None else target / 1000
    if state is not None:
        yield "lock_stale", labels, state.is_stale
        yield "lock_age_seconds", labels, state.age
        yield "lock_heartbeat_age_seconds", labels, state.heartbeat
        yield "lock_refused_starts", labels, state.refused
        yield "lock_takeovers", labels, state.takeovers


def _data(found: DataHealth) -> Iterator[Sample]:
    labels = {"collection": found.rule.collection, "rule": found.rule.rule, "attribute": found.rule.attribute}
    yield "data_ok", labels, found.verdict != "bad"
    yield "data_documents", labels, found.count
    yield "data_age_seconds", labels, found.age
    if found.rule.rule == "polled":
        yield f"{LATE}{found.noun}s", labels, len(found.late)


def _written(samples: Iterable[Sample]) -> Iterator[str]:
    """Samples of one metric stand together, below its explanation."""
    grouped: dict[str, list[tuple[Labels, float]]] = {}
    for name, labels, value in samples:
        if value is not None:
            grouped.setdefault(name, []).append((labels, float(value)))
    late = {name: f"{name.removeprefix(LATE).capitalize()} that wait for their poll for too long." for name in grouped}
    explained = {**{name: text for name, text in late.items() if name.startswith(LATE)}, **HELP}
    for name, text in explained.items():
        if name in grouped:
            yield f"# HELP {PREFIX}{name} {text}\n# TYPE {PREFIX}{name} gauge\n"
            yield from (f"{PREFIX}{name}{_labelled(labels)} {value:.15g}\n" for labels, value in grouped[name])


def _labelled(labels: Labels) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""How a project fares, for machines: the same values as the text."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from ..health.data import DataHealth
from ..health.findings import Finding, Severity
from ..health.locks import LockHealth
from ..health.report import FunctionHealth, Report
from ..health.runs import memory_limit


def health_document(report: Report) -> dict[str, Any]:
    """Without `format`, which the printer adds."""
    return {
        "status": status_of(report),
        "at": instant(report.now),
        "since": instant(report.since),
        "environment": report.environment,
        "endpoint": report.endpoint,
        "project": report.project,
        "functions": [function_document(each) for each in report.functions],
        "locks": [lock_document(each) for each in report.locks],
        "data": [data_document(each) for each in report.data],
        "daily": [
            {"function": each.function, "stand": str(each.stand), "due": instant(each.due), "why": each.why}
            for each in report.daily
        ],
        "stateLock": None if report.state_lock is None else asdict(report.state_lock),
        "findings": [finding_document(each) for each in report.findings],
        "skipped": list(report.skipped),
    }


def status_of(report: Report) -> str:
    """One word: healthy, degraded, unhealthy."""
    words = {Severity.ERROR: "unhealthy", Severity.WARNING: "degraded"}
    return words[report.worst] if report.worst else "healthy"


def lock_document(lock: LockHealth) -> dict[str, Any]:
    """Ages in seconds."""
    state = lock.state
    content: dict[str, Any] = {"function": lock.function, "id": lock.lock_id, "held": state is not None}
    content |= {"duplicates": lock.duplicates, "checkMs": lock.check_ms, "checkTargetMs": lock.check_target_ms}
    if state is None:
        return content
    return {
        **content,
        "owner": state.owner,
        "execution": state.execution,
        "age": state.age,
        "heartbeatAge": state.heartbeat,
        "stale": state.is_stale,
        "staleAfter": lock.stale_after,
        "expiry": lock.expiry,
        "phase": state.phase,
        "progress": state.progress,
        "nzDate": state.nz_date,
        "takeovers": state.takeovers,
        "refused": state.refused,
        "backoff": state.backoff,
    }


def data_document(found: DataHealth) -> dict[str, Any]:
    return {
        "collection": found.rule.collection,
        "rule": found.rule.rule,
        "attribute": found.rule.attribute,
        "verdict": found.verdict,
        "said": found.said,
        "count": found.count,
        "age": found.age,
        "late": [{"race": each.race, "row": each.row, "seconds": each.seconds} for each in found.late],
    }


def finding_document(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "subject": finding.subject,
        "message": finding.message,
        "advice": finding.advice,
        "since": instant(finding.since),
    }


def function_document(health: FunctionHealth) -> dict[str, Any]:
    """Durations in seconds."""
    figures, seen = health.figures, health.seen
    return {
        "id": seen.id,
        "onServer": seen.live is not None,
        "lastRun": None
        if figures.last is None
        else {
            "execution": figures.last.id,
            "at": figures.last.created_at,
            "status": figures.last.status,
            "outcome": figures.ending.outcome,
            "category": figures.ending.category,
        },
        "runs": figures.over,
        "isCut": seen.is_cut,
        "failed": figures.failed,
        "duplicates": figures.duplicates,
        "success": figures.success,
        "outcomes": dict(figures.outcomes),
        "durations": {
            "p50": figures.durations.p50,
            "p95": figures.durations.p95,
            "max": figures.durations.longest,
            "slowAfter": health.slow_after,
            "timeout": seen.timeout if seen.live else None,
        },
        "usage": {"runsPerDay": round(health.usage.runs, 1), "gbHoursPerDay": health.usage.gb_hours},
        "events": dict(figures.events),
        "memory": {"peakMb": figures.memory, "limitMb": memory_limit(seen)},
        "streak": {"failures": figures.streak, "category": figures.category, "since": instant(figures.streak_since)},
        "schedule": {
            "cron": seen.schedule,
            "expected": health.punctuality.expected,
            "missed": [instant(each) for each in health.punctuality.missed],
            "overdue": health.punctuality.overdue,
            "next": instant(health.punctuality.next),
        },
        "unfinished": [
            {"execution": each.id, "status": each.status, "at": each.created_at} for each in seen.unfinished
        ],
    }


def instant(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")

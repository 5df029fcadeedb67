"""How a project fares, for who asks over HTTP: one HTML page, which loads nothing, runs no script and escapes what
comes from logs; and metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from html import escape
from itertools import pairwise
from typing import Any

from ..counting import format_duration
from ..health.data import DataHealth, LockHealth, Stand
from ..health.observations import ORDER, Severity, instant_of
from ..health.report import FunctionHealth, Report
from ..health.runs import OVER, ending_of, memory_limit
from ..model.local_time import LocalTime
from ..provider.protocol import Execution
from .health_text import headline, row_of, sections, style_of, usage_text
from .theme import PICTURE_STYLE, Scale, page, quiet_windows

_CLASS = {Severity.ERROR: "broken", Severity.WARNING: "warn", Severity.INFO: "faint"}
#: Row classes by the style that the text gives a row.
_ROW = {"red": "bad", "yellow": "soso", "dim": "rest"}


def health_page(report: Report) -> str:
    """The whole page."""
    return page("health.html", **health_values(report))


def health_values(report: Report) -> dict[str, Any]:
    """What the template of the page shows."""
    now, length = report.local_time.said(report.now), format_duration(report.now - report.since)
    return {
        "title": f"Health of {report.environment}",
        "verdict": headline(report).text,
        "style": {None: "holds", Severity.WARNING: "warn", Severity.ERROR: "broken"}[report.worst],
        "about": f"{report.project} at {report.endpoint} · {now} · the last {length}",
        "cards": list(_cards(report)),
        "findings": [(each, _CLASS[each.severity], *_advice(each.advice)) for each in report.findings],
        "picture": runs_svg(report),
        "functions": [_function(each, report) for each in report.functions],
        "usage": list(usage_text(report)),
        "sections": [
            (title, [name.capitalize() for name in head], [(cells, _ROW.get(style, "")) for cells, style in rows])
            for title, head, rows in sections(report)
        ],
        "skipped": report.skipped,
    }


@dataclass(frozen=True)
class Card:
    """One figure in large, with what it is about."""

    title: str
    big: str
    words: str
    is_good: bool = True


def _cards(report: Report) -> Iterator[Card]:
    over = sum(each.figures.over for each in report.functions)
    failed = sum(each.figures.failed for each in report.functions)
    share = f"{(over - failed) / over:.1%}" if over else "none"
    yield Card("Successful runs", share, f"{over:,} ended, {failed:,} failed", not failed)
    if report.daily:
        done = sum(each.stand is Stand.DONE for each in report.daily)
        missed = [each.function for each in report.daily if each.stand is Stand.MISSED]
        words = f"missed: {', '.join(missed)}" if missed else "the day's imports"
        yield Card("Done today", f"{done} of {len(report.daily)}", words, not missed)
    for each in report.data:
        if each.rule.rule == "polled":
            title = f"{each.noun.capitalize()}s late for their poll"
            yield Card(title, f"{len(each.late)}", each.said, each.verdict != "bad")
    if report.locks:
        held = [each for each in report.locks if each.state is not None]
        stale = sum(each.state is not None and each.state.is_stale for each in held)
        words = f"{stale} left by dead runs" if stale else "none left behind"
        yield Card("Locks held", f"{len(held)} of {len(report.locks)}", words, not stale)
    refused = sum(each.figures.duplicates for each in report.functions)
    yield Card("Duplicates refused", f"{refused:,}", "starts during another run")


def _advice(text: str) -> tuple[str, str]:
    """What to do, and the command in it, which stands out."""
    before, word, command = text.partition("raceday-iac ")
    return before, word + command


def _function(health: FunctionHealth, report: Report) -> dict[str, Any]:
    *cells, _, timeout, following = row_of(health, report.now)
    durations, bar = health.figures.durations, ""
    if durations.p50 is not None and durations.p95 is not None and durations.longest is not None:
        values = (durations.p50, durations.p95, durations.longest)
        bar = durations_bar(*values, health.slow_after, health.seen.timeout)
    style = _ROW.get(style_of(health, report), "")
    return {"style": style, "cells": cells, "bar": bar, "timeout": timeout, "following": following}


# The executions of a window as a picture: a lane for each function, a mark for each run. It loads nothing.


WIDTH, LEFT, RIGHT, TOP, LANE, BOTTOM = 1240, 190, 24, 46, 34, 40
#: A run is at least so wide, to be seen; and so high.
_NARROWEST, _HEIGHT, _THIN = 1.6, 16, 5
#: Hours between two marks of the axis, by the length of the window in hours.
_STEPS = ((3, 0.25), (8, 1), (30, 2), (80, 6), (24 * 9, 24))
_LONGEST_STEP = 24 * 7
#: Hours of a window in which the quiet hours can be distinguished.
_DAYS = 80
LEGEND = (
    ("now", "did its work"),
    ("refused", "refused as a duplicate"),
    ("clash", "failed"),
    ("legacy", "not ended"),
    ("missed", "did not take place"),
)
_BOTTOM_UP = ("now", "legacy", "refused", "missed", "clash")
_PICTURE_STYLE = ".timeline .missed{fill:var(--failed)}"


def runs_svg(report: Report) -> str:
    """The picture."""
    height = TOP + LANE * len(report.functions) + BOTTOM
    lanes = "".join(part for number, each in enumerate(report.functions) for part in _lane(each, number, report))
    return (
        f'<svg class=timeline viewBox="0 0 {WIDTH} {height}" role=img aria-label="Executions">'
        f"<style>{PICTURE_STYLE}{_PICTURE_STYLE}</style><rect class=paper width={WIDTH} height={height} />"
        f"{''.join(_legend())}{''.join(_axis(report, height))}{lanes}</svg>"
    )


def _legend() -> Iterator[str]:
    x = LEFT
    for style, words in LEGEND:
        yield f"<rect class={style} x={x} y=14 width=10 height=10 rx=2 /><text x={x + 15} y=23>{words}</text>"
        x += 42 + round(6.2 * len(words))


def _axis(report: Report, height: int) -> Iterator[str]:
    begin, end = report.since, report.now
    hours = (end - begin).total_seconds() / 3600
    step = next((step for longest, step in _STEPS if hours <= longest), _LONGEST_STEP)
    floor = height - BOTTOM + 4
    for start, until in quiet_windows(_scale(report), report.local_time) if hours <= _DAYS else ():
        x, width = _scale(report).x(start), _scale(report).length(until - start)
        yield f"<rect class=quiet x={x:.1f} y={TOP - 6} width={width:.1f} height={floor - TOP + 6} />"
    for mark in _marks(begin, end, step, report.local_time):
        x, local = _x(mark, report), mark.astimezone(report.local_time.zone)
        style = "midnight" if not local.hour and not local.minute and step < 24 else "grid"
        words = f"{local:%a %d}" if style == "midnight" or step >= 24 else f"{local:%H:%M}"
        yield f"<line class={style} x1={x} x2={x} y1={TOP - 6} y2={floor} />"
        yield f"<text class=middle x={x} y={floor + 15}>{words}</text>"
        if not report.local_time.is_utc:
            yield f'<text class="faint middle" x={x} y={floor + 28}>{mark:%H:%M}</text>'
    yield f'<text class="faint end" x={LEFT - 10} y={floor + 15}>{escape(report.local_time.timezone)}</text>'
    if not report.local_time.is_utc:
        yield f'<text class="faint end" x={LEFT - 10} y={floor + 28}>UTC</text>'


def _marks(begin: datetime, end: datetime, step: float, local_time: LocalTime) -> Iterator[datetime]:
    """Full steps of the local clock. Not so near to the edges that words are cut."""
    midnight = local_time.at(local_time.day_of(begin), time()).astimezone(begin.tzinfo)
    room = (end - begin) / 60
    mark = midnight
    while mark <= end - room:
        if mark >= begin + room:
            yield mark
        mark += timedelta(hours=step)


def _lane(health: FunctionHealth, number: int, report: Report) -> Iterator[str]:
    y = TOP + LANE * number
    middle = y + LANE / 2
    yield f'<text class="strong end" x={LEFT - 10} y={middle + 4:g}>{escape(health.seen.id)}</text>'
    yield f"<line class=floor x1={LEFT} x2={WIDTH - RIGHT} y1={y + LANE} y2={y + LANE} />"
    groups: dict[str, list[str]] = {style: [] for style, _ in LEGEND}
    for each in health.seen.executions:
        groups[_class(each)].append(_mark(each, middle, report))
    groups["missed"] = [_missed(each, y + LANE - 6, report) for each in health.punctuality.missed]
    # What is wrong is drawn last: nothing covers it.
    yield from (f'<path class={style} d="{"".join(groups[style])}" />' for style in _BOTTOM_UP if groups[style])
    if not health.seen.executions and not health.punctuality.missed:
        words = "no run in this time" if health.seen.live else "not on the server"
        yield f"<text class=faint x={LEFT + 8} y={middle + 4:g}>{words}</text>"


def _class(execution: Execution) -> str:
    if execution.status == "failed":
        return "clash"
    if execution.status != "completed":
        return "legacy"
    return "refused" if ending_of(execution).outcome == "duplicate" else "now"


def _mark(execution: Execution, middle: float, report: Report) -> str:
    """One that has not ended is a thin line until now."""
    begin = instant_of(execution.created_at)
    is_over = execution.status in OVER
    end = begin + timedelta(seconds=execution.duration) if is_over else report.now
    x, height = _x(begin, report), _HEIGHT if is_over else _THIN
    width = max(_NARROWEST, _x(min(end, report.now), report) - x)
    return f"M{x:g} {middle - height / 2:g}h{width:.4g}v{height}h{-width:.4g}z"


def _missed(at: datetime, y: float, report: Report) -> str:
    return f"M{_x(at, report) - 1.5:g} {y:g}h3v4h-3z"


def _scale(report: Report) -> Scale:
    return Scale(report.since.timestamp(), report.now.timestamp(), LEFT, WIDTH - LEFT - RIGHT)


def _x(at: datetime, report: Report) -> float:
    scale = _scale(report)
    return round(min(scale.right, max(scale.left, scale.x(at.timestamp()))), 1)


def durations_bar(p50: float, p95: float, longest: float, slow: float | None, timeout: float) -> str:
    """Durations of a function along its timeout: a thick part up to p50, a thin one up to the longest, and a line where
    a run is slow."""
    width, scale = 150, 150 / max(timeout, longest)
    ends: Sequence[float] = [0.0, *(round(each * scale, 1) for each in (p50, p95, longest))]
    heights = (8, 5, 2)
    parts = [
        f"<rect class=now x={a:g} y={8 - height / 2:g} width={max(0.8, b - a):g} height={height} rx=1 />"
        for (a, b), height in zip(pairwise(ends), heights, strict=True)
    ]
    mark = f"<line class=refused-tick x1={slow * scale:.4g} x2={slow * scale:.4g} y1=1 y2=15 />" if slow else ""
    return (
        f'<svg class="timeline bar" viewBox="0 0 {width} 16" role=img aria-label="durations">'
        f"<line class=grid x1=0 x2={width} y1=8 y2=8 />{''.join(parts)}{mark}</svg>"
    )


# The same in the text format that Prometheus reads (version 0.0.4). Everything is a gauge of one look.


PREFIX = "raceday_iac_"
LATE = "data_late_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = Mapping[str, str]
Sample = tuple[str, Labels, float | None]

#: What each metric means, in the order in which they are written.
HELP = {
    "health_up": "1 when the project could be read.",
    "health_looked_at_seconds": "Time of the last look, by the server's clock.",
    "health_findings": "Findings, by severity.",
    "health_finding": "1 for each finding.",
    "function_on_server": "1 when the function is on the server.",
    "function_last_run_seconds": "When the newest execution was created.",
    "function_runs": "Executions of the window that have ended, by outcome.",
    "function_success_ratio": "Share of the ended executions that did not fail.",
    "function_duration_seconds": "Durations of the window; quantile 1 is the longest.",
    "function_slow_after_seconds": "A run should not take longer.",
    "function_timeout_seconds": "Where the server ends a run.",
    "function_runs_per_day": "Executions that have ended, projected to a day.",
    "function_gb_hours_per_day": "Memory and processors of the specification times duration, projected to a day.",
    "function_events": "Events in the logs of the window, by name.",
    "function_memory_peak_bytes": "Most memory of a process of the window.",
    "function_memory_limit_bytes": "What its specification gives.",
    "function_failure_streak": "Newest failures without a success between them.",
    "function_unfinished": "Executions that have not ended, by status.",
    "function_missed_runs": "Runs of the window that the schedule requires and that did not take place.",
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
        samples += (sample for each in report.functions for sample in _of_function(each))
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


def _of_function(health: FunctionHealth) -> Iterator[Sample]:
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

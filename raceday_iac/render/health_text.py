"""How a project fares, for people: a table of functions, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from ..counting import counted
from ..health.changes import Changes
from ..health.daily import Daily, Stand
from ..health.data import DataHealth
from ..health.findings import Finding, Severity
from ..health.locks import LockHealth
from ..health.observations import moment
from ..health.report import FunctionHealth, Report
from ..health.runs import memory_limit
from ..health.shared import LockState
from ..health.spans import said_span
from ..linting.nz import ZONE, said
from .lines import Line

STYLE = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "dim"}
MARK = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.INFO: "·"}
VERDICT_STYLE = {"bad": "red", "resting": "dim"}
LOCK_HEAD = ("FUNCTION", "LOCK", "SINCE", "SIGN OF LIFE", "RUN", "REFUSED", "BACKOFF", "CHECK")
RESOURCE_HEAD = ("FUNCTION", "RUNS A DAY", "GB-HOURS", "MEMORY")
EVENT_HEAD = ("FUNCTION", "EVENTS")
DATA_HEAD = ("COLLECTION", "RULE", "", "")
DAILY_HEAD = ("FUNCTION", "TODAY", "DUE (NZ)", "")
HEAD = ("FUNCTION", "LAST RUN", "ENDED", "OK", "RUNS", "P50", "P95", "MAX", "SLOW", "TIMEOUT", "NEXT")
_NOTHING = "-"
#: So many entries of a run's progress are shown, each value with so many characters.
_TOLD, _LONGEST = 4, 36
#: So many names of events.
_EVENTS = 6


def health_lines(report: Report) -> Iterator[Line]:
    """Everything."""
    yield headline(report)
    yield place_line(report)
    yield Line()
    yield from table(HEAD, [(row_of(each, report.now), style_of(each, report)) for each in report.functions])
    yield from (Line(each, "dim") for each in usage_text(report))
    for title, head, rows in sections(report):
        yield Line()
        yield Line(title, "bold")
        yield from table(head, rows)
    if report.state_lock is not None:
        yield Line()
        yield Line(f"The state is locked: {report.state_lock.holder}.")
    if report.findings:
        yield Line()
    yield from (line for each in report.findings for line in finding_lines(each))
    yield from (Line(f"Not looked at: {each}", "dim") for each in report.skipped)


def usage_text(report: Report) -> Iterator[str]:
    """What all of it takes in a day; nothing where nobody knows."""
    known = [(each.usage.gb_hours, each.seen.id) for each in report.functions if each.usage.gb_hours is not None]
    if not known:
        return
    runs = sum(each.usage.runs for each in report.functions)
    most = ", ".join(f"{name} {hours:.2g}" for hours, name in sorted(known, reverse=True)[:3] if hours)
    total = sum(hours for hours, _ in known)
    yield f"In a day: about {runs:,.0f} runs, {total:.2g} GB-hours{f' ({most})' if most else ''}"


def place_line(report: Report) -> Line:
    """What was looked at, and when."""
    return Line(
        f"{report.environment} ({report.project} at {report.endpoint}), {said(report.now)}, "
        f"the last {said_span(report.now - report.since)}"
    )


def look_lines(report: Report, since: Changes) -> Iterator[Line]:
    """One look of many: the verdict in a line, what is new and what is over below it."""
    verdict = headline(report)
    yield Line(f"{said(report.now)}  {verdict.text}", verdict.style)
    yield from (Line(f"  + {each.code} {each.subject}: {each.message}", STYLE[each.severity]) for each in since.new)
    yield from (Line(f"  - over: {each.code} {each.subject}", "green") for each in since.over)


def sections(report: Report) -> Iterator[tuple[str, Sequence[str], list[tuple[Sequence[str], str]]]]:
    """Resources, locks, data and daily runs as tables: title, head, rows with their style."""
    taking = [each for each in report.functions if each.usage.gb_hours or each.figures.memory is not None]
    if taking:
        yield "What it takes", RESOURCE_HEAD, [(resource_row(each), "") for each in taking]
    told = [each for each in report.functions if each.figures.events]
    if told:
        yield "What the logs tell", EVENT_HEAD, [((each.seen.id, _events(each)), "") for each in told]
    if report.locks:
        yield "Locks", LOCK_HEAD, [(lock_row(each), _lock_style(each)) for each in report.locks]
    if report.data:
        rows = [(data_row(each), VERDICT_STYLE.get(each.verdict, "")) for each in report.data]
        yield "Data", DATA_HEAD, [*rows]
    if report.daily:
        days = [(daily_row(each), "red" if each.stand is Stand.MISSED else "") for each in report.daily]
        yield "The day depends on", DAILY_HEAD, [*days]


def resource_row(health: FunctionHealth) -> tuple[str, ...]:
    """What a function takes."""
    hours, peak, limit = health.usage.gb_hours, health.figures.memory, memory_limit(health.seen)
    memory = f"{peak:.0f}{f' of {limit:.0f}' if limit is not None else ''} MB" if peak is not None else _NOTHING
    return health.seen.id, f"{health.usage.runs:,.0f}", _NOTHING if hours is None else f"{hours:.2g}", memory


def _events(health: FunctionHealth) -> str:
    """How often what was told, most often first."""
    counts = [*health.figures.events.items()]
    more = f", {len(counts) - _EVENTS} more" if len(counts) > _EVENTS else ""
    return ", ".join(f"{name} {count}" for name, count in counts[:_EVENTS]) + more


def lock_row(lock: LockHealth) -> tuple[str, ...]:
    state = lock.state
    if state is None:
        return lock.function, "free", _NOTHING, _NOTHING, _NOTHING, str(lock.duplicates), _NOTHING, _check(lock)
    return (
        lock.function,
        "left by a run that is gone" if state.is_stale else f"held: {_at_work(state)}",
        said_span(state.age),
        f"{said_span(state.heartbeat)} ago",
        state.execution or state.owner[:12],
        f"{lock.duplicates}{f', {state.refused} by this run' if state.refused else ''}",
        f"{said_span(state.backoff)} more" if state.backoff else _NOTHING,
        _check(lock),
    )


def _at_work(state: LockState) -> str:
    """The phase of a run, what it has told of its progress, and the day that it works for."""
    parts = [f"{name} {_short(value)}" for name, value in state.progress.items()][:_TOLD]
    if state.nz_date:
        parts.append(f"for {state.nz_date}")
    said = f" ({', '.join(parts)})" if parts else ""
    return f"{state.phase or 'at work'}{said}"


def _short(value: object) -> str:
    """A value of the progress; of several the last one, and how many more there are."""
    if isinstance(value, list | dict):
        last = [*value][-1] if value else "none"
        return f"{_short(last)}{f' and {len(value) - 1} more' if len(value) > 1 else ''}"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _check(lock: LockHealth) -> str:
    if lock.check_ms is None:
        return _NOTHING
    target = f" of {lock.check_target_ms}" if lock.check_target_ms is not None else ""
    return f"{lock.check_ms:.0f}{target} ms"


def data_row(found: DataHealth) -> tuple[str, ...]:
    return f"{found.rule.collection}", found.rule.rule, found.verdict, found.said


def daily_row(run: Daily) -> tuple[str, ...]:
    due = f"{run.due.astimezone(ZONE):%a %H:%M}" if run.due else _NOTHING
    return run.function, str(run.stand), due, run.why


def _lock_style(lock: LockHealth) -> str:
    return "yellow" if lock.state is not None and lock.state.is_stale else ""


def headline(report: Report) -> Line:
    """The verdict in one line."""
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    if not errors and not warnings:
        return Line("Healthy.", "bold green")
    found = [counted(count, word) for count, word in ((errors, "error"), (warnings, "warning")) if count]
    return Line(
        f"{'Unhealthy' if errors else 'Degraded'}: {', '.join(found)}.", f"bold {'red' if errors else 'yellow'}"
    )


def finding_lines(finding: Finding) -> Iterator[Line]:
    """One finding, and what to do about it."""
    style = STYLE[finding.severity]
    yield Line(f"{MARK[finding.severity]} {finding.code:<18} {finding.subject}: {finding.message}", style)
    if finding.advice:
        yield Line(f"    → {finding.advice}")


def row_of(health: FunctionHealth, now: datetime) -> tuple[str, ...]:
    """A function as cells of the table."""
    seen, figures = health.seen, health.figures
    durations = (figures.durations.p50, figures.durations.p95, figures.durations.longest)
    success = _NOTHING if figures.success is None else f"{figures.success:.0%}"
    return (
        seen.id,
        f"{said_span(now - moment(figures.last.created_at))} ago" if figures.last else "never",
        ended(health),
        success,
        f"{'>' if seen.is_cut else ''}{figures.over}",
        *(_NOTHING if each is None else said_span(each) for each in durations),
        said_span(health.slow_after) if health.slow_after is not None else _NOTHING,
        said_span(seen.timeout) if seen.live else _NOTHING,
        _next(health, now),
    )


def ended(health: FunctionHealth) -> str:
    """How the last run ended, in the function's own word where there is one."""
    figures = health.figures
    if figures.last is None:
        return _NOTHING
    if figures.last.status == "failed":
        return f"failed: {figures.ending.category}" if figures.ending.category else "failed"
    return figures.ending.outcome or figures.last.status


def _next(health: FunctionHealth, now: datetime) -> str:
    following = health.punctuality.next
    if following is not None:
        return f"in {said_span(following - now)}"
    return "when called" if health.seen.live else "not there"


def style_of(health: FunctionHealth, report: Report) -> str:
    """By the worst that is wrong with it."""
    found = {each.severity for each in report.of(health.seen.id)}
    return next((STYLE[each] for each in (Severity.ERROR, Severity.WARNING) if each in found), "")


def table(head: Sequence[str], rows: Iterable[tuple[Sequence[str], str]]) -> Iterator[Line]:
    """Columns as wide as what is in them. Each row has its style."""
    found = list(rows)
    widths = [max(len(row[column]) for row in (head, *(cells for cells, _ in found))) for column in range(len(head))]
    for cells, style in [(head, "bold"), *found]:
        yield Line("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip(), style)

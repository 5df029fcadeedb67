"""How a project fares, for people: a table of functions, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..counting import counted, format_duration
from ..health.data import Daily, DataHealth, LockHealth, LockState, Stand
from ..health.observations import Finding, Severity, instant_of
from ..health.report import Changes, FunctionHealth, Report
from ..health.runs import memory_limit
from ..model.local_time import LocalTime
from .lines import LIMIT, Line, Sheet, code, plain

STYLE = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "dim"}
MARK = {Severity.ERROR: "✗", Severity.WARNING: "!", Severity.INFO: "·"}
VERDICT_STYLE = {"bad": "red", "resting": "dim"}
LOCK_HEAD = ("FUNCTION", "LOCK", "SINCE", "HEARTBEAT", "RUN", "REFUSED", "BACKOFF", "CHECK")
RESOURCE_HEAD = ("FUNCTION", "RUNS A DAY", "GB-HOURS", "MEMORY")
EVENT_HEAD = ("FUNCTION", "EVENTS")
DATA_HEAD = ("COLLECTION", "RULE", "", "")
DAILY_HEAD = ("FUNCTION", "TODAY", "DUE", "")
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
    yield from (Line(f"Not checked: {each}", "dim") for each in report.skipped)


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
        f"{report.environment} ({report.project} at {report.endpoint}), {report.local_time.said(report.now)}, "
        f"the last {format_duration(report.now - report.since)}"
    )


def look_lines(report: Report, since: Changes) -> Iterator[Line]:
    """One look of many: the verdict in a line, what is new and what is over below it."""
    verdict = headline(report)
    yield Line(f"{report.local_time.said(report.now)}  {verdict.text}", verdict.style)
    yield from (Line(f"  + {each.code} {each.subject}: {each.message}", STYLE[each.severity]) for each in since.new)
    yield from (Line(f"  - over: {each.code} {each.subject}", "green") for each in since.over)


def sections(report: Report) -> Iterator[tuple[str, Sequence[str], list[tuple[Sequence[str], str]]]]:
    """Resources, locks, data and daily runs as tables: title, head, rows with their style."""
    taking = [each for each in report.functions if each.usage.gb_hours or each.figures.memory is not None]
    if taking:
        yield "Resource usage", RESOURCE_HEAD, [(resource_row(each), "") for each in taking]
    reported = [each for each in report.functions if each.figures.events]
    if reported:
        yield "What the logs say", EVENT_HEAD, [((each.seen.id, _events(each)), "") for each in reported]
    if report.locks:
        yield "Locks", LOCK_HEAD, [(lock_row(each), _lock_style(each)) for each in report.locks]
    if report.data:
        rows = [(data_row(each), VERDICT_STYLE.get(each.verdict, "")) for each in report.data]
        yield "Data", DATA_HEAD, [*rows]
    if report.daily:
        days = [
            (daily_row(each, report.local_time), "red" if each.stand is Stand.MISSED else "") for each in report.daily
        ]
        yield "Daily runs", DAILY_HEAD, [*days]


def resource_row(health: FunctionHealth) -> tuple[str, ...]:
    """What a function takes."""
    hours, peak, limit = health.usage.gb_hours, health.figures.memory, memory_limit(health.seen)
    memory = f"{peak:.0f}{f' of {limit:.0f}' if limit is not None else ''} MB" if peak is not None else _NOTHING
    return health.seen.id, f"{health.usage.runs:,.0f}", _NOTHING if hours is None else f"{hours:.2g}", memory


def _events(health: FunctionHealth) -> str:
    """How often what was reported, most often first."""
    counts = [*health.figures.events.items()]
    more = f", {len(counts) - _EVENTS} more" if len(counts) > _EVENTS else ""
    return ", ".join(f"{name} {count}" for name, count in counts[:_EVENTS]) + more


def lock_row(lock: LockHealth) -> tuple[str, ...]:
    state = lock.state
    if state is None:
        return lock.function, "free", _NOTHING, _NOTHING, _NOTHING, str(lock.duplicates), _NOTHING, _check(lock)
    return (
        lock.function,
        "left by a dead run" if state.is_stale else f"held: {_at_work(state)}",
        format_duration(state.age),
        f"{format_duration(state.heartbeat)} ago",
        state.execution or state.owner[:12],
        f"{lock.duplicates}{f', {state.refused} by this run' if state.refused else ''}",
        f"{format_duration(state.backoff)} more" if state.backoff else _NOTHING,
        _check(lock),
    )


def _at_work(state: LockState) -> str:
    """The phase of a run, what it has reported of its progress, and the day that it works for."""
    parts = [f"{name} {_short(value)}" for name, value in state.progress.items()][:_TOLD]
    if state.day:
        parts.append(f"for {state.day}")
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


def daily_row(run: Daily, local_time: LocalTime) -> tuple[str, ...]:
    due = f"{run.due.astimezone(local_time.zone):%a %H:%M} {local_time.name_at(run.due)}" if run.due else _NOTHING
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
        f"{format_duration(now - instant_of(figures.last.created_at))} ago" if figures.last else "never",
        ended(health),
        success,
        f"{'>' if seen.is_cut else ''}{figures.over}",
        *(_NOTHING if each is None else format_duration(each) for each in durations),
        format_duration(health.slow_after) if health.slow_after is not None else _NOTHING,
        format_duration(seen.timeout) if seen.live else _NOTHING,
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
        return f"in {format_duration(following - now)}"
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


# Messages for webhooks: one for programs, one that Slack and its kin show.


#: Slack takes 3000 characters in a section; the rest is counted.
_LONGEST_ALERT = 2800
_ICON = {Severity.ERROR: ":red_circle:", Severity.WARNING: ":large_yellow_circle:", Severity.INFO: ":white_circle:"}


def generic_message(report: Report, changes: Changes) -> dict[str, Any]:
    """For programs. `new` and `over` are since the last message of the same run; a single run has only `new`."""
    return {
        "format": 1,
        "source": "raceday-iac",
        "environment": report.environment,
        "project": report.project,
        "status": status_of(report),
        "at": timestamp(report.now),
        "new": [finding_document(each) for each in changes.new],
        "lasting": [finding_document(each) for each in changes.lasting],
        "over": [finding_document(each) for each in changes.over],
    }


def slack_message(report: Report, changes: Changes) -> dict[str, Any]:
    """`text` is what notifications and other servers of the same kind show, `blocks` what Slack does."""
    title = f"{report.environment}: {alert_title(report, changes)}"
    body = _body([*_lines(changes.new, ""), *_lines(changes.lasting, "still: "), *_over(changes.over)])
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title[:150]}}]
    if body:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": body}})
    where = f"project {report.project}, {timestamp(report.now)}, look: `raceday-iac health --env {report.environment}`"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _escaped(where)}]})
    return {"text": f"{_escaped(title)}\n{body}".strip(), "blocks": blocks}


def alert_title(report: Report, changes: Changes) -> str:
    """The verdict in a few words."""
    if not changes.new and not changes.lasting:
        return "all clear"
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    counted = [f"{count} {word}{'s' * (count != 1)}" for count, word in ((errors, "error"), (warnings, "warning"))]
    return f"{status_of(report)}, {', '.join(each for each in counted if not each.startswith('0 '))}"


def _lines(findings: Sequence[Finding], prefix: str) -> Iterator[str]:
    for each in findings:
        text = _escaped(f"{each.subject}: {each.message}")
        yield f"{_ICON[each.severity]} {prefix}*{each.code}* {text}"


def _over(findings: Sequence[Finding]) -> Iterator[str]:
    for each in findings:
        yield f":white_check_mark: over: *{each.code}* {_escaped(each.subject)}"


def _body(lines: Sequence[str]) -> str:
    """As many whole lines as there is room for."""
    taken: list[str] = []
    for number, line in enumerate(lines):
        if sum(map(len, taken)) + len(taken) + len(line) > _LONGEST_ALERT:
            return "\n".join([*taken, f"… and {len(lines) - number} more"])
        taken.append(line)
    return "\n".join(taken)


def _escaped(text: str) -> str:
    """Slack reads these three as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# How a project fares, for machines: the same values as the text.


def health_document(report: Report) -> dict[str, Any]:
    """Without `format`, which the printer adds."""
    return {
        "status": status_of(report),
        "at": timestamp(report.now),
        "since": timestamp(report.since),
        "environment": report.environment,
        "endpoint": report.endpoint,
        "project": report.project,
        "functions": [function_document(each) for each in report.functions],
        "locks": [lock_document(each) for each in report.locks],
        "data": [data_document(each) for each in report.data],
        "daily": [
            {"function": each.function, "stand": str(each.stand), "due": timestamp(each.due), "why": each.why}
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
        "day": state.day,
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
        "late": [{found.noun: each.identity, "row": each.row, "seconds": each.seconds} for each in found.late],
    }


def finding_document(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "subject": finding.subject,
        "message": finding.message,
        "advice": finding.advice,
        "since": timestamp(finding.since),
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
        "streak": {"failures": figures.streak, "category": figures.category, "since": timestamp(figures.streak_since)},
        "schedule": {
            "cron": seen.schedule,
            "expected": health.punctuality.expected,
            "missed": [timestamp(each) for each in health.punctuality.missed],
            "overdue": health.punctuality.overdue,
            "next": timestamp(health.punctuality.next),
        },
        "unfinished": [
            {"execution": each.id, "status": each.status, "at": each.created_at} for each in seen.unfinished
        ],
    }


def timestamp(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="seconds")


# How a project fares as Markdown, for job summaries and issues. What is wrong comes first, so that it is never cut.


_MARKS = {Severity.ERROR: "🟥", Severity.WARNING: "🟨", Severity.INFO: "⬜"}
_CLOSING = ("</details>", "")


def health_markdown(report: Report, *, limit: int = LIMIT) -> str:
    """The whole report within `limit` bytes."""
    sheet = Sheet(limit)
    verdict = headline(report).text.rstrip(".")
    sheet.say(f"## Health of {code(report.environment)}: {verdict}", "", plain(place_line(report).text), "")
    findings = [_finding(each) for each in report.findings]
    sheet.entries("findings", ("| | what | where | |", "|---|---|---|---|"), findings, ("",))
    sheet.entries("parts that were not checked", ("**Not checked**", ""), _listed(report.skipped), ("",))
    rows = [_row(row_of(each, report.now)) for each in report.functions]
    sheet.entries("functions", _opening("Functions", HEAD), rows, ("", *map(plain, usage_text(report)), *_CLOSING))
    for title, head, entries in sections(report):
        found = [_row(cells) for cells, _ in entries]
        sheet.entries(f"rows of {title!r}", _opening(title, head), found, ("", *_CLOSING))
    return sheet.text("`raceday-iac health` and its HTML report show everything.")


def _opening(title: str, head: Sequence[str]) -> tuple[str, ...]:
    return f"<details><summary>{plain(title)}</summary>", "", _row(head), "|" + "---|" * len(head)


def _finding(finding: Finding) -> str:
    advice = f"<br>→ {plain(finding.advice)}" if finding.advice else ""
    mark = _MARKS[finding.severity]
    return f"| {mark} | {code(finding.code)} | {code(finding.subject)} | {plain(finding.message)}{advice} |"


def _listed(texts: tuple[str, ...]) -> list[str]:
    return [f"- {plain(each)}" for each in texts]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(plain, cells))} |"


# The view that `health --watch` renews in place on a terminal: what is wrong stands on top, because it must not be cut.


def health_view(report: Report | None, problem: str = "") -> RenderableType:
    """Everything; with `problem`, why the newest look was in vain."""
    parts: list[RenderableType] = []
    if problem:
        parts.append(Text(f"Cannot read the project: {problem}", style="bold red"))
    if report is None:
        return Group(*parts, Text("Nothing was seen yet.", style="dim"))
    parts += [_text(headline(report)), _text(place_line(report), "dim"), Text()]
    if report.findings:
        # What to do about them is said by a single look: here room is scarce.
        parts += [_text(next(iter(finding_lines(each)))) for each in report.findings]
        parts.append(Text())
    parts.append(_table("", HEAD, [(row_of(each, report.now), style_of(each, report)) for each in report.functions]))
    parts += [part for title, head, rows in sections(report) for part in (Text(), _table(title, head, rows))]
    parts.append(Text("\nWhat to do: raceday-iac health. Ctrl-C ends this.", style="dim"))
    return Group(*parts)


def _table(title: str, head: Sequence[str], rows: Iterable[tuple[Sequence[str], str]]) -> Table:
    made = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
    for name in head:
        made.add_column(name, no_wrap=name != "", overflow="ellipsis")
    for cells, style in rows:
        made.add_row(*map(Text, cells), style=style)
    return made


def _text(line: Line, style: str = "") -> Text:
    return Text(line.text, style=style or line.style)

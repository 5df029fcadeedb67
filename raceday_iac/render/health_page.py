"""How a project fares as one HTML page. It loads nothing and runs no script; what comes from logs is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from ..health.daily import Stand
from ..health.findings import Finding, Severity
from ..health.report import FunctionHealth, Report
from ..health.spans import said_span
from ..linting.nz import said
from .health_picture import durations_bar, runs_svg
from .health_text import headline, row_of, sections, style_of, usage_text
from .simulation_style import PAGE_STYLE, PICTURE_STYLE

_STYLE = (
    "th,td{text-align:left!important}td{white-space:normal!important}td:first-child,.tight{white-space:nowrap!important}"
    ".verdict{font-size:19px;font-weight:680;margin:14px 0 0}"
    ".warn{color:var(--refused);font-weight:650}"
    ".mark{display:inline-block;min-width:62px;font-weight:650}"
    "code{font:12.5px ui-monospace,Menlo,Consolas,monospace;background:var(--card);border:1px solid var(--line);"
    "border-radius:5px;padding:0 5px}"
    "code{white-space:nowrap}.scroll{overflow-x:auto}.scroll table{min-width:820px}"
    "svg.bar{width:150px!important;min-width:150px!important;height:16px!important}"
    ".rest td{color:var(--faint)}.bad td:first-child{color:var(--clash);font-weight:600}"
    ".soso td:first-child{color:var(--refused);font-weight:600}"
)
_CLASS = {Severity.ERROR: "broken", Severity.WARNING: "warn", Severity.INFO: "faint"}
#: Row classes by the style that the text gives a row.
_ROW = {"red": "bad", "yellow": "soso", "dim": "rest"}


def health_page(report: Report) -> str:
    """The whole page."""
    title = f"Health of {report.environment}"
    verdict = headline(report)
    style = {None: "holds", Severity.WARNING: "warn", Severity.ERROR: "broken"}[report.worst]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}: {escape(verdict.text)}</title>",
            f"<style>{PAGE_STYLE}{PICTURE_STYLE}{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            f"<p class=faint>{escape(report.project)} at {escape(report.endpoint)} · {escape(said(report.now))} · "
            f"the last {escape(said_span(report.now - report.since))}</p>",
            f'<p class="verdict {style}">{escape(verdict.text)}</p>',
            f"<div class=cards>{''.join(_cards(report))}</div>",
            *_findings(report.findings),
            f"<h2>Runs</h2><figure>{runs_svg(report)}</figure>",
            "<h2>Functions</h2>",
            _functions(report),
            *(f"<p class=faint>{escape(each)}</p>" for each in usage_text(report)),
            *(part for title, head, rows in sections(report) for part in _section(title, head, rows)),
            *(f"<p class=faint>Not looked at: {escape(each)}</p>" for each in report.skipped),
            "</body></html>\n",
        )
    )


def _cards(report: Report) -> Iterator[str]:
    over = sum(each.figures.over for each in report.functions)
    failed = sum(each.figures.failed for each in report.functions)
    share = f"{(over - failed) / over:.1%}" if over else "none"
    yield _card("Runs that went well", share, f"{over:,} ended, {failed:,} failed", is_good=not failed)
    if report.daily:
        done = sum(each.stand is Stand.DONE for each in report.daily)
        missed = [each.function for each in report.daily if each.stand is Stand.MISSED]
        words = f"missed: {', '.join(missed)}" if missed else "the day's imports"
        yield _card("Done today", f"{done} of {len(report.daily)}", words, is_good=not missed)
    for each in report.data:
        if each.rule.rule == "polled":
            late = len(each.late)
            yield _card("Races late for their poll", f"{late}", each.said, is_good=each.verdict != "bad")
    if report.locks:
        held = [each for each in report.locks if each.state is not None]
        stale = sum(each.state is not None and each.state.is_stale for each in held)
        words = f"{stale} left by runs that are gone" if stale else "none left behind"
        yield _card("Locks held", f"{len(held)} of {len(report.locks)}", words, is_good=not stale)
    refused = sum(each.figures.duplicates for each in report.functions)
    yield _card("Duplicates refused", f"{refused:,}", "starts while a run was at work", is_good=True)


def _card(title: str, big: str, words: str, *, is_good: bool) -> str:
    style = "good" if is_good else "bad"
    return (
        f'<div class=card><h3>{escape(title)}</h3><div class="big {style}">{escape(big)}</div>'
        f"<div class=faint>{escape(words)}</div></div>"
    )


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield "<h2>What is wrong</h2>"
    rows = (
        (
            f"<span class={_CLASS[each.severity]}>{each.severity}</span>",
            f"<span class=tight>{escape(each.code)}</span>",
            f"<span class=tight>{escape(each.subject)}</span>",
            escape(each.message),
            _advice(each.advice),
        )
        for each in findings
    )
    yield _table(("", "What", "Where", "Why", "What to do"), ((cells, "") for cells in rows))


def _advice(text: str) -> str:
    """The command in it stands out."""
    before, word, command = text.partition("raceday-iac ")
    return f"{escape(before)}<code>{escape(word + command)}</code>" if word else escape(text)


def _functions(report: Report) -> str:
    head = ("Function", "Last run", "Ended", "OK", "Runs", "p50", "p95", "Longest", "Along its timeout", "Next")
    rows = ((list(_function_cells(each, report)), _ROW.get(style_of(each, report), "")) for each in report.functions)
    return _table(head, rows)


def _function_cells(health: FunctionHealth, report: Report) -> Iterator[str]:
    name, last, ended, share, count, p50, p95, longest, _, timeout, following = row_of(health, report.now)
    yield from map(escape, (name, last, ended, share, count, p50, p95, longest))
    durations = health.figures.durations
    if durations.p50 is None or durations.p95 is None or durations.longest is None:
        yield f"<span class=faint>{escape(timeout)}</span>"
    else:
        values = (durations.p50, durations.p95, durations.longest)
        bar = durations_bar(*values, health.slow_after, health.seen.timeout)
        yield f"{bar}<span class=faint>{escape(timeout)}</span>"
    yield escape(following)


def _section(title: str, head: Sequence[str], rows: Iterable[tuple[Sequence[str], str]]) -> Iterator[str]:
    yield f"<h2>{escape(title)}</h2>"
    names = [name.capitalize().replace("(nz)", "(NZ)") for name in head]
    yield _table(names, ((list(map(escape, cells)), _ROW.get(style, "")) for cells, style in rows))


def _table(head: Sequence[str], rows: Iterable[tuple[Sequence[str], str]]) -> str:
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        f"<tr{f' class={style}' if style else ''}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        for cells, style in rows
    )
    return f"<div class=scroll><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>"

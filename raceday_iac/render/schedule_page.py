"""The agenda of a day as one HTML page: picture, next runs, findings about schedules. It loads nothing and runs no
script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from ..linting.agenda import Agenda
from ..linting.findings import CODES, Finding, Severity
from ..linting.nz import said
from .schedule_picture import schedule_svg
from .schedule_text import lane_note
from .simulation_style import PAGE_STYLE

#: Words, not numbers: the columns read from the left.
_STYLE = (
    "th,td{text-align:left!important;white-space:normal!important}"
    "td:first-child,td:last-child{white-space:nowrap!important}"
)
_CLASS = {Severity.ERROR: "broken", Severity.WARNING: "broken", Severity.INFO: "holds"}


def schedule_page(agenda: Agenda) -> str:
    """The whole page."""
    title = f"Schedules on {agenda.day:%A} {agenda.day.day} {agenda.day:%B %Y}"
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}</title><style>{PAGE_STYLE}{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            "<p class=faint>Bars show how long a run may take at most. Schedules are UTC; the page tells New Zealand "
            "time, with UTC below the picture.</p>",
            f"<figure>{schedule_svg(agenda)}</figure>",
            f"<h2>Next runs after {escape(said(agenda.after))}</h2>",
            _table(("Function", "Started", "Next runs"), _runs(agenda)),
            *_findings(agenda.findings),
            "</body></html>\n",
        )
    )


def _runs(agenda: Agenda) -> Iterator[str]:
    for lane in agenda.lanes:
        following = "<br>".join(escape(said(moment)) for moment in lane.following) or "none"
        yield _row(escape(lane.function), escape(lane_note(lane)), following)


def _findings(findings: Iterable[Finding]) -> Iterator[str]:
    rows = [_row(*_cells(finding)) for finding in findings]
    if rows:
        yield f"<h2>Findings</h2>{_table(('Finding', 'Function', 'What', 'First'), rows)}"


def _cells(finding: Finding) -> Iterator[str]:
    severity = "answered" if finding.answered else finding.effective.value
    style = _CLASS[finding.effective] if severity != "info" else "faint"
    yield f"<span class={style}>{severity}</span> {finding.code}"
    yield escape(finding.subject.partition(".")[2])
    answer = f"<br><span class=faint>Answered by {escape(finding.answered)}.</span>" if finding.answered else ""
    title = CODES[finding.code]
    yield f"{escape(title[0].upper() + title[1:])}: {escape(finding.message)}.{answer}"
    yield escape(said(finding.first)) if finding.first else ""


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _table(head: Iterable[str], rows: Iterable[str]) -> str:
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{''.join(rows)}</tbody></table>"

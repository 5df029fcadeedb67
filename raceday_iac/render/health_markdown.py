"""How a project fares as Markdown, for job summaries and issues. What is wrong comes first, so that it is never cut."""

from __future__ import annotations

from collections.abc import Sequence

from ..health.findings import Finding, Severity
from ..health.report import Report
from .health_text import HEAD, headline, place_line, row_of, sections, usage_text
from .markdown import LIMIT, Sheet, code, plain

_MARKS = {Severity.ERROR: "🟥", Severity.WARNING: "🟨", Severity.INFO: "⬜"}
_CLOSING = ("</details>", "")


def health_markdown(report: Report, *, limit: int = LIMIT) -> str:
    """The whole report within `limit` bytes."""
    sheet = Sheet(limit)
    verdict = headline(report).text.rstrip(".")
    sheet.say(f"## Health of {code(report.environment)}: {verdict}", "", plain(place_line(report).text), "")
    findings = [_finding(each) for each in report.findings]
    sheet.entries("findings", ("| | what | where | |", "|---|---|---|---|"), findings, ("",))
    sheet.entries("parts that were not looked at", ("**Not looked at**", ""), _listed(report.skipped), ("",))
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

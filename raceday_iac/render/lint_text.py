"""A lint report for people and machines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from ..counting import counted
from ..linting.findings import Finding, Report, Severity
from ..model.local_time import LocalTime
from .lines import Line

_STYLE = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}
_WIDTH = 110


def lint_lines(report: Report, *, verbose: bool) -> Iterator[Line]:
    """Errors and warnings in full; the rest in one line each unless `verbose`."""
    for finding in report.findings:
        if finding.effective is Severity.INFO and not verbose:
            continue
        yield from _finding(finding, report.local_time)
        yield Line()
    quiet = [each for each in report.findings if each.effective is Severity.INFO]
    if quiet and not verbose:
        yield from _in_short(quiet)
        yield Line()
    for sentence in report.skipped:
        yield Line(f"Not checked: {sentence}", "dim")
    yield _summary(report)


def _finding(finding: Finding, local_time: LocalTime) -> Iterator[Line]:
    head = f"{finding.effective.value:<8}{finding.code}  {finding.subject or finding.location}"
    yield Line(f"{head}: {finding.title}", _STYLE[finding.effective])
    yield from _wrapped(finding.message)
    if finding.first:
        times = f", {finding.times:,} times in a year" if finding.times > 1 else ""
        yield from _wrapped(f"first: {local_time.said(finding.first)}{times}")
    if finding.answered:
        yield from _wrapped(f"answered by {finding.answered}", "green")
    if finding.accepted:
        yield from _wrapped(f"accepted until {finding.accepted.until}: {finding.accepted.reason}", "green")
    if finding.effective is not Severity.INFO:
        yield from _wrapped(f"→ {finding.fix}")
    if finding.location.line:
        yield Line(f"        at {finding.location}", "dim")


def _wrapped(text: str, style: str = "") -> Iterator[Line]:
    for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False):
        yield Line(f"        {line}", style)


def _in_short(findings: list[Finding]) -> Iterator[Line]:
    yield Line("Answered, accepted or for information (--verbose explains):", "bold")
    width = max(len(each.subject) for each in findings)
    for each in findings:
        why = "info"
        if each.accepted:
            why = f"accepted until {each.accepted.until}"
        elif each.answered:
            why = f"answered by {each.answered.partition(':')[0]}"
        yield Line(f"  {each.code}  {each.subject:<{width}}  {why}", "dim")


def _summary(report: Report) -> Line:
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    answered = sum(bool(each.answered) for each in report.findings)
    accepted = sum(each.accepted is not None for each in report.findings)
    text = f"{_or_no(errors, 'error')}, {_or_no(warnings, 'warning')}; {answered} answered, {accepted} accepted."
    return Line(text, "bold red" if errors else "bold yellow" if warnings else "bold green")


def _or_no(number: int, noun: str) -> str:
    return counted(number, noun) if number else f"no {noun}s"


def lint_document(report: Report) -> dict[str, Any]:
    return {
        "findings": [_document(each) for each in report.findings],
        "skipped": list(report.skipped),
        "calls": {caller: list(called) for caller, called in (report.calls or {}).items()},
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
    }


def _document(finding: Finding) -> dict[str, Any]:
    accepted = finding.accepted
    return {
        "code": finding.code,
        "title": finding.title,
        "severity": finding.effective.value,
        "unansweredSeverity": finding.severity.value,
        "subject": finding.subject,
        "message": finding.message,
        "fix": finding.fix,
        "file": finding.location.file,
        "line": finding.location.line,
        "first": finding.first.isoformat() if finding.first else None,
        "times": finding.times,
        "answeredBy": finding.answered or None,
        "accepted": {"reason": accepted.reason, "until": accepted.until.isoformat()} if accepted else None,
    }

"""Messages for webhooks: one for programs, one that Slack and its kin show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..health.changes import Changes
from ..health.findings import Finding, Severity
from ..health.report import Report
from .health_json import finding_document, instant, status_of

#: Slack takes 3000 characters in a section; the rest is counted.
_LONGEST = 2800
_ICON = {Severity.ERROR: ":red_circle:", Severity.WARNING: ":large_yellow_circle:", Severity.INFO: ":white_circle:"}


def generic_message(report: Report, changes: Changes) -> dict[str, Any]:
    """For programs. `new` and `over` are since the last message of the same run; a single run has only `new`."""
    return {
        "format": 1,
        "source": "raceday-iac",
        "environment": report.environment,
        "project": report.project,
        "status": status_of(report),
        "at": instant(report.now),
        "new": [finding_document(each) for each in changes.new],
        "lasting": [finding_document(each) for each in changes.lasting],
        "over": [finding_document(each) for each in changes.over],
    }


def slack_message(report: Report, changes: Changes) -> dict[str, Any]:
    """`text` is what notifications and other servers of the same kind show, `blocks` what Slack does."""
    title = f"{report.environment}: {headline(report, changes)}"
    body = _body([*_lines(changes.new, ""), *_lines(changes.lasting, "still: "), *_over(changes.over)])
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title[:150]}}]
    if body:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": body}})
    where = f"project {report.project}, {instant(report.now)}, look: `raceday-iac health --env {report.environment}`"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _escaped(where)}]})
    return {"text": f"{_escaped(title)}\n{body}".strip(), "blocks": blocks}


def headline(report: Report, changes: Changes) -> str:
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
        if sum(map(len, taken)) + len(taken) + len(line) > _LONGEST:
            return "\n".join([*taken, f"… and {len(lines) - number} more"])
        taken.append(line)
    return "\n".join(taken)


def _escaped(text: str) -> str:
    """Slack reads these three as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

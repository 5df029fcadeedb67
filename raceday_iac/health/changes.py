"""What is new since the last look, and what is over. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .findings import ORDER, Finding, Severity
from .report import Report


@dataclass(frozen=True)
class Changes:
    """Findings that began, went on, and ended between two looks."""

    new: tuple[Finding, ...] = ()
    lasting: tuple[Finding, ...] = ()
    over: tuple[Finding, ...] = ()

    @property
    def is_any(self) -> bool:
        return bool(self.new or self.over)


def changes(before: Report | None, now: Report, at: Severity = Severity.INFO) -> Changes:
    """From one look to the next, of findings at least as severe as `at`. The first look finds everything new."""
    return since(before.findings if before else (), now, at)


def since(told: Iterable[Finding], now: Report, at: Severity = Severity.INFO) -> Changes:
    """The same, since these findings were told."""
    known = {each.key: each for each in _at_least(told, at)}
    present = {each.key: each for each in _at_least(now.findings, at)}
    return Changes(
        new=tuple(each for key, each in present.items() if key not in known),
        lasting=tuple(each for key, each in present.items() if key in known),
        over=tuple(each for key, each in known.items() if key not in present),
    )


def _at_least(findings: Iterable[Finding], at: Severity) -> list[Finding]:
    """Without those for the record, unless these are asked for."""
    wanted = ORDER[: ORDER.index(at) + 1]
    return [each for each in findings if each.severity in wanted]

"""What lint says: findings, each with a code, a severity, when it first happens, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from ..model.local_time import UTC_TIME, LocalTime
from ..model.resource import Location

NOWHERE = Location()


class Severity(StrEnum):
    """Errors end lint with 1. What a lock or an acceptance answers is shown as info."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Acceptance:
    """A finding that somebody has decided to live with, until a day (the last on which it counts)."""

    code: str
    subject: str
    reason: str
    until: date
    location: Location = NOWHERE
    #: What a finding must say; `*` stands for anything.
    message: str = "*"


@dataclass(frozen=True)
class Finding:
    """One thing that is, or may become, wrong. `subject` is an address; `first` when it first happens."""

    code: str
    severity: Severity
    subject: str
    message: str
    fix: str
    location: Location = NOWHERE
    first: datetime | None = None
    #: How often in the year that was looked at.
    times: int = 0
    #: What keeps it from doing harm, such as a lock.
    answered: str = ""
    accepted: Acceptance | None = None
    #: What its rule finds, in a few words.
    title: str = ""

    @property
    def effective(self) -> Severity:
        """The severity that counts: what is answered or accepted is for information."""
        return Severity.INFO if self.answered or self.accepted else self.severity


@dataclass(frozen=True)
class Report:
    """Everything that was found, and what could not be looked at."""

    findings: tuple[Finding, ...]
    #: Checks that were left out, and why.
    skipped: tuple[str, ...] = ()
    #: Caller to the functions that it starts.
    calls: Mapping[str, tuple[str, ...]] | None = None
    #: On whose clock times are shown.
    local_time: LocalTime = UTC_TIME

    def count(self, severity: Severity) -> int:
        return sum(each.effective is severity for each in self.findings)

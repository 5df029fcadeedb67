"""What lint says: findings, each with a code, a severity, when it first happens, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from ..model.problem import Location

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

    def count(self, severity: Severity) -> int:
        return sum(each.effective is severity for each in self.findings)


#: Every code with its title. docs/lint.md explains each; a test compares the two.
CODES: Mapping[str, str] = {
    "STK001": "the stack has a mistake",
    "SCH001": "a function starts again before its run has to end",
    "SCH002": "a function is started by others before its run has to end",
    "SCH003": "two functions write the same collections at the same time",
    "SCH004": "runs pass, or begin after, the change of the New Zealand date",
    "SCH005": "runs fall into the hour in which the New Zealand clock changes",
    "SCH006": "runs in the quiet window, 01:00 to 06:00 in New Zealand",
    "SCH007": "a lock expires no sooner than the function times out",
    "SCH008": "a lock goes stale no sooner than it expires",
    "SCH009": "a lock's heartbeat is no shorter than the time after which it is stale",
    "SCH010": "a timeout above the server's limit",
    "SCH011": "the time on the New Zealand clock shifts over the year",
    "SCH012": "a schedule that never fires",
    "SCH013": "a schedule that fires otherwise than it seems",
    "POL001": "a scope that the function's code does not need",
    "POL002": "a scope that the function's code needs and does not have",
    "POL003": "a function that people may start",
    "POL004": "a collection that anyone may write",
    "POL005": "a collection that anyone may read",
    "POL006": "a collection in which each user may change the documents of all others",
    "POL007": "a secret in a plain variable",
    "POL008": "a specification that the server does not offer",
    "POL009": "a runtime that the server does not offer",
    "POL010": "a deprecated runtime",
    "POL011": "a function without a lock",
    "POL012": "an edited copy of a shared module",
    "POL013": "an outdated copy of a shared module",
    "BND001": "a file that looks like a secret lies in a code folder",
    "BND002": "a broken link, or something that is no file, lies in a code folder",
    "BND003": "files of a code folder that are not deployed",
    "ACC001": "an acceptance that ends soon",
    "ACC002": "an acceptance of something that was not found",
}

#: What only `raceday-iac drift` finds, and what can be accepted in the same file. docs/ci.md explains each.
DRIFT_CODES: Mapping[str, str] = {
    "DRF001": "somebody changed the server",
    "DRF002": "somebody changed the server, and the stack changed too",
    "DRF003": "live, but neither declared nor ours",
}

"""What is found to be wrong. The codes are names, so that an alert can be routed by them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: What each code means.
CODES = {
    "function.missing": "a function is not on the server",
    "function.no_code": "a function has no active deployment",
    "run.stuck": "an execution goes on for longer than its timeout allows: the server has lost it",
    "run.waiting": "an execution waits for too long to be begun",
    "run.expired": "an execution was put off to a moment that has passed, and never began",
    "run.overlong": "an execution takes longer than it should",
    "run.slow": "executions took longer than they should",
    "run.near_timeout": "an execution took most of its timeout",
    "run.memory": "an execution took most of the memory of its specification",
    "usage.high": "the functions take more GB-hours than expected",
    "run.failing": "executions fail, one after the other",
    "run.success": "too few executions succeed",
    "run.overdue": "a run that the schedule asks for did not begin",
    "run.missed": "runs that the schedule asked for did not take place",
    "build.stuck": "a build or an upload does not come to its end",
    "build.failed": "the newest build failed",
    "attribute.stuck": "an attribute is not available",
    "index.stuck": "an index is not available",
    "collection.broken": "documents do not know attributes that are listed",
    "lock.stale": "the owner of a lock shows no sign of life",
    "lock.yesterday": "the owner of a lock works for a day that is over",
    "lock.crowded": "a lock refuses many starts",
    "lock.slow": "asking for a lock takes longer than its target",
    "lock.deaths": "runs that held a lock died, one after the other",
    "data.missing": "documents of today are missing",
    "data.old": "the newest document is too old",
    "daily.missed": "a run that the day depends on did not do its work",
    "state.locked": "the lock of the state is left over",
    "project.unseen": "nobody could look at the project",
}


class Severity(StrEnum):
    """`error`: work is not done. `warning`: it is, and somebody should look. `info`: for the record."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


#: The worst first.
ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `advice` is the next thing to do; `since` when it began, where that is known."""

    code: str
    severity: Severity
    subject: str
    message: str
    advice: str = ""
    since: datetime | None = None

    @property
    def key(self) -> str:
        """The same for the same trouble, however its numbers change: to tell what is new."""
        return f"{self.code} {self.subject}"

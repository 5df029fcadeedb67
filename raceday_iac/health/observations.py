"""What was seen of a project at one instant, and what is found to be wrong. Values only.

`observing` fills the observations in, tests make them up. The codes of findings are names, so that an alert can be
routed by them.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..kinds.code import run_size
from ..model.address import Address
from ..model.declarations import Lock
from ..model.local_time import UTC_TIME, LocalTime
from ..model.resource import CodeSource, Live
from ..provider.protocol import Deployment, Execution

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class FunctionSeen:
    """A declared function. `live` is None when it is not on the server; `timeout` and `slow_after` in seconds.

    `executions` are those of the window, newest first; `older` the newest one before it, when the window is empty.
    `is_cut` says that there were more than were read. `unfinished` are those that have not come to their end, whenever
    they began.
    """

    id: str
    live: Live | None = None
    active: str = ""
    executions: tuple[Execution, ...] = ()
    is_cut: bool = False
    older: Execution | None = None
    unfinished: tuple[Execution, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    slow_after: float | None = None
    lock: Lock | None = None

    @property
    def schedule(self) -> str:
        return str(self.live.fields.get("schedule") or "") if self.live else ""

    @property
    def specification(self) -> str:
        return run_size(self.live.fields) if self.live else ""

    @property
    def timeout(self) -> float:
        return float(self.live.fields.get("timeout") or 15) if self.live else 15.0


@dataclass(frozen=True)
class StateLock:
    """Who holds the lock of the state. Ages in seconds, None where they are not known."""

    holder: str
    age: float | None
    has_expired: bool


@dataclass(frozen=True)
class Counted:
    """The answer to one rule on data: how many documents there are, and the newest instant, where it was asked for."""

    count: int = 0
    newest: datetime | None = None


@dataclass(frozen=True)
class Observation:
    """Everything. `now` is the server's clock. Where the server sends no time it is ours, and `is_dated` is False: then
    nothing is checked by its age. `locks` are the documents of the lock collection by id, None when it
    was not to be had; `polled` the stored documents of the day that the rule `polled`
    checks; `counted` answers rules on data by their number."""

    now: datetime
    since: datetime
    environment: str = ""
    endpoint: str = ""
    project: str = ""
    functions: tuple[FunctionSeen, ...] = ()
    schema: tuple[Live, ...] = ()
    #: What is listed as available and unknown to documents, by collection.
    lost: Mapping[Address, tuple[str, ...]] = field(default_factory=dict)
    locks: Mapping[str, Mapping[str, Any]] | None = None
    polled: tuple[Mapping[str, Any], ...] | None = None
    counted: Mapping[int, Counted] = field(default_factory=dict)
    state_lock: StateLock | None = None
    #: What could not be looked at, and why.
    skipped: tuple[str, ...] = ()
    is_dated: bool = True
    local_time: LocalTime = UTC_TIME

    def ageless(self) -> Observation:
        """The same, looked at from so long ago that nothing in it is old."""
        return replace(self, now=_LONG_AGO, since=_LONG_AGO)

    def function(self, name: str) -> FunctionSeen | None:
        return next((each for each in self.functions if each.id == name), None)


def instant_of(text: str) -> datetime:
    """An instant as the server writes it. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


# How long a run of a function should take, from its own code: `SLOW_AFTER` in the `norm.py` beside its entry module.
#
# The functions themselves log `run.slow` by that number; reading it here keeps it in one place.


FILE, NAME = "norm.py", "SLOW_AFTER"


def slow_after_of(source: CodeSource) -> float | None:
    """Seconds; None for a function that does not say."""
    file: Path = (source.folder / source.entrypoint).parent / FILE
    try:
        return slow_after_in(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def slow_after_in(text: str) -> float | None:
    """The number, read without running the code."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
            continue
        names = {each.id for each in node.targets if isinstance(each, ast.Name)}
        if NAME in names and isinstance(node.value.value, int | float):
            return float(node.value.value)
    return None


#: What each code means.
CODES = {
    "function.missing": "a function is not on the server",
    "function.no_code": "a function has no active deployment",
    "run.stuck": "an execution is processing for longer than its timeout allows: the server has lost it",
    "run.waiting": "an execution waits too long for its start",
    "run.expired": "a scheduled execution never began, and its time has passed",
    "run.overlong": "an execution takes longer than it should",
    "run.slow": "executions took longer than they should",
    "run.near_timeout": "an execution took most of its timeout",
    "run.memory": "an execution took most of the memory of its specification",
    "usage.high": "the functions take more GB-hours than expected",
    "run.failing": "executions fail, one after the other",
    "run.success": "too few executions succeed",
    "run.overdue": "a run that the schedule asks for did not begin",
    "run.missed": "runs that the schedule requires did not take place",
    "build.stuck": "a build or an upload does not end",
    "build.failed": "the newest build failed",
    "attribute.stuck": "an attribute is not available",
    "index.stuck": "an index is not available",
    "collection.broken": "documents do not know attributes that are listed",
    "lock.stale": "the owner of a lock shows no sign of life",
    "lock.yesterday": "the owner of a lock works for a date that is over",
    "lock.crowded": "a lock refuses many starts",
    "lock.slow": "the lock check takes longer than its target",
    "lock.deaths": "runs that held a lock died, one after the other",
    "data.missing": "documents of today are missing",
    "data.old": "the newest document is too old",
    "daily.missed": "a run that the day depends on did not do its work",
    "state.locked": "a dead run left the lock of the state",
    "project.unseen": "the project could not be read",
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
        """The same for the same trouble, however its numbers change: to find out what is new."""
        return f"{self.code} {self.subject}"

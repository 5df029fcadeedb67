"""What the console looks at, and what may be done from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ..applying import Applied
from ..applying.migrating import Rehearsal
from ..applying.scheduler import Observer
from ..audit import Inspection
from ..backup.manifest import Forecast
from ..drift import Verdict
from ..health.data import Rules
from ..health.report import Report
from ..health.watched import HealthConfig
from ..linting.expansion import Timetable
from ..model.resource import Desired
from ..planning import Plan
from ..provider import Reader
from ..provider.protocol import Execution
from ..refresh.deployments import Classified
from ..state.store import StateStore


@dataclass(frozen=True)
class Planned:
    """A plan with what is said of it: the server it is for, its id, what of it is drift, what will be kept before in a
    backup, and the stack that it is made from."""

    plan: Plan
    desired: Desired
    kept: Forecast | None
    where: str
    id: str
    verdict: Verdict
    at: datetime


@dataclass(frozen=True)
class Deployments:
    """All deployments of a function, newest first, and those that a rollback goes through, the next one first."""

    classified: Sequence[Classified]
    line: Sequence[str]
    now: datetime | None


@dataclass(frozen=True)
class Outcome:
    """What came of an apply. `left` are changes that are still due after all of it was done; `kept` says in which
    backup is what was lost."""

    applied: Applied
    left: tuple[str, ...]
    seconds: float
    claim: str
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Watched:
    """What health goes by: the rules on days and data, what health.yaml declares, and whether schedules are on."""

    rules: Rules
    config: HealthConfig
    is_scheduled: bool


class Project(Protocol):
    """A stack in one environment, seen through connections that can only read. Everything raises IacError."""

    @property
    def environment(self) -> str: ...

    @property
    def is_local(self) -> bool:
        """Whether the environment is the embedded server."""
        ...

    @property
    def folder(self) -> Path:
        """Where what belongs to the environment is kept on this machine."""
        ...

    def place(self) -> str:
        """The project and where it is, for people. Raises IacError when the embedded server does not run."""
        ...

    def reader(self) -> Reader:
        """A connection that can send nothing but GET."""
        ...

    def plan(self) -> Planned: ...

    def rehearse(self, planned: Planned, note: Callable[[str], None]) -> Sequence[Rehearsal]:
        """Run the migrations of a plan over what is live now, without writing. `note` is called with each line of
        progress."""
        ...

    def health(self) -> Report: ...

    def watched(self) -> Watched: ...

    def timetable(self) -> Timetable: ...

    def states(self) -> AbstractContextManager[StateStore]:
        """Where the state is kept, for as long as the block lasts."""
        ...

    def audit(self) -> Inspection: ...

    def deployments(self, function: str) -> Deployments: ...


class Local(Protocol):
    """What may be done, on the embedded server alone. Everything raises IacError."""

    def apply(self, plan_id: str, observer: Observer) -> Outcome:
        """Plan again, and apply it if it is the plan with this id. Raises StaleError otherwise."""
        ...

    def run(self, function: str, body: str) -> Execution:
        """Execute a function, and wait for its answer."""
        ...

    def control(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Ask the server's control routes, which are below `/v1/_dev/`."""
        ...

    def reset(self) -> None:
        """Delete all that is on the server, and the state of it, and start it again."""
        ...

    def load(self, content: str) -> Sequence[str]:
        """Create the functions of an appwrite.json. Returns what came of it, in lines."""
        ...

    def change_document(self, path: tuple[str, str, str], data: Mapping[str, Any], unless_newer_than: str) -> None:
        """Change a document (database, collection, id), unless it was changed since. Raises ConflictError."""
        ...

    def command(self, words: Sequence[str], said: Callable[[str], None]) -> int:
        """Run a command of raceday-iac for this environment as a process of its own. `said` is called with each line of
        its standard error. Returns its exit code; an interrupt ends it."""
        ...

    def create_document(self, path: tuple[str, str, str], data: Mapping[str, Any]) -> None:
        """Create a document (database, collection, id). Raises ConflictError where there is one with this id."""
        ...

    def delete_document(self, path: tuple[str, str, str], unless_newer_than: str) -> None:
        """Delete a document, unless it was changed since. Raises ConflictError."""
        ...

    def activate(self, function: str, deployment: str) -> None:
        """Go back to a deployment, as `rollback` does."""
        ...

"""What health goes by: where a day begins and ends, which hours are quiet, and how a lock is checked.

Days and hours are those of the stack's `timezone`. Whether a lock may be taken over is decided by the functions' own
code, which is imported from the project's `functions/_shared/`, not copied: what is watched is what really runs. An
extension may bring a subclass of `Rules` that knows more of its project's days.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from ..errors import IacError
from ..model.declarations import Lock
from ..model.local_time import UTC_TIME, LocalTime
from ..model.resource import Desired
from ..packaging.bundle import SHARED
from .observations import instant_of
from .runs import object_in
from .watched import Grace

#: The shared modules that locks are checked by.
LOCKS = ("lock_protocol", "attempts")
#: So long a run may take to end once its day is over.
_TO_END = timedelta(minutes=5)


@dataclass(frozen=True)
class Late:
    """A document that is due for too long. Seconds; `is_longer` says that it may have been due for longer still."""

    identity: str
    row: str
    seconds: float
    patience: float
    is_longer: bool = False


@dataclass(frozen=True)
class LockState:
    """A lock document, checked. Ages are seconds on the server's clock; `refused` are starts in vain since the owner
    last looked; `progress` is what the owner has reported, and `day` the date that its run works for."""

    owner: str
    execution: str
    age: float
    heartbeat: float
    is_stale: bool
    takeovers: int
    phase: str
    backoff: float
    progress: Mapping[str, Any] = field(default_factory=dict)
    day: str = ""
    is_of_yesterday: bool = False
    refused: int = 0
    is_crowded: bool = False
    is_dying: bool = False


@dataclass(frozen=True)
class Rules:
    """Questions about days, quiet hours and locks. `modules` are shared ones by name; without those of locks nothing
    is said of locks."""

    local_time: LocalTime = UTC_TIME
    modules: Mapping[str, Any] = field(default_factory=dict)

    #: What health.yaml may ask of documents.
    data_rules: ClassVar[tuple[str, ...]] = ("today", "newest")
    #: What the documents are that the rule `polled` checks one by one, and the attributes that it needs of them.
    noun: ClassVar[str] = "document"
    #: The attribute of a lock document with the date that its run works for; empty where there is none.
    day_field: ClassVar[str] = ""

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["modules"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def has_locks(self) -> bool:
        return all(name in self.modules for name in LOCKS)

    @property
    def polled_fields(self) -> tuple[str, ...]:
        """The attributes that `late` and `is_over` need."""
        return ()

    def day_of(self, now: datetime) -> date:
        """The day that an instant belongs to."""
        return self.local_time.day_of(now)

    def bounds(self, day: date) -> tuple[datetime, datetime]:
        """Begin and end of what belongs to a day, in UTC."""
        return self.local_time.bounds(day)

    def at(self, day: date, clock: time) -> datetime:
        """A local time of a day."""
        return self.local_time.at(day, clock)

    def is_between(self, now: datetime, begin: time, end: time) -> bool:
        """Whether it is between two local times of the day."""
        day = self.day_of(now)
        return self.at(day, begin) <= now <= self.at(day, end) + timedelta(minutes=1)

    def is_quiet(self, now: datetime) -> bool:
        return self.local_time.is_quiet(now)

    def late(self, document: Mapping[str, Any], now: datetime, grace: Grace) -> Late | None:
        """Whether a document waits for its poll for longer than is allowed. Only an extension can say."""
        raise NotImplementedError

    def is_over(self, document: Mapping[str, Any], now: datetime) -> bool:
        """Whether a document needs no poll any more. Only an extension can say."""
        raise NotImplementedError

    def numbers(self, lock: Lock) -> Any:
        return self.lock_protocol.Numbers(lock.stale_after, lock.heartbeat, lock.expiry)

    def lock_state(
        self, document: Mapping[str, Any], seen: Mapping[str, Any] | None, lock: Lock, now: datetime
    ) -> LockState:
        """A lock as a run that wants it would check it."""
        found = self.lock_protocol.read_found(document)
        at = now.timestamp()
        refused = self.attempts.read(seen)
        until = str(document.get("backoffUntil") or "")
        day = str(document.get(self.day_field) or "")
        return LockState(
            owner=found.owner,
            execution=str(document.get("executionId") or ""),
            age=max(0.0, at - found.acquired),
            heartbeat=max(0.0, at - found.touched),
            is_stale=self.lock_protocol.refusal_of(found, self.numbers(lock), at) is None,
            takeovers=found.takeovers,
            phase=found.phase or "",
            backoff=max(0.0, (instant_of(until) - now).total_seconds()) if until else 0.0,
            progress=object_in(found.progress or ""),
            day=day,
            is_of_yesterday="" < day < str(self.day_of(now - _TO_END)),
            refused=refused.starts,
            is_crowded=refused.is_crowded(self.attempts.CROWD_WINDOW),
            is_dying=found.takeovers >= self.attempts.DEATHS,
        )

    def seen_document(self, lock_id: str) -> str:
        """The id of the document that refused starts are counted in."""
        return str(self.attempts.document_of(lock_id))


def load_rules(desired: Desired) -> Rules:
    """The rules of a project. Raises IacError when its shared code is broken."""
    return Rules(desired.local_time, shared_modules(desired, LOCKS) or {})


def shared_modules(desired: Desired, names: Collection[str]) -> dict[str, Any] | None:
    """These modules of the code that the functions share, or None where it has not all of them. Raises IacError."""
    folders = {source.folder.parent / SHARED for source in desired.code.values()}
    for folder in sorted(folders):
        if all((folder / f"{name}.py").is_file() for name in names):
            return {name: _module(folder, name) for name in names}
    return None


def _module(folder: Path, name: str) -> Any:
    """A module of the folder, as part of a package that is named after the folder: modules import each other."""
    package = f"_raceday_shared_{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"
    if package not in sys.modules:
        holder = ModuleType(package)
        holder.__path__ = [str(folder)]
        sys.modules[package] = holder
    try:
        return import_module(f"{package}.{name}")
    except (ImportError, SyntaxError, AttributeError) as error:
        raise IacError(f"The shared code {folder / name}.py cannot be used: {error}.") from None

"""The rules that the functions themselves go by, taken from where they are written: `functions/_shared/`.

When a race has to be polled, which day is being raced, and whether a lock may be taken over is decided by one piece of
code. It is imported from the project's folder, not copied: what is watched is what really runs.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import IacError
from ..model.declarations import Lock
from ..model.resource import Desired
from ..packaging.bundle import SHARED
from .observations import moment
from .runs import object_in
from .watched import Grace

_NEEDED = ("due", "card", "nz_time", "lock_protocol", "attempts")
#: How far back the beginning of a delay is looked for, and in which steps. Seconds.
_LONGEST, _STEP = 7200, 15
#: So long a run may take to end once its racing day is over.
_TO_END = timedelta(minutes=5)


@dataclass(frozen=True)
class Late:
    """A race that is due for too long. Seconds; `is_longer` tells that it may have been due for longer still."""

    race: str
    row: str
    seconds: float
    patience: float
    is_longer: bool = False


@dataclass(frozen=True)
class LockState:
    """A lock document, judged. Ages are seconds on the server's clock; `refused` are starts in vain since the owner
    last looked; `progress` is what the owner has told, and `nz_date` the New Zealand date of its run."""

    owner: str
    execution: str
    age: float
    heartbeat: float
    is_stale: bool
    takeovers: int
    phase: str
    backoff: float
    progress: Mapping[str, Any] = field(default_factory=dict)
    nz_date: str = ""
    is_of_yesterday: bool = False
    refused: int = 0
    is_crowded: bool = False
    is_dying: bool = False


@dataclass(frozen=True)
class Rules:
    """The shared modules, and questions to them."""

    modules: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.modules[name]
        except KeyError:
            raise AttributeError(name) from None

    def racing_day(self, now: datetime) -> date:
        day: date = self.nz_time.racing_day(now)
        return day

    def card_bounds(self, day: date) -> tuple[datetime, datetime]:
        """Begin and end of a day's card, in UTC."""
        begin, end = self.card.bounds(day)
        return begin, end

    def at(self, day: date, clock: Any) -> datetime:
        """A time of a New Zealand day."""
        return datetime.combine(day, clock, self.nz_time.ZONE)

    def is_quiet(self, now: datetime) -> bool:
        return bool(self.nz_time.is_quiet(now))

    @property
    def race_fields(self) -> tuple[str, ...]:
        return tuple(self.card.FIELDS)

    def late(self, document: Mapping[str, Any], now: datetime, grace: Grace) -> Late | None:
        """Whether a stored race waits for its poll for longer than is allowed."""
        race, day, at = self.card.card_race(dict(document)), self.racing_day(now), now.timestamp()
        begin = self.card.polled_from(race, day)
        row = self.due.phase(race, at)
        if at < begin or row == "over" or not self.due.is_due(race, at, begin):
            return None
        earliest = max(begin, race.polled or begin)
        since = at
        while since - _STEP >= earliest and at - since < _LONGEST and self.due.is_due(race, since - _STEP, begin):
            since -= _STEP
        is_urgent = self.due.INTERVALS[row] <= 60
        patience = (grace.urgent_poll if is_urgent else grace.poll).total_seconds()
        waited = at - since
        return Late(race.identity, row, waited, patience, waited >= _LONGEST) if waited > patience else None

    def numbers(self, lock: Lock) -> Any:
        return self.lock_protocol.Numbers(lock.stale_after, lock.heartbeat, lock.expiry)

    def lock_state(
        self, document: Mapping[str, Any], seen: Mapping[str, Any] | None, lock: Lock, now: datetime
    ) -> LockState:
        """A lock as a run that wants it would judge it."""
        found = self.lock_protocol.read_found(document)
        at = now.timestamp()
        refused = self.attempts.read(seen)
        until = str(document.get("backoffUntil") or "")
        nz_date = str(document.get("nzDate") or "")
        return LockState(
            owner=found.owner,
            execution=str(document.get("executionId") or ""),
            age=max(0.0, at - found.acquired),
            heartbeat=max(0.0, at - found.touched),
            is_stale=self.lock_protocol.judge(found, self.numbers(lock), at) is None,
            takeovers=found.takeovers,
            phase=found.phase or "",
            backoff=max(0.0, (moment(until) - now).total_seconds()) if until else 0.0,
            progress=object_in(found.progress or ""),
            nz_date=nz_date,
            is_of_yesterday="" < nz_date < str(self.racing_day(now - _TO_END)),
            refused=refused.starts,
            is_crowded=refused.is_crowded(self.attempts.CROWD_WINDOW),
            is_dying=found.takeovers >= self.attempts.DEATHS,
        )

    def seen_document(self, lock_id: str) -> str:
        """The id of the document that refused starts are counted in."""
        return str(self.attempts.document_of(lock_id))


def load_rules(desired: Desired) -> Rules | None:
    """The rules of a project, or None for one whose functions share no such code. Raises IacError when it is broken."""
    folders = {source.folder.parent / SHARED for source in desired.code.values()}
    for folder in sorted(folders):
        if all((folder / f"{name}.py").is_file() for name in _NEEDED):
            return Rules({name: _module(folder, name) for name in _NEEDED})
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


def nz_window(rules: Rules, now: datetime, begin: Any, end: Any) -> bool:
    """Whether it is between two times of the racing day."""
    day = rules.racing_day(now)
    return rules.at(day, begin) <= now <= rules.at(day, end) + timedelta(minutes=1)

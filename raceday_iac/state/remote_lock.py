"""The lock of remote state: a text with its owner that is renewed while the owner lives, and may be taken over when it
was not renewed for as long as it says.

Ages are told by the store's clock, so no two machines' clocks are ever compared. A clock that lies all the same can
only make a lock be taken over too early; then fencing (see remote.py) refuses the late writer's save.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..errors import FencedError, IacError, LockedError
from ..storage import HeldText, Shelf, TakenError
from .provenance import Owner
from .store import LockInfo

_log = logging.getLogger(__name__)

#: Said of a lock whose age is not known.
UNDATED = "how old it is nobody knows, for the server does not tell its time (no `Date` in its answers)"
#: Renewals in the time after which a lock counts as left behind.
_RENEWALS = 3
#: Seconds for which a renewal vouches for a save: within them nobody saves so often that the history forgets the serial
#: that refuses a late writer.
_FRESH = 10.0
#: How often a race for a free lock is tried.
_ATTEMPTS = 3


def elapsed() -> float:
    """Seconds that also pass while the machine sleeps, where the system can tell."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@dataclass
class _Held:
    """The lock of this process: its text without the beat, the tag of its last version, and when that was written."""

    content: dict[str, Any]
    tag: str
    renewed: float
    beat: int = 1

    @property
    def text(self) -> str:
        return json.dumps({**self.content, "beat": self.beat})


class RemoteLock:
    """The lock on a shelf. `expiry` is in seconds; thread-safe."""

    def __init__(
        self,
        shelf: Shelf,
        owner: Owner,
        expiry: float,
        clock: Callable[[], float] = elapsed,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._shelf = shelf
        self._owner = owner
        self._expiry = expiry
        self._clock = clock
        self._now = now
        self._held: _Held | None = None
        self._lost = ""
        self._changing = threading.RLock()
        self._stop = threading.Event()

    def take(self, reason: str) -> LockInfo | None:
        """Take it, or raise LockedError. Returns whom it was taken over from, when it had expired."""
        for _ in range(_ATTEMPTS):
            found = self._shelf.read_lock()
            holder = parse(found)
            if holder is not None and not holder.expired:
                raise LockedError(
                    f"The state of this environment is locked by {holder}. Nothing was changed.",
                    hint=f"wait for it to end; {_expiry_hint(holder)}",
                )
            held = _Held(self._content(reason), "", 0.0)
            with suppress(TakenError):
                held.tag = self._shelf.write_lock(held.text, found.tag if found else "")
                held.renewed = self._clock()
                self._held, self._lost = held, ""
                self._stop.clear()
                threading.Thread(target=self._keep, args=(held,), name="state-lock", daemon=True).start()
                return holder
        raise LockedError(
            "The state of this environment was locked by somebody else just now. Nothing was changed.",
            hint="run the command again",
        )

    def release(self) -> None:
        """Give it back. One that was lost is somebody else's and stays."""
        self._stop.set()
        with self._changing:
            held, self._held = self._held, None
            if held is None or self._lost:
                return
            try:
                self._shelf.write_lock(_free(), held.tag)
            except TakenError:
                return
            except IacError as error:
                _log.warning("The lock could not be released, it expires by itself: %s", error.message)

    def check(self) -> None:
        """Raises FencedError when it is this process's no more. Without a lock held there is nothing to lose."""
        with self._changing:
            held = self._held
            if held is not None and not self._lost and self._clock() - held.renewed > _FRESH:
                self._renew(held)
            if self._lost:
                raise FencedError(self._lost, hint="run plan again; what was already done on Appwrite is adopted")

    def holder(self) -> LockInfo | None:
        """Who holds it, also one who has expired."""
        return parse(self._shelf.read_lock())

    def seize(self, lock_id: str) -> None:
        """Set it free, whoever holds it. Raises LockedError when it is another one than `lock_id` (empty: any)."""
        for _ in range(_ATTEMPTS):
            found = self._shelf.read_lock()
            holder = parse(found)
            if found is None or holder is None:
                return
            if lock_id and holder.id != lock_id:
                raise LockedError(f"The lock is another one by now ({holder.id}): {holder}. It was not released.")
            with suppress(TakenError):
                self._shelf.write_lock(_free(), found.tag)
                return
        raise LockedError("The lock is being renewed all the time. It was not released.", hint="try again")

    def _keep(self, held: _Held) -> None:
        """Renew until released or lost."""
        while not self._stop.wait(self._expiry / _RENEWALS):
            with self._changing:
                if self._held is not held or self._lost:
                    return
                self._renew(held)

    def _renew(self, held: _Held) -> None:
        held.beat += 1
        try:
            held.tag = self._shelf.write_lock(held.text, held.tag)
            held.renewed = self._clock()
        except TakenError:
            holder = self._look()
            whose = f"{holder} took it over" if holder else "it was released"
            self._lost = (
                f"The lock of this run ({held.content['reason']}, {held.content['since']}) is no longer its own: "
                f"{whose}. What it was about to save was refused."
            )
        except IacError as error:
            _log.info("The lock could not be renewed: %s", error.message)

    def _look(self) -> LockInfo | None:
        with suppress(IacError):
            return self.holder()
        return None

    def _content(self, reason: str) -> dict[str, Any]:
        return {
            "id": uuid.uuid4().hex[:12],
            "reason": reason,
            "owner": str(self._owner),
            "pid": self._owner.pid,
            "run": self._owner.run,
            "since": f"{self._now():%Y-%m-%d %H:%M:%S} UTC",
            "expiry": self._expiry,
        }


def parse(found: HeldText | None) -> LockInfo | None:
    """Who holds a lock; None when it is free. What cannot be read counts as held by somebody unknown, for ever. One of
    unknown age does not expire."""
    if found is None:
        return None
    try:
        content = json.loads(found.text)
        if "free" in content:
            return None
        return LockInfo(
            id=str(content["id"]),
            reason=str(content["reason"]),
            owner=str(content["owner"]),
            pid=int(content["pid"]),
            since=str(content["since"]),
            run=str(content.get("run") or ""),
            age=found.age,
            expires_in=float("inf") if found.age is None else float(content["expiry"]) - found.age,
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return LockInfo(
            "", "something", "somebody unknown", 0, "an unknown time", age=found.age, expires_in=float("inf")
        )


def _free() -> str:
    """Never twice the same, for the tag of a text must mean this very text."""
    return json.dumps({"free": uuid.uuid4().hex})


def _expiry_hint(holder: LockInfo) -> str:
    if holder.age is None:
        return f"{UNDATED}; if it is dead: raceday-iac state lock release {holder.id}".rstrip()
    if holder.expires_in is None or holder.expires_in == float("inf"):
        return f"if it is dead: raceday-iac state lock release {holder.id}".rstrip()
    seconds = max(1, round(holder.expires_in))
    return f"if it is dead, its lock expires in {seconds} s, or now with: raceday-iac state lock release {holder.id}"

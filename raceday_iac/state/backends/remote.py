"""State in a backend that many machines share. Each save creates the next serial, so that of two writers one wins.

Fencing: who takes over a lock first saves the state unchanged as the next serial. Whatever the late holder then tries
to save has a serial that exists, and is refused. For the same reason the first serial of each run is kept as long as
the run's last one: a writer that starts from the same state as another always meets it. The history is long enough
that a serial is not forgotten while somebody who has not looked at his lock since could still save it.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ...errors import FencedError, IacError, LockedError, ProviderError, StateError
from ..codec import Codec, Decoded, Journal
from ..document import Owner, Saved, State, new_state, this_process
from ..encryption import KeyInUse, cipher_of
from ..store import LockInfo, Version
from .base import Access, LockRecord, PreconditionFailed, SharedSettings, StateBackend, StateVersion
from .local import not_kept

# The lock of remote state: a text with its owner that is renewed while the owner lives, and may be taken over when it
# was not renewed for as long as it says.
#
# Ages are measured by the store's clock, so no two machines' clocks are ever compared. A clock that lies all the same
# can only make a lock be taken over too early; then fencing (see remote.py) refuses the late writer's save.


_log = logging.getLogger(__name__)

#: How many states are kept, and the seconds without a sign of life after which a lock may be taken over.
KEEP, LOCK_EXPIRY = 20, 300.0
#: How often a fence is tried beside a run that saves all the time.
_FENCE_ATTEMPTS = 20


def open_remote(backend: StateBackend, settings: SharedSettings, access: Access) -> RemoteState:
    """The state in a backend, with the settings that all shared backends have."""
    codec = Codec(cipher_of(settings.encryption, access.variables))
    journal = Journal(access.folder / "journal.jsonl")
    return RemoteState(backend, journal, codec, settings.keep, settings.lock_expiry)


class RemoteState:
    """The state of one environment in a shared backend; the journal stays on this machine."""

    def __init__(
        self,
        backend: StateBackend,
        journal: Journal,
        codec: Codec | None = None,
        keep: int = KEEP,
        lock_expiry: float = LOCK_EXPIRY,
        owner: Owner | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._backend = backend
        self._journal = journal
        self._codec = codec or Codec()
        self._keep = max(2, keep)
        self._owner = owner or this_process()
        self._now = now
        self._lock = RemoteLock(backend, self._owner, lock_expiry)
        #: The serial that was the newest when this store looked last; the first and last that it saved in this run; and
        #: why it may save no more.
        self._seen: int | None = None
        self._first: int | None = None
        self._last: int | None = None
        self._refused: FencedError | None = None
        self._begin("")

    @property
    def where(self) -> str:
        return self._backend.where

    def read(self) -> State:
        """See `StateStore.read`. One request or two."""
        newest = self._backend.newest()
        self._seen = newest.serial if newest else 0
        return new_state() if newest is None else self._decode(newest).state

    def write(self, state: State) -> None:
        """See `StateStore.write`."""
        self._lock.check()
        text, note = self._encoded(state, self._command)
        try:
            self._must_follow(state.serial)
            self._backend.add(StateVersion(state.serial, note, text))
            self._tidy(state.serial)
            self._seen = state.serial
        except PreconditionFailed:
            self._refused = self._refused or self._overtaken(state.serial)
            raise self._refused from None
        except ProviderError as error:
            raise StateError(
                f"The state could not be saved to {self.where}: {error.message} The state saved last is intact.",
                hint="run apply again: it adopts what was already done",
            ) from None

    def keep_backup(self) -> None:
        """The state that a run starts from stays in the history."""

    def append_journal(self, line: str) -> None:
        """See `StateStore.append_journal`."""
        self._lock.check()
        self._journal.append(line)

    def interrupted_changes(self) -> list[str]:
        return self._journal.interrupted_changes()

    def clear_journal(self) -> None:
        self._journal.clear()

    @contextmanager
    def locked(self, reason: str) -> Iterator[None]:
        """See `StateStore.locked`."""
        dead = self._lock.take(reason)
        try:
            self._begin(reason)
            if dead is not None:
                self._fence(f"{reason}, after {dead.reason} by {dead.owner} had lost its lock")
            yield
        finally:
            self._lock.release()

    def lock_holder(self) -> LockInfo | None:
        return self._lock.holder()

    def release_lock(self, lock_id: str) -> None:
        """See `StateStore.release_lock`. Fenced first: from then on the holder can save no more."""
        holder = self._lock.holder()
        if holder is not None and lock_id in ("", holder.id):
            self._begin("state lock release")
            self._fence(f"state lock release, of {holder.reason} by {holder.owner}")
        self._lock.seize(lock_id)

    def history(self) -> Sequence[Version]:
        """See `StateStore.history`."""
        versions = [_described(version) for version in self._backend.versions()]
        self._seen = versions[0].serial if versions else 0
        kept = [each for newer, each in zip([None, *versions], versions, strict=False) if not _same_run(newer, each)]
        return [replace(each, current=number == 0) for number, each in enumerate(kept)]

    def version(self, serial: int) -> State:
        """See `StateStore.version`."""
        version = self._backend.read(serial)
        if version is None:
            raise not_kept(serial)
        return self._decode(version).state

    def rewrite_history(self) -> int:
        """See `StateStore.rewrite_history`."""
        done = 0
        for serial in self._backend.serials()[1:]:
            version = self._backend.read(serial)
            if version is not None:
                found = self._decode(version)
                self._backend.replace(replace(version, text=self._codec.encode(found.state, found.saved)))
                done += 1
        return done

    def key_in_use(self) -> KeyInUse | None:
        return self._codec.key_in_use

    def _begin(self, command: str) -> None:
        """A new run: its saves belong together."""
        self._command, self._session = command, uuid.uuid4().hex
        self._first, self._last, self._refused = None, None, None

    def _fence(self, command: str) -> None:
        """Save the state as it is under the next serial, so that nobody else can save that one."""
        for _ in range(_FENCE_ATTEMPTS):
            newest = self._backend.newest()
            state = new_state() if newest is None else self._decode(newest).state
            fence = replace(state, serial=state.serial + 1)
            text, note = self._encoded(fence, command)
            try:
                self._backend.add(StateVersion(fence.serial, note, text))
                self._must_be_newest(fence.serial)
            except PreconditionFailed:
                continue
            self._first = self._last = self._seen = fence.serial
            return
        raise FencedError(
            f"The state in {self.where} is saved again and again by somebody else.",
            hint="run the command again",
            unchanged=True,
        )

    def _must_follow(self, serial: int) -> None:
        """Only the very next serial proves by being free that nobody has saved meanwhile. For another one, look. Raises
        PreconditionFailed; and once that has happened, for good: the serial after a refused one is free."""
        if self._refused is not None:
            raise PreconditionFailed("an earlier save was refused")
        if self._seen is not None and serial != self._seen + 1:
            serials = self._backend.serials()
            if (serials[0] if serials else 0) != self._seen:
                raise PreconditionFailed("somebody else has saved")

    def _tidy(self, serial: int) -> None:
        """Let go of what nobody needs: between the first and the last save of a run, and beyond the history's length.
        Raises PreconditionFailed when the first save of a run is not the newest."""
        previous, self._last = self._last, serial
        if self._first is None:
            self._first = serial
            unwanted = self._must_be_newest(serial)[self._keep :]
        else:
            unwanted = [] if previous in (None, self._first, serial) else [int(previous or 0)]
        for each in unwanted:
            try:
                self._backend.remove(each)
            except IacError as error:
                _log.info("Serial %d could not be deleted: %s", each, error.message)

    def _must_be_newest(self, serial: int) -> Sequence[int]:
        """All serials, when the one just saved is the newest. An old one may have been free because it was let go of;
        then it is taken away again. Raises PreconditionFailed."""
        serials = self._backend.serials()
        if serials and serials[0] > serial:
            self._backend.remove(serial)
            raise PreconditionFailed("a newer one exists")
        if serial not in serials:
            raise StateError(f"{self.where} does not keep what is written to it: serial {serial} is missing.")
        return serials

    def _overtaken(self, serial: int) -> FencedError:
        newest = self._backend.newest()
        by = ""
        if newest is not None:
            saved = Saved.from_json(_note(newest))
            by = f" ({saved.command or 'a run'} by {saved.by}, {saved.at})"
        return FencedError(
            f"The save of serial {serial} was refused: somebody else has saved since it was read; {self.where} is now "
            f"at serial {newest.serial if newest else serial}{by}.",
            hint="run plan again; what was already done on Appwrite is adopted",
        )

    def _encoded(self, state: State, command: str) -> tuple[str, str]:
        """The text, and the note: the lineage with how the state came to be."""
        at = self._now().isoformat(timespec="seconds")
        count = len(state.entries)
        saved = Saved(at, str(self._owner), command, self._owner.run, self._session, count)
        return self._codec.encode(state, saved), json.dumps({"lineage": state.lineage, **saved.to_json()})

    def _decode(self, version: StateVersion) -> Decoded:
        try:
            return self._codec.decode(version.text)
        except StateError as error:
            raise StateError(
                f"Serial {version.serial} of the state in {self.where} cannot be used: {error}.",
                hint=error.hint
                or "restore an earlier one: raceday-iac state history, then: raceday-iac state restore SERIAL",
                unchanged=True,
            ) from None


def _note(version: StateVersion) -> object:
    try:
        return json.loads(version.note)
    except (ValueError, RecursionError):
        return {}


def _described(version: StateVersion) -> Version:
    note = _note(version)
    lineage = str(note.get("lineage") or "") if isinstance(note, dict) else ""
    return Version(version.serial, lineage, Saved.from_json(note))


def _same_run(newer: Version | None, older: Version) -> bool:
    """Whether `newer` makes the older one a mere step on the way."""
    return newer is not None and bool(older.saved.session) and newer.saved.session == older.saved.session


#: Said of a lock whose age is not known.
UNDATED = "its age is unknown, because the server does not send its time (no `Date` in its answers)"
#: Renewals in the time after which a lock counts as left behind.
_RENEWALS = 3
#: Seconds for which a renewal vouches for a save: within them nobody saves so often that the history forgets the serial
#: that refuses a late writer.
_FRESH = 10.0
#: How often a race for a free lock is tried.
_ATTEMPTS = 3


def elapsed() -> float:
    """Seconds by a clock that also runs while the machine sleeps, if the system has one."""
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
    """The lock in a backend. `expiry` is in seconds; thread-safe."""

    def __init__(
        self,
        backend: StateBackend,
        owner: Owner,
        expiry: float,
        clock: Callable[[], float] = elapsed,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._backend = backend
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
            found = self._backend.read_lock()
            holder = parse(found)
            if holder is not None and not holder.expired:
                raise LockedError(
                    f"The state of this environment is locked by {holder}.",
                    hint=f"wait for it to end; {_expiry_hint(holder)}",
                    unchanged=True,
                )
            held = _Held(self._content(reason), "", 0.0)
            with suppress(PreconditionFailed):
                held.tag = self._backend.write_lock(held.text, found.tag if found else "")
                held.renewed = self._clock()
                self._held, self._lost = held, ""
                self._stop.clear()
                threading.Thread(target=self._keep, args=(held,), name="state-lock", daemon=True).start()
                return holder
        raise LockedError(
            "The state of this environment was locked by somebody else just now.",
            hint="run the command again",
            unchanged=True,
        )

    def release(self) -> None:
        """Release the lock. A lock that was lost belongs to somebody else and stays."""
        self._stop.set()
        with self._changing:
            held, self._held = self._held, None
            if held is None or self._lost:
                return
            try:
                self._backend.write_lock(_free(), held.tag)
            except PreconditionFailed:
                return
            except IacError as error:
                _log.warning("The lock could not be released, it expires by itself: %s", error.message)

    def check(self) -> None:
        """Raises FencedError when this process has lost the lock. Without a lock there is nothing to check."""
        with self._changing:
            held = self._held
            if held is not None and not self._lost and self._clock() - held.renewed > _FRESH:
                self._renew(held)
            if self._lost:
                raise FencedError(self._lost, hint="run plan again; what was already done on Appwrite is adopted")

    def holder(self) -> LockInfo | None:
        """Who holds it, also one who has expired."""
        return parse(self._backend.read_lock())

    def seize(self, lock_id: str) -> None:
        """Release the lock, whoever holds it. Raises LockedError when it is another one than `lock_id` (empty: any)."""
        for _ in range(_ATTEMPTS):
            found = self._backend.read_lock()
            holder = parse(found)
            if found is None or holder is None:
                return
            if lock_id and holder.id != lock_id:
                raise LockedError(f"The lock has changed ({holder.id}): {holder}. It was not released.")
            with suppress(PreconditionFailed):
                self._backend.write_lock(_free(), found.tag)
                return
        raise LockedError("The lock is renewed again and again. It was not released.", hint="try again")

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
            held.tag = self._backend.write_lock(held.text, held.tag)
            held.renewed = self._clock()
        except PreconditionFailed:
            holder = self._look()
            whose = f"{holder} took it over" if holder else "it was released"
            self._lost = (
                f"This run has lost its lock ({held.content['reason']}, {held.content['since']}): "
                f"{whose}. Its save was refused."
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


def parse(found: LockRecord | None) -> LockInfo | None:
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
    """Never twice the same, because the tag of a text must mean this very text."""
    return json.dumps({"free": uuid.uuid4().hex})


def _expiry_hint(holder: LockInfo) -> str:
    if holder.age is None:
        return f"{UNDATED}; if it is dead: raceday-iac state lock release {holder.id}".rstrip()
    if holder.expires_in is None or holder.expires_in == float("inf"):
        return f"if it is dead: raceday-iac state lock release {holder.id}".rstrip()
    seconds = max(1, round(holder.expires_in))
    return f"if it is dead, its lock expires in {seconds} s, or now with: raceday-iac state lock release {holder.id}"

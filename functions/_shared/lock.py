"""The execution lock of a function: taken before anything else is imported, kept by a thread, given back at the end.

The protocol itself is in `lock_protocol`; here are the requests, the heartbeat thread and what a function calls.
A run must ask `check()` (or `writable()`) before each write, put `fence()` first into each transaction (`documents`
does both), and plan its work to end before `remaining()` is zero.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping

from . import lock_protocol as protocol
from .backoff import Backoff
from .connection import Credentials, NotSent, Sender, Unclear, cleaned
from .lock_protocol import Claim, LockDenied, LockStoreMissing, LockStoreUnfit, LockUnclear, Refusal
from .runtime import REAL, Runtime, Task
from .typed import Any, NamedTuple

__all__ = [
    "Lock",
    "LockDenied",
    "LockLost",
    "LockStoreMissing",
    "LockStoreUnfit",
    "LockUnclear",
    "Refusal",
    "Settings",
    "acquire",
    "load_settings",
    "new_owner",
]

#: Size of the attribute that holds progress.
PROGRESS_LIMIT = 5000
_WAITS = Backoff(base=0.05, cap=2.0)
#: A heartbeat whose fate is unclear is tried again after this many seconds rather than after a whole period.
_RETRY_HEARTBEAT = 2.0
#: Seconds between two looks whether another thread is done.
_PAUSE = 0.02
#: Many more than one lock ever has beside it.
_LISTED = 500


class LockLost(Exception):
    """This run may not write any more: taken over, expired, or without a heartbeat for too long."""


class Settings(NamedTuple):
    """The content of `lock.json`, which is generated from the stack when the bundle is packaged."""

    function: str
    lock_id: str
    database_id: str
    collection_id: str
    numbers: protocol.Numbers
    check_target_ms: float | None = None


def load_settings(folder: str) -> Settings:
    """Read `lock.json` from the folder of the entry module."""
    with open(os.path.join(folder, "lock.json"), encoding="utf-8") as file:
        raw = json.load(file)
    numbers = protocol.Numbers(raw["staleAfterSeconds"], raw["heartbeatSeconds"], raw["expirySeconds"])
    ids = (raw["function"], raw["lockId"], raw["databaseId"], raw["collectionId"])
    return Settings(*ids, numbers, raw.get("checkTargetMs"))


def new_owner() -> str:
    """A name for this attempt to run, 32 characters. Not the execution id: a queue may deliver one twice."""
    return os.urandom(16).hex()


def acquire(
    settings: Settings,
    credentials: Credentials,
    execution: str,
    *,
    nz_date: str | None = None,
    runtime: Runtime = REAL,
    owner: Callable[[], str] = new_owner,
) -> Lock | Refusal:
    """Take the lock, or say who holds it. `nz_date` is the racing day that the run is for.

    Raises `LockStoreMissing`, `LockStoreUnfit`, `LockDenied`, `LockUnclear`.
    """
    store = _Store(settings, credentials, runtime)
    claim = Claim(owner(), execution[:36], settings.lock_id, nz_date, runtime.machine())
    try:
        outcome = store.run(protocol.acquiring(claim, settings.numbers))
    except BaseException:
        store.close()
        raise
    if isinstance(outcome, Refusal):
        store.close()
        return outcome
    return Lock(outcome, store, runtime)


class _Store:
    """Carries out what the protocol asks for, on one connection. Not for two threads at once."""

    def __init__(self, settings: Settings, credentials: Credentials, runtime: Runtime) -> None:
        self._documents = f"/databases/{settings.database_id}/collections/{settings.collection_id}/documents"
        self.settings = settings
        self._sender: Sender = runtime.connect(credentials)
        self._key = credentials.key
        self._runtime = runtime
        self.requests = 0
        #: The count of refused starts, as it was when the fence was made.
        self.seen: dict[str, Any] | None = None
        #: What the last answer that said nothing was.
        self._trouble = ""

    def run(self, steps: protocol.Steps) -> Any:
        """Drive one operation of the protocol to its end."""
        reply: protocol.Reply | None = None
        try:
            while True:
                step = steps.send(reply)  # type: ignore[arg-type]
                if isinstance(step, protocol.Pause):
                    self._runtime.sleep(_WAITS.wait(step.attempt, self._runtime.draw))
                    reply = None
                else:
                    reply = self._ask(step)
        except StopIteration as end:
            return end.value
        except LockUnclear as reason:
            raise LockUnclear(f"{reason}; the last was: {self._trouble}" if self._trouble else str(reason)) from None

    def close(self) -> None:
        self._sender.close()

    def _ask(self, ask: protocol.Ask) -> protocol.Reply:
        method, path, body = self._request(ask)
        headers = {} if ask.unless_newer_than is None else {"X-Appwrite-Timestamp": ask.unless_newer_than}
        asked_at, wall = self._runtime.clock(), self._runtime.now()
        self.requests += 1
        try:
            answer = self._sender.send(method, path, body, headers)
            document = answer.document()
            if answer.status < 300:
                document = self._understood(ask, document)
        except (NotSent, Unclear) as reason:
            self._trouble = cleaned(str(reason), self._key)
            return protocol.Reply(0, {}, None, asked_at, wall)
        if answer.status >= 400:
            self._trouble = cleaned(f"{answer.status} {document['type']}: {document['message']}", self._key)
        return protocol.Reply(answer.status, document, answer.server_time(), asked_at, wall)

    def _request(self, ask: protocol.Ask) -> tuple[str, str, Any]:
        name = self._document_of(ask)
        one = f"{self._documents}/{name}"
        if ask.verb == "create":
            return "POST", self._documents, {"documentId": name, "data": ask.data}
        if ask.verb == "list":
            return "GET", f"{self._documents}?{_queries(name, self._beside('seen'))}", None
        method = {"read": "GET", "recall": "GET", "change": "PATCH", "note": "PUT", "remove": "DELETE"}[ask.verb]
        return method, one, None if ask.data is None else {"data": ask.data}

    def _understood(self, ask: protocol.Ask, document: dict[str, Any]) -> dict[str, Any]:
        """What a success says, after a look whether it can be the answer to this. Raises `Unclear`."""
        try:
            if ask.verb == "list":
                return self._sorted(document)
            if ask.verb != "remove" and document["$id"] != self._document_of(ask):
                raise ValueError(f"of {document['$id']!r}")
            if ask.verb in ("create", "read", "change") and not ask.fence:
                protocol.read_found(document)
        except (KeyError, TypeError, ValueError) as error:
            raise Unclear(f"an answer that is not the lock store's: {type(error).__name__} {error}") from None
        return document

    def _document_of(self, ask: protocol.Ask) -> str:
        beside = self._beside("watch") if ask.verb in ("recall", "note") else ""
        return ask.fence or beside or self.settings.lock_id

    def _sorted(self, listed: dict[str, Any]) -> dict[str, Any]:
        documents = {str(each["$id"]): each for each in listed["documents"]}
        if listed["total"] > len(documents):
            raise ValueError(f"{listed['total']} documents belong to the lock")
        found = documents.pop(self.settings.lock_id, None)
        if found is not None:
            protocol.read_found(found)
        self.seen = documents.pop(self._beside("seen"), None)
        return {"lock": found, "fences": sorted(documents)}

    def _beside(self, what: str) -> str:
        """The id of another document of this function: `<function>-lock` becomes `<function>-seen`."""
        return f"{self.settings.lock_id.removesuffix('-lock')}-{what}"


def _queries(lock_id: str, seen_id: str) -> str:
    """Everything that belongs to a lock: itself, its fences, and the count of refused starts."""
    from urllib.parse import urlencode  # noqa: PLC0415 - not needed to take a free lock

    named = [
        {"method": "equal", "attribute": "lock", "values": [lock_id]},
        {"method": "equal", "attribute": "$id", "values": [lock_id, seen_id]},
    ]
    queries = [{"method": "or", "values": named}, {"method": "limit", "values": [_LISTED]}]
    return urlencode([("queries[]", json.dumps(each, separators=(",", ":"))) for each in queries])


class Lock:
    """A held lock. Use it in a `with` statement: entering starts the heartbeat, leaving gives the lock back."""

    def __init__(self, lease: protocol.Lease, store: _Store, runtime: Runtime) -> None:
        self._lease = lease
        self._store = store
        self._runtime = runtime
        self._fields: dict[str, Any] = {}
        #: Who may use the connection of the store.
        self._turn = Turn(runtime)
        #: Who may have a transaction under way: two at once on one fence would be a conflict.
        self.commits = Turn(runtime)
        self._stopping = runtime.event()
        self._thread: Task | None = None
        self.released = False
        #: Whether the document is known to be gone since the release.
        self.gave_back = False
        self._giving_back = False

    @property
    def lease(self) -> protocol.Lease:
        return self._lease

    @property
    def settings(self) -> Settings:
        return self._store.settings

    @property
    def requests(self) -> int:
        """Requests made for the lock so far."""
        return self._store.requests

    @property
    def seen(self) -> Mapping[str, Any] | None:
        """The document that refused starts are counted in, as it was when the fence was made."""
        return self._store.seen

    @property
    def inherited(self) -> dict[str, Any]:
        """Progress left by a run that died, when the lock was taken over from it on the same racing day."""
        return read_progress(self._lease.inherited)

    def __enter__(self) -> Lock:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def start(self) -> None:
        """Start the heartbeat thread."""
        self._thread = self._runtime.start(self._keep, "lock-heartbeat")

    def writable(self) -> bool:
        """Whether this run may write at this instant."""
        return not self._giving_back and self._lease.writable(self._runtime.clock())

    def check(self) -> None:
        """Raise `LockLost` unless this run may write at this instant."""
        if not self.writable():
            raise LockLost(self._lease.lost or "the lease ran out")

    def fence(self) -> str:
        """The id of the document that each transaction of this run has to change first. The first call makes it.

        Raises `LockLost`, and what `acquire` raises.
        """
        self.check()
        if not self._lease.is_open:
            with self._turn:
                if not self._lease.is_open:
                    self._store.run(protocol.opening(self._lease))
                    if self._lease.fence != protocol.fence_of(self._lease.owner):
                        self._fields["fence"] = self._lease.fence
            self.check()
        return self._lease.fence

    def confirm(self) -> None:
        """Raise `LockLost` unless lock and fence are found on the server. For whoever learned that a document that
        its transaction wanted to change is not there."""
        with self._turn:
            self._store.run(protocol.confirming(self._lease))
        self.check()

    def remaining(self) -> float:
        """Seconds until the hard end of this run (not negative); plan the work to be done by then."""
        return max(0.0, self._lease.deadline - self._runtime.clock()) if self._lease.lost is None else 0.0

    def report(
        self,
        progress: Mapping[str, Any] | None = None,
        *,
        phase: str | None = None,
        nz_date: str | None = None,
        backoff_until: str | None = None,
        now: bool = False,
    ) -> None:
        """Put progress into the next heartbeat; with `now` send one at once (a checkpoint).

        `backoff_until` (an instant) asks whoever starts this function to wait until then.
        """
        if phase is not None:
            self._fields["phase"] = phase[:64]
        if progress is not None:
            self._fields["progress"] = fitted(progress)
        if nz_date is not None:
            self._fields["nzDate"] = nz_date
        if backoff_until is not None:
            self._fields["backoffUntil"] = backoff_until
        if now:
            self.beat()

    def beat(self) -> bool:
        """Send one heartbeat. False when it was not confirmed; `check()` shows whether that matters yet."""
        # One at a time, and nobody waits for another's: progress that comes too late for it is in the next one.
        if not self._turn.try_it():
            return False
        try:
            if self.released or self._lease.lost is not None:
                return False
            return bool(self._store.run(protocol.beating(self._lease, dict(self._fields))))
        finally:
            self._turn.give_back()

    def release(self) -> bool:
        """Stop the heartbeat, then remove the lock if it is still ours. True when it is gone."""
        # First of all: a worker that is still running must not write while somebody else may get the lock.
        self._giving_back = True
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with self._turn:
            if self.released:
                return self.gave_back
            self.gave_back = bool(self._store.run(protocol.releasing(self._lease)))
            self.released = True
            self._store.close()
            return self.gave_back

    def _keep(self) -> None:
        wait = self._lease.numbers.heartbeat
        while not self._stopping.wait(wait):
            if not self.writable():
                self._lease.lost = self._lease.lost or "the lease ran out"
                return
            renewed = self.beat()
            wait = self._lease.numbers.heartbeat if renewed else min(_RETRY_HEARTBEAT, self._lease.numbers.heartbeat)


class Turn:
    """One thread at a time. Waiting takes time of the runtime, so it ends in a simulated one too."""

    def __init__(self, runtime: Runtime) -> None:
        import threading  # noqa: PLC0415 - a run that is refused needs none

        self._taken, self._runtime = threading.Lock(), runtime

    def try_it(self) -> bool:
        """Whether it is ours now."""
        return self._taken.acquire(blocking=False)

    def give_back(self) -> None:
        self._taken.release()

    def __enter__(self) -> None:
        while not self.try_it():
            self._runtime.sleep(_PAUSE)

    def __exit__(self, *_: object) -> None:
        self.give_back()


def fitted(progress: Mapping[str, Any], limit: int = PROGRESS_LIMIT) -> str:
    """Progress as JSON that fits: whole entries are left out, largest first, and named, so it stays JSON."""
    kept = dict(progress)
    left_out: list[str] = []
    while True:
        text = json.dumps({**kept, "leftOut": left_out} if left_out else kept, separators=(",", ":"))
        if len(text) <= limit or not kept:
            return text if len(text) <= limit else "{}"
        largest = max(kept, key=lambda name: len(json.dumps(kept[name])))
        left_out.append(largest)
        del kept[largest]


def read_progress(text: str | None) -> dict[str, Any]:
    """Progress as it stands in a document; {} for what is none."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

"""Time that passes only while everybody sleeps: threads live through a day as fast as the machine can.

Every thread that takes part is *awake* or *asleep*. As long as one is awake, time stands still, so computing and real
requests take no time at all. When the last one falls asleep, time jumps to the earliest instant somebody waits for.
"""

from __future__ import annotations

import heapq
import itertools
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import unquote

from .ledger import Execution, Ledger


class StuckError(RuntimeError):
    """Everybody waits for something that no passing of time will bring."""


class _Sleeper:
    """One sleeping thread. It may be woken once, which opens the gate that it waits at. An event would do the same with
    two locks more, and a day has some ten thousand sleeps."""

    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        self.is_woken = False


class VirtualTime:
    """The clock and the account of who is awake. The thread that makes it is the first one awake."""

    #: Real seconds after which a sleeper looks whether anybody is left to wake it.
    patience = 5.0

    def __init__(self, start: datetime) -> None:
        self._now = start.timestamp()
        self._guard = threading.Lock()
        self._awake = 1
        self._numbers = itertools.count()
        self._alarms: list[tuple[float, int, _Sleeper]] = []
        self._waiting = 0
        self.stuck = False

    def seconds(self) -> float:
        """Seconds since 1970."""
        return self._now

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._now, UTC)

    def sleep(self, seconds: float) -> None:
        """Let time pass. A sleep of nothing still lets those go first who are due at this instant."""
        with self._guard:
            sleeper = _Sleeper()
            self._set_alarm(sleeper, seconds)
            self._fall_asleep()
        self._until_woken(sleeper)

    def join_in(self) -> None:
        """One more is awake: to be called before a thread is started, or work is handed to one."""
        with self._guard:
            self._awake += 1

    def leave(self) -> None:
        """One fewer is awake: its thread has ended, or waits for somebody who has joined in."""
        with self._guard:
            self._fall_asleep()

    def event(self) -> VirtualEvent:
        return VirtualEvent(self)

    def start(self, work: Callable[[], None], name: str) -> VirtualTask:
        """Start a thread that takes part."""
        return VirtualTask(self, work, name)

    # What follows is called with the guard held.

    def _set_alarm(self, sleeper: _Sleeper, seconds: float) -> None:
        heapq.heappush(self._alarms, (self._now + max(0.0, seconds), next(self._numbers), sleeper))

    def _fall_asleep(self) -> None:
        self._awake -= 1
        while self._awake == 0 and self._alarms:
            instant, _, sleeper = heapq.heappop(self._alarms)
            if not sleeper.is_woken:
                self._now = max(self._now, instant)
                self._wake(sleeper)
        if self._awake == 0 and self._waiting:
            self.stuck = True

    def _wake(self, sleeper: _Sleeper) -> None:
        if not sleeper.is_woken:
            sleeper.is_woken = True
            self._awake += 1
            self.stuck = False
            sleeper.gate.release()

    def _until_woken(self, sleeper: _Sleeper) -> None:
        while not sleeper.gate.acquire(timeout=self.patience):
            if self.stuck:
                raise StuckError("everybody waits and nothing will happen any more")


class VirtualEvent:
    """As `threading.Event`, in virtual time."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._is_set = False
        self._sleepers: list[_Sleeper] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        with self._time._guard:
            self._is_set = True
            for sleeper in self._sleepers:
                self._time._wake(sleeper)
            self._sleepers.clear()

    def wait(self, timeout: float | None = None) -> bool:
        time = self._time
        with time._guard:
            if self._is_set:
                return True
            sleeper = _Sleeper()
            self._sleepers.append(sleeper)
            if timeout is not None:
                time._set_alarm(sleeper, timeout)
            time._waiting += 1
            time._fall_asleep()
        try:
            time._until_woken(sleeper)
        finally:
            with time._guard:
                time._waiting -= 1
                if sleeper in self._sleepers:
                    self._sleepers.remove(sleeper)
        return self._is_set


class VirtualTask:
    """A thread that takes part in virtual time."""

    def __init__(self, time: VirtualTime, work: Callable[[], None], name: str) -> None:
        self._time, self._work = time, work
        self._ended = time.event()
        time.join_in()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._work()
        finally:
            # Whoever waits is awake before this thread is not: else time would jump in between.
            self._ended.set()
            self._time.leave()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, at most `timeout` seconds; whether it has ended."""
        return self._ended.wait(timeout)


# The connections of one simulated execution: real HTTP, made to take virtual time, and written down.
#
# A request takes effect in the middle of its latency, so that runs interleave as they would over a network. When the
# execution has been killed, every further use of a wire ends its threads, as SIGKILL would: nothing is sent any more.


LOCKS = "/collections/locks/documents"
_FENCE = re.compile(r"f\d+-[0-9a-f]{32}")
_EVENT = re.compile(r"/events/([^/?]+)")
_DOCUMENTS = re.compile(r"/collections/([^/]+)/documents(?:/([^/?]+))?")
_TRANSACTION = re.compile(r"/databases/transactions/([^/]+)(?:/operations)?$")


class Killed(BaseException):
    """This execution is dead."""


@dataclass(frozen=True)
class Latencies:
    """Seconds; each is varied by a factor between a half and two. From measurements on a 1.8.1 on two cores."""

    read: float = 0.006
    write: float = 0.012
    operation: float = 0.0075
    bulk_document: float = 0.0015
    upstream: float = 0.3


@dataclass
class Wire:
    """What all connections of one execution share."""

    time: VirtualTime
    ledger: Ledger
    execution: Execution
    lock_id: str
    draw: Random
    latencies: Latencies
    with_locks: bool = True
    killed: bool = False
    #: Its own lock document, on a day without locks.
    private_lock: dict[str, Any] = field(default_factory=dict)
    fences: list[str] = field(default_factory=list)
    #: Staged operations by transaction.
    staged: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def sleep(self, seconds: float) -> None:
        """As the function's own sleep: death comes at its end."""
        self.check()
        self.time.sleep(seconds)
        self.check()

    def check(self) -> None:
        if self.killed:
            raise Killed

    def varied(self, seconds: float) -> float:
        with self.guard:
            return seconds * float(2.0 ** self.draw.uniform(-1, 1))


class RecordingSender:
    """An Appwrite connection of a function."""

    def __init__(self, wire: Wire, inner: Any, answer_type: Callable[..., Any]) -> None:
        self._wire, self._inner, self._answer = wire, inner, answer_type

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        wire = self._wire
        if not wire.with_locks and LOCKS in path and not _is_about_fence(method, path, wire, body):
            return _private_lock(self._answer, method, path, wire, body)
        half = wire.varied(_latency(wire.latencies, method, body)) / 2
        wire.sleep(half)
        wire.ledger.requested(wire.execution)
        answer = self._inner.send(method, path, body, headers)
        self._note(method, path, body, answer.status, half)
        wire.sleep(half)
        return answer

    def close(self) -> None:
        self._inner.close()

    def _note(self, method: str, path: str, body: Any, status: int, still: float) -> None:
        if method == "GET" or status >= 400:
            return
        if LOCKS in path:
            self._note_lock(method, path, body)
        elif transaction := _TRANSACTION.search(path):
            self._note_transaction(transaction[1], body or {}, still)
        elif found := _DOCUMENTS.search(path):
            given = body or {}
            documents = given.get("documents") or [
                {**given.get("data", {}), "$id": found[2] or given.get("documentId")}
            ]
            what = f"{method} {found[1]}"
            self._wire.ledger.unfenced.append(f"{self._wire.execution.function}: {what}")
            self._note_writes([(found[1], each) for each in documents], still, what)
        elif path.endswith("/executions"):
            self._note_writes([], still, "start an execution")

    def _note_transaction(self, transaction: str, body: Mapping[str, Any], still: float) -> None:
        """What is staged takes effect at the commit, or never."""
        staged = self._wire.staged
        if "operations" in body:
            staged.setdefault(transaction, []).extend(body["operations"])
        elif body.get("commit"):
            operations = staged.pop(transaction, [])
            first = operations[0] if operations else {}
            if first.get("action") != "update" or not _FENCE.fullmatch(first.get("documentId", "")):
                self._wire.ledger.unfenced.append(f"{self._wire.execution.function}: a transaction")
            writes = [(each["collectionId"], document) for each in operations for document in _documents(each)]
            if others := [write for write in writes if write[0] != "locks"]:
                self._note_writes(others, still, "commit")
        else:
            staged.pop(transaction, None)

    def _note_lock(self, method: str, path: str, body: Any) -> None:
        """Who owns the lock is decided by requests that succeeded: creation, takeover, removal."""
        wire = self._wire
        if method == "POST" and body["documentId"] == wire.lock_id:
            wire.ledger.lock_changed(wire.lock_id, wire.execution.identity)
        elif path.endswith(f"/{wire.lock_id}"):
            if method == "DELETE":
                wire.ledger.lock_changed(wire.lock_id, None)
            elif "owner" in (body or {}).get("data", {}):
                wire.ledger.lock_changed(wire.lock_id, wire.execution.identity)

    def _note_writes(self, writes: list[tuple[str, dict[str, Any]]], still: float, what: str) -> None:
        wire, now = self._wire, self._wire.time.seconds()
        wire.ledger.wrote(wire.execution, wire.lock_id, now, what)
        subjects = {subject for collection, data in writes if (subject := _subject(collection, data))}
        wire.ledger.committed(wire.execution, subjects, now - still, now + still)
        for collection, data in writes:
            if collection == "races" and data.get("status"):
                wire.ledger.status_written(str(data["$id"]), str(data["status"]), now)


class RecordingTransport:
    """The transport to NZ TAB. Has the two methods that the HTTP library asks of one."""

    def __init__(self, wire: Wire, inner: Any) -> None:
        self._wire, self._inner = wire, inner

    def handle_request(self, request: Any) -> Any:
        wire = self._wire
        half = wire.varied(wire.latencies.upstream) / 2
        race = _EVENT.search(str(request.url.path))
        begin = wire.time.seconds()
        if race:
            wire.ledger.took(wire.execution, race[1], begin)
        wire.sleep(half)
        response = self._inner.handle_request(request)
        if race:
            wire.ledger.polled(wire.execution, race[1], begin, wire.time.seconds() + half)
        wire.sleep(half)
        return response

    def close(self) -> None:
        self._inner.close()

    def __enter__(self) -> RecordingTransport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _documents(operation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an operation of a transaction writes; upserts have the id in their data, updates beside it."""
    data = operation.get("data") or {}
    return data if isinstance(data, list) else [{"$id": operation.get("documentId"), **data}]


def _latency(latencies: Latencies, method: str, body: Any) -> float:
    if method == "GET":
        return latencies.read
    if isinstance(body, dict) and "operations" in body:
        single = [each for each in body["operations"] if not isinstance(each.get("data"), list)]
        many = sum(len(each["data"]) for each in body["operations"] if isinstance(each.get("data"), list))
        return latencies.write + latencies.operation * len(single) + latencies.bulk_document * many
    return latencies.write


def _subject(collection: str, data: Mapping[str, Any]) -> str | None:
    """Which race or meeting a document is about."""
    if collection in ("meetings", "races"):
        return str(data["$id"])
    race = data.get("raceId")
    return None if race is None else str(race)


def _is_about_fence(method: str, path: str, wire: Wire, body: Any) -> bool:
    """A fence is its run's own on every day, so it is a real document on every day."""
    name = str((body or {}).get("documentId")) if method == "POST" else path.rpartition("/")[2]
    if _FENCE.fullmatch(name) and method == "POST":
        wire.fences.append(name)
    return bool(_FENCE.fullmatch(name))


def _private_lock(answer: Callable[..., Any], method: str, path: str, wire: Wire, body: Any) -> Any:
    """The lock of a day without locks: everybody gets it, nobody sees another's."""
    if method == "GET" and _is_list(path):
        mine = [wire.private_lock, *({"$id": each} for each in wire.fences)] if '"or"' in unquote(path) else []
        return answer(200, {}, json.dumps({"total": len(mine), "documents": mine}).encode())
    if method == "GET":
        return answer(404, {}, b'{"type":"document_not_found","message":"no locks today","code":404}')
    if method == "DELETE":
        return answer(204, {}, b"")
    now = wire.time.now().isoformat(timespec="milliseconds")
    if method == "POST":
        wire.ledger.lock_changed(wire.lock_id, wire.execution.identity)
        wire.private_lock = {"$id": wire.lock_id, "$createdAt": now}
    wire.private_lock |= {**((body or {}).get("data") or {}), "$updatedAt": now}
    return answer(201 if method == "POST" else 200, {}, json.dumps(wire.private_lock).encode())


def _is_list(path: str) -> bool:
    return path.partition("?")[0].endswith(LOCKS)

"""The connections of one simulated execution: real HTTP, made to take virtual time, and written down.

A request takes effect in the middle of its latency, so that runs interleave as they would over a network. When the
execution has been killed, every further use of a wire ends its threads, as SIGKILL would: nothing is sent any more.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .ledger import Execution, Ledger
from .virtual_time import VirtualTime

LOCKS = "/collections/locks/documents"
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
        if not wire.with_locks and LOCKS in path:
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
            self._note_writes([(found[1], each) for each in documents], still, f"{method} {found[1]}")
        elif path.endswith("/executions"):
            self._note_writes([], still, "start an execution")

    def _note_transaction(self, transaction: str, body: Mapping[str, Any], still: float) -> None:
        """What is staged takes effect at the commit, or never."""
        staged = self._wire.staged
        if "operations" in body:
            staged.setdefault(transaction, []).extend(body["operations"])
        elif body.get("commit"):
            writes = [(each["collectionId"], _document(each)) for each in staged.pop(transaction, [])]
            self._note_writes(writes, still, "commit")
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


def _document(operation: Mapping[str, Any]) -> dict[str, Any]:
    """What an operation of a transaction writes; upserts have the id in their data, updates beside it."""
    return {"$id": operation.get("documentId"), **(operation.get("data") or {})}


def _latency(latencies: Latencies, method: str, body: Any) -> float:
    if method == "GET":
        return latencies.read
    if isinstance(body, dict) and "operations" in body:
        return latencies.write + latencies.operation * len(body["operations"])
    if isinstance(body, dict) and "documents" in body:
        return latencies.write + latencies.bulk_document * len(body["documents"])
    return latencies.write


def _subject(collection: str, data: Mapping[str, Any]) -> str | None:
    """Which race or meeting a document is about."""
    if collection in ("meetings", "races"):
        return str(data["$id"])
    race = data.get("raceId")
    return None if race is None else str(race)


def _private_lock(answer: Callable[..., Any], method: str, path: str, wire: Wire, body: Any) -> Any:
    """The lock of a day without locks: everybody gets it, nobody sees another's."""
    if method == "GET" and _is_list(path):
        return answer(200, {}, b'{"total":0,"documents":[]}')
    if method == "GET":
        return answer(404, {}, b'{"type":"document_not_found","message":"no locks today"}')
    if method == "DELETE":
        return answer(204, {}, b"")
    now = wire.time.now().isoformat(timespec="milliseconds")
    wire.ledger.lock_changed(wire.lock_id, wire.execution.identity)
    document = {**((body or {}).get("data") or {}), "$createdAt": now, "$updatedAt": now}
    return answer(201 if method == "POST" else 200, {}, json.dumps(document).encode())


def _is_list(path: str) -> bool:
    return path.partition("?")[0].endswith(LOCKS)

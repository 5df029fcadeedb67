"""A lock store behind the scripted transport, with the server's habits and faults on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from _shared import lock
from _shared.lock_protocol import Numbers
from _shared.runtime import Runtime

from .scripted import CREDENTIALS, CutOff, Reply, Scripted, Time, error

SETTINGS = lock.Settings("f", "f-lock", "raceday-db", "locks", Numbers(60, 20, 280))
EPOCH = 1_800_000_000


NAME = SETTINGS.lock_id


@dataclass
class LockStore:
    """The documents of one lock. `faults` are taken one per request: an error reply, or "cut before" / "cut after".

    `step` is how far the server's clock was set from what it would show by itself.
    """

    time: Time = field(default_factory=Time)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[Reply | str | None] = field(default_factory=list)
    missing: bool = False
    dated: bool = True
    writes: int = 0
    step: float = 0.0

    @property
    def document(self) -> dict[str, Any] | None:
        """The lock document."""
        return self.documents.get(NAME)

    @document.setter
    def document(self, document: dict[str, Any] | None) -> None:
        self.documents.pop(NAME, None)
        if document is not None:
            self.documents[NAME] = {"$id": NAME, **document}

    @property
    def fences(self) -> list[str]:
        return [name for name, each in self.documents.items() if each.get("lock") == NAME]

    def transport(self) -> Scripted:
        return Scripted(self.handle, self.time)

    def handle(self, method: str, path: str, body: Any) -> Reply:
        fault = self.faults.pop(0) if self.faults else None
        if fault == "cut before":
            raise CutOff("cut before it was carried out")
        if isinstance(fault, tuple):
            return fault
        reply = error(404, "collection_not_found") if self.missing else self._carry_out(method, path, body)
        if fault == "cut after":
            raise CutOff("cut after it was carried out")
        now = datetime.fromtimestamp(EPOCH + self.step + int(self.time.now), UTC)
        return reply[0], reply[1], {"date": format_datetime(now, usegmt=True)} if self.dated else {}

    def _carry_out(self, method: str, path: str, body: Any) -> Reply:
        now, name = self.stamp(), path.rpartition("/")[2]
        if "?" in path:
            found = [each for each in self.documents.values() if each.get("lock") == NAME or each["$id"] == NAME]
            return 200, {"total": len(found), "documents": found}
        if method == "POST":
            name = body["documentId"]
            if name in self.documents:
                return error(409, "document_already_exists")
            self.documents[name] = {"$id": name, **body["data"], "$createdAt": now, "$updatedAt": now}
            return 201, self.documents[name]
        if method == "PUT":
            self.documents[name] = {"$id": name, "$createdAt": now, **body["data"], "$updatedAt": now}
        if name not in self.documents:
            return error(404, "document_not_found")
        if method == "PATCH":
            self.documents[name] = {**self.documents[name], **body["data"], "$updatedAt": now}
        if method == "DELETE":
            del self.documents[name]
            return 204, {}
        return 200, self.documents[name]

    def stamp(self) -> str:
        self.writes += 1
        instant = EPOCH + self.step + self.time.now + self.writes / 1000
        return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds")

    def held_by(self, owner: str, **fields: Any) -> None:
        """Somebody else has it since this instant."""
        now = self.stamp()
        self.document = {"owner": owner, "generation": 1, "$createdAt": now, "$updatedAt": now, **fields}

    def acquire(self, owner: str = "me", **options: Any) -> Any:
        connect = options.pop("connect", self.transport().connect)
        machine, wall = options.pop("machine", "here"), options.pop("wall", self.time.clock)
        runtime = Runtime(
            now=wall,
            clock=self.time.clock,
            sleep=self.time.sleep,
            draw=lambda: 1.0,
            connect=connect,
            machine=lambda: machine,
        )
        return lock.acquire(
            SETTINGS,
            CREDENTIALS,
            "execution-1",
            runtime=runtime,
            owner=lambda: owner,
            **options,
        )


def with_compare_and_set(transport: Scripted, store: LockStore) -> Callable[..., Any]:
    """Refuse writes that carry a timestamp older than the document, as the server does."""
    plain = transport.handler

    def handle(method: str, path: str, body: Any) -> Reply:
        limit = transport.headers[-1].get("X-Appwrite-Timestamp")
        if limit and path.endswith(NAME) and store.document is not None and store.document["$updatedAt"] > limit:
            return error(409, "document_update_conflict")
        return plain(method, path, body)

    transport.handler = handle
    return transport.connect

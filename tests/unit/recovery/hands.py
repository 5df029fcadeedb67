"""A provider in memory for what steps ask of one, on a clock that only sleeping moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from raceday_iac.errors import ConflictError, NotFoundError
from raceday_iac.model.resource import Live
from raceday_iac.provider.protocol import Execution

from ..health.made import NOW, stamp


class Hand:
    """`log` is what was asked to be changed, in order. Everything else is filled in by a test."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.documents: dict[str, dict[str, Any]] = {}
        self.members: dict[str, Live] = {}
        self.newest: list[Execution] = []
        self.started: Iterator[Execution] = iter(())
        self.followed: Iterator[Execution] = iter(())
        self.deployments: dict[str, Any] = {}
        self.elapsed = 0.0

    def clock(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds

    def server_time(self) -> datetime:
        return NOW + timedelta(seconds=self.elapsed)

    # Documents.

    def document(self, database: str, collection: str, identity: str) -> Mapping[str, Any] | None:
        return self.documents.get(identity)

    def change_document(
        self, database: str, collection: str, identity: str, data: Mapping[str, Any], *, unless_newer_than: str
    ) -> Mapping[str, Any]:
        self._compare(identity, unless_newer_than)
        self.log.append(f"change {identity}")
        self.documents[identity] = {**self.documents[identity], **data, "$updatedAt": stamp(self.server_time())}
        return self.documents[identity]

    def create_document(self, database: str, collection: str, identity: str, data: Mapping[str, Any]) -> None:
        self.log.append(f"create {identity}")
        self.documents[identity] = {"$id": identity, **data}

    def remove_document(self, database: str, collection: str, identity: str, *, unless_newer_than: str = "") -> None:
        if identity not in self.documents or unless_newer_than:
            self._compare(identity, unless_newer_than)
        self.log.append(f"remove {identity}")
        del self.documents[identity]

    def put_document(
        self, database: str, collection: str, identity: str, data: Mapping[str, Any], *, fence: str = ""
    ) -> None:
        if fence and fence not in self.documents:
            raise NotFoundError("gone", code=404, type="document_not_found")
        self.log.append(f"put {identity}")
        self.documents[identity] = dict(data)

    def _compare(self, identity: str, unless_newer_than: str) -> None:
        if identity not in self.documents:
            raise NotFoundError("gone", code=404, type="document_not_found")
        if self.documents[identity]["$updatedAt"] > unless_newer_than:
            raise ConflictError("newer", code=409, type="document_update_conflict")

    # Schema.

    def current(self, address: Any) -> Live | None:
        return self.members.get(str(address))

    def delete(self, address: Any, live: Live) -> None:
        self.log.append(f"delete {address}")
        self.members.pop(str(address), None)

    # Functions.

    def executions(self, function: str, limit: int) -> list[Execution]:
        return self.newest

    def execute(self, function: str, body: str, *, wait: bool) -> Execution:
        self.log.append(f"execute {function}")
        return next(self.started)

    def execution(self, function: str, execution: str) -> Execution:
        found = next(self.followed, None)
        if found is None:
            raise NotFoundError("gone", code=404)
        return found

    def delete_execution(self, function: str, execution: str) -> None:
        self.log.append(f"delete execution {execution}")

    def deployment(self, function: str, deployment: str) -> Any:
        if deployment not in self.deployments:
            raise NotFoundError("gone", code=404)
        return self.deployments[deployment]

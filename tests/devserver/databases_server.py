"""A server for tests of the databases side, and a client for one database of its own per test."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
import requests
from e2e.sessions import session_to

from raceday_iac.devserver.runner import RunningServer, start_server

FINISHED = {"available", "failed", "stuck"}


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    @property
    def outcome(self) -> tuple[int, str]:
        """Status and error type."""
        return self.status, self.body["type"]


def q(method: str, attribute: str = "", *values: Any) -> str:
    """One query string."""
    return json.dumps({"method": method, "attribute": attribute, "values": list(values)})


@dataclass(frozen=True)
class Database:
    """One database. Paths are relative to it."""

    running: RunningServer
    name: str

    @cached_property
    def _session(self) -> requests.Session:
        return session_to(self.running.endpoint)

    def call(self, method: str, path: str, body: Any = None, *queries: str, root: str = "", **headers: str) -> Answer:
        sent = {"X-Appwrite-Project": self.running.project, "X-Appwrite-Key": self.running.key}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = self.running.endpoint + (root or f"/databases/{self.name}") + path
        params = [("queries[]", query) for query in queries]
        found = self._session.request(method, url, json=body, params=params, headers=sent, timeout=30)
        return Answer(found.status_code, found.json() if found.content else None)

    def ok(self, method: str, path: str, body: Any = None, *queries: str, **options: str) -> Any:
        """The JSON of a call that must succeed."""
        answer = self.call(method, path, body, *queries, **options)
        assert answer.status < 400, f"{method} {path}: {answer}"
        return answer.body

    def collection(self, name: str = "c", /, **attributes: str | dict[str, Any]) -> str:
        """A collection with finished attributes, given as key=type or key={"type": …, …}."""
        self.ok("POST", "/collections", {"collectionId": name, "name": name})
        for key, given in attributes.items():
            self.attribute(name, key, given)
        self.settle(name)
        return f"/collections/{name}/documents"

    def attribute(self, collection: str, key: str, given: str | dict[str, Any]) -> Any:
        wanted = {"type": given} if isinstance(given, str) else dict(given)
        kind = wanted.pop("type")
        body = {"key": key, "required": False} | ({"size": 50} if kind == "string" else {}) | wanted
        return self.ok("POST", f"/collections/{collection}/attributes/{kind}", body)

    def relate(self, collection: str, related: str, kind: str, key: str, **options: Any) -> None:
        body = {"relatedCollectionId": related, "type": kind, "key": key} | options
        self.ok("POST", f"/collections/{collection}/attributes/relationship", body)
        self.settle(collection)
        self.settle(related)

    def index(self, collection: str, key: str, kind: str, *attributes: str, **options: Any) -> Any:
        body = {"key": key, "type": kind, "attributes": list(attributes)} | options
        self.ok("POST", f"/collections/{collection}/indexes", body)
        return next(each for each in self.settle(collection)["indexes"] if each["key"] == key)

    def settle(self, collection: str = "c") -> Any:
        """Wait until nothing of a collection is on its way."""
        deadline = time.monotonic() + 20
        while True:
            found = self.ok("GET", f"/collections/{collection}")
            if all(each["status"] in FINISHED for each in found["attributes"] + found["indexes"]):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.01)

    def gone(self, path: str) -> None:
        """Wait until something is no longer there."""
        deadline = time.monotonic() + 20
        while self.call("GET", path).status != 404:
            assert time.monotonic() < deadline, path
            time.sleep(0.01)

    def write(self, path: str, document_id: str, /, **data: Any) -> Any:
        return self.ok("POST", path, {"documentId": document_id, "data": data})

    def ids(self, path: str, *queries: str) -> list[str]:
        return [each["$id"] for each in self.ok("GET", path, None, *queries)["documents"]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with start_server(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture
def db(running: RunningServer) -> Database:
    """A new database."""
    return new_database(running)


def new_database(running: RunningServer) -> Database:
    database = Database(running, f"d{uuid.uuid4().hex[:10]}")
    database.ok("POST", "", {"databaseId": database.name, "name": "D"}, root="/databases")
    return database

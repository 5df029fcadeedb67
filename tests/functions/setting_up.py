"""Runs the set-up of a bundle against the in-memory server, without lock and without waiting."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

from .bundles import load
from .fake_appwrite import FakeAppwrite
from .runtime import Context, context
from .scripted import CREDENTIALS


@dataclass
class Bundle:
    """The modules of one assembled bundle that the tests call."""

    actions: ModuleType
    schema: ModuleType
    work: ModuleType
    http: ModuleType
    logs: ModuleType
    documents: ModuleType
    connection: ModuleType
    runtime: ModuleType

    @classmethod
    def of(cls, folder: Any) -> Bundle:
        names = (
            "actions",
            "schema",
            "work",
            "vendor.appwrite_http",
            "vendor.logs",
            "vendor.documents",
            "vendor.connection",
            "vendor.runtime",
        )
        return cls(*(load(folder, name) for name in names))


@dataclass
class Run:
    """What came of one run."""

    report: Any
    work: Any
    context: Context

    @property
    def answer(self) -> dict[str, Any]:
        return self.report.as_json()

    def problems(self) -> dict[str, str]:
        """Severity by address."""
        return {problem.address: problem.severity for problem in self.report.problems}


class _Bridge:
    """Lets the bundle's own client (its `Unclear` is another class than the tests') talk to the scripted transport."""

    def __init__(self, bundle: Bundle, server: FakeAppwrite) -> None:
        self._bundle, self._transport = bundle, server.transport()

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        from _shared.connection import Unclear

        try:
            # What arrives is JSON: no tuples.
            return self._transport.send(method, path, json.loads(json.dumps(body)), headers)
        except Unclear as reason:
            raise self._bundle.connection.Unclear(str(reason)) from reason

    def close(self) -> None:
        pass


class HeldLock:
    """Stands in for a lock that is held all the time: its fence is there as soon as its collection is."""

    settings = SimpleNamespace(database_id="raceday-db", collection_id="locks")
    lease = SimpleNamespace(owner="me")

    def __init__(self, server: FakeAppwrite) -> None:
        self._server = server
        self.commits = threading.Lock()

    def fence(self) -> str:
        self._server.documents.get("locks", {})["fence"] = {"$id": "fence", "owner": "me"}
        return "fence"

    def confirm(self) -> None:
        """It is ours."""


def run(
    bundle: Bundle,
    server: FakeAppwrite,
    document: Mapping[str, Any],
    action: str = "set_up",
    *,
    seconds: float = 10_000,
    permit: Any = lambda: None,
    **options: Any,
) -> Run:
    """One run, `seconds` long at most."""
    http, work_module = bundle.http, bundle.work
    runtime = bundle.runtime.Runtime(
        now=lambda: 0.0, sleep=server.time.sleep, draw=lambda: 1.0, connect=lambda _: _Bridge(bundle, server)
    )
    client = http.Client(CREDENTIALS, runtime=runtime, permit=permit)
    reported = context("dynamic_key")
    log = bundle.logs.Log(
        reported.log, reported.error, function="database-setup", execution="e1", clock=server.time.clock
    )
    ends = server.time.now + seconds
    work = work_module.Work(
        client,
        log,
        lambda: ends - server.time.now,
        bundle.documents.Documents(client, "raceday-db", HeldLock(server)),
        clock=server.time.clock,
        sleep=server.time.sleep,
        draw=lambda: 1.0,
    )
    if action == "set_up":
        options.setdefault("execution", "e1")
    report = getattr(bundle.actions, action)(work, bundle.schema.parse(document), **options)
    return Run(report, work, reported)

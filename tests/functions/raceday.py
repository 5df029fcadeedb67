"""Raceday on an embedded server in virtual time: the whole schema, the upstream player, and the real functions.

Functions are called in this process, as the packaged bundles of the real stack, with a runtime whose time is virtual.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from _shared import connection as _connection
from _shared.appwrite_http import Client, path_of, query
from _shared.connection import Credentials
from _shared.runtime import Runtime

from raceday_iac.cli.options import Options
from raceday_iac.cli.workspace import Workspace
from raceday_iac.devserver.ages import V1_8, Age
from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import Settings
from raceday_iac.raceday.nztab.player import NztabPlugin, nztab_of
from raceday_iac.raceday.simulation.virtual_time import VirtualTime

from .runtime import Context, context

ROOT = Path(__file__).parents[2]
DATABASE = "raceday-db"
PROJECT = "raceday"
NZTAB_URL = "/nztab"
HOUR = 3600.0
SETTINGS = Settings(processing_delay=0.0, scheduler=False, plugins=(NztabPlugin(),))


@dataclass(frozen=True)
class Called:
    """What came of one execution."""

    status: int
    body: dict[str, Any]
    context: Context

    @property
    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.body["counts"]
        return counts

    @property
    def outcome(self) -> str:
        outcome: str = self.body["outcome"]
        return outcome


def lay_out_bundles(target: Path) -> None:
    """The bundles of all functions as they are deployed, each in a folder that can be imported."""
    workspace = Workspace.load(Options(stack=ROOT / "stacks" / "raceday.py", env="local"))
    for owner, bundle in workspace.bundles.items():
        for path, content in bundle.files.items():
            file = target / package_of(owner.path) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def package_of(function: str) -> str:
    return f"bundle_of_{function.replace('-', '_')}"


def set_up_database(data: Path, bundles: Path, age: Age = V1_8) -> None:
    """A data folder with the whole schema, made by `database-setup` itself. The age stays in the folder."""
    from .bundles import load

    with start_server(data, settings=replace(SETTINGS, age=age), project=PROJECT) as server:
        client = Client(Credentials(server.endpoint, PROJECT, server.key))
        os.environ["APPWRITE_FUNCTION_API_ENDPOINT"] = server.endpoint
        os.environ["APPWRITE_FUNCTION_PROJECT_ID"] = PROJECT
        reported = context(server.key, "{}")
        answer = load(bundles / package_of("database-setup")).handle(reported)
        assert json.loads(answer["body"])["healthy"], answer["body"]
        client.close()


class Raceday:
    """One race day. `time` is virtual; `client` may do everything, functions have their own scopes."""

    def __init__(self, data: Path, bundles: Path, start: datetime) -> None:
        self.time = VirtualTime(start)
        self.server: RunningServer = start_server(data, settings=SETTINGS, clock=self.time, project=PROJECT)
        os.environ["APPWRITE_FUNCTION_API_ENDPOINT"] = self.server.endpoint
        os.environ["APPWRITE_FUNCTION_PROJECT_ID"] = PROJECT
        os.environ["NZTAB_API_BASE_URL"] = NZTAB_URL
        self.client = Client(Credentials(self.server.endpoint, PROJECT, self.server.key))
        self._keys: dict[str, str] = {}
        self._executions = 0
        if str(bundles) not in sys.path:
            sys.path.insert(0, str(bundles))

    def runtime(self, *, of: str | None = None, **changes: Any) -> Runtime:
        """The runtime that functions are called in. `of`: the function whose copy of the shared code runs in it.

        A copy recognises lost answers only by its own exceptions, so its connections must be of its own code.
        """
        time = self.time
        vendored = _connection if of is None else importlib.import_module(f"{package_of(of)}.src.vendor.connection")
        plain = Runtime(
            now=time.seconds,
            clock=time.seconds,
            sleep=time.sleep,
            draw=lambda: 0.5,
            event=time.event,
            start=time.start,
            # Kept connections are never used again: virtual time says nothing about how long they were idle.
            connect=lambda credentials: vendored.Connection(credentials, clock=lambda: 0.0),
        )
        return plain._replace(**changes)

    def call(self, function: str, body: Any = None, *, runtime: Runtime | None = None, **changes: Any) -> Called:
        """One execution, to its end. Keyword arguments replace parts of the runtime."""
        self._executions += 1
        text = body if isinstance(body, str) else json.dumps(body or {})
        reported = context(self.key_of(function), text, execution=f"execution-{self._executions}")
        module = importlib.import_module(f"{package_of(function)}.src.main")
        answer = module.handle(reported, runtime or self.runtime(of=function, **changes))
        return Called(answer["statusCode"], json.loads(answer["body"]), reported)

    def key_of(self, function: str) -> str:
        """A key with the scopes that the stack gives the function."""
        if function not in self._keys:
            scopes = ["documents.read", "documents.write"]
            if function in ("daily-initial-data", "master-race-scheduler"):
                scopes += ["execution.read", "execution.write"]
            self._keys[function] = self.server.create_key(PROJECT, scopes)
        return self._keys[function]

    def credentials_of(self, function: str) -> Credentials:
        return Credentials(self.server.endpoint, PROJECT, self.key_of(function))

    def documents(self, collection: str, **equal: Any) -> list[dict[str, Any]]:
        """All documents of a collection with these values."""
        queries = [query("equal", value, attribute=key) for key, value in equal.items()]
        found: list[dict[str, Any]] = []
        while True:
            page = self.client.get(
                path_of("databases", DATABASE, "collections", collection, "documents"),
                [*queries, query("limit", 1000), query("offset", len(found))],
            )["documents"]
            found += page
            if len(page) < 1000:
                return found

    def document(self, collection: str, identity: str) -> dict[str, Any] | None:
        return self.client.find(path_of("databases", DATABASE, "collections", collection, "documents", identity))

    def put(self, collection: str, identity: str, **data: Any) -> None:
        """Write a document by hand."""
        self.client.put(
            path_of("databases", DATABASE, "collections", collection, "documents", identity), {"data": data}
        )

    def requests(self) -> Counter[tuple[str, str]]:
        """Appwrite requests by method and route since `forget_requests`."""
        return self.server.server.requests

    def forget_requests(self) -> None:
        self.server.server.requests.clear()

    @property
    def nztab(self) -> Any:
        """The upstream player: what it serves, its faults, its count of requests."""
        return nztab_of(self.server.server)

    def close(self) -> None:
        """Executions that are under way live to their end first: the server waits for their threads."""
        self.time.sleep(HOUR)
        self.client.close()
        self.server.stop()


def fresh(template: Path, target: Path) -> Path:
    """A copy of a data folder, for a test to change."""
    shutil.copytree(template, target, ignore=shutil.ignore_patterns("*.lock", "*.tmp"))
    return target

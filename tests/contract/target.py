"""Where the contract suite sends its requests.

By default an embedded server is started on a free port over an empty directory. With APPWRITE_CONTRACT_ENDPOINT,
APPWRITE_CONTRACT_PROJECT and APPWRITE_CONTRACT_KEY the suite runs against that server instead; tests that need a
project of their own, or a server in a special state, are skipped there.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .client import Api, Observer
from .description import DATA

ENDPOINT = "APPWRITE_CONTRACT_ENDPOINT"
PROJECT = "APPWRITE_CONTRACT_PROJECT"
KEY = "APPWRITE_CONTRACT_KEY"


def every_scope() -> list[str]:
    """All scopes a key can have in 1.8.1."""
    parsed = json.loads((DATA / "scopes.json").read_text(encoding="utf-8"))
    return list(parsed["scopes"])


@dataclass(frozen=True)
class Target:
    """A server to test. `server` is None when it is somebody else's."""

    endpoint: str
    project: str
    key: str
    observers: tuple[Observer, ...] = ()
    server: Any = None

    def api(self) -> Api:
        """The target's own project with its full key."""
        return Api(self.endpoint, self.project, self.key, self.observers)

    def fresh(self, project: str = "") -> Api:
        """An empty project with a full key, where the server lets us make one; else the target's own."""
        if self.server is None:
            return self.api()
        name = project or f"p-{uuid.uuid4().hex[:12]}"
        self.server.ensure_project(name)
        return Api(self.endpoint, name, self.key_for(name, every_scope()), self.observers)

    def key_for(self, project: str, scopes: list[str]) -> str:
        """A new key of a project with exactly these scopes."""
        if self.server is None:
            pytest.skip("only the embedded server makes keys for us")
        return str(self.server.create_key(project, scopes))

    def need_own_server(self) -> None:
        """Skip a test that must not run against somebody else's server."""
        if self.server is None:
            pytest.skip("needs projects of its own")


def external_target(observers: tuple[Observer, ...]) -> Target | None:
    """The server named by the environment, if any."""
    endpoint = os.environ.get(ENDPOINT, "").rstrip("/")
    if not endpoint:
        return None
    return Target(endpoint, os.environ[PROJECT], os.environ[KEY], observers)


def embedded_target(directory: Path, observers: tuple[Observer, ...], **options: Any) -> Target:
    """A freshly started embedded server. The caller stops `target.server`."""
    runner = pytest.importorskip("raceday_iac.devserver.runner")
    server = runner.start_server(directory, **options)
    return Target(server.endpoint.rstrip("/"), server.project, server.key, observers, server)

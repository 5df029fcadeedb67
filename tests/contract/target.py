"""Where the contract suite sends its requests.

By default an embedded server is started on a free port over an empty directory. With APPWRITE_CONTRACT_ENDPOINT,
APPWRITE_CONTRACT_PROJECT and APPWRITE_CONTRACT_KEY the suite runs against that server instead; tests that need projects
or keys of their own, or a server in a special state, are skipped there.

On such a server ALL functions and databases of the project are deleted before each test, so that
APPWRITE_CONTRACT_DISPOSABLE must repeat the project's id. Function creation must not be limited there: the suite makes
more than fifty a day.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.devserver import project_keys
from raceday_iac.devserver.ages import AGES
from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import Server, Settings

from .client import Api, Observer, q
from .description import DATA

ENDPOINT = "APPWRITE_CONTRACT_ENDPOINT"
PROJECT = "APPWRITE_CONTRACT_PROJECT"
KEY = "APPWRITE_CONTRACT_KEY"
DISPOSABLE = "APPWRITE_CONTRACT_DISPOSABLE"


#: What the recorded servers allow of the runtimes they know.
_RUNTIMES = ("node-16.0", "php-8.0", "python-3.9", "ruby-3.0", "node-22", "python-3.12")
RUNTIMES = {"1.8": _RUNTIMES, "1.9": (*_RUNTIMES, "python-3.11"), "main": (*_RUNTIMES, "python-3.11")}
SITE_RUNTIMES = ("static-1", "node-22")


def every_scope() -> list[str]:
    """All scopes a key can have in 1.8.1."""
    parsed = json.loads((DATA / "scopes.json").read_text(encoding="utf-8"))
    return list(parsed["scopes"])


#: Creations of functions a day on the recorded servers.
CREATIONS = {"1.8": 50, "1.9": 5000, "main": 5000}


@dataclass(frozen=True)
class Target:
    """A server to test. `server` is None when it is somebody else's."""

    endpoint: str
    project: str
    key: str
    observers: tuple[Observer, ...] = ()
    server: Any = None
    #: Functions that outlive a test, where all tests share one project.
    kept: set[str] = field(default_factory=set, compare=False)

    def api(self) -> Api:
        """The target's own project with its full key."""
        return Api(self.endpoint, self.project, self.key, self.observers)

    def fresh(self, project: str = "") -> Api:
        """An empty project with a full key: a new one, or on somebody else's server the emptied one."""
        if self.server is None:
            return emptied(self.api(), self.kept)
        name = project or f"p-{uuid.uuid4().hex[:12]}"
        self.server.ensure_project(name)
        return Api(self.endpoint, name, self.server.create_key(name), self.observers)

    def key_for(self, project: str, scopes: list[str]) -> str:
        """A new key of a project with exactly these scopes."""
        if self.server is None:
            pytest.skip("only the embedded server makes keys for us")
        return str(self.server.create_key(project, scopes))

    def named_key(self, project: str, name: str, scopes: list[str] | None) -> str:
        """A new key of a project that its list shows; without scopes, with all that there are."""
        if self.server is None:
            pytest.skip("only the embedded server makes keys for us")

        def make(server: Server) -> str:
            values = {"name": name, "expire": None, "scopes": server.age.scopes if scopes is None else scopes}
            return str(project_keys.make(server, project, "unique()", values).fields["secret"])

        return str(self.server.call(make))

    def need_own_server(self) -> None:
        """Skip a test that must not run against somebody else's server."""
        if self.server is None:
            pytest.skip("needs projects of its own")


def external_target(observers: tuple[Observer, ...]) -> Target | None:
    """The server named by the environment, if any."""
    endpoint = os.environ.get(ENDPOINT, "").rstrip("/")
    if not endpoint:
        return None
    project = os.environ[PROJECT]
    if os.environ.get(DISPOSABLE) != project:
        pytest.exit(f"{DISPOSABLE} must repeat the project's id: everything in the project is deleted", returncode=2)
    return Target(endpoint, project, os.environ[KEY], observers)


def emptied(api: Api, kept: set[str]) -> Api:
    """The project without functions and databases, except for the functions to be kept."""
    for path, name in (("/functions", "functions"), ("/databases", "databases")):
        for item in api.get(path, q("limit", None, 1000))[name]:
            if item["$id"] not in kept:
                assert api.delete(f"{path}/{item['$id']}").status == 204
    return api


def embedded_target(directory: Path, observers: tuple[Observer, ...], age: str = "1.8", **settings: Any) -> Target:
    """A freshly started embedded server of an age, set as the recorded one was. The caller stops `target.server`."""
    chosen = Settings(
        age=AGES[age],
        scheduler=False,
        runtimes=RUNTIMES[age],
        site_runtimes=SITE_RUNTIMES,
        function_creation_limit=CREATIONS[age],
        **settings,
    )
    server = start_server(directory, settings=chosen)
    return Target(server.endpoint.rstrip("/"), server.project, server.key, observers, server)

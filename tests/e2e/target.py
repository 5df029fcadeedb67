"""Where the suite runs. Only this module knows whether the server is somebody's Appwrite or the embedded one.

`pytest tests/e2e -m live` runs against the project that APPWRITE_ENDPOINT, APPWRITE_PROJECT_ID and APPWRITE_API_KEY
name; without one of them it is an error. In all other cases an embedded server is started, with an empty project for
every test that asks for one: of Appwrite 1.8, or of what EMBEDDED_APPWRITE says (`1.9`, `main`), also with `-m live`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from workers import shared_folder

from .api import Api
from .budget import Creations

VARIABLES = ("APPWRITE_ENDPOINT", "APPWRITE_PROJECT_ID", "APPWRITE_API_KEY")
#: Optional: a key of the same project that lacks `functions.write`.
NARROW_KEY = "APPWRITE_NARROW_KEY"
#: Optional: 1 says that the project is for this suite alone, so that tests may change its settings.
OWN_PROJECT = "APPWRITE_OWN_PROJECT"
#: The age of Appwrite that the embedded server plays.
EMBEDDED = "EMBEDDED_APPWRITE"
#: Set to 0 when the server builds functions but does not really run their code.
EXECUTION = "LIVE_EXECUTION"


@dataclass(frozen=True)
class Site:
    """One project of a server, with the keys to it."""

    endpoint: str
    project: str
    key: str
    narrow_key: str
    creations: Creations

    def api(self) -> Api:
        """Direct access, past the proxy: to look, and to meddle behind the tool's back."""
        return Api(self.endpoint, self.project, self.key, self.creations)


@dataclass(frozen=True)
class Target:
    """The server under test. `server` is None when it is not ours."""

    named: Mapping[str, str]
    server: Any
    creations: Creations

    @property
    def is_live(self) -> bool:
        return self.server is None

    @property
    def has_own_project(self) -> bool:
        """Whether the whole project is ours, its settings included."""
        return not self.is_live or os.environ.get(OWN_PROJECT) == "1"

    @property
    def executes(self) -> bool:
        """Whether a function's code is expected to run for real."""
        return not self.is_live or os.environ.get(EXECUTION) != "0"

    def site(self) -> Site:
        """A project to work in: an empty one of our own, or the one that was named."""
        if self.is_live:
            endpoint, project, key = (self.named[name] for name in VARIABLES)
            return Site(endpoint.rstrip("/"), project, key, os.environ.get(NARROW_KEY, ""), self.creations)
        project = f"p-{uuid.uuid4().hex[:12]}"
        self.server.ensure_project(project)
        key = self.server.create_key(project)
        narrow = self.server.create_key(project, NARROW_SCOPES)
        return Site(self.server.endpoint, project, key, narrow, self.creations)


#: Everything that a plan of functions and databases reads, and no right to write functions.
NARROW_SCOPES = ("functions.read", "databases.read", "collections.read", "documents.read")


def named_server(marks: str) -> dict[str, str]:
    """The server named by the environment, if the run is restricted to live tests; else nothing. Raises UsageError when
    it is not named: a run that was meant for a real server must not pass on the embedded one."""
    if marks.strip() != "live" or os.environ.get(EMBEDDED):
        return {}
    values = {name: os.environ.get(name, "") for name in VARIABLES}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise pytest.UsageError(
            f"-m live needs a project on a server: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} empty. "
            f"For the embedded server set {EMBEDDED} to 1.8, 1.9 or main."
        )
    return values


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    named = named_server(request.config.option.markexpr)
    if named:
        yield Target(named, None, request.config.stash[CREATIONS])
        return
    yield from _embedded(request, tmp_path_factory, os.environ.get(EMBEDDED) or "1.8")


@pytest.fixture(scope="session")
def newer_target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """For what Appwrite has since 1.9: the server under test, where one was chosen, else an embedded one of 1.9. A
    module whose tests are about that overrides `target` with it."""
    if os.environ.get(EMBEDDED) or named_server(request.config.option.markexpr):
        yield request.getfixturevalue("target")
        return
    yield from _embedded(request, tmp_path_factory, "1.9")


def _embedded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, age: str) -> Iterator[Target]:
    from raceday_iac.devserver.ages import AGES
    from raceday_iac.devserver.runner import start_server
    from raceday_iac.devserver.server import Settings

    # All workers of one run share the virtual environments of builds.
    settings = Settings(age=AGES[age], scheduler=False, venv_folder=shared_folder(tmp_path_factory) / "venvs")
    with start_server(tmp_path_factory.mktemp("server"), settings=settings) as server:
        yield Target({}, server, request.config.stash[CREATIONS])


CREATIONS = pytest.StashKey[Creations]()


def needs(reason: str, holds: bool) -> None:
    """Skip the test, with the reason, unless `holds`."""
    if not holds:
        pytest.skip(reason)


def without(names: Sequence[str]) -> dict[str, str]:
    """This process's environment variables, except the named ones."""
    return {name: value for name, value in os.environ.items() if name not in names}

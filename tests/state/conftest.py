"""The places where state can be kept, each real (a folder, the embedded server, an S3 server), and memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from crash.memory_bucket import Bucket, served

from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import Settings
from raceday_iac.model.secret import Secret
from raceday_iac.provider.appwrite import ReadingTransport, Transport
from raceday_iac.state.backends import StateBackend
from raceday_iac.state.backends.appwrite import AppwriteBackend
from raceday_iac.state.backends.local import LocalState
from raceday_iac.state.backends.remote import RemoteState
from raceday_iac.state.backends.s3 import S3Backend, S3Place
from raceday_iac.state.codec import Codec, Journal
from raceday_iac.state.document import Owner
from raceday_iac.state.store import StateStore

from .memory_backend import MemoryBackend
from .s3_server import S3Server

REMOTE = ("memory", "appwrite", "s3", "bucket")


@dataclass
class Place:
    """One environment's place. `backend` makes a new connection to it; local state has none."""

    name: str
    folder: Path
    backend: Callable[[], StateBackend] | None

    def open(
        self,
        owner: str = "ann",
        keep: int = 20,
        expiry: float = 300.0,
        codec: Codec | None = None,
        backend: StateBackend | None = None,
    ) -> StateStore:
        """A store of somebody who works on this place."""
        if self.backend is None:
            return LocalState(self.folder, codec, keep)
        journal = Journal(self.folder / f"journal-{owner}.jsonl")
        return RemoteState(backend or self.backend(), journal, codec, keep, expiry, Owner(owner, "host", 1))


@pytest.fixture(scope="session")
def appwrite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with start_server(tmp_path_factory.mktemp("server"), settings=Settings(scheduler=False)) as server:
        yield server


@pytest.fixture(scope="session")
def bucket() -> Iterator[S3Server]:
    """The store of `tests/crash`, which takes the place of a real one there."""
    kept = Bucket()
    with served(lambda: kept) as endpoint:
        yield S3Server(endpoint)


def appwrite_backend(
    server: Any, environment: str = "", kind: type[Transport] = Transport
) -> Callable[[], AppwriteBackend]:
    """An environment of its own in the server's project, unless one is named; all share a collection."""
    environment = environment or f"e{uuid.uuid4().hex[:12]}"

    def make() -> AppwriteBackend:
        transport = kind(server.endpoint, server.project, Secret(server.key))
        return AppwriteBackend(lambda: transport, environment, "raceday-iac-state", "states")

    return make


def s3_backend(server: S3Server, environment: str = "", *, reading: bool = False) -> Callable[[], S3Backend]:
    """An environment of its own in the bucket, unless one is named."""
    environment = environment or f"e{uuid.uuid4().hex[:12]}"
    place = S3Place(
        server.bucket,
        environment,
        "some/where",
        server.endpoint,
        access_key=Secret(server.access_key),
        secret_key=Secret(server.secret_key),
        reading=reading,
    )
    return lambda: S3Backend(place)


def make_place(request: pytest.FixtureRequest, name: str, folder: Path) -> Place:
    if name == "local":
        return Place(name, folder, None)
    if name == "memory":
        backend = MemoryBackend()
        return Place(name, folder, lambda: backend)
    server = request.getfixturevalue(name)
    return Place(name, folder, appwrite_backend(server) if name == "appwrite" else s3_backend(server))


@pytest.fixture(params=["local", *REMOTE])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Any place."""
    return make_place(request, request.param, tmp_path)


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place that machines share."""
    return make_place(request, request.param, tmp_path)


@pytest.fixture
def backend(remote: Place) -> StateBackend:
    """What keeps the texts of a place that machines share."""
    assert remote.backend is not None
    return remote.backend()


def other_backend(
    request: pytest.FixtureRequest, name: str, environment: str, *, reading: bool = False
) -> StateBackend:
    """A backend on a real server, for a named environment; with `reading`, one that cannot write."""
    server = request.getfixturevalue(name)
    if name == "appwrite":
        return appwrite_backend(server, environment, ReadingTransport if reading else Transport)()
    return s3_backend(server, environment, reading=reading)()

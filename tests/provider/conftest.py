"""A provider whose traffic comes from a cassette, one for each test. `RECORD=1 pytest tests/provider` records again.

It records against APPWRITE_ENDPOINT, APPWRITE_PROJECT_ID and APPWRITE_API_KEY when they are set (an empty scratch
project: everything that lies in it gets into the lists), else against the embedded server.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from raceday_iac.model.secret import Secret
from raceday_iac.provider.appwrite import AppwriteProvider, Transport, reading, writing

from .recorder import CASSETTES, HIDDEN, Place, recorder

RECORDING = os.environ.get("RECORD") == "1"
#: Everything recorded is called so; the end-to-end suite takes it away, too, should a recording break off.
PREFIX = "ie2e00000-"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where the provider sends its requests."""
    names = ("APPWRITE_ENDPOINT", "APPWRITE_PROJECT_ID", "APPWRITE_API_KEY")
    if not RECORDING:
        yield HIDDEN
    elif all(os.environ.get(name) for name in names):
        endpoint, project, key = (os.environ[name] for name in names)
        yield Place(endpoint.rstrip("/"), project, key)
    else:
        from raceday_iac.devserver.runner import start_server

        with start_server(tmp_path_factory.mktemp("server"), project="recording") as server:
            yield Place(server.endpoint, server.project, server.key)


@pytest.fixture
def provider(place: Place, request: pytest.FixtureRequest) -> Iterator[AppwriteProvider]:
    """A provider for one test, and its cassette."""
    name = re.sub(r"\W+", "_", request.node.name).strip("_")
    if RECORDING:
        # The recorder would add to an old cassette.
        (CASSETTES / f"{name}.yaml").unlink(missing_ok=True)
        _clear(place)
    pause = time.sleep if RECORDING else _no_pause
    with recorder(place, recording=RECORDING).use_cassette(f"{name}.yaml"):
        yield AppwriteProvider(Transport(place.endpoint, place.project, Secret(place.key), sleep=pause), sleep=pause)
    if RECORDING:
        _clear(place)


def wait() -> None:
    """Between two looks at a real server; there is nothing to wait for in a recording."""
    if RECORDING:
        time.sleep(0.1)


def _no_pause(_seconds: float) -> None:
    pass


def _clear(place: Place) -> None:
    headers = {"X-Appwrite-Project": place.project, "X-Appwrite-Key": place.key}
    for path, plural in (("/functions", "functions"), ("/databases", "databases")):
        answer = requests.get(
            f"{place.endpoint}{path}", {"queries[]": '{"method":"limit","values":[100]}'}, headers=headers
        )
        for each in answer.json()[plural]:
            if each["$id"].startswith(PREFIX):
                requests.delete(f"{place.endpoint}{path}/{each['$id']}", json={}, headers=headers, timeout=30)


class _OneAtATime(ThreadPoolExecutor):
    """A recorder takes one request after the other."""

    def __init__(self, max_workers: int) -> None:
        super().__init__(max_workers=min(1, max_workers))


@pytest.fixture(autouse=True)
def _sequential(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (reading, writing):
        monkeypatch.setattr(module, "ThreadPoolExecutor", _OneAtATime)

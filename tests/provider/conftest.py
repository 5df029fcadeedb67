"""Recorded traffic for the provider. `RECORD=1 pytest tests/provider` records anew.

It records against APPWRITE_ENDPOINT, APPWRITE_PROJECT_ID and APPWRITE_API_KEY when they are set, else against the
embedded server. A cassette holds no key, no project, no host and no value of a variable.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import vcr

from raceday_iac.model.secret import Secret
from raceday_iac.provider.appwrite import AppwriteProvider, Transport, reading

CASSETTES = Path(__file__).parents[1] / "data" / "cassettes"
RECORDING = os.environ.get("RECORD") == "1"
PLACE = ("http://appwrite.test/v1", "project", "key")
_KEPT_HEADERS = {"content-type", "retry-after"}


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """Endpoint, project and key."""
    names = ("APPWRITE_ENDPOINT", "APPWRITE_PROJECT_ID", "APPWRITE_API_KEY")
    if not RECORDING:
        yield PLACE
    elif all(name in os.environ for name in names):
        endpoint, project, key = (os.environ[name] for name in names)
        yield endpoint.rstrip("/"), project, key
    else:
        from raceday_iac.devserver.runner import start_server

        with start_server(tmp_path_factory.mktemp("server")) as server:
            yield server.endpoint, server.project, server.key


@pytest.fixture
def provider(place: tuple[str, str, str], request: pytest.FixtureRequest) -> Iterator[AppwriteProvider]:
    """A provider whose traffic comes from the test's own cassette."""
    endpoint, project, key = place

    def without_place(recorded: Any) -> Any:
        # The original is still to be sent.
        hidden = copy.copy(recorded)
        hidden.uri = recorded.uri.replace(endpoint, PLACE[0])
        hidden.headers = {}
        if recorded.body and recorded.path.rpartition("/variables")[1]:
            hidden.body = re.sub(rb'"value": "[^"]*"', b'"value": "***"', recorded.body)
        return hidden

    def without_names(response: Any) -> Any:
        hidden = copy.deepcopy(response)
        hidden["headers"] = {
            name: value for name, value in response["headers"].items() if name.lower() in _KEPT_HEADERS
        }
        body = response["body"]["string"]
        hidden["body"]["string"] = body.replace(f"app.{project}@".encode(), b"app.project@")
        return hidden

    recorder = vcr.VCR(
        cassette_library_dir=str(CASSETTES),
        record_mode="all" if RECORDING else "none",
        match_on=("method", "path", "query"),
        before_record_request=without_place,
        before_record_response=without_names,
    )
    with recorder.use_cassette(f"{request.node.name}.yaml"):
        yield AppwriteProvider(
            Transport(endpoint, project, Secret(key)), sleep=_pause if RECORDING else lambda _seconds: None
        )


def _pause(seconds: float) -> None:
    import time

    time.sleep(seconds)


class _OneAtATime(ThreadPoolExecutor):
    """A recorder takes one request after the other."""

    def __init__(self, max_workers: int) -> None:
        super().__init__(max_workers=min(1, max_workers))


@pytest.fixture(autouse=True)
def _sequential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ThreadPoolExecutor", _OneAtATime)

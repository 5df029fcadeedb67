"""A server for tests of functions, and a client that fails loudly."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import requests
from e2e.sessions import session_to

from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import Clock, Settings

HELLO = "def main(context):\n    return context.res.text('hello')\n"


def quick(venvs: Path, **changes: Any) -> Settings:
    """Settings without artificial delays. Environments are shared by all tests of a session."""
    values: dict[str, Any] = {
        "build_preparation": 0, "build_minimum": 0, "venv_folder": venvs, "scheduler": False,
        "function_creation_limit": 0,
    }  # fmt: skip
    return Settings(**(values | changes))


def archive(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


@dataclass
class Client:
    """Calls a running server with its own key."""

    running: RunningServer

    @cached_property
    def _session(self) -> requests.Session:
        return session_to(self.running.endpoint)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        headers = {"X-Appwrite-Project": self.running.project, "X-Appwrite-Key": self.running.key}
        headers |= options.pop("headers", {})
        return self._session.request(
            method, self.running.endpoint + path, json=body, headers=headers, timeout=60, **options
        )

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The JSON of a call that must succeed."""
        answer = self.call(method, path, body, **options)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def create(self, function: str = "f", **fields: Any) -> str:
        body = {"functionId": function, "name": "F", "runtime": "python-3.12", "entrypoint": "src/main.py"} | fields
        self.ok("POST", "/functions", body)
        return function

    def upload(self, code: str | Mapping[str, str], function: str = "f", *, activate: bool = True, **form: str) -> str:
        """Send code without waiting; returns the deployment's id."""
        files = {"src/main.py": code} if isinstance(code, str) else code
        sent = self.ok(
            "POST",
            f"/functions/{function}/deployments",
            data={"activate": "true" if activate else "false"} | form,
            files={"code": ("code.tar.gz", archive(files))},
        )
        return str(sent["$id"])

    def built(self, deployment: str, status: str = "ready", function: str = "f") -> Any:
        return self.until(f"/functions/{function}/deployments/{deployment}", status=status)

    def deploy(self, code: str | Mapping[str, str], function: str = "f", **options: Any) -> str:
        deployment = self.upload(code, function, **options)
        self.built(deployment, function=function)
        return deployment

    def run(self, function: str = "f", **fields: Any) -> Any:
        """A synchronous execution."""
        return self.ok("POST", f"/functions/{function}/executions", fields)

    def run_in_background(self, status: str, function: str = "f", **fields: Any) -> Any:
        sent = self.ok("POST", f"/functions/{function}/executions", {"async": True} | fields)
        return self.until(f"/functions/{function}/executions/{sent['$id']}", status=status)

    def executions(self, function: str = "f") -> list[Any]:
        return list(self.ok("GET", f"/functions/{function}/executions")["executions"])

    def until(self, path: str, **wanted: Any) -> Any:
        """Poll until the fields have the wanted values."""
        deadline = time.monotonic() + 30
        while True:
            found = self.ok("GET", path)
            if all(found[name] == value for name, value in wanted.items()):
                return found
            assert time.monotonic() < deadline, f"{path} did not become {wanted}: {found}"
            time.sleep(0.02)


@pytest.fixture(scope="session")
def venvs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("venvs")


def serving(data: Path, venvs: Path, clock: Clock | None = None, **settings: Any) -> RunningServer:
    return start_server(data, settings=quick(venvs, **settings), clock=clock)


@pytest.fixture
def client(tmp_path: Path, venvs: Path) -> Iterator[Client]:
    """A fresh server of its own."""
    with serving(tmp_path / "data", venvs) as running:
        yield Client(running)

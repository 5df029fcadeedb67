"""A project on the embedded server, and ways to run the function against it: called, in a process, deployed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
from _shared.appwrite_http import Client
from _shared.connection import Credentials

from .bundles import load
from .runtime import Context, context

#: What the stack gives the function, and no more.
SCOPES = [
    f"{what}.{how}" for what in ("databases", "collections", "attributes", "indexes") for how in ("read", "write")
]
SCOPES += ["documents.read", "documents.write"]
ROOT = Path(__file__).parents[2]


class LiveProject:
    """One project. `client` may do everything, `key` only what the function may."""

    def __init__(self, server: Any, name: str) -> None:
        self.server, self.name = server, name
        server.ensure_project(name)
        self.endpoint = server.endpoint
        self.full_key = server.create_key(name)
        self.key = server.create_key(name, SCOPES)
        self.client = Client(Credentials(self.endpoint, name, self.full_key))

    def faults(self) -> Any:
        return self.server.server.faults

    def collections(self) -> dict[str, Any]:
        found = self.client.get("/databases/raceday-db/collections", [{"method": "limit", "values": [100]}])
        return {each["$id"]: each for each in found["collections"]}

    def lock_document(self) -> dict[str, Any] | None:
        return self.client.find("/databases/raceday-db/collections/locks/documents/database-setup-lock")

    def call(self, bundle: Path, **body: Any) -> tuple[dict[str, Any], int, Context]:
        """Call the entry module in this process, as one execution."""
        reported = context(self.key, json.dumps(body))
        answer = load(bundle).handle(reported)
        return json.loads(answer["body"]), answer["statusCode"], reported

    def start(self, bundle: Path, **body: Any) -> subprocess.Popen[str]:
        """Start one execution in a process of its own; it prints the answer."""
        code = (
            "import json, sys\n"
            f"sys.path[:0] = [{str(bundle.parent)!r}, {str(ROOT / 'tests')!r}, {str(ROOT / 'functions')!r}]\n"
            "from functions.runtime import context\n"
            "from importlib import import_module\n"
            f"said = context({self.key!r}, {json.dumps(body)!r})\n"
            f"answer = import_module({bundle.name + '.src.main'!r}).handle(said)\n"
            "print(answer['body'])\n"
        )
        return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=dict(os.environ))

    def deploy(self, bundle: Path, function: str = "database-setup") -> None:
        """Create the function with its real settings, upload the bundle and wait for the build."""
        settings = {"runtime": "python-3.12", "entrypoint": "src/main.py", "scopes": SCOPES, "timeout": 300}
        settings["commands"] = "pip install -r requirements.txt"
        self.client.once("POST", "/functions", {"functionId": function, "name": function, **settings})
        self._send(f"/functions/{function}/deployments", _packed(bundle))
        wait_until(lambda: self.client.get(f"/functions/{function}")["deploymentId"] != "", "the deployment is active")

    def execute(self, function: str = "database-setup", **body: Any) -> dict[str, Any]:
        """A synchronous execution."""
        return self.client.once("POST", f"/functions/{function}/executions", {"body": json.dumps(body)})

    def _send(self, path: str, archive: bytes) -> None:
        headers = {"X-Appwrite-Project": self.name, "X-Appwrite-Key": self.full_key}
        files = {"code": ("code.tar.gz", archive, "application/gzip")}
        sent = requests.post(self.endpoint + path, headers=headers, files=files, data={"activate": "true"}, timeout=30)
        sent.raise_for_status()


def wait_until(happened: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Poll until it happened."""
    ends = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < ends, f"did not happen within {seconds} s: {what}"
        time.sleep(0.05)


def _packed(folder: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.add(path, str(path.relative_to(folder)))
    return packed.getvalue()


def names_of(collections: Mapping[str, Any], part: str) -> set[tuple[str, str]]:
    """(collection, key) of all attributes or indexes."""
    return {(name, each["key"]) for name, found in collections.items() for each in found[part]}

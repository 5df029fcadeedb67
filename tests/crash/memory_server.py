"""The embedded server without a network and a disk: it answers inside the call, and is copied at once.

Appwrite's worker (attributes, indexes, builds) is not a thread here: it does all that is waiting before the next
request is answered, or, when it is `slow`, not before somebody looks whether it has.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests
from requests.structures import CaseInsensitiveDict

from raceday_iac.devserver.ages import Age
from raceday_iac.devserver.app import App
from raceday_iac.devserver.databases import jobs
from raceday_iac.devserver.functions import builds
from raceday_iac.devserver.runner import build_server, server_key
from raceday_iac.devserver.server import PROJECT, Clock, Settings
from raceday_iac.devserver.storage import STATEMENTS

from .keepers import is_own

ENDPOINT = "http://appwrite/v1"
SETTINGS = Settings(scheduler=False, processing_delay=0, function_creation_limit=0)
#: A look at one collection or one deployment.
_LOOKS = re.compile(r"/v1/(databases/[^/]+/collections/[^/]+(/attributes)?|functions/[^/]+/deployments/[^/]+)")
#: Turns of the event loop in which a job or a build (which is nothing here) is done.
_TURNS = 12


class MemoryServer:
    """One project on one server. Archives lie in `folder`, which several may share."""

    def __init__(self, folder: Path, clock: Clock | None = None, appwrite: Age | None = None) -> None:
        self.endpoint = ENDPOINT
        self.is_slow = False
        self._is_idle = False
        #: Requests that were no GET, but for those about the state.
        self.writes = 0
        self._server = build_server(folder, replace(SETTINGS, age=appwrite), clock)
        self._server.db = _in_memory(self._server.db)
        with self._server.transaction():
            self._server.ensure_project(PROJECT)
            self.key = server_key(self._server, PROJECT)
        self._app = App(self._server)
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._do(self._server.start))

    @property
    def age(self) -> int:
        """How many rows were ever written: another number means another content."""
        return self._server.db.total_changes

    def become(self, other: MemoryServer) -> None:
        """Take over everything that another server has, and all that it has not got round to."""
        self.work()
        self.is_slow, self.writes, self.key = False, 0, other.key
        other._server.db.backup(self._server.db)
        self._at_once(self._do(self._resume))
        self._is_idle = False

    def work(self) -> None:
        """Do what is waiting."""
        if not self._is_idle:
            if self._is_waiting:
                self._loop.run_until_complete(self._turn())
            self._is_idle = True

    @property
    def _is_waiting(self) -> bool:
        return bool(self._server._timers or self._server._tasks)

    def answer(self, name: str, content: Mapping[str, Any]) -> requests.Response:
        """What a server of Appwrite's would answer. `name` begins with method and path; `content` is said as to the
        library `requests`."""
        method, path = name.split()[:2]
        if not self.is_slow or (method == "GET" and _LOOKS.fullmatch(path)):
            self.work()
        self.writes += method != "GET" and not is_own(name)
        headers, body = _encoded(content)
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(content.get("params") or {}, doseq=True).encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
        }
        response = requests.Response()
        self._at_once(self._serve(scope, body, response))
        # A build goes on between two looks at it.
        self._is_idle = self._is_idle and method == "GET" and not _LOOKS.fullmatch(path)
        return response

    def stop(self) -> None:
        self._loop.run_until_complete(self._server.close())
        self._loop.close()

    def _at_once(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what waits for nothing. The loop does not turn for it: that takes as long as many an answer."""
        asyncio._set_running_loop(self._loop)
        try:
            work.send(None)
        except StopIteration:
            return
        finally:
            asyncio._set_running_loop(None)
        work.close()
        raise NotImplementedError("an answer that has to be waited for")

    async def _serve(self, scope: dict[str, Any], body: bytes, response: requests.Response) -> None:
        content: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                response.status_code = message["status"]
                pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"])
                response.headers = CaseInsensitiveDict(pairs)
            else:
                content.append(message.get("body", b""))

        await self._app(scope, receive, send)
        response._content = b"".join(content)

    async def _do(self, action: Any) -> None:
        action()

    def _resume(self) -> None:
        with self._server.transaction():
            jobs.resume(self._server)
            builds.resume_builds(self._server)

    async def _turn(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            if not self._is_waiting:
                return


async def no_build(_builder: builds.Builder, _row: object, _log: object) -> builds.Built:
    """Instead of the steps of a build, which are not the subject here."""
    return builds.Built(0, "")


def _in_memory(disk: sqlite3.Connection) -> sqlite3.Connection:
    memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS)
    memory.row_factory = sqlite3.Row
    disk.backup(memory)
    disk.close()
    return memory


def _encoded(content: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and body. The library is asked only where that is not simple: it takes longer than the answer."""
    headers = {name: str(value) for name, value in content["headers"].items()}
    if content.get("files"):
        request = requests.Request("POST", "http://any", headers, content["files"], content["data"]).prepare()
        return dict(request.headers), bytes(request.body or b"")
    if content.get("json") is not None:
        return {**headers, "content-type": "application/json"}, json.dumps(content["json"]).encode()
    return headers, str(content.get("data") or "").encode()

"""The entry module of a function that only measures: the lock check against one bare creation of a document.

It is deployed with the shared code beside it as `vendor`, and answers with milliseconds.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .vendor import connection, invocation, lock, refusing  # type: ignore[import-not-found]


async def main(context: Any) -> Any:
    """One execution: as many rounds as the body says."""
    call = invocation.read(context)
    rounds = int(call.body.get("rounds", 20))
    settings = lock.load_settings(os.path.dirname(os.path.abspath(__file__)))
    found = await asyncio.to_thread(_measure, settings, call, rounds)
    return context.res.json(found)


def _measure(settings: Any, call: Any, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"taken": [], "refused": [], "duplicate": [], "warm": [], "bare": []}
    bare = _Bare(settings, call.credentials)
    for _ in range(rounds):
        # All in turn, so that a slower instant of the machine meets all of them.
        found["bare"].append(_timed(bare.create))
        bare.remove()
        for name in ("taken", "warm"):
            held: list[Any] = []
            if name == "taken":
                _forget_connections()
            work = lambda held=held: held.append(lock.acquire(settings, call.credentials, "probe"))  # noqa: E731
            found[name].append(_timed(work))
            if name == "taken":
                _forget_connections()
                found["refused"].append(_timed(lambda: lock.acquire(settings, call.credentials, "duplicate")))
                _forget_connections()
                found["duplicate"].append(_timed(lambda: _duplicate(settings, call.credentials)))
            held[0].release()
    return found


def _duplicate(settings: Any, credentials: Any) -> None:
    """All that a refused run asks of the server."""
    refusal = lock.acquire(settings, credentials, "duplicate")
    sender = connection.Connection(credentials)
    refusing.count(sender, settings, refusal.found.owner)
    sender.close()


def _forget_connections() -> None:
    """So that the next one has to be made, as in the first run of a container."""
    for kept in connection._kept.values():
        while kept:
            kept.pop()[0].close()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


class _Bare:
    """One creation of a document by the standard HTTP client on a new connection, and nothing else."""

    def __init__(self, settings: Any, credentials: Any) -> None:
        parts = urlsplit(credentials.endpoint)
        self._host, self._port = parts.hostname or "", parts.port
        self._path = f"{parts.path}/databases/{settings.database_id}/collections/{settings.collection_id}/documents"
        self._headers = {"X-Appwrite-Project": credentials.project, "X-Appwrite-Key": credentials.key}
        self._headers["Content-Type"] = "application/json"
        self._body = json.dumps({"documentId": "bare", "data": {"owner": "0" * 32, "generation": 1}})

    def create(self) -> None:
        self._send("POST", self._path, self._body, 201)

    def remove(self) -> None:
        self._send("DELETE", f"{self._path}/bare", None, 204)

    def _send(self, method: str, path: str, body: str | None, expected: int) -> None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=10)
        connection.request(method, path, body, self._headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == expected, answer.status

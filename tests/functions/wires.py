"""Ways between a function and NZ TAB, or Appwrite, that are slow, that count, or on which the run dies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
from _shared.connection import Answer, Connection, Credentials
from _shared.runtime import Runtime


class Wire(httpx.BaseTransport):
    """Does something before each request to NZ TAB, then sends it on."""

    def __init__(self, inner: httpx.BaseTransport, before: Callable[[httpx.Request], None]) -> None:
        self._inner, self._before = inner, before

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._before(request)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def wired(before: Callable[[httpx.Request], None]) -> Callable[[Any], Any]:
    """For the `transport` of a runtime."""
    return lambda inner: Wire(inner, before)


class Killed(BaseException):
    """The process is gone: nobody handles this, and nothing is cleaned up."""


class Mortal:
    """Dies at the n-th request to NZ TAB or to Appwrite, whichever is given, and sends nothing more after that."""

    def __init__(self, *, nztab: int | None = None, appwrite: int | None = None) -> None:
        self._left = {"nztab": nztab, "appwrite": appwrite}
        self.is_dead = False

    def runtime(self, runtime: Runtime) -> Runtime:
        return runtime._replace(transport=wired(lambda _: self._step("nztab")), connect=self._connect)

    def _step(self, side: str) -> None:
        left = self._left[side]
        if left is not None:
            self._left[side] = left - 1
            self.is_dead = self.is_dead or left <= 1
        if self.is_dead:
            raise Killed

    def _connect(self, credentials: Credentials) -> Any:
        return _MortalConnection(self, Connection(credentials, clock=lambda: 0.0))


class _MortalConnection:
    def __init__(self, mortal: Mortal, inner: Connection) -> None:
        self._mortal, self._inner = mortal, inner

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        self._mortal._step("appwrite")
        return self._inner.send(method, path, body, headers)

    def close(self) -> None:
        self._inner.close()

"""A transport that answers from a function instead of a network, and time that only moves when somebody sleeps."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from _shared.connection import Answer, Credentials, Unclear

CREDENTIALS = Credentials("http://localhost/v1", "raceday", "dynamic_secret-of-the-test")
#: Status, body (a text is sent as it is, anything else as JSON) and headers.
Reply = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]
Handler = Callable[[str, str, Any], Reply]


@dataclass
class Time:
    """A clock that sleeping moves on."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class CutOff(Exception):
    """Raised by a handler: the connection breaks, whatever was done stays done."""


@dataclass
class Scripted:
    """All connections of a client; `calls` are the requests in order."""

    handler: Handler
    time: Time = field(default_factory=Time)
    calls: list[tuple[str, str]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    closed: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    def connect(self, _credentials: Credentials) -> Scripted:
        return self

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        with self.guard:
            self.calls.append((method, path))
            self.headers.append(headers or {})
            try:
                status, document, *rest = self.handler(method, path, body)
            except CutOff as reason:
                raise Unclear(str(reason)) from reason
        text = document if isinstance(document, str) else "" if status == 204 else json.dumps(document)
        return Answer(status, rest[0] if rest else {}, text.encode())

    def close(self) -> None:
        self.closed += 1


def error(status: int, kind: str, **headers: str) -> Reply:
    return status, {"message": f"because of {kind}", "code": status, "type": kind}, headers

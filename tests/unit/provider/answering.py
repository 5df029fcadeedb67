"""A real HTTP server that answers what a test asks it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from raceday_iac.model.secret import Secret
from raceday_iac.provider.appwrite import RetryPolicy, Transport

#: Instead of an answer: the connection is cut.
CUT = object()


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int = 200
    body: Any = field(default_factory=lambda: {"$id": "x"})
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Answering:
    """Gives the queued answers in turn; the last one is given again."""

    def __init__(self) -> None:
        self.replies: list[Any] = [Reply()]
        self.asked: list[Asked] = []
        self.port = 0
        self._lock = threading.Lock()

    def next(self, asked: Asked) -> Any:
        with self._lock:
            self.asked.append(asked)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def will(self, *replies: Any) -> None:
        self.replies = list(replies)

    @property
    def lines(self) -> list[str]:
        """What was asked, one `METHOD /path` each."""
        return [f"{each.method} {each.path}" for each in self.asked]


def error(status: int, kind: str = "", message: str = "no", **headers: str) -> Reply:
    """An error as Appwrite writes it."""
    body = {"message": message, "code": status, "type": kind, "version": "1.8.1"}
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@contextmanager
def answering() -> Iterator[Answering]:
    """A server for the time of a block."""
    state = Answering()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            place = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = state.next(Asked(self.command, place.path, parse_qs(place.query), headers, body))
            if reply is CUT:
                self.close_connection = True
                self.connection.close()
                return
            self._answer(reply)

        def _answer(self, reply: Reply) -> None:
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            if reply.status == 204:
                # Nobody reads what follows a 204, so it would be taken for the beginning of the next answer.
                content = b""
            headers = {"content-type": "application/json; charset=UTF-8", **reply.headers}
            self.send_response(reply.status)
            for name, value in {"content-length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


class Slept(list[float]):
    """Instead of sleeping: notes for how long it would have been."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def transport(server: Answering, sleep: Any, clock: Callable[[], float] = time.monotonic, **settings: Any) -> Transport:
    """A transport to that server. Pauses are the longest that chance allows."""
    return Transport(
        f"http://127.0.0.1:{server.port}/v1",
        "my-project",
        Secret("my-key"),
        sleep=sleep,
        jitter=lambda longest: longest,
        patience=RetryPolicy(**settings),
        clock=clock,
    )

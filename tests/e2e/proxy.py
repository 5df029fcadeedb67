"""A reverse proxy in front of the server: it counts requests, and does wrong on demand.

It makes counting and fault tests work against any server. All paths are relative to the endpoint (`/functions`).
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import requests

from raceday_iac.devserver import faults as foreign

from .budget import Creations
from .sessions import session_to

BASE = "/v1"
#: Times that no test outlives.
ALWAYS = 1_000_000
WRITES = ("POST", "PUT", "PATCH", "DELETE")
#: Headers that concern one connection only, or that are made again.
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te", "upgrade", "date", "server"}


@dataclass(frozen=True)
class Exchange:
    """A request that was seen. `status` is what the server answered; 0 when it was not asked."""

    method: str
    path: str
    status: int


@dataclass
class Fault:
    """What goes wrong with some requests. `skip` matching ones pass first, then `times` are struck. They must
    contain `content`.

    `status` answers instead of the server; `lose` drops the connection `before` or `after` the server was asked;
    `call` is called `before` or `after` (see `when`), from the proxy's thread. `answer` names one that is not
    Appwrite's (see `raceday_iac.devserver.faults`).
    """

    method: str
    path: str
    skip: int = 0
    times: int = 1
    status: int = 0
    retry_after: int | None = None
    lose: str = ""
    content: bytes = b""
    call: Callable[[], object] | None = None
    when: str = "before"
    answer: str = ""
    #: The path of the last request that was struck.
    struck: str = ""

    def strikes(self, method: str, path: str, body: bytes) -> bool:
        """Whether it applies to this request; counts down."""
        if self.times <= 0 or not fnmatchcase(path, self.path) or not _fits(method, self.method):
            return False
        if self.content not in body:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        self.struck = path
        return True


def _fits(method: str, pattern: str) -> bool:
    return method in WRITES if pattern == "WRITE" else pattern in ("*", method)


@dataclass
class Proxy:
    """Forwards to `upstream`. Start with `start_proxy`."""

    upstream: str
    creations: Creations
    seen: list[Exchange] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    endpoint: str = ""
    #: All clients share the connections to the server.
    session: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _web: Any = None

    def answer(self, status: int, method: str, path: str, **options: Any) -> Fault:
        """Answer matching requests with an error, without asking the server."""
        return self._arm(Fault(method, path, status=status, **options))

    def lose(self, when: str, method: str, path: str, **options: Any) -> Fault:
        """Drop the connection of matching requests `before` or `after` the server was asked."""
        return self._arm(Fault(method, path, lose=when, **options))

    def call(self, action: Callable[[], object], method: str, path: str, when: str = "before", **options: Any) -> Fault:
        """Call `action` when a matching request comes (`before`), or when the server has answered it (`after`)."""
        return self._arm(Fault(method, path, call=action, when=when, **options))

    def play(self, answer: str, method: str = "*", path: str = "*", **options: Any) -> Fault:
        """Answer matching requests, all of them by default, with what is not Appwrite's."""
        return self._arm(Fault(method, path, answer=answer, **{"times": ALWAYS, **options}))

    def count(self, method: str = "*", path: str = "*") -> int:
        return sum(1 for each in self.exchanges() if _fits(each.method, method) and fnmatchcase(each.path, path))

    def writes(self) -> int:
        return self.count("WRITE")

    def exchanges(self) -> list[Exchange]:
        with self._lock:
            return list(self.seen)

    def forget(self) -> None:
        """Count from here; disarm all faults."""
        with self._lock:
            self.seen.clear()
            self.faults.clear()

    def stop(self) -> None:
        # Whoever waits for a connection learns it.
        self._web.socket.shutdown(socket.SHUT_RDWR)
        self._web.server_close()
        self.session.close()

    def take(self, method: str, path: str, body: bytes) -> Fault | None:
        with self._lock:
            return next((fault for fault in self.faults if fault.strikes(method, path, body)), None)

    def note(self, exchange: Exchange) -> None:
        with self._lock:
            self.seen.append(exchange)

    def _arm(self, fault: Fault) -> Fault:
        with self._lock:
            self.faults.append(fault)
        return fault

    def start(self) -> Proxy:
        handler = type("Handler", (_Handler,), {"proxy": self})
        self.session = session_to(self.upstream)
        self._web = _Web(("127.0.0.1", 0), handler)
        self.endpoint = f"http://127.0.0.1:{self._web.server_address[1]}{BASE}"
        threading.Thread(target=self._web.serve, daemon=True).start()
        return self


class _Web(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def serve(self) -> None:
        """Until the socket is shut down. The library's own loop must be waited for when it is to end."""
        with suppress(OSError):
            while True:
                self.process_request(*self.get_request())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed leaves its connection broken; that is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    #: Small answers must not wait for the client's acknowledgement (40 ms each).
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
            return
        if self.parse_request():
            self._forward()
            self.wfile.flush()

    def parse_request(self) -> bool:
        """What clients of the tests send. The library reads headers as those of a mail, which takes as long as all the
        rest."""
        self.command, self.path, self.request_version = self.raw_requestline.decode("latin-1").split()
        self.headers = Message()
        while line := self.rfile.readline(65537).decode("latin-1").strip():
            name, _, value = line.partition(":")
            self.headers[name] = value.strip()
        self.close_connection = self.headers.get("connection", "").lower() == "close"
        return True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: failures are reported by the tests."""

    def _forward(self) -> None:
        target = self.path.removeprefix(BASE)
        path = urlsplit(target).path
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        fault = self.proxy.take(self.command, path, body)
        if fault is not None:
            if fault.call is not None and fault.when == "before":
                fault.call()
            if fault.status:
                self.proxy.note(Exchange(self.command, path, 0))
                self._refuse(fault)
                return
            if fault.lose == "before":
                self.proxy.note(Exchange(self.command, path, 0))
                self.close_connection = True
                return
            if fault.answer and foreign.is_instead(fault.answer):
                self.proxy.note(Exchange(self.command, path, 0))
                self._write(foreign.instead(fault.answer, self.path))
                return
        self.proxy.creations.see(self.command, path)
        answer = self._ask(target, body)
        self.proxy.note(Exchange(self.command, path, answer.status_code))
        if fault is not None and fault.call is not None and fault.when == "after":
            fault.call()
        if fault is not None and fault.lose == "after":
            self.close_connection = True
            return
        headers = dict(answer.headers)
        if fault is not None and fault.answer:
            lower = {name.lower(): value for name, value in headers.items()}
            self._write(foreign.spoilt(fault.answer, foreign.Answer(answer.status_code, lower, answer.content)))
            return
        self._give(answer.status_code, headers, answer.content)

    def _write(self, wire: foreign.Wire) -> None:
        """Send pieces as they are, while anybody listens, and end the connection."""
        self.close_connection = True
        with suppress(OSError):
            for piece in wire:
                if isinstance(piece, bytes):
                    self.wfile.write(piece)
                    self.wfile.flush()
                else:
                    time.sleep(piece)

    def _ask(self, target: str, body: bytes) -> requests.Response:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        headers["accept-encoding"] = "identity"
        return self.proxy.session.request(
            self.command, self.proxy.upstream + target, headers=headers, data=body, timeout=120, allow_redirects=False
        )

    def _refuse(self, fault: Fault) -> None:
        content = {"message": "Made up by a test.", "code": fault.status, "type": "general_made_up", "version": ""}
        headers = {"content-type": "application/json"}
        if fault.retry_after is not None:
            headers["retry-after"] = str(fault.retry_after)
        self._give(fault.status, headers, json.dumps(content).encode())

    def _give(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        # The server's own clock is part of its answer.
        date = headers.get("date") or headers.get("Date")
        if date:
            self.send_header("date", date)
        if status != 204:
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        if status != 204:
            self.wfile.write(content)

"""`health --serve`: what Prometheus and a browser read, on this machine only. It looks when it is asked, not oftener
than the interval, and changes nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ..errors import IacError
from ..health.report import Report
from ..render.health_json import health_document
from ..render.health_page import health_page
from ..render.health_prometheus import CONTENT_TYPE, health_metrics

HOST = "127.0.0.1"
Answer = tuple[int, str, str]


class Looker:
    """Looks for everybody who asks: one at a time, and what was seen lately is good enough."""

    def __init__(
        self, look: Callable[[], Report], interval: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look, self._interval, self._clock = look, interval, clock
        self._guard = threading.Lock()
        self._seen: tuple[float, Report | None, str] | None = None

    def report(self) -> tuple[Report | None, str]:
        """What was seen, or why nothing was."""
        with self._guard:
            if self._seen is None or self._clock() - self._seen[0] >= self._interval:
                try:
                    report, problem = self._look(), ""
                except IacError as error:
                    report, problem = None, error.message
                self._seen = (self._clock(), report, problem)
            return self._seen[1:]


def answer(path: str, looker: Looker) -> Answer:
    """Status, content type and body for a path."""
    if path == "/metrics":
        return 200, CONTENT_TYPE, health_metrics(looker.report()[0])
    if path not in ("/", "/health.json"):
        return 404, "text/plain; charset=utf-8", "There are /metrics, /health.json and /.\n"
    report, problem = looker.report()
    if path == "/health.json":
        content = {"health": health_document(report)} if report else {"error": {"message": problem}}
        return 200 if report else 503, "application/json", json.dumps({"format": 1, **content})
    if report is None:
        return 503, "text/plain; charset=utf-8", f"{problem}\n"
    return 200, "text/html; charset=utf-8", health_page(report)


def server_of(looker: Looker, port: int) -> ThreadingHTTPServer:
    """A server that listens on loopback; port 0 takes a free one. Raises IacError."""

    class Handler(BaseHTTPRequestHandler):
        server_version = "raceday-iac"
        sys_version = ""

        def do_GET(self) -> None:
            self._give()

        def do_HEAD(self) -> None:
            self._give(with_body=False)

        def _give(self, *, with_body: bool = True) -> None:
            # A page in a browser on this machine must not read this by a name of its own that leads here.
            name = (self.headers.get("host") or "").rpartition(":")[0]
            is_own = name in (HOST, "localhost", "")
            refused = (421, "text/plain; charset=utf-8", "This is not for that host.\n")
            status, kind, text = answer(self.path.partition("?")[0], looker) if is_own else refused
            content = text.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.send_header("cache-control", "no-store")
            self.end_headers()
            if with_body:
                self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            """Nothing: standard error is for what is wrong."""

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise IacError(f"Port {port} of {HOST} cannot be had: {getattr(error, 'strerror', None) or error}.") from None
    server.daemon_threads = True
    return server

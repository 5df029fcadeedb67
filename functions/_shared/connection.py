"""One keep-alive HTTP/1.1 connection to an Appwrite endpoint, with the standard library only.

It sends a request once and never repeats it. What it tells apart is the only thing that matters for safe
repeating: a request that certainly never left (`NotSent`) and one that may have been carried out (`Unclear`).
"""

from __future__ import annotations

import email.utils
import http.client
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

#: Announcing 1.8.0 makes newer servers answer in the form that this code reads.
RESPONSE_FORMAT = "1.8.0"
USER_AGENT = "raceday-functions"
#: A connection that was idle for longer is not used again: servers close idle ones after 5 s and more, and a
#: request sent into a closing connection has an unclear outcome.
IDLE_LIMIT = 4.0


class Credentials(NamedTuple):
    """Where to call and as whom. The key is secret: it must never reach a log."""

    endpoint: str
    project: str
    key: str

    def __repr__(self) -> str:
        return f"Credentials(endpoint={self.endpoint!r}, project={self.project!r}, key='***')"


class NotSent(Exception):
    """The server was not reached; nothing can have happened."""


class Unclear(Exception):
    """The request went out and no whole answer came back; it may have been carried out, now or later."""


class Answer(NamedTuple):
    """An answer of the server; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The decoded body; an empty mapping when there is none or it is not JSON (some 500s are HTML)."""
        try:
            return json.loads(self.body) if self.body else {}
        except ValueError:
            return {}

    def server_time(self) -> float | None:
        """The server's clock in seconds since 1970, from the `Date` header (whole seconds, rounded down)."""
        text = self.headers.get("date", "")
        parsed = email.utils.parsedate_tz(text) if text else None
        return None if parsed is None else float(email.utils.mktime_tz(parsed))


class Sender(Protocol):
    """What sends requests: a connection, or a stand-in of one."""

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer: ...

    def close(self) -> None: ...


class Connection:
    """Not for use by two threads at once."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        timeout: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(credentials.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the endpoint {credentials.endpoint!r} is no http(s) address")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._base = parts.path.rstrip("/")
        self._headers = {
            "X-Appwrite-Project": credentials.project,
            "X-Appwrite-Key": credentials.key,
            "X-Appwrite-Response-Format": RESPONSE_FORMAT,
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
        }
        self._timeout = timeout
        self._clock = clock
        self._open: http.client.HTTPConnection | None = None
        self._used_at = 0.0

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send once. Raises `NotSent` or `Unclear`; any answer of the server, errors too, is returned."""
        wire = self._connected()
        payload = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        all_headers = {**self._headers, **(headers or {})}
        if payload is not None:
            all_headers["Content-Type"] = "application/json"
        try:
            wire.request(method, self._base + path, body=payload, headers=all_headers)
            response = wire.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unclear(f"{method} {path}: {type(error).__name__}: {error}") from error
        if response.will_close:
            self.close()
        self._used_at = self._clock()
        lowered = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, lowered, data)

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connected(self) -> http.client.HTTPConnection:
        if self._open is not None and self._clock() - self._used_at > IDLE_LIMIT:
            self.close()
        if self._open is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            wire = kind(self._host, self._port, timeout=self._timeout)
            try:
                wire.connect()
            except OSError as error:
                raise NotSent(f"cannot reach {self._host}: {type(error).__name__}: {error}") from error
            self._open = wire
        return self._open

"""One keep-alive HTTP/1.1 connection to an Appwrite endpoint, with the standard library only.

It sends a request once and never repeats it. What it distinguishes is the only thing that matters for safe
repeating: a request that certainly never left (`NotSent`) and one that may have been carried out (`Unclear`).

What stands in front of Appwrite answers too: a proxy with its own 404 while Appwrite restarts, a page with status 200.
Such an answer says nothing about the request, so it is as good as none (`Foreign`). Redirects are never followed: the
key goes nowhere but to the endpoint.

No response format is announced: each server speaks its own. What is read here (documents, executions, attributes,
indexes, errors) is the same in those of 1.7 to main, and what newer servers add is not looked at. Under an older format
than its own, a server changes what is written as well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from .typed import Any, NamedTuple, Protocol
from .wire import Garbled, Wire

USER_AGENT = "raceday-functions"
#: A connection that was idle for longer is looked at before it is used again: servers close idle ones after 5 s and
#: more, and a request sent into a closed connection has an unclear outcome.
IDLE_LIMIT = 4.0
#: One that was idle for longer than this is not used again. A function that is started every minute has it still; what
#: lies between may forget a connection without a word, but hardly so soon.
WARM_LIMIT = 75.0
#: Open connections that a warm container keeps from one run for the next, for each server.
MOST_KEPT = 16
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


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


class Foreign(Unclear):
    """An answer came, but Appwrite did not give it."""

    def __init__(self, answer: Answer) -> None:
        kind, place = answer.headers.get("content-type", ""), answer.headers.get("location", "")
        said = "".join(each for each in answer.body[:60].decode("ascii", "replace") if each.isprintable())
        if 300 <= answer.status < 400:
            text = f"{answer.status}, a redirect to {place[:200]!r}; it was not followed"
        else:
            text = f"{answer.status} {kind[:60] or 'without a type'} {said!r}"
        super().__init__(f"an answer that is not Appwrite's: {text}")
        self.status, self.headers = answer.status, answer.headers


class Answer(NamedTuple):
    """Whatever answered; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> dict[str, Any]:
        """What Appwrite says: a JSON object, and nothing at all for a deletion. Raises `Foreign`.

        Its errors have `message`, `code` and `type` (1.7 to 1.9 and main).
        """
        if self.status == 204 and not self.body and self.headers.get("content-length", "0") == "0":
            return {}
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or 300 <= self.status < 400 or (self.status >= 400 and not _is_error(found)):
            raise Foreign(self)
        return found

    def server_time(self) -> float | None:
        """The server's clock in seconds since 1970, from the `Date` header (whole seconds, rounded down)."""
        return parse_date(self.headers.get("date", ""))


class Sender(Protocol):
    """What sends requests: a connection, or a stand-in of one."""

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer: ...

    def close(self) -> None: ...


#: By server: open connections and when they were last used. They carry no credentials; each request brings its own.
_kept: dict[tuple[bool, str, int, float], list[tuple[Wire, float]]] = {}


class Connection:
    """Not for use by two threads at once.

    What it closes stays open for the next one to the same server, of this run or of a later run in a warm container.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        timeout: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        secure, host, port, self._base = _parts_of(credentials.endpoint)
        self._place = (secure, host, port, timeout)
        self._headers = {
            "X-Appwrite-Project": credentials.project,
            "X-Appwrite-Key": credentials.key,
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
        }
        self._clock = clock
        self._open: Wire | None = None
        self._used_at = 0.0

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send once. Raises `NotSent` or `Unclear`; any answer of the server, errors too, is returned."""
        wire = self._connected()
        payload = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        all_headers = {**self._headers, **(headers or {})}
        if payload is not None:
            all_headers["Content-Type"] = "application/json"
        try:
            response = wire.exchange(method, self._base + path, all_headers, payload)
        except (OSError, Garbled) as error:
            self._drop()
            raise Unclear(f"{method} {path}: {type(error).__name__}: {error}") from error
        self._used_at = self._clock()
        if not response.kept:
            self._drop()
        return Answer(response.status, response.headers, response.body)

    def close(self) -> None:
        """Give the connection up; the next request, of whomever, may use it again."""
        wire, self._open = self._open, None
        if wire is None:
            return
        kept = _kept.setdefault(self._place, [])
        if len(kept) < MOST_KEPT:
            # Appending and popping need no guard: each is one step of the interpreter.
            kept.append((wire, self._used_at))
        else:
            wire.close()

    def _drop(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connected(self) -> Wire:
        if self._open is not None and not self._is_usable(self._open, self._used_at):
            self._drop()
        if self._open is None:
            self._open = self._kept_one() or self._new_one()
        return self._open

    def _is_usable(self, wire: Wire, used_at: float) -> bool:
        idle = self._clock() - used_at
        return idle <= IDLE_LIMIT or (idle <= WARM_LIMIT and wire.is_quiet())

    def _kept_one(self) -> Wire | None:
        kept = _kept.get(self._place, [])
        while kept:
            try:
                wire, used_at = kept.pop()
            except IndexError:
                break
            # Looked at in any case: whose clock it was, and what became of the server since, is not known here.
            if self._is_usable(wire, used_at) and wire.is_quiet():
                return wire
            wire.close()
        return None

    def _new_one(self) -> Wire:
        secure, host, port, timeout = self._place
        try:
            return Wire(host, port, secure=secure, timeout=timeout)
        except OSError as error:
            raise NotSent(f"cannot reach {host}: {type(error).__name__}: {error}") from error


def _parts_of(endpoint: str) -> tuple[bool, str, int, str]:
    """TLS or not, host, port and path. By hand: `urllib.parse` takes longer to load than a request takes."""
    scheme, _, rest = endpoint.partition("://")
    authority, _, path = rest.partition("/")
    if authority.startswith("["):
        host, _, after = authority[1:].partition("]")
    else:
        host, colon, digits = authority.partition(":")
        after = colon + digits
    secure, port = scheme.lower() == "https", after.removeprefix(":")
    odd = any(each in rest for each in "@?#\\ \t\r\n") or (after and not after.startswith(":"))
    if scheme.lower() not in ("http", "https") or not host or odd or not (port or "0").isdecimal():
        raise ValueError(f"the endpoint {endpoint!r} is not an http(s) address")
    return secure, host, int(port or (443 if secure else 80)), f"/{path}".rstrip("/")


def _is_error(document: Mapping[str, Any]) -> bool:
    wanted = (("message", str), ("code", int), ("type", str))
    return all(isinstance(document.get(name), kind) for name, kind in wanted)


def cleaned(text: str, key: str) -> str:
    """The text without the key: a server may repeat what it was sent."""
    return text.replace(key, "***") if key else text


def parse_date(text: str) -> float | None:
    """Seconds since 1970 of `Tue, 24 Nov 2026 20:24:26 GMT`, the only form that servers may send; else None."""
    try:
        _, day, month, year, clock, _ = text.split()
        hour, minute, second = clock.split(":")
        # A leap second counts as the second before it.
        parts = (int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), min(int(second), 59))
        return datetime(*parts, tzinfo=UTC).timestamp()
    except ValueError:
        return None

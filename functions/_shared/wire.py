"""The little of HTTP/1.1 that JSON requests need, on one socket.

`http.client` would do, but importing it (with the email package and TLS) takes longer than all the rest that runs
before the lock is tried for. For the same reason this does with what lies under the module `socket`, where there is
such a thing (CPython). TLS, which needs all of it, is loaded only for an `https` endpoint.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping

from .typed import Any, NamedTuple

try:
    import _socket as socket
except ImportError:
    import socket

#: Longer lines and more headers are no answer of Appwrite.
LONGEST_LINE, MOST_HEADERS = 65_536, 200
#: Bytes of a body. The largest answer that is asked for, 500 whole documents, has a few megabytes.
LONGEST_BODY = 32_000_000
#: Seconds from a request to the end of its answer, however steadily it drips in.
LONGEST_EXCHANGE = 60.0
_trusted: Any = None


class Garbled(Exception):
    """What came back is no whole HTTP answer."""


class Response(NamedTuple):
    """A whole answer; header names are in lower case. `kept`: the connection may be used again."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    kept: bool


class Wire:
    """One connection, open from the beginning. Raises `OSError` when the server cannot be reached."""

    def __init__(self, host: str, port: int, *, secure: bool, timeout: float) -> None:
        # As bytes an ordinary name needs no codec for international ones, which would be loaded for it.
        name: Any = host.encode() if host.isascii() else host
        plain = _connected(name, port, timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = _with_tls(plain, host) if secure else plain
        self._timeout = timeout
        self._received = _Received(self._socket)
        self._file = io.BufferedReader(self._received)
        named = f"[{host}]" if ":" in host else host
        self._host = named if port == (443 if secure else 80) else f"{named}:{port}"

    def exchange(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """Send a request and wait for the answer. Raises `OSError` or `Garbled`; the outcome is unclear then."""
        self._received.ends = time.monotonic() + LONGEST_EXCHANGE
        self._socket.sendall(_request(method, target, {"Host": self._host, **headers}, body))
        status, version, received = self._head()
        while 100 <= status < 200:
            status, version, received = self._head()
        length, chunked = received.get("content-length"), "chunked" in received.get("transfer-encoding", "").lower()
        wish = received.get("connection", "").lower()
        kept = "close" not in wish and (version != "HTTP/1.0" or "keep-alive" in wish)
        if method == "HEAD" or status in (204, 304):
            # Where a body is announced that must not be, nobody knows what comes next.
            return Response(status, received, b"", kept and (length or "0") == "0")
        if chunked:
            return Response(status, received, self._chunks(), kept)
        if length is None:
            return Response(status, received, self._rest(), kept=False)
        return Response(status, received, self._exactly(_number(length, 10)), kept)

    def is_quiet(self) -> bool:
        """Whether nothing has come in since the last answer: after a while it would be the server's goodbye."""
        self._received.ends = float("inf")
        self._socket.settimeout(0.0)
        try:
            self._file.peek(1)
        except OSError as error:
            # By name, because the module with the second one is loaded for TLS only.
            return type(error).__name__ in ("BlockingIOError", "SSLWantReadError")
        finally:
            self._socket.settimeout(self._timeout)
        return False

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _head(self) -> tuple[int, str, dict[str, str]]:
        """Status, version and headers. Of a header that comes several times all values count."""
        version, _, rest = self._line().partition(" ")
        status = _number(rest[:3], 10)
        if not version.startswith("HTTP/1."):
            raise Garbled(f"not HTTP/1: {version[:20]!r}")
        headers: dict[str, str] = {}
        for _ in range(MOST_HEADERS):
            line = self._line()
            if not line:
                return status, version, headers
            name, colon, value = line.partition(":")
            if not colon:
                raise Garbled(f"no header: {line[:20]!r}")
            name, value = name.strip().lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        raise Garbled("too many headers")

    def _chunks(self) -> bytes:
        found, total = [], 0
        while size := _number(self._line().partition(";")[0], 16):
            total += size
            found.append(self._exactly(size, total))
            if self._line():
                raise Garbled("a chunk is longer than announced")
        while self._line():
            pass  # what follows the last chunk is of no interest
        return b"".join(found)

    def _line(self) -> str:
        line = self._file.readline(LONGEST_LINE + 1)
        if not line.endswith(b"\n"):
            raise Garbled("the answer ended early" if len(line) <= LONGEST_LINE else "a line is too long")
        return line.decode("latin-1").rstrip("\r\n")

    def _rest(self) -> bytes:
        found = self._file.read(LONGEST_BODY + 1)
        if len(found) > LONGEST_BODY:
            raise Garbled(f"more than {LONGEST_BODY} bytes")
        return found

    def _exactly(self, size: int, total: int = 0) -> bytes:
        """So many bytes, of a body that has so many with them."""
        if max(size, total) > LONGEST_BODY:
            raise Garbled(f"more than {LONGEST_BODY} bytes")
        found = self._file.read(size)
        if len(found) < size:
            raise Garbled(f"{len(found)} of {size} bytes came")
        return found


class _Received(io.RawIOBase):
    """What comes in on a socket, to be read as a file, up to the instant when it `ends`."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.ends = float("inf")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if time.monotonic() > self.ends:
            raise Garbled(f"not at its end after {LONGEST_EXCHANGE:g} s")
        received: int = self._source.recv_into(buffer)
        return received


def _connected(name: Any, port: int, timeout: float) -> Any:
    """A socket to the first of the host's addresses that answers; the error of the last when none does."""
    problem: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(name, port, 0, socket.SOCK_STREAM):
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(timeout)
            made.connect(address)
        except OSError as error:
            made.close()
            problem = error
        else:
            return made
    raise problem or OSError(f"{name!r} has no address")


def _request(method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    if body is not None or method in ("POST", "PUT", "PATCH"):
        headers = {**headers, "Content-Length": str(len(body or b""))}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if " " in target or any(each in line for line in lines for each in "\r\n\0"):
        raise ValueError(f"not fit for a request: {target!r} or a header")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def _number(text: str, base: int) -> int:
    """A number as HTTP writes it: digits only, where `int` would take signs and underscores too."""
    text = text.strip()
    try:
        if text.isalnum():
            return int(text, base)
    except ValueError:
        pass
    raise Garbled(f"no number: {text[:20]!r}")


def _with_tls(plain: Any, host: str) -> Any:
    import socket as whole  # noqa: PLC0415 - both take long to load
    import ssl  # noqa: PLC0415

    global _trusted  # noqa: PLW0603 - the trusted certificates are read once
    if _trusted is None:
        _trusted = ssl.create_default_context()
        _trusted.set_alpn_protocols(["http/1.1"])
    timeout = plain.gettimeout()
    full = whole.socket(fileno=plain.detach())
    try:
        full.settimeout(timeout)
        return _trusted.wrap_socket(full, server_hostname=host)
    except BaseException:
        full.close()
        raise

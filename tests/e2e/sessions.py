"""Sessions of the library `requests`. To a server on this machine they go below it, which takes a fifth of the time:
many thousands of requests of the suite are no more than looks and copies of others.
"""

from __future__ import annotations

import json as to_json
import socket
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import requote_uri
from urllib3.util.wait import wait_for_read

_LINE = 65537
#: Seconds for which an idle connection is used again: well below the 75 after which the server closes it.
_FRESH = 30.0


def session_to(endpoint: str) -> requests.Session:
    """For requests to this endpoint alone. One to this machine may be shared between threads."""
    return _Near(endpoint) if endpoint.startswith("http://127.0.0.1:") else requests.Session()


class _Near(requests.Session):
    """Knows what the suite says to a session, and nothing else: no cookies, no redirections, no proxies, no packing."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        # What the rest is left to need not look for proxies either.
        self.trust_env = False
        self.headers["Accept-Encoding"] = "identity"
        self._address = urlsplit(endpoint).netloc
        self._idle: list[tuple[float, _Connection]] = []

    def request(self, method: Any, url: Any, *rest: Any, **content: Any) -> requests.Response:
        if rest or content.keys() - {"params", "data", "json", "headers", "timeout", "allow_redirects"}:
            return super().request(method, url, *rest, **content)
        headers = {**self.headers, **(content.get("headers") or {})}
        body = content.get("data") or b""
        if content.get("json") is not None:
            body, headers["Content-Type"] = to_json.dumps(content["json"]), "application/json"
        if isinstance(body, str):
            body = body.encode()
        path = requote_uri(url.removeprefix(f"http://{self._address}"))
        if content.get("params"):
            path += f"?{urlencode(content['params'], doseq=True)}"
        if not any(name.lower() == "host" for name in headers):
            headers["Host"] = self._address
        if body or method.upper() in ("POST", "PUT", "PATCH"):
            headers["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        answer = requests.Response()
        answer.url = url
        try:
            connection = self._connection(content.get("timeout"))
            connection.ask("\r\n".join(lines).encode("latin-1") + body, answer, has_body=method != "HEAD")
        except (OSError, ValueError) as error:
            raise requests.ConnectionError(error) from error
        if answer.headers.get("connection", "").lower() == "close":
            connection.close()
        else:
            self._idle.append((time.monotonic(), connection))
        return answer

    def _connection(self, timeout: float | None) -> _Connection:
        """One that is open still, or a new one."""
        while True:
            try:
                since, connection = self._idle.pop()
            except IndexError:
                return _Connection(self._address, timeout)
            if time.monotonic() - since < _FRESH and not wait_for_read(connection.socket, 0):
                connection.socket.settimeout(timeout)
                return connection
            connection.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[1].close()
        super().close()


class _Connection:
    """One that says what it is given, and reads an answer."""

    def __init__(self, address: str, timeout: float | None) -> None:
        host, _, port = address.partition(":")
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self.socket.makefile("rb")

    def ask(self, message: bytes, answer: requests.Response, *, has_body: bool) -> None:
        """Fill in the answer. Raises OSError, or ValueError for what is none; then the connection is closed."""
        try:
            self.socket.sendall(message)
            _, code, reason = (*self._line().split(" ", 2), "")[:3]
            answer.status_code, answer.reason = int(code), reason
            headers = {}
            while line := self._line():
                name, _, value = line.partition(":")
                headers[name] = value.strip()
            answer.headers = CaseInsensitiveDict(headers)
            has_body = has_body and answer.status_code not in (204, 304)
            answer._content = self._body(answer.headers) if has_body else b""
        except BaseException:
            self.close()
            raise

    def _line(self) -> str:
        line = self._file.readline(_LINE)
        if not line.endswith(b"\n"):
            raise ConnectionError("the connection was closed without an answer")
        return line.decode("latin-1").rstrip("\r\n")

    def _body(self, headers: CaseInsensitiveDict[str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self._exactly(int(headers["content-length"])) if "content-length" in headers else self._file.read()
        pieces = []
        while size := int(self._line().partition(";")[0], 16):
            pieces.append(self._exactly(size))
            self._line()
        while self._line():
            pass
        return b"".join(pieces)

    def _exactly(self, size: int) -> bytes:
        content = self._file.read(size)
        if len(content) < size:
            raise ConnectionError("the answer broke off")
        return content

    def close(self) -> None:
        self._file.close()
        self.socket.close()

"""Sessions of the library `requests`. To a server on this machine they go below it, which takes a third of the time:
thousands of requests of the suite are no more than looks and copies of others.
"""

from __future__ import annotations

import json as to_json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import requote_uri
from urllib3.util.wait import wait_for_read


def session_to(endpoint: str) -> requests.Session:
    """For requests to this endpoint alone."""
    return _Near(endpoint) if endpoint.startswith("http://127.0.0.1:") else requests.Session()


class _Near(requests.Session):
    """Knows what the suite says to a session, and nothing else: no cookies, no redirections, no proxies, no packing."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        # What the rest is left to need not look for proxies either.
        self.trust_env = False
        self.headers["Accept-Encoding"] = "identity"
        self._address = urlsplit(endpoint).netloc
        self._idle: list[HTTPConnection] = []

    def request(self, method: Any, url: Any, *rest: Any, **content: Any) -> requests.Response:
        if rest or content.keys() - {"params", "data", "json", "headers", "timeout", "allow_redirects"}:
            return super().request(method, url, *rest, **content)
        headers = {**self.headers, **(content.get("headers") or {})}
        body = content.get("data") or None
        if content.get("json") is not None:
            body, headers["Content-Type"] = to_json.dumps(content["json"]), "application/json"
        if isinstance(body, str):
            body = body.encode()
        path = requote_uri(url.removeprefix(f"http://{self._address}"))
        if content.get("params"):
            path += f"?{urlencode(content['params'], doseq=True)}"
        connection = self._connection(content.get("timeout"))
        try:
            connection.request(method, path, body, headers)
            found = connection.getresponse()
            answer = requests.Response()
            answer.status_code, answer._content, answer.url = found.status, found.read(), url
        except (OSError, HTTPException) as error:
            connection.close()
            raise requests.ConnectionError(error) from error
        answer.headers = CaseInsensitiveDict(found.getheaders())
        if connection.sock is not None:
            self._idle.append(connection)
        return answer

    def _connection(self, timeout: float | None) -> HTTPConnection:
        """One that is open still, or a new one."""
        while self._idle:
            connection = self._idle.pop()
            if not wait_for_read(connection.sock, 0):
                connection.sock.settimeout(timeout)
                return connection
            # The server has closed it.
            connection.close()
        return HTTPConnection(self._address, timeout=timeout)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
        super().close()

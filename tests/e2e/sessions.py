"""Sessions of the library `requests`. To a server on this machine they go below it, which takes a third of the time:
thousands of requests of the suite are no more than looks and copies of others.
"""

from __future__ import annotations

import json as to_json
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3
from requests.structures import CaseInsensitiveDict


def session_to(endpoint: str) -> requests.Session:
    """For requests to this endpoint alone."""
    return _Near(endpoint) if endpoint.startswith("http://127.0.0.1:") else requests.Session()


class _Near(requests.Session):
    """Knows what the suite says to a session, and nothing else: no cookies, no redirections, no proxies."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        # What the rest is left to need not look for proxies either.
        self.trust_env = False
        self._pool = urllib3.connection_from_url(endpoint, maxsize=16, retries=False)
        self._host = endpoint[: endpoint.index("/", len("http://"))]

    def request(self, method: Any, url: Any, *rest: Any, **content: Any) -> requests.Response:
        if rest or content.keys() - {"params", "data", "json", "headers", "timeout", "allow_redirects"}:
            return super().request(method, url, *rest, **content)
        headers = {**self.headers, **(content.get("headers") or {})}
        body = content.get("data") or None
        if content.get("json") is not None:
            body, headers["Content-Type"] = to_json.dumps(content["json"]), "application/json"
        path = url.removeprefix(self._host)
        if content.get("params"):
            path += f"?{urlencode(content['params'], doseq=True)}"
        try:
            found = self._pool.urlopen(
                method, path, body, headers, redirect=False, timeout=content.get("timeout"), decode_content=True
            )
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error) from error
        answer = requests.Response()
        answer.status_code, answer._content, answer.url = found.status, found.data, url
        answer.headers = CaseInsensitiveDict(found.headers)
        return answer

    def close(self) -> None:
        self._pool.close()
        super().close()

"""A small client of the server's own HTTP interface, independent of the tool that is tested."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from .budget import Creations
from .sessions import session_to

TIMEOUT = 60
PATIENCE = 180.0


class Api:
    """One project through one key. Every call fails the test unless the server agrees."""

    def __init__(self, endpoint: str, project: str, key: str, creations: Creations) -> None:
        self.endpoint = endpoint
        self._creations = creations
        self._session = session_to(endpoint)
        self._session.headers.update({"X-Appwrite-Project": project, "X-Appwrite-Key": key})
        self._session.headers["X-Appwrite-Response-Format"] = "1.8.0"

    def announce(self, version: str) -> None:
        """Say which version's format is wanted from now on."""
        self._session.headers["X-Appwrite-Response-Format"] = version

    @cached_property
    def version(self) -> tuple[int, ...]:
        """Of the server: (1, 9, 6). A key is refused there."""
        answer = session_to(self.endpoint).get(f"{self.endpoint}/health/version", timeout=TIMEOUT)
        return tuple(int(each) for each in answer.json()["version"].split("-")[0].split("."))

    @cached_property
    def makes_keys(self) -> bool:
        """Whether a key may make keys: on 1.9.6 it may, on main not."""
        body = {"keyId": "probe", "name": "probe", "scopes": []}
        answer = self._session.post(f"{self.endpoint}/project/keys", json=body, timeout=TIMEOUT)
        if answer.ok:
            self.delete("/project/keys/probe")
        return answer.status_code != 403

    def get(self, path: str, *queries: Mapping[str, Any]) -> Any:
        return self._call("GET", path, params=[("queries[]", json.dumps(each)) for each in queries])

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("POST", path, json=dict(body))

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("PUT", path, json=dict(body))

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("PATCH", path, json=dict(body))

    def delete(self, path: str) -> None:
        """Delete what is there; already gone is fine."""
        answer = self._session.delete(self.endpoint + path, json={}, timeout=TIMEOUT)
        assert answer.ok or answer.status_code == 404, f"DELETE {path}: {answer.status_code} {answer.text}"

    def upload(self, function: str, archive: bytes, *, activate: bool) -> Any:
        """A new deployment of a function."""
        return self._call(
            "POST",
            f"/functions/{function}/deployments",
            data={"activate": "true" if activate else "false"},
            files={"code": ("code.tar.gz", archive, "application/gzip")},
        )

    def form(self, path: str, fields: Mapping[str, str], files: Mapping[str, Any]) -> Any:
        """A form with files: name, content and type of each."""
        return self._call("POST", path, data=dict(fields), files=dict(files))

    def has(self, path: str) -> bool:
        answer = self._session.get(self.endpoint + path, timeout=TIMEOUT)
        assert answer.ok or answer.status_code == 404, f"GET {path}: {answer.status_code} {answer.text}"
        return answer.ok

    def all(self, path: str, plural: str) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page."""
        cursor: list[dict[str, Any]] = []
        while True:
            items = self.get(path, {"method": "limit", "values": [100]}, *cursor)[plural]
            yield from items
            if len(items) < 100:
                return
            cursor = [{"method": "cursorAfter", "values": [items[-1]["$id"]]}]

    def ids(self, path: str, plural: str) -> list[str]:
        return [str(each["$id"]) for each in self.all(path, plural)]

    def until(self, path: str, holds: Callable[[Any], bool]) -> Any:
        """The answer of a GET, once it is as hoped. Waits long, and fails with the last answer."""
        deadline = time.monotonic() + PATIENCE
        pause = 0.02
        while not holds(answer := self.get(path)):
            assert time.monotonic() < deadline, f"{path} is still {answer}"
            time.sleep(pause)
            pause = min(0.5, pause * 1.5)
        return answer

    def until_gone(self, path: str) -> None:
        """Until a GET finds nothing: deletions inside a collection are carried out later."""
        deadline = time.monotonic() + PATIENCE
        while self.has(path):
            assert time.monotonic() < deadline, f"{path} is still there"
            time.sleep(0.02)

    def put_function(self, function: str, **changes: Any) -> None:
        """Change fields of a function and leave the others, which a plain update would reset."""
        kept = ("name runtime execute events schedule timeout enabled logging entrypoint commands scopes").split()
        now = self.get(f"/functions/{function}")
        self.put(f"/functions/{function}", {name: now[name] for name in (*kept, "specification")} | changes)

    def _call(self, method: str, path: str, **content: Any) -> Any:
        self._creations.see(method, path)
        answer = self._session.request(method, self.endpoint + path, timeout=TIMEOUT, **content)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

"""A small client of the Appwrite API: JSON in and out, kept connections, retries where repeating is harmless.

Reading, replacing and deleting are repeated after unclear answers. Creating is not: `create` looks first whether the
earlier attempt landed after all. Any number of threads may share one client.

An answer that is not Appwrite's, or not one to the request, is as good as none: it is never taken for "not there", for
"nothing", or for "done".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from json import dumps
from typing import Any
from urllib.parse import quote, urlencode

from .backoff import RETRYABLE, Backoff, wished_wait
from .connection import Answer, Credentials, Foreign, NotSent, Sender, Unclear, cleaned
from .runtime import REAL, Runtime

#: Connections kept open for reuse; more may be in use at a time.
KEPT_CONNECTIONS = 16
#: What the last part of the path of a list is called, as in the answer.
LISTS = frozenset({"databases", "collections", "attributes", "indexes", "documents", "functions", "executions"})
#: What a 404 has to say before a thing counts as not there.
_NOT_THERE = frozenset(
    f"{thing}_not_found" for thing in ("database", "collection", "attribute", "index", "document", "execution")
)


class AppwriteError(Exception):
    """An error answer. Branch on `status` and `kind` (the `type` of the body), never on the text."""

    def __init__(self, request: str, status: int, kind: str, text: str, retry_after: float | None = None) -> None:
        super().__init__(f"{request}: {status} {kind}: {text}")
        self.request, self.status, self.kind, self.text, self.retry_after = request, status, kind, text, retry_after

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in RETRYABLE

    @property
    def missing(self) -> bool:
        """Whether the server says that there is no such thing."""
        return self.status == 404 and self.kind in _NOT_THERE

    @property
    def unclear(self) -> bool:
        """Whether the request may have been carried out in spite of the error (a 500 may come after a write)."""
        return self.status in (0, 408) or self.status >= 500


class Client:
    """One project, seen with one key."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        backoff: Backoff = Backoff(),  # noqa: B008 - immutable
        runtime: Runtime = REAL,
        permit: Callable[[], None] = lambda: None,
        left: Callable[[], float] = lambda: float("inf"),
    ) -> None:
        """`permit` is asked before every write and raises when this run may not write any more. `left` are the seconds
        that waiting may take at this instant."""
        self._credentials = credentials
        self._backoff, self._runtime, self._permit, self._left = backoff, runtime, permit, left
        self._idle: list[Sender] = []
        self._guard = threading.Lock()
        self.requests = 0
        self.throttled = 0

    def get(self, path: str, queries: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Read, with retries."""
        full = path
        if queries:
            full += "?" + urlencode([("queries[]", dumps(query, separators=(",", ":"))) for query in queries])
        return self._repeated("GET", full)

    def find(self, path: str) -> dict[str, Any] | None:
        """Read, with retries; None when there is no such thing."""
        try:
            return self.get(path)
        except AppwriteError as error:
            if error.missing:
                return None
            raise

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replace or upsert, with retries: the same body twice leaves the same result."""
        return self._repeated("PUT", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change to stated values, with retries. Not for increments."""
        return self._repeated("PATCH", path, body)

    def delete(self, path: str) -> bool:
        """Delete, with retries. False when there was nothing (or an earlier attempt had done it)."""
        try:
            self._repeated("DELETE", path)
        except AppwriteError as error:
            if error.missing:
                return False
            raise
        return True

    def once(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Send exactly once. An unclear outcome is an `AppwriteError` with status 0."""
        request = f"{method} {path}"
        answer = self._send(method, path, body, headers)
        if answer.status == 429:
            with self._guard:
                self.throttled += 1
        wish = wished_wait(answer.headers, self._runtime.now())
        try:
            document = answer.document()
        except Foreign as foreign:
            raise AppwriteError(request, 0, "foreign_answer", self._cleaned(foreign), wish) from None
        if answer.status >= 400:
            raise AppwriteError(request, answer.status, document["type"], self._cleaned(document["message"]), wish)
        if not _is_answer_to(method, path, answer.status, document):
            text = (
                f"an answer that is not Appwrite's: {answer.status} with the fields {', '.join(document)[:60] or '-'}"
            )
            raise AppwriteError(request, 0, "foreign_answer", text)
        return document

    def _cleaned(self, text: object) -> str:
        return cleaned(str(text), self._credentials.key)

    def create(self, path: str, body: Mapping[str, Any], look: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
        """Create something whose id we chose. After an unclear answer `look` shows whether it is there.

        `look` returns what was found or None. A 409 of the first attempt is raised: it is somebody else's.
        """
        for attempt in range(1, self._backoff.attempts + 1):
            try:
                return self.once("POST", path, body)
            except AppwriteError as error:
                if not error.retryable or attempt == self._backoff.attempts or not self.wait(attempt, error):
                    raise
                found = look() if error.unclear else None
                if found is not None:
                    return found
        raise AssertionError("the last attempt returns or raises")

    def wait(self, attempt: int, error: AppwriteError) -> bool:
        """Sleep as long as the server wishes, or as the backoff says. False, and at once, when less time is left."""
        wish = error.retry_after
        seconds = self._backoff.wait(attempt, self._runtime.draw) if wish is None else wish
        if seconds >= self._left():
            return False
        self._runtime.sleep(seconds)
        return True

    def close(self) -> None:
        """Close the kept connections."""
        with self._guard:
            idle, self._idle = self._idle, []
        for sender in idle:
            sender.close()

    def _repeated(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        for attempt in range(1, self._backoff.attempts + 1):
            try:
                return self.once(method, path, body)
            except AppwriteError as error:
                if not error.retryable or attempt == self._backoff.attempts or not self.wait(attempt, error):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str] | None
    ) -> Answer:
        if method != "GET":
            self._permit()
        with self._guard:
            self.requests += 1
            sender = self._idle.pop() if self._idle else self._runtime.connect(self._credentials)
        try:
            answer = sender.send(method, path, body, headers)
        except (NotSent, Unclear) as error:
            sender.close()
            raise AppwriteError(f"{method} {path}", 0, "no_answer", self._cleaned(error)) from error
        with self._guard:
            keep = len(self._idle) < KEPT_CONNECTIONS
            if keep:
                self._idle.append(sender)
        if not keep:
            sender.close()
        return answer


def _is_answer_to(method: str, path: str, status: int, document: Mapping[str, Any]) -> bool:
    """Whether a success says what this request asks: a list has `total` and its items, a thing `$id` or its `key`."""
    if status == 204 or method == "DELETE":
        return status == 204 and method == "DELETE"
    name = path.partition("?")[0].rpartition("/")[2]
    if method == "GET" and name in LISTS:
        items = document.get(name)
        is_list = isinstance(items, list) and all(isinstance(each, dict) for each in items)
        return is_list and isinstance(document.get("total"), int)
    return isinstance(document.get("$id"), str) or isinstance(document.get("key"), str)


def path_of(*parts: str) -> str:
    """A request path from its parts, each escaped: `path_of("databases", "raceday-db")`."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def query(method: str, *values: Any, attribute: str | None = None) -> dict[str, Any]:
    """One list query: `query("equal", "a", "b", attribute="$id")`, `query("limit", 100)`."""
    named = {} if attribute is None else {"attribute": attribute}
    return {"method": method, **named, "values": list(values)}

"""The one HTTP client of the contract suite.

It knows nothing of the product. Every answer it receives is shown to its observers, so that the whole suite
checks the server against the OpenAPI description on the way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import requests
from e2e.sessions import session_to

#: Long enough for a sync execution's own limit of 30 s.
TIMEOUT = 60


@dataclass(frozen=True)
class Answer:
    """What the server said. `body` is the parsed JSON, None for an empty answer, or the raw bytes."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    body: Any

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    @property
    def kind(self) -> str:
        """The error type, or "" for a success."""
        return str(self.body.get("type", "")) if self.status >= 400 and isinstance(self.body, dict) else ""


@dataclass(frozen=True)
class Exchange:
    """One request with its answer; `path` starts after the endpoint's `/v1`, header names are lower-case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    answer: Answer
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Observer = Callable[[Exchange], None]


@dataclass(frozen=True)
class Api:
    """A project of one server, seen through one key. An empty key or project sends no such header."""

    endpoint: str
    project: str
    key: str
    observers: tuple[Observer, ...] = ()
    session: requests.Session = field(default=None, compare=False, repr=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.session is None:
            object.__setattr__(self, "session", session_to(self.endpoint))

    def with_key(self, key: str) -> Api:
        """The same project through another key."""
        return replace(self, key=key)

    def with_project(self, project: str) -> Api:
        """Another project of the same server, with the same key."""
        return replace(self, project=project)

    def alone(self) -> Api:
        """A copy with a connection of its own, for use in another thread."""
        return replace(self, session=session_to(self.endpoint))

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        file: tuple[str, bytes] | None = None,
        part: str = "code",
        raw: str | bytes | None = None,
    ) -> Answer:
        """Send one request. `body` goes as JSON; `form` with `file` (name, bytes), which is `part` of it, as multipart;
        `raw` as it is."""
        sent = self._identity() | dict(headers or {})
        payload: dict[str, Any] = {}
        if form is not None:
            payload = {"files": _multipart(form, file, part)}
        elif raw is not None:
            payload = {"data": raw}
        elif body is not None:
            payload = {"data": json.dumps(body).encode()}
            sent.setdefault("Content-Type", "application/json")
        response = self.session.request(
            method, self.endpoint + path, params=list(query), headers=sent, timeout=TIMEOUT, **payload
        )
        answer = Answer(response.status_code, response.headers, response.content, _parsed(response))
        lowered = {name.lower(): value for name, value in sent.items()}
        for observe in self.observers:
            observe(Exchange(method, path, tuple(query), answer, body, lowered))
        return answer

    def get(self, path: str, *queries: Any, **options: Any) -> Answer:
        """GET with query objects, each sent as one `queries[]` text."""
        given = list(options.pop("query", ()))
        return self.call("GET", path, query=given + [("queries[]", as_text(each)) for each in queries], **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.call("POST", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.call("PUT", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.call("PATCH", path, body, **options)

    def delete(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.call("DELETE", path, body, **options)

    def _identity(self) -> dict[str, str]:
        headers = {}
        if self.project:
            headers["X-Appwrite-Project"] = self.project
        if self.key:
            headers["X-Appwrite-Key"] = self.key
        return headers


def q(method: str, attribute: str | None = None, *values: Any) -> dict[str, Any]:
    """One query object: `q("equal", "name", "x")`, `q("limit", None, 5)`."""
    query: dict[str, Any] = {"method": method}
    if attribute is not None:
        query["attribute"] = attribute
    return query | {"values": list(values)} if values else query


def as_text(query: Any) -> str:
    """A query as it travels: text is left alone, so that malformed ones can be sent."""
    return query if isinstance(query, str) else json.dumps(query, separators=(",", ":"))


def _multipart(form: Mapping[str, str], file: tuple[str, bytes] | None, part: str) -> list[tuple[str, Any]]:
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in form.items()]
    if file is not None:
        parts.append((part, (file[0], file[1], "application/gzip")))
    return parts


def _parsed(response: requests.Response) -> Any:
    if not response.content:
        return None
    if "json" in response.headers.get("content-type", ""):
        return response.json()
    try:
        return json.loads(response.content)
    except ValueError:
        return response.content

"""The HTTP side of the server: routes, the order of checks, and the shape of every answer.

Order as in Appwrite: route exists, project, key, scope, rate limit, parameters, handler. Handlers are plain
functions that run one at a time on the event loop inside one database transaction, so that each HTTP call is atomic.
A handler that has to wait returns an awaitable, which is awaited after its transaction was committed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .params import Param

if TYPE_CHECKING:
    from .server import Server


@dataclass(frozen=True)
class Key:
    """Who calls: `kind` is `standard`, `dynamic` or `guest`; scopes include the implicit ones."""

    kind: str
    scopes: frozenset[str]
    function: str = ""


@dataclass(frozen=True)
class Upload:
    """A file part of a multipart body."""

    filename: str
    content: bytes


@dataclass(frozen=True)
class Request:
    """One request after project and key were checked. Header names are lower-case; `params` holds the path's
    placeholders, the query (PHP-style lists already parsed) and the body, merged in that order of precedence."""

    method: str
    path: str
    project: str
    key: Key
    headers: Mapping[str, str]
    params: Mapping[str, Any]
    files: Mapping[str, Upload] = field(default_factory=dict)
    host: str = ""


@dataclass(frozen=True)
class Reply:
    """An answer. `body` is JSON-serialisable, or bytes to be sent as they are, or None for an empty answer.

    `model` names the shape (`function`, `functions` for its list) for clients that announce an older format."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = ""


#: Called as handler(server, request, values); `values` are the validated parameters.
Handler = Callable[["Server", Request, dict[str, Any]], "Reply | Awaitable[Reply]"]


@dataclass(frozen=True)
class Route:
    """`path` holds placeholders in braces (`/functions/{functionId}`), without `/v1`. One of `scopes` suffices.

    `limit` is (requests, seconds): it only puts X-RateLimit headers on answers; `enforced` limits are the
    handler's own business."""

    method: str
    path: str
    scopes: tuple[str, ...]
    params: tuple[Param, ...]
    handler: Handler
    limit: tuple[int, int] | None = None


class Routes:
    """A table of routes to which each part of the server adds its own."""

    def __init__(self) -> None:
        self.table: list[Route] = []

    def add(
        self,
        method: str,
        path: str,
        scopes: str | tuple[str, ...],
        *params: Param,
        limit: tuple[int, int] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Decorator that registers a handler."""

        def register(handler: Handler) -> Handler:
            wanted = (scopes,) if isinstance(scopes, str) else scopes
            self.table.append(Route(method, path, wanted, params, handler, limit))
            return handler

        return register

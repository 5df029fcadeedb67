"""The HTTP side of the server: routes, the order of checks, and the shape of every answer.

Order as in Appwrite: route exists, project, key, scope, rate limit, parameters, handler. Handlers are plain
functions that run one at a time on the event loop inside one database transaction, so that each HTTP call is atomic.
A handler that has to wait returns an awaitable, which is awaited after its transaction was committed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .params import Param
from .settings import VERSION

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


@dataclass(frozen=True)
class RawAnswer:
    """An answer that is none of Appwrite's: sent after `delay` seconds; with `is_cut` the connection is dropped."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    is_cut: bool = False


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


# Answers for clients that announce an older API version in `X-Appwrite-Response-Format`.
#
# The changes are those of Appwrite's response filters V18 to V20 (src/Appwrite/Utopia/Response/Filters).


Adapter = Callable[[dict[str, Any]], dict[str, Any]]

NUMBERS = re.compile(r"\d+(?:\.\d+)*")


def parse_version(text: str) -> tuple[int, ...] | None:
    """The numbers of a version, or None for a text that is no version."""
    found = NUMBERS.match(text)
    return tuple(int(number) for number in found[0].split(".")) if found else None


def warning_for(announced: str) -> str | None:
    """What a server says to a client that is newer than itself."""
    version = parse_version(announced)
    if version is None or version <= (parse_version(VERSION) or ()):
        return None
    return (
        f"The current SDK is built for Appwrite {announced}. "
        f"However, the current Appwrite server version is {VERSION}. "
        "Please downgrade your SDK to match the Appwrite version: https://appwrite.io/docs/sdks"
    )


def _function_1_6(item: dict[str, Any]) -> dict[str, Any]:
    gone = {"deploymentCreatedAt", "latestDeploymentId", "latestDeploymentCreatedAt", "latestDeploymentStatus"}
    kept = {name: value for name, value in item.items() if name not in gone}
    kept["deployment"] = kept.pop("deploymentId", "")
    return kept


def _deployment_1_6(item: dict[str, Any]) -> dict[str, Any]:
    kept = _without(item, "totalSize", "screenshotLight", "screenshotDark")
    kept["size"] = kept.pop("sourceSize", "")
    kept["buildTime"] = kept.pop("buildDuration", "")
    return kept


def _without(item: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in names}


#: (older than this version, model) → how to change one item. Newest first: older clients get all of them in turn.
ADAPTERS: tuple[tuple[tuple[int, ...], str, Adapter], ...] = (
    ((1, 8, 0), "document", lambda item: _without(item, "$sequence")),
    ((1, 7, 0), "function", _function_1_6),
    ((1, 7, 0), "deployment", _deployment_1_6),
    ((1, 7, 0), "variable", lambda item: _without(item, "secret")),
    ((1, 6, 0), "function", lambda item: _without(item, "scopes", "specification")),
    ((1, 6, 0), "execution", lambda item: _without(item, "scheduledAt")),
)


def adapt(body: Any, model: str, announced: str) -> Any:
    """`body` as a server of the announced version would have answered it."""
    version = parse_version(announced)
    if version is None or not model or not isinstance(body, dict):
        return body
    for older_than, name, change in ADAPTERS:
        if version >= older_than:
            continue
        if model == name:
            body = change(body)
        elif model == f"{name}s":
            body = {**body, model: [change(item) for item in body[model]]}
    return body

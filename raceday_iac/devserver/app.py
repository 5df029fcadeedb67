"""The ASGI application: one request in, one answer out, in Appwrite's order of checks.

Handlers run on the event loop, each inside one transaction, so that requests are atomic and never overlap. Only what
a handler returns as an awaitable (an execution that has to finish) runs on while others are served.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from email.utils import formatdate
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from . import faults, sites
from .errors import ApiError
from .faults import RequestFault
from .keys import FOREIGN_HOST, FOREIGN_ORIGIN, WRITES, cross_origin_headers, is_own_host, unknown_origin
from .params import read_params
from .server import Plugin, Server
from .web import Key, Reply, Request, Route, Routes, adapt, adapt_request, parse_query, read_body, warning_for

LOG = logging.getLogger("raceday_iac.devserver")

JSON = "application/json; charset=UTF-8"
NO_CACHE = {"cache-control": "no-cache, no-store, must-revalidate", "expires": "0", "pragma": "no-cache"}
ALWAYS = {"server": "Appwrite", "x-content-type-options": "nosniff"}
CONTROL = "/v1/_dev"
ERROR_PAGE = b'<!DOCTYPE html><html lang="en"><head><title>Error</title></head><body><h1>Error 404</h1></body></html>'
#: What stands before a real Appwrite's console is none of its API; here it is said what this is.
FRONT_PAGE = (
    b'<!DOCTYPE html><html lang="en"><head><title>Embedded Appwrite</title></head><body>'
    b"<h1>An Appwrite-compatible server for development</h1><p>Its API is below <code>/v1</code>. "
    b"Look at it with <code>raceday-iac console</code>.</p></body></html>"
)
#: Methods that ask for a page of a site.
SHOWS = ("GET", "HEAD")
#: Bytes that may wait to be sent before more are made.
_UNSENT = 1 << 20


class Incoming(HttpRequest):
    """A request as it came."""

    @cached_property
    def header_values(self) -> Mapping[str, str]:
        """Header values by lower-case names, of several the first. `headers` searches all of them for each one."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(self.scope["headers"])}


class App:
    """Serves a `Server` over ASGI."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.router = Router(server)
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message: Message = await receive()
            if message["type"] == "lifespan.startup":
                self.server.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.server.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        http = Incoming(scope, receive)
        shown = sites.page(self.server, http.header_values.get("host", ""), path) if method in SHOWS else None
        if shown is not None:
            await _response(shown.body, shown.status, shown.headers)(scope, receive, send)
            return
        if not is_own_host(http.header_values):
            await self._failure(ApiError("general_access_forbidden", FOREIGN_HOST), dict(ALWAYS))(scope, receive, send)
            return
        for plugin in self.server.settings.plugins:
            if path.startswith(f"{plugin.mount}/"):
                await self._leave_to(plugin, http, send)
                return
        if path == "/" and method == "GET":
            await _response(FRONT_PAGE, 200, {**ALWAYS, "content-type": "text/html; charset=UTF-8"})(
                scope, receive, send
            )
            return
        found = self.router.find(method, path)
        if path.startswith(CONTROL):
            await (await self._answer(http, found))(scope, receive, send)
            return
        route = f"/v1{found[0].path}" if found else path
        self.server.requests[method, route] += 1
        fault, begun = self.server.faults.take(method, path), time.perf_counter()
        status = 0
        try:
            status = await self._counted(http, path, found, fault, send)
        finally:
            who = http.scope.get("raceday key", "")
            self.server.remember(method, path, route, status, time.perf_counter() - begun, who)

    async def _counted(
        self,
        http: Incoming,
        path: str,
        found: tuple[Route, dict[str, str]] | None,
        fault: RequestFault | None,
        send: Send,
    ) -> int:
        """Answer a request of a client, with the fault that strikes it. Returns the status, 0 where there was none."""
        if fault is not None and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault is not None and fault.cut == "before":
            await _cut(send)
            return 0
        if fault is not None and fault.answer and faults.is_instead(fault.answer):
            # An end with something unread would be a reset, which takes the answer away.
            await http.body()
            query = http.scope["query_string"].decode("latin-1")
            await _write(send, faults.instead(fault.answer, f"{path}?{query}" if query else path))
            return 0
        response = self._faulty(fault) if fault is not None and fault.status else await self._answer(http, found)
        if fault is not None and fault.answer:
            answer = faults.Answer(response.status_code, dict(response.headers), bytes(response.body))
            await _write(send, faults.spoilt(fault.answer, answer))
            return response.status_code
        if fault is not None and fault.cut:
            await _cut(send)
            return 0
        await response(http.scope, http.receive, send)
        return response.status_code

    async def _leave_to(self, plugin: Plugin, http: Incoming, send: Send) -> None:
        """A request that an extension answers."""
        path, query = http.scope["path"].removeprefix(plugin.mount), http.scope["query_string"].decode("latin-1")
        answer = plugin.answer(self.server, http.method, path, query, http.header_values)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.is_cut:
            await _cut(send)
            return
        await _response(answer.body, answer.status, answer.headers)(http.scope, http.receive, send)

    async def _answer(self, http: Incoming, found: tuple[Route, dict[str, str]] | None) -> Response:
        headers = {**ALWAYS, "date": _date(int(self.server.clock.now().timestamp()))}
        announced = http.header_values.get("x-appwrite-response-format", "")
        try:
            if found is None and self.server.age.has_error_pages:
                return _response(ERROR_PAGE, 404, {**headers, **NO_CACHE, "content-type": "text/html; charset=UTF-8"})
            if found is None:
                raise ApiError("general_route_not_found")
            warning = warning_for(announced, self.server.age.version)
            if warning:
                headers["x-appwrite-warning"] = warning
            reply = await self._handle(http, *found, headers)
            return _success(reply, announced, headers)
        except ApiError as error:
            return self._failure(error, headers)
        except Exception:
            LOG.exception("%s %s failed", http.method, http.scope["path"])
            return self._failure(ApiError("general_unknown"), headers)

    async def _handle(self, http: Incoming, route: Route, ids: dict[str, str], headers: dict[str, str]) -> Reply:
        query = parse_query(http.scope["query_string"])
        body, files = await read_body(http)
        announced = http.header_values.get("x-appwrite-response-format", "")
        # What writes takes its parameters from the body alone (observed on 1.9.6; utopia-php/http, Request.php).
        sent = body if http.method in WRITES else query
        given = adapt_request(route, {**sent, **ids}, announced)
        headers.update(cross_origin_headers(http.header_values))
        project, key = self._authorise(http, query, route)
        if route.limit is not None:
            headers.update(self._count(project, http.scope["path"], route.limit))
        request = Request(
            http.method,
            http.scope["path"],
            project,
            key,
            http.header_values,
            given,
            files,
            http.client.host if http.client else "127.0.0.1",
        )
        outcome = self._run(route, request)
        return outcome if isinstance(outcome, Reply) else await outcome

    def _authorise(self, http: Incoming, query: Mapping[str, Any], route: Route) -> tuple[str, Key]:
        """Project, key, scope. Without a project it is the console's, whose keys nobody has (observed on 1.8.1)."""
        headers, method = http.header_values, http.method
        project = headers.get("x-appwrite-project") or str(query.get("project", "")) or "console"
        if project != "console" and not self.server.has_project(project):
            raise ApiError("project_not_found")
        stranger = unknown_origin(headers)
        if stranger and method in WRITES and not headers.get("x-appwrite-key"):
            raise ApiError("general_unknown_origin", FOREIGN_ORIGIN.format(stranger))
        key = self.server.find_key(project, headers.get("x-appwrite-key", ""))
        http.scope["raceday key"] = f"{key.kind} {key.function}".strip()
        if not key.scopes.intersection(route.scopes):
            who = "User (role: guests)" if key.kind == "guest" else f"{_name(project, headers)} (role: applications)"
            wanted = json.dumps(list(route.scopes), separators=(",", ":"))
            raise ApiError("general_unauthorized_scope", f"{who} missing scopes ({wanted})")
        if project == "console" and not route.path.startswith("/health"):
            raise ApiError("general_access_forbidden")
        return project, key

    def _run(self, route: Route, request: Request) -> Reply | Awaitable[Reply]:
        values = read_params(route.params, request.params, checks_nulls=self.server.age.checks_nulls)
        db = self.server.db
        db.execute("BEGIN IMMEDIATE")
        try:
            outcome = route.handler(self.server, request, values)
        except ApiError as error:
            db.execute("COMMIT" if error.keep_writes else "ROLLBACK")
            raise
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
        # A list that is not to be counted.
        if values.get("total") is False and isinstance(outcome, Reply):
            return replace(outcome, body={**outcome.body, "total": 0})
        return outcome

    def _count(self, project: str, url: str, limit: tuple[int, int]) -> dict[str, str]:
        """Headers of the generic limiter, which exempts keys but still counts."""
        most, seconds = limit
        start = int(time.time()) // seconds * seconds
        since, used = self._windows.get((project, url), (start, 0))
        used = used + 1 if since == start else 1
        self._windows[project, url] = (start, used)
        return _limit_headers(most, max(most - used, 0), start + seconds)

    def _failure(self, error: ApiError, headers: dict[str, str]) -> Response:
        named = self.server.age.message(error.type, error.name) if error.is_usual else None
        body = {
            "message": named or error.message,
            "code": error.status,
            "type": error.type,
            "version": self.server.age.version,
        }
        return _response(_encode(body), error.status, {**headers, **error.headers, **NO_CACHE, "content-type": JSON})

    def _faulty(self, fault: RequestFault) -> Response:
        body = {"message": fault.message, "code": fault.status, "type": fault.type, "version": self.server.age.version}
        headers = {**ALWAYS, **NO_CACHE, "content-type": JSON}
        if fault.retry_after is not None:
            headers["retry-after"] = str(fault.retry_after)
        return _response(_encode(body), fault.status, headers)


def _limit_headers(limit: int, remaining: int, reset: int) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(reset),
    }


def _name(project: str, headers: Mapping[str, str]) -> str:
    """The e-mail address of a key: at the host that was asked."""
    host = urlsplit(f"//{headers.get('host', '')}").hostname or "localhost"
    return f"app.{project}@service.{host}"


def _success(reply: Reply, announced: str, headers: dict[str, str]) -> Response:
    headers.update(reply.headers)
    if reply.body is None:
        return _response(b"", reply.status, {"content-type": "text/html", **headers})
    if isinstance(reply.body, bytes):
        return _response(reply.body, reply.status, headers)
    return _response(
        _encode(adapt(reply.body, reply.model, announced)), reply.status, {"content-type": JSON, **headers}
    )


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _encode(body: Any) -> bytes:
    return _ENCODER.encode(body).encode("utf-8", "surrogatepass")


@lru_cache(maxsize=16)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _response(content: bytes, status: int, headers: Mapping[str, str]) -> Response:
    return Response(content, status, headers=dict(headers))


async def _write(send: Send, wire: faults.Wire) -> None:
    """Send pieces as they are, while anybody listens, and end the connection."""
    transport = _transport(send)
    for piece in wire:
        if transport.is_closing():
            break
        if isinstance(piece, bytes):
            transport.write(piece)
        await asyncio.sleep(0 if isinstance(piece, bytes) else piece)
        while transport.get_write_buffer_size() > _UNSENT and not transport.is_closing():
            await asyncio.sleep(0.001)
    while transport.get_write_buffer_size() and not transport.is_closing():
        await asyncio.sleep(0.001)
    await _cut(send, transport.close)


def _transport(send: Send) -> Any:
    """The TCP connection. Knows where uvicorn keeps it."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionAbortedError("this server cannot cut connections")
    return transport


async def _cut(send: Send, end: Callable[[], object] | None = None) -> None:
    """Drop the TCP connection without an answer."""
    (end or _transport(send).abort)()
    # uvicorn must notice the loss before we return, else it answers 500.
    await asyncio.sleep(0)
    await asyncio.sleep(0)


# Finding the route for a method and a path. Fixed words win over placeholders, from left to right.


@lru_cache(maxsize=16)
def _by_shape(tables: tuple[Routes, ...], age: str) -> dict[tuple[str, int], list[tuple[Route, list[str]]]]:
    """The routes of an age, sorted once for all servers: that takes longer than everything else at their start."""
    found: dict[tuple[str, int], list[tuple[Route, list[str]]]] = {}
    for route in (each for table in tables for each in table.table if age in each.ages):
        words = route.path.strip("/").split("/")
        found.setdefault((route.method, len(words)), []).append((route, words))
    for candidates in found.values():
        candidates.sort(key=lambda candidate: [word.startswith("{") for word in candidate[1]])
    return found


class Router:
    """Finds the routes of one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._by_shape = _by_shape(tuple(part.routes for part in server.parts), server.age.name)
        self._own: dict[tuple[str, str], Route] = {}

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and the decoded values of its placeholders. A trailing slash is no part of a path."""
        if not raw_path.startswith("/v1/"):
            return None
        given = raw_path[4:].rstrip("/").split("/")
        for route, words in self._by_shape.get((method, len(given)), ()):
            values = _match(words, given)
            if values is not None:
                return self._of_server(route), values
        return None

    def _of_server(self, route: Route) -> Route:
        """Made when it is first asked for."""
        found = self._own.get((route.method, route.path))
        if found is None:
            found = self._own[route.method, route.path] = route.of(self._server)
        return found


def _match(words: list[str], given: list[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for word, text in zip(words, given, strict=True):
        if word.startswith("{"):
            values[word[1:-1]] = unquote(text)
        elif word != text:
            return None
    return values

"""Faults on demand: what a test or a demonstration may ask the server to do wrong.

Nothing here happens by itself. Request faults are used up in the order in which they were added.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from http import HTTPStatus
from itertools import chain, repeat
from typing import Any


@dataclass
class RequestFault:
    """Applies to the next `times` requests whose method and path match (`*` is a wildcard, paths begin with /v1).

    `skip` matching ones pass first. `status` answers an error instead of running the handler; 0 lets the handler run.
    `cut` drops the connection without an answer, `before` the handler or `after` its writes were committed. `answer`
    names one that is not Appwrite's (see `foreign`). `delay` waits first, in seconds.
    """

    method: str = "*"
    path: str = "*"
    times: int = 1
    status: int = 0
    type: str = "general_unknown"
    message: str = "Server Error"
    retry_after: int | None = None
    cut: str = ""
    delay: float = 0
    answer: str = ""
    skip: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """Whether it applies to this request; counts down."""
        if self.times <= 0 or not fnmatchcase(method, self.method) or not fnmatchcase(path, self.path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Faults:
    """All faults that are armed. Handlers and workers ask, tests set."""

    requests: list[RequestFault] = field(default_factory=list)
    #: Attributes and indexes whose key matches one of these patterns never leave `processing`.
    stuck_attributes: set[str] = field(default_factory=set)
    #: Attributes and indexes whose key matches one of these patterns end as `failed`.
    failing_attributes: set[str] = field(default_factory=set)
    #: Attributes and indexes whose key matches one of these patterns are answered from a stale cache where one
    #: collection, attribute or index is asked for: `processing` when they are available, `deleting` when they are gone.
    #: Lists are right (observed on 1.8.1 to 1.9.6: a read that crosses the end of the work fills the cache).
    stale_answers: set[str] = field(default_factory=set)
    #: Seconds that every build waits before it runs its commands.
    build_delay: float = 0
    #: How many of the next builds fail.
    failing_builds: int = 0
    #: How many of the next builds never leave `building`: their worker is lost. The queue goes on.
    stuck_builds: int = 0
    #: Executions of functions whose id matches one of these patterns never leave `processing`, and run nothing.
    stuck_executions: set[str] = field(default_factory=set)

    def add(self, fault: RequestFault) -> RequestFault:
        self.requests.append(fault)
        return fault

    def take(self, method: str, path: str) -> RequestFault | None:
        """The fault for this request, used up by one."""
        return next((fault for fault in self.requests if fault.strikes(method, path)), None)

    def is_stuck(self, key: str) -> bool:
        return any(fnmatchcase(key, pattern) for pattern in self.stuck_attributes)

    def is_failing(self, key: str) -> bool:
        return any(fnmatchcase(key, pattern) for pattern in self.failing_attributes)

    def is_stale(self, key: str) -> bool:
        return any(fnmatchcase(key, pattern) for pattern in self.stale_answers)

    def take_failing_build(self) -> bool:
        if self.failing_builds <= 0:
            return False
        self.failing_builds -= 1
        return True

    def take_stuck_build(self) -> bool:
        if self.stuck_builds <= 0:
            return False
        self.stuck_builds -= 1
        return True

    def loses_execution(self, function: str) -> bool:
        return any(fnmatchcase(function, pattern) for pattern in self.stuck_executions)

    def clear(self) -> None:
        """Disarm everything."""
        self.requests.clear()
        self.stuck_attributes.clear()
        self.failing_attributes.clear()
        self.stale_answers.clear()
        self.build_delay = 0
        self.failing_builds = 0
        self.stuck_builds = 0
        self.stuck_executions.clear()


# Answers that are not Appwrite's: of a proxy in front, of a cache, of another program, of a broken connection.
#
# Each has a name, and some an argument after a colon. What is made is the text that goes over the wire, because much
# of it no HTTP library would send. Some are given instead of asking the server; others spoil what it has answered.


#: Pieces to be sent as they are; a number is a pause in seconds. Whoever sends them stops when the client leaves.
Wire = Iterator[bytes | float]

_HTML, _TEXT, _JSON = "text/html", "text/plain; charset=utf-8", "application/json; charset=UTF-8"
#: Far beyond what a recursive reader bears.
_DEPTH = 100_000


@dataclass(frozen=True)
class Answer:
    """An answer as the server gave it. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class UnknownAnswerError(Exception):
    """There is no answer of that name, or its argument is none."""


def is_instead(name: str) -> bool:
    """Whether it is given without asking the server. Raises UnknownAnswerError."""
    kind = name.partition(":")[0]
    if kind not in _INSTEAD and kind not in _SPOILT:
        raise UnknownAnswerError(f"there is no answer {kind!r}")
    return kind in _INSTEAD


def instead(name: str, target: str) -> Wire:
    """What comes back for a request of `target` (its path and query) instead of an answer."""
    kind, _, argument = name.partition(":")
    return _INSTEAD[kind](argument, target)


def spoilt(name: str, answer: Answer) -> Wire:
    """What is left of an answer of the server."""
    kind, _, argument = name.partition(":")
    return _sent(_SPOILT[kind](answer, argument))


def _http(status: int, kind: str, body: bytes, **headers: str) -> bytes:
    """One answer, whole, after which the connection ends."""
    named = {"content-type": kind, "content-length": str(len(body)), "connection": "close"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} {_reason(status)}", *(f"{name}: {value}" for name, value in named.items() if value)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _sent(answer: Answer) -> Wire:
    """As it is, but for what concerns the connection."""
    kept = {name: value for name, value in answer.headers.items() if name not in ("connection", "transfer-encoding")}
    kind = kept.pop("content-type", "")
    kept.pop("content-length", None)
    length = "" if answer.status == 204 else str(len(answer.body))
    yield _http(answer.status, kind, answer.body, **kept, content_length=length)


# Instead of an answer.


def _page(status: int, server: str = "nginx/1.27.4") -> bytes:
    title = f"{status} {_reason(status)}"
    text = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
    return _http(status, _HTML, f"{text}<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n".encode())


def _whole(answer: bytes) -> Callable[[str, str], Wire]:
    return lambda _argument, _target: iter([answer])


def _redirect(argument: str, target: str) -> Wire:
    """`301:https://host` sends to the same path there; `302:/login` to that very place."""
    status, _, place = argument.partition(":")
    location = place if place.startswith("/") or not place else place.rstrip("/") + target
    yield _page(int(status)).replace(b"\r\n", f"\r\nlocation: {location}\r\n".encode(), 1)


def _dripping(argument: str, _target: str) -> Wire:
    """One byte after the other, with pauses of so many seconds, for as long as anybody listens."""
    pause = float(argument or 0.05)
    head = _http(200, _JSON, b"", content_length="1000000").rstrip(b"\r\n") + b"\r\n\r\n"
    return chain([head, b"{"], *repeat((pause, b" "), 100_000))


def _huge(_argument: str, _target: str) -> Wire:
    """Valid JSON without an end, in chunks: 4 GiB of it."""
    piece = b'"' + b"x" * 65_532 + b'",'
    chunk = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    head = _http(200, _JSON, b"", content_length="", transfer_encoding="chunked")
    return chain([head, b"1\r\n[\r\n"], repeat(chunk, 65_536))


@cache
def _bomb(times: int) -> bytes:
    """A few kilobytes that unpack to a quarter of a gigabyte of blanks. Its checksum is wrong, but that stands last."""
    packing = zlib.compressobj(9, wbits=31)
    head = packing.compress(b" ") + packing.flush(zlib.Z_FULL_FLUSH)
    block = packing.compress(b" " * (1 << 20)) + packing.flush(zlib.Z_FULL_FLUSH)
    packed = head + block * 256 + packing.flush()
    for _ in range(1, times):
        packed = gzip.compress(packed)
    return _http(200, _JSON, packed, content_encoding=", ".join(["gzip"] * times))


def _bad_chunks(_argument: str, _target: str) -> Wire:
    yield _http(200, _JSON, b"", content_length="", transfer_encoding="chunked") + b'zz\r\n{"total": 0}\r\n0\r\n\r\n'


_DEEP = b"[" * _DEPTH + b"]" * _DEPTH
_INSTEAD: Mapping[str, Callable[[str, str], Wire]] = {
    "redirect": _redirect,
    # Of Traefik, which stands before a self-hosted Appwrite: while that restarts, nothing is routed.
    "404-text": _whole(_http(404, _TEXT, b"404 page not found\n", x_content_type_options="nosniff")),
    # Of other gateways.
    "404-json": _whole(_http(404, _JSON, b'{"message":"no Route matched with those values"}')),
    "404-half": _whole(_http(404, _JSON, b'{"message":"Not found","code":404}')),
    # Appwrite's own, of a server that does not know the route.
    "404-route": _whole(_http(404, _JSON, b'{"message":"Not here","code":404,"type":"general_route_not_found"}')),
    "409-text": _whole(_http(409, _TEXT, b"conflict\n")),
    **{f"{status}-html": _whole(_page(status)) for status in (400, 401, 403, 404, 405, 413, 500, 502, 503, 504)},
    "200-html": _whole(_http(200, _HTML, b"<!doctype html><html><head><title>Console</title></head></html>")),
    "200-text": _whole(_http(200, _TEXT, b"OK")),
    "200-empty": _whole(_http(200, _JSON, b"")),
    "200-null": _whole(_http(200, _JSON, b"null")),
    "200-list": _whole(_http(200, _JSON, b"[]")),
    "200-string": _whole(_http(200, _JSON, b'"ok"')),
    "200-object": _whole(_http(200, _JSON, b"{}")),
    "204-empty": _whole(_http(204, _HTML, b"", content_length="")),
    "204-body": _whole(_http(204, _JSON, b'{"total":0}')),
    "json-cut": _whole(_http(200, _JSON, b'{"total":3,"functions":[{"$id":"a')),
    "json-deep": _whole(_http(200, _JSON, b'{"total":' + _DEEP + b"}")),
    "json-latin": _whole(_http(200, _JSON, '{"total":0,"message":"\xe9"}'.encode("latin-1"))),
    "json-nan": _whole(_http(200, _JSON, b'{"total":NaN,"functions":[]}')),
    "not-http": _whole(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "bad-chunks": _bad_chunks,
    "body-cut": _whole(_http(200, _JSON, b'{"total":0,', content_length="4711")),
    "head-cut": _whole(b"HTTP/1.1 200 OK\r\ncontent-type: application/js"),
    "drip": _dripping,
    "huge": _huge,
    "bomb": lambda _argument, _target: iter([_bomb(1)]),
    "bomb-twice": lambda _argument, _target: iter([_bomb(2)]),
}


# Spoiling an answer.


def _place(content: Any, path: str) -> Iterator[tuple[Any, Any]]:
    """The containers and keys that a dotted path leads to; `*` is every entry of a list."""
    first, _, rest = path.partition(".")
    if isinstance(content, list):
        keys: list[Any] = [*range(len(content))] if first == "*" else [int(first)] if int(first) < len(content) else []
    else:
        keys = [first] if isinstance(content, dict) and first in content else []
    for key in keys:
        if rest:
            yield from _place(content[key], rest)
        else:
            yield content, key


def _with(answer: Answer, path: str, change: Callable[[Any, Any], object]) -> Answer:
    content = json.loads(answer.body)
    for container, key in list(_place(content, path)):
        change(container, key)
    return replace(answer, body=json.dumps(content).encode())


def _without(answer: Answer, path: str) -> Answer:
    return _with(answer, path, lambda container, key: container.pop(key))


def _set(answer: Answer, argument: str) -> Answer:
    """`total="7"`: a path and JSON."""
    path, _, value = argument.partition("=")
    return _with(answer, path, lambda container, key: container.__setitem__(key, json.loads(value)))


def _deep(answer: Answer, path: str) -> Answer:
    """Something nested without end in the place of what stands there."""
    marked = _set(answer, f'{path}="(deep)"')
    return replace(marked, body=marked.body.replace(b'"(deep)"', _DEEP))


def _dated(answer: Answer, date: str) -> Answer:
    others = {name: value for name, value in answer.headers.items() if name != "date"}
    return replace(answer, headers={**others, "date": date} if date else others)


_SPOILT: Mapping[str, Callable[[Answer, str], Answer]] = {
    "without": _without,
    "set": _set,
    "deep": _deep,
    "emptied": lambda answer, _: replace(answer, body=b""),
    "cut": lambda answer, _: replace(answer, body=answer.body[: len(answer.body) // 2]),
    "as": lambda answer, kind: replace(answer, headers={**answer.headers, "content-type": kind}),
    "status": lambda answer, status: replace(answer, status=int(status)),
    "date": _dated,
}

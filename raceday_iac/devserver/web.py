"""The HTTP side of the server: routes, the order of checks, what a client sent, and the shape of every answer.

Order as in Appwrite: route exists, project, key, scope, rate limit, parameters, handler. Handlers are plain
functions that run one at a time on the event loop inside one database transaction, so that each HTTP call is atomic.
A handler that has to wait returns an awaitable, which is awaited after its transaction was committed. Query string,
JSON, form and multipart bodies are merged as PHP would see them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request as HttpRequest

from .ages import EVERY, SINCE_1_9
from .params import Param

if TYPE_CHECKING:
    from .server import Server


MAX_FIELD = 32 * 1024 * 1024
#: How deep PHP reads JSON (`json_decode`), and names like `a[b][c]` (`max_input_nesting_level`).
JSON_DEPTH, NAME_DEPTH = 512, 64
#: Half of a character that takes two, which no text in UTF-8 can hold.
_SURROGATE = re.compile("[\ud800-\udfff]")


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
    ages: frozenset[str] = EVERY
    #: The scopes since 1.9, where they are others.
    later_scopes: tuple[str, ...] = ()

    def of(self, server: Server) -> Route:
        """The route with the parameters and checks that it has on one server."""
        mine = (each for each in self.params if server.age.name in each.ages)
        made = (replace(each, check=each.of_server(server)) if each.of_server else each for each in mine)
        is_later = server.age.name in SINCE_1_9 and self.later_scopes
        return replace(self, params=tuple(made), scopes=self.later_scopes if is_later else self.scopes)


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
        ages: frozenset[str] = EVERY,
        later_scopes: tuple[str, ...] = (),
    ) -> Callable[[Handler], Handler]:
        """Decorator that registers a handler for the ages that have the route."""

        def register(handler: Handler) -> Handler:
            wanted = (scopes,) if isinstance(scopes, str) else scopes
            self.table.append(Route(method, path, wanted, params, handler, limit, ages, later_scopes))
            return handler

        return register


# Answers for clients that announce an older API version in `X-Appwrite-Response-Format`.
#
# The changes are those of Appwrite's response filters V18 to V20 (src/Appwrite/Utopia/Response/Filters).


Adapter = Callable[[dict[str, Any]], dict[str, Any]]

NUMBERS = re.compile(r"\d+(?:\.\d+)*")


@lru_cache(maxsize=64)
def parse_version(text: str) -> tuple[int, ...] | None:
    """The numbers of a version, or None for a text that is no version."""
    found = NUMBERS.match(text)
    return tuple(int(number) for number in found[0].split(".")) if found else None


def warning_for(announced: str, own: str) -> str | None:
    """What a server of the version `own` says to a client that is newer than itself."""
    version = parse_version(announced)
    if version is None or version <= (parse_version(own) or ()):
        return None
    return (
        f"The current SDK is built for Appwrite {announced}. "
        f"However, the current Appwrite server version is {own}. "
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


def _function_1_8(item: dict[str, Any]) -> dict[str, Any]:
    """Of the two specifications an older client sees that of builds (observed on 1.9.6)."""
    if "buildSpecification" not in item:
        return item
    return {
        **_without(item, "buildSpecification", "runtimeSpecification"),
        "specification": item["buildSpecification"],
    }


def _execution_1_9(item: dict[str, Any]) -> dict[str, Any]:
    """What was run is its function to clients from before 2.0."""
    if "resourceId" not in item:
        return item
    return {**_without(item, "resourceId", "resourceType"), "functionId": item["resourceId"]}


def _platform_1_9(item: dict[str, Any]) -> dict[str, Any]:
    """Whatever names an app was its key; a website had one, too (observed on 1.9.6)."""
    words = ("bundleIdentifier", "applicationId", "packageName", "packageIdentifierName")
    own = next((item[each] for each in words if each in item), "")
    return {**_without(item, *words), "key": own, "hostname": item.get("hostname", ""), "store": ""}


def _webhook_1_9(item: dict[str, Any]) -> dict[str, Any]:
    """What older clients call its fields (observed on 1.9.6)."""
    old = {"tls": "security", "authUsername": "httpUser", "authPassword": "httpPass", "secret": "signatureKey"}
    return {old.get(name, name): value for name, value in item.items()}


def _numbered(item: dict[str, Any]) -> dict[str, Any]:
    """The sequence of a document, and of those in it, as a number."""
    kept = {name: _deep_numbered(value) for name, value in item.items()}
    if isinstance(kept.get("$sequence"), str):
        kept["$sequence"] = int(kept["$sequence"] or 0)
    return kept


def _deep_numbered(value: Any) -> Any:
    if isinstance(value, list):
        return [_deep_numbered(each) for each in value]
    return _numbered(value) if isinstance(value, dict) and "$sequence" in value else value


def _without(item: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in names}


#: (older than this version, model) → how to change one item. Newest first: older clients get all of them in turn.
ADAPTERS: tuple[tuple[tuple[int, ...], str, Adapter], ...] = (
    ((2, 0, 0), "execution", _execution_1_9),
    ((1, 9, 0), "function", _function_1_8),
    ((1, 9, 0), "site", _function_1_8),
    ((1, 9, 5), "platform", _platform_1_9),
    ((1, 9, 5), "webhook", _webhook_1_9),
    ((1, 9, 0), "document", _numbered),
    ((1, 9, 0), "row", _numbered),
    ((1, 9, 0), "membership", lambda item: _without(item, "userPhone")),
    ((1, 8, 0), "document", lambda item: _without(item, "$sequence")),
    ((1, 7, 0), "function", _function_1_6),
    ((1, 7, 0), "deployment", _deployment_1_6),
    ((1, 7, 0), "variable", lambda item: _without(item, "secret")),
    ((1, 6, 0), "function", lambda item: _without(item, "scopes", "specification")),
    ((1, 6, 0), "execution", lambda item: _without(item, "scheduledAt")),
)


def _both_specifications(given: dict[str, Any]) -> dict[str, Any]:
    wanted = given.get("specification")
    return {**given, "buildSpecification": wanted, "runtimeSpecification": wanted} if wanted else given


def _own_id(parameter: str) -> Adapter:
    """Once the server chose the ids of these."""
    return lambda given: {parameter: "unique()", **given}


def _template_by_tag(given: dict[str, Any]) -> dict[str, Any]:
    """Templates were once asked for by their version."""
    return {"type": "tag", "reference": given["version"], **given} if "version" in given else given


#: (older than this version, method, route) → how to change what such a client sent.
REQUEST_ADAPTERS: tuple[tuple[tuple[int, ...], str, str, Adapter], ...] = (
    ((1, 9, 0), "POST", "/sites", _both_specifications),
    ((1, 9, 0), "PUT", "/sites/{siteId}", _both_specifications),
    ((1, 9, 0), "POST", "/sites/{siteId}/deployments/template", _template_by_tag),
    ((1, 9, 4), "POST", "/sites/{siteId}/variables", _own_id("variableId")),
    ((1, 9, 0), "POST", "/functions", _both_specifications),
    ((1, 9, 0), "PUT", "/functions/{functionId}", _both_specifications),
    ((1, 9, 0), "POST", "/functions/{functionId}/deployments/template", _template_by_tag),
    ((1, 9, 4), "POST", "/functions/{functionId}/variables", _own_id("variableId")),
    ((1, 9, 4), "POST", "/project/variables", _own_id("variableId")),
    ((1, 9, 5), "POST", "/webhooks", _own_id("webhookId")),
    *(
        ((1, 9, 5), "POST", f"/project/platforms/{each}", _own_id("platformId"))
        for each in ("web", "apple", "android", "linux", "windows")
    ),
)


def adapt_request(route: Route, given: dict[str, Any], announced: str) -> dict[str, Any]:
    """What a client of the announced version means, in today's words."""
    for change in _request_changes(announced, route.method, route.path) if announced else ():
        given = change(given)
    return given


@lru_cache(maxsize=1024)
def _request_changes(announced: str, method: str, path: str) -> tuple[Adapter, ...]:
    version = parse_version(announced)
    mine = (each for each in REQUEST_ADAPTERS if each[1:3] == (method, path))
    return tuple(change for older_than, *_, change in mine if version is not None and version < older_than)


def adapt(body: Any, model: str, announced: str) -> Any:
    """`body` as a server of the announced version would have answered it."""
    if not announced or not model or not isinstance(body, dict):
        return body
    for change in _changes(announced, model):
        body = change(body)
    for change in _changes(announced, model.removesuffix("s")) if model.endswith("s") else ():
        body = {**body, model: [change(item) for item in body[model]]}
    return body


@lru_cache(maxsize=1024)
def _changes(announced: str, model: str) -> tuple[Adapter, ...]:
    version = parse_version(announced)
    mine = (each for each in ADAPTERS if each[1] == model)
    return tuple(change for older_than, _, change in mine if version is not None and version < older_than)


def parse_json(text: str | bytes) -> Any:
    """JSON as PHP's `json_decode` reads it. Raises ValueError for anything else: too deep, no UTF-8, half characters,
    numbers that are none."""
    read = text if isinstance(text, str) else text.decode("utf-8")
    try:
        value = _DECODER.decode(read)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # Nearly no text can be one of these, and looking through all values takes longer than reading them.
    if read.count("[") + read.count("{") > JSON_DEPTH or "\\u" in read or _SURROGATE.search(read):
        _check(value)
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def _check(value: Any) -> None:
    level, depth = [value], 0
    while level:
        if depth > JSON_DEPTH:
            raise ValueError("nested too deeply")
        if any(_SURROGATE.search(each) for each in level if isinstance(each, str)):
            raise ValueError("half of a character")
        depth += 1
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below += each.keys()
                below += each.values()
            elif isinstance(each, list):
                below += each
        level = below


def parse_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """`queries[0]=a&queries[]=b&x[y]=c` → `{"queries": ["a", "b"], "x": {"y": "c"}}`."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        if name.count("[") > NAME_DEPTH:
            continue
        if "[" in name:
            _put(tree, name, value)
        else:
            tree[name] = value
    return {name: _as_list(value) for name, value in tree.items()}


def _put(tree: dict[str, Any], name: str, value: str) -> None:
    head, _, rest = name.partition("[")
    steps = [head, *(step.removesuffix("]") for step in rest.split("["))]
    node = tree
    for position, step in enumerate(steps):
        key = step if step else str(len(node))
        if position == len(steps) - 1:
            node[key] = value
            return
        if not isinstance(node.get(key), dict):
            node[key] = {}
        node = node[key]


def _as_list(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    items = {key: _as_list(item) for key, item in value.items()}
    return list(items.values()) if all(key.isdigit() for key in items) else items


@lru_cache(maxsize=256)
def parse_query(query: bytes) -> Mapping[str, Any]:
    """Remembered, because clients ask the same again and again; nobody changes what is in it."""
    return _parse_form(query)


def _parse_form(form: bytes) -> dict[str, Any]:
    return parse_pairs(parse_qsl(form.decode("latin-1"), keep_blank_values=True))


async def read_body(request: HttpRequest) -> tuple[dict[str, Any], dict[str, Upload]]:
    """Parameters and files of the body. Anything unreadable counts as empty, as on a real 1.8.1."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return _read_json(await request.body()), {}
    if kind == "application/x-www-form-urlencoded":
        return _parse_form(await request.body()), {}
    if kind == "multipart/form-data":
        return await _read_multipart(request)
    return {}, {}


def _read_json(raw: bytes) -> dict[str, Any]:
    try:
        value = parse_json(raw)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


async def _read_multipart(request: HttpRequest) -> tuple[dict[str, Any], dict[str, Upload]]:
    pairs: list[tuple[str, str]] = []
    uploads: dict[str, Upload] = {}
    try:
        async with request.form(max_part_size=MAX_FIELD) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    uploads[name] = Upload(value.filename or "", await value.read())
                else:
                    pairs.append((name, value))
    except (MultiPartException, ValueError, KeyError):
        # Without a boundary, cut short, or not what it says.
        return {}, {}
    return parse_pairs(pairs), uploads

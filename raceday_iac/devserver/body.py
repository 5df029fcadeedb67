"""Reading what a client sent: query string, JSON, form and multipart bodies, merged as PHP would see them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request as HttpRequest

from .web import Upload

MAX_FIELD = 32 * 1024 * 1024
#: How deep PHP reads JSON (`json_decode`), and names like `a[b][c]` (`max_input_nesting_level`).
JSON_DEPTH, NAME_DEPTH = 512, 64
#: Half of a character that takes two, which no text in UTF-8 can hold.
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_json(text: str | bytes) -> Any:
    """JSON as PHP's `json_decode` reads it. Raises ValueError for anything else: too deep, no UTF-8, half characters,
    numbers that are none."""
    read = text if isinstance(text, str) else text.decode("utf-8")
    try:
        value = json.loads(read, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # Nearly no text can be one of these, and looking through all values takes longer than reading them.
    if read.count("[") + read.count("{") > JSON_DEPTH or "\\u" in read or _SURROGATE.search(read):
        _check(value)
    return value


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


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


def parse_query(query: bytes) -> dict[str, Any]:
    if not query:
        return {}
    return parse_pairs(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


async def read_body(request: HttpRequest) -> tuple[dict[str, Any], dict[str, Upload]]:
    """Parameters and files of the body. Anything unreadable counts as empty, as on a real 1.8.1."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return _read_json(await request.body()), {}
    if kind == "application/x-www-form-urlencoded":
        return parse_query(await request.body()), {}
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

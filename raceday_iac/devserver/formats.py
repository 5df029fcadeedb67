"""Answers for clients that announce an older API version in `X-Appwrite-Response-Format`.

The changes are those of Appwrite's response filters V18 to V20 (src/Appwrite/Utopia/Response/Filters).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .settings import VERSION

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

"""Which event patterns a function may listen to.

The tree is Appwrite 1.8.1's app/config/events.php, the rules its Event/Validator/Event.php, with their oddities: the
action of a document is looked up among those of its collection (so `…documents.*.upsert` is refused), and what follows
a whole pattern is not always looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Tree = Mapping[str, Any]

#: Every entry of PHP's configuration has these beside the real names, and they pass as actions.
_DESCRIBED: Tree = {"$description": None}
_RESOURCE: Tree = {**_DESCRIBED, "$model": None, "$resource": None}


def _resource(actions: str, **below: Tree) -> Tree:
    """A type of resource: what may happen to it, and what lies below it."""
    return {**_RESOURCE, **dict.fromkeys(actions.split(), _DESCRIBED), **below}


def _update(*details: str) -> Tree:
    return {**_DESCRIBED, **dict.fromkeys(details, _DESCRIBED)}


_CHANGES = "create update delete"
_ROWS = _resource("create update upsert delete")
_PART = _resource(_CHANGES)

EVENTS: Tree = {
    "users": _resource(
        "create delete",
        update=_update("email", "name", "password", "status", "prefs"),
        sessions=_resource("create delete"),
        recovery=_resource("create update"),
        verification=_resource("create update"),
        targets=_PART,
        tokens=_resource("create"),
    ),
    "databases": _resource(
        _CHANGES,
        tables=_resource(_CHANGES, rows=_ROWS, indexes=_PART, columns=_PART),
        collections=_resource(_CHANGES, documents=_ROWS, indexes=_PART, attributes=_PART),
    ),
    "buckets": _resource(_CHANGES, files=_PART),
    "teams": _resource(
        "create delete",
        update=_update("prefs"),
        memberships=_resource("create delete", update=_update("status")),
    ),
    "sites": _resource(_CHANGES, deployments=_PART),
    "functions": _resource(_CHANGES, deployments=_PART, executions=_PART),
    "messages": _resource("create update"),
    "topics": _resource(_CHANGES, subscribers=_resource("create delete")),
    "providers": _PART,
    "rules": _PART,
}


def is_event(pattern: str) -> bool:
    """Whether a server of version 1.8.1 accepts the pattern."""
    parts = pattern.split(".")
    if not 2 <= len(parts) <= 7 or _is_empty(parts[1]) or parts[0] not in EVENTS:
        return False
    kind: Tree = EVENTS[parts[0]]
    below = _below(kind, parts, 2)
    if below is None:
        action = parts[2] if len(parts) > 2 else ""
        return _happens(kind, action, parts[3] if len(parts) == 4 else "")
    if _is_empty(parts[3]):
        return False
    if _below(below, parts, 4) is not None:
        return _happens(below, parts[6] if len(parts) > 6 else "", "")
    action = parts[4] if len(parts) > 4 else ""
    return _happens(below, action, parts[5] if len(parts) == 6 else "")


def _is_empty(text: str) -> bool:
    return text in {"", "0"}


def _below(kind: Tree, parts: list[str], place: int) -> Tree | None:
    """The type that is named at `place`, when an id follows it."""
    found = kind.get(parts[place]) if len(parts) > place + 1 else None
    return found if found is not None and "$resource" in found else None


def _happens(kind: Tree, action: str, detail: str) -> bool:
    if not _is_empty(action) and action not in kind:
        return False
    return _is_empty(detail) or detail in (kind.get(action) or {})

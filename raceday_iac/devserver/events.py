"""Which event patterns functions and webhooks may listen to.

The trees are Appwrite's app/config/events.php, the rules its Event/Validator/Event.php, with their oddities: the action
of a document is looked up among those of its collection (so `…documents.*.upsert` is refused), and what follows a whole
pattern is not always looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from .ages import Age

Tree = Mapping[str, Any]

#: Every entry of PHP's configuration has these beside the real names, and they pass as actions.
_DESCRIBED: Tree = {"$description": None}
_RESOURCE: Tree = {**_DESCRIBED, "$model": None, "$resource": None}


@cache
def tree_of(age: Age) -> Tree:
    """Types of resources; of each, what lies below it, and what may happen to it with the details of that."""
    return {name: _resource(inner) for name, inner in age.events.items()}


def _resource(written: Mapping[str, Any]) -> Tree:
    return {**_RESOURCE, **{name: _entry(inner) for name, inner in written.items()}}


def _entry(written: Any) -> Tree:
    if isinstance(written, list):
        return {**_DESCRIBED, **dict.fromkeys(written, _DESCRIBED)}
    return _resource(written)


def is_event(pattern: str, age: Age) -> bool:
    """Whether a server of that age accepts the pattern."""
    events, parts = tree_of(age), pattern.split(".")
    if not 2 <= len(parts) <= 7 or _is_empty(parts[1]) or parts[0] not in events:
        return False
    kind: Tree = events[parts[0]]
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

"""Which event patterns a function may listen to (Appwrite 1.8.1, app/config/events.php).

A pattern alternates resource types and ids and may end in an action and its detail:
`databases.*.collections.*.documents.*.create`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

CHANGES = frozenset({"create", "update", "delete"})


@dataclass(frozen=True)
class Kind:
    """A resource type: what may happen to it, details of an update, and types below it."""

    actions: frozenset[str] = CHANGES
    details: frozenset[str] = frozenset()
    below: dict[str, Kind] = field(default_factory=dict)


ROW = Kind(frozenset({"create", "update", "delete", "upsert"}))
SCHEMA = Kind(frozenset({"create", "update", "delete"}))

KINDS: dict[str, Kind] = {
    "users": Kind(
        details=frozenset({"email", "name", "password", "status", "prefs", "phone", "mfa"}),
        below={
            "sessions": Kind(frozenset({"create", "delete"})),
            "recovery": Kind(frozenset({"create", "update"})),
            "verification": Kind(frozenset({"create", "update"})),
            "tokens": Kind(frozenset({"create", "delete"})),
            "targets": Kind(),
        },
    ),
    "teams": Kind(details=frozenset({"prefs"}), below={"memberships": Kind(details=frozenset({"status"}))}),
    "databases": Kind(
        below={
            "collections": Kind(below={"documents": ROW, "attributes": SCHEMA, "indexes": SCHEMA}),
            "tables": Kind(below={"rows": ROW, "columns": SCHEMA, "indexes": SCHEMA}),
        }
    ),
    "buckets": Kind(below={"files": Kind()}),
    "providers": Kind(),
    "topics": Kind(below={"subscribers": Kind(frozenset({"create", "delete"}))}),
    "messages": Kind(),
    "rules": Kind(),
    "sites": Kind(below={"deployments": Kind(), "logs": Kind(frozenset({"delete"}))}),
    "proxy": Kind(),
}


def is_event(pattern: str) -> bool:
    """Whether a server of version 1.8.1 accepts the pattern for a function."""
    parts = pattern.split(".")
    return 2 <= len(parts) <= 7 and all(parts) and _fits(parts, KINDS)


def _fits(parts: list[str], kinds: dict[str, Kind]) -> bool:
    kind = kinds.get(parts[0])
    if kind is None or len(parts) < 2:
        return False
    rest = parts[2:]
    if not rest:
        return True
    if rest[0] in kind.below:
        return _fits(rest, kind.below)
    if rest[0] != "*" and rest[0] not in kind.actions:
        return False
    return len(rest) == 1 or (len(rest) == 2 and rest[0] == "update" and rest[1] in kind.details | {"*"})

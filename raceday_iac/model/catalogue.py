"""Names that Appwrite 1.8.1 knows: runtimes, the scopes a function may hold, and the events it may listen to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Every runtime id of the reference server; an instance may allow fewer (`GET /functions/runtimes`).
RUNTIMES = frozenset(
    """
    node-14.5 node-16.0 node-18.0 node-19.0 node-20.0 node-21.0 node-22 php-8.0 php-8.1 php-8.2 php-8.3 ruby-3.0
    ruby-3.1 ruby-3.2 ruby-3.3 python-3.8 python-3.9 python-3.10 python-3.11 python-3.12 python-ml-3.11
    python-ml-3.12 deno-1.21 deno-1.24 deno-1.35 deno-1.40 deno-1.46 deno-2.0 dart-2.15 dart-2.16 dart-2.17
    dart-2.18 dart-2.19 dart-3.0 dart-3.1 dart-3.3 dart-3.5 dart-3.8 dart-3.9 dotnet-6.0 dotnet-7.0 dotnet-8.0
    java-8.0 java-11.0 java-17.0 java-18.0 java-21.0 java-22 swift-5.5 swift-5.8 swift-5.9 swift-5.10 kotlin-1.6
    kotlin-1.8 kotlin-1.9 kotlin-2.0 cpp-17 cpp-20 bun-1.0 bun-1.1 go-1.23 static-1 flutter-3.24 flutter-3.27
    flutter-3.29 flutter-3.32 flutter-3.35
    """.split()
)

#: The white list for a function's `scopes`. Newer names, such as `executions.read`, are refused by 1.8.1.
SCOPES = frozenset(
    """
    assistant.read attributes.read attributes.write avatars.read buckets.read buckets.write collections.read
    collections.write columns.read columns.write databases.read databases.write documents.read documents.write
    execution.read execution.write files.read files.write functions.read functions.write health.read indexes.read
    indexes.write locale.read log.read log.write messages.read messages.write migrations.read migrations.write
    providers.read providers.write rows.read rows.write rules.read rules.write sessions.write sites.read sites.write
    subscribers.read subscribers.write tables.read tables.write targets.read targets.write teams.read teams.write
    tokens.read tokens.write topics.read topics.write users.read users.write vcs.read vcs.write
    """.split()
)


def _tree(written: Mapping[str, Any]) -> Mapping[str, Any]:
    """By name: a mapping for a type that lies below, a tuple of details for an action. "" holds actions without any."""
    tree: dict[str, Any] = dict.fromkeys(str(written.get("", "")).split(), ())
    for name, below in written.items():
        if name:
            tree[name] = tuple(below.split()) if isinstance(below, str) else _tree(below)
    return tree


#: Types of resources, what lies below them, what happens to them, and details of that (app/config/events.php). Without
#: `upsert` of rows and documents: the check looks the action up among those of their table (Event/Validator/Event.php).
EVENTS: Mapping[str, Any] = _tree(
    {
        "users": {
            "": "create delete",
            "update": "email name password status prefs",
            "sessions": {"": "create delete"},
            "recovery": {"": "create update"},
            "verification": {"": "create update"},
            "targets": {"": "create update delete"},
            "tokens": {"": "create"},
        },
        "databases": {
            "": "create update delete",
            "tables": {
                "": "create update delete",
                "rows": {"": "create update delete"},
                "columns": {"": "create update delete"},
                "indexes": {"": "create update delete"},
            },
            "collections": {
                "": "create update delete",
                "documents": {"": "create update delete"},
                "attributes": {"": "create update delete"},
                "indexes": {"": "create update delete"},
            },
        },
        "buckets": {"": "create update delete", "files": {"": "create update delete"}},
        "teams": {
            "": "create delete",
            "update": "prefs",
            "memberships": {"": "create delete", "update": "status"},
        },
        "sites": {"": "create update delete", "deployments": {"": "create update delete"}},
        "messages": {"": "create update"},
        "topics": {"": "create update delete", "subscribers": {"": "create delete"}},
        "providers": {"": "create update delete"},
        "rules": {"": "create update delete"},
    }
)

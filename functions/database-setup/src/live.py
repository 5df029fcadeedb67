"""What is really there, read with few requests: a collection's answer holds all its attributes and indexes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .addresses import database_path
from .vendor.appwrite_http import Client, query

PAGE = 100


@dataclass
class LiveCollection:
    """One collection as the server answered it, its parts by key."""

    raw: Mapping[str, Any]
    attributes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    indexes: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> LiveCollection:
        return cls(
            raw,
            {str(each["key"]): each for each in raw.get("attributes") or ()},
            {str(each["key"]): each for each in raw.get("indexes") or ()},
        )

    def arrays(self) -> set[str]:
        """Keys of the array attributes."""
        return {key for key, raw in self.attributes.items() if raw.get("array")}


@dataclass
class Live:
    """The database (None when there is none) and its collections by id."""

    database: Mapping[str, Any] | None
    collections: dict[str, LiveCollection] = field(default_factory=dict)


def read(client: Client, database: str) -> Live:
    """Everything, in two requests as long as there are no more than a hundred collections."""
    found = client.find(database_path(database))
    return Live(found, _collections(client, database) if found is not None else {})


def read_collections(client: Client, database: str, ids: Iterable[str]) -> dict[str, LiveCollection]:
    """Just these collections, in one request."""
    wanted = sorted(ids)
    return _collections(client, database, [query("equal", *wanted, attribute="$id")] if wanted else [])


def _collections(
    client: Client, database: str, filters: list[dict[str, Any]] | None = None
) -> dict[str, LiveCollection]:
    found: dict[str, LiveCollection] = {}
    page = [*(filters or []), query("limit", PAGE)]
    while True:
        answered = client.get(f"{database_path(database)}/collections", page)["collections"]
        found.update((str(raw["$id"]), LiveCollection.of(raw)) for raw in answered)
        if len(answered) < PAGE:
            return found
        page = [*(filters or []), query("limit", PAGE), query("cursorAfter", str(answered[-1]["$id"]))]

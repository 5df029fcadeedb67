"""The lists of an `appwrite.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .project import Remark


def entries(document: Mapping[str, Any], name: str, remarks: list[Remark]) -> Iterator[Mapping[str, Any]]:
    """The usable entries of one of the file's lists: mappings with an id of their own."""
    seen = set()
    raw = document.get(name) or []
    if not isinstance(raw, list):
        remarks.append(Remark(name, "ignored: it is no list"))
        return
    for number, entry in enumerate(raw):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("$id"), str) or not entry["$id"]:
            remarks.append(Remark(f"{name}[{number}]", "ignored: it has no $id"))
            continue
        # Ids of collections count within their database.
        place = (entry.get("databaseId"), entry["$id"])
        if place in seen:
            remarks.append(Remark(f"{name}[{number}]", f"ignored: {entry['$id']} stands in the file twice"))
            continue
        seen.add(place)
        yield entry

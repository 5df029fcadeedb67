"""Creating the functions that an appwrite.json describes, through the HTTP API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Fields of a function in appwrite.json that are parameters of its creation.
FUNCTION_FIELDS = (
    "name runtime execute events schedule timeout enabled logging entrypoint commands scopes specification"
).split()


@dataclass(frozen=True)
class Loaded:
    """Ids of the functions that `load_appwrite_json` created, and of those that were there already."""

    created: tuple[str, ...]
    skipped: tuple[str, ...]


class LoadError(RuntimeError):
    """The server refused a function of an appwrite.json."""


def load_appwrite_json(source: Path | str | Mapping[str, Any], endpoint: str, project: str, key: str) -> Loaded:
    """Create the functions of an appwrite.json, without code, through the HTTP API. Their folders need not exist."""
    import requests  # noqa: PLC0415 - takes long, and `status` imports this module too

    document = source if isinstance(source, Mapping) else json.loads(Path(source).read_text(encoding="utf-8"))
    created: list[str] = []
    skipped: list[str] = []
    with requests.Session() as session:
        session.headers.update({"X-Appwrite-Project": project, "X-Appwrite-Key": key})
        for function in document.get("functions", []):
            body = {"functionId": function["$id"]}
            body |= {name: function[name] for name in FUNCTION_FIELDS if function.get(name) is not None}
            answer = session.post(f"{endpoint}/functions", json=body, timeout=30)
            if answer.status_code == 409:
                skipped.append(function["$id"])
            elif answer.ok:
                created.append(function["$id"])
            else:
                raise LoadError(f"function {function['$id']}: {answer.json()['message']}")
    return Loaded(tuple(created), tuple(skipped))

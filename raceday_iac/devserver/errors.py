"""Appwrite's error catalogue: a type name decides the status code and the default message."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

#: Declared codes outside this set are answered as 500 while keeping their type (Appwrite 1.8.1, general.php).
PASSED_THROUGH = frozenset({400, 401, 402, 403, 404, 408, 409, 412, 416, 422, 429, 451, 501, 503})


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """Error types by name, each with `code` and `description`."""
    text = files("raceday_iac.devserver").joinpath("data/errors.json").read_text(encoding="utf-8")
    parsed: dict[str, dict[str, Any]] = json.loads(text)
    return parsed


class ApiError(Exception):
    """An answer in Appwrite's error shape.

    `type` is Appwrite's error type (`function_not_found`); `message` overrides the usual text, into which newer servers
    put the `name` of the thing. A handler that raises
    has its database writes rolled back, unless `keep_writes` says that they must stand (a counted attempt).
    """

    def __init__(
        self,
        type: str,
        message: str | None = None,
        headers: dict[str, str] | None = None,
        *,
        keep_writes: bool = False,
        name: str = "",
    ) -> None:
        entry = catalogue().get(type, {"code": 500, "description": "Server Error"})
        declared = int(entry["code"])
        self.type = type
        self.status = declared if declared in PASSED_THROUGH else 500
        self.message = message if message is not None else message_for(type) or str(entry["description"])
        self.is_usual = message is None
        self.name = name
        self.headers = headers or {}
        self.keep_writes = keep_writes
        super().__init__(f"{self.status} {type}: {self.message}")


def invalid(parameter: str, reason: str) -> ApiError:
    """The 400 that Appwrite's parameter validation answers."""
    return ApiError("general_argument_invalid", f"Invalid `{parameter}` param: {reason}")


# What Appwrite says for an error type when the thrower gives no words of its own.
#
# The texts in data/messages.json are those of a running 1.8.1, or of its app/config/errors.php. Clients should branch
# on the type, not on these.


#: The tables API speaks of the same things in other words.
PREFIXES = (("column_index_", "index_"), ("column_", "attribute_"), ("row_", "document_"), ("table_", "collection_"))
WORDS = (("collection", "table"), ("attribute", "column"), ("document", "row"))


@cache
def texts() -> dict[str, str]:
    """Known texts by error type."""
    raw = files("raceday_iac.devserver").joinpath("data/messages.json").read_text(encoding="utf-8")
    parsed: dict[str, str] = json.loads(raw)
    return parsed


@cache
def message_for(kind: str) -> str | None:
    """The text for an error type, or None where we know none."""
    known = texts()
    if kind in known:
        return known[kind]
    for prefix, legacy in PREFIXES:
        same = known.get(legacy + kind.removeprefix(prefix)) if kind.startswith(prefix) else None
        if same is not None:
            return _in_words_of_tables(same)
    return None


def _in_words_of_tables(text: str) -> str:
    for old, new in WORDS:
        text = text.replace(old, new).replace(old.capitalize(), new.capitalize())
    return text

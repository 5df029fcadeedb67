"""Makes documents fit the schema before they are written: one value too long would make the server refuse it all.

Sizes and types come from the declaration that the bundle carries, so no mapping repeats them. What had to be changed
is counted by rule and attribute (`cut:races.comment`), never done silently.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from .errors import Skip

Count = Callable[[str], None]
_INTEGERS = (-(2**63), 2**63 - 1)
#: Texts in which lists and objects are kept, as JSON. In any other text they are a mistake of whoever sent them.
JSON_TEXTS = frozenset(
    {
        *("runnerChange", "gear", "videoChannels"),
        *("resultsData", "dividendsData", "fixedOddsData", "rawPollingData"),
    }
)


class Unfit(Exception):
    """A value that cannot be stored; the text is the rule that it broke."""


class Sanitizer:
    """The attributes of all collections, and the counting of what was changed."""

    def __init__(self, schema: Mapping[str, Any], count: Count) -> None:
        self._count = count
        self._attributes = {
            collection["id"]: {each["key"]: each for each in collection["attributes"]}
            for collection in schema["collections"]
        }
        self._stored = {
            collection: {key: _storing(each) for key, each in attributes.items()}
            for collection, attributes in self._attributes.items()
        }
        self._relationships = {
            collection["id"]: {each["key"] for each in collection["relationships"]}
            for collection in schema["collections"]
        }

    @classmethod
    def load(cls, path: str, count: Count) -> Sanitizer:
        """Read the `schema.json` of a bundle."""
        with open(path, encoding="utf-8") as file:
            return cls(json.load(file), count)

    def keys(self, collection: str) -> frozenset[str]:
        """All keys that a document of the collection may have."""
        return frozenset(self._attributes[collection]) | self._relationships[collection]

    def fit(self, collection: str, values: Mapping[str, Any], *, partial: bool = False) -> dict[str, Any]:
        """The document to write: unknown keys and unusable values left out, texts cut, JSON shortened by whole items.

        None clears an optional attribute. Raises `Skip` when a required one has no usable value (unless `partial`).
        """
        stored, relationships = self._stored[collection], self._relationships[collection]
        fitted: dict[str, Any] = {}
        for key, value in values.items():
            if key not in stored:
                if key in relationships:
                    fitted[key] = value
                else:
                    self._count(f"unknown:{collection}.{key}")
            elif value is None or value == "":
                if not self._attributes[collection][key]["required"]:
                    fitted[key] = None
            else:
                try:
                    fitted[key], rule = stored[key](value)
                except Unfit as broken:
                    rule = str(broken)
                if rule:
                    self._count(f"{rule}:{collection}.{key}")
        if not partial:
            self._demand(collection, fitted)
        return fitted

    def _demand(self, collection: str, fitted: Mapping[str, Any]) -> None:
        for key, attribute in self._attributes[collection].items():
            if attribute["required"] and key not in fitted:
                self._count(f"missing:{collection}.{key}")
                raise Skip(f"{collection}: no usable {key}")


def _storing(attribute: Mapping[str, Any]) -> Callable[[Any], tuple[Any, str]]:
    """What makes of a value the stored one, and says the rule by which it was changed (empty: it was not)."""
    kind = attribute["type"]
    if kind == "string":
        size, is_json = int(attribute["size"]), attribute["key"] in JSON_TEXTS
        return lambda value: _text(value, size, is_json)
    return {"boolean": _boolean, "datetime": _instant, "integer": _integer}.get(kind, _finite)


def _boolean(value: Any) -> tuple[bool, str]:
    if not isinstance(value, bool):
        raise Unfit("not_boolean")
    return value, ""


def _integer(value: Any) -> tuple[int, str]:
    number = _number(value)
    whole = round(number)
    if not _INTEGERS[0] <= whole <= _INTEGERS[1]:
        raise Unfit("out_of_range")
    return whole, "" if whole == number else "rounded"


def _finite(value: Any) -> tuple[float, str]:
    return _number(value), ""


def _text(value: Any, size: int, is_json: bool) -> tuple[str, str]:
    if type(value) is str and value.isascii() and "\0" not in value:
        # Nearly all of them.
        return (value, "") if len(value) <= size else (value[:size], "cut")
    if isinstance(value, bool):
        raise Unfit("not_text")
    if is_json and isinstance(value, (list, tuple, Mapping)):
        return json_within(value, size)
    if not isinstance(value, (str, int, float)):
        raise Unfit("not_text")
    # Half of a surrogate pair cannot be sent, and a NUL is refused.
    text = str(value).encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    return (text, "") if len(text) <= size else (text[:size], "cut")


def json_within(value: Any, size: int) -> tuple[str, str]:
    """JSON of at most `size` characters. What is too much is left out item by item, from the end, so it stays JSON."""
    text = _json(value)
    if len(text) <= size:
        return text, ""
    kept: Any = dict(value) if isinstance(value, Mapping) else list(value)
    while kept:
        if isinstance(kept, dict):
            kept.popitem()
        else:
            kept.pop()
        text = _json(kept)
        if len(text) <= size:
            return text, "shortened"
    raise Unfit("too_long")


def _json(value: Any) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise Unfit("not_json") from None


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Unfit("not_number")
    try:
        number = float(value)
    except OverflowError:
        raise Unfit("out_of_range") from None
    except ValueError:
        raise Unfit("not_number") from None
    if not math.isfinite(number):
        raise Unfit("not_finite")
    return number


def _instant(value: Any) -> tuple[str, str]:
    """An instant in UTC. A text without a zone is not one."""
    if not isinstance(value, (str, datetime)):
        raise Unfit("not_an_instant")
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except ValueError:
        raise Unfit("not_an_instant") from None
    if instant.tzinfo is None or not 1970 < instant.year < 2100:
        raise Unfit("not_an_instant")
    return instant.astimezone(UTC).isoformat(timespec="milliseconds"), ""

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
        attributes = self._attributes[collection]
        fitted: dict[str, Any] = {}
        for key, value in values.items():
            if key in self._relationships[collection]:
                fitted[key] = value
            elif key not in attributes:
                self._count(f"unknown:{collection}.{key}")
            else:
                self._put(fitted, collection, attributes[key], value)
        if not partial:
            self._demand(collection, fitted)
        return fitted

    def _put(self, fitted: dict[str, Any], collection: str, attribute: Mapping[str, Any], value: Any) -> None:
        key = attribute["key"]
        if value is None or value == "":
            if not attribute["required"]:
                fitted[key] = None
            return
        try:
            fitted[key], rule = _stored(attribute, value)
        except Unfit as broken:
            self._count(f"{broken}:{collection}.{key}")
        else:
            if rule:
                self._count(f"{rule}:{collection}.{key}")

    def _demand(self, collection: str, fitted: Mapping[str, Any]) -> None:
        for key, attribute in self._attributes[collection].items():
            if attribute["required"] and key not in fitted:
                self._count(f"missing:{collection}.{key}")
                raise Skip(f"{collection}: no usable {key}")


def _stored(attribute: Mapping[str, Any], value: Any) -> tuple[Any, str]:
    """The value as it is stored, and the rule by which it was changed (empty: it was not)."""
    kind = attribute["type"]
    if kind == "string":
        return _text(value, int(attribute["size"]), attribute["key"] in JSON_TEXTS)
    if kind == "boolean":
        if not isinstance(value, bool):
            raise Unfit("not_boolean")
        return value, ""
    if kind == "datetime":
        return _moment(value), ""
    number = _number(value)
    if kind == "integer":
        whole = round(number)
        if not _INTEGERS[0] <= whole <= _INTEGERS[1]:
            raise Unfit("out_of_range")
        return whole, "" if whole == number else "rounded"
    return number, ""


def _text(value: Any, size: int, is_json: bool) -> tuple[str, str]:
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


def _moment(value: Any) -> str:
    """A moment in UTC. A text without a zone is not one."""
    if not isinstance(value, (str, datetime)):
        raise Unfit("not_a_moment")
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except ValueError:
        raise Unfit("not_a_moment") from None
    if moment.tzinfo is None or not 1970 < moment.year < 2100:
        raise Unfit("not_a_moment")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")

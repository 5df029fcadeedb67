"""Turning the values of an attribute into those of another type, where nothing is lost by it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..model.address import Address

#: Keys have at most so many characters.
_LONGEST_KEY = 36
_SUFFIX = "_conv"
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


class UnconvertibleError(Exception):
    """This value has no counterpart; converting would lose it."""


def temporary(address: Address) -> Address:
    """Where the new values of an attribute are until the old one is gone."""
    key = f"{address.name[: _LONGEST_KEY - len(_SUFFIX)]}{_SUFFIX}"
    return Address("attribute", "/".join((*address.parts[:-1], key)))


def convert(value: Any, wanted: Mapping[str, Any]) -> Any:
    """`value` as an attribute with the fields `wanted` holds it. Raises UnconvertibleError. None stays None."""
    if value is None:
        return None
    if wanted["array"]:
        return [_scalar(each, wanted) for each in (value if isinstance(value, list) else [value])]
    if isinstance(value, list):
        if len(value) > 1:
            raise UnconvertibleError(f"{len(value)} values")
        return _scalar(value[0], wanted) if value else None
    return _scalar(value, wanted)


def _scalar(value: Any, wanted: Mapping[str, Any]) -> Any:
    converter = _CONVERTERS.get(str(wanted["type"]))
    if converter is None:
        raise UnconvertibleError(f"no way to {wanted['type']}")
    found = converter(value)
    _check(found, wanted)
    return found


def _check(value: Any, wanted: Mapping[str, Any]) -> None:
    size, elements = wanted.get("size"), wanted.get("elements")
    if size is not None and isinstance(value, str) and len(value) > size:
        raise UnconvertibleError(f"{len(value)} characters")
    if elements and value not in elements:
        raise UnconvertibleError(f"not one of {', '.join(elements)}")
    low, high = wanted.get("min"), wanted.get("max")
    if (low is not None and value < low) or (high is not None and value > high):
        raise UnconvertibleError("out of bounds")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (str, int, float)):
        return str(value)
    raise UnconvertibleError(type(value).__name__)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        return float(value)
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise UnconvertibleError("not a number") from None
    if not math.isfinite(found):
        raise UnconvertibleError("not finite")
    return found


def _integer(value: Any) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
        return int(value)
    found = _number(value)
    if not found.is_integer():
        raise UnconvertibleError("not a whole number")
    return int(found)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = _text(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise UnconvertibleError("neither true nor false")


def _moment(value: Any) -> str:
    if not isinstance(value, str):
        raise UnconvertibleError("not a moment")
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise UnconvertibleError("not a moment") from None
    if moment.tzinfo is None:
        # Whose midnight it is nobody knows.
        raise UnconvertibleError("a moment without a zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "string": _text,
    "enum": _text,
    "email": _text,
    "url": _text,
    "ip": _text,
    "integer": _integer,
    "float": _number,
    "boolean": _boolean,
    "datetime": _moment,
}
CONVERTIBLE = tuple(_CONVERTERS)

"""Converting the values of an attribute to another type, without loss. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..model import limits, validators
from ..model.address import Address

#: Keys have at most so many characters.
_LONGEST_KEY = 36
_SUFFIX = "_conv"
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")
#: What everybody reads as a number. Python would also take `1_000`, `infinity` and digits of other scripts.
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")

#: Below this a whole float is written as people write it; above, its digits would say more than it knows.
_EXACT_FLOAT = 2.0**53
#: What an update cannot change of an attribute.
_FORM = ("type", "array", "encrypt")


class UnconvertibleError(Exception):
    """This value has no counterpart; converting would lose it."""


def temporary(address: Address) -> Address:
    """The address of the copy that holds the converted values until the old attribute is deleted."""
    key = f"{address.name[: _LONGEST_KEY - len(_SUFFIX)]}{_SUFFIX}"
    return Address("attribute", "/".join((*address.parts[:-1], key)))


def has_form(fields: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an attribute is as wanted, except for fields that an update can change."""
    found = {**fields, "encrypt": wanted.get("encrypt")} if fields.get("encrypt", False) is None else fields
    return all((found.get(name) or False) == (wanted.get(name) or False) for name in _FORM)


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


def shortened(value: Any, size: int) -> Any:
    """A text, or the texts of a list, cut to so many characters."""
    if isinstance(value, list):
        return [shortened(each, size) for each in value]
    return value[:size] if isinstance(value, str) else value


def _scalar(value: Any, wanted: Mapping[str, Any]) -> Any:
    converter = _CONVERTERS.get(str(wanted["type"]))
    if converter is None:
        raise UnconvertibleError(f"there is no conversion to {wanted['type']}")
    found = converter(value)
    _check(found, wanted)
    return found


def _check(value: Any, wanted: Mapping[str, Any]) -> None:
    size, elements = wanted.get("size", limits.TEXT_SIZES.get(wanted["type"])), wanted.get("elements")
    room = limits.TEXT_BYTES.get(wanted["type"])
    stored = limits.encrypted_length(value) if room and wanted.get("encrypt") else len(value.encode()) if room else 0
    if room and stored > room:
        raise UnconvertibleError(f"{stored} bytes")
    if size is not None and isinstance(value, str) and len(value) > size:
        raise UnconvertibleError(f"{len(value)} characters")
    if size is not None and wanted.get("encrypt") and limits.encrypted_length(value) > size:
        raise UnconvertibleError(f"{limits.encrypted_length(value)} characters encrypted")
    if elements and value not in elements:
        raise UnconvertibleError(f"not one of {', '.join(elements)}")
    low, high = wanted.get("min"), wanted.get("max")
    if wanted["type"] == "integer" and high is not None and high <= limits.SMALL_INTEGER_MAXIMUM:
        # Kept in four bytes, whatever min says.
        low = max(-limits.SMALL_INTEGER_MAXIMUM, low or -limits.SMALL_INTEGER_MAXIMUM)
    if (low is not None and value < low) or (high is not None and value > high):
        raise UnconvertibleError("out of bounds")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_FLOAT:
        return str(int(value))
    if isinstance(value, (str, int, float)):
        return str(value)
    raise UnconvertibleError(type(value).__name__)


def _exact(value: Any) -> Decimal:
    """The number that a value means, as exactly as it was written."""
    if isinstance(value, (bool, int)):
        return Decimal(int(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UnconvertibleError("not finite")
        return Decimal(repr(value))
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    raise UnconvertibleError("not a number")


def _fitting(fits: Callable[[Any], bool], what: str) -> Callable[[Any], str]:
    """A text that Appwrite takes for what it is to be."""

    def converter(value: Any) -> str:
        found = _text(value)
        if not fits(found):
            raise UnconvertibleError(f"not {what}")
        return found

    return converter


def _number(value: Any) -> float:
    exact = _exact(value)
    found = float(exact)
    if not math.isfinite(found):
        raise UnconvertibleError("not finite")
    if Decimal(repr(found)) != exact:
        raise UnconvertibleError("more digits than a float holds")
    return found


def _integer(value: Any) -> int:
    exact = _exact(value)
    if not limits.INTEGER_MINIMUM <= exact <= limits.INTEGER_MAXIMUM:
        raise UnconvertibleError("not within 64 bits")
    if exact != int(exact):
        raise UnconvertibleError("not a whole number")
    return int(exact)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = _text(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise UnconvertibleError("neither true nor false")


def _instant(value: Any) -> str:
    if not isinstance(value, str):
        raise UnconvertibleError("not an instant")
    try:
        instant = datetime.fromisoformat(value.strip())
        if instant.tzinfo is None:
            # Whose midnight it is nobody knows.
            raise UnconvertibleError("an instant without a zone")
        # Appwrite keeps no more than milliseconds.
        found = instant.astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        raise UnconvertibleError("not an instant") from None
    if not validators.is_instant(found):
        raise UnconvertibleError("not within the years 1000 to 9999")
    return found


_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("string", "varchar", *limits.TEXT_BYTES), _text),
    "enum": _text,
    "email": _fitting(validators.is_email, "an email address"),
    "url": _fitting(validators.is_url, "a URL"),
    "ip": _fitting(validators.is_ip, "an IP address"),
    "integer": _integer,
    "bigint": _integer,
    "float": _number,
    "boolean": _boolean,
    "datetime": _instant,
}
CONVERTIBLE = tuple(_CONVERTERS)

"""Which values fit which type of attribute (Appwrite 1.8.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from math import isfinite
from typing import Any

from . import limits


def is_integer(value: Any) -> bool:
    """Whether it is a 64-bit whole number; a truth value is none."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return is_whole and limits.INTEGER_MINIMUM <= value <= limits.INTEGER_MAXIMUM


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_instant(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_ip(value: Any) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return isinstance(value, str)


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _is_point(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value))


def _is_line(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) >= 2 and all(map(_is_point, value))


#: What may stand as a default, by type.
DEFAULT_FITS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "enum": lambda value: isinstance(value, str),
    "integer": is_integer,
    "float": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "datetime": _is_instant,
    "email": _matches(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "url": _matches(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+"),
    "ip": _is_ip,
    "point": _is_point,
    "line": _is_line,
    "polygon": lambda value: isinstance(value, tuple) and all(map(_is_line, value)),
}

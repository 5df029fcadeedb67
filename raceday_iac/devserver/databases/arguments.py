"""Checks of request parameters that only the databases side needs, with the words of a real 1.8.1."""

from __future__ import annotations

import re
from typing import Any

from ..body import parse_json
from ..errors import ApiError
from ..params import Check, Param, Refused
from .numbers import MAX_BIG_INTEGER, MIN_BIG_INTEGER, grouped

IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
KEY_RULE = (
    "Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. "
    "Can't start with a special char"
)
UID_RULE = (
    "UID must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, and underscore. "
    "Can't start with a leading underscore"
)
#: The default of a parameter that must be sent but may be null: only its absence is refused.
ABSENT: Any = object()

SYSTEM_FIELDS = ("$id", "$createdAt", "$updatedAt")
QUERIES_RULE = "Value must be a valid string and at least 1 chars and no longer than 4096 chars"


def is_identifier(value: Any) -> bool:
    return isinstance(value, str) and IDENTIFIER.fullmatch(value) is not None


def key(value: Any) -> str:
    """The key of an attribute or index."""
    if not is_identifier(value):
        raise Refused(KEY_RULE)
    return str(value)


def uid(value: Any) -> str:
    """The id of something that should exist."""
    if not is_identifier(value):
        raise Refused(UID_RULE)
    return str(value)


def custom_id(value: Any) -> str:
    """An id that the client chose, or the wish for a generated one."""
    if value != "unique()" and not is_identifier(value):
        raise Refused(KEY_RULE)
    return str(value)


def index_attribute(value: Any) -> str:
    """An attribute key or one of the system fields that can be indexed."""
    if value not in SYSTEM_FIELDS and not is_identifier(value):
        raise Refused(KEY_RULE)
    return str(value)


def integer(value: Any) -> int:
    if not is_integer(value):
        raise Refused("Value must be a valid integer")
    return int(value)


def is_integer(value: Any) -> bool:
    """Whether PHP would have a JSON number as an integer: not beyond 64 bits."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return is_whole and MIN_BIG_INTEGER <= value <= MAX_BIG_INTEGER


def floating(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("Value must be a valid float")
    return value


def numeric(value: Any) -> float:
    """A number, or text that is one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Refused("Value must be a valid number") from None
    return int(number) if number.is_integer() else number


def within(minimum: int, maximum: int) -> Check:
    """A whole number between two bounds; text that is one is accepted."""
    rule = f"Value must be a valid range between {grouped(minimum)} and {grouped(maximum)}"

    def check(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise Refused(rule)
        return value

    return check


def any_of(*choices: str) -> Check:
    """One of `choices`, in any case, kept as it was sent."""
    rule = f"Value must be one of ({', '.join(choices)})"

    def check(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in choices:
            raise Refused(rule)
        return value

    return check


def nullable(check: Check) -> Check:
    """As `check`; refusals say that null would have been fine as well."""

    def checked(value: Any) -> Any:
        try:
            return check(value)
        except Refused as refusal:
            raise Refused(f"{refusal} or null") from None

    return checked


def array_of(item: Check, maximum: int, item_rule: str) -> Check:
    """A list whose every fault is answered with one and the same sentence. `maximum` 0 means no limit."""
    longest = f" no longer than {maximum} items" if maximum else ""
    rule = f"Value must a valid array{longest} and {item_rule}"

    def check(value: Any) -> list[Any]:
        if not isinstance(value, list) or (maximum and len(value) > maximum):
            raise Refused(rule)
        try:
            return [item(each) for each in value]
        except Refused:
            raise Refused(rule) from None

    return check


def query_text(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 4096:
        raise Refused(QUERIES_RULE)
    return value


def json_value(value: Any) -> Any:
    """A JSON object or list, also as text."""
    if isinstance(value, dict | list):
        return value
    try:
        return parse_json(value)
    except (TypeError, ValueError, AttributeError):
        raise Refused("Value must be a valid JSON string") from None


def require_present(values: dict[str, Any], name: str) -> None:
    """Refuse the absence of a parameter that may be null but must be sent."""
    if values[name] is ABSENT:
        raise ApiError("general_argument_invalid", f'Param "{name}" is not optional.')


DATABASE_ID = Param("databaseId", uid)
COLLECTION_ID = Param("collectionId", uid)
DOCUMENT_ID = Param("documentId", uid)
KEY = Param("key", key)
QUERIES = Param("queries", array_of(query_text, 100, QUERIES_RULE), default=[])
TRANSACTION_ID = Param("transactionId", nullable(uid), default=None, nullable=True)

"""Request parameters: their declaration, and validation in Appwrite's order and words.

Unknown parameters are ignored. A required parameter that is absent or null is refused. A null for an optional
parameter passes unvalidated and crashes handlers that are not nullable, as on a real 1.8.1 (500).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import ApiError, invalid

Check = Callable[[Any], Any]

CUSTOM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
ID_RULE = (
    "{} must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. "
    "Can't start with a special char"
)
REQUIRED: Any = object()
#: Ids instead of which the server makes one of its own: the wish for that, and what PHP has for empty
#: (utopia-php/database 3.5.0, createDocument; tried on it).
NO_IDS = frozenset({"unique()", "0"})


class Refused(ValueError):
    """A check's reason; becomes the text after ``Invalid `x` param:``."""


@dataclass(frozen=True)
class Param:
    """One declared parameter. `check` returns the accepted value or raises `Refused`."""

    name: str
    check: Check
    default: Any = REQUIRED
    nullable: bool = False

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


def read_params(declared: Sequence[Param], given: Mapping[str, Any]) -> dict[str, Any]:
    """Validated values by name, defaults filled in. Raises `ApiError` for the first bad parameter."""
    values: dict[str, Any] = {}
    for param in declared:
        value = given.get(param.name)
        if value is None and param.required:
            raise ApiError("general_argument_invalid", f'Param "{param.name}" is not optional.')
        if value is None:
            if param.name in given and not param.nullable:
                raise ApiError("general_unknown", "Server Error")
            values[param.name] = None if param.name in given else param.default
            continue
        try:
            values[param.name] = param.check(value)
        except Refused as refusal:
            raise invalid(param.name, str(refusal)) from None
    return values


def anything(value: Any) -> Any:
    return value


def text(minimum: int, maximum: int) -> Check:
    """Text of `minimum` to `maximum` characters (0 = no maximum)."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Refused(_text_rule(minimum, maximum))
        if len(value) < minimum or (maximum and len(value) > maximum):
            raise Refused(_text_rule(minimum, maximum))
        return value

    return check


def _text_rule(minimum: int, maximum: int) -> str:
    rule = "Value must be a valid string"
    if minimum > 1:
        rule += f" and at least {minimum} chars"
    elif minimum == 1:
        rule += " and at least 1 chars"
    if maximum:
        rule += f" and no longer than {maximum} chars"
    return rule


def boolean(value: Any) -> bool:
    """A JSON boolean; the text forms are refused."""
    if not isinstance(value, bool):
        raise Refused("Value must be a valid boolean")
    return value


def loose_boolean(value: Any) -> bool:
    """A boolean that may also arrive as text (`async`, `activate`, `total`, `documentSecurity`)."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "1"}:
        return True
    if isinstance(value, str) and value.lower() in {"false", "0", ""}:
        return False
    raise Refused("Value must be a valid boolean")


def whole_number(minimum: int, maximum: int) -> Check:
    """An integer between `minimum` and `maximum`, both included."""

    def check(value: Any) -> int:
        rule = f"Value must be a valid range between {minimum} and {maximum}"
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise Refused(rule)
        try:
            number = int(value)
        except ValueError:
            raise Refused(rule) from None
        if not minimum <= number <= maximum:
            raise Refused(rule)
        return number

    return check


def custom_id(value: Any) -> str:
    """An id chosen by the client, or `unique()`."""
    if value == "unique()" or (isinstance(value, str) and CUSTOM_ID.fullmatch(value)):
        return str(value)
    raise Refused(ID_RULE.format("Parameter"))


def existing_id(value: Any) -> str:
    """An id that names something which exists, or a key."""
    if isinstance(value, str) and CUSTOM_ID.fullmatch(value):
        return value
    raise Refused(ID_RULE.format("UID"))


def one_of(*choices: str) -> Check:
    def check(value: Any) -> str:
        if value not in choices:
            raise Refused(f"Value must be one of ({', '.join(choices)})")
        return str(value)

    return check


def list_of(item: Check, maximum: int) -> Check:
    """A list of at most `maximum` items, each accepted by `item`."""

    def check(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Refused("Value must a valid array")
        if len(value) > maximum:
            raise Refused(f"Value must a valid array no longer than {maximum} items")
        return [item(each) for each in value]

    return check

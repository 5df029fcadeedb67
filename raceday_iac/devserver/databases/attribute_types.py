"""The types of attributes: their parameters, what is derived from them, and how they look in answers.

One entry per word in `…/attributes/{word}` (Appwrite 1.8.1, Databases/Http/Databases/Collections/Attributes/*).
Relationships have their own file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .. import params
from ..ages import EVERY, SINCE_1_9
from ..errors import ApiError
from ..params import UID_RULE, Check, Param, Refused, or_null
from ..web import parse_json
from . import formats, php_dates
from .dialect import Vocabulary
from .formats import MAX_BIG_INTEGER, MAX_DOUBLE, MAX_INTEGER, MIN_BIG_INTEGER, grouped
from .limits import KEY_LENGTH

if TYPE_CHECKING:
    from ..server import Server

# Checks of request parameters that only the databases side needs, with the words of a real 1.8.1.


IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
KEY_RULE = (
    "Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. "
    "Can't start with a special char"
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


def bounded_integer(value: Any) -> int:
    """As `integer`. The last digit is the server's."""
    if not is_integer(value):
        raise Refused(
            f"Value must be a valid signed 64-bit integer between {grouped(MIN_BIG_INTEGER)} and "
            f"{MAX_BIG_INTEGER + 1:,}"
        )
    return int(value)


def floating(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("Value must be a valid float")
    return value


def numeric(value: Any) -> float:
    """A number, or text that is one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        if isinstance(value, bool):
            raise TypeError
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


def json_object(value: Any) -> Any:
    """As `json_value`, in the words of newer servers."""
    try:
        return json_value(value)
    except Refused:
        raise Refused("Value must be a valid JSON object") from None


def require_present(values: dict[str, Any], name: str) -> None:
    """Refuse the absence of a parameter that may be null but must be sent."""
    if values[name] is ABSENT:
        raise ApiError("general_argument_invalid", f'Param "{name}" is not optional.')


DATABASE_ID = Param("databaseId", uid)
COLLECTION_ID = Param("collectionId", uid)
DOCUMENT_ID = Param("documentId", uid)
KEY = Param("key", key)
QUERIES = Param("queries", array_of(query_text, 100, QUERIES_RULE), default=[])
TRANSACTION_ID = Param("transactionId", or_null(uid), default=None, nullable=True)


MAX_STRING_SIZE = 1_073_741_824
MIN_ENCRYPTED_SIZE = 150

INTEGER_RANGE, BIGINT_RANGE, FLOAT_RANGE, ENUM = "intRange", "bigintRange", "floatRange", "enum"
RANGES = frozenset({INTEGER_RANGE, BIGINT_RANGE, FLOAT_RANGE})
#: The texts of 1.9 whose size is the type's own.
FIXED_TEXTS = {"text": 65_535, "mediumtext": 16_777_215, "longtext": 2_147_483_647}
NEW_TEXTS = frozenset({"varchar", *FIXED_TEXTS})
MAX_VARCHAR_SIZE = 16_381
MAX_ELEMENTS = 100

SIZE = Param("size", within(1, MAX_STRING_SIZE))
NEW_SIZE = Param("size", or_null(within(1, MAX_STRING_SIZE)), default=None, nullable=True)
REQUIRED = Param("required", params.boolean)
ARRAY = Param("array", params.boolean, default=False)
ENCRYPT = Param("encrypt", params.boolean, default=False)
NEW_KEY = Param("newKey", or_null(key), default=None, nullable=True)
ELEMENTS = Param(
    "elements",
    array_of(
        params.text(1, KEY_LENGTH),
        MAX_ELEMENTS,
        f"Value must be a valid string and at least 1 chars and no longer than {KEY_LENGTH} chars",
    ),
)


@dataclass(frozen=True)
class Definition:
    """What a create call asks for."""

    type: str
    format: str = ""
    size: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    encrypt: bool = False


@dataclass(frozen=True)
class AttributeType:
    """One type: the word in the path, its parameters, and the making of a definition from them."""

    word: str
    create: tuple[Param, ...]
    update: tuple[Param, ...]
    define: Callable[[dict[str, Any], Vocabulary], Definition]
    #: The answer's fields beyond those of every attribute, from (default, size, encrypt, options, format).
    shape: tuple[str, ...] = ("default",)
    ages: frozenset[str] = EVERY


def _formatted(is_valid: Callable[[object], bool], rule: str) -> Check:
    def check(value: Any) -> Any:
        if not is_valid(value):
            raise Refused(rule)
        return value

    return check


def _geometric(kind: str) -> Check:
    def check(value: Any) -> Any:
        try:
            formats.check(kind, value)
        except formats.BadGeometry as problem:
            raise Refused(formats.rule(kind, str(problem))) from None
        return value

    return check


def _optional(name: str, check: Check) -> Param:
    return Param(name, or_null(check), default=None, nullable=True)


def _any_text(value: Any) -> str:
    """Text of any length; refusals speak of none at all (utopia-php/validators, Text.php)."""
    if not isinstance(value, str):
        raise Refused("Value must be a valid string and exactly 0 chars")
    return value


def _default(check: Check) -> tuple[Param, Param]:
    """`default` of create (optional) and of update (must be sent, may be null)."""
    return _optional("default", check), Param("default", or_null(check), default=ABSENT, nullable=True)


def _simple(word: str, check: Check, definition: Definition, shape: tuple[str, ...] = ("default",)) -> AttributeType:
    on_create, on_update = _default(check)
    return AttributeType(
        word,
        (KEY, REQUIRED, on_create, ARRAY),
        (KEY, REQUIRED, on_update, NEW_KEY),
        lambda _values, _words: definition,
        shape,
    )


def _spatial(word: str, kind: str) -> AttributeType:
    # On update, too, `default` may be left out here (…/Attributes/Point/Update.php).
    default = _optional("default", _geometric(kind))
    return AttributeType(
        word,
        (KEY, REQUIRED, default),
        (KEY, REQUIRED, default, NEW_KEY),
        lambda _values, _words: Definition(kind),
    )


def _number(
    word: str,
    check: Check | None,
    define: Callable[[dict[str, Any], Vocabulary], Definition],
    ages: frozenset[str] = EVERY,
) -> AttributeType:
    """Without a check it is that of integers."""
    numbers = [
        Param(name, check or params.anything, default, True, of_server=None if check else _integer_of)
        for name, default in (("min", None), ("max", None), ("default", None), ("default", ABSENT))
    ]
    if check:
        numbers = [replace(each, check=or_null(check)) for each in numbers]
    *bounds, on_create, on_update = numbers
    return AttributeType(
        word,
        (KEY, REQUIRED, *bounds, on_create, ARRAY),
        (KEY, REQUIRED, *bounds, on_update, NEW_KEY),
        define,
        ("min", "max", "default"),
        ages,
    )


def _integer_of(server: Server) -> Check:
    return or_null(bounded_integer if server.age.names_integer_bounds else integer)


def _define_string(values: dict[str, Any], words: Vocabulary, kind: str = "string") -> Definition:
    size, default = values["size"], values["default"]
    if values["encrypt"] and size < MIN_ENCRYPTED_SIZE:
        raise words.error(
            "general_bad_request",
            f"Size too small. Encrypted strings require a minimum size of {MIN_ENCRYPTED_SIZE} characters.",
        )
    if default is not None and len(default) > size:
        raise words.error("attribute_value_invalid", f"Value must be a valid string and no longer than {size} chars")
    return Definition(kind, size=size, encrypt=values["encrypt"])


def _define_integer(values: dict[str, Any], words: Vocabulary, kind: str = "integer") -> Definition:
    minimum = MIN_BIG_INTEGER if values["min"] is None else values["min"]
    maximum = MAX_BIG_INTEGER if values["max"] is None else values["max"]
    check_range(minimum, maximum, values["default"], words)
    bounds = {"min": minimum, "max": maximum}
    if kind == "bigint":
        return Definition(kind, BIGINT_RANGE, 8, bounds)
    return Definition("integer", INTEGER_RANGE, 8 if maximum > MAX_INTEGER else 4, bounds)


def _define_float(values: dict[str, Any], words: Vocabulary) -> Definition:
    minimum = -MAX_DOUBLE if values["min"] is None else float(values["min"])
    maximum = MAX_DOUBLE if values["max"] is None else float(values["max"])
    check_range(minimum, maximum, values["default"], words)
    return Definition("double", FLOAT_RANGE, 0, {"min": minimum, "max": maximum})


def check_range(minimum: float, maximum: float, default: Any, words: Vocabulary) -> None:
    """Refuse bounds that exclude each other or the default."""
    if minimum > maximum:
        raise words.error("attribute_value_invalid", "Minimum value must be lesser than maximum value")
    if default is None:
        return
    if isinstance(default, bool) or not isinstance(default, int | float) or not minimum <= default <= maximum:
        rule = f"Value must be a valid range between {grouped(minimum)} and {grouped(maximum)}"
        raise words.error("attribute_value_invalid", rule)


def _define_enum(values: dict[str, Any], words: Vocabulary) -> Definition:
    if values["default"] is not None and values["default"] not in values["elements"]:
        raise words.error("attribute_value_invalid", "Default value not found in elements")
    return Definition("string", ENUM, KEY_LENGTH, {"elements": values["elements"]})


def _string() -> AttributeType:
    on_create, on_update = _default(_any_text)
    return AttributeType(
        "string",
        (KEY, SIZE, REQUIRED, on_create, ARRAY, ENCRYPT),
        (KEY, REQUIRED, on_update, NEW_SIZE, NEW_KEY),
        _define_string,
        ("size", "default", "encrypt"),
    )


def _varchar() -> AttributeType:
    on_create, on_update = _default(_any_text)
    size = within(1, MAX_VARCHAR_SIZE)
    return AttributeType(
        "varchar",
        (KEY, Param("size", size), REQUIRED, on_create, ARRAY, ENCRYPT),
        (KEY, REQUIRED, on_update, _optional("size", size), NEW_KEY),
        lambda values, words: _define_string(values, words, "varchar"),
        ("size", "default", "encrypt"),
        SINCE_1_9,
    )


def _text(word: str, size: int) -> AttributeType:
    on_create, on_update = _default(_any_text)
    return AttributeType(
        word,
        (KEY, REQUIRED, on_create, ARRAY, ENCRYPT),
        (KEY, REQUIRED, on_update, NEW_KEY),
        lambda values, words: _define_string(values | {"size": size}, words, word),
        ("default", "encrypt"),
        SINCE_1_9,
    )


def _enum() -> AttributeType:
    on_create, on_update = _default(params.text(1, 0))
    return AttributeType(
        ENUM,
        (KEY, ELEMENTS, REQUIRED, on_create, ARRAY),
        (KEY, ELEMENTS, REQUIRED, on_update, NEW_KEY),
        _define_enum,
        ("elements", "format", "default"),
    )


WITH_FORMAT = ("format", "default")

TYPES: dict[str, AttributeType] = {
    each.word: each
    for each in (
        _string(),
        _varchar(),
        *(_text(word, size) for word, size in FIXED_TEXTS.items()),
        _number("integer", None, _define_integer),
        _number("bigint", None, lambda values, words: _define_integer(values, words, "bigint"), SINCE_1_9),
        _number("float", floating, _define_float),
        _simple("boolean", params.boolean, Definition("boolean")),
        _simple("datetime", _formatted(php_dates.is_valid, php_dates.RULE), Definition("datetime"), WITH_FORMAT),
        _simple(
            "email",
            _formatted(formats.is_email, formats.EMAIL_RULE),
            Definition("string", "email", 254),
            WITH_FORMAT,
        ),
        _enum(),
        _simple("ip", _formatted(formats.is_ip, formats.IP_RULE), Definition("string", "ip", 39), WITH_FORMAT),
        _simple(
            "url",
            _formatted(formats.is_url, formats.URL_RULE),
            Definition("string", "url", 2000),
            WITH_FORMAT,
        ),
        _spatial("point", "point"),
        _spatial("line", "linestring"),
        _spatial("polygon", "polygon"),
    )
}

_WORD_BY_TYPE = {"double": "float", "linestring": "line"}

RELATION_KINDS = ("oneToOne", "manyToOne", "manyToMany", "oneToMany")
ON_DELETE = ("cascade", "restrict", "setNull")
INDEX_TYPE = any_of("key", "fulltext", "unique", "spatial")


def word_for(wire_type: str, wire_format: str) -> str:
    """The path word of a stored attribute."""
    if wire_type == "string":
        return wire_format or "string"
    return _WORD_BY_TYPE.get(wire_type, wire_type)

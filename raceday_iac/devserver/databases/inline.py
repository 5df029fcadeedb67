"""Attributes and indexes that are named in the creation of their collection (since 1.9).

All of them are there with the answer, or nothing is. What is refused, in which order and words: 1.9.6 and main,
Utopia/Database/Validator/Attributes.php and Indexes.php.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..ages import SINCE_1_9, Age
from ..errors import ApiError
from ..params import Check, Param, Refused, anything
from . import catalog, columns, formats, jobs, limits, php_dates
from .attribute_types import (
    BIGINT_RANGE,
    ENUM,
    FIXED_TEXTS,
    FLOAT_RANGE,
    INTEGER_RANGE,
    KEY_RULE,
    MAX_STRING_SIZE,
    SYSTEM_FIELDS,
    Definition,
    is_identifier,
    is_integer,
)
from .dialect import Vocabulary
from .formats import MAX_BIG_INTEGER, MAX_DOUBLE, MIN_BIG_INTEGER
from .indexes import NO_ARRAYS

if TYPE_CHECKING:
    from ..server import Server

MOST = 100
INDEX_TYPES = ("key", "fulltext", "unique", "spatial")
NUMBERS = {"integer": INTEGER_RANGE, "bigint": BIGINT_RANGE, "double": FLOAT_RANGE}
FORMAT_SIZES = {"email": 254, ENUM: limits.KEY_LENGTH, "ip": 39, "url": 2000}
BASIC_TYPES = ("string", "integer", "bigint", "double", "boolean", "datetime", "point", "linestring", "polygon")
#: How a default of a type is refused, and what accepts it.
PLAIN_DEFAULTS: dict[str, tuple[str, Any]] = {
    "integer": ("integer", is_integer),
    "bigint": ("bigint", is_integer),
    "double": ("float", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "boolean": ("boolean", lambda value: isinstance(value, bool)),
}
WORDS = {"integer": "an integer", "bigint": "an integer", "double": "a number", "boolean": "a boolean"}
FORMATTED: dict[str, tuple[str, str, Any]] = {
    "email": ("email", "a valid email address", formats.is_email),
    "ip": ("IP", "a valid IP address", formats.is_ip),
    "url": ("URL", "a valid URL", formats.is_url),
}


def _objects(server: Server) -> Check:
    what = "object" if server.age.knows_all_types_inline else "string"
    rule = f"Value must a valid array no longer than {MOST} items and Value must be a valid JSON {what}"

    def check(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > MOST:
            raise Refused(rule)
        if not all(isinstance(each, dict | list) for each in value):
            raise Refused(rule)
        return value

    return check


#: `attributes` are columns in the tables API; an index names its columns `attributes` there, too.
PARAMS = (
    Param("attributes", anything, (), ages=SINCE_1_9, of_server=_objects),
    Param("indexes", anything, (), ages=SINCE_1_9, of_server=_objects),
)


def create(server: Server, collection: sqlite3.Row, values: dict[str, Any], words: Vocabulary) -> None:
    """Give a new collection what was named with it. Raises the error of whatever cannot be; nothing is left then."""
    attributes, indexes = list(values.get("attributes", ())), list(values.get("indexes", ()))
    problem = next(_attribute_problems(server.age, attributes), "") or next(_index_problems(indexes), "")
    if problem:
        raise ApiError("general_argument_invalid", problem)
    for raw in attributes:
        _add_attribute(server, collection, raw, words)
    for raw in indexes:
        _add_index(server, collection, raw, words)


def resolve(age: Age, raw: dict[str, Any]) -> tuple[str, str, int]:
    """Type, format and size. On main a format is a type, too, and brings its size along."""
    kind, form, size = raw.get("type", ""), raw.get("format") or "", raw.get("size", 0)
    size = size if is_integer(size) else 0
    if not age.knows_all_types_inline:
        return kind, form, size
    if kind in FORMAT_SIZES:
        kind, form = "string", kind
    if kind in FIXED_TEXTS:
        return kind, form, FIXED_TEXTS[kind]
    return kind, form, size if size >= 1 else FORMAT_SIZES.get(form, size)


def _attribute_problems(age: Age, attributes: list[Any]) -> Iterator[str]:
    seen: set[str] = set()
    types = (*BASIC_TYPES, "varchar", *FIXED_TEXTS, *FORMAT_SIZES) if age.knows_all_types_inline else BASIC_TYPES
    for place, raw in enumerate(attributes):
        if not isinstance(raw, dict):
            yield f"Attribute at index {place} must be an object"
        for field in ("key", "type"):
            if raw.get(field) is None:
                yield f"Attribute at index {place} is missing required field '{field}'"
        key = raw["key"]
        if not is_identifier(key):
            yield f"Invalid key for attribute at index {place}: {KEY_RULE}"
        if key in seen:
            yield f"Duplicate attribute key: {key}"
        seen.add(key)
        if raw["type"] not in types:
            yield f"Invalid type for attribute '{key}': {raw['type']}"
        yield from _shape_problems(age, key, raw)
        kind, form, size = resolve(age, raw)
        yield from _default_problems(key, raw, kind, form, size)
        if form == ENUM:
            yield from _enum_problems(key, raw)


def _shape_problems(age: Age, key: str, raw: dict[str, Any]) -> Iterator[str]:
    kind, form, size = resolve(age, raw)
    sized = ("string", "varchar")
    if age.knows_all_types_inline and raw.get("size") is not None and not is_integer(raw["size"]):
        yield f"Invalid size for attribute '{key}': must be an integer"
    if kind in sized and not 1 <= size <= MAX_STRING_SIZE:
        yield (f"Invalid or missing size for string attribute '{key}'. Size must be between 1 and {MAX_STRING_SIZE}")
    if form and kind not in sized:
        yield f"Format is only allowed for string type for attribute '{key}'"
    if form and form not in FORMAT_SIZES:
        yield f"Invalid format for attribute '{key}': {form}"
    for name in ("required", "array", "signed"):
        if raw.get(name) is not None and not isinstance(raw[name], bool):
            yield f"Invalid '{name}' value for attribute '{key}': must be a boolean"
    if raw.get("signed") is not None and kind not in NUMBERS:
        yield f"Attribute '{key}': 'signed' can only be used with integer, bigint or float types"
    for name in ("required", "array"):
        if raw.get(name) is True and raw.get("default") is not None:
            yield f"Attribute '{key}' cannot have a default value when {name} is true"
    low, high = raw.get("min"), raw.get("max")
    if (low is not None or high is not None) and kind not in NUMBERS:
        yield f"Attribute '{key}': min/max can only be used with integer, bigint or float types"
    if low is not None and high is not None and low > high:
        yield f"Attribute '{key}': minimum value must be less than or equal to maximum value"


def _default_problems(key: str, raw: dict[str, Any], kind: str, form: str, size: int) -> Iterator[str]:
    default = raw.get("default")
    if default is None:
        return
    if kind in limits.TEXTS:
        yield from _text_default_problems(key, default, form, size)
    if kind in PLAIN_DEFAULTS:
        word, accepts = PLAIN_DEFAULTS[kind]
        if not accepts(default):
            yield f"Default value for {word} attribute '{key}' must be {WORDS[kind]}"
        low, high = _bounds(raw, kind)
        if kind in NUMBERS and not low <= default <= high:
            yield f"Default value for {word} attribute '{key}' must be between {low} and {high}"
    if kind == "datetime":
        if not isinstance(default, str):
            yield f"Default value for datetime attribute '{key}' must be a string in ISO 8601 format"
        if not php_dates.is_valid(default):
            yield f"Default value for datetime attribute '{key}' must be in valid ISO 8601 format"


def _text_default_problems(key: str, default: Any, form: str, size: int) -> Iterator[str]:
    if not isinstance(default, str):
        yield f"Default value for string attribute '{key}' must be a string"
    if len(default) > size > 0:
        yield f"Default value for attribute '{key}' exceeds maximum size of {size} characters"
    if form in FORMATTED:
        word, what, is_valid = FORMATTED[form]
        if not is_valid(default):
            yield f"Default value for {word} attribute '{key}' must be {what}"


def _enum_problems(key: str, raw: dict[str, Any]) -> Iterator[str]:
    elements = raw.get("elements")
    if not isinstance(elements, list) or not elements:
        yield f"Attribute '{key}' with enum format must have 'elements' array"
    for place, element in enumerate(elements or ()):
        if not isinstance(element, str) or element in {"", "0"}:
            yield f"Enum element at index {place} for attribute '{key}' must be a non-empty string"
        if len(element.encode()) > limits.KEY_LENGTH:
            longest = f"exceeds maximum length of {limits.KEY_LENGTH} characters"
            yield f"Enum element at index {place} for attribute '{key}' {longest}"
    if raw.get("default") is not None and raw["default"] not in (elements or ()):
        yield f"Default value for enum attribute '{key}' must be one of the provided elements"


def _bounds(raw: dict[str, Any], kind: str) -> tuple[Any, Any]:
    least, most = (-MAX_DOUBLE, MAX_DOUBLE) if kind == "double" else (MIN_BIG_INTEGER, MAX_BIG_INTEGER)
    low, high = raw.get("min"), raw.get("max")
    return (least if low is None else low), (most if high is None else high)


def _index_problems(indexes: list[Any]) -> Iterator[str]:
    if len(indexes) > limits.MAX_INDEXES:
        yield f"Maximum of {limits.MAX_INDEXES} indexes allowed"
    seen: set[str] = set()
    for place, raw in enumerate(indexes):
        if not isinstance(raw, dict):
            yield f"Index at position {place} must be an object"
        for field in ("key", "type"):
            if not isinstance(raw.get(field), str):
                yield f"Index at position {place} is missing required field '{field}'"
        keys = raw.get("attributes")
        if not isinstance(keys, list):
            yield f"Index at position {place} is missing required field 'attributes' (must be an array)"
            return
        if not is_identifier(raw["key"]):
            yield f"Invalid key for index at position {place}: {KEY_RULE}"
        if raw["key"] in seen:
            yield f"Duplicate index key: {raw['key']}"
        seen.add(raw["key"])
        if raw["type"] not in INDEX_TYPES:
            yield f"Invalid type for index '{raw['key']}': {raw['type']}"
        yield from _key_problems(raw["key"], keys)
        yield from _list_problems(raw, "orders", len(keys))
        yield from _list_problems(raw, "lengths", len(keys))


def _key_problems(name: str, keys: list[Any]) -> Iterator[str]:
    if not keys:
        yield f"Index '{name}' must have at least one attribute"
    if len(keys) > MOST:
        yield f"Index '{name}' cannot have more than {MOST} attributes"
    for place, key in enumerate(keys):
        if not isinstance(key, str):
            yield f"Invalid attribute at position {place} in index '{name}': must be a string"
        if not is_identifier(key) and key not in SYSTEM_FIELDS:
            yield f"Invalid attribute name '{key}' in index '{name}'"


def _list_problems(raw: dict[str, Any], field: str, wanted: int) -> Iterator[str]:
    name, given = raw["key"], raw.get(field)
    if given is None:
        return
    if not isinstance(given, list):
        yield f"Index '{name}' {field} must be an array"
        return
    if len(given) != wanted:
        yield f"Index '{name}': {field} array length ({len(given)}) must match attributes array length ({wanted})"
    for each in given:
        if field == "orders" and each not in (None, "", "ASC", "DESC"):
            yield f"Invalid order '{each}' in index '{name}'. Must be 'ASC' or 'DESC'"
        if field == "lengths" and each is not None and (not is_integer(each) or each < 0):
            yield f"Invalid length in index '{name}': must be a non-negative integer or null"


def _definition(age: Age, raw: dict[str, Any]) -> Definition:
    kind, form, size = resolve(age, raw)
    options: dict[str, Any] = {}
    if form == ENUM:
        options = {"elements": raw["elements"]}
    if raw.get("min") is not None or raw.get("max") is not None:
        low, high = _bounds(raw, kind)
        form, options = NUMBERS[kind], {"min": low, "max": high}
    return Definition(kind, form, 8 if kind == "bigint" else size, options, "encrypt" in (raw.get("filters") or ()))


def _add_attribute(server: Server, collection: sqlite3.Row, raw: dict[str, Any], words: Vocabulary) -> None:
    definition, number = _definition(server.age, raw), int(collection["number"])
    width = limits.Width(definition.type, definition.size, bool(raw.get("array")))
    if not limits.fits([*limits.columns_of(server.db, number), width]):
        raise words.error("collection_limit_exceeded", name=str(collection["id"]))
    values = {
        "key": raw["key"],
        "required": raw.get("required") or False,
        "array": raw.get("array") or False,
        "default": raw.get("default"),
    }
    try:
        attribute = columns.insert_attribute(server.db, number, values, definition, server.timestamp())
        finish = jobs.build_attribute(server, attribute)
    except (sqlite3.IntegrityError, formats.WorkFailed):
        raise words.error("collection_already_exists", name=str(collection["id"])) from None
    assert finish is not None
    finish()
    server.db.execute("UPDATE db_attributes SET updated_at = created_at WHERE number = ?", (attribute,))


def _add_index(server: Server, collection: sqlite3.Row, raw: dict[str, Any], words: Vocabulary) -> None:
    number, keys = int(collection["number"]), list(raw["attributes"])
    known = {each["key"]: catalog.read_attribute(each) for each in catalog.must_read(server.db, number).attributes}
    facts = {**limits.system_attributes(), **known}
    if any(key in known and known[key].is_array for key in keys):
        raise ApiError("index_invalid", NO_ARRAYS)
    lengths = [each or None for each in [*(raw.get("lengths") or ()), *[None] * len(keys)][: len(keys)]]
    orders = list(raw.get("orders") or ())
    missing = next((key for key in keys if key not in facts), None)
    try:
        if missing is not None:
            raise limits.BadIndex(f'Invalid index attribute "{missing}" not found')
        limits.check(raw["key"], raw["type"], keys, lengths, orders, facts)
        index = columns.insert_index(
            server.db, number, raw["key"], raw["type"], (keys, lengths, orders), server.timestamp()
        )
        finish = jobs.create_index(server, index)
    except (limits.BadIndex, formats.WorkFailed) as problem:
        raise words.error("index_invalid", str(problem)) from None
    assert finish is not None
    finish()
    server.db.execute("UPDATE db_indexes SET updated_at = created_at WHERE number = ?", (index,))

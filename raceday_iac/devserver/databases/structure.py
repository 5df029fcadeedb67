"""Does a document fit its collection? Order of checks and sentences as utopia-php/database 3.5.0, Structure.php."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from ..ages import Age
from ..errors import ApiError
from ..params import encrypted_length
from . import formats, php_dates
from .attribute_types import ENUM, FIXED_TEXTS, RANGES, is_integer
from .catalog import Attribute, Collection
from .columns import JSON_TYPES, SYSTEM_COLUMNS, quoted
from .formats import MAX_BIG_INTEGER, MAX_DOUBLE, MAX_INTEGER, grouped, shown
from .queries import Field, Fields

#: What a document may hold besides its attributes.
KNOWN = frozenset({"$id", "$sequence", "$createdAt", "$updatedAt", "$permissions", "$collection", "$tenant"})

WHOLE = re.compile(r"-?\d{1,19}")

#: A check answers what is wrong, or an empty text.
Check = Callable[[Any], str]


class BadStructure(ValueError):
    """What is wrong with a document."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"Invalid document structure: {problem}")


def check(collection: Collection, document: Document) -> None:
    """Refuse a document that is to be stored as it is. Raises `BadStructure`."""
    for attribute in collection.attributes:
        if attribute.required and document.get(attribute.key) is None:
            raise BadStructure(f'Missing required attribute "{attribute.key}"')
    check_part(collection, document, document)


def check_part(collection: Collection, document: Document, keys: Iterable[str]) -> None:
    """Refuse unknown attributes and bad values among the given keys; required attributes may be missing."""
    keys = list(keys)
    allowed, rules = _allowed(collection), _rules(collection)
    if not allowed.issuperset(keys):
        unknown = next(key for key in keys if key not in allowed)
        raise BadStructure(f'Unknown attribute: "{unknown}"')
    for key in keys:
        rule, value = rules.get(key), document[key]
        if rule is not None and rule.reads_texts:
            value = document[key] = _whole(value)
        if rule is not None and (value is not None or rule.required):
            _check_value(rule, value)
        elif rule is None and key in DATES:
            _check_date(key, value)


def _check_date(key: str, value: Any) -> None:
    if value is not None and not php_dates.is_valid(value):
        raise BadStructure(f'Attribute "{key}" has invalid type. {php_dates.RULE}')


def refuse_numbered(collection: Collection) -> None:
    """Refuse every change of a document that has an attribute whose key is a number to PHP: the old values and the new
    are put together by array_merge(), which numbers such keys from zero (utopia-php/database 3.5.0, tried on it)."""
    numbered = [key for key in collection.by_key if re.fullmatch(r"0|[1-9][0-9]*", key)]
    if numbered:
        raise BadStructure(f'Unknown attribute: "{int(numbered[0] == "0")}"')


class _Rule(NamedTuple):
    """What the values of one attribute are checked by."""

    key: str
    checks: tuple[Check, ...]
    label: str
    required: bool
    is_array: bool
    #: Texts that are whole numbers are taken for these.
    reads_texts: bool = False
    #: Bytes that the column has; more is an error that the server does not foresee. 0 where they are looked at before.
    most_bytes: int = 0


@lru_cache(maxsize=512)
def _allowed(collection: Collection) -> frozenset[str]:
    return KNOWN.union(collection.by_key)


@lru_cache(maxsize=512)
def _rules(collection: Collection) -> dict[str, _Rule]:
    """Of all attributes but relationships, whose values are checked elsewhere."""
    return {each.key: _rule(each, collection.age) for each in collection.plain}


def _rule(attribute: Attribute, age: Age) -> _Rule:
    checks = _checks(age, attribute.type, attribute.format, attribute.size, _options_key(attribute))
    if attribute.encrypt:
        checks = (_encrypted(attribute.size),)
    label = "format" if attribute.format else "type"
    reads_texts = attribute.type == "bigint" and not attribute.is_array
    most_bytes = 0 if age.measures_texts_in_bytes or attribute.is_array else FIXED_TEXTS.get(attribute.type, 0)
    return _Rule(attribute.key, checks, label, attribute.required, attribute.is_array, reads_texts, most_bytes)


def _whole(value: Any) -> Any:
    is_text = isinstance(value, str) and WHOLE.fullmatch(value) is not None
    return int(value) if is_text and is_integer(int(value)) else value


def _check_value(rule: _Rule, value: Any) -> None:
    if not rule.is_array:
        _check(rule, value)
        return
    if not isinstance(value, list):
        raise BadStructure(f'Attribute "{rule.key}" must be an array')
    for place, child in enumerate(value):
        if child is not None or rule.required:
            _check(rule, child, f"['{place}']")


def _check(rule: _Rule, value: Any, place: str = "") -> None:
    for check in rule.checks:
        problem = check(value)
        if problem:
            raise BadStructure(f'Attribute "{rule.key}{place}" has invalid {rule.label}. {problem}')
    if rule.most_bytes and isinstance(value, str) and len(value.encode()) > rule.most_bytes:
        raise ApiError("general_unknown")


def _options_key(attribute: Attribute) -> tuple[Any, ...]:
    if attribute.format in RANGES:
        return (attribute.options["min"], attribute.options["max"])
    return tuple(attribute.options["elements"]) if attribute.format == ENUM else ()


@lru_cache(maxsize=2048)
def _checks(age: Age, kind: str, form: str, size: int, options: tuple[Any, ...]) -> tuple[Check, ...]:
    return (*_type_checks(age, kind, size), *_format_checks(form, options))


def _type_checks(age: Age, kind: str, size: int) -> tuple[Check, ...]:
    if kind in FIXED_TEXTS and age.measures_texts_in_bytes:
        in_bytes = f"Value must be a valid string no longer than {size} bytes"
        return (lambda value: "" if isinstance(value, str) and len(value.encode()) <= size else in_bytes,)
    if kind in {"string", "varchar", *FIXED_TEXTS}:
        longest = f" and no longer than {size} chars" if size else ""
        rule = f"Value must be a valid string{longest}"
        return (lambda value: "" if isinstance(value, str) and len(value) <= size else rule,)
    if kind == "integer":
        limit = MAX_BIG_INTEGER if size >= 8 else MAX_INTEGER
        return (_integer_check(age, size), _range(-limit, limit))
    if kind == "bigint":
        big = f"Value must be a valid signed 64-bit integer between {-MAX_BIG_INTEGER - 1:,} and {MAX_BIG_INTEGER:,}"
        return (lambda value: "" if is_integer(value) else big,)
    if kind == "double":
        return (_is_float, _range(-MAX_DOUBLE, MAX_DOUBLE))
    if kind == "boolean":
        return (lambda value: "" if isinstance(value, bool) else "Value must be a valid boolean",)
    if kind == "datetime":
        return (lambda value: "" if php_dates.is_valid(value) else php_dates.RULE,)
    if kind in JSON_TYPES:
        return (lambda value: _geometry_problem(kind, value),)
    raise AssertionError(kind)


def _encrypted(size: int) -> Check:
    """An encrypted text is checked as it is stored."""
    rule = f"Value must be a valid string and no longer than {size} chars"
    return lambda value: "" if isinstance(value, str) and encrypted_length(value) <= size else rule


def _integer_check(age: Age, size: int) -> Check:
    """Before 1.9 only the range that comes after it says bounds. PHP rounds the largest of 64 bits up."""
    if not age.names_integer_bounds:
        return lambda value: "" if is_integer(value) else "Value must be a valid integer"
    bits, least, most = (64, -(2**63), 2**63) if size >= 8 else (32, -(2**31), 2**31 - 1)
    rule = f"Value must be a valid signed {bits}-bit integer between {least:,} and {most:,}"
    return lambda value: "" if is_integer(value) and least <= value <= most else rule


def _is_float(value: Any) -> str:
    return "" if isinstance(value, int | float) and not isinstance(value, bool) else "Value must be a valid float"


def _range(minimum: float, maximum: float) -> Check:
    rule = f"Value must be a valid range between {grouped(minimum)} and {grouped(maximum)}"
    return lambda value: "" if minimum <= value <= maximum else rule


def _geometry_problem(kind: str, value: Any) -> str:
    try:
        formats.check(kind, value)
    except formats.BadGeometry as problem:
        return formats.rule(kind, str(problem))
    return ""


def _format_checks(form: str, options: tuple[Any, ...]) -> tuple[Check, ...]:
    if form in RANGES:
        return (_range(*options),)
    if form == ENUM:
        rule = f"Value must be one of ({', '.join(options)})"
        return (lambda value: "" if value in options else rule,)
    if form == "email":
        return (lambda value: "" if formats.is_email(value) else formats.EMAIL_RULE,)
    if form == "url":
        return (lambda value: "" if formats.is_url(value) else formats.URL_RULE,)
    if form == "ip":
        return (lambda value: "" if formats.is_ip(value) else formats.IP_RULE,)
    return ()


# Documents as rows and rows as documents.
#
# A document is a dictionary of its attributes and of `$id $sequence $createdAt $updatedAt $permissions`.


Document = dict[str, Any]

SYSTEM_KEYS = tuple(SYSTEM_COLUMNS)
DATES = ("$createdAt", "$updatedAt")
#: Types whose values SQLite does not keep as they are.
CODED = JSON_TYPES | {"boolean"}

SYSTEM_FIELDS: dict[str, Field] = {
    "$id": Field("string", "_uid"),
    "$sequence": Field("id", "_id"),
    "$createdAt": Field("datetime", "_createdAt"),
    "$updatedAt": Field("datetime", "_updatedAt"),
}


def _queried_as(kind: str) -> str:
    """The type whose queries a type has."""
    if kind in {"varchar", *FIXED_TEXTS}:
        return "string"
    return "integer" if kind == "bigint" else kind


@lru_cache(maxsize=512)
def fields_of(collection: Collection) -> Fields:
    """What documents of a collection can be queried by."""
    fields = {
        each.key: Field(
            _queried_as(each.type),
            quoted(each.key) if each.is_stored else "NULL",
            each.is_array,
            each.encrypt,
            each.relation,
            not collection.age.queries_null_shapes,
        )
        for each in collection.attributes
    }
    return {**fields, **SYSTEM_FIELDS}


@dataclass(frozen=True)
class Columns:
    """What is read of documents: the keys in the order of a row, the SQL, and which values SQLite stores otherwise."""

    keys: tuple[str, ...]
    sql: str
    coded: tuple[Attribute, ...]


@lru_cache(maxsize=2048)
def columns_of(collection: Collection, selected: frozenset[str] | None = None) -> Columns:
    """All attributes that have a column, or those that are selected; the system's are always read."""
    attributes = (
        collection.readable if selected is None else [each for each in collection.stored if each.key in selected]
    )
    return Columns(
        keys=(*(each.key for each in attributes), *SYSTEM_KEYS),
        sql=", ".join([*(quoted(each.key) for each in attributes), *SYSTEM_COLUMNS.values()]),
        coded=tuple(each for each in attributes if each.is_array or each.type in CODED),
    )


def decode(row: Sequence[Any] | sqlite3.Row, columns: Columns) -> Document:
    """A row of `columns` as a document."""
    document: Document = dict(zip(columns.keys, row, strict=True))
    for attribute in columns.coded:
        document[attribute.key] = decode_value(attribute, document[attribute.key])
    permissions = document["$permissions"]
    document["$permissions"] = [] if permissions == "[]" else json.loads(permissions)
    return document


def decode_value(attribute: Attribute, value: Any) -> Any:
    if attribute.is_array:
        return [] if value is None else json.loads(value)
    if value is None:
        return None
    if attribute.type == "boolean":
        return bool(value)
    return json.loads(value) if attribute.type in JSON_TYPES else value


def encode_value(attribute: Attribute, value: Any) -> Any:
    """A checked value as SQLite stores it."""
    if value is None:
        return None
    if attribute.is_array or attribute.type in JSON_TYPES:
        return json.dumps(value, ensure_ascii=False)
    return float(value) if attribute.type == "double" else value


def complete(collection: Collection, document: Document, now: datetime, *, defaults: bool = True) -> None:
    """Fill in defaults and bring dates into their stored form, before anything is checked."""
    for attribute in collection.defaulted:
        value = document.get(attribute.key)
        if value is None and (attribute.default is None or not defaults):
            continue
        value = attribute.default if value is None else value
        document[attribute.key] = _normalised(attribute, value, now)
    for name in DATES:
        if isinstance(document.get(name), str):
            document[name] = php_dates.normalised(document[name], now)


def _normalised(attribute: Attribute, value: Any, now: datetime) -> Any:
    if attribute.type != "datetime":
        return value
    if isinstance(value, list):
        return [php_dates.normalised(each, now) if isinstance(each, str) else each for each in value]
    return php_dates.normalised(value, now) if isinstance(value, str) else value


def is_same(left: Any, right: Any) -> bool:
    """Equality that, like PHP's `===`, distinguishes 1 from 1.0 and from true."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(is_same(*pair) for pair in zip(left, right, strict=True))
    return type(left) is type(right) and left == right


def for_answer(collection: Collection, document: Mapping[str, Any]) -> Document:
    """A copy with numbers as PHP shows them."""
    answer = dict(document)
    for key in collection.doubles:
        if key in answer:
            answer[key] = shown(answer[key])
    if "$sequence" in answer:
        answer["$sequence"] = sequence_for_answer(collection, answer["$sequence"])
    return answer


def sequence_for_answer(collection: Collection, number: int) -> int | str:
    """The place of a document in its collection, 0 for one that is not stored yet."""
    return (str(number) if number else "") if collection.age.sequences_are_texts else number

"""Does a document fit its collection? Order of checks and sentences as utopia-php/database 3.5.0, Structure.php."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from ..stored import encrypted_length
from . import geometry, moments, text_formats
from .arguments import is_integer
from .attribute_types import ENUM, FLOAT_RANGE, INTEGER_RANGE
from .catalog import Attribute, Collection
from .columns import JSON_TYPES
from .numbers import MAX_BIG_INTEGER, MAX_DOUBLE, MAX_INTEGER, grouped
from .values import DATES, Document

#: What a document may hold besides its attributes.
KNOWN = frozenset({"$id", "$sequence", "$createdAt", "$updatedAt", "$permissions", "$collection", "$tenant"})

#: A check answers what is wrong, or an empty text.
Judge = Callable[[Any], str]


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
        if rule is not None and (value is not None or rule.required):
            _check_value(rule, value)
        elif rule is None and key in DATES:
            _check_date(key, value)


def _check_date(key: str, value: Any) -> None:
    if value is not None and not moments.is_valid(value):
        raise BadStructure(f'Attribute "{key}" has invalid type. {moments.RULE}')


def refuse_numbered(collection: Collection) -> None:
    """Refuse every change of a document that has an attribute whose key is a number to PHP: the old values and the new
    are put together by array_merge(), which counts such keys anew (utopia-php/database 3.5.0, tried on it)."""
    numbered = [key for key in collection.by_key if re.fullmatch(r"0|[1-9][0-9]*", key)]
    if numbered:
        raise BadStructure(f'Unknown attribute: "{int(numbered[0] == "0")}"')


class _Rule(NamedTuple):
    """What the values of one attribute are judged by."""

    key: str
    judges: tuple[Judge, ...]
    label: str
    required: bool
    is_array: bool


@lru_cache(maxsize=512)
def _allowed(collection: Collection) -> frozenset[str]:
    return KNOWN.union(collection.by_key)


@lru_cache(maxsize=512)
def _rules(collection: Collection) -> dict[str, _Rule]:
    """Of all attributes but relationships, whose values are judged elsewhere."""
    return {each.key: _rule(each) for each in collection.plain}


def _rule(attribute: Attribute) -> _Rule:
    judges = _judges(attribute.type, attribute.format, attribute.size, _options_key(attribute))
    if attribute.encrypt:
        judges = (_encrypted(attribute.size),)
    label = "format" if attribute.format else "type"
    return _Rule(attribute.key, judges, label, attribute.required, attribute.is_array)


def _check_value(rule: _Rule, value: Any) -> None:
    if not rule.is_array:
        _judge(rule, value)
        return
    if not isinstance(value, list):
        raise BadStructure(f'Attribute "{rule.key}" must be an array')
    for place, child in enumerate(value):
        if child is not None or rule.required:
            _judge(rule, child, f"['{place}']")


def _judge(rule: _Rule, value: Any, place: str = "") -> None:
    for judge in rule.judges:
        problem = judge(value)
        if problem:
            raise BadStructure(f'Attribute "{rule.key}{place}" has invalid {rule.label}. {problem}')


def _options_key(attribute: Attribute) -> tuple[Any, ...]:
    if attribute.format in {INTEGER_RANGE, FLOAT_RANGE}:
        return (attribute.options["min"], attribute.options["max"])
    return tuple(attribute.options["elements"]) if attribute.format == ENUM else ()


@lru_cache(maxsize=2048)
def _judges(kind: str, form: str, size: int, options: tuple[Any, ...]) -> tuple[Judge, ...]:
    return (*_type_judges(kind, size), *_format_judges(form, options))


def _type_judges(kind: str, size: int) -> tuple[Judge, ...]:
    if kind == "string":
        longest = f" and no longer than {size} chars" if size else ""
        rule = f"Value must be a valid string{longest}"
        return (lambda value: "" if isinstance(value, str) and len(value) <= size else rule,)
    if kind == "integer":
        limit = MAX_BIG_INTEGER if size >= 8 else MAX_INTEGER
        return (_is_integer, _range(-limit, limit))
    if kind == "double":
        return (_is_float, _range(-MAX_DOUBLE, MAX_DOUBLE))
    if kind == "boolean":
        return (lambda value: "" if isinstance(value, bool) else "Value must be a valid boolean",)
    if kind == "datetime":
        return (lambda value: "" if moments.is_valid(value) else moments.RULE,)
    if kind in JSON_TYPES:
        return (lambda value: _geometry_problem(kind, value),)
    raise AssertionError(kind)


def _encrypted(size: int) -> Judge:
    """An encrypted text is judged as it is stored."""
    rule = f"Value must be a valid string and no longer than {size} chars"
    return lambda value: "" if isinstance(value, str) and encrypted_length(value) <= size else rule


def _is_integer(value: Any) -> str:
    return "" if is_integer(value) else "Value must be a valid integer"


def _is_float(value: Any) -> str:
    return "" if isinstance(value, int | float) and not isinstance(value, bool) else "Value must be a valid float"


def _range(minimum: float, maximum: float) -> Judge:
    rule = f"Value must be a valid range between {grouped(minimum)} and {grouped(maximum)}"
    return lambda value: "" if minimum <= value <= maximum else rule


def _geometry_problem(kind: str, value: Any) -> str:
    try:
        geometry.check(kind, value)
    except geometry.BadGeometry as problem:
        return geometry.rule(kind, str(problem))
    return ""


def _format_judges(form: str, options: tuple[Any, ...]) -> tuple[Judge, ...]:
    if form in {INTEGER_RANGE, FLOAT_RANGE}:
        return (_range(*options),)
    if form == ENUM:
        rule = f"Value must be one of ({', '.join(options)})"
        return (lambda value: "" if value in options else rule,)
    if form == "email":
        return (lambda value: "" if text_formats.is_email(value) else text_formats.EMAIL_RULE,)
    if form == "url":
        return (lambda value: "" if text_formats.is_url(value) else text_formats.URL_RULE,)
    if form == "ip":
        return (lambda value: "" if text_formats.is_ip(value) else text_formats.IP_RULE,)
    return ()

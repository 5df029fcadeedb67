"""Documents as rows and rows as documents.

A document is a dictionary of its attributes and of `$id $sequence $createdAt $updatedAt $permissions`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from . import moments
from .catalog import Attribute, Collection
from .columns import JSON_TYPES, SYSTEM_COLUMNS, quoted
from .numbers import shown
from .query_rules import Field, Fields

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


@lru_cache(maxsize=512)
def fields_of(collection: Collection) -> Fields:
    """What documents of a collection can be queried by."""
    fields = {
        each.key: Field(
            each.type, quoted(each.key) if each.is_stored else "NULL", each.is_array, each.encrypt, each.relation
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
            document[name] = moments.normalised(document[name], now)


def _normalised(attribute: Attribute, value: Any, now: datetime) -> Any:
    if attribute.type != "datetime":
        return value
    if isinstance(value, list):
        return [moments.normalised(each, now) if isinstance(each, str) else each for each in value]
    return moments.normalised(value, now) if isinstance(value, str) else value


def is_same(left: Any, right: Any) -> bool:
    """Equality that, like PHP's `===`, tells 1 from 1.0 and from true."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(is_same(*pair) for pair in zip(left, right, strict=True))
    return type(left) is type(right) and left == right


def for_answer(collection: Collection, document: Mapping[str, Any]) -> Document:
    """A copy with numbers as PHP shows them."""
    answer = dict(document)
    for key in collection.doubles:
        if key in answer:
            value = answer[key]
            answer[key] = [shown(each) for each in value] if isinstance(value, list) else shown(value)
    return answer

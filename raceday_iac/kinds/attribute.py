"""Plain attributes of every type, decided on the raw `type` and `format` of the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ..model.address import Address, collection_address
from ..model.evidence import Ask, Question
from ..model.limits import FLOAT_EXTREME, INTEGER_MAXIMUM, INTEGER_MINIMUM, column_name
from ..model.resource import Fields, Live
from .base import Call, Claims, Differing, Kind, Shape, Wanted, column_claim, is_finite, of_its_collection, thaw
from .collection import MAYBE, MEMBER, collection_path, live_member
from .conversion import temporary
from .relationship import NEEDED as RELATED

#: Our type (also the last part of the create path) by the server's (type, format).
_TYPE_OF_WIRE = {
    "integer": "integer",
    "double": "float",
    "boolean": "boolean",
    "datetime": "datetime",
    "point": "point",
    "linestring": "line",
    "polygon": "polygon",
}
_FORMATS = ("email", "url", "ip", "enum")
#: Types for whose values a query cannot ask by `isNull` and `isNotNull`: 500 on 1.8.1 and 1.9.6.
SHAPES = frozenset({"point", "line", "polygon"})
TYPES = ("string", *_FORMATS, *_TYPE_OF_WIRE.values())
#: Fields of a type beside type, required, default and array.
EXTRA_FIELDS = {
    "string": ("size", "encrypt"),
    "integer": ("min", "max"),
    "float": ("min", "max"),
    "enum": ("elements",),
}
_UPDATABLE = ("required", "default", "size", "min", "max", "elements")


def type_of(raw: Mapping[str, Any]) -> str:
    """Our name of the type of an attribute in an answer."""
    wire = str(raw["type"])
    if wire == "string":
        form = str(raw.get("format") or "")
        return form if form in _FORMATS else "string"
    return _TYPE_OF_WIRE.get(wire, wire)


def _is_default(value: Any, depth: int = 0) -> bool:
    """A value, several, or coordinates: three lists deep at most."""
    if isinstance(value, list):
        return depth < 3 and all(_is_default(each, depth + 1) for each in value)
    return value is None or isinstance(value, str | bool) or is_finite(value)


_null = type(None)
#: What a type needs. Without it, an attribute would seem to have been changed.
_NEEDED: Mapping[str, Mapping[str, Wanted]] = {
    "string": {"default": _is_default, "size": int},
    "enum": {"default": _is_default, "elements": [str]},
    "integer": {"default": _is_default, "min": (int, _null), "max": (int, _null)},
    "float": {"default": _is_default, "min": (is_finite, _null), "max": (is_finite, _null)},
    "relationship": RELATED,
}
_OF_OTHERS: Mapping[str, Wanted] = {"default": _is_default}
#: Of plain attributes and relationships, which share their routes.
SHAPE = Shape({**MEMBER, "required": bool, "array": bool}, MAYBE, lambda raw: _NEEDED.get(type_of(raw), _OF_OTHERS))


def canonical_default(kind: str, default: Any) -> Any:
    """A default in the form that compares: floats as floats, instants in UTC with milliseconds."""
    if default is None:
        return None
    if kind == "float":
        return float(default)
    if kind == "datetime":
        return canonical_instant(str(default))
    return _tuples(default)


def _tuples(value: Any) -> Any:
    """Coordinates as nested tuples of floats."""
    if isinstance(value, list | tuple):
        return tuple(float(item) if isinstance(item, int) else _tuples(item) for item in value)
    return value


def canonical_instant(text: str) -> str:
    """`2025-01-31T10:20:30.123+00:00`, as the server answers; text that is no instant stays as it is."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return text
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds")


def canonical_bound(kind: str, bound: Any) -> Any:
    """A range bound; the extremes that the server answers for an unset one become None (traps 36)."""
    if bound is None:
        return None
    if kind == "integer":
        return None if bound <= INTEGER_MINIMUM or bound >= INTEGER_MAXIMUM else int(bound)
    return None if abs(float(bound)) >= FLOAT_EXTREME else float(bound)


def parse(owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """An attribute as the server describes it, with its status."""
    kind = type_of(raw)
    fields: dict[str, Any] = {
        "type": kind,
        "required": bool(raw["required"]),
        "default": canonical_default(kind, raw.get("default")),
        "array": bool(raw.get("array", False)),
    }
    for name in EXTRA_FIELDS.get(kind, ()):
        value = raw.get(name)
        if name in ("min", "max"):
            value = canonical_bound(kind, value)
        elif name == "elements":
            value = tuple(value or ())
        elif name == "encrypt":
            value = bool(value)
        fields[name] = value
    return live_member("attribute", owner, raw, fields)


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        body = {key: value for key, value in thaw(fields).items() if value is not None and key != "type"}
        # An absent default means null; sending null is only safe where it is documented.
        if not body.get("encrypt"):
            body.pop("encrypt", None)
        return Call(
            "post", f"{collection_path(address)}/attributes/{fields['type']}", {"key": address.name, **body}, SHAPE
        )

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        # `required` and `default` must be present in every update, default also as null.
        body: dict[str, Any] = {"required": fields["required"], "default": thaw(fields["default"])}
        if "elements" in fields:
            body["elements"] = thaw(fields["elements"])
        body.update(_changed_limits(fields, live.fields))
        return Call("patch", f"{collection_path(address)}/attributes/{fields['type']}/{address.name}", body, SHAPE)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", f"{collection_path(address)}/attributes/{address.name}")

    def read(self, address: Address) -> Call:
        return Call("get", f"{collection_path(address)}/attributes/{address.name}", answer=SHAPE)


def _changed_limits(wanted: Fields, real: Fields) -> dict[str, Any]:
    """Size and bounds that change. An omitted bound keeps the old one, so an unset one is sent as the extreme."""
    extremes: dict[tuple[str, str], Any] = {
        ("integer", "min"): INTEGER_MINIMUM,
        ("integer", "max"): INTEGER_MAXIMUM,
        ("float", "min"): -FLOAT_EXTREME,
        ("float", "max"): FLOAT_EXTREME,
    }
    changed = {name: wanted[name] for name in ("size", "min", "max") if wanted.get(name) != real.get(name)}
    return {
        name: extremes[wanted["type"], name] if value is None else value
        for name, value in changed.items()
        if name in wanted
    }


def rename(old: Address, live: Live, name: str) -> Call:
    """An update that changes nothing but the key. Indexes take the new one over (1.8.1)."""
    call = _Requests().update(old, live.fields, live)
    return replace(call, body={**call.body, "newKey": name})


def loses(live: Live) -> Iterator[Question]:
    """Its values. What never became available has none."""
    if live.status not in ("failed", "processing"):
        collection, is_shape = collection_address(*live.address.parts[:2]), live.fields.get("type") in SHAPES
        yield Question(collection, Ask.VALUES, (live.address.name,), must_read=is_shape)
        yield Question(live.address, Ask.UNMANAGED)


def asks_when_made(address: Address, wanted: Fields, real: Mapping[Address, Live]) -> Iterator[Question]:
    """Documents will be without a value where a required one is made."""
    collection = collection_address(*address.parts[:2])
    if wanted["required"] and collection in real:
        yield Question(collection, Ask.WITHOUT, (address.name,))


def asks_when_updated(address: Address, wanted: Fields, field: Differing) -> Iterator[Question]:
    """Values that do not fit what becomes stricter."""
    collection, keys = collection_address(*address.parts[:2]), (address.name,)
    if field.name == "required" and field.after:
        yield Question(collection, Ask.NULLS, keys, must_read=wanted["type"] in SHAPES)
    elif field.name == "size" and field.after < (field.before or 0):
        yield Question(collection, Ask.LONGER, keys, limit=int(field.after))
    elif field.name == "elements":
        gone = tuple(sorted(set(field.before or ()) - set(field.after or ())))
        if gone:
            yield Question(collection, Ask.AMONG, keys, among=gone)
    elif field.name in ("min", "max") and field.after is not None:
        yield Question(collection, Ask.OUTSIDE, keys, low=wanted.get("min"), high=wanted.get("max"))


def asks_when_converted(address: Address, wanted: Fields, old: Live | None) -> Iterator[Question]:
    """Values that have no counterpart, and what breaks when the old attribute goes."""
    collection, keys = collection_address(*address.parts[:2]), (address.name,)
    if old is None or old.status == "deleting":
        # In a conversion that was cut short, the old attribute may be gone: its values are in the new one by then.
        if wanted["required"]:
            yield Question(collection, Ask.NULLS, (temporary(address).name,))
        return
    yield Question(collection, Ask.UNCONVERTIBLE, keys, target=tuple(sorted(wanted.items())))
    if wanted["required"] and not old.fields["required"]:
        yield Question(collection, Ask.NULLS, keys)
    yield Question(address, Ask.UNMANAGED)


def claims(address: Address, _fields: Fields) -> Claims:
    """Attributes and relationships of a collection share their keys."""
    return frozenset({column_claim(address, address.name)})


KIND = Kind(
    name="attribute",
    stage=30,
    owner="collection",
    requests=_Requests(),
    parse=parse,
    in_place=frozenset(_UPDATABLE),
    unordered=frozenset({"elements"}),
    folded=column_name,
    claims=claims,
    is_column=True,
    is_read_by_code=True,
    is_async=True,
    rename=rename,
    loses=loses,
    asks_when_made=asks_when_made,
    asks_when_updated=asks_when_updated,
    asks_when_converted=asks_when_converted,
    holds_values=True,
    listed="attributes",
    is_one=lambda raw: raw["type"] != "relationship",
    sent_together=True,
    schema_places=of_its_collection,
)

"""What differs between a declared and a live object. What the server fills in by itself is no difference.

Both sides are first brought into one canonical form; only then are they compared.
"""

from __future__ import annotations

import re
from collections.abc import Collection as AnyCollection
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .schema import Attribute, Collection, Index, Relationship

INTEGER_MINIMUM, INTEGER_MAXIMUM = -(2**63), 2**63 - 1
FLOAT_EXTREME = 1.7976931348623157e308

_TYPE_OF_WIRE = {"double": "float", "linestring": "line"}
_FORMATS = ("email", "url", "ip", "enum")
_PERMISSION = re.compile(r'write\("([^"]+)"\)')
#: Everything else about an attribute can only be changed by deleting and creating it, which loses data.
_UPDATABLE = frozenset({"required", "default", "size", "min", "max", "elements"})


class Difference(NamedTuple):
    """One field that is not as declared. `in_place`: the server can change it without losing data."""

    field: str
    wanted: Any
    live: Any
    in_place: bool

    def __str__(self) -> str:
        return f"{self.field} is {self.live!r}, wanted {self.wanted!r}"


def attribute_type(raw: Mapping[str, Any]) -> str:
    """Our word for the type of a live attribute, from the raw `type` and `format` of the answer."""
    wire = str(raw["type"])
    if wire == "string" and raw.get("format") in _FORMATS:
        return str(raw["format"])
    return _TYPE_OF_WIRE.get(wire, wire)


def attribute_differences(wanted: Attribute, raw: Mapping[str, Any]) -> list[Difference]:
    """Differences of a plain attribute. A different type is reported alone: the other fields mean nothing then."""
    live = live_attribute(raw)
    declared = wanted_attribute(wanted)
    if declared["type"] != live["type"]:
        return [Difference("type", declared["type"], live["type"], False)]
    return _differences(declared, live, _UPDATABLE)


def wanted_attribute(wanted: Attribute) -> dict[str, Any]:
    """The canonical form of a declared attribute."""
    fields = {
        "type": wanted.type,
        "required": wanted.required,
        "default": _default(wanted.type, wanted.default),
        "array": wanted.array,
    }
    if wanted.type == "string":
        return {**fields, "size": wanted.size, "encrypt": wanted.encrypt}
    if wanted.type in ("integer", "float"):
        return {**fields, **_bounds(wanted.type, wanted.minimum, wanted.maximum)}
    if wanted.type == "enum":
        return {**fields, "elements": frozenset(wanted.elements)}
    return fields


def live_attribute(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical form of an attribute as the server answers it."""
    kind = attribute_type(raw)
    fields = {
        "type": kind,
        "required": bool(raw["required"]),
        "default": _default(kind, raw.get("default")),
        "array": bool(raw.get("array")),
    }
    if kind == "string":
        return {**fields, "size": raw.get("size"), "encrypt": bool(raw.get("encrypt"))}
    if kind in ("integer", "float"):
        return {**fields, **_bounds(kind, raw.get("min"), raw.get("max"))}
    if kind == "enum":
        return {**fields, "elements": frozenset(raw.get("elements") or ())}
    return fields


def relationship_differences(wanted: Relationship, raw: Mapping[str, Any]) -> list[Difference]:
    """Differences of a relationship; the server can only change what happens on delete."""
    declared = {
        "type": "relationship",
        "relatedCollection": wanted.related,
        "relationType": wanted.type,
        "twoWay": wanted.two_way,
        "onDelete": wanted.on_delete,
    }
    if wanted.two_way_key is not None:
        declared["twoWayKey"] = wanted.two_way_key
    return _differences(declared, {name: raw.get(name) for name in declared}, {"onDelete"})


def index_differences(wanted: Index, raw: Mapping[str, Any], arrays: AnyCollection[str]) -> list[Difference]:
    """Differences of an index. `arrays` are the array attributes: their order and length are the server's."""
    live = Index(
        str(raw["key"]),
        str(raw["type"]),
        tuple(raw["attributes"]),
        tuple(raw.get("orders") or ()),
        tuple(raw.get("lengths") or ()),
    )
    return _differences(canonical_index(wanted, arrays), canonical_index(live, arrays), ())


def canonical_index(index: Index, arrays: AnyCollection[str]) -> dict[str, Any]:
    """Type and columns; an order that is not said is ascending, a length that is not said is the whole value."""
    orders: Sequence[Any] = _padded(index.orders, len(index.attributes), "ASC")
    lengths: Sequence[Any] = _padded(index.lengths, len(index.attributes), 0)
    columns = tuple(
        (name, "", 0) if name in arrays else (name, str(order or "ASC").upper(), int(length or 0))
        for name, order, length in zip(index.attributes, orders, lengths, strict=True)
    )
    return {"type": index.type, "attributes": columns}


def collection_differences(wanted: Collection, raw: Mapping[str, Any]) -> list[Difference]:
    """Differences of the collection itself, not of what is in it."""
    declared = {
        "name": wanted.name,
        "permissions": canonical_permissions(wanted.permissions),
        "documentSecurity": wanted.document_security,
        "enabled": wanted.enabled,
    }
    live = {**raw, "permissions": canonical_permissions(raw.get("$permissions") or ())}
    return _differences(declared, {name: live.get(name) for name in declared}, declared)


def canonical_permissions(permissions: Iterable[str]) -> frozenset[str]:
    """As the server stores them: `write` means create, update and delete; the order says nothing."""
    expanded: set[str] = set()
    for permission in permissions:
        write = _PERMISSION.fullmatch(permission)
        expanded |= {f'{verb}("{write[1]}")' for verb in ("create", "update", "delete")} if write else {permission}
    return frozenset(expanded)


def _differences(wanted: Mapping[str, Any], live: Mapping[str, Any], updatable: Iterable[str]) -> list[Difference]:
    changeable = set(updatable)
    return [
        Difference(name, value, live.get(name), name in changeable)
        for name, value in wanted.items()
        if not _same(value, live.get(name))
    ]


def _same(one: Any, other: Any) -> bool:
    # True == 1 in Python, but a boolean default is not a number.
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _bounds(kind: str, minimum: Any, maximum: Any) -> dict[str, Any]:
    return {"min": _bound(kind, minimum), "max": _bound(kind, maximum)}


def _bound(kind: str, value: Any) -> Any:
    """A range bound. The extremes that the server answers for an unset one count as unset."""
    if value is None:
        return None
    if kind == "integer":
        # Some JSON readers on the way turn the extremes into floats, which rounds them outwards.
        return None if value <= INTEGER_MINIMUM or value >= INTEGER_MAXIMUM else int(value)
    return None if abs(float(value)) >= FLOAT_EXTREME else float(value)


def _default(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "float" and not isinstance(value, bool):
        return float(value)
    if kind == "datetime":
        return _instant(str(value))
    return value


def _instant(text: str) -> str:
    """One text for one moment; what is no moment stays as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds")


def _padded(values: Sequence[Any], length: int, filler: Any) -> Sequence[Any]:
    # More orders than attributes are accepted and stored by 1.8.1; the surplus has no effect.
    return [*values[:length], *([filler] * (length - len(values)))]

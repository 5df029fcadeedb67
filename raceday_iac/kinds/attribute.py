"""Plain attributes of every type, decided on the raw `type` and `format` of the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..model.address import Address, collection_address
from ..model.evidence import Ask, Question
from ..model.limits import column_name
from ..model.resource import Fields, Live
from .base import Call, Claims, Differing, Kind, Shape, Wanted, as_call, column_claim, is_finite, of_its_collection
from .collection import MAYBE, MEMBER, live_member
from .conversion import temporary
from .relationship import NEEDED as RELATED
from .schema_rules import (
    FORMATS,
    IN_PLACE,
    SETS,
    SHAPES,
    STAGES,
    TYPE_OF_WIRE,
    attribute_fields,
    create_request,
    path_of,
    type_of,
    update_request,
)

TYPES = ("string", *FORMATS, *TYPE_OF_WIRE.values())


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


def parse(owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """An attribute as the server describes it, with its status."""
    return live_member("attribute", owner, raw, attribute_fields(raw))


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        return as_call(create_request("attribute", address.parts, fields), SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        return as_call(update_request("attribute", address.parts, fields, live.fields), SHAPE)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", path_of("attribute", address.parts))

    def read(self, address: Address) -> Call:
        return Call("get", path_of("attribute", address.parts), answer=SHAPE)


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
    stage=STAGES["attribute"],
    owner="collection",
    requests=_Requests(),
    parse=parse,
    in_place=IN_PLACE["attribute"],
    unordered=SETS["attribute"],
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

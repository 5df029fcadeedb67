"""Indexes. They cannot be updated: a change is delete and create, which loses no data."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..model.address import Address, collection_address
from ..model.evidence import Ask, Question
from ..model.limits import ARRAY_INDEX_LENGTH, column_name
from ..model.resource import Fields, Live, frozen
from .base import Call, Kind, Shape, of_its_collection, thaw
from .collection import MAYBE, MEMBER, collection_path, live_member

SHAPE = Shape({**MEMBER, "attributes": [str], "orders": [(str, type(None))], "lengths": [(int, type(None))]}, MAYBE)


def canonical_orders(attributes: Sequence[str], orders: Sequence[Any]) -> tuple[str, ...]:
    """One order per attribute; what is not said (or dropped by the server) is ascending."""
    given = [str(order or "ASC").upper() for order in orders][: len(attributes)]
    return tuple(given + ["ASC"] * (len(attributes) - len(given)))


def canonical_lengths(
    attributes: Sequence[str], lengths: Sequence[Any], arrays: Collection[str] = frozenset()
) -> tuple[int, ...]:
    """One length per attribute, 0 = whole. The server forces 255 on array attributes (trap 35)."""
    given = [int(length or 0) for length in lengths][: len(attributes)]
    padded = given + [0] * (len(attributes) - len(given))
    return tuple(
        ARRAY_INDEX_LENGTH if name in arrays else length for name, length in zip(attributes, padded, strict=True)
    )


def parse(owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """An index as the server describes it, with its status."""
    attributes = tuple(str(name) for name in raw["attributes"])
    fields = {
        "type": str(raw["type"]),
        "attributes": attributes,
        "orders": canonical_orders(attributes, raw.get("orders") or ()),
        "lengths": canonical_lengths(attributes, raw.get("lengths") or ()),
    }
    return live_member("index", owner, raw, fields)


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        body: dict[str, Any] = {"key": address.name, "type": fields["type"], "attributes": thaw(fields["attributes"])}
        # 1.8.1 answers 500 to an array behind other attributes when their orders are left out: it then keeps a list
        # with a gap (Indexes/Create.php and utopia-php/database 3.5.0, tried on it).
        may_have_gap = ARRAY_INDEX_LENGTH in fields["lengths"][1:]
        if may_have_gap or any(order != "ASC" for order in fields["orders"]):
            body["orders"] = thaw(fields["orders"])
        if any(fields["lengths"]):
            body["lengths"] = thaw(fields["lengths"])
        return Call("post", f"{collection_path(address)}/indexes", body, SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        raise NotImplementedError("an index cannot be updated")

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", f"{collection_path(address)}/indexes/{address.name}")

    def read(self, address: Address) -> Call:
        return Call("get", f"{collection_path(address)}/indexes/{address.name}", answer=SHAPE)


def over_renamed(fields: Fields, old: str, new: str) -> Fields:
    """The server puts the new name of an attribute into the indexes too."""
    return frozen({**fields, "attributes": tuple(new if key == old else key for key in fields["attributes"])})


def asks_when_made(address: Address, wanted: Fields, real: Mapping[Address, Live]) -> Iterator[Question]:
    """Appwrite does not build a unique index over values that occur twice."""
    *owner, _ = address.parts
    keys, collection = tuple(map(str, wanted["attributes"])), collection_address(*owner)
    needed = [Address("attribute", "/".join((*owner, key))) for key in keys if not key.startswith("$")]
    if wanted["type"] == "unique" and collection in real and all(each in real for each in needed):
        yield Question(collection, Ask.DUPLICATES, keys)


KIND = Kind(
    name="index",
    stage=40,
    plural="indexes",
    owner="collection",
    requests=_Requests(),
    parse=parse,
    is_async=True,
    folded=column_name,
    over=lambda fields: tuple(map(str, fields["attributes"])),
    over_renamed=over_renamed,
    is_read_by_code=True,
    goes_first=True,
    breaks_with_dependencies=True,
    asks_when_made=asks_when_made,
    listed="indexes",
    schema_places=of_its_collection,
)

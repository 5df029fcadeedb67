"""Indexes. They cannot be updated: a change is delete and create, which loses no data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..model.address import Address, collection_address
from ..model.evidence import Ask, Question
from ..model.limits import column_name
from ..model.resource import Fields, Live, frozen
from .base import Call, Kind, Shape, as_call, of_its_collection
from .collection import MAYBE, MEMBER, live_member
from .schema_rules import STAGES, create_request, index_fields, path_of

SHAPE = Shape({**MEMBER, "attributes": [str], "orders": [(str, type(None))], "lengths": [(int, type(None))]}, MAYBE)


def parse(owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """An index as the server describes it, with its status."""
    return live_member("index", owner, raw, index_fields(raw))


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        return as_call(create_request("index", address.parts, fields), SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        raise NotImplementedError("an index cannot be updated")

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", path_of("index", address.parts))

    def read(self, address: Address) -> Call:
        return Call("get", path_of("index", address.parts), answer=SHAPE)


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
    stage=STAGES["index"],
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

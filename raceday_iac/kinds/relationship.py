"""Relationships. A two-way one appears in the other collection as well; that mirror is not a resource of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..model.address import Address, collection_address
from ..model.evidence import Ask, Question
from ..model.limits import column_name
from ..model.resource import Fields, Live
from .base import Call, Kind, Shape, Wanted
from .collection import MAYBE, MEMBER, collection_path, live_member
from .turns import Place

#: What makes one a relationship.
NEEDED: Mapping[str, Wanted] = {
    "relatedCollection": str,
    "relationType": str,
    "twoWay": bool,
    "twoWayKey": str,
    "onDelete": str,
    "side": str,
}
_SHAPE = Shape({**MEMBER, **NEEDED}, MAYBE)
#: A plain attribute may hold the key that is looked for.
_FOUND = Shape(MEMBER, MAYBE, lambda raw: NEEDED if raw["type"] == "relationship" else {})


def is_mirror(raw: Mapping[str, Any]) -> bool:
    """Whether this is the side that the server made by itself (trap 38)."""
    return raw.get("side") == "child"


def parse(owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A relationship as the server describes it."""
    fields = {
        # Looking for a relationship may find a plain attribute that holds its key; that has none of these.
        "relatedCollection": str(raw.get("relatedCollection", "")),
        "relationType": str(raw.get("relationType", "")),
        "twoWay": bool(raw.get("twoWay")),
        "twoWayKey": str(raw.get("twoWayKey", "")),
        "onDelete": str(raw.get("onDelete", "")),
    }
    return live_member("relationship", owner, raw, fields)


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        body = {
            "key": address.name,
            "relatedCollectionId": fields["relatedCollection"],
            "type": fields["relationType"],
            "twoWay": fields["twoWay"],
            "twoWayKey": fields["twoWayKey"],
            "onDelete": fields["onDelete"],
        }
        return Call("post", f"{collection_path(address)}/attributes/relationship", body, _SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:  # noqa: ARG002
        path = f"{collection_path(address)}/attributes/{address.name}/relationship"
        return Call("patch", path, {"onDelete": fields["onDelete"]}, _SHAPE)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", f"{collection_path(address)}/attributes/{address.name}")

    def read(self, address: Address) -> Call:
        return Call("get", f"{collection_path(address)}/attributes/{address.name}", answer=_FOUND)


def schema_places(address: Address, fields: Fields) -> frozenset[Place]:
    """Both collections: the other one gets a far side, even where it does not show it."""
    database, collection, _ = address.parts
    related = {(database, str(fields["relatedCollection"]))} if fields.get("relatedCollection") else set()
    return frozenset({(database, collection)} | related)


def rename(old: Address, live: Live, name: str) -> Call:
    """What is not sent is reset, so `onDelete` goes along."""
    call = _Requests().update(old, live.fields, live)
    return replace(call, body={**call.body, "newKey": name})


def loses(live: Live) -> Iterator[Question]:
    """Its links. Queries on relationships tell nothing reliable, so it is asked whether there are documents."""
    if live.status not in ("failed", "processing"):
        yield Question(collection_address(*live.address.parts[:2]), Ask.DOCUMENTS)


KIND = Kind(
    name="relationship",
    stage=35,
    requests=_Requests(),
    parse=parse,
    in_place=frozenset({"onDelete"}),
    folded=column_name,
    is_async=True,
    rename=rename,
    loses=loses,
    listed="attributes",
    schema_places=schema_places,
)

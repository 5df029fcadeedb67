"""Relationships. A two-way one appears in the other collection as well; that mirror is not a resource of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..model.address import Address, collection_address
from ..model.evidence import Ask, Question
from ..model.limits import column_name
from ..model.resource import Fields, Live
from .base import Call, Claims, Kind, Shape, Wanted, column_claim
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


def leads_to(address: Address, fields: Fields) -> tuple[Address, ...]:
    """The other collection."""
    return (collection_address(address.parts[0], str(fields["relatedCollection"])),)


def claims(address: Address, fields: Fields) -> Claims:
    """Its key, and its far side: Appwrite compares related collection and two-way key of all of them, also of one-way
    ones. Of manyToMany there may be one between two collections."""
    database, collection, _ = address.parts
    related, key = str(fields["relatedCollection"]), column_name(str(fields["twoWayKey"]))
    found = {
        column_claim(address, address.name),
        ("mirror", database, collection, related, key),
        # Hidden, the far side of a one-way relationship takes the key all the same.
        ("column", database, related, key),
    }
    if fields["relationType"] == "manyToMany":
        found.add(("manyToMany", database, *sorted((collection, related))))
    return frozenset(found)


KIND = Kind(
    name="relationship",
    stage=35,
    owner="collection",
    requests=_Requests(),
    parse=parse,
    in_place=frozenset({"onDelete"}),
    folded=column_name,
    claims=claims,
    is_column=True,
    leads_to=leads_to,
    is_read_by_code=True,
    is_async=True,
    rename=rename,
    loses=loses,
    listed="attributes",
    is_one=lambda raw: raw["type"] == "relationship",
    schema_places=schema_places,
)

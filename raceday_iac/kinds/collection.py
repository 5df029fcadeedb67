"""Collections: name, permissions and switches. What they hold has kinds of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, field_validator

from ..model.address import Address, collection_address
from ..model.declarations import Declared, Id, Name, all_valid
from ..model.evidence import Ask, Question
from ..model.resource import Desired, Fields, Live, Resource, frozen
from ..model.validators import permission_problem, permissions_problem
from .base import Call, Kind, Shape, Wanted, as_call, is_instant, of_its_collection
from .declaring import Declaring
from .fields import IDENTITY, Wire, canonical, told
from .schema_rules import (
    IN_PLACE,
    SETS,
    STAGES,
    collection_fields,
    create_request,
    linked_keys,
    update_request,
)


class CollectionDeclaration(Declared):
    """A collection."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name
    permissions: Annotated[Sequence[str], Wire(answer="$permissions")] = ()
    document_security: bool = False
    enabled: bool = True

    @field_validator("permissions")
    @classmethod
    def _valid_permissions(cls, value: Sequence[str]) -> Sequence[str]:
        all_valid(value, permission_problem)
        problem = permissions_problem(value)
        if problem:
            raise ValueError(problem)
        return value


#: What it holds has shapes of its own.
SHAPE = Shape({"$id": str, "databaseId": str, **told(CollectionDeclaration)})
#: What attributes, relationships and indexes have in common.
MEMBER: Mapping[str, Wanted] = {"key": str, "type": str, "status": str}
#: What of those is not declared.
LEFT_OUT = {
    "status": "what became of the last write; waited for",
    "error": "told when a write failed",
    "newKey": "sent by a rename",
}
MAYBE: Mapping[str, Wanted] = {"$updatedAt": is_instant, "error": str}


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A collection as the server describes it."""
    address = collection_address(str(raw["databaseId"]), str(raw["$id"]))
    return Live(address, frozen(collection_fields(raw)), str(raw["$id"]))


def collection_path(address: Address) -> str:
    """The request path of the collection that an address lies in."""
    database, collection = address.parts[:2]
    return f"/databases/{database}/collections/{collection}"


def live_member(kind: str, owner: Sequence[str], raw: Mapping[str, Any], fields: Mapping[str, Any]) -> Live:
    """An attribute, a relationship or an index as the server describes it; `owner` is database and collection."""
    key = str(raw["key"])
    return Live(
        Address(kind, "/".join((*owner, key))),
        frozen(fields),
        key,
        status=str(raw.get("status", "available")),
        error=str(raw.get("error") or ""),
        updated_at=str(raw.get("$updatedAt") or ""),
    )


def making_anew(collection: Address) -> str:
    """What to do about a collection whose schema Appwrite has broken: advice that ends."""
    return (
        "no other request mends that, only a new collection. Copy its documents if you need them, then: "
        f"raceday-iac apply --replace {collection} (the plan tells what is lost with it, and how to allow that)"
    )


def unknown_to_documents(collection: Address, keys: Sequence[str]) -> str:
    """That Appwrite lists what its own copy of the schema, which documents are checked against, has lost."""
    named = ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
    return (
        f"{collection} is broken: Appwrite lists {named} as available, but documents with that are refused: "
        "the copy of the schema that documents are checked against does not know it"
    )


def can_only_fail_again(live: Live) -> bool:
    """Whether it failed because something of its key is in the table, or in Appwrite's own copy of the schema, that its
    API neither shows nor deletes (1.8.1). A unique index over equal values fails with `Document already exists`."""
    return live.status == "failed" and "already exists" in live.error and "Document" not in live.error


def document_keys(desired: Desired, collection: Address, there: Collection[Address]) -> tuple[list[str], list[str]]:
    """Keys of attributes, and of relationships with their far sides, that documents of a collection must know; `there`
    are the resources that exist."""
    attributes = [each.address.name for each in desired.below(collection, "attribute") if each.address in there]
    database, name = collection.parts
    relationships = [
        (each.address.parts[1], each.address.name, each.fields)
        for each in desired.below(Address("database", database), "relationship")
        if each.address in there
    ]
    return attributes, linked_keys(name, relationships)


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        return as_call(create_request("collection", address.parts, fields), SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        return as_call(update_request("collection", address.parts, fields, live.fields), SHAPE)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", collection_path(address))

    def read(self, address: Address) -> Call:
        return Call("get", collection_path(address), answer=SHAPE)


def loses(live: Live) -> Iterator[Question]:
    """Its documents, and what lies in it without being ours."""
    yield Question(live.address, Ask.DOCUMENTS)
    yield Question(live.address, Ask.UNMANAGED)


class _Declaring(Declaring):
    def fields(self, declared: Declared, address: Address, resources: Mapping[Address, Resource]) -> Fields:  # noqa: ARG002
        """With its permissions spelled out."""
        return collection_fields(canonical(declared))


KIND = Kind(
    name="collection",
    stage=STAGES["collection"],
    tone="create",
    owner="database",
    requests=_Requests(),
    parse=parse,
    unordered=SETS["collection"],
    in_place=IN_PLACE["collection"],
    loses=loses,
    is_read_by_code=True,
    holds_documents=True,
    schema_places=of_its_collection,
    routes=(
        "POST /databases/{databaseId}/collections",
        "PUT /databases/{databaseId}/collections/{collectionId}",
    ),
    left_out={
        "databaseId": "part of the address",
        "attributes": "kinds of their own",
        "indexes": "a kind of their own",
    },
    declaring=_Declaring("collection", CollectionDeclaration, "`database.collection(…)`"),
)

"""Relationships. A two-way one appears in the other collection as well; that mirror is not a resource of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ..model.address import Address, collection_address, owner_of
from ..model.declarations import Declared, Id, Key
from ..model.evidence import Ask, Question
from ..model.limits import column_name
from ..model.resource import Desired, Diagnostic, Fields, Live, Resource
from .base import Call, Claims, Kind, MemberRequests, Shape, Wanted, column_claim, written_places
from .collection import LEFT_OUT, MAYBE, MEMBER, live_member
from .fields import IDENTITY, Beside, Checked, Declaring, Entry, Reading, Wire, Writing, answered
from .schema_rules import (
    IN_PLACE,
    STAGES,
    is_mirror,
    relationship_fields,
)


class RelationshipDeclaration(Declared):
    """A relationship to another collection of the same database."""

    key: Annotated[Key, IDENTITY] = Field(init=False)
    related: Annotated[Id, Wire("relatedCollection", request="relatedCollectionId")] = Field(init=False)
    type: Annotated[
        Literal["oneToOne", "oneToMany", "manyToOne", "manyToMany"],
        Wire("relationType", request="type"),
    ]
    two_way: bool = False
    two_way_key: Annotated[Key | None, Wire(json=str)] = None
    on_delete: Literal["restrict", "cascade", "setNull"] = "restrict"

    @classmethod
    def written(cls, arguments: Mapping[str, Any], owner: tuple[str, ...]) -> dict[str, Any]:
        """The other side is named after this collection, unless the stack names it."""
        return {**arguments, "two_way_key": arguments["two_way_key"] or owner[-1]}

    @model_validator(mode="after")
    def _two_columns(self) -> Self:
        """Both keys of a manyToMany become columns of one table."""
        if self.type == "manyToMany" and column_name(self.key) == column_name(str(self.two_way_key)):
            raise ValueError(
                f"a manyToMany relationship cannot have {self.key!r} and {self.two_way_key!r} as its two keys: "
                "Appwrite treats them as one column (it ignores case and dots); give another two_way_key"
            )
        return self


#: What makes one a relationship.
NEEDED: Mapping[str, Wanted] = {**answered(RelationshipDeclaration), "side": str}
_SHAPE = Shape({**MEMBER, **NEEDED}, MAYBE)
#: A plain attribute may hold the key that is looked for.
_FOUND = Shape(MEMBER, MAYBE, lambda raw: NEEDED if raw["type"] == "relationship" else {})


def parse(owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A relationship as the server describes it."""
    return live_member("relationship", owner, raw, relationship_fields(raw))


_REQUESTS = MemberRequests("relationship", _SHAPE, _FOUND)


def rename(old: Address, live: Live, name: str) -> Call:
    """A rename. A field that is not sent is reset, so `onDelete` is sent, too."""
    call = _REQUESTS.update(old, live.fields, live)
    return replace(call, body={**call.body, "newKey": name})


def loses(live: Live) -> Iterator[Question]:
    """Its links. Queries on relationships say nothing reliable, so it is asked whether there are documents."""
    if live.status not in ("failed", "processing"):
        yield Question(owner_of(live.address), Ask.DOCUMENTS)


def leads_to(address: Address, fields: Fields) -> tuple[Address, ...]:
    """The other collection."""
    return (collection_address(address.parts[0], str(fields["relatedCollection"])),)


def linked_by(address: Address, fields: Fields) -> tuple[str, bool]:
    """Documents of a collection that it leads back to have only its far side (see `surprises`)."""
    kind = fields["relationType"]
    if fields["twoWay"] and address.parts[1] == fields["relatedCollection"]:
        return str(fields["twoWayKey"]), kind in ("manyToOne", "manyToMany")
    return address.name, kind in ("oneToMany", "manyToMany")


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


def surprises(address: Address, fields: Fields) -> Iterator[str]:
    """Of a collection with itself, the metadata that documents are checked against keep the far side only (1.8.1)."""
    if address.parts[1] == fields["relatedCollection"]:
        known = f"documents can set only {fields['twoWayKey']!r}" if fields["twoWay"] else "documents cannot set it"
        advice = "" if fields["twoWay"] else ", which needs two_way=True"
        yield (
            f"{known}: in a relationship of a collection with itself, Appwrite knows only the two_way_key in documents"
            f"{advice}"
        )


def _counts_twice(desired: Desired, first: Address, second: Resource) -> bool:
    same_side = first.parts[:2] == second.address.parts[:2]
    return same_side or desired.resources[first].fields["twoWay"] or second.fields["twoWay"]


def _in_file(key: str, fields: Fields, side: str) -> dict[str, Any]:
    return {"key": key, "type": "relationship", "required": False, "array": False, **fields, "side": side}


class _Declaring(Declaring):
    file_lists = ("attributes",)
    file_words: Mapping[str, str] = {
        "relatedTable": "relatedCollection",
        "relatedTableId": "relatedCollection",
        "relatedCollectionId": "relatedCollection",
    }
    file_silent = Declaring.file_silent | {"type", "side", "required", "array", "size", "default", "format", "encrypt"}

    def is_one_in_file(self, raw: Entry) -> bool:
        return raw.get("type") == "relationship"

    def file_defaults(self, raw: Entry, address: Address) -> Mapping[str, Any]:  # noqa: ARG002
        return {"twoWay": False, "twoWayKey": address.parts[1], "onDelete": "restrict"}

    def read_file(self, raw: Entry, owner: tuple[str, ...], reading: Reading) -> Live | None:
        said = reading.fitting(self, raw, collection_address(*owner).child("relationship", raw["key"]))
        if said is None:
            return None
        if not is_mirror(raw):
            return parse(owner, {**said, "key": raw["key"]})
        # The near side may stand in the file as well, and then says it all.
        near = {
            **said,
            "key": said["twoWayKey"],
            "relatedCollection": owner[1],
            "twoWayKey": raw["key"],
            "twoWay": True,
        }
        reading.far_sides.append(parse((owner[0], said["relatedCollection"]), near))
        return None

    def write_file(self, resource: Resource, desired: Desired, to: Writing) -> dict[str, Any]:  # noqa: ARG002
        return _in_file(resource.address.name, resource.fields, "parent")

    def write_beside(self, owner: Address, desired: Desired, to: Writing) -> Iterator[dict[str, Any]]:  # noqa: ARG002
        """Relationships from elsewhere that show here. Appwrite's command line does not create them, but where they
        are missing it deletes them, and with them the relationship and all its links."""
        for each in desired.of_kind("relationship"):
            database, collection, key = each.address.parts
            is_here = (database, each.fields["relatedCollection"]) == owner.parts
            if is_here and each.fields["twoWay"]:
                far = {**each.fields, "relatedCollection": collection, "twoWayKey": key}
                yield _in_file(each.fields["twoWayKey"], far, "child")

    def problems(self, stack: Checked) -> Iterator[Diagnostic]:
        """One manyToMany between two collections; the mirror of a two-way one counts from the other side."""
        pairs: dict[tuple[str, frozenset[str]], Address] = {}
        for other in stack.desired.of_kind("relationship"):
            if other.fields["relationType"] != "manyToMany":
                continue
            database, owner, _ = other.address.parts
            first = pairs.setdefault((database, frozenset({owner, other.fields["relatedCollection"]})), other.address)
            if first != other.address and _counts_twice(stack.desired, first, other):
                message = (
                    f"a second manyToMany relationship beside {first}; Appwrite allows one between two collections"
                )
                yield Diagnostic(other.location, str(other.address), message)

    def as_written(self, name: str, value: Any, live: Live, beside: Beside) -> Any:  # noqa: ARG002
        return None if name == "two_way_key" and value == live.address.parts[1] else value

    def depends_on(
        self,
        address: Address,
        declared: Declared,
        resources: Mapping[Address, Resource],  # noqa: ARG002
    ) -> tuple[Address, ...]:
        """It needs both collections."""
        assert isinstance(declared, RelationshipDeclaration)
        database, collection, _ = address.parts
        both = (collection_address(database, collection), collection_address(database, declared.related))
        return tuple(dict.fromkeys(both))


KIND = Kind(
    name="relationship",
    stage=STAGES["relationship"],
    owner="collection",
    requests=_REQUESTS,
    parse=parse,
    in_place=IN_PLACE["relationship"],
    folded=column_name,
    claims=claims,
    is_column=True,
    leads_to=leads_to,
    surprises=surprises,
    linked_by=linked_by,
    is_read_by_code=True,
    is_async=True,
    rename=rename,
    loses=loses,
    listed="attributes",
    is_one=lambda raw: raw["type"] == "relationship",
    schema_places=written_places,
    routes=(
        "POST /databases/{databaseId}/collections/{collectionId}/attributes/relationship",
        # 1.9 and newer answer to both, and name only the second.
        "PATCH /databases/{databaseId}/collections/{collectionId}/attributes/{key}/relationship",
        "PATCH /databases/{databaseId}/collections/{collectionId}/attributes/relationship/{key}",
    ),
    left_out={
        **LEFT_OUT,
        "type": "of an answer: that it is a relationship",
        "required": "never true of one",
        "array": "never true of one",
        "side": "distinguishes it from its mirror, which is not a resource",
    },
    declaring=_Declaring("relationship", RelationshipDeclaration, "`collection.relationship(…)`"),
    terraform_types=("appwrite_tablesdb_column", "appwrite_database_column", "appwrite_column"),
    terraform_path=("database_id", "table_id", "key"),
)

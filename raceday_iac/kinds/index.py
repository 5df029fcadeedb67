"""Indexes. They cannot be updated: a change is delete and create, which loses no data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from ..model import limits
from ..model.address import Address, collection_address
from ..model.declarations import Declared, Id
from ..model.evidence import Ask, Question
from ..model.limits import column_name
from ..model.resource import Fields, Live, Resource, frozen
from .base import Call, Kind, Shape, as_call, of_its_collection
from .collection import LEFT_OUT, MAYBE, MEMBER, live_member
from .declaring import Beside, Called, Declaring
from .fields import IDENTITY, Wire, canonical, told
from .schema_rules import STAGES, create_request, index_fields, path_of

Type: TypeAlias = Literal["key", "unique", "fulltext", "spatial"]
Order: TypeAlias = Literal["ASC", "DESC"]
#: Where the server answers null for what is not said.
_ORDERS, _LENGTHS = (Wire(json=[(each, type(None))]) for each in (str, int))


class IndexDeclaration(Declared):
    """An index. `lengths` in characters, 0 = the whole attribute."""

    key: Annotated[Id, IDENTITY] = Field(init=False)
    type: Type = "key"
    attributes: tuple[str, ...] = Field(min_length=1)
    orders: Annotated[tuple[Order, ...], _ORDERS] = ()
    lengths: Annotated[tuple[int, ...], _LENGTHS] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        names = [name.lower() for name in self.attributes]
        if len(set(names)) != len(names):
            yield "an index names an attribute twice"
        if len(names) > limits.INDEX_ATTRIBUTES:
            yield f"names {len(names)} attributes, MariaDB takes {limits.INDEX_ATTRIBUTES} in an index"
        if limits.column_name(self.key) in limits.RESERVED_INDEXES:
            yield f"{self.key!r} is a name that Appwrite keeps for itself; choose another"
        if self.type == "spatial" and (len(names) != 1 or self.orders):
            yield "a spatial index is on exactly one attribute and has no orders"
        if len(self.lengths) > len(names):
            yield "an index has more lengths than attributes"
        if len(self.orders) > len(names):
            yield "an index has more orders than attributes"
        if any(length < 0 for length in self.lengths):
            yield "an index length cannot be negative"


def arguments(
    key: str, *attributes: str, type: Type = "key", orders: Sequence[Order] = (), lengths: Sequence[int] = ()
) -> Mapping[str, Any]:
    """How one is written: its attributes follow the key."""
    return locals()


SHAPE = Shape({**MEMBER, **told(IndexDeclaration)}, MAYBE)


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


class _Declaring(Declaring):
    def fields(self, declared: Declared, address: Address, resources: Mapping[Address, Resource]) -> Fields:
        """With orders and lengths as the server keeps them."""
        assert isinstance(declared, IndexDeclaration)
        owner = collection_address(*address.parts[:2])
        named = {name: owner.child("attribute", name) for name in declared.attributes}
        arrays = {name for name, each in named.items() if each in resources and resources[each].fields["array"]}
        return index_fields(canonical(declared), arrays)

    def called(self, live: Live, beside: Beside) -> Called:
        """Its attributes follow its key."""
        said = dict(self.arguments(live, beside))
        attributes = said.pop("attributes")
        owner = collection_address(*live.address.parts[:2])
        return Called(live.address, self.kind, owner, (live.address.name, *attributes), said)

    def as_written(self, name: str, value: Any, live: Live, beside: Beside) -> Any:
        if name == "orders":
            return value if "DESC" in value else ()
        if name == "lengths":
            # The server itself gives array attributes their length (255); it may not be declared.
            owner = collection_address(*live.address.parts[:2])
            arrays = {each.address.name for each in beside.of("attribute", owner) if each.fields["array"]}
            pairs = zip(live.fields["attributes"], value, strict=True)
            lengths = [0 if each in arrays else length for each, length in pairs]
            return lengths if any(lengths) else ()
        return value

    def depends_on(self, address: Address, declared: Declared) -> tuple[Address, ...]:
        """Its attributes come first."""
        assert isinstance(declared, IndexDeclaration)
        owner = collection_address(*address.parts[:2])
        named = dict.fromkeys(name for name in declared.attributes if not name.startswith("$"))
        return (owner, *(owner.child("attribute", name) for name in named))


KIND = Kind(
    name="index",
    stage=STAGES["index"],
    plural="indexes",
    owner="collection",
    requests=_Requests(),
    parse=parse,
    is_async=True,
    folded=column_name,
    folded_away="case or dots",
    over=lambda fields: tuple(map(str, fields["attributes"])),
    over_renamed=over_renamed,
    is_read_by_code=True,
    goes_first=True,
    breaks_with_dependencies=True,
    asks_when_made=asks_when_made,
    listed="indexes",
    schema_places=of_its_collection,
    routes=("POST /databases/{databaseId}/collections/{collectionId}/indexes",),
    left_out={name: LEFT_OUT[name] for name in ("status", "error")},
    declaring=_Declaring("index", IndexDeclaration, "`collection.index(…)`"),
)

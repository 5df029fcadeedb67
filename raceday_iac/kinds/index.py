"""Indexes. They cannot be updated: a change is delete and create, which loses no data."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from ..model import limits
from ..model.address import Address, collection_address, owner_of
from ..model.declarations import Declared, Id, nearest
from ..model.evidence import Ask, Question
from ..model.limits import column_name
from ..model.resource import Desired, Diagnostic, Fields, Live, Resource, frozen
from ..model.server import ServerFacts
from . import schema_rules
from .base import Call, Kind, MemberRequests, Shape, of_its_collection, thaw
from .collection import INLINE_SINCE, LEFT_OUT, MAYBE, MEMBER, live_member, sides_of, table_bytes
from .fields import IDENTITY, Beside, Called, Checked, Declaring, Entry, Reading, Wire, Writing, answered, canonical
from .schema_rules import STAGES, index_fields, inline_index

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
            yield f"{self.key!r} is reserved by Appwrite; choose another"
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


SHAPE = Shape({**MEMBER, **answered(IndexDeclaration)}, MAYBE)


def parse(owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """An index as the server describes it, with its status."""
    return live_member("index", owner, raw, index_fields(raw))


class _Requests(MemberRequests):
    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        raise NotImplementedError("an index cannot be updated")


def inline(address: Address, fields: Fields, server: ServerFacts) -> Mapping[str, Any] | None:
    """From 1.9, where the collection is new. One over an array is refused there, as it is elsewhere."""
    return thaw(inline_index(address.name, fields)) if server.is_since(INLINE_SINCE) else None


def over_renamed(fields: Fields, old: str, new: str) -> Fields:
    """The fields after an attribute was renamed: the server renames it in its indexes, too."""
    return frozen({**fields, "attributes": tuple(new if key == old else key for key in fields["attributes"])})


def asks_when_made(address: Address, wanted: Fields, real: Mapping[Address, Live]) -> Iterator[Question]:
    """Appwrite does not build a unique index over values that occur twice. An attribute that is being made, as after a
    run that was killed, has no values yet, and documents cannot be asked for it."""
    *owner, _ = address.parts
    keys, collection = tuple(map(str, wanted["attributes"])), collection_address(*owner)
    needed = [Address("attribute", "/".join((*owner, key))) for key in keys if not key.startswith("$")]
    if wanted["type"] == "unique" and collection in real and all(_has_values(real.get(each)) for each in needed):
        yield Question(collection, Ask.DUPLICATES, keys)


def _has_values(attribute: Live | None) -> bool:
    return attribute is not None and attribute.status != "processing"


#: The first version of Appwrite that refuses an index over an array.
_NO_ARRAYS = "1.9.0"


def unsupported(wanted: Resource, desired: Desired, server: ServerFacts) -> Iterator[tuple[str, str]]:
    """Indexes over arrays: a newer server keeps those that it has and makes no others."""
    owner = owner_of(wanted.address)
    named = (owner.child("attribute", name) for name in wanted.fields["attributes"])
    arrays = [each.name for each in named if each in desired.resources and desired.resources[each].fields["array"]]
    if arrays and server.is_since(_NO_ARRAYS):
        yield (
            f"{server} cannot create an index over an array ({', '.join(arrays)}); it was possible before {_NO_ARRAYS}",
            "remove it from the stack; queries of the array work without it, and are slower",
        )


#: System attributes that can be indexed, and the bytes that they take.
_SYSTEM_BYTES = {"$id": 1020, "$createdAt": 7, "$updatedAt": 7}


def _one_index(
    desired: Desired,
    owner: Address,
    index: IndexDeclaration,
    broken: Collection[Address],
) -> Iterator[str]:
    total = size_in_bytes = arrays = 0
    for position, name in enumerate(index.attributes):
        if name in _SYSTEM_BYTES:
            total += schema_rules.SYSTEM_LENGTHS[name]
            size_in_bytes += _SYSTEM_BYTES[name]
            continue
        if owner.child("attribute", name) in broken:
            continue
        if owner.child("relationship", name) in desired.resources:
            yield f"{name!r} is a relationship, and those cannot be indexed"
            continue
        found = desired.resources.get(owner.child("attribute", name))
        if found is None:
            keys = [resource.address.name for resource in desired.below(owner, "attribute")]
            yield f"unknown attribute {name!r}{nearest(name, keys)}"
            continue
        attribute = found.fields
        arrays += attribute["array"]
        length = index.lengths[position] if position < len(index.lengths) else 0
        size = schema_rules.characters(attribute)
        if length and not size:
            yield f"a length is only for text, {name!r} is {attribute['type']}"
        elif length > size:
            yield f"length {length} of {name!r} is above its size {size}"
        total += schema_rules.length_in_index(attribute, length)
        size_in_bytes += 4 * schema_rules.text_in_index(attribute, length) or table_bytes(attribute)
        yield from _type_problems(index.type, name, attribute)
    if index.type in ("key", "unique"):
        yield from _length_problems(total, size_in_bytes)
    if arrays > 1:
        yield "has more than one array attribute"


def _length_problems(characters: int, size_in_bytes: int) -> Iterator[str]:
    if characters > limits.INDEX_LENGTH:
        yield f"is {characters} characters long, Appwrite allows {limits.INDEX_LENGTH}; give lengths"
    elif size_in_bytes > limits.INDEX_BYTES:
        yield (
            f"is {size_in_bytes} bytes long (4 for a character), MariaDB allows {limits.INDEX_BYTES}, and the index "
            "would fail; give lengths"
        )


def _type_problems(index: str, key: str, attribute: Fields) -> Iterator[str]:
    if index == "fulltext" and not schema_rules.characters(attribute):
        yield f"a fulltext index needs text, {key!r} is {attribute['type']}"
    if (index == "spatial") != (attribute["type"] in schema_rules.SHAPES):
        yield f"a {index} index cannot be on {key!r}, which is {attribute['type']}"
    elif index == "spatial" and not attribute["required"]:
        yield f"a spatial index needs a required attribute, {key!r} is optional"
    if index in ("fulltext", "unique") and attribute["array"]:
        yield f"a {index} index cannot be on the array {key!r}"


def _is_order(given: Any) -> bool:
    return given is None or str(given).upper() in ("ASC", "DESC")


def _is_length(given: Any) -> bool:
    return given is None or given >= 0


def _each(
    said: Entry, name: str, is_one: Callable[[Any], bool], other: Any, address: Address, reading: Reading
) -> Iterator[Any]:
    """What a file gives for each attribute; another value where it is none."""
    for number, given in enumerate(said[name]):
        if number >= len(said["attributes"]) or not is_one(given):
            reading.remark(address, f"{name}: {limits.shown(given)} is left out: it fits no attribute of the index")
        if number < len(said["attributes"]):
            yield given if is_one(given) else other


class _Declaring(Declaring):
    file_lists = ("indexes",)
    file_words: Mapping[str, str] = {"columns": "attributes"}

    file_kept = ("type",)

    def file_defaults(self, raw: Entry, address: Address) -> Mapping[str, Any]:  # noqa: ARG002
        return {"type": "key", "orders": [], "lengths": []}

    def read_file(self, raw: Entry, owner: tuple[str, ...], reading: Reading) -> Live | None:
        above = collection_address(*owner)
        said = reading.fitting(self, raw, above.child("index", raw["key"]))
        if said is None:
            return None
        found = {name: reading.resources.get(above.child("attribute", name)) for name in said["attributes"]}
        arrays = {name for name, live in found.items() if live and live.fields.get("array")}
        address = above.child("index", raw["key"])
        said["orders"] = list(_each(said, "orders", _is_order, "ASC", address, reading))
        said["lengths"] = list(_each(said, "lengths", _is_length, 0, address, reading))
        return live_member("index", owner, {"key": raw["key"]}, index_fields(said, arrays))

    def write_file(self, resource: Resource, desired: Desired, to: Writing) -> dict[str, Any]:  # noqa: ARG002
        # No version of that command line knows lengths (25.1.0 refuses them).
        fields = {name: each for name, each in thaw(resource.fields).items() if name != "lengths"}
        return {"key": resource.address.name, **fields}

    def lost_in_file(self, resource: Resource, desired: Desired, to: Writing) -> Iterator[str]:  # noqa: ARG002
        given = [length for length in resource.fields["lengths"] if length not in (0, limits.ARRAY_INDEX_LENGTH)]
        if given:
            yield f"its lengths cannot be written to this format: {', '.join(map(str, resource.fields['lengths']))}"

    def problems(self, stack: Checked) -> Iterator[Diagnostic]:
        """Too many of them, and attributes that an index cannot be over."""
        for collection in stack.desired.of_kind("collection"):
            indexes = stack.desired.below(collection.address, "index")
            by_relationships = sides_of(stack.desired, collection.address).indexes
            if len(indexes) + by_relationships > limits.INDEXES:
                message = f"has {len(indexes)} indexes; at most {limits.INDEXES} fit"
                if by_relationships:
                    message = (
                        f"has {len(indexes)} indexes and {by_relationships} that relationships add; "
                        f"at most {limits.INDEXES} fit together"
                    )
                yield Diagnostic(collection.location, str(collection.address), message)
            for resource in indexes:
                index = stack.members[resource.address]
                assert isinstance(index, IndexDeclaration)
                for message in _one_index(stack.desired, collection.address, index, stack.broken):
                    yield Diagnostic(resource.location, str(resource.address), message)

    def fields(self, declared: Declared, address: Address, resources: Mapping[Address, Resource]) -> Fields:
        """With orders and lengths as the server keeps them."""
        assert isinstance(declared, IndexDeclaration)
        owner = owner_of(address)
        named = {name: owner.child("attribute", name) for name in declared.attributes}
        arrays = {name for name, each in named.items() if each in resources and resources[each].fields["array"]}
        return index_fields(canonical(declared), arrays)

    def called(self, live: Live, beside: Beside) -> Called:
        """Its attributes follow its key."""
        said = dict(self.arguments(live, beside))
        attributes = said.pop("attributes")
        owner = owner_of(live.address)
        return Called(live.address, self.kind, owner, (live.address.name, *attributes), said)

    def as_written(self, name: str, value: Any, live: Live, beside: Beside) -> Any:
        if name == "orders":
            return value if "DESC" in value else ()
        if name == "lengths":
            # The server itself gives array attributes their length (255); it may not be declared.
            owner = owner_of(live.address)
            arrays = {each.address.name for each in beside.of("attribute", owner) if each.fields["array"]}
            pairs = zip(live.fields["attributes"], value, strict=True)
            lengths = [0 if each in arrays else length for each, length in pairs]
            return lengths if any(lengths) else ()
        return value

    def depends_on(
        self,
        address: Address,
        declared: Declared,
        resources: Mapping[Address, Resource],  # noqa: ARG002
    ) -> tuple[Address, ...]:
        """Its attributes come first."""
        assert isinstance(declared, IndexDeclaration)
        owner = owner_of(address)
        named = dict.fromkeys(name for name in declared.attributes if not name.startswith("$"))
        return (owner, *(owner.child("attribute", name) for name in named))


KIND = Kind(
    name="index",
    stage=STAGES["index"],
    plural="indexes",
    owner="collection",
    is_detail=True,
    requests=_Requests("index", SHAPE),
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
    unsupported=unsupported,
    inline=inline,
    listed="indexes",
    listed_item=SHAPE,
    schema_places=of_its_collection,
    routes=("POST /databases/{databaseId}/collections/{collectionId}/indexes",),
    left_out={name: LEFT_OUT[name] for name in ("status", "error")},
    declaring=_Declaring("index", IndexDeclaration, "`collection.index(…)`"),
    terraform_types=("appwrite_tablesdb_index", "appwrite_database_index", "appwrite_index"),
    terraform_path=("database_id", "table_id", "key"),
)

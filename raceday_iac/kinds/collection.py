"""Collections: name, permissions and switches. What they hold has kinds of its own."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from ..model import limits
from ..model.address import Address, collection_address, database_address
from ..model.declarations import Declared, Id, Name, Permissions, unknown_permissions
from ..model.evidence import Ask, Question
from ..model.resource import Desired, Diagnostic, Fields, Live, Resource, frozen
from ..model.validators import id_problem, role_of_today
from . import database, schema_rules
from .base import Call, Kind, Shape, Wanted, as_call, is_instant, of_its_collection, thaw, with_carried
from .fields import IDENTITY, Checked, Declaring, Entry, Reading, Wire, Writing, answered, canonical, carried
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
    permissions: Annotated[Permissions, Wire(answer="$permissions", doubts=unknown_permissions)] = ()
    document_security: bool = False
    enabled: bool = True


_LEFT_OUT = {
    "databaseId": "part of the address",
    "attributes": "kinds of their own",
    "indexes": "a kind of their own",
    "purge": "an order to clear a cache, not a setting",
    **dict.fromkeys(("bytesMax", "bytesUsed"), "computed by Appwrite; the row width is checked before"),
}
#: What it holds has shapes of its own.
SHAPE = Shape({"$id": str, "databaseId": str, **answered(CollectionDeclaration)})
#: What attributes, relationships and indexes have in common.
MEMBER: Mapping[str, Wanted] = {"key": str, "type": str, "status": str}
#: The first version of Appwrite that makes a collection with attributes and indexes by one request.
INLINE_SINCE = "1.9.0"
#: What of those is not declared.
LEFT_OUT = {
    "status": "the status of the last write, which raceday-iac waits for",
    "error": "answered when a write failed",
    "newKey": "sent by a rename",
}
MAYBE: Mapping[str, Wanted] = {"$updatedAt": is_instant, "error": str}


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A collection as the server describes it."""
    address = collection_address(str(raw["databaseId"]), str(raw["$id"]))
    kept = carried((CollectionDeclaration,), (), _LEFT_OUT, raw)
    return Live(address, frozen(collection_fields(raw)), str(raw["$id"]), kept)


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


def making_again(collection: Address) -> str:
    """What to do about a collection whose schema Appwrite has broken."""
    return (
        "only a new collection repairs this. Copy its documents if you need them, then: "
        f"raceday-iac apply --replace {collection} (the plan shows what is lost with it, and how to allow that)"
    )


def unknown_to_documents(collection: Address, keys: Sequence[str]) -> str:
    """The message for keys that Appwrite lists but has lost in its internal copy of the schema, which checks
    documents."""
    named = ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
    return (
        f"{collection} is broken: Appwrite lists {named} as available, but refuses documents with it: its "
        "internal copy of the schema, which documents are checked against, does not have it"
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
        return with_carried(as_call(update_request("collection", address.parts, fields, live.fields), SHAPE), live)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", collection_path(address))

    def read(self, address: Address) -> Call:
        return Call("get", collection_path(address), answer=SHAPE)


def loses(live: Live) -> Iterator[Question]:
    """Its documents, and what lies in it without being ours."""
    yield Question(live.address, Ask.DOCUMENTS)
    yield Question(live.address, Ask.UNMANAGED)


@dataclass(frozen=True)
class Sides:
    """What relationships put into a collection, its own and those of others that point to it: attributes, hidden ones
    too; columns; and indexes that Appwrite adds by itself (utopia-php/database 3.5.0, createRelationship)."""

    attributes: int = 0
    columns: int = 0
    indexes: int = 0


def sides_of(desired: Desired, collection: Address) -> Sides:
    attributes = columns = indexes = 0
    for each in desired.of_kind("relationship"):
        kind, two_way = each.fields["relationType"], each.fields["twoWay"]
        owner, related = each.address.parts[:2], (each.address.parts[0], each.fields["relatedCollection"])
        # The column is on the side of the one; a oneToOne has one on its own side, and another where it is two-way.
        if collection.parts == owner:
            attributes += 1
            columns += kind in ("oneToOne", "manyToOne")
            indexes += kind in ("oneToOne", "manyToOne")
        if collection.parts == related:
            # Of a one-way relationship with itself only one side is counted.
            attributes += two_way or owner != related
            columns += kind == "oneToMany" or (kind == "oneToOne" and two_way)
            indexes += kind == "oneToMany" or (kind == "oneToOne" and two_way)
    return Sides(attributes, columns, indexes)


def _repeated_keys(desired: Desired, collection: Resource, own: Sequence[Resource]) -> Iterator[Diagnostic]:
    """Keys are compared as the columns they become, and share one space with the far sides of relationships.

    A one-way relationship has a far side as well: the data knows it, and takes an attribute of that key out of every
    answer (utopia-php/database, populateDocumentRelationships; the library of 1.8.1)."""
    seen: dict[str, Address] = {}
    for resource in own:
        key = resource.address.name
        first = seen.setdefault(limits.column_name(key), resource.address)
        if first != resource.address:
            yield Diagnostic(
                resource.location, str(resource.address), f"its key clashes with {first} {_why(first, key)}"
            )
    for other in desired.of_kind("relationship"):
        related = (other.address.parts[0], other.fields["relatedCollection"])
        if collection.address != collection_address(*related):
            continue
        key = str(other.fields["twoWayKey"])
        if limits.column_name(key) in seen:
            first = seen[limits.column_name(key)]
            message = f"two_way_key {key!r} clashes with {first}"
            if not other.fields["twoWay"]:
                message += " (the far side of a one-way relationship is hidden, but its key is taken)"
            elif key.lower() != first.name.lower():
                message += f" {_why(first, key)}"
            yield Diagnostic(other.location, str(other.address), message)
        seen[limits.column_name(key)] = other.address


def _why(first: Address, key: str) -> str:
    if first.name.lower() == key.lower():
        return "(keys are compared without case)"
    return "(Appwrite leaves dots out of the names of columns)"


def _width_problems(collection: Resource, attributes: Sequence[Resource], sides: Sides) -> Iterator[Diagnostic]:
    fields = [each.fields for each in attributes]
    columns = len(fields) + sides.attributes
    if columns > limits.COLUMNS:
        message = f"has {columns} attributes; at most {limits.COLUMNS} fit; split the collection"
        yield Diagnostic(collection.location, str(collection.address), message)
    width = (
        limits.ROW_WIDTH_BASE
        + sides.attributes * schema_rules.RELATIONSHIP_WIDTH
        + sum(map(schema_rules.attribute_width, fields))
    )
    if width >= limits.ROW_WIDTH:
        message = f"a row would be {width} bytes wide, Appwrite allows less than {limits.ROW_WIDTH}"
        yield Diagnostic(collection.location, str(collection.address), f"{message}; {_row_advice(attributes)}")
        return
    nullable = (
        3 + sides.columns + sum(not (each["required"] and each["type"] in schema_rules.SHAPES) for each in fields)
    )
    in_table = 1055 + -(-nullable // 8) + sides.columns * 1022 + sum(map(table_bytes, fields))
    if in_table > limits.TABLE_ROW_BYTES:
        message = f"a row would be {in_table} bytes wide, MariaDB allows {limits.TABLE_ROW_BYTES}"
        yield Diagnostic(collection.location, str(collection.address), f"{message}; {_row_advice(attributes)}")
    in_page = 82 + -(-nullable // 8) + sides.columns * _OUTSIDE + sum(map(_page_bytes, fields))
    if in_page > limits.PAGE_ROW_BYTES:
        message = (
            f"a row would take {in_page} bytes of a page, MariaDB allows {limits.PAGE_ROW_BYTES}, and further "
            f"attributes would fail; give short strings a size of {_SHORTEST_OUTSIDE} characters or more (they take "
            f"{_OUTSIDE} bytes then), or split the collection"
        )
        yield Diagnostic(collection.location, str(collection.address), message)


def _row_advice(attributes: Sequence[Resource]) -> str:
    widest = max(attributes, key=lambda each: schema_rules.attribute_width(each.fields), default=None)
    if widest is None:
        return f"a relationship takes {schema_rules.RELATIONSHIP_WIDTH}"
    return (
        f"the widest attribute is {widest.address.name} with {schema_rules.attribute_width(widest.fields)} "
        f"(a string above {limits.LONGEST_VARCHAR} characters takes only 20)"
    )


#: Bytes in the page of what lies outside of it, and the shortest text that does.
_OUTSIDE, _SHORTEST_OUTSIDE = 21, 64
_FIXED_BYTES = {"float": 8, "bigint": 8, "boolean": 1, "datetime": 7}


def table_bytes(attribute: Fields) -> int:
    """Bytes of a row as MariaDB counts them (10.11, tried: CREATE TABLE and ALTER TABLE at the limit)."""
    if attribute["array"] or attribute["type"] in schema_rules.SHAPES:
        return 12
    if attribute["type"] == "integer":
        return schema_rules.integer_bytes(attribute["max"])
    if attribute["type"] in _FIXED_BYTES:
        return _FIXED_BYTES[attribute["type"]]
    size = schema_rules.characters(attribute)
    if size > limits.LONGEST_VARCHAR:
        return 10 if size <= 65_535 else 11 if size <= 16_777_215 else 12
    return 4 * size + (1 if 4 * size <= 255 else 2)


def _page_bytes(attribute: Fields) -> int:
    """Bytes of a row that lie in the page (InnoDB of MariaDB 10.11, row format DYNAMIC; tried as above)."""
    size = schema_rules.characters(attribute)
    is_outside = attribute["array"] or attribute["type"] in schema_rules.SHAPES or size >= _SHORTEST_OUTSIDE
    return _OUTSIDE if is_outside else table_bytes(attribute)


def _of_today(raw: Entry, address: Address, reading: Reading) -> Entry:
    """With permissions as they are since Appwrite 1.0. `permission` said whether those of the collection count, or
    those of its documents."""
    old = {name: raw[name] for name in ("permission", "$read", "$write") if name in raw}
    if not old or raw.get("$permissions") is not None:
        return raw
    rest = {name: value for name, value in raw.items() if name not in old}
    if raw.get("permission") == "document":
        reading.remark(
            address, "permission: document becomes document_security=True; with it, $read and $write had no effect"
        )
        return {**rest, "documentSecurity": True}
    reading.remark(address, f"{', '.join(old)} become permissions")
    said = [(verb, raw.get(f"${verb}")) for verb in ("read", "write")]
    roles = [(verb, str(role)) for verb, names in said if isinstance(names, list) for role in names]
    permissions = [f'{verb}("{role_of_today(role)}")' for verb, role in roles]
    return {**rest, "$permissions": permissions, "documentSecurity": False}


class _Declaring(Declaring):
    file_lists = ("collections", "tables")
    file_words: Mapping[str, str] = {"columns": "attributes", "rowSecurity": "documentSecurity"}

    file_silent = Declaring.file_silent | {"databaseId", "attributes", "indexes"}
    file_holds = ("attributes", "indexes")

    def file_defaults(self, raw: Entry, address: Address) -> Mapping[str, Any]:
        return {**super().file_defaults(raw, address), "$permissions": [], "documentSecurity": False, "enabled": True}

    def read_file(self, raw: Entry, owner: tuple[str, ...], reading: Reading) -> Live | None:
        if not isinstance(raw.get("databaseId"), str):
            reading.leave_out(self, raw, f"collection {raw['$id']}", "it does not say in which database it lies")
            return None
        if problem := id_problem(raw["databaseId"]):
            reading.leave_out(self, raw, f"collection {raw['$id']}", f"its databaseId {problem}")
            return None
        address = collection_address(raw["databaseId"], raw["$id"])
        above = database_address(raw["databaseId"])
        if above not in reading.resources:
            reading.remark(above, "the file has only collections of this database; its id is used as its name")
            reading.resources[above] = database.parse((), {"$id": above.path, "name": above.path, "enabled": True})
        said = reading.fitting(self, _of_today(raw, address, reading), address)
        return parse(owner, {**raw, **said}) if said is not None else None

    def write_file(self, resource: Resource, desired: Desired, to: Writing) -> dict[str, Any]:  # noqa: ARG002
        database, id = resource.address.parts
        fields = thaw(resource.fields)
        return {
            "$id": id,
            "$permissions": fields["permissions"],
            "databaseId": database,
            **{name: fields[name] for name in ("name", "enabled", "documentSecurity")},
        }

    def problems(self, stack: Checked) -> Iterator[Diagnostic]:
        """Keys that clash, and rows that are too wide."""
        for collection in stack.desired.of_kind("collection"):
            attributes = stack.desired.below(collection.address, "attribute")
            relationships = stack.desired.below(collection.address, "relationship")
            yield from _repeated_keys(stack.desired, collection, attributes + relationships)
            yield from _width_problems(collection, attributes, sides_of(stack.desired, collection.address))

    def fields(self, declared: Declared, address: Address, resources: Mapping[Address, Resource]) -> Fields:  # noqa: ARG002
        """With its permissions spelled out."""
        return collection_fields(canonical(declared))


def _reached_through(fields: Fields) -> frozenset[str]:
    return frozenset({"databases", "tablesdb"} if fields["permissions"] or fields["documentSecurity"] else ())


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
    reached_through=_reached_through,
    schema_places=of_its_collection,
    routes=(
        "POST /databases/{databaseId}/collections",
        "PUT /databases/{databaseId}/collections/{collectionId}",
    ),
    left_out=_LEFT_OUT,
    declaring=_Declaring("collection", CollectionDeclaration, "`database.collection(…)`"),
    terraform_types=("appwrite_tablesdb_table", "appwrite_database_table", "appwrite_table"),
    terraform_path=("database_id", "id"),
)

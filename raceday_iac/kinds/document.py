"""Documents that a project cannot do without: settings, categories, and the like. All other documents are data.

One is owned by its id. Only what is declared of it is compared and written; the rest of it, and every other document,
is left alone. It is read by its id, never by going through a collection.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SkipValidation

from ..model import limits, validators
from ..model.address import Address, collection_address, owner_of
from ..model.declarations import Declared, Id, all_valid
from ..model.evidence import Ask, Question
from ..model.resource import Diagnostic, Fields, Live, Resource, frozen
from .base import Call, Kind, Reference, Shape, is_instant, thaw
from .fields import IDENTITY, Checked, Declaring, Local, Wire, as_set
from .schema_rules import canonical_instant

SHAPE = Shape({"$id": str, "$permissions": [str]}, {"$updatedAt": is_instant})
PERMISSIONS = "$permissions"
_PERMISSION = re.compile(limits.PERMISSION.pattern)
#: What `write` means for one document.
_WRITES = ("update", "delete")


def _allowed(value: Sequence[str] | None) -> Sequence[str] | None:
    for each in all_valid(value or (), validators.permission_problem):
        if each.startswith("create("):
            raise ValueError(f"{each}: the permission to create belongs to the collection, not to a document")
    return value


def _spelled_out(value: Sequence[str]) -> tuple[str, ...]:
    found = [match.groups() for match in map(_PERMISSION.fullmatch, value) if match]
    pairs = [(each, role) for action, role in found for each in (_WRITES if action == "write" else (action,))]
    return as_set([f'{action}("{role}")' for action, role in pairs])


class DocumentDeclaration(Declared):
    """A document of a collection, for the few that configuration needs. Its keys are those of the collection; what is
    not named is left as it is. A relationship that leads to one document takes the id of one that the stack declares;
    one that leads to a list of them is not set by a document."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    data: Annotated[SkipValidation[Mapping[str, Any]], Local("in place")] = Field(init=False)
    permissions: Annotated[
        Sequence[str] | None,
        AfterValidator(_allowed),
        Wire(name=PERMISSIONS, request="permissions", is_set=True, canonical=_spelled_out, is_left=True),
    ] = None


def parse(owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A document as the server has it, with all its values."""
    address = collection_address(*owner).child("document", str(raw["$id"]))
    fields = {name: _plain(value) for name, value in raw.items() if not name.startswith("$")}
    fields[PERMISSIONS] = as_set(raw[PERMISSIONS])
    return Live(address, frozen(fields), str(raw["$id"]), updated_at=str(raw.get("$updatedAt") or ""))


def _plain(value: Any) -> Any:
    """A document that a relationship leads to is its id, also where the answer to a write shows all of it. An id that
    no document has leads to nothing (1.8.1)."""
    if isinstance(value, Mapping):
        return value.get("$id")
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class _Link:
    """A relationship as the documents of one of its sides see it: the type from there, the key of the other side
    (empty where that has none), and the collection there."""

    relationship: Address
    type: str
    back: str
    leads_to: Address
    #: Whether both sides are one collection, and this is the side that declares it. Documents do not know its key
    #: there, only that of the other side (1.8.1).
    is_unknown: bool = False

    @property
    def is_single(self) -> bool:
        return self.type in ("oneToOne", "manyToOne")


_SEEN_FROM_AFAR = {"oneToMany": "manyToOne", "manyToOne": "oneToMany"}


def _link(owner: Address, key: str, resources: Mapping[Address, Resource] | Mapping[Address, Live]) -> _Link | None:
    """The relationship of that key, which may be declared on either side."""
    near = owner.child("relationship", key)
    if near in resources:
        fields = resources[near].fields
        back = str(fields["twoWayKey"]) if fields["twoWay"] else ""
        there = collection_address(owner.parts[0], str(fields["relatedCollection"]))
        return _Link(near, str(fields["relationType"]), back, there, is_unknown=there == owner)
    for address, each in resources.items():
        if address.kind == "relationship" and each.fields["twoWay"] and each.fields["twoWayKey"] == key:
            there = owner_of(address)
            if collection_address(there.parts[0], str(each.fields["relatedCollection"])) == owner:
                kind = str(each.fields["relationType"])
                return _Link(address, _SEEN_FROM_AFAR.get(kind, kind), address.name, there)
    return None


def refers_to(address: Address, fields: Fields, real: Mapping[Address, Live]) -> Iterator[Reference]:
    """Live documents that it leads to."""
    owner = owner_of(address)
    for key, value in fields.items():
        if isinstance(value, str) and not key.startswith("$") and owner.child("attribute", key) not in real:
            link = _link(owner, key, real)
            if link is not None and link.is_single:
                is_kept = real[link.relationship].fields["onDelete"] == "restrict"
                yield Reference(key, link.relationship, link.leads_to.child("document", value), is_kept)


class _Requests:
    def _list(self, address: Address) -> str:
        database, collection, _ = address.parts
        return f"/databases/{database}/collections/{collection}/documents"

    def _body(self, fields: Fields) -> dict[str, Any]:
        said = thaw(fields)
        permissions = {"permissions": said.pop(PERMISSIONS)} if PERMISSIONS in said else {}
        return {"data": said, **permissions}

    def create(self, address: Address, fields: Fields) -> Call:
        return Call("post", self._list(address), {"documentId": address.name, **self._body(fields)}, SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:  # noqa: ARG002 - the rest stays by itself
        return Call("patch", f"{self._list(address)}/{address.name}", self._body(fields), SHAPE)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", f"{self._list(address)}/{address.name}")

    def read(self, address: Address) -> Call:
        return Call("get", f"{self._list(address)}/{address.name}", answer=SHAPE)


def _canonical(column: Fields, value: Any) -> Any:
    """A value as the server answers it."""
    if isinstance(value, list | tuple):
        return tuple(_canonical(column, each) for each in value)
    is_instant_of_ours = column.get("type") == "datetime" and validators.is_instant(value)
    return canonical_instant(value) if is_instant_of_ours else value


class _Declaring(Declaring):
    def fields(self, declared: Declared, address: Address, resources: Mapping[Address, Resource]) -> Fields:
        assert isinstance(declared, DocumentDeclaration)
        owner, found = owner_of(address), super().fields(declared, address, resources)
        columns = {key: resources.get(owner.child("attribute", key)) for key in declared.data}
        said = {key: _canonical(column.fields if column else {}, declared.data[key]) for key, column in columns.items()}
        return frozen({**said, **found})

    def depends_on(
        self, address: Address, declared: Declared, resources: Mapping[Address, Resource]
    ) -> tuple[Address, ...]:
        """It depends on the keys that it has values for, and on the documents that it refers to."""
        assert isinstance(declared, DocumentDeclaration)
        owner = owner_of(address)
        found: list[Address] = [owner]
        for key, value in declared.data.items():
            column = owner.child("attribute", key)
            link = None if column in resources else _link(owner, key, resources)
            found.append(link.relationship if link is not None else column)
            other = link.leads_to.child("document", value) if link is not None and is_id(value) else address
            if link is not None and link.is_single and other != address:
                found.append(other)
        return tuple(found)

    def problems(self, stack: Checked) -> Iterator[Diagnostic]:
        """Keys that the collection does not have, and values that it would not take."""
        for resource in stack.desired.of_kind(self.kind):
            owner, data = owner_of(resource.address), resource.fields
            columns = {each.address.name: each.fields for each in stack.desired.below(owner, "attribute")}
            others = (key for key in data if key not in columns and key != PERMISSIONS)
            links = {key: _link(owner, key, stack.desired.resources) for key in others}
            for problem in (*_problems(data, columns, links), *_circles(resource, stack.desired.resources)):
                yield Diagnostic(resource.location, str(resource.address), problem)


def is_id(value: Any) -> bool:
    return isinstance(value, str) and limits.CUSTOM_ID.fullmatch(value) is not None


def _circles(resource: Resource, resources: Mapping[Address, Resource]) -> Iterator[str]:
    """None of them could be written first."""
    seen = {resource.address}
    ways: list[tuple[Address, ...]] = [(resource.address,)]
    while ways:
        way = ways.pop()
        for each in resources[way[-1]].depends_on if way[-1] in resources else ():
            if each == resource.address:
                yield f"it refers to itself through {', '.join(map(str, way[1:]))}; leave one of these keys out"
                return
            if each.kind == resource.address.kind and each not in seen:
                seen.add(each)
                ways.append((*way, each))


def _problems(data: Fields, columns: Mapping[str, Fields], links: Mapping[str, _Link | None]) -> Iterator[str]:
    for key, value in data.items():
        if key in columns:
            yield from (f"{key}: {each}" for each in _misfits(columns[key], value))
        elif (link := links.get(key)) is not None:
            yield from _misfits_of_link(key, link, value)
        elif key != PERMISSIONS:
            yield f"its collection has no attribute {key!r}"
    for key, column in columns.items():
        if column["required"] and key not in data:
            yield f"{key} is missing, but its collection requires it"


def _misfits_of_link(key: str, link: _Link, value: Any) -> Iterator[str]:
    """Appwrite keeps an id with the side that leads to one document, and takes any there (1.8.1). What a side leads to
    that has a list, a document does not even show."""
    if link.is_unknown:
        where = "declare it as a two-way oneToMany, and set its two_way_key"
        yield f"{key} refers to its own collection, whose documents know only the key of the other side; {where}"
    elif link.is_single:
        if value is not None and not is_id(value):
            yield f"{key}: it refers to one document of {link.leads_to}; write the id of that document"
    elif link.type == "manyToMany":
        yield f"{key} is a manyToMany relationship: Appwrite shows its links in no document; write them by code"
    else:
        where = f"set {link.back} of each of them" if link.back else "make it two-way, and set the other side"
        yield f"{key} refers to a list of documents of {link.leads_to}: Appwrite stores the links there; {where}"


def _misfits(column: Fields, value: Any) -> Iterator[str]:
    """What is wrong with a value, before the server says it."""
    if value is None:
        if column["required"]:
            yield "it is required, and cannot be None"
        elif column.get("default") is not None:
            yield "Appwrite replaces None with the default; write the value that you want"
    elif not column["array"]:
        yield from _misfit(column, value)
    elif not isinstance(value, tuple):
        yield "a list is required"
    else:
        yield from (problem for each in value for problem in _misfit(column, each))


def _misfit(column: Fields, value: Any) -> Iterator[str]:
    kind, size = str(column["type"]), column.get("size")
    problem = validators.value_problem(kind, value)
    if problem:
        yield problem
    elif kind in ("string", "varchar") and size is not None and len(value) > size:
        yield f"{limits.shown(value)} is longer than the size {size}"
    elif kind == "enum" and value not in column["elements"]:
        yield f"{limits.shown(value)} is not one of {', '.join(column['elements'])}"
    elif any(
        bound is not None and sign * value > sign * bound
        for sign, bound in ((1, column.get("max")), (-1, column.get("min")))
    ):
        yield f"{value} is outside the bounds"


def loses(live: Live) -> Iterator[Question]:
    """Itself."""
    yield Question(live.address, Ask.DOCUMENTS)


KIND = Kind(
    name="document",
    stage=45,
    owner="collection",
    requests=_Requests(),
    parse=parse,
    unordered=frozenset({PERMISSIONS}),
    has_free_fields=True,
    is_document=True,
    plenty=300,
    is_read_by_code=True,
    refers_to=refers_to,
    loses=loses,
    routes=(
        "POST /databases/{databaseId}/collections/{collectionId}/documents",
        "PATCH /databases/{databaseId}/collections/{collectionId}/documents/{documentId}",
    ),
    left_out={
        "documents": "documents are written one by one",
        "data": "what the stack says of it, key by key",
        "transactionId": "documents are written one by one",
        "$sequence": "chosen by Appwrite",
        "$collectionId": "part of the address",
        "$databaseId": "part of the address",
    },
    declaring=_Declaring("document", DocumentDeclaration, "`collection.document(…)`"),
)

"""Documents that a project cannot do without: settings, categories, and the like. All other documents are data.

One is owned by its id. Only what is declared of it is compared and written; the rest of it, and every other document,
is left alone. It is read by its id, never by going through a collection.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SkipValidation

from ..model import limits, validators
from ..model.address import Address, collection_address, owner_of
from ..model.declarations import Declared, Id, all_valid
from ..model.evidence import Ask, Question
from ..model.resource import Diagnostic, Fields, Live, Resource, frozen
from .base import Call, Kind, Shape, is_instant, thaw
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
            raise ValueError(f"{each}: who may create is said of the collection, not of a document")
    return value


def _spelled_out(value: Sequence[str]) -> tuple[str, ...]:
    found = [match.groups() for match in map(_PERMISSION.fullmatch, value) if match]
    pairs = [(each, role) for action, role in found for each in (_WRITES if action == "write" else (action,))]
    return as_set([f'{action}("{role}")' for action, role in pairs])


class DocumentDeclaration(Declared):
    """A document of a collection, for the few that configuration needs. Its keys are those of the collection; what is
    not named is left as it is. Relationships are not set by it."""

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
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value


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
        said = {
            key: _canonical(column.fields, declared.data[key]) if column else _plain(declared.data[key])
            for key, column in columns.items()
        }
        return frozen({**said, **found})

    def depends_on(self, address: Address, declared: Declared) -> tuple[Address, ...]:
        """The keys that it has values of come first."""
        assert isinstance(declared, DocumentDeclaration)
        owner = owner_of(address)
        return (owner, *(owner.child("attribute", key) for key in declared.data))

    def problems(self, stack: Checked) -> Iterator[Diagnostic]:
        """Keys that the collection does not have, and values that it would not take."""
        for resource in stack.desired.of_kind(self.kind):
            owner, data = owner_of(resource.address), resource.fields
            columns = {each.address.name: each.fields for each in stack.desired.below(owner, "attribute")}
            relations = {each.address.name for each in stack.desired.below(owner, "relationship")}
            for problem in _problems(data, columns, relations):
                yield Diagnostic(resource.location, str(resource.address), problem)


def _problems(data: Fields, columns: Mapping[str, Fields], relations: set[str]) -> Iterator[str]:
    for key, value in data.items():
        if key in relations:
            yield f"{key} is a relationship, which a document of a stack does not set"
        elif key != PERMISSIONS and key not in columns:
            yield f"its collection has no attribute {key!r}"
        elif key in columns:
            yield from (f"{key}: {each}" for each in _misfits(columns[key], value))
    for key, column in columns.items():
        if column["required"] and key not in data:
            yield f"{key} is missing, which its collection requires"


def _misfits(column: Fields, value: Any) -> Iterator[str]:
    """What is wrong with a value, before the server says it."""
    if value is None:
        if column["required"]:
            yield "it is required, and cannot be None"
        elif column.get("default") is not None:
            yield "Appwrite puts the default in place of None; write the value that is meant"
    elif not column["array"]:
        yield from _misfit(column, value)
    elif not isinstance(value, tuple):
        yield "it is a list"
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
        yield f"{limits.shown(value)} is none of {', '.join(column['elements'])}"
    elif any(
        bound is not None and sign * value > sign * bound
        for sign, bound in ((1, column.get("max")), (-1, column.get("min")))
    ):
        yield f"{value} is outside of its bounds"


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
    loses=loses,
    routes=(
        "POST /databases/{databaseId}/collections/{collectionId}/documents",
        "PATCH /databases/{databaseId}/collections/{collectionId}/documents/{documentId}",
    ),
    left_out={
        "documents": "each is written by itself",
        "data": "what the stack says of it, key by key",
        "transactionId": "each is written by itself",
        "$sequence": "chosen by Appwrite",
        "$collectionId": "part of the address",
        "$databaseId": "part of the address",
    },
    declaring=_Declaring("document", DocumentDeclaration, "`collection.document(…)`"),
)

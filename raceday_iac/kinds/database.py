"""Databases."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from ..model.address import Address, database_address
from ..model.declarations import Declared, Id, Name
from ..model.evidence import Ask, Question
from ..model.resource import Fields, Live, frozen
from .base import Call, Kind, Shape, as_call, of_its_collection, with_carried
from .fields import IDENTITY, Declaring, answered, carried
from .schema_rules import IN_PLACE, STAGES, create_request, database_fields, update_request


class DatabaseDeclaration(Declared):
    """A database."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name
    enabled: bool = True


_LEFT_OUT = {
    "type": "which API created it; all databases are managed alike",
    "status": "of the main branch: whether Appwrite has set it up",
}
SHAPE = Shape({"$id": str, **answered(DatabaseDeclaration)})


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A database as the server describes it."""
    kept = carried((DatabaseDeclaration,), (), _LEFT_OUT, raw)
    return Live(database_address(str(raw["$id"])), frozen(database_fields(raw)), str(raw["$id"]), kept)


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        return as_call(create_request("database", address.parts, fields), SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        return with_carried(as_call(update_request("database", address.parts, fields, live.fields), SHAPE), live)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", f"/databases/{address.path}")

    def read(self, address: Address) -> Call:
        return Call("get", f"/databases/{address.path}", answer=SHAPE)


def loses(live: Live) -> Iterator[Question]:
    """Its documents, and what lies in it without being ours."""
    yield Question(live.address, Ask.DOCUMENTS)
    yield Question(live.address, Ask.UNMANAGED)


class _Declaring(Declaring):
    file_lists = ("databases", "tablesDB")
    file_holds = ("collections", "tables")


KIND = Kind(
    name="database",
    stage=STAGES["database"],
    tone="state",
    requests=_Requests(),
    parse=parse,
    in_place=IN_PLACE["database"],
    loses=loses,
    is_replaceable=False,
    is_read_by_code=True,
    holds_documents=True,
    is_listed_inside=True,
    schema_places=of_its_collection,
    routes=("POST /databases", "PUT /databases/{databaseId}"),
    left_out=_LEFT_OUT,
    declaring=_Declaring("database", DatabaseDeclaration, "`stack.database(…)`"),
    terraform_types=("appwrite_tablesdb", "appwrite_database"),
)

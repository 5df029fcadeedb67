"""Databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..model.address import Address, database_address
from ..model.evidence import Ask, Question
from ..model.resource import Fields, Live, frozen
from .base import Call, Kind, Shape, of_its_collection

SHAPE = Shape({"$id": str, "name": str, "enabled": bool})


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A database as the server describes it."""
    fields = {"name": str(raw["name"]), "enabled": bool(raw["enabled"])}
    return Live(database_address(str(raw["$id"])), frozen(fields), str(raw["$id"]))


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        return Call("post", "/databases", {"databaseId": address.path, **fields}, SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:  # noqa: ARG002
        return Call("put", f"/databases/{address.path}", dict(fields), SHAPE)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", f"/databases/{address.path}")

    def read(self, address: Address) -> Call:
        return Call("get", f"/databases/{address.path}", answer=SHAPE)


def loses(live: Live) -> Iterator[Question]:
    """Its documents, and what lies in it without being ours."""
    yield Question(live.address, Ask.DOCUMENTS)
    yield Question(live.address, Ask.UNMANAGED)


KIND = Kind(
    name="database",
    stage=10,
    tone="state",
    requests=_Requests(),
    parse=parse,
    in_place=frozenset({"name", "enabled"}),
    loses=loses,
    is_replaceable=False,
    is_read_by_code=True,
    holds_documents=True,
    is_listed_inside=True,
    schema_places=of_its_collection,
)

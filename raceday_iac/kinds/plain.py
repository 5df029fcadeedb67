"""Kinds that are nothing but fields: an id of our choice, a list of all, and requests that follow from the model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

from ..model import limits
from ..model.address import Address
from ..model.declarations import Declared, Permissions, Roles, unknown_permissions, unknown_roles
from ..model.evidence import Ask, Question
from ..model.resource import Fields, Live, frozen
from .base import Call, Contents, Danger, Kind, Listing, Shape, is_instant
from .fields import (
    Declaring,
    PlainRequests,
    Wire,
    as_set,
    body,
    carried,
    may_be_told,
    parsed,
    told,
    unordered,
    wire_fields,
)

#: A list that Appwrite means as a set.
SET = Wire(is_set=True, canonical=as_set)
#: Roles, which are a set.
ROLES = replace(SET, doubts=unknown_roles)
#: Who may do what, as a field: `write` is spelled out, as Appwrite stores it.
PermissionField: TypeAlias = Annotated[
    Permissions,
    Wire(
        answer="$permissions",
        canonical=limits.expand_permissions,
        send=lambda value: list(limits.pack_permissions(value)),
        doubts=unknown_permissions,
    ),
]
RoleField: TypeAlias = Annotated[Roles, ROLES]


class PatchedRequests(PlainRequests):
    """Those of a kind whose update changes only what it says."""

    def update(self, address: Address, fields: Fields, live: Live) -> Call:  # noqa: ARG002 - the rest stays by itself
        return Call("patch", self._path(address), body(self._model, fields), self._shape)


class PlainDeclaring(Declaring):
    """The language, and the entries of an `appwrite.json`: the id, and the fields as answers have them."""

    def __init__(
        self,
        kind: str,
        model: type[Declared],
        file_lists: tuple[str, ...],
        ignored: Collection[str],
        unsaid: Collection[str] = (),
    ) -> None:
        super().__init__(kind, model, f"`stack.{kind}(…)`")
        self.file_lists, self.file_silent = file_lists, Declaring.file_silent | frozenset(ignored)
        self.file_unsaid = frozenset(unsaid)
        self.file_words = {each.request: each.answer for each in wire_fields(model) if each.request != each.answer}


def plain_kind(
    name: str,
    model: type[Declared],
    path: str,
    *,
    stage: int,
    update: str = "put",
    plural: str = "",
    absent: str = "",
    contents: Contents | None = None,
    left_out: Mapping[str, str] | None = None,
    dangers: tuple[Danger, ...] = (),
    file_lists: tuple[str, ...] = (),
    file_unsaid: Collection[str] = (),
    tone: str = "state",
    since: str = "",
    is_read_by_code: bool = False,
    is_server_wide: bool = False,
    terraform_types: tuple[str, ...] = (),
) -> Kind:
    """A kind whose resources lie nowhere. `path` is the route of their list, `update` the method that changes one:
    `put` replaces it, and what it does not say is sent back as it was; `patch` leaves that as it is. `file_unsaid` are
    fields that the files of Appwrite's command line do not have."""
    plural, left_out = plural or f"{name}s", left_out or {}
    id_parameter = f"{name}Id"
    shape = Shape({"$id": str, **told(model)}, {**may_be_told(model), "$updatedAt": is_instant})

    def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
        identity = str(raw["$id"])
        kept = carried((model,), (), left_out, raw)
        updated_at = str(raw.get("$updatedAt") or "")
        return Live(Address(name, identity), frozen(parsed(model, raw)), identity, kept, updated_at=updated_at)

    def loses(live: Live) -> Iterator[Question]:
        if contents is not None:
            yield Question(live.address, Ask.CONTENTS)

    requests = PlainRequests if update == "put" else PatchedRequests
    return Kind(
        name=name,
        stage=stage,
        plural=plural,
        absent=absent,
        tone=tone,
        requests=requests(model, lambda _address: path, id_parameter, shape),
        parse=parse,
        unordered=unordered(model),
        in_place=frozenset(each.name for each in wire_fields(model)),
        loses=loses,
        contents=contents,
        listing=Listing(path, plural, shape),
        since=since,
        is_read_by_code=is_read_by_code,
        is_server_wide=is_server_wide,
        routes=(f"POST {path}", f"{update.upper()} {path}/{{{id_parameter}}}"),
        left_out=left_out,
        declaring=PlainDeclaring(name, model, file_lists, left_out, file_unsaid),
        dangers=dangers,
        terraform_types=terraform_types,
    )


def granted(permissions: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """What each role may do, by role."""
    found: dict[str, list[str]] = {}
    for match in filter(None, map(limits.PERMISSION.fullmatch, permissions)):
        found.setdefault(match[2], []).append(match[1])
    yield from sorted(found.items())

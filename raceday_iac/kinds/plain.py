"""Kinds that are nothing but fields: an id of our choice, a list of all, and requests that follow from the model."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, TypeAlias

from ..model import limits
from ..model.address import Address
from ..model.declarations import Declared, Permissions, unknown_permissions, unknown_roles
from ..model.evidence import Ask, Question
from ..model.resource import Fields, Live, Resource, frozen
from ..model.secret import Secret
from .base import Call, Contents, Danger, Kind, Listing, Reached, Shape, by_nobody, is_instant, with_carried
from .fields import (
    Declaring,
    PlainRequests,
    Wire,
    answered,
    as_set,
    body,
    canonical,
    carried,
    may_be_answered,
    parsed,
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


class Typed(Declared):
    """One of a kind that has types: a model for each, and a method of the stack."""

    type: ClassVar[str] = ""

    @classmethod
    def written(cls, arguments: Mapping[str, Any], owner: tuple[str, ...]) -> dict[str, Any]:
        return {**super().written(arguments, owner), "type": cls.type}


class TypedDeclaring(Declaring):
    """The language of a kind that has types. The type is a field as well, and no update can change it. Files of
    Appwrite's command line have none of these kinds."""

    def __init__(self, kind: str, base: type[Typed], *models: type[Typed]) -> None:
        super().__init__(kind, base, f"`stack.{models[0].type}_{kind}(…)` and the like, one for each type")
        self._models = {each.type: each for each in models}

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(self._models)

    @property
    def models(self) -> tuple[type[Declared], ...]:
        return tuple(self._models.values())

    def model_of(self, arguments: Mapping[str, Any]) -> type[Declared]:
        return self._models.get(str(arguments["type"]), self.model)

    def checked(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: value for name, value in arguments.items() if name != "type"}

    def fields(self, declared: Declared, address: Address, resources: Mapping[Address, Resource]) -> Fields:  # noqa: ARG002
        assert isinstance(declared, Typed)
        return {"type": declared.type, **canonical(declared)}

    def method(self, live: Live) -> str:
        kind = str(live.fields["type"])
        if kind not in self._models:
            raise ValueError(f"the stack language has no {self.kind}s of type {kind!r}")
        return f"{kind}_{self.kind}"


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
    made_secret: str = "",
    terraform_types: tuple[str, ...] = (),
    reached_through: Reached = by_nobody,
) -> Kind:
    """A kind whose resources lie nowhere. `path` is the route of their list, `update` the method that changes one:
    `put` replaces it, and what it does not say is sent back as it was; `patch` leaves that as it is. `file_unsaid` are
    fields that the files of Appwrite's command line do not have, `made_secret` the field of an answer that
    holds a secret which the server makes."""
    plural, left_out = plural or f"{name}s", left_out or {}
    id_parameter = f"{name}Id"
    shape = Shape({"$id": str, **answered(model)}, {**may_be_answered(model), "$updatedAt": is_instant})

    def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
        identity = str(raw["$id"])
        kept = carried((model,), (), left_out, raw)
        updated_at = str(raw.get("$updatedAt") or "")
        made = Secret(raw[made_secret]) if made_secret and raw.get(made_secret) else None
        fields = frozen(parsed(model, raw))
        return Live(Address(name, identity), fields, identity, kept, updated_at=updated_at, made_secret=made)

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
        made_secret=made_secret,
        routes=(f"POST {path}", f"{update.upper()} {path}/{{{id_parameter}}}"),
        left_out=left_out,
        declaring=PlainDeclaring(name, model, file_lists, left_out, file_unsaid),
        dangers=dangers,
        terraform_types=terraform_types,
        reached_through=reached_through,
    )


class TypedRequests:
    """The type is a part of the route of a creation and of an update, which replaces everything."""

    def __init__(self, declaring: TypedDeclaring, path: str, shape: Shape) -> None:
        self._declaring, self._path, self._shape = declaring, path, shape

    def _at(self, fields: Fields) -> tuple[str, dict[str, Any]]:
        return f"{self._path}/{fields['type']}", body(self._declaring.model_of(fields), fields)

    def create(self, address: Address, fields: Fields) -> Call:
        path, said = self._at(fields)
        return Call("post", path, {f"{address.kind}Id": address.name, **said}, self._shape)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        path, said = self._at(fields)
        return with_carried(Call("put", f"{path}/{address.name}", said, self._shape), live)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002 - same shape for every kind
        return Call("delete", f"{self._path}/{address.name}")

    def read(self, address: Address) -> Call:
        return Call("get", f"{self._path}/{address.name}", answer=self._shape)


def typed_kind(
    declaring: TypedDeclaring,
    path: str,
    *,
    stage: int,
    since: str,
    left_out: Mapping[str, str],
    dangers: tuple[Danger, ...] = (),
) -> Kind:
    """A kind whose resources lie nowhere and have types, each with a route below `path`, the route of their list."""
    name = declaring.kind
    shape = Shape({"$id": str, "type": str}, {"$updatedAt": is_instant}, lambda raw: answered(declaring.model_of(raw)))

    def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
        model, identity = declaring.model_of(raw), str(raw["$id"])
        fields = {"type": str(raw["type"]), **parsed(model, raw)}
        kept = carried((model,), (), left_out, raw)
        updated_at = str(raw.get("$updatedAt") or "")
        return Live(Address(name, identity), frozen(fields), identity, kept, updated_at=updated_at)

    return Kind(
        name=name,
        stage=stage,
        tone="state",
        requests=TypedRequests(declaring, path, shape),
        parse=parse,
        in_place=frozenset(each.name for model in declaring.models for each in wire_fields(model)),
        listing=Listing(path, f"{name}s", shape),
        is_server_wide=True,
        since=since,
        routes=tuple(
            route for kind in declaring.types for route in (f"POST {path}/{kind}", f"PUT {path}/{kind}/{{{name}Id}}")
        ),
        left_out=left_out,
        declaring=declaring,
        dangers=dangers,
    )


def granted(permissions: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """What each role may do, by role."""
    found: dict[str, list[str]] = {}
    for match in filter(None, map(limits.PERMISSION.fullmatch, permissions)):
        found.setdefault(match[2], []).append(match[1])
    yield from sorted(found.items())

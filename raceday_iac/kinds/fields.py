"""The fields of a kind, each named once: in the pydantic model of what a stack file may say.

A `Wire` beside the type of a field says how it travels to Appwrite and back. From that come the fields in canonical
form, the bodies of requests and the shape of answers. A field without a `Wire` travels under its own name in camelCase.
What Appwrite makes of a schema's fields stands in `schema_rules`, which functions carry in their bundles.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from ..model.address import Address
from ..model.declarations import Declared
from ..model.resource import Fields, Live
from .base import Call, Shape, Wanted, thaw


def _same(value: Any) -> Any:
    return value


def as_set(values: Sequence[str]) -> tuple[str, ...]:
    """Each value once, in one order."""
    return tuple(sorted(set(values)))


@dataclass(frozen=True)
class Wire:
    """How one field travels. `name` is what plans, the state and answers call it, `request` what requests do, `answer`
    what answers do, where that differs. `canonical` makes the form that is compared of a declared or an answered value,
    `send` the form that is sent of that."""

    name: str = ""
    request: str = ""
    answer: str = ""
    #: Whether Appwrite means a set: order and repetition say nothing.
    is_set: bool = False
    canonical: Callable[[Any], Any] = _same
    send: Callable[[Any], Any] = _same
    #: What an answer must hold for it, where the type does not say so.
    json: Wanted | None = None
    #: Whether every answer must hold it.
    is_told: bool = True
    #: What a change leads to, in the reference, where that is more than the rest says.
    effect: str = ""


@dataclass(frozen=True)
class Local:
    """A field that Appwrite never sees as such. `effect` is what a change of it leads to, in the reference."""

    effect: str


#: The id or key, which is part of the address.
IDENTITY = Local("another resource")


@dataclass(frozen=True)
class WireField:
    """A field of a model that travels."""

    attribute: str
    wire: Wire
    info: FieldInfo = member(compare=False)

    @property
    def name(self) -> str:
        return self.wire.name or camel(self.attribute)

    @property
    def request(self) -> str:
        return self.wire.request or self.name

    @property
    def answer(self) -> str:
        return self.wire.answer or self.name

    @property
    def json(self) -> Wanted:
        return self.wire.json if self.wire.json is not None else _json(self.info.annotation)


def camel(word: str) -> str:
    """A Python name as Appwrite's JSON spells it."""
    first, *rest = word.split("_")
    return first + "".join(each.capitalize() for each in rest)


@cache
def wire_fields(model: type[Declared]) -> tuple[WireField, ...]:
    """The fields that travel, in the order of the model."""
    return tuple(
        WireField(name, _said(info, Wire) or Wire(), info)
        for name, info in model.model_fields.items()
        if _said(info, Local) is None
    )


def _said(info: FieldInfo, about: type) -> Any:
    return next((each for each in reversed(info.metadata) if isinstance(each, about)), None)


def identity(model: type[Declared]) -> str:
    """The name of the field that is the last part of the address."""
    return next(name for name, info in model.model_fields.items() if _said(info, Local) is IDENTITY)


def positional(model: type[Declared]) -> list[str]:
    """The fields that a stack file gives by position: the id or key, then others that have no default."""
    rest = [name for name, info in model.model_fields.items() if info.init is False and info.is_required()]
    return [identity(model), *(name for name in rest if name != identity(model))]


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are written alike: `1` is not `True`."""
    return type(one) is type(other) and bool(one == other)


def effect(model: type[Declared], name: str, in_place: Collection[str]) -> str:
    """What a change of a declared field leads to, in words; `in_place` are those that an update can change."""
    info = model.model_fields[name]
    local, wire = _said(info, Local), _said(info, Wire) or Wire()
    if local:
        return str(local.effect)
    return str(wire.effect or ("in place" if (wire.name or camel(name)) in in_place else "made anew"))


def unordered(*models: type[Declared]) -> frozenset[str]:
    """The fields where Appwrite means a set."""
    return frozenset(each.name for model in models for each in wire_fields(model) if each.wire.is_set)


def canonical(declared: Declared) -> dict[str, Any]:
    """What was declared, in the form that is compared and kept."""
    return {each.name: _canonical(each, getattr(declared, each.attribute)) for each in wire_fields(type(declared))}


def parsed(model: type[Declared], raw: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an answer, in the same form. What it does not hold is what a stack means that does not say it."""
    found = {}
    for each in wire_fields(model):
        value = raw.get(each.answer)
        if value is None and each.info.is_required():
            continue
        found[each.name] = _canonical(
            each, each.info.get_default(call_default_factory=True) if value is None else value
        )
    return found


def _canonical(field: WireField, value: Any) -> Any:
    return field.wire.canonical(tuple(value) if isinstance(value, list) else value)


def body(model: type[Declared], fields: Fields) -> dict[str, Any]:
    """Fields as a request holds them."""
    said = thaw(fields)
    return {each.request: each.wire.send(said[each.name]) for each in wire_fields(model) if each.name in said}


def told(*models: type[Declared]) -> dict[str, Wanted]:
    """What every answer must hold for the fields of the models."""
    return {each.answer: each.json for model in models for each in wire_fields(model) if each.wire.is_told}


def may_be_told(model: type[Declared]) -> dict[str, Wanted]:
    """What an answer may hold beside that."""
    return {each.answer: each.json for each in wire_fields(model) if not each.wire.is_told}


def _json(annotation: Any) -> Wanted:
    """What JSON holds for a Python type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _json(arguments[0])
    if origin is Literal:
        return str
    if origin in (Union, UnionType):
        return tuple(type(None) if each is NoneType else _json(each) for each in arguments)
    if origin in (tuple, Sequence):
        return [_json(arguments[0])]
    if annotation in (str, int, bool):
        return annotation  # type: ignore[no-any-return]
    raise TypeError(f"{annotation} needs a Wire that says what JSON holds for it")


class PlainRequests:
    """Requests of a kind with an id of our choice: POST to its list, PUT of everything to itself."""

    def __init__(
        self, model: type[Declared], listed_at: Callable[[Address], str], id_parameter: str, shape: Shape
    ) -> None:
        self._model, self._listed_at, self._id_parameter, self._shape = model, listed_at, id_parameter, shape

    def _path(self, address: Address) -> str:
        return f"{self._listed_at(address)}/{address.name}"

    def create(self, address: Address, fields: Fields) -> Call:
        said = {self._id_parameter: address.name, **body(self._model, fields)}
        return Call("post", self._listed_at(address), said, self._shape)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        # An update resets what it omits: what is not ours is sent back as it was.
        return Call("put", self._path(address), {**thaw(live.carried), **body(self._model, fields)}, self._shape)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002 - same shape for every kind
        return Call("delete", self._path(address))

    def read(self, address: Address) -> Call:
        return Call("get", self._path(address), answer=self._shape)

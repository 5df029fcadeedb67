"""What the reconciler must know of a kind of resource. Each kind is one module that fills in a `Kind`.

Kinds are pure: they compare and they describe requests; they never send any.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from ..model.address import Address
from ..model.evidence import Question
from ..model.resource import Fields, Live
from .turns import Place

#: What a value of an answer must be: a JSON type as Python reads it, one of several, a list of such, an object of a
#: shape, or what a function says of it.
Wanted: TypeAlias = "type | tuple[Wanted, ...] | list[Wanted] | Shape | Callable[[Any], bool]"


def _nothing(_raw: Mapping[str, Any]) -> Mapping[str, Wanted]:
    return {}


@dataclass(frozen=True)
class Shape:
    """What an object of an answer must hold to be Appwrite's: at least these `fields`, and `maybe` those, which may be
    missing or empty. `more` names fields that are needed beside them for what the object says of itself."""

    fields: Mapping[str, Wanted]
    maybe: Mapping[str, Wanted] = field(default_factory=dict)
    more: Callable[[Mapping[str, Any]], Mapping[str, Wanted]] = _nothing


def listing(key: str, item: Wanted) -> Shape:
    """The shape of a list."""
    return Shape({"total": int, key: [item]})


def misfit(value: Any, wanted: Wanted) -> str:
    """What is wrong with an answer, with its place, in words; nothing when it is as wanted."""
    if isinstance(wanted, type):
        # Exactly: `true` is no number, although Python takes it for one.
        return "" if type(value) is wanted else _said(value)
    if isinstance(wanted, Shape):
        return _wrong_in(value, wanted) if type(value) is dict else _said(value)
    if isinstance(wanted, list):
        if type(value) is not list:
            return _said(value)
        for number, each in enumerate(value):
            if found := misfit(each, wanted[0]):
                return f"[{number}]{_inside(found)}"
        return ""
    if isinstance(wanted, tuple):
        return "" if any(not misfit(value, each) for each in wanted) else _said(value)
    return "" if wanted(value) else _said(value)


def _wrong_in(value: Mapping[str, Any], shape: Shape) -> str:
    for fields in (shape.fields, shape.more):
        needed = fields if isinstance(fields, Mapping) else fields(value)
        for name, wanted in needed.items():
            if name not in value:
                return f"{name} is missing"
            if found := misfit(value[name], wanted):
                return f"{name}{_inside(found)}"
    for name, wanted in shape.maybe.items():
        if value.get(name) and (found := misfit(value[name], wanted)):
            return f"{name}{_inside(found)}"
    return ""


def _inside(found: str) -> str:
    """What was found further in, as the rest of a place: `.name is missing`, `[3] is null`, ` is null`."""
    return found if found[0] in "[ " else f".{found}"


def _said(value: Any) -> str:
    said: dict[type, str] = {
        type(None): "null",
        bool: "true or false",
        list: "a list",
        dict: "an object",
        str: "a text",
    }
    return f" is {said.get(type(value), 'a number')}, which does not fit there"


def is_instant(value: Any) -> bool:
    """A time that can be read. (An unreleased server once answered one without `T` and zone.)"""
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def is_finite(value: Any) -> bool:
    """A number that can be reckoned with."""
    return type(value) in (int, float) and math.isfinite(value)


OBJECT = Shape({"$id": str})
#: A deletion: 204 without a body.
NOTHING = Shape({})
#: A file.
ARCHIVE = Shape({})


@dataclass(frozen=True)
class Call:
    """One request to Appwrite, path relative to the endpoint."""

    method: str
    path: str
    body: Mapping[str, Any] = field(default_factory=dict)
    #: What the answer must be; without a word, an object with an id, and nothing for a deletion.
    answer: Shape | None = None

    @property
    def shape(self) -> Shape:
        return self.answer or (NOTHING if self.method == "delete" else OBJECT)

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.method.upper()} {self.path}"


class Requests(Protocol):
    """The requests that a kind is written with."""

    def create(self, address: Address, fields: Fields) -> Call: ...

    def update(self, address: Address, fields: Fields, live: Live) -> Call: ...

    def delete(self, address: Address, live: Live) -> Call: ...

    def read(self, address: Address) -> Call: ...


@dataclass(frozen=True)
class Kind:
    """Rules of one kind.

    `stage` orders kinds in a plan (low first; deletes run the other way round).
    `unordered` names the fields where Appwrite means a set; `in_place` the fields that an update can change:
    a difference in any other field needs a replacement. `parse(owner, answer)` makes a
    `Live` of an answer; the owner is the ids that the resource lies in (function, or database and collection).
    `is_async` tells that a write is answered before it is done (`processing`); then `listed` names the list of the
    collection that shows what has become of it. `schema_places` are the places whose schema a write changes (see
    `turns`); `sent_together` ones go into a new collection all at once. `loses` are the questions to be asked before
    one is deleted.
    """

    name: str
    stage: int
    requests: Requests
    parse: Callable[[tuple[str, ...], Mapping[str, Any]], Live]
    unordered: frozenset[str] = frozenset()
    in_place: frozenset[str] = frozenset()
    is_async: bool = False
    #: The request that gives a live resource another name, where there is one: old address, live, new name.
    rename: Callable[[Address, Live, str], Call] | None = None
    loses: Callable[[Live], Iterator[Question]] = lambda _live: iter(())
    #: Texts with an equal result are the same name to Appwrite.
    folded: Callable[[str], str] = str.lower
    #: Whether documents lie in it.
    holds_documents: bool = False
    listed: str = ""
    sent_together: bool = False
    schema_places: Callable[[Address, Fields], frozenset[Place]] = lambda _address, _fields: frozenset()


def of_its_collection(address: Address, _fields: Fields) -> frozenset[Place]:
    """The place of something that lies in a collection, or is one."""
    return frozenset({address.parts[:2]})


def thaw(value: Any) -> Any:
    """Canonical values back to what JSON wants: tuples become lists."""
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    return value

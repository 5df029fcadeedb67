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

#: What a value of an answer must be: a JSON type as Python reads it, one of several, a list of such, an object of a
#: shape, or what a function says of it.
Wanted: TypeAlias = "type | tuple[Wanted, ...] | list[Wanted] | Shape | Callable[[Any], bool]"


@dataclass(frozen=True)
class Shape:
    """What an object of an answer must hold to be Appwrite's: at least these fields. `more` names those that are
    needed beside them for what the object says of itself."""

    fields: Mapping[str, Wanted]
    more: Callable[[Mapping[str, Any]], Mapping[str, Wanted]] = lambda _object: {}


def listing(key: str, item: Wanted) -> Shape:
    """The shape of a list."""
    return Shape({"total": int, key: [item]})


def if_there(fields: Mapping[str, Wanted]) -> Callable[[Mapping[str, Any]], Mapping[str, Wanted]]:
    """For `Shape.more`: fields that may be missing or empty."""
    return lambda raw: {name: wanted for name, wanted in fields.items() if raw.get(name)}


def misfit(value: Any, wanted: Wanted, place: str = "") -> str:
    """What is wrong with an answer, in words; nothing when it is as wanted."""
    if isinstance(wanted, Shape):
        if type(value) is not dict:
            return f"{place or 'the answer'} is {_said(value)}"
        return _missing(value, wanted.fields, place) or _missing(value, wanted.more(value), place)
    if isinstance(wanted, list):
        if type(value) is not list:
            return f"{place} is {_said(value)}"
        found = (misfit(each, wanted[0], f"{place}[{number}]") for number, each in enumerate(value))
        return next(filter(None, found), "")
    if isinstance(wanted, tuple):
        fits = any(not misfit(value, each) for each in wanted)
    else:
        # Exactly: `true` is no number, although Python takes it for one.
        fits = type(value) is wanted if isinstance(wanted, type) else wanted(value)
    return "" if fits else f"{place} is {_said(value)}"


def _missing(value: Mapping[str, Any], fields: Mapping[str, Wanted], place: str) -> str:
    for name, wanted in fields.items():
        inner = f"{place}.{name}" if place else name
        found = misfit(value[name], wanted, inner) if name in value else f"{inner} is missing"
        if found:
            return found
    return ""


def _said(value: Any) -> str:
    said: dict[type, str] = {
        type(None): "null",
        bool: "true or false",
        list: "a list",
        dict: "an object",
        str: "a text",
    }
    return f"{said.get(type(value), 'a number')}, which does not fit there"


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
    `settles` tells that a write is answered before it is done (`processing`). `loses` are the questions to be asked
    before one is deleted.
    """

    name: str
    stage: int
    requests: Requests
    parse: Callable[[tuple[str, ...], Mapping[str, Any]], Live]
    unordered: frozenset[str] = frozenset()
    in_place: frozenset[str] = frozenset()
    settles: bool = False
    #: The request that gives a live resource another name, where there is one: old address, live, new name.
    rename: Callable[[Address, Live, str], Call] | None = None
    loses: Callable[[Live], Iterator[Question]] = lambda _live: iter(())
    #: Whether documents lie in it.
    holds_documents: bool = False


def thaw(value: Any) -> Any:
    """Canonical values back to what JSON wants: tuples become lists."""
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    return value

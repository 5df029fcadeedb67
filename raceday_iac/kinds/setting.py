"""Settings of a project: what every project has, so that a key only changes it. Appwrite keeps them all in one
document, which each write reads, changes and writes back whole; so only one is written at a time.

A setting that the stack no longer declares stays as it is, and `stack.absent` sets it back to Appwrite's own value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ..model.address import Address
from ..model.declarations import Declared
from ..model.resource import Desired, Fields, Live, Resource, frozen
from .base import Call, Danger, Kind, Listing, Shape
from .fields import Declaring, Writing, answered, body, canonical, canonical_default, parsed, wire_fields
from .turns import Place

#: The answer that holds most settings, and the place where one is written at a time.
PROJECT = "/project"
TURN: frozenset[Place] = frozenset({(PROJECT,)})
#: The first version of Appwrite whose keys may change settings.
SINCE = "1.9.5"
#: The address of what a project has one of ends in this.
ONLY = "project"
#: Appwrite's own value of a switch.
ON, OFF = {"enabled": True}, {"enabled": False}
#: What else the project's document holds, and why none of it is a setting that a key could change.
_NO_SETTINGS: Mapping[str, str] = {
    "name": "changed in the console",
    **dict.fromkeys(("teamId", "region", "status"), "given when the project is made"),
    **dict.fromkeys(("pingCount", "pingedAt", "consoleAccessedAt", "onboarding"), "what happened"),
    **dict.fromkeys(("blocks", "wafEnabled"), "of Appwrite Cloud"),
    "devKeys": "keys, which a project key does not see",
}
_ANSWER = Shape({})
_HOLE = re.compile(r"\{\w+\}")


class SettingDeclaration(Declared):
    """Base of the models. `type` names one of several models of a kind; fields then hold it beside the model's own."""

    type: ClassVar[str] = ""
    #: Appwrite's own values of fields that a stack must say.
    begins: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def written(cls, arguments: Mapping[str, Any], owner: tuple[str, ...]) -> dict[str, Any]:
        return {**super().written(arguments, owner), **_typed(cls)}

    @classmethod
    def original(cls) -> dict[str, Any]:
        """Appwrite's own value."""
        rest = {each.name: canonical_default(each) for each in wire_fields(cls) if not each.info.is_required()}
        return {**_typed(cls), **cls.begins, **rest}


def _typed(model: type[SettingDeclaration]) -> dict[str, str]:
    return {"type": model.type} if model.type else {}


class SettingDeclaring(Declaring):
    """The language of one kind, with a model for each type, or one for all."""

    def __init__(self, kind: str, models: Mapping[str, type[SettingDeclaration]], call: str) -> None:
        super().__init__(kind, next(iter(models.values())), call)
        self._models = models

    @property
    def models(self) -> tuple[type[Declared], ...]:
        return tuple(self._models.values())

    def model_of(self, arguments: Mapping[str, Any]) -> type[Declared]:
        return self._models.get(str(arguments.get("type", "")), self.model)

    def checked(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: value for name, value in arguments.items() if name != "type"}

    def fields(self, declared: Declared, address: Address, resources: Mapping[Address, Resource]) -> Fields:  # noqa: ARG002
        assert isinstance(declared, SettingDeclaration)
        return {**_typed(type(declared)), **canonical(declared)}

    def method(self, live: Live) -> str:
        kind = str(live.fields.get("type", ""))
        return f"{kind.replace('-', '_')}_{self.kind}" if kind else self.kind

    def lost_in_file(self, resource: Resource, desired: Desired, to: Writing) -> Iterator[str]:  # noqa: ARG002
        yield "such a file does not have it"


class SettingRequests:
    """Requests that change one. There is none that makes or deletes it."""

    def __init__(self, declaring: SettingDeclaring, listing: Listing, route: str) -> None:
        self._declaring, self._listing = declaring, listing
        self._method, _, self._path = route.partition(" ")

    def update(self, address: Address, fields: Fields, live: Live) -> Call:  # noqa: ARG002 - the rest stays by itself
        said = body(self._declaring.model_of(fields), fields)
        return Call(self._method.lower(), _HOLE.sub(address.name, self._path), said, _ANSWER)

    def create(self, address: Address, fields: Fields) -> Call:  # noqa: ARG002
        raise AssertionError(f"{address} is there in every project")

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        raise AssertionError(f"{address} is never deleted")

    def read(self, address: Address) -> Call:  # noqa: ARG002
        return Call("get", self._listing.path, answer=self._listing.answer)


def setting_kind(
    name: str,
    models: type[SettingDeclaration] | Sequence[type[SettingDeclaration]],
    route: str,
    *,
    stage: int,
    listed_at: str = PROJECT,
    key: str = "",
    ids: Sequence[str] = (ONLY,),
    plural: str = "",
    routes: Sequence[str] = (),
    left_out: Mapping[str, str] | None = None,
    dangers: tuple[Danger, ...] = (),
    call: str = "",
) -> Kind:
    """A kind of settings. `route` changes one; what stands in braces there is the last part of its address, one of
    `ids`. They are read from `key` of the answer of `listed_at`; with no key, that answer is the only one. `routes` are
    those of Appwrite's description, where it has several for `route`."""
    by_type = {each.type: each for each in ((models,) if isinstance(models, type) else models)}

    def model_of(identity: str) -> type[SettingDeclaration]:
        return by_type[identity if identity in by_type else ""]

    def item_of(raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return answered(model_of(str(raw.get("$id")))) if is_one(raw) else {}

    def is_one(raw: Mapping[str, Any]) -> bool:
        """A newer server may have more of them."""
        return not key or raw.get("$id") in ids

    def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
        identity = str(raw["$id"]) if key else ONLY
        model = model_of(identity)
        return Live(Address(name, identity), frozen({**_typed(model), **parsed(model, raw)}), identity)

    def found_in(address: Address, raw: Any) -> Any:
        if not key:
            return raw
        if key in raw:
            return next((each for each in raw[key] if each["$id"] == address.name), None)
        is_it = raw.get("$id") == address.name and answered(model_of(address.name)).keys() <= raw.keys()
        return raw if is_it else None

    def original(address: Address) -> Fields | None:
        return frozen(model_of(address.name).original()) if address.name in ids else None

    listing = Listing(listed_at, key, Shape({"$id": str}, more=item_of), is_whole=True)
    declaring = SettingDeclaring(name, by_type, call or f"`stack.{name}(…)`")
    fields = [each for model in by_type.values() for each in wire_fields(model)]
    return Kind(
        name=name,
        stage=stage,
        plural=plural,
        tone="calm",
        requests=SettingRequests(declaring, listing, route),
        parse=parse,
        found_in=found_in,
        is_one=is_one,
        unordered=frozenset(each.name for each in fields if each.wire.is_set),
        in_place=frozenset(each.name for each in fields),
        is_setting=True,
        is_given=True,
        original=original,
        schema_places=lambda _address, _fields: TURN,
        listing=listing,
        since=SINCE,
        routes=tuple(routes) or (route,),
        left_out={**({} if key else _NO_SETTINGS), **(left_out or {})},
        declaring=declaring,
        dangers=dangers,
    )

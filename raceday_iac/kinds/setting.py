"""Settings of a project: what every project has, so that a key only changes it. Appwrite keeps them all in one
document, which each write reads, changes and writes back whole; so only one is written at a time.

A setting that the stack no longer declares stays as it is, and `stack.absent` sets it back to Appwrite's own value.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from ..model.address import Address
from ..model.declarations import Declared
from ..model.limits import shown
from ..model.resource import Desired, Fields, Live, Resource, frozen
from .base import Call, Danger, Kind, Listing, Reached, Shape, by_nobody
from .fields import Beside, Declaring, Writing, answered, body, canonical_default, parsed, wire_fields
from .plain import Typed, TypedDeclaring
from .schema_rules import Place

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
#: What a setting calls the fields of its model, by its id.
Words: TypeAlias = Callable[[str], Mapping[str, str]]
_HOLE = re.compile(r"\{\w+\}")


class SettingDeclaration(Declared):
    """Base of the models."""

    #: Appwrite's own values of fields that a stack must say, or that it would not assume.
    begins: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def originals(cls) -> list[dict[str, Any]]:
        """Appwrite's own values, by field."""
        rest = {each.name: canonical_default(each) for each in wire_fields(cls) if not each.info.is_required()}
        return [{**rest, **cls.begins}]


class SettingDeclaring(Declaring):
    """The language of one kind. `at` is where the settings of a file of Appwrite's command line hold it, and `words`
    what each word there is about: an id, and a field of it."""

    def __init__(
        self,
        kind: str,
        model: type[Declared],
        at: tuple[str, ...] = (),
        words: Mapping[str, tuple[str, str]] = MappingProxyType({}),
    ) -> None:
        super().__init__(kind, model, f"`stack.{kind}(…)`")
        self.file_settings_at, self._words = at, words

    def as_written(self, name: str, value: Any, live: Live, beside: Beside) -> Any:
        field = next((each for each in wire_fields(self.model_of(live.fields)) if each.attribute == name), None)
        if field is None:
            return value
        return beside.secret_of(live, field.name) if field.wire.is_secret else field.wire.send(value)

    def read_setting(self, word: str, value: Any) -> Iterator[Live]:
        identity, name = self._words[word]
        model = self.model_of({"type": identity})
        assert issubclass(model, SettingDeclaration)
        begun = model.originals()[0]
        # Null is no limit.
        value = 0 if value is None else value
        if type(value) is not type(begun[name]):
            raise ValueError(f"it is {shown(value)}")
        fields = {"type": identity, name: value} if issubclass(model, Typed) else {name: value}
        yield Live(Address(self.kind, identity), frozen(fields), identity)

    def write_setting(self, resource: Resource, to: Writing) -> Iterator[tuple[str, Any]]:  # noqa: ARG002
        for word, (identity, name) in self._words.items():
            if identity == resource.address.name:
                yield word, resource.fields[name]

    def knows_setting(self, word: str) -> bool:
        return word in self._words

    def lost_in_file(self, resource: Resource, desired: Desired, to: Writing) -> Iterator[str]:  # noqa: ARG002
        if not any(self.write_setting(resource, to)):
            yield "this file format does not have it"


class TypedSettingDeclaring(SettingDeclaring, TypedDeclaring):
    """That of a kind with a model for each setting, whose id is its type."""

    def __init__(
        self,
        kind: str,
        base: type[Typed],
        *models: type[Typed],
        at: tuple[str, ...] = (),
        words: Mapping[str, tuple[str, str]] = MappingProxyType({}),
    ) -> None:
        TypedDeclaring.__init__(self, kind, base, *models)
        self.file_settings_at, self._words = at, words
        self.call = f"`stack.{_worded(models[0].type)}_{kind}(…)` and the like, one for each"

    def method(self, live: Live) -> str:
        return _worded(super().method(live))


def _worded(name: str) -> str:
    return name.replace("-", "_")


class SettingRequests:
    """Requests that change one. There is none that makes or deletes it."""

    def __init__(self, declaring: SettingDeclaring, listing: Listing, route: str, words: Words, written: Shape) -> None:
        self._declaring, self._listing, self._words, self._written = declaring, listing, words, written
        self._method, _, self._path = route.partition(" ")

    def update(self, address: Address, fields: Fields, live: Live) -> Call:  # noqa: ARG002 - the rest stays by itself
        said, words = body(self._declaring.model_of(fields), fields), self._words(address.name)
        renamed = {words.get(name, name): value for name, value in said.items()}
        return Call(self._method.lower(), _HOLE.sub(address.name, self._path), renamed, self._written)

    def create(self, address: Address, fields: Fields) -> Call:  # noqa: ARG002
        raise AssertionError(f"{address} is there in every project")

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        raise AssertionError(f"{address} is never deleted")

    def read(self, address: Address) -> Call:  # noqa: ARG002
        return Call("get", self._listing.path, answer=self._listing.answer)


def setting_kind(
    name: str,
    declaring: SettingDeclaring,
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
    cannot_become: Callable[[str, Any], bool] = lambda _name, _value: False,
    words: Words = lambda _id: {},
    reached_through: Reached = by_nobody,
    switches_off: Callable[[str, Fields], str] | None = None,
) -> Kind:
    """A kind of settings. `route` changes one; what stands in braces there is the last part of its address, one of
    `ids`. They are read from `key` of the answer of `listed_at`; with no key, that answer is the only one. `routes` are
    those of Appwrite's description, where it has several for `route`; `words` what one calls fields, where that differs
    from the model."""

    def model_of(identity: str) -> type[SettingDeclaration]:
        found = declaring.model_of({"type": identity})
        assert issubclass(found, SettingDeclaration)
        return found

    def typed(identity: str, fields: Mapping[str, Any]) -> Fields:
        return frozen({"type": identity, **fields} if issubclass(declaring.model, Typed) else fields)

    def is_one(raw: Mapping[str, Any]) -> bool:
        """A newer server may have more of them."""
        return not key or raw.get("$id") in ids

    def item_of(raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return shape_of(str(raw.get("$id"))) if is_one(raw) else {}

    def shape_of(identity: str) -> Mapping[str, Any]:
        return {words(identity).get(each, each): wanted for each, wanted in answered(model_of(identity)).items()}

    def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
        identity = str(raw["$id"]) if key else ONLY
        model = model_of(identity)
        said = {**raw, **{ours: raw.get(theirs) for ours, theirs in words(identity).items()}}
        # A secret is reported as an empty text, and so is what was never set.
        hidden = {each.name for each in wire_fields(model) if each.wire.is_secret}
        left = {each.name for each in wire_fields(model) if each.wire.is_left}
        found = parsed(model, said).items()
        seen = {each: value for each, value in found if each not in hidden and (value or each not in left)}
        return Live(Address(name, identity), typed(identity, seen), identity)

    def found_in(address: Address, raw: Any) -> Any:
        if not key:
            return raw
        if key in raw:
            return next((each for each in raw[key] if each["$id"] == address.name), None)
        return raw if raw.get("$id") == address.name and is_itself(raw) else None

    def is_itself(raw: Mapping[str, Any]) -> bool:
        """Whether the answer to a write is the setting, and not the project."""
        return is_one(raw) and shape_of(str(raw["$id"])).keys() <= raw.keys()

    def written_of(raw: Mapping[str, Any]) -> Mapping[str, Any]:
        if key in raw:
            return {key: [item]}
        return item_of(raw) if is_itself(raw) else {}

    def originals(address: Address) -> list[Fields]:
        found = model_of(address.name).originals() if address.name in ids else []
        return [typed(address.name, each) for each in found]

    item = Shape({"$id": str}, more=item_of) if key else Shape({"$id": str, **shape_of(ONLY)})
    listing = Listing(listed_at, key, item, is_whole=True)
    fields = [each for model in declaring.models for each in wire_fields(model)]
    return Kind(
        name=name,
        stage=stage,
        plural=plural,
        tone="calm",
        requests=SettingRequests(
            declaring, listing, route, words, Shape({"$id": str}, more=written_of) if key else item
        ),
        parse=parse,
        found_in=found_in,
        is_one=is_one,
        unordered=frozenset(each.name for each in fields if each.wire.is_set),
        in_place=frozenset(each.name for each in fields),
        cannot_become=cannot_become,
        is_setting=True,
        is_given=True,
        originals=originals,
        schema_places=lambda _address, _fields: TURN,
        listing=listing,
        since=SINCE,
        routes=tuple(routes) or (route,),
        left_out={**({} if key else _NO_SETTINGS), **(left_out or {})},
        declaring=declaring,
        dangers=dangers,
        reached_through=reached_through,
        switches_off=switches_off,
    )

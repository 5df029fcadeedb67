"""Plain attributes of every type, decided on the raw `type` and `format` of the answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, SkipValidation, model_validator

from ..model import limits, validators
from ..model.address import Address, collection_address, owner_of
from ..model.declarations import Declared, Key
from ..model.evidence import Ask, Question
from ..model.limits import column_name
from ..model.resource import Desired, Fields, Live, Location, Resource
from ..model.server import ServerFacts
from ..model.validators import is_double, is_integer
from .base import (
    Call,
    Claims,
    Differing,
    Kind,
    MemberRequests,
    Shape,
    column_claim,
    is_finite,
    of_its_collection,
    thaw,
)
from .collection import INLINE_SINCE, LEFT_OUT, MAYBE, MEMBER, live_member
from .conversion import temporary
from .fields import IDENTITY, Declaring, Entry, Reading, Wire, Work, Writing, answered, canonical
from .relationship import NEEDED as RELATED
from .schema_rules import (
    FORMATS,
    IN_PLACE,
    SETS,
    SHAPES,
    STAGES,
    TYPE_OF_WIRE,
    TYPES_SINCE,
    WHOLE,
    attribute_fields,
    inline_attribute,
    type_of,
)


def _is_default(value: Any, depth: int = 0) -> bool:
    """A value, several, or coordinates: three lists deep at most."""
    if isinstance(value, list):
        return depth < 3 and all(_is_default(each, depth + 1) for each in value)
    return value is None or isinstance(value, str | bool) or is_finite(value)


_DEFAULT = Wire(json=_is_default)
_WHOLE_BOUND = Wire(json=(int, type(None)))
_BOUND = Wire(json=(is_finite, type(None)))


class AttributeDeclaration(Declared):
    """An attribute; each type is a class of its own."""

    #: Our name of the type.
    type: ClassVar[str] = ""

    key: Annotated[Key, IDENTITY] = Field(init=False)
    required: bool = False
    default: Annotated[SkipValidation[Any], _DEFAULT] = None
    array: bool = False

    @classmethod
    def written(cls, arguments: Mapping[str, Any], owner: tuple[str, ...]) -> dict[str, Any]:  # noqa: ARG003
        return {"type": cls.type, **arguments}

    @property
    def characters(self) -> int:
        """Of a type that is stored as text, 0 of others."""
        return limits.TEXT_SIZES.get(self.type, limits.TEXT_BYTES.get(self.type, 0))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [*self._type_problems(), *self._default_problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _type_problems(self) -> Iterator[str]:
        """What is wrong with the fields of this type alone."""
        yield from ()

    def _default_range(self) -> Iterator[str]:
        """Why a default of the right type cannot stand."""
        yield from ()

    def _default_problems(self) -> Iterator[str]:
        if self.default is None:
            return
        if self.required:
            yield "a required attribute cannot have a default"
        elif self.array:
            yield "an array attribute cannot have a default"
        elif problem := validators.default_problem(self.type, self.default):
            yield problem
        else:
            yield from self._default_range()
            yield from self._default_width()

    def _default_width(self) -> Iterator[str]:
        stored = limits.stored_json_length({"value": self.default})
        if stored > limits.STORED_JSON:
            yield (
                f"default {limits.shown(self.default)} takes {stored} characters as Appwrite stores it (as JSON, a "
                f"character that is not ASCII takes six or more), but at most {limits.STORED_JSON} fit; shorten it"
            )


class StringDeclaration(AttributeDeclaration):
    """Text of at most `size` characters."""

    type = "string"
    default: Annotated[SkipValidation[str | None], _DEFAULT] = None
    size: int = Field(init=False, ge=1, le=limits.STRING_SIZE)
    #: Servers before 1.8 do not say it.
    encrypt: Annotated[bool, Wire(is_answered=False)] = False

    @property
    def characters(self) -> int:
        return self.size

    def _type_problems(self) -> Iterator[str]:
        if self.encrypt and self.size < limits.ENCRYPTED_STRING_MINIMUM:
            yield f"an encrypted string needs a size of at least {limits.ENCRYPTED_STRING_MINIMUM}"

    def _default_range(self) -> Iterator[str]:
        if len(str(self.default)) > self.size:
            yield f"default {limits.shown(self.default)} is longer than the size {self.size}"

    def _default_width(self) -> Iterator[str]:
        problems = list(super()._default_width())
        yield from problems
        stored = limits.encrypted_length(str(self.default))
        if not problems and self.encrypt and stored > self.size:
            yield f"default {limits.shown(self.default)} takes {stored} characters encrypted; raise the size to that"


class VarcharDeclaration(StringDeclaration):
    """Text of at most `size` characters that lies in the row, whatever its size (Appwrite 1.9)."""

    type = "varchar"
    size: int = Field(init=False, ge=1, le=limits.LONGEST_VARCHAR)


class TextDeclaration(AttributeDeclaration):
    """Text of at most 65 535 bytes, which lies outside of the row (Appwrite 1.9)."""

    type = "text"
    default: Annotated[SkipValidation[str | None], _DEFAULT] = None
    encrypt: Annotated[bool, Wire(is_answered=False)] = False


class MediumtextDeclaration(TextDeclaration):
    """Text of at most 16 MB, which lies outside of the row (Appwrite 1.9)."""

    type = "mediumtext"


class LongtextDeclaration(TextDeclaration):
    """Text of at most 4 GB, which lies outside of the row (Appwrite 1.9)."""

    type = "longtext"


class _BoundedDeclaration(AttributeDeclaration):
    min: int | float | None = None
    max: int | float | None = None

    def _type_problems(self) -> Iterator[str]:
        whole = self.type in WHOLE
        for name, bound in (("min", self.min), ("max", self.max)):
            if bound is not None and not (is_integer if whole else is_double)(bound):
                kind = "64-bit integer" if whole else "number that a double holds"
                yield f"{name} {limits.shown(bound)} is not a {kind}"
        if self.min is not None and self.max is not None and self.min > self.max:
            yield f"min {self.min} is above max {self.max}"

    def _default_range(self) -> Iterator[str]:
        if self.min is not None and self.default < self.min:
            yield f"default {self.default} is below min {self.min}"
        elif self.max is not None and self.default > self.max:
            yield f"default {self.default} is above max {self.max}"


class IntegerDeclaration(_BoundedDeclaration):
    """A 64-bit whole number."""

    type = "integer"
    default: Annotated[SkipValidation[int | None], _DEFAULT] = None
    min: Annotated[int | float | None, _WHOLE_BOUND] = None
    max: Annotated[int | float | None, _WHOLE_BOUND] = None

    @property
    def is_small(self) -> bool:
        """Whether Appwrite stores it in four bytes, whatever its min is."""
        return self.max is not None and self.max <= limits.SMALL_INTEGER_MAXIMUM

    def _type_problems(self) -> Iterator[str]:
        yield from super()._type_problems()
        least = -limits.SMALL_INTEGER_MAXIMUM
        if self.is_small and self.min is not None and self.min < least:
            yield (
                f"min {self.min} is not possible: Appwrite stores an integer of max {self.max} in four bytes, which "
                f"hold no value below {least}; leave max out or set it above {-least}"
            )

    def _default_range(self) -> Iterator[str]:
        problems = list(super()._default_range())
        yield from problems
        least = -limits.SMALL_INTEGER_MAXIMUM
        if not problems and self.is_small and self.default is not None and self.default < least:
            yield f"default {self.default} is below {least}, the lowest value that four bytes hold"


class BigintDeclaration(_BoundedDeclaration):
    """A 64-bit whole number that always takes eight bytes (Appwrite 1.9.5)."""

    type = "bigint"
    default: Annotated[SkipValidation[int | None], _DEFAULT] = None
    min: Annotated[int | float | None, _WHOLE_BOUND] = None
    max: Annotated[int | float | None, _WHOLE_BOUND] = None


class FloatDeclaration(_BoundedDeclaration):
    """A double."""

    type = "float"
    default: Annotated[SkipValidation[float | None], _DEFAULT] = None
    min: Annotated[int | float | None, _BOUND] = None
    max: Annotated[int | float | None, _BOUND] = None


class BooleanDeclaration(AttributeDeclaration):
    """True or false."""

    type = "boolean"
    default: Annotated[SkipValidation[bool | None], _DEFAULT] = None


class DatetimeDeclaration(AttributeDeclaration):
    """An instant; the default in ISO 8601."""

    type = "datetime"
    default: Annotated[SkipValidation[str | None], _DEFAULT] = None


class _TextDeclaration(AttributeDeclaration):
    default: Annotated[SkipValidation[str | None], _DEFAULT] = None


class EmailDeclaration(_TextDeclaration):
    """An e-mail address."""

    type = "email"


class UrlDeclaration(_TextDeclaration):
    """A URL."""

    type = "url"


class IpDeclaration(_TextDeclaration):
    """An IPv4 or IPv6 address."""

    type = "ip"


class EnumDeclaration(_TextDeclaration):
    """One of `elements`."""

    type = "enum"
    elements: Sequence[str] = Field(init=False, max_length=limits.ENUM_ELEMENTS)

    def _type_problems(self) -> Iterator[str]:
        if not self.elements:
            yield "an enum needs elements"
            return
        for element in self.elements:
            if not 1 <= len(element) <= limits.ENUM_ELEMENT:
                yield f"enum element {limits.shown(element)} must have 1 to {limits.ENUM_ELEMENT} characters"
        stored = limits.stored_json_length({"elements": self.elements})
        if stored > limits.STORED_JSON:
            yield (
                f"its {len(self.elements)} elements take {stored} characters as Appwrite stores them (as JSON, a "
                f"character that is not ASCII takes six or more), but at most {limits.STORED_JSON} fit; "
                "shorten them, or use a string"
            )

    def _default_range(self) -> Iterator[str]:
        if self.default not in self.elements:
            yield f"default {limits.shown(self.default)} is not among the elements"


class _ShapeDeclaration(AttributeDeclaration):
    array: bool = Field(default=False, init=False)
    default: Annotated[SkipValidation[Sequence[Any] | None], _DEFAULT] = None


class PointDeclaration(_ShapeDeclaration):
    """A point: longitude and latitude."""

    type = "point"


class LineDeclaration(_ShapeDeclaration):
    """A line: points."""

    type = "line"


class PolygonDeclaration(_ShapeDeclaration):
    """A polygon: rings of points."""

    type = "polygon"


#: By our name of the type, which is also the last part of the create path.
MODELS: Mapping[str, type[AttributeDeclaration]] = {
    model.type: model
    for model in (
        StringDeclaration,
        VarcharDeclaration,
        TextDeclaration,
        MediumtextDeclaration,
        LongtextDeclaration,
        IntegerDeclaration,
        BigintDeclaration,
        FloatDeclaration,
        BooleanDeclaration,
        DatetimeDeclaration,
        EmailDeclaration,
        EnumDeclaration,
        IpDeclaration,
        UrlDeclaration,
        PointDeclaration,
        LineDeclaration,
        PolygonDeclaration,
    )
}
TYPES = tuple(MODELS)


#: Of plain attributes and relationships, which share their routes. What a type needs is needed: without it, an
#: attribute would seem to have been changed.
SHAPE = Shape(
    MEMBER, MAYBE, lambda raw: RELATED if (kind := type_of(raw)) == "relationship" else answered(_model(kind))
)


def _model(kind: str) -> type[AttributeDeclaration]:
    """Of a type that we do not know, only what all have."""
    return MODELS.get(kind, AttributeDeclaration)


def parse(owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """An attribute as the server describes it, with its status."""
    return live_member("attribute", owner, raw, attribute_fields(raw))


_REQUESTS = MemberRequests("attribute", SHAPE)


def rename(old: Address, live: Live, name: str) -> Call:
    """An update that changes nothing but the key. Indexes take the new one over (1.8.1)."""
    call = _REQUESTS.update(old, live.fields, live)
    return replace(call, body={**call.body, "newKey": name})


def loses(live: Live) -> Iterator[Question]:
    """The questions about its values. An attribute that never became available has none."""
    if live.status not in ("failed", "processing"):
        collection, is_shape = owner_of(live.address), live.fields.get("type") in SHAPES
        yield Question(collection, Ask.VALUES, (live.address.name,), must_read=is_shape)
        yield Question(live.address, Ask.UNMANAGED)


def asks_when_made(address: Address, wanted: Fields, real: Mapping[Address, Live]) -> Iterator[Question]:
    """Asks for documents, which would have no value for a new required attribute."""
    collection = owner_of(address)
    if wanted["required"] and collection in real:
        yield Question(collection, Ask.WITHOUT, (address.name,))


def asks_when_updated(address: Address, wanted: Fields, field: Differing) -> Iterator[Question]:
    """Asks for values that would not fit a stricter rule."""
    collection, keys = owner_of(address), (address.name,)
    if field.name == "required" and field.after:
        yield Question(collection, Ask.NULLS, keys, must_read=wanted["type"] in SHAPES)
    elif field.name == "size" and field.after < (field.before or 0):
        yield Question(collection, Ask.LONGER, keys, limit=int(field.after))
    elif field.name == "elements":
        gone = tuple(sorted(set(field.before or ()) - set(field.after or ())))
        if gone:
            yield Question(collection, Ask.AMONG, keys, among=gone)
    elif field.name in ("min", "max") and field.after is not None:
        yield Question(collection, Ask.OUTSIDE, keys, low=wanted.get("min"), high=wanted.get("max"))


def asks_when_converted(address: Address, wanted: Fields, old: Live | None) -> Iterator[Question]:
    """Asks for values that cannot be converted, and for what breaks when the old attribute is deleted."""
    collection, keys = owner_of(address), (address.name,)
    if old is None or old.status == "deleting":
        # In a conversion that was cut short, the old attribute may be gone: its values are in the new one by then.
        if wanted["required"]:
            yield Question(collection, Ask.NULLS, (temporary(address).name,))
        return
    yield Question(collection, Ask.UNCONVERTIBLE, keys, target=tuple(sorted(wanted.items())))
    if wanted["required"] and not old.fields["required"]:
        yield Question(collection, Ask.NULLS, keys)
    yield Question(address, Ask.UNMANAGED)


def unsupported(wanted: Resource, _desired: Desired, server: ServerFacts) -> Iterator[tuple[str, str]]:
    """Types that are younger than the server."""
    kind = str(wanted.fields["type"])
    since = TYPES_SINCE.get(kind, "")
    if since and not server.is_since(since):
        instead = "an integer" if kind == "bigint" else "a string with a size"
        yield f"{server} has no attributes of type {kind}: they came with {since}", f"declare {instead} for this server"


def inline(address: Address, fields: Fields, server: ServerFacts) -> Mapping[str, Any] | None:
    """From 1.9, where the collection is new."""
    if not server.is_since(INLINE_SINCE):
        return None
    found = inline_attribute(address.name, fields, takes_all=server.is_unknown)
    return None if found is None else thaw(found)


def claims(address: Address, _fields: Fields) -> Claims:
    """Attributes and relationships of a collection share their keys."""
    return frozenset({column_claim(address, address.name)})


def _default_in_file(kind: str, raw: Entry) -> Any:
    """The default as the type has it. Files written by hand have numbers and switches as texts, and arrays have
    none."""
    default = raw.get("default")
    if default == [] or (raw.get("required") is True and default in ("", None)):
        return None
    if kind == "boolean" and str(default).lower() in ("true", "false"):
        return str(default).lower() == "true"
    if kind in (*WHOLE, "float") and isinstance(default, str):
        try:
            return int(default) if kind in WHOLE else float(default)
        except ValueError:
            return default
    if kind in WHOLE and isinstance(default, float) and default.is_integer():
        return int(default)
    return default


#: The command line that checks a file before it reads it, and those that know the types of newer servers.
_CHECKING_CLI = 13
_TYPES_SINCE_CLI = {"varchar": 13, "text": 13, "mediumtext": 13, "longtext": 13, "bigint": 21}


def _is_unsayable(bound: Any, to: Writing) -> bool:
    """Whether a bound is none for a command line that makes 64-bit integers of all (13.0.0 to 25.1.0)."""
    return to.cli >= _CHECKING_CLI and isinstance(bound, float) and abs(bound) > limits.INTEGER_MAXIMUM


class _Declaring(Declaring):
    file_lists = ("attributes",)
    file_silent = Declaring.file_silent | {"type", "format"}
    file_weak = ("default", "min", "max")

    def is_one_in_file(self, raw: Entry) -> bool:
        return raw.get("type") != "relationship"

    def file_defaults(self, raw: Entry, address: Address) -> Mapping[str, Any]:  # noqa: ARG002
        return {"required": False}

    def read_file(self, raw: Entry, owner: tuple[str, ...], reading: Reading) -> Live | None:
        address = collection_address(*owner).child("attribute", raw["key"])
        if not isinstance(raw.get("type"), str):
            reading.remark(address, "left out: it has no type")
            return None
        kind = type_of(raw)
        if kind not in MODELS:
            reading.remark(address, f"left out: the stack language has no attributes of type {limits.shown(kind)}")
            return None
        plain = {name: value for name, value in raw.items() if name != "default"}
        default = _default_in_file(kind, raw)
        if kind == "float" and not isinstance(default, int | float | None):
            reading.remark(address, f"default is left out: {limits.shown(default)} is not a number")
            default = None
        said = reading.fitting(self, {**plain, "type": kind, "default": default}, address)
        if said is None:
            return None
        try:
            return parse(owner, {**said, "key": raw["key"], "type": kind})
        except (TypeError, ValueError, OverflowError):
            reading.remark(address, "left out: it has a number that is too large for Appwrite")
            return None

    def write_file(self, resource: Resource, desired: Desired, to: Writing) -> dict[str, Any]:  # noqa: ARG002
        fields = thaw(resource.fields)
        kind = fields.pop("type")
        wire = {ours: theirs for theirs, ours in TYPE_OF_WIRE.items()}
        said = {"key": resource.address.name, "type": "string" if kind in FORMATS else wire.get(kind, kind)}
        # In the order in which Appwrite's command line writes them.
        first = {name: fields.pop(name) for name in ("required", "array")}
        last = {name: fields.pop(name) for name in ("default", "encrypt") if name in fields}
        form = {"format": kind} if kind in FORMATS else {}
        kept = {name: each for name, each in fields.items() if each is not None and not _is_unsayable(each, to)}
        return {**said, **first, **kept, **form, **last}

    def lost_in_file(self, resource: Resource, desired: Desired, to: Writing) -> Iterator[str]:  # noqa: ARG002
        bounds = {name: resource.fields.get(name) for name in ("min", "max")}
        lost = [name for name, bound in bounds.items() if _is_unsayable(bound, to)]
        if lost:
            yield f"{' and '.join(lost)} cannot be written: Appwrite's command line accepts only 64-bit integers"
        kind = str(resource.fields["type"])
        if to.cli < _TYPES_SINCE_CLI.get(kind, 0):
            yield f"version {to.cli} of Appwrite's command line does not know the type {kind}"

    @property
    def models(self) -> tuple[type[Declared], ...]:
        return tuple(MODELS.values())

    def prepare(
        self, work: Work, address: Address, arguments: dict[str, Any], written: Mapping[str, Any], location: Location
    ) -> dict[str, Any]:
        if arguments["type"] in MODELS:
            return arguments
        known = ", ".join(MODELS)
        work.complain(address, location, f"type: there is no {limits.shown(arguments['type'])}; there are {known}")
        return dict(written)

    def model_of(self, arguments: Mapping[str, Any]) -> type[Declared]:
        return _model(str(arguments["type"]))

    def checked(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """If the environment sets another type, settings that this type does not have are dropped."""
        known = self.model_of(arguments).model_fields
        return {name: value for name, value in arguments.items() if name in known}

    def method(self, live: Live) -> str:
        kind = str(live.fields["type"])
        if kind not in MODELS:
            raise ValueError(f"the stack language has no attributes of type {kind!r}")
        if live.fields["array"] and MODELS[kind].model_fields["array"].init is False:
            raise ValueError(f"the stack language has no arrays of type {kind!r}")
        return kind

    def fields(self, declared: Declared, address: Address, resources: Mapping[Address, Resource]) -> Fields:  # noqa: ARG002
        """With bounds and default as the server keeps them."""
        assert isinstance(declared, AttributeDeclaration)
        return attribute_fields({"type": declared.type, **canonical(declared)})


def _routes() -> Iterator[str]:
    attributes = "/databases/{databaseId}/collections/{collectionId}/attributes"
    for kind in MODELS:
        yield f"POST {attributes}/{kind}"
        yield f"PATCH {attributes}/{kind}/{{key}}"


KIND = Kind(
    name="attribute",
    stage=STAGES["attribute"],
    owner="collection",
    is_detail=True,
    requests=_REQUESTS,
    parse=parse,
    in_place=IN_PLACE["attribute"],
    unordered=SETS["attribute"],
    folded=column_name,
    claims=claims,
    is_column=True,
    is_read_by_code=True,
    is_async=True,
    rename=rename,
    loses=loses,
    unsupported=unsupported,
    asks_when_made=asks_when_made,
    asks_when_updated=asks_when_updated,
    asks_when_converted=asks_when_converted,
    holds_values=True,
    listed="attributes",
    listed_item=SHAPE,
    is_one=lambda raw: raw["type"] != "relationship",
    sent_together=True,
    inline=inline,
    schema_places=of_its_collection,
    routes=tuple(_routes()),
    left_out={**LEFT_OUT, "type": "the method that declares it", "format": "the method that declares it"},
    declaring=_Declaring(
        "attribute",
        AttributeDeclaration,
        "`collection.string(…)`, `.integer(…)` and so on, one method for each type",
    ),
    terraform_types=("appwrite_tablesdb_column", "appwrite_database_column", "appwrite_column"),
    terraform_path=("database_id", "table_id", "key"),
)

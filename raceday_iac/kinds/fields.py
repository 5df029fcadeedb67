"""The fields of a kind, each named once: in the pydantic model of what a stack file may say.

A `Wire` beside the type of a field says how it travels to Appwrite and back. From that come the fields in canonical
form, the bodies of requests and the shape of answers. A field without a `Wire` travels under its own name in camelCase.
What Appwrite makes of a schema's fields stands in `schema_rules`, which functions carry in their bundles.

The second half is how a declaration in a stack file becomes desired resources, by kind. A plain kind needs nothing but
its model.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from functools import cache, cached_property
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Protocol, TypeAlias, TypeVar, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from ..model.address import Address, owners
from ..model.declarations import Declared
from ..model.resource import CodeSource, Desired, Diagnostic, Fields, KeptCode, Live, Location, Resource, frozen
from ..model.secret import FromEnvironment, Lenient, Secret
from ..model.server import ServerFacts
from .base import Call, Shape, Wanted, thaw


def _same(value: Any) -> Any:
    return value


def _no_doubts(_value: Any) -> Iterator[str]:
    return iter(())


def as_set(values: Sequence[str]) -> tuple[str, ...]:
    """The values without duplicates, sorted."""
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
    is_answered: bool = True
    #: The first version of Appwrite that has it, and the first that has it no more; `instead` are the fields that mean
    #: the same to the others.
    since: str = ""
    until: str = ""
    instead: tuple[str, ...] = ()
    #: Whether one that is not said (None) is left as it is on the server.
    is_left: bool = False
    #: What a change leads to, in the reference, where that is more than the rest says.
    effect: str = ""
    #: Whether an empty text is said by leaving it out: Appwrite refuses one that is sent, and means one without it.
    is_unsaid_empty: bool = False
    #: What is doubtful of a value that has the right form: names that only Appwrite may know.
    doubts: Callable[[Any], Iterator[str]] = _no_doubts
    #: Whether its value is a `Secret`, which comes from the environment and of which the state keeps a fingerprint.
    is_secret: bool = False
    #: Whether an update has a request of its own for it (`Kind.follow_up`).
    is_apart: bool = False


@dataclass(frozen=True)
class Local:
    """A field that Appwrite never sees as such. `effect` is what a change of it leads to, in the reference."""

    effect: str


def secret_wire(send: Callable[[str], Any] = _same, **more: Any) -> Wire:
    """How a secret travels; `send` makes of its text what is sent."""
    return Wire(is_secret=True, json=(str, dict), is_answered=False, send=lambda value: send(value.reveal()), **more)


#: The id or key, which is part of the address.
IDENTITY = Local("another resource")


@dataclass(frozen=True)
class WireField:
    """A field of a model that travels."""

    attribute: str
    wire: Wire
    info: FieldInfo = member(compare=False)

    @cached_property
    def name(self) -> str:
        return self.wire.name or camel(self.attribute)

    @cached_property
    def request(self) -> str:
        return self.wire.request or self.name

    @cached_property
    def answer(self) -> str:
        return self.wire.answer or self.name

    @cached_property
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


@cache
def identity(model: type[Declared]) -> str:
    """The name of the field that is the last part of the address."""
    return next(name for name, info in model.model_fields.items() if _said(info, Local) is IDENTITY)


def positional(model: type[Declared]) -> list[str]:
    """The fields that a stack file gives by position: the id or key, then others that have no default."""
    rest = [name for name, info in model.model_fields.items() if info.init is False and info.is_required()]
    first = [] if model.only else [identity(model)]
    return [*first, *(name for name in rest if name != identity(model))]


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are written alike: `1` is not `True`."""
    return type(one) is type(other) and bool(one == other)


def effect(model: type[Declared], name: str, in_place: Collection[str]) -> str:
    """What a change of a declared field leads to, in words; `in_place` are those that an update can change."""
    info = model.model_fields[name]
    local, wire = _said(info, Local), _said(info, Wire) or Wire()
    if local:
        return str(local.effect)
    return str(wire.effect or ("in place" if (wire.name or camel(name)) in in_place else "replaced"))


def unordered(*models: type[Declared]) -> frozenset[str]:
    """The fields where Appwrite means a set."""
    return frozenset(each.name for model in models for each in wire_fields(model) if each.wire.is_set)


def canonical(declared: Declared) -> dict[str, Any]:
    """The declared values in canonical form: the form that is compared and stored."""
    values = ((each, getattr(declared, each.attribute)) for each in wire_fields(type(declared)))
    return {each.name: _canonical(each, value) for each, value in values if value is not None or not each.wire.is_left}


def parsed(model: type[Declared], raw: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an answer in canonical form. A field that is missing has the value of a stack that does not set
    it."""
    found: dict[str, Any] = {}
    for each in wire_fields(model):
        value = raw.get(each.answer)
        if each.wire.is_secret:
            found |= {each.name: Secret(value)} if value else {}
            continue
        if value is None and (each.info.is_required() or each.wire.is_left):
            continue
        found[each.name] = canonical_default(each) if value is None else _canonical(each, value)
    return found


def canonical_default(field: WireField) -> Any:
    """The value of a field that the stack does not set."""
    return _canonical(field, field.info.get_default(call_default_factory=True))


def _canonical(field: WireField, value: Any) -> Any:
    return field.wire.canonical(tuple(value) if isinstance(value, list) else value)


def body(model: type[Declared], fields: Fields) -> dict[str, Any]:
    """Fields as a request holds them."""
    said = thaw(fields)
    return {
        each.request: each.wire.send(said[each.name])
        for each in wire_fields(model)
        if each.name in said and not (each.wire.is_unsaid_empty and not said[each.name])
    }


def fitted(model: type[Declared], fields: Fields, server: ServerFacts) -> Fields:
    """Fields in the words of a server: what it does not have is left out, or said by what it has instead."""
    strange = [each for each in wire_fields(model) if each.name in fields and not is_known(each.wire, server)]
    if not strange:
        return fields
    found = {name: value for name, value in fields.items() if name not in {each.name for each in strange}}
    for each in strange:
        for name in each.wire.instead:
            found.setdefault(name, fields[each.name])
    return frozen(found)


def unfitted(model: type[Declared], fields: Fields, server: ServerFacts) -> Iterator[str]:
    """What of the fields the words of a server cannot say, each with the reason. What a field is without being said
    asks nothing of a server."""
    found = fitted(model, fields, server)
    for each in wire_fields(model):
        if each.name not in fields or is_known(each.wire, server) or fields[each.name] == canonical_default(each):
            continue
        if each.wire.instead and all(found[name] == fields[each.name] for name in each.wire.instead):
            continue
        if not each.info.is_required() and fields[each.name] == canonical_default(each):
            # Nobody asks for anything.
            continue
        when = f"since {each.wire.since}" if each.wire.since else f"before {each.wire.until}"
        taken = {name: found[name] for name in each.wire.instead}
        rest = "".join(f"; its {name} will be {value}" for name, value in taken.items()) or "; it is left out"
        yield f"{each.attribute} {fields[each.name]!r} is only known to Appwrite {when}, and this is {server}{rest}"


def is_known(wire: Wire, server: ServerFacts) -> bool:
    """Whether a server has a field."""
    return (not wire.since or server.is_since(wire.since)) and not (wire.until and server.is_since(wire.until))


def carried(
    models: Sequence[type[Declared]], known: Collection[str], left_out: Collection[str], raw: Mapping[str, Any]
) -> Fields:
    """What of an answer goes back with an update that replaces everything: fields that are not declared, also those
    that no version of ours knows. What is empty is what a reset would make of it; of an unknown field, nobody can say
    that but of a text."""
    fields = [each for model in models for each in wire_fields(model)]
    always = {each.answer for each in fields if each.wire.is_secret or not each.wire.is_left}
    known = {*known, *(each.answer for each in fields)}
    return frozen(
        {
            name: value
            for name, value in raw.items()
            if not name.startswith("$")
            and name not in always
            and name not in left_out
            and value not in (None, "")
            and (value or name not in known)
        }
    )


def answered(*models: type[Declared]) -> dict[str, Wanted]:
    """What every answer must hold for the fields of the models."""
    return {each.answer: each.json for model in models for each in wire_fields(model) if each.wire.is_answered}


def may_be_answered(model: type[Declared]) -> dict[str, Wanted]:
    """What an answer may hold beside that."""
    return {each.answer: each.json for each in wire_fields(model) if not each.wire.is_answered}


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
        # An update resets what it omits: what is not ours is sent back as it was, also a secret.
        wired = wire_fields(self._model)
        kept = {each.name: live.fields[each.name] for each in wired if each.wire.is_secret and each.name in live.fields}
        apart = {each.request for each in wired if each.wire.is_apart}
        said = {**thaw(live.carried), **body(self._model, {**kept, **fields})}
        return Call("put", self._path(address), {k: v for k, v in said.items() if k not in apart}, self._shape)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002 - same shape for every kind
        return Call("delete", self._path(address))

    def read(self, address: Address) -> Call:
        return Call("get", self._path(address), answer=self._shape)


Model = TypeVar("Model", bound=Declared)


class Environment(Protocol):
    """What the environment says that is of interest to a kind."""

    @property
    def schedules(self) -> bool: ...

    @property
    def build_patience(self) -> float: ...


class Work(Protocol):
    """A stack that is being resolved: what a kind may ask of it, and where it puts what it found."""

    @property
    def environment(self) -> Environment: ...

    @property
    def root(self) -> Path:
        """The folder that code paths are relative to."""

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables of this machine."""

    @property
    def keep_deployments(self) -> int: ...

    @property
    def resources(self) -> Mapping[Address, Resource]: ...

    @property
    def code(self) -> dict[Address, CodeSource]: ...

    @property
    def kept_code(self) -> dict[Address, KeptCode]: ...

    @property
    def attempted(self) -> set[Address]:
        """Addresses of all declarations so far, also of those that turned out wrong."""

    @property
    def problems(self) -> list[Diagnostic]: ...

    def check(
        self, model: type[Model], arguments: Mapping[str, Any], address: Address, location: Location
    ) -> Model | None:
        """The checked declaration, or None after a complaint."""

    def complain(self, address: Address, location: Location, message: str) -> None: ...

    def put(
        self,
        address: Address,
        fields: Mapping[str, Any],
        depends_on: tuple[Address, ...],
        location: Location,
        model: Declared,
    ) -> None:
        """Keep a wanted resource."""

    def with_override(self, address: Address, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with what the environment says instead."""


@dataclass(frozen=True)
class Checked:
    """A stack whose declarations are right each by itself: what they want, and what was written, by address. `broken`
    are those that have a problem of their own: what refers to them gets no second one."""

    desired: Desired
    members: Mapping[Address, Declared]
    broken: Collection[Address] = ()


@dataclass(frozen=True)
class Called:
    """A call of the stack language that declares a live resource: the method, whose handle it is called on (None: the
    stack's own), and the arguments. What the language assumes anyway is left out of `keywords`."""

    address: Address
    method: str
    owner: Address | None
    positional: tuple[Any, ...]
    keywords: Mapping[str, Any]
    #: Whether it takes a line for each argument, however short it is.
    is_long: bool = False


class Beside(Protocol):
    """What is declared together with a resource."""

    def of(self, kind: str, owner: Address) -> Sequence[Live]:
        """Live resources of a kind that lie in another."""

    def secret_of(self, live: Live, name: str) -> FromEnvironment | None:
        """Where a field that is secret is to come from."""

    def value_of(self, live: Live) -> str | FromEnvironment:
        """The value of a variable, or where a secret one is to come from."""


#: An entry of a file of Appwrite's command line.
Entry: TypeAlias = Mapping[str, Any]
#: The newest such command line whose files we know.
NEWEST_CLI = 25


class Reading(Beside, Protocol):
    """A file that is being read, and where what it says goes."""

    @property
    def resources(self) -> dict[Address, Live]: ...

    @property
    def notes(self) -> dict[Address, str]:
        """What a person should read beside a declaration."""

    @property
    def far_sides(self) -> list[Live]:
        """Relationships as their far sides show them."""

    def remark(self, subject: object, message: str) -> None:
        """Report something that cannot be imported."""

    def leave_out(self, declaring: Declaring, raw: Entry, subject: object, reason: str) -> None:
        """Report that an entry cannot be imported, with everything in it."""

    def fitting(self, declaring: Declaring, raw: Entry, address: Address) -> dict[str, Any] | None:
        """The values of an entry that fit their fields; the rest is reported. None where that is not enough."""

    def code_at(self, path: str, entrypoint: str) -> str:
        """A folder that the file names, relative to the stack's root; empty where it does not hold the entrypoint."""


@dataclass(frozen=True)
class Writing:
    """A file that is to be written: the folder that it will lie in, and the version of the command line it is for."""

    folder: Path
    cli: int = NEWEST_CLI


class Declaring:
    """What a stack file says of one kind: `model` are its fields, `call` how it is declared, for the reference."""

    def __init__(self, kind: str, model: type[Declared], call: str) -> None:
        self.kind, self.model, self.call = kind, model, call

    @cached_property
    def ages(self) -> bool:
        """Whether some of its fields are only known to some versions of Appwrite."""
        return any(each.wire.since or each.wire.until for model in self.models for each in wire_fields(model))

    def instead(self, name: str) -> frozenset[str]:
        """What means the same as a field to servers of another age."""
        fields = (each for model in self.models for each in wire_fields(model) if each.name == name)
        return frozenset().union(*(each.wire.instead for each in fields))

    @cached_property
    def has_doubts(self) -> bool:
        """Whether it has values that only Appwrite can check."""
        return any(each.wire.doubts is not _no_doubts for model in self.models for each in wire_fields(model))

    def doubts(self, fields: Fields) -> Iterator[str]:
        """Notes on values that only Appwrite can check."""
        for each in wire_fields(self.model_of(fields)):
            if each.name in fields:
                yield from each.wire.doubts(fields[each.name])

    @property
    def models(self) -> tuple[type[Declared], ...]:
        """All models, where the kind has several types."""
        return (self.model,)

    def address_of(self, owner: tuple[str, ...], written: Mapping[str, Any]) -> Address:
        """The address of a declaration."""
        return Address(self.kind, "/".join((*owner, str(written[identity(self.model)]))))

    def put(self, work: Work, owner: tuple[str, ...], written: Mapping[str, Any], location: Location) -> None:
        """Check one declaration, and add the resources that it wants."""
        address = self.address_of(owner, written)
        given = self.revealed(work, address, work.with_override(address, dict(written)), location)
        if given is None:
            return
        arguments = self.prepare(work, address, given, written, location)
        declared = work.check(self.model_of(arguments), self.checked(arguments), address, location)
        if declared is None:
            return
        fields = self.fields(declared, address, work.resources)
        before = [each for each in self.follows if each in work.resources]
        depends_on = (*self.depends_on(address, declared, work.resources), *before)
        work.put(address, fields, depends_on, location, declared)
        self.put_more(work, address, declared, location)

    @cached_property
    def has_secrets(self) -> bool:
        """Whether some of its fields hold secrets."""
        return any(each.wire.is_secret for model in self.models for each in wire_fields(model))

    def secrets(self, arguments: Mapping[str, Any]) -> tuple[WireField, ...]:
        """The fields that hold secrets."""
        return tuple(each for each in wire_fields(self.model_of(arguments)) if each.wire.is_secret)

    def revealed(
        self, work: Work, address: Address, arguments: dict[str, Any], location: Location
    ) -> dict[str, Any] | None:
        """The arguments with their secrets from the environment; None after a complaint."""
        found, is_right = dict(arguments), True
        for each in self.secrets(arguments) if self.has_secrets else ():
            given = arguments.get(each.attribute)
            if isinstance(given, FromEnvironment) and given.name in work.variables:
                found[each.attribute] = Secret(work.variables[given.name])
            elif isinstance(given, FromEnvironment) and isinstance(work.variables, Lenient):
                found[each.attribute] = Secret("", missing=given.name)
            elif isinstance(given, FromEnvironment):
                message = f"its {each.attribute} comes from the environment variable {given.name}, which is not set"
                work.complain(address, location, message)
                is_right = False
            elif given is not None:
                work.complain(address, location, f'{each.attribute}: it is a secret, so write FromEnvironment("NAME")')
                is_right = False
        if not is_right:
            work.attempted.add(address)
        return found if is_right else None

    def prepare(
        self,
        work: Work,  # noqa: ARG002 - for kinds that need more than the arguments
        address: Address,  # noqa: ARG002
        arguments: dict[str, Any],
        written: Mapping[str, Any],  # noqa: ARG002
        location: Location,  # noqa: ARG002
    ) -> dict[str, Any]:
        """The arguments as they are to be checked; `written` are those without what the environment says."""
        return arguments

    def model_of(self, arguments: Mapping[str, Any]) -> type[Declared]:  # noqa: ARG002
        return self.model

    def checked(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments that the model knows."""
        return arguments

    def fields(self, declared: Declared, address: Address, resources: Mapping[Address, Resource]) -> Fields:  # noqa: ARG002
        """What is wanted, in canonical form; `resources` are those of earlier stages."""
        return canonical(declared)

    def depends_on(
        self,
        address: Address,
        declared: Declared,  # noqa: ARG002
        resources: Mapping[Address, Resource],  # noqa: ARG002
    ) -> tuple[Address, ...]:
        """What has to exist before this."""
        return tuple(owners(address)[-1:])

    def problems(self, stack: Checked) -> Iterator[Diagnostic]:  # noqa: ARG002
        """What is wrong with the declarations of this kind when they are seen together."""
        yield from ()

    def called(self, live: Live, beside: Beside) -> Called | None:
        """The call that declares a live resource; None of what is declared along with another. Raises ValueError where
        the language cannot say it."""
        address, model = live.address, self.model_of(live.fields)
        named, first = self.identified(live), [each for each in positional(model) if each != identity(model)]
        arguments = dict(self.arguments(live, beside))
        keywords = {name: arguments[name] for name in arguments if name not in first}
        said = (*named, *(arguments[name] for name in first))
        return Called(address, self.method(live), next(iter(owners(address)[-1:]), None), said, keywords, self.is_long)

    def identified(self, live: Live) -> tuple[Any, ...]:
        """What names it in a call."""
        return () if self.model_of(live.fields).only else (live.address.name,)

    #: Whether its calls take a line for each argument.
    is_long = False

    def method(self, live: Live) -> str:  # noqa: ARG002
        return self.kind

    def arguments(self, live: Live, beside: Beside) -> Iterator[tuple[str, Any]]:
        """What a stack file says to have this resource: required fields, and others that are not as assumed. Raises
        ValueError where the server has no value of a required one."""
        model = self.model_of(live.fields)
        names = {each.attribute: each.name for each in wire_fields(model)}
        missing = []
        for name, info in model.model_fields.items():
            is_absent = name in names and names[name] not in live.fields
            if is_absent and not info.is_required():
                continue
            value = live.fields.get(names[name]) if name in names else self.local(name, live, beside)
            if name in names or value is not None:
                value = self.as_written(name, value, live, beside)
                if is_absent and value is None:
                    missing.append(names[name])
                elif info.is_required() or not is_same(value, info.get_default(call_default_factory=True)):
                    yield info.alias or name, value
        if missing:
            raise ValueError(f"it has no {' and no '.join(missing)}, which a declaration needs")

    def local(self, name: str, live: Live, beside: Beside) -> Any:  # noqa: ARG002
        """What a stack file would say of a field that Appwrite never sees; None for nothing."""
        return None

    def as_written(self, name: str, value: Any, live: Live, beside: Beside) -> Any:
        """The value of a field as a person would write it: of a secret, where it comes from."""
        found = next((each for each in self.secrets(live.fields) if each.attribute == name), None)
        return value if found is None else beside.secret_of(live, found.name)

    #: What it waits for, where that is declared.
    follows: tuple[Address, ...] = ()
    #: Lists of an `appwrite.json` that hold it, in each age of such files: of the file, or of what it lies in.
    file_lists: tuple[str, ...] = ()
    #: What newer or older files call it, and what answers do.
    file_words: Mapping[str, str] = {}
    #: What such an entry may hold beside that, of no consequence for what is live: what a server added to its answers.
    file_silent: frozenset[str] = frozenset({"$id", "key", "$createdAt", "$updatedAt", "status", "error"})
    #: Lists and mappings of an entry that hold what has a name of its own.
    file_holds: tuple[str, ...] = ()
    #: Of fields that do not go together, those that give way, the weakest first.
    file_weak: tuple[str, ...] = ()
    #: Fields that no version of that command line knows.
    file_unsaid: frozenset[str] = frozenset()
    #: Fields without which the rest means something else.
    file_kept: tuple[str, ...] = ()

    def is_one_in_file(self, raw: Entry) -> bool:  # noqa: ARG002
        """Whether an entry is of this kind, where several share a list."""
        return True

    def file_defaults(self, raw: Entry, address: Address) -> Mapping[str, Any]:
        """Appwrite's values for what an entry leaves out, where they are not those of the model."""
        return {"name": address.name} if "name" in self.model_of(raw).model_fields else {}

    def read_file(self, raw: Entry, owner: tuple[str, ...], reading: Reading) -> Live | None:
        """What an entry of an `appwrite.json` would be live; None after a remark, or where it is another kind's."""
        address = Address(self.kind, "/".join((*owner, str(raw.get("$id") or raw.get("key")))))
        said = reading.fitting(self, raw, address)
        return None if said is None else Live(address, frozen(parsed(self.model_of(raw), said)))

    def write_file(self, resource: Resource, desired: Desired, to: Writing) -> dict[str, Any]:  # noqa: ARG002
        """The entry of an `appwrite.json`."""
        fields = thaw(resource.fields)
        said = [each for each in wire_fields(self.model) if each.name in fields and each.name not in self.file_unsaid]
        return {"$id": resource.address.name, **{each.answer: fields[each.name] for each in said}}

    def write_beside(self, owner: Address, desired: Desired, to: Writing) -> Iterator[dict[str, Any]]:  # noqa: ARG002
        """Entries of the same list that belong to something elsewhere."""
        yield from ()

    def lost_in_file(self, resource: Resource, desired: Desired, to: Writing) -> Iterator[str]:  # noqa: ARG002
        """What a stack declares of a resource but the file cannot hold."""
        if not self.file_lists:
            yield f"this file format has no {self.kind.replace('_', ' ')}s"
        for each in wire_fields(self.model):
            if each.name in self.file_unsaid and resource.fields.get(each.name) != canonical_default(each):
                yield f"{each.name} cannot be written to this format"

    #: Where the `settings` of such a file hold it; empty where they do not.
    file_settings_at: tuple[str, ...] = ()

    def read_setting(self, word: str, value: Any) -> Iterator[Live]:  # noqa: ARG002
        """What a word of the settings says. Raises ValueError where its value is of no use."""
        yield from ()

    def write_setting(self, resource: Resource, to: Writing) -> Iterator[tuple[str, Any]]:  # noqa: ARG002
        """Words of the settings, with their values; lists of several resources become one."""
        yield from ()

    def knows_setting(self, word: str) -> bool:  # noqa: ARG002
        """Whether a word of the settings is about it."""
        return False

    def put_more(self, work: Work, address: Address, declared: Declared, location: Location) -> None:
        """Put what is declared along with it."""

"""How a declaration in a stack file becomes wanted resources, by kind. A plain kind needs nothing but its model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..model.address import Address, owners
from ..model.declarations import Declared
from ..model.problem import Diagnostic, Location
from ..model.resource import CodeSource, Desired, Fields, Live, Resource
from ..model.secret import FromEnvironment
from .fields import canonical, identity, is_same, positional, wire_fields

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
    def code(self) -> dict[str, CodeSource]: ...

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

    def value_of(self, live: Live) -> str | FromEnvironment:
        """The value of a variable, or where a secret one is to come from."""


class Reading(Protocol):
    """An `appwrite.json` that is being read, and where what it says goes."""

    @property
    def resources(self) -> dict[Address, Live]: ...

    @property
    def notes(self) -> dict[Address, str]:
        """What a person should read beside a declaration."""

    def remark(self, subject: object, message: str) -> None:
        """Tell what cannot come along."""


class Declaring:
    """What a stack file says of one kind: `model` are its fields, `call` how it is declared, for the reference."""

    def __init__(self, kind: str, model: type[Declared], call: str) -> None:
        self.kind, self.model, self.call = kind, model, call

    @property
    def models(self) -> tuple[type[Declared], ...]:
        """All models, where the kind has several types."""
        return (self.model,)

    def put(self, work: Work, owner: tuple[str, ...], written: Mapping[str, Any], location: Location) -> None:
        """Check one declaration, and put what it wants."""
        address = Address(self.kind, "/".join((*owner, str(written[identity(self.model)]))))
        arguments = self.prepare(work, address, work.with_override(address, dict(written)), written, location)
        declared = work.check(self.model_of(arguments), self.checked(arguments), address, location)
        if declared is None:
            return
        fields = self.fields(declared, address, work.resources)
        work.put(address, fields, self.depends_on(address, declared), location, declared)
        self.put_more(work, address, declared, location)

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

    def depends_on(self, address: Address, declared: Declared) -> tuple[Address, ...]:  # noqa: ARG002
        """What has to exist before this."""
        return tuple(owners(address)[-1:])

    def problems(self, stack: Checked) -> Iterator[Diagnostic]:  # noqa: ARG002
        """What is wrong with the declarations of this kind when they are seen together."""
        yield from ()

    def called(self, live: Live, beside: Beside) -> Called | None:
        """The call that declares a live resource; None of what is declared along with another. Raises ValueError where
        the language cannot say it."""
        address, model = live.address, self.model_of(live.fields)
        first = [*positional(model)][1:]
        arguments = dict(self.arguments(live, beside))
        keywords = {name: arguments[name] for name in arguments if name not in first}
        said = (address.name, *(arguments[name] for name in first))
        return Called(address, self.method(live), next(iter(owners(address)[-1:]), None), said, keywords, self.is_long)

    #: Whether its calls take a line for each argument.
    is_long = False

    def method(self, live: Live) -> str:  # noqa: ARG002
        return self.kind

    def arguments(self, live: Live, beside: Beside) -> Iterator[tuple[str, Any]]:
        """What a stack file says to have this resource: required fields, and others that are not as assumed."""
        model = self.model_of(live.fields)
        names = {each.attribute: each.name for each in wire_fields(model)}
        for name, info in model.model_fields.items():
            value = live.fields.get(names[name]) if name in names else self.local(name, live, beside)
            if name in names or value is not None:
                value = self.as_written(name, value, live, beside)
                if info.is_required() or not is_same(value, info.get_default(call_default_factory=True)):
                    yield info.alias or name, value

    def local(self, name: str, live: Live, beside: Beside) -> Any:  # noqa: ARG002
        """What a stack file would say of a field that Appwrite never sees; None for nothing."""
        return None

    def as_written(self, name: str, value: Any, live: Live, beside: Beside) -> Any:  # noqa: ARG002
        """The value of a field as a person would write it."""
        return value

    #: Lists of an `appwrite.json` that hold it, in each age of such files: of the file, or of what it lies in.
    file_lists: tuple[str, ...] = ()
    #: What newer files call it, and what we do.
    file_words: Mapping[str, str] = {}

    def read_file(self, raw: Mapping[str, Any], owner: tuple[str, ...], reading: Reading) -> Live | None:
        """What an entry of an `appwrite.json` would be live; None after a remark, or where it is another kind's."""
        raise NotImplementedError(f"no file has a list of a {self.kind}")

    def write_file(self, resource: Resource, desired: Desired, folder: Path) -> dict[str, Any]:
        """The entry of an `appwrite.json` that will lie in `folder`."""
        raise NotImplementedError(f"no file has a list of a {self.kind}")

    def write_beside(self, owner: Address, desired: Desired) -> Iterator[dict[str, Any]]:  # noqa: ARG002
        """Entries of the same list that belong to something elsewhere."""
        yield from ()

    def lost_in_file(self, resource: Resource, desired: Desired) -> Iterator[str]:  # noqa: ARG002
        """What a stack says of one and such a file cannot."""
        yield from ()

    def put_more(self, work: Work, address: Address, declared: Declared, location: Location) -> None:
        """Put what is declared along with it."""

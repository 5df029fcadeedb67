"""How a declaration in a stack file becomes wanted resources, by kind. A plain kind needs nothing but its model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..model.address import Address, owners
from ..model.declarations import Declared
from ..model.problem import Diagnostic, Location
from ..model.resource import CodeSource, Fields, Resource
from .fields import canonical, identity

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

    def put_more(self, work: Work, address: Address, declared: Declared, location: Location) -> None:
        """Put what is declared along with it."""

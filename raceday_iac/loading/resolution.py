"""What checking a stack has gathered so far, and the steps that all kinds of declarations share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ..counting import counted
from ..model import declarations as declared
from ..model.address import Address
from ..model.desired import CodeSource
from ..model.limits import shown
from ..model.problem import Location, Problem
from ..model.resource import Resource, frozen
from ..model.stack import Declaration
from .environment import Environment

Model = TypeVar("Model", bound=declared.Declared)


@dataclass
class Resolution:
    """Wanted resources and the mistakes found on the way. `root` is the folder that code paths are relative to."""

    environment: Environment
    root: Path
    variables: Mapping[str, str]
    keep_deployments: int
    resources: dict[Address, Resource] = field(default_factory=dict)
    code: dict[str, CodeSource] = field(default_factory=dict)
    members: dict[Address, declared.Declared] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    overridden: set[str] = field(default_factory=set)
    #: Addresses of all declarations, also of those that turned out wrong.
    attempted: set[Address] = field(default_factory=set)

    def check(
        self, model: type[Model], arguments: Mapping[str, Any], address: Address, location: Location
    ) -> Model | None:
        """The checked declaration, or None after a complaint."""
        self.attempted.add(address)
        try:
            return model.model_validate({key: _hardened(value) for key, value in arguments.items()})
        except ValidationError as error:
            for issue in error.errors():
                self.complain(address, location, _sentence(issue))
            return None

    def checked(self, model: type[Model], declaration: Declaration, address: Address) -> Model | None:
        """The checked declaration of one whose arguments need nothing done to them but what the environment says."""
        arguments = self.with_override(address, dict(declaration.arguments))
        return self.check(model, arguments, address, declaration.location)

    def complain(self, address: Address, location: Location, message: str) -> None:
        """A problem of a declaration; where an override had its say, it is the place to look."""
        if str(address) in self.overridden:
            message = f"{message} (declared at {location}, overridden here)"
            location = self.override_place(str(address))
        self.problems.append(Problem(location, str(address), message))

    def put(
        self,
        address: Address,
        fields: Mapping[str, Any],
        depends_on: tuple[Address, ...],
        location: Location,
        model: declared.Declared,
    ) -> None:
        """Keep a wanted resource; a second one of the same address is a mistake."""
        if address in self.resources:
            first = self.resources[address].location
            self.problems.append(Problem(location, str(address), f"declared twice; the first is at {first}"))
            return
        self.resources[address] = Resource(address, frozen(fields), depends_on, location)
        self.members[address] = model

    def with_override(self, address: Address, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with what the environment says instead."""
        override = self.environment.overrides.get(str(address))
        if override is None:
            return arguments
        self.overridden.add(str(address))
        unknown = sorted(set(override) - set(arguments) | {"id", "key"} & set(override))
        for name in unknown:
            message = f"{name!r} cannot be overridden; what can: {', '.join(sorted(set(arguments) - {'id', 'key'}))}"
            self.problems.append(Problem(self.override_place(str(address)), str(address), message))
        return {**arguments, **{name: value for name, value in override.items() if name not in unknown}}

    def unused_overrides(self) -> list[Problem]:
        """Overrides of what the stack does not declare."""
        unused = sorted(set(self.environment.overrides) - self.overridden)
        message = "overrides a resource that the stack does not declare"
        return [Problem(self.override_place(name), name, message) for name in unused]

    def override_place(self, name: str) -> Location:
        """Where in the environment file an override is written."""
        path = Path(self.environment.file)
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        key = re.compile(rf"\s+[\"']?{re.escape(name)}[\"']?\s*:")
        found = [number for number, line in enumerate(lines, 1) if key.match(line)]
        return Location(str(path) if lines else f"environments/{self.environment.name}.yaml", found[0] if found else 0)


def _hardened(value: Any) -> Any:
    """Lists become tuples: declarations are immutable, and strict models take no lists for tuples."""
    if isinstance(value, list | tuple):
        return tuple(_hardened(item) for item in value)
    if isinstance(value, set | frozenset):
        return tuple(sorted(value, key=str))
    return value


def _sentence(issue: Any) -> str:
    field = ".".join(str(part) for part in issue["loc"])
    if issue["type"] == "extra_forbidden":
        return f"unknown setting {field!r}"
    message = _limit(issue) or str(issue["msg"]).removeprefix("Value error, ")
    return f"{field}: {message}" if field else message


def _limit(issue: Any) -> str:
    """A broken limit: the value, the limit and what to do. Empty for every other mistake."""
    kind, context, given = issue["type"], issue.get("ctx", {}), issue["input"]
    if kind == "string_too_long":
        return f"{shown(given)} is longer than the {context['max_length']} characters that Appwrite takes; shorten it"
    if kind == "string_too_short":
        return f"{shown(given)} is too short; it needs {counted(context['min_length'], 'character')} or more"
    if kind == "too_long":
        return f"{context['actual_length']} items are more than the {context['max_length']} that are taken; drop some"
    if kind == "too_short":
        return f"it needs {counted(context['min_length'], 'item')} or more"
    if kind in _BOUNDS:
        name, comparison = _BOUNDS[kind]
        return f"{given} has to be {comparison} {context[name]}"
    return ""


_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}

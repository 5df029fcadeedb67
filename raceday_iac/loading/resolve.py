"""Check a stack's declarations together and turn them into wanted resources. Collects every mistake; sends nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ..errors import StackError
from ..kinds import KINDS
from ..kinds.attribute import EXTRA_FIELDS, canonical_bound, canonical_default
from ..kinds.collection import expand_permissions
from ..kinds.index import canonical_lengths, canonical_orders
from ..model import declarations as declared
from ..model.address import (
    Address,
    collection_address,
    database_address,
    function_address,
    variable_address,
)
from ..model.desired import CodeSource, Desired
from ..model.problem import Location, Problem
from ..model.resource import Resource, Tombstone, frozen
from ..model.secret import Secret
from ..model.stack import KEEP, Declaration, FromEnvironment, Lock, Probe, Stack
from .consistency import consistency_problems
from .environment import Environment
from .lifecycle import resolve_lifecycle
from .nested import nested_settings
from .thresholds import checked_thresholds, threshold_problems

_Model = TypeVar("_Model", bound=declared.Declared)


def resolve(stack: Stack, environment: Environment, root: Path, variables: Mapping[str, str] = os.environ) -> Desired:
    """The wanted resources. `root` is the folder that code paths are relative to.

    Raises StackError with all mistakes found.
    """
    work = _Resolution(environment, root, variables, stack.keep_deployments)
    # By stage, so that the order of writing does not matter: an index has to know its attributes.
    for declaration in sorted(stack.declarations, key=lambda each: KINDS[each.kind].stage):
        work.add(declaration)
    tombstones = work.tombstones(stack)
    broken = work.attempted - set(work.resources)
    lifecycle, problems = resolve_lifecycle(stack, work.resources, tombstones)
    work.problems += problems
    desired = Desired(
        stack.name,
        work.resources,
        tombstones,
        work.code,
        stack.lock_store,
        stack.expected_variables,
        lifecycle=lifecycle,
        thresholds=checked_thresholds(stack),
    )
    work.problems += threshold_problems(stack)
    work.problems += consistency_problems(desired, work.members, broken)
    work.problems += work.unused_overrides()
    if work.problems:
        raise StackError(sorted(set(work.problems)))
    return desired


@dataclass
class _Resolution:
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

    def add(self, declaration: Declaration) -> None:
        handlers: dict[str, Callable[[Declaration], None]] = {
            "function": self._function,
            "database": self._database,
            "collection": self._collection,
            "attribute": self._attribute,
            "relationship": self._relationship,
            "index": self._index,
        }
        handlers[declaration.kind](declaration)

    def tombstones(self, stack: Stack) -> dict[Address, Tombstone]:
        found: dict[Address, Tombstone] = {}
        for absence in stack.absences:
            try:
                address = Address.parse(absence.address)
            except ValueError as error:
                self.problems.append(Problem(absence.location, absence.address, str(error)))
                continue
            if address.kind not in KINDS:
                message = f"unknown kind {address.kind!r}{declared.nearest(address.kind, KINDS)}"
                self.problems.append(Problem(absence.location, absence.address, message))
            elif address in self.resources:
                place = self.resources[address].location
                message = f"declared absent here, but also declared to exist at {place}"
                self.problems.append(Problem(absence.location, absence.address, message))
            found[address] = Tombstone(address, absence.reason, absence.location)
        return found

    def unused_overrides(self) -> list[Problem]:
        unused = sorted(set(self.environment.overrides) - self.overridden)
        message = "overrides a resource that the stack does not declare"
        return [Problem(self._override_place(name), name, message) for name in unused]

    def _override_place(self, name: str) -> Location:
        """Where in the environment file an override is written."""
        path = Path(self.environment.file)
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        key = re.compile(rf"\s+[\"']?{re.escape(name)}[\"']?\s*:")
        found = [number for number, line in enumerate(lines, 1) if key.match(line)]
        return Location(str(path) if lines else f"environments/{self.environment.name}.yaml", found[0] if found else 0)

    # One method per kind: check the declaration, put the canonical fields.

    def _function(self, declaration: Declaration) -> None:
        arguments = dict(declaration.arguments)
        address = function_address(str(arguments["id"]))
        arguments = self._overridden(address, arguments)
        if not isinstance(arguments["variables"], Mapping):
            message = "variables: must be a mapping of names to values"
            self._complain(address, declaration.location, message)
            arguments["variables"] = {}
        if not self.environment.schedules:
            arguments["schedule"] = ""
        lock, code, probe = arguments.pop("lock"), arguments.pop("code"), arguments.pop("probe")
        variables = self._variables(address, arguments.pop("variables"), declaration.location)
        lock = self._nested("lock", Lock, declared.LockDeclaration, lock, declaration, address)
        probe = self._nested("probe", Probe, declared.ProbeDeclaration, probe, declaration, address)
        if arguments["keep_deployments"] is None:
            arguments["keep_deployments"] = self.keep_deployments
        arguments["schema_of"] = arguments.pop("schema")
        arguments.update(lock=lock, probe=probe, code=None if code == KEEP else code, variables=tuple(variables))
        function = self._check(declared.FunctionDeclaration, arguments, address, declaration.location)
        if function is None:
            return
        fields = {
            "name": function.name,
            "runtime": function.runtime,
            "specification": function.specification,
            "execute": tuple(sorted(set(function.execute))),
            "events": tuple(sorted(set(function.events))),
            "schedule": function.schedule,
            "timeout": function.timeout,
            "enabled": function.enabled,
            "logging": function.logging,
            "entrypoint": function.entrypoint,
            "commands": function.commands,
            "scopes": tuple(sorted(set(function.scopes))),
        }
        self._put(address, fields, (), declaration.location, function)
        for variable in function.variables:
            self._variable(address, variable, declaration.location)
        if function.code is not None:
            self._code(function, declaration.location)

    def _nested(
        self,
        name: str,
        kind: type[Lock] | type[Probe],
        model: type[_Model],
        given: Any,
        declaration: Declaration,
        address: Address,
    ) -> _Model | None:
        """A setting that has settings of its own; None when there is none, or after a complaint."""
        if given is None:
            return None
        try:
            settings = nested_settings(name, kind, declaration.arguments[name], given)
        except ValueError as error:
            self._complain(address, declaration.location, str(error))
            return None
        return self._check(model, settings, address, declaration.location)

    def _variables(
        self, owner: Address, given: Mapping[str, str | FromEnvironment], location: Location
    ) -> list[declared.VariableDeclaration]:
        checked = []
        for key, value in given.items():
            address = variable_address(owner.path, key)
            override = self._overridden(address, {"value": value})["value"]
            if isinstance(override, FromEnvironment):
                if override.name not in self.variables:
                    message = f"its secret comes from the environment variable {override.name}, which is not set"
                    self.problems.append(Problem(location, str(address), message))
                    continue
                override = Secret(self.variables[override.name])
            model = self._check(declared.VariableDeclaration, {"key": key, "value": override}, address, location)
            if model is not None:
                checked.append(model)
        return checked

    def _variable(self, owner: Address, variable: declared.VariableDeclaration, location: Location) -> None:
        address = variable_address(owner.path, variable.key)
        fields = {"value": variable.value, "secret": isinstance(variable.value, Secret)}
        self._put(address, fields, (owner,), location, variable)

    def _code(self, function: declared.FunctionDeclaration, location: Location) -> None:
        folder = (self.root / str(function.code)).resolve()
        subject = str(function_address(function.id))
        if not folder.is_dir():
            self.problems.append(Problem(location, subject, f"code folder {function.code} does not exist"))
        elif not (folder / function.entrypoint).is_file():
            message = f"entrypoint {function.entrypoint} does not exist in {function.code}"
            self.problems.append(Problem(location, subject, message))
        self.code[function.id] = CodeSource(
            function.id,
            folder,
            function.entrypoint,
            function.commands,
            function.runtime,
            function.lock,
            function.schema_of,
            function.probe,
            function.keep_deployments,
            self.environment.build_patience,
        )
        if function.schema_of and database_address(function.schema_of) not in self.attempted:
            message = f"packs the schema of {function.schema_of!r}, which is not declared"
            self.problems.append(Problem(location, subject, message))

    def _database(self, declaration: Declaration) -> None:
        address = database_address(str(declaration.arguments["id"]))
        arguments = self._overridden(address, dict(declaration.arguments))
        database = self._check(declared.DatabaseDeclaration, arguments, address, declaration.location)
        if database is not None:
            fields = {"name": database.name, "enabled": database.enabled}
            self._put(address, fields, (), declaration.location, database)

    def _collection(self, declaration: Declaration) -> None:
        (database,) = declaration.owner
        address = collection_address(database, str(declaration.arguments["id"]))
        arguments = self._overridden(address, dict(declaration.arguments))
        collection = self._check(declared.CollectionDeclaration, arguments, address, declaration.location)
        if collection is not None:
            fields = {
                "name": collection.name,
                "permissions": expand_permissions(collection.permissions),
                "documentSecurity": collection.document_security,
                "enabled": collection.enabled,
            }
            self._put(address, fields, (database_address(database),), declaration.location, collection)

    def _attribute(self, declaration: Declaration) -> None:
        address = collection_address(*declaration.owner).child("attribute", str(declaration.arguments["key"]))
        arguments = self._overridden(address, dict(declaration.arguments))
        attribute = self._check(declared.AttributeDeclaration, arguments, address, declaration.location)
        if attribute is None:
            return
        fields: dict[str, Any] = {
            "type": attribute.type,
            "required": attribute.required,
            "default": canonical_default(attribute.type, attribute.default),
            "array": attribute.array,
        }
        for name in EXTRA_FIELDS.get(attribute.type, ()):
            value = getattr(attribute, name)
            fields[name] = canonical_bound(attribute.type, value) if name in ("min", "max") else value
        self._put(address, fields, (collection_address(*declaration.owner),), declaration.location, attribute)

    def _relationship(self, declaration: Declaration) -> None:
        address = collection_address(*declaration.owner).child("relationship", str(declaration.arguments["key"]))
        arguments = self._overridden(address, dict(declaration.arguments))
        relationship = self._check(declared.RelationshipDeclaration, arguments, address, declaration.location)
        if relationship is None:
            return
        database = declaration.owner[0]
        fields = {
            "relatedCollection": relationship.related,
            "relationType": relationship.type,
            "twoWay": relationship.two_way,
            "twoWayKey": relationship.two_way_key,
            "onDelete": relationship.on_delete,
        }
        owners = (collection_address(*declaration.owner), collection_address(database, relationship.related))
        self._put(address, fields, tuple(dict.fromkeys(owners)), declaration.location, relationship)

    def _index(self, declaration: Declaration) -> None:
        address = collection_address(*declaration.owner).child("index", str(declaration.arguments["key"]))
        arguments = self._overridden(address, dict(declaration.arguments))
        index = self._check(declared.IndexDeclaration, arguments, address, declaration.location)
        if index is None:
            return
        owner = collection_address(*declaration.owner)
        named = {name: owner.child("attribute", name) for name in index.attributes}
        arrays = {
            name for name, each in named.items() if each in self.resources and self.resources[each].fields["array"]
        }
        orders = [
            "ASC" if name in arrays else order for name, order in zip(index.attributes, index.orders, strict=False)
        ]
        fields = {
            "type": index.type,
            "attributes": index.attributes,
            "orders": canonical_orders(index.attributes, orders),
            "lengths": canonical_lengths(index.attributes, index.lengths, arrays),
        }
        owners = tuple(each for name, each in named.items() if not name.startswith("$"))
        depends = (owner, *owners)
        self._put(address, fields, depends, declaration.location, index)

    # Shared steps.

    def _check(
        self, model: type[_Model], arguments: Mapping[str, Any], address: Address, location: Location
    ) -> _Model | None:
        self.attempted.add(address)
        try:
            return model.model_validate({key: _hardened(value) for key, value in arguments.items()})
        except ValidationError as error:
            for issue in error.errors():
                self._complain(address, location, _sentence(issue))
            return None

    def _complain(self, address: Address, location: Location, message: str) -> None:
        """A problem of a declaration; where an override had its say, it is the place to look."""
        if str(address) in self.overridden:
            message = f"{message} (declared at {location}, overridden here)"
            location = self._override_place(str(address))
        self.problems.append(Problem(location, str(address), message))

    def _put(
        self,
        address: Address,
        fields: Mapping[str, Any],
        depends_on: tuple[Address, ...],
        location: Location,
        model: declared.Declared,
    ) -> None:
        if address in self.resources:
            first = self.resources[address].location
            self.problems.append(Problem(location, str(address), f"declared twice; the first is at {first}"))
            return
        self.resources[address] = Resource(address, frozen(fields), depends_on, location)
        self.members[address] = model

    def _overridden(self, address: Address, arguments: dict[str, Any]) -> dict[str, Any]:
        override = self.environment.overrides.get(str(address))
        if override is None:
            return arguments
        self.overridden.add(str(address))
        unknown = sorted(set(override) - set(arguments) | {"id", "key"} & set(override))
        for name in unknown:
            message = f"{name!r} cannot be overridden; what can: {', '.join(sorted(set(arguments) - {'id', 'key'}))}"
            self.problems.append(Problem(self._override_place(str(address)), str(address), message))
        return {**arguments, **{name: value for name, value in override.items() if name not in unknown}}


def _hardened(value: Any) -> Any:
    """Lists become tuples: declarations are immutable, and strict models take no lists for tuples."""
    if isinstance(value, list | tuple):
        return tuple(_hardened(item) for item in value)
    if isinstance(value, set | frozenset):
        return tuple(sorted(value, key=str))
    return value


def _sentence(issue: Any) -> str:
    field = ".".join(str(part) for part in issue["loc"])
    message = str(issue["msg"]).removeprefix("Value error, ")
    if issue["type"] == "extra_forbidden":
        return f"unknown setting {field!r}"
    return f"{field}: {message}" if field else message

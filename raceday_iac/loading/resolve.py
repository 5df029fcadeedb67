"""Check a stack's declarations together and turn them into wanted resources. Collects every mistake; sends nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ..counting import counted
from ..errors import StackError
from ..kinds import KINDS
from ..kinds.schema_rules import attribute_fields, index_fields
from ..model import declarations as declared
from ..model.address import Address, collection_address, database_address, function_address, variable_address
from ..model.lifecycle import DEFAULTS, Threshold
from ..model.limits import expand_permissions, shown
from ..model.local_time import read_local_time
from ..model.problem import Diagnostic, Location
from ..model.resource import CodeSource, Desired, Resource, Tombstone, frozen
from ..model.secret import Secret
from ..model.stack import KEEP, Declaration, FromEnvironment, Lock, Probe, Stack
from .consistency import consistency_problems
from .environment import Environment
from .lifecycle import resolve_lifecycle


def add_database(work: Resolution, declaration: Declaration) -> None:
    """Put the database."""
    address = database_address(str(declaration.arguments["id"]))
    database = work.checked(declared.DatabaseDeclaration, declaration, address)
    if database is not None:
        fields = {"name": database.name, "enabled": database.enabled}
        work.put(address, fields, (), declaration.location, database)


def add_collection(work: Resolution, declaration: Declaration) -> None:
    """Put the collection, with its permissions spelled out."""
    (database,) = declaration.owner
    address = collection_address(database, str(declaration.arguments["id"]))
    collection = work.checked(declared.CollectionDeclaration, declaration, address)
    if collection is not None:
        fields = {
            "name": collection.name,
            "permissions": expand_permissions(collection.permissions),
            "documentSecurity": collection.document_security,
            "enabled": collection.enabled,
        }
        work.put(address, fields, (database_address(database),), declaration.location, collection)


def add_attribute(work: Resolution, declaration: Declaration) -> None:
    """Put the attribute, with its bounds and default as the server keeps them."""
    address = collection_address(*declaration.owner).child("attribute", str(declaration.arguments["key"]))
    attribute = work.checked(declared.AttributeDeclaration, declaration, address)
    if attribute is None:
        return
    fields = attribute_fields(attribute.model_dump())
    work.put(address, fields, (collection_address(*declaration.owner),), declaration.location, attribute)


def add_relationship(work: Resolution, declaration: Declaration) -> None:
    """Put the relationship, which needs both collections."""
    address = collection_address(*declaration.owner).child("relationship", str(declaration.arguments["key"]))
    relationship = work.checked(declared.RelationshipDeclaration, declaration, address)
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
    work.put(address, fields, tuple(dict.fromkeys(owners)), declaration.location, relationship)


def add_index(work: Resolution, declaration: Declaration) -> None:
    """Put the index, with orders and lengths as the server keeps them. Its attributes come first."""
    address = collection_address(*declaration.owner).child("index", str(declaration.arguments["key"]))
    index = work.checked(declared.IndexDeclaration, declaration, address)
    if index is None:
        return
    owner = collection_address(*declaration.owner)
    named = {name: owner.child("attribute", name) for name in index.attributes}
    arrays = {name for name, each in named.items() if each in work.resources and work.resources[each].fields["array"]}
    fields = index_fields(index.model_dump(), arrays)
    owners = tuple(each for name, each in named.items() if not name.startswith("$"))
    depends = (owner, *owners)
    work.put(address, fields, depends, declaration.location, index)


def add_function(work: Resolution, declaration: Declaration) -> None:
    """Put the function, its variables and where its code is."""
    arguments = dict(declaration.arguments)
    address = function_address(str(arguments["id"]))
    arguments = work.with_override(address, arguments)
    if not isinstance(arguments["variables"], Mapping):
        message = "variables: must be a mapping of names to values"
        work.complain(address, declaration.location, message)
        arguments["variables"] = {}
    if not work.environment.schedules:
        arguments["schedule"] = ""
    lock, code, probe = arguments.pop("lock"), arguments.pop("code"), arguments.pop("probe")
    variables = _variables(work, address, arguments.pop("variables"), declaration.location)
    lock = _nested(work, "lock", Lock, declared.LockDeclaration, lock, declaration, address)
    probe = _nested(work, "probe", Probe, declared.ProbeDeclaration, probe, declaration, address)
    if arguments["keep_deployments"] is None:
        arguments["keep_deployments"] = work.keep_deployments
    arguments["schema_of"] = arguments.pop("schema")
    arguments.update(lock=lock, probe=probe, code=None if code == KEEP else code, variables=tuple(variables))
    function = work.check(declared.FunctionDeclaration, arguments, address, declaration.location)
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
    work.put(address, fields, (), declaration.location, function)
    for variable in function.variables:
        _variable(work, address, variable, declaration.location)
    if function.code is not None:
        _code(work, function, declaration.location)


def _nested(
    work: Resolution,
    name: str,
    kind: type[Lock] | type[Probe],
    model: type[Model],
    given: Any,
    declaration: Declaration,
    address: Address,
) -> Model | None:
    """A setting that has settings of its own; None when there is none, or after a complaint."""
    if given is None:
        return None
    try:
        settings = nested_settings(name, kind, declaration.arguments[name], given)
    except ValueError as error:
        work.complain(address, declaration.location, str(error))
        return None
    return work.check(model, settings, address, declaration.location)


def _variables(
    work: Resolution, owner: Address, given: Mapping[str, str | FromEnvironment], location: Location
) -> list[declared.VariableDeclaration]:
    checked = []
    for key, value in given.items():
        address = variable_address(owner.path, key)
        override = work.with_override(address, {"value": value})["value"]
        if isinstance(override, FromEnvironment):
            if override.name not in work.variables:
                message = f"its secret comes from the environment variable {override.name}, which is not set"
                work.problems.append(Diagnostic(location, str(address), message))
                continue
            override = Secret(work.variables[override.name])
        model = work.check(declared.VariableDeclaration, {"key": key, "value": override}, address, location)
        if model is not None:
            checked.append(model)
    return checked


def _variable(work: Resolution, owner: Address, variable: declared.VariableDeclaration, location: Location) -> None:
    address = variable_address(owner.path, variable.key)
    fields = {"value": variable.value, "secret": isinstance(variable.value, Secret)}
    work.put(address, fields, (owner,), location, variable)


def _code(work: Resolution, function: declared.FunctionDeclaration, location: Location) -> None:
    folder = (work.root / str(function.code)).resolve()
    subject = str(function_address(function.id))
    if not folder.is_dir():
        work.problems.append(Diagnostic(location, subject, f"code folder {function.code} does not exist"))
    elif not (folder / function.entrypoint).is_file():
        message = f"entrypoint {function.entrypoint} does not exist in {function.code}"
        work.problems.append(Diagnostic(location, subject, message))
    work.code[function.id] = CodeSource(
        function.id,
        folder,
        function.entrypoint,
        function.commands,
        function.runtime,
        function.lock,
        function.schema_of,
        function.probe,
        function.keep_deployments,
        work.environment.build_patience,
        function.ignore,
        function.include,
        _project_of(folder, work.root.resolve()),
    )
    if function.schema_of and database_address(function.schema_of) not in work.attempted:
        message = f"packs the schema of {function.schema_of!r}, which is not declared"
        work.problems.append(Diagnostic(location, subject, message))


def _project_of(folder: Path, root: Path) -> Path | None:
    """What links in a code folder may lead to: the project, with the repository that it lies in. A folder elsewhere,
    which the stack names or a link that it names leads to, has its own repository; None where it has none."""
    inside = folder.is_relative_to(root)
    for each in (root, *root.parents) if inside else (folder, *folder.parents):
        if (each / ".git").exists():
            return each
    return root if inside else None


def nested_settings(name: str, kind: type[Lock] | type[Probe], written: Any, given: Any) -> dict[str, Any]:
    """What is `written` in the stack, with what is `given` in its stead. Raises ValueError with a sentence."""
    if isinstance(given, Mapping):
        settings = {**(vars(written) if isinstance(written, kind) else {}), **given}
    elif isinstance(given, kind):
        settings = dict(vars(given))
    else:
        raise ValueError(f"{name}: must be a {kind.__name__}(...)")
    if kind is Probe:
        settings["body"] = _text(settings.get("body", ""))
    return settings


def _text(body: Any) -> str:
    """A probe's body as it is sent: a text as it is, anything else as JSON."""
    if isinstance(body, str):
        return body
    try:
        return json.dumps(body, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"probe: its body cannot be sent as JSON: {error}") from None


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
    problems: list[Diagnostic] = field(default_factory=list)
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
        self.problems.append(Diagnostic(location, str(address), message))

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
            self.problems.append(Diagnostic(location, str(address), f"declared twice; the first is at {first}"))
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
            self.problems.append(Diagnostic(self.override_place(str(address)), str(address), message))
        return {**arguments, **{name: value for name, value in override.items() if name not in unknown}}

    def unused_overrides(self) -> list[Diagnostic]:
        """Overrides of what the stack does not declare."""
        unused = sorted(set(self.environment.overrides) - self.overridden)
        message = "overrides a resource that the stack does not declare"
        return [Diagnostic(self.override_place(name), name, message) for name in unused]

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


#: By kind of declaration: checks it and puts its resources.
_HANDLERS: dict[str, Callable[[Resolution, Declaration], None]] = {
    "function": add_function,
    "database": add_database,
    "collection": add_collection,
    "attribute": add_attribute,
    "relationship": add_relationship,
    "index": add_index,
}


def resolve(stack: Stack, environment: Environment, root: Path, variables: Mapping[str, str] = os.environ) -> Desired:
    """The wanted resources. `root` is the folder that code paths are relative to.

    Raises StackError with all mistakes found.
    """
    work = Resolution(environment, root, variables, stack.keep_deployments)
    # By stage, so that the order of writing does not matter: an index has to know its attributes.
    for declaration in sorted(stack.declarations, key=lambda each: KINDS[each.kind].stage):
        _HANDLERS[declaration.kind](work, declaration)
    tombstones = _tombstones(work, stack)
    broken = work.attempted - set(work.resources)
    lifecycle, problems = resolve_lifecycle(stack, work.resources, tombstones)
    work.problems += problems
    local_time, mistakes = read_local_time(stack.timezone, stack.quiet_hours)
    desired = Desired(
        stack.name,
        work.resources,
        tombstones,
        work.code,
        stack.lock_store,
        stack.expected_variables,
        lifecycle=lifecycle,
        thresholds=checked_thresholds(stack),
        local_time=local_time,
        extensions=tuple(stack.extensions),
    )
    work.problems += threshold_problems(stack)
    work.problems += [Diagnostic(Location(), "stack", message) for message in mistakes]
    if not isinstance(stack.extensions, list | tuple) or not all(isinstance(each, str) for each in stack.extensions):
        work.problems.append(Diagnostic(Location(), "stack", "extensions must be a list of dotted names"))
    work.problems += consistency_problems(desired, work.members, broken)
    work.problems += work.unused_overrides()
    if work.problems:
        raise StackError(sorted(set(work.problems)))
    return desired


def _tombstones(work: Resolution, stack: Stack) -> dict[Address, Tombstone]:
    found: dict[Address, Tombstone] = {}
    for absence in stack.absences:
        try:
            address = Address.parse(absence.address)
        except ValueError as error:
            work.problems.append(Diagnostic(absence.location, absence.address, str(error)))
            continue
        if address.kind not in KINDS:
            message = f"unknown kind {address.kind!r}{declared.nearest(address.kind, KINDS)}"
            work.problems.append(Diagnostic(absence.location, absence.address, message))
        elif address in work.resources:
            place = work.resources[address].location
            message = f"declared absent here, but also declared to exist at {place}"
            work.problems.append(Diagnostic(absence.location, absence.address, message))
        found[address] = Tombstone(address, absence.reason, absence.location)
    return found


def checked_thresholds(stack: Stack) -> dict[str, Threshold]:
    """What can be used of them; `threshold_problems` tells about the rest."""
    found = stack.thresholds if isinstance(stack.thresholds, Mapping) else {}
    return {name: limit for name, limit in found.items() if isinstance(limit, Threshold)}


def threshold_problems(stack: Stack) -> Iterator[Diagnostic]:
    """Thresholds that name no action or no kind, or a share that is none."""
    place = Location(stack.declarations[0].location.file) if stack.declarations else Location(stack.name)
    if not isinstance(stack.thresholds, Mapping):
        yield Diagnostic(place, "thresholds", "must be a mapping of names to limits")
        return
    for name, limit in stack.thresholds.items():
        subject = f"threshold {name!r}"
        action, _, kind = str(name).partition(" ")
        if action not in DEFAULTS or kind not in KINDS:
            actions, kinds = " or ".join(DEFAULTS), ", ".join(KINDS)
            yield Diagnostic(place, subject, f"write an action and a kind: {actions}, then one of {kinds}")
        if not isinstance(limit, Threshold):
            yield Diagnostic(place, subject, f"write Threshold(percent=10, number=1) instead of {limit!r}")
        elif not _is_share(limit.percent) or type(limit.number) is not int or limit.number < 0:
            yield Diagnostic(place, subject, f"{limit.percent} % and {limit.number} is no limit")


def _is_share(percent: object) -> bool:
    return isinstance(percent, int | float) and not isinstance(percent, bool) and 0 <= percent <= 100

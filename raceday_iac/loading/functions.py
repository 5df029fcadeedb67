"""From the declaration of a function to its resources: the function, its variables, the place of its code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..model import declarations as declared
from ..model.address import Address, database_address, function_address, variable_address
from ..model.desired import CodeSource
from ..model.problem import Location, Problem
from ..model.secret import Secret
from ..model.stack import KEEP, Declaration, FromEnvironment, Lock, Probe
from .nested import nested_settings
from .resolution import Model, Resolution


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
                work.problems.append(Problem(location, str(address), message))
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
        work.problems.append(Problem(location, subject, f"code folder {function.code} does not exist"))
    elif not (folder / function.entrypoint).is_file():
        message = f"entrypoint {function.entrypoint} does not exist in {function.code}"
        work.problems.append(Problem(location, subject, message))
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
        work.problems.append(Problem(location, subject, message))


def _project_of(folder: Path, root: Path) -> Path | None:
    """What links in a code folder may lead to: the project, with the repository that it lies in. A folder elsewhere,
    which the stack names or a link that it names leads to, has its own repository; None where it has none."""
    inside = folder.is_relative_to(root)
    for each in (root, *root.parents) if inside else (folder, *folder.parents):
        if (each / ".git").exists():
            return each
    return root if inside else None

"""The facts that a stack declares, as written: what is wrong stays visible, what makes no sense is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..loading.environment import Environment
from ..model.address import function_address, variable_address
from ..model.desired import LeftOut
from ..model.problem import Problem
from ..model.stack import Declaration, Lock, Stack
from .facts import CollectionFacts, Configuration, FunctionFacts, LockFacts, VariableFacts


def read_stack(
    stack: Stack,
    environment: Environment,
    problems: tuple[Problem, ...] = (),
    files: Mapping[str, Mapping[str, bytes]] | None = None,
    copies: Mapping[str, Mapping[str, bytes]] | None = None,
    shared: Mapping[str, bytes] | None = None,
    left_out: Mapping[str, tuple[LeftOut, ...]] | None = None,
) -> Configuration:
    """The configuration of a stack in an environment. `files`, `copies` and `left_out` by function id."""
    functions = [each for each in stack.declarations if each.kind == "function"]
    return Configuration(
        tuple(_functions(functions, environment, files or {}, copies or {}, left_out or {})),
        tuple(_collections(stack)),
        tuple(variable for each in functions for variable in _variables(each, environment)),
        problems,
        shared or {},
        stack.lock_store,
        skipped=tuple(_skipped(environment, files)),
    )


def _skipped(environment: Environment, files: object) -> Iterator[str]:
    if not environment.schedules:
        yield f"schedules: environment {environment.name} declares the functions without theirs"
    if files is None:
        yield "scopes and collections in use: the code cannot be packed while the stack has mistakes"


def _functions(
    declarations: list[Declaration],
    environment: Environment,
    files: Mapping[str, Mapping[str, bytes]],
    copies: Mapping[str, Mapping[str, bytes]],
    left_out: Mapping[str, tuple[LeftOut, ...]],
) -> Iterator[FunctionFacts]:
    for declaration in declarations:
        name = str(declaration.arguments["id"])
        given = {**declaration.arguments, **environment.overrides.get(str(function_address(name)), {})}
        timeout = given["timeout"]
        if not isinstance(timeout, int) or isinstance(timeout, bool) or timeout < 1:
            # The stack's own check complains about it.
            continue
        yield FunctionFacts(
            name,
            _text(given["runtime"]),
            _text(given["specification"]),
            _text(given["schedule"]) if environment.schedules else "",
            timeout,
            _texts(given["execute"]),
            _texts(given["scopes"]),
            given["enabled"] is not False,
            _text(given["entrypoint"]),
            _lock(given["lock"]),
            declaration.location,
            files.get(name),
            copies.get(name, {}),
            left_out.get(name, ()),
        )


def _lock(given: Any) -> LockFacts | None:
    """A lock as declared, or as an override's mapping."""
    found = vars(given) if isinstance(given, Lock) else given
    names = ("stale_after", "heartbeat", "expiry")
    if not isinstance(found, Mapping) or not all(isinstance(found.get(name), int) for name in names):
        return None
    return LockFacts(_text(found.get("lock_id")), *(int(found[name]) for name in names))


def _collections(stack: Stack) -> Iterator[CollectionFacts]:
    for each in stack.declarations:
        if each.kind == "collection":
            given = each.arguments
            security = given["document_security"] is True
            yield CollectionFacts(
                each.owner[0], _text(given["id"]), _texts(given["permissions"]), security, each.location
            )


def _variables(declaration: Declaration, environment: Environment) -> Iterator[VariableFacts]:
    function, given = str(declaration.arguments["id"]), declaration.arguments["variables"]
    for key, value in given.items() if isinstance(given, Mapping) else ():
        override = environment.overrides.get(str(variable_address(function, str(key))), {})
        found = override.get("value", value)
        if isinstance(found, str):
            yield VariableFacts(function, str(key), found, declaration.location)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list | tuple) else ()

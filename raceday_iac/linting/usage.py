"""What a function does with Appwrite, told from its code: scopes it needs, collections it writes, functions it starts,
and whether it minds the quiet window. Without its code, what its scopes allow is assumed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .code import Module, read_code
from .endpoints import CLIENT, Request, requests_of, uses_client
from .facts import Configuration, FunctionFacts
from .routes import scope_of

#: Names of the shared code that collect what is to be written; the collection is one of their arguments.
_WRITERS = frozenset({"Write", "put_all"})
_QUIET = frozenset({"is_quiet", "seconds_until_quiet"})


@dataclass(frozen=True)
class Usage:
    """What one function does. `is_known` says that the code was read, and is not assumed from scopes."""

    is_known: bool
    #: Scope to the place in the code that needs it first.
    scopes: Mapping[str, str] = field(default_factory=dict)
    writes: frozenset[str] = frozenset()
    calls: tuple[str, ...] = ()
    minds_quiet: bool = False


def usages(configuration: Configuration) -> dict[str, Usage]:
    """By function id."""
    return {each.id: _usage(each, configuration) for each in configuration.functions}


def _usage(function: FunctionFacts, configuration: Configuration) -> Usage:
    code = read_code(function.files, function.entrypoint) if function.files is not None else {}
    if not uses_client(code):
        return _assumed(function, configuration)
    requests = requests_of(code)
    return Usage(
        True,
        dict(_scopes(requests)),
        frozenset(_written(code, {each.id for each in configuration.collections})),
        tuple(_called(code, requests, function, configuration)),
        any(_names(module) & _QUIET for name, module in code.items() if name != "vendor.nz_time"),
    )


def _assumed(function: FunctionFacts, configuration: Configuration) -> Usage:
    """Whoever may write documents writes the same ones; whoever may start functions starts all that nothing else
    does."""
    writes = frozenset({"*"} if {"documents.write", "rows.write"} & set(function.scopes) else ())
    calls: tuple[str, ...] = ()
    if "execution.write" in function.scopes:
        calls = tuple(each.id for each in configuration.functions if not each.schedule and each.id != function.id)
    return Usage(False, {}, writes, calls)


def _scopes(requests: tuple[Request, ...]) -> Iterator[tuple[str, str]]:
    seen = set()
    for request in requests:
        scope = scope_of(request.method, request.template)
        if scope and scope not in seen:
            seen.add(scope)
            yield scope, f"{request.method} {request.template} ({request.where})"


def _written(code: Mapping[str, Module], collections: set[str]) -> Iterator[str]:
    """Collections that are named where writes are made up; where one is not named, all that its module names."""
    for name, module in code.items():
        if name in CLIENT or module.is_shared:
            continue
        writers = [node for _, node in module.nodes if isinstance(node, ast.Call) and _callee(node) in _WRITERS]
        named = [_texts(call) & collections for call in writers]
        if all(named):
            yield from (each for some in named for each in some)
        else:
            yield from {text for _, node in module.nodes for text in _texts(node)} & collections


def _callee(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _texts(node: ast.AST) -> set[str]:
    """Texts that are arguments of a call, or the node itself."""
    parts = [*node.args, *(each.value for each in node.keywords)] if isinstance(node, ast.Call) else [node]
    return {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def _names(module: Module) -> set[str]:
    return {node.attr for _, node in module.nodes if isinstance(node, ast.Attribute)} | {
        node.id for _, node in module.nodes if isinstance(node, ast.Name)
    }


def _called(
    code: Mapping[str, Module], requests: tuple[Request, ...], function: FunctionFacts, configuration: Configuration
) -> Iterator[str]:
    """Functions whose id the code names, if it creates executions at all."""
    if not any(each.method == "POST" and scope_of("POST", each.template) == "execution.write" for each in requests):
        return
    texts = {text for module in code.values() for _, node in module.nodes for text in _texts(node)}
    yield from (each.id for each in configuration.functions if each.id in texts and each.id != function.id)

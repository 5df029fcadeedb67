"""The requests that a function's code makes of Appwrite with the shared client, found by reading the code.

A request is a mention of one of the client's methods. Its path is worked out from constants, `path_of(...)`, text that
is put together, and names and functions that lead to such. Where that does not succeed, all paths that the module (or
the function's own code) speaks of are taken, so that too much is found rather than too little.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from .code import Module
from .routes import scope_of

#: The shared client itself: what passes through it is not a request of its own.
CLIENT = ("vendor.appwrite_http", "vendor.connection", "vendor.wire")
_METHODS = {"get": "GET", "find": "GET", "put": "PUT", "patch": "PATCH", "delete": "DELETE", "create": "POST"}
#: They take the HTTP method as their first argument.
_OPEN_METHODS = frozenset({"once", "send"})
_HOLDERS = frozenset({"client", "_client", "sender", "_sender"})
#: How paths of Appwrite begin.
_BEGINNINGS = ("/databases", "/functions", "/tablesdb")


@dataclass(frozen=True, order=True)
class Request:
    """A request that the code may make. `where` is the module and line."""

    method: str
    template: str
    where: str = field(default="", compare=False)


def uses_client(code: Mapping[str, Module]) -> bool:
    return CLIENT[0] in code


def requests_of(code: Mapping[str, Module]) -> tuple[Request, ...]:
    """Every request, once, in order."""
    paths = _Paths(code)
    found: dict[Request, Request] = {}
    for name, module in code.items():
        for request in _of_module(module, paths) if name not in CLIENT else ():
            found.setdefault(request, request)
    return tuple(sorted(found))


def _of_module(module: Module, paths: _Paths) -> Iterator[Request]:
    for scope, node, call in _mentions(module):
        where = f"{module.path}:{node.lineno}"
        methods, argument = _methods_and_path(node.attr, call)
        known = paths.of(module, scope, argument)
        templates = [known] if known is not None else paths.spoken_of(module)
        for template in templates:
            for method in methods:
                if scope_of(method, template) is not None:
                    yield Request(method, template, where)


def _mentions(module: Module) -> Iterator[tuple[ast.AST, ast.Attribute, ast.Call | None]]:
    """Every mention of a method of a client: the function it stands in, itself, and the call when it is called."""
    for scope, node in module.nodes:
        if isinstance(node, ast.Call):
            callees = [node.func.body, node.func.orelse] if isinstance(node.func, ast.IfExp) else [node.func]
            for callee in callees:
                if _is_method(callee):
                    assert isinstance(callee, ast.Attribute)
                    yield scope, callee, node
        elif isinstance(node, ast.Assign | ast.keyword | ast.Return) and node.value is not None:
            values = [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
            for value in values:
                if _is_method(value):
                    assert isinstance(value, ast.Attribute)
                    yield scope, value, None


def _is_method(node: ast.expr) -> bool:
    if not isinstance(node, ast.Attribute) or node.attr not in {*_METHODS, *_OPEN_METHODS}:
        return False
    holder = node.value
    name = holder.attr if isinstance(holder, ast.Attribute) else holder.id if isinstance(holder, ast.Name) else ""
    return name in _HOLDERS


def _methods_and_path(attribute: str, call: ast.Call | None) -> tuple[tuple[str, ...], ast.expr | None]:
    arguments = call.args if call else []
    if attribute in _METHODS:
        return (_METHODS[attribute],), arguments[0] if arguments else None
    first = arguments[0] if arguments else None
    known = isinstance(first, ast.Constant) and isinstance(first.value, str)
    methods = (str(first.value),) if known and isinstance(first, ast.Constant) else ("GET", "PATCH")
    return methods, arguments[1] if len(arguments) > 1 else None


class _Paths:
    """Works out what paths expressions stand for. Each expression is looked at once."""

    def __init__(self, code: Mapping[str, Module]) -> None:
        self._code = code
        self._known: dict[int, str | None] = {}
        self._names = {name: _Assignments(module) for name, module in code.items()}
        self._returns = {
            name: (module, definition, value) for module in code.values() for name, definition, value in module.results
        }
        self._spoken = {name: tuple(self._all_of(module)) for name, module in code.items()}

    def of(self, module: Module, scope: ast.AST, node: ast.expr | None) -> str | None:
        """The template of a path; None when nothing of it can be told."""
        found = self._text(module, scope, node) if node is not None else None
        return found if found is not None and found.startswith("/") else None

    def spoken_of(self, module: Module) -> tuple[str, ...]:
        """All of Appwrite's paths in a module; where a function's own has none, those of all its own modules."""
        here = self._spoken[module.name]
        if here or module.is_shared:
            return here
        own = [self._spoken[name] for name, each in self._code.items() if not each.is_shared]
        return tuple(sorted({template for templates in own for template in templates}))

    def _all_of(self, module: Module) -> Iterator[str]:
        if module.name in CLIENT:
            return
        found = set()
        for scope, node in module.nodes:
            if _may_be_path(node):
                text = self.of(module, scope, node)
                if text is not None and scope_of("GET", text) is not None:
                    found.add(text)
        yield from sorted(found)

    def _text(self, module: Module, scope: ast.AST, node: ast.expr) -> str | None:
        if id(node) not in self._known:
            # For what leads to itself.
            self._known[id(node)] = None
            self._known[id(node)] = self._worked_out(module, scope, node)
        return self._known[id(node)]

    def _worked_out(self, module: Module, scope: ast.AST, node: ast.expr) -> str | None:
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.JoinedStr):
            return "".join(self._text(module, scope, part) or "*" for part in node.values)
        if isinstance(node, ast.FormattedValue):
            return self._text(module, scope, node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = (self._text(module, scope, each) for each in (node.left, node.right))
            return None if left is None else left + (right or "/*")
        if isinstance(node, ast.Call):
            return self._call(module, scope, node)
        if isinstance(node, ast.Name | ast.Attribute):
            values = self._names[module.name].of(scope, node)
            return next((text for text in (self._text(module, scope, value) for value in values) if text), None)
        return None

    def _call(self, module: Module, scope: ast.AST, node: ast.Call) -> str | None:
        name = _called(node)
        if name == "path_of":
            return "".join(f"/{self._text(module, scope, part) or '*'}" for part in node.args)
        if name not in self._returns:
            return None
        return self._text(*self._returns[name])


def _may_be_path(node: ast.AST) -> TypeGuard[ast.expr]:
    if isinstance(node, ast.Call):
        return _called(node) == "path_of"
    if isinstance(node, ast.JoinedStr):
        return bool(node.values) and _may_be_path(node.values[0])
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value.startswith(_BEGINNINGS)
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


class _Assignments:
    """What is assigned to names, by the function it is assigned in, and to attributes of `self`."""

    def __init__(self, module: Module) -> None:
        self._tree = module.tree
        self._found: dict[tuple[int, str], list[ast.expr]] = {}
        for scope, node in module.nodes:
            if isinstance(node, ast.AnnAssign) and node.value is not None:
                self._add(scope, node.target, node.value)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    self._add(scope, target, node.value)

    def of(self, scope: ast.AST, wanted: ast.Name | ast.Attribute) -> list[ast.expr]:
        """The values that a name may have: of its function first, then of the module."""
        if isinstance(wanted, ast.Attribute):
            is_self = isinstance(wanted.value, ast.Name) and wanted.value.id == "self"
            return self._found.get((0, wanted.attr), []) if is_self else []
        places = [scope] if scope is self._tree else [scope, self._tree]
        return [value for place in places for value in self._found.get((id(place), wanted.id), [])]

    def _add(self, scope: ast.AST, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            # `a, b = x, y` assigns x to a.
            for one, other in zip(target.elts, value.elts, strict=True):
                self._add(scope, one, other)
        elif isinstance(target, ast.Name):
            self._found.setdefault((id(scope), target.id), []).append(value)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
            self._found.setdefault((0, target.attr), []).append(value)

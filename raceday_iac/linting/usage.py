"""What a function does with Appwrite, read from its code: scopes it needs, collections it writes, functions it starts,
and whether it minds the quiet hours. Without its code, what its scopes allow is assumed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from typing import TypeGuard

from .facts import Configuration, FunctionFacts

#: Names of the shared code that collect what is to be written; the collection is one of their arguments.
_WRITERS = frozenset({"Write", "put_all"})


@dataclass(frozen=True)
class Usage:
    """What one function does. Where the code says nothing, `unread` says why, and the rest is assumed from scopes."""

    unread: str = ""
    #: Scope to the place in the code that needs it first.
    scopes: Mapping[str, str] = field(default_factory=dict)
    writes: frozenset[str] = frozenset()
    calls: tuple[str, ...] = ()
    minds_quiet: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the code was read."""
        return not self.unread


def usages(configuration: Configuration) -> dict[str, Usage]:
    """By function id."""
    return {each.id: _usage(each, configuration) for each in configuration.functions}


def _usage(function: FunctionFacts, configuration: Configuration) -> Usage:
    code = read_code(function.files, function.entrypoint) if function.files is not None else {}
    if not uses_client(code):
        return _assumed(function, configuration)
    requests = requests_of(code)
    return Usage(
        "",
        dict(_scopes(requests)),
        frozenset(_written(code, {each.id for each in configuration.collections})),
        tuple(_called(code, requests, function, configuration)),
        any(minds(code) for minds in configuration.quiet_code),
    )


def _assumed(function: FunctionFacts, configuration: Configuration) -> Usage:
    """Whoever may write documents writes the same ones; whoever may start functions starts all that nothing else
    does."""
    writes = frozenset({"*"} if {"documents.write", "rows.write"} & set(function.scopes) else ())
    calls: tuple[str, ...] = ()
    if "execution.write" in function.scopes:
        calls = tuple(each.id for each in configuration.functions if not each.schedule and each.id != function.id)
    return Usage(_why_unread(function), {}, writes, calls)


def _why_unread(function: FunctionFacts) -> str:
    if function.files is None:
        return "it is not managed here"
    if not function.entrypoint.endswith(".py"):
        return "only Python is read, so code in Node and other languages is not"
    return "it does not use the shared client, and what other libraries ask for is not read"


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


def names_in(module: Module) -> set[str]:
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


# A function's Python code, read and never run: its own modules, and the shared ones that they import.


#: The folder that shared modules are copied into.
VENDOR = "vendor"


@dataclass(frozen=True)
class Module:
    """One module, and the name that others import it by: `work`, `vendor.card`."""

    name: str
    path: str
    tree: ast.Module

    @property
    def is_shared(self) -> bool:
        return self.name.startswith(f"{VENDOR}.")

    @cached_property
    def nodes(self) -> tuple[tuple[ast.AST, ast.AST], ...]:
        """Everything in it, each with the function (or the module) that it stands in."""
        return tuple(_with_scopes(self.tree))

    @cached_property
    def imports(self) -> tuple[str, ...]:
        """Names of the modules beside it that it may import, at its top or inside a function."""
        return tuple(_imported(self))

    @cached_property
    def results(self) -> tuple[tuple[str, ast.AST, ast.expr], ...]:
        """Its functions: name, definition, last returned expression."""
        return tuple(_results(self))


def read_code(files: Mapping[str, bytes], entrypoint: str) -> dict[str, Module]:
    """The modules that a function may use, by name: all of its own, and what these import of the shared ones.

    Empty for code that is not Python."""
    if not entrypoint.endswith(".py"):
        return {}
    modules = dict(_modules(files, PurePosixPath(entrypoint).parent))
    wanted = [name for name, module in modules.items() if not module.is_shared]
    found: dict[str, Module] = {}
    while wanted:
        name = wanted.pop()
        if name in modules and name not in found:
            found[name] = modules[name]
            wanted += modules[name].imports
    return dict(sorted(found.items()))


def _modules(files: Mapping[str, bytes], folder: PurePosixPath) -> Iterator[tuple[str, Module]]:
    for path, content in files.items():
        file = PurePosixPath(path)
        if file.suffix != ".py" or not file.is_relative_to(folder):
            continue
        name = ".".join(file.relative_to(folder).with_suffix("").parts)
        module = _module(name, path, content)
        if isinstance(module, Module):
            yield name, module


def syntax_errors(files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """The Python files that this Python cannot read, each with the line and the reason."""
    for path, content in files.items():
        if path.endswith(".py"):
            module = _module(path, path, content)
            if isinstance(module, str):
                yield path, module


@lru_cache(maxsize=512)
def _module(name: str, path: str, content: bytes) -> Module | str:
    """A module is read once: every function holds the same shared ones. A text says why it cannot be read."""
    try:
        return Module(name, path, ast.parse(content))
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}" if error.lineno else error.msg
    except ValueError as error:
        return str(error)


def _with_scopes(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.AST]]:
    waiting: list[tuple[ast.AST, ast.AST]] = [(tree, tree)]
    while waiting:
        scope, node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            yield scope, child
            inner = child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else scope
            waiting.append((inner, child))


def _imported(module: Module) -> Iterator[str]:
    package = module.name.split(".")[:-1]
    for _, node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            path = [*base, *((node.module or "").split(".") if node.module else [])]
            yield ".".join(path)
            yield from (".".join([*path, alias.name]) for alias in node.names)


def _results(module: Module) -> Iterator[tuple[str, ast.AST, ast.expr]]:
    last: dict[ast.AST, ast.expr] = {}
    for scope, node in module.nodes:
        if isinstance(node, ast.Return) and node.value is not None:
            known = last.get(scope)
            last[scope] = node.value if known is None or node.value.lineno > known.lineno else known
    for scope, value in last.items():
        if isinstance(scope, ast.FunctionDef):
            yield scope.name, scope, value


# The requests that a function's code makes of Appwrite with the shared client, found by reading the code.
#
# A request is a mention of one of the client's methods. Its path is worked out from constants, `path_of(...)`, text
# that is put together, and names and functions that lead to such. Where that does not succeed, all paths that the
# module (or the function's own code) speaks of are taken, so that too much is found rather than too little.


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
        """The template of a path; None when nothing of it is known."""
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
        name = _called_name(node)
        if name == "path_of":
            return "".join(f"/{self._text(module, scope, part) or '*'}" for part in node.args)
        if name not in self._returns:
            return None
        return self._text(*self._returns[name])


def _may_be_path(node: ast.AST) -> TypeGuard[ast.expr]:
    if isinstance(node, ast.Call):
        return _called_name(node) == "path_of"
    if isinstance(node, ast.JoinedStr):
        return bool(node.values) and _may_be_path(node.values[0])
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value.startswith(_BEGINNINGS)
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)


def _called_name(node: ast.Call) -> str:
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


# Which scope Appwrite asks for at which endpoint (1.8.1, its route labels and the server's API description).
#
# A path is a template: what is not known of it is `*`.


READ, WRITE = "read", "write"
_READING = frozenset({"GET", "HEAD"})

#: The first that fits decides. `*` in a template may stand for anything, but fixed words only for themselves.
_ROUTES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), read, write)
    for pattern, read, write in (
        # The two reads of transactions are labelled with rows' scope.
        (r"/(databases|tablesdb)/transactions(/.*)?", "rows.read", "documents.write"),
        (r"/databases/[^/]+/collections/[^/]+/documents(/.*)?", "documents.read", "documents.write"),
        (r"/databases/[^/]+/collections(/.*)?", "collections.read", "collections.write"),
        (r"/databases(/[^/]+)?", "databases.read", "databases.write"),
        (r"/tablesdb/[^/]+/tables/[^/]+/rows(/.*)?", "rows.read", "rows.write"),
        (r"/tablesdb/[^/]+/tables(/.*)?", "tables.read", "tables.write"),
        (r"/tablesdb(/[^/]+)?", "databases.read", "databases.write"),
        # Needs no key.
        (r"/functions/runtimes", "", ""),
        (r"/functions/[^/]+/executions(/.*)?", "execution.read", "execution.write"),
        (r"/functions(/.*)?", "functions.read", "functions.write"),
    )
)
#: Scopes of the same thing under its other name, which a route takes as well.
_ALTERNATIVES = {
    "documents.read": ("rows.read",),
    "documents.write": ("rows.write",),
    "rows.read": ("documents.read",),
    "rows.write": ("documents.write",),
    "tables.read": ("collections.read",),
    "tables.write": ("collections.write",),
}
#: They can be granted, but no route of 1.8.1 asks for them.
IDLE = frozenset(f"{noun}.{act}" for noun in ("attributes", "columns", "indexes") for act in (READ, WRITE))


def scope_of(method: str, template: str) -> str | None:
    """The scope that a request needs; empty when it needs none, None when the path is not Appwrite's."""
    for pattern, read, write in _ROUTES:
        if pattern.fullmatch(template):
            return read if method in _READING else write
    return None


def satisfies(granted: frozenset[str], needed: str) -> str | None:
    """The granted scope with which a request passes that needs this one."""
    return next((each for each in (needed, *_ALTERNATIVES.get(needed, ())) if each in granted), None)

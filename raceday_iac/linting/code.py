"""A function's Python code, read and never run: its own modules, and the shared ones that they import."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import PurePosixPath

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
        if module is not None:
            yield name, module


@lru_cache(maxsize=512)
def _module(name: str, path: str, content: bytes) -> Module | None:
    """A module is read once: every function holds the same shared ones."""
    try:
        return Module(name, path, ast.parse(content))
    except (SyntaxError, ValueError):
        # The build or its probe tells; there is nothing to be read here.
        return None


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

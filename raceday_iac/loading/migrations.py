"""Read the files of a stack's migrations, and check what can be seen without running them.

A file is read once: what was hashed, shown in a plan and approved is what runs. It is compiled here and run by apply
alone, because it may do anything when it is run.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from ..kinds import KINDS, is_known
from ..kinds.migration import migration_address
from ..model.address import Address, owners
from ..model.declarations import nearest
from ..model.resource import Diagnostic, Migration, Resource
from ..model.stack import MigrationDeclaration, Stack

#: What a migration may be called.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: The functions of a file: the one that is run, and the one that takes it back.
RUN, UNDO = "run", "undo"


def read_migrations(
    stack: Stack, root: Path, resources: Mapping[Address, Resource]
) -> tuple[dict[Address, Migration], list[Diagnostic]]:
    """The migrations of a stack by address, in the order of their declaration, and everything that is wrong with them.
    `root` is the folder that their files are relative to."""
    found: dict[Address, Migration] = {}
    problems: list[Diagnostic] = []
    for each in stack.migrations:
        address = migration_address(str(each.name))
        try:
            migration = _read(each, address, root)
        except (ValueError, OSError) as error:
            problems.append(Diagnostic(each.location, str(address), _sentence(error, each.file)))
            continue
        if address in found:
            message = f"declared twice; the first is at {found[address].location}"
            problems.append(Diagnostic(each.location, str(address), message))
            continue
        found[address] = migration
    for migration in found.values():
        problems += _misplaced(migration, found, resources)
    return found, problems


def _sentence(error: ValueError | OSError, file: str) -> str:
    if isinstance(error, OSError):
        return f"{file} cannot be read: {error.strerror or error}"
    return f"{file} is not text (UTF-8)" if isinstance(error, UnicodeDecodeError) else str(error)


def _read(written: MigrationDeclaration, address: Address, root: Path) -> Migration:
    """Raises ValueError with what is wrong, and OSError for a file that cannot be read."""
    if not isinstance(written.name, str) or not NAME.fullmatch(written.name):
        raise ValueError(f"{written.name!r} is not a valid name: use letters, digits, '.', '_' and '-', at most 100")
    if not isinstance(written.file, str) or not written.file.endswith(".py"):
        raise ValueError(f"{written.file!r} is not a Python file (.py)")
    place = root / written.file
    text = place.read_bytes()
    tree = _tree(text.decode("utf-8"), written.file)
    functions = _functions(tree, written.file)
    for imported, line in _imported(tree):
        if not imported or _is_only_beside(imported, place.parent):
            what = f"imports {imported}, a file beside it" if imported else "imports a file beside it"
            raise ValueError(
                f"{written.file}:{line}: it {what}. A migration must stand alone: only its own file is hashed"
            )
    return Migration(
        address,
        written.file,
        text.decode("utf-8"),
        hashlib.sha256(text).hexdigest(),
        tuple(_addresses("needs", written.needs)),
        tuple(_addresses("before", written.before)),
        UNDO in functions,
        written.location,
    )


def _tree(source: str, file: str) -> ast.Module:
    """Raises ValueError for what cannot be compiled."""
    try:
        return ast.parse(source, file)
    except SyntaxError as error:
        raise ValueError(f"{file}:{error.lineno or 0}: syntax error: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} cannot be compiled: {error}") from None


def _imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The packages that a file imports, with the line; an empty name for what it imports relative to itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.name.partition(".")[0], node.lineno) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "" if node.level else str(node.module).partition(".")[0], node.lineno


def _is_only_beside(name: str, folder: Path) -> bool:
    is_beside = (folder / f"{name}.py").is_file() or (folder / name).is_dir()
    return is_beside and name not in sys.stdlib_module_names and find_spec(name) is None


def _functions(tree: ast.Module, file: str) -> set[str]:
    """The functions of a file that matter. Raises ValueError where `run` is missing, or cannot be called."""
    named = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    if RUN not in named:
        raise ValueError(f"{file} has no function run(data){nearest(RUN, named)}")
    for name in (RUN, UNDO):
        if name in named:
            _must_take_data(named[name], file)
    return {name for name in (RUN, UNDO) if name in named}


def _must_take_data(function: ast.FunctionDef | ast.AsyncFunctionDef, file: str) -> None:
    place, taken = f"{file}:{function.lineno}", function.args
    if isinstance(function, ast.AsyncFunctionDef):
        raise ValueError(f"{place}: {function.name} must be a plain function, not an async one")
    yields = any(isinstance(each, ast.Yield | ast.YieldFrom) for each in _own_nodes(function))
    if yields:
        raise ValueError(f"{place}: {function.name} must not yield; write with data.update and the like")
    needed = len(taken.posonlyargs) + len(taken.args) - len(taken.defaults)
    most = len(taken.posonlyargs) + len(taken.args) if taken.vararg is None else needed + 1
    if needed > 1 or most < 1 or any(each is None for each in taken.kw_defaults):
        raise ValueError(f"{place}: {function.name} takes one argument: def {function.name}(data)")


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """What is in a function, but not in functions inside of it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.GeneratorExp):
            yield child
            yield from _own_nodes(child)


def _addresses(called: str, texts: Sequence[str]) -> Iterator[Address]:
    for text in texts:
        try:
            address = Address.parse(str(text))
        except ValueError as error:
            raise ValueError(f"{called}: {error}") from None
        if not is_known(address.kind):
            raise ValueError(f"{called}: {text}: unknown kind {address.kind!r}{nearest(address.kind, KINDS)}")
        yield address


def _misplaced(
    migration: Migration, others: Mapping[Address, Migration], resources: Mapping[Address, Resource]
) -> Iterator[Diagnostic]:
    """Places in a plan that there are not."""
    known: Collection[Address] = {*resources, *others}
    earlier = list(others)[: list(others).index(migration.address)]
    for each in migration.needs:
        if each == migration.address:
            yield _problem(migration, "it needs itself")
        elif each not in known:
            near = nearest(str(each), map(str, known))
            yield _problem(migration, f"needs {each}, which is not declared{near}")
        elif each in others and each not in earlier:
            yield _problem(migration, f"needs {each}, which is declared after it: migrations run in that order")
    for each in migration.before:
        if each in earlier or each == migration.address:
            yield _problem(migration, f"cannot come before {each}: migrations run in the order of their declaration")
        elif each not in migration.needs:
            needing = [at for at in migration.needs if each in owners(at) or _leads_to(at, each, resources)]
            if needing:
                yield _problem(
                    migration, f"needs {needing[0]}, which comes after {each}, so it cannot come before {each}"
                )


def _leads_to(address: Address, other: Address, resources: Mapping[Address, Resource]) -> bool:
    """Whether something depends on the other, directly or by others."""
    seen: set[Address] = set()
    todo = [address]
    while todo:
        here = todo.pop()
        if here in seen or here not in resources:
            continue
        seen.add(here)
        todo += resources[here].depends_on
    return other in seen - {address}


def _problem(migration: Migration, message: str) -> Diagnostic:
    return Diagnostic(migration.location, str(migration.address), message)

"""What a stack may bring along. An extension is a package that the stack names, and nothing else imports it.

A package `name` is an extension when it has a variable `extension`, which says by dotted names (`package.module:name`)
what it adds. Each of these is imported when it is needed, so that a command which needs none of them pays for none.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import IacError


@dataclass(frozen=True)
class Extension:
    """Dotted names, each empty where there is nothing to add.

    `commands`: by the name of a command, the module that has it in its `app` (typer), and what help says of it.
    `server`: called without arguments, makes a plugin of the embedded server (`devserver.server.Plugin`). `lint_rules`:
    a `linting.rules.RuleSet`. `quiet_code`: called with the modules of a function's code, says whether it ends by
    itself in the quiet hours. `health`: called with the checked stack, makes the rules on days, data and locks that
    health goes by, or None. `console`: a `console.app.Part`, pages of the console.
    """

    commands: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    server: str = ""
    lint_rules: str = ""
    quiet_code: str = ""
    health: str = ""
    console: str = ""


def load_extensions(names: Sequence[str], stack: Path) -> tuple[Extension, ...]:
    """The extensions with these names. They may lie beside the stack file or in the folder above. Raises IacError."""
    return tuple(_extension(name, stack) for name in names)


def _extension(name: str, stack: Path) -> Extension:
    found = getattr(_imported(name, name, stack), "extension", None)
    if not isinstance(found, Extension):
        raise IacError(f"{name} is not an extension: it has no variable `extension` that is an Extension(...).")
    return found


def load_part(dotted: str, stack: Path) -> Any:
    """What a dotted name of an extension leads to. Raises IacError."""
    module, _, attribute = dotted.partition(":")
    found = getattr(_imported(module, dotted, stack), attribute, None)
    if found is None:
        raise IacError(f"The extension names {dotted}, but {module} has no {attribute}.")
    return found


def _imported(module: str, called: str, stack: Path) -> Any:
    if not all(part.isidentifier() for part in module.split(".")):
        raise IacError(f"{module!r} is not the name of a package. An example of a name is shop.extras.")
    try:
        with import_folders(stack):
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            message = f"There is no extension {called}: no module {error.name} can be imported."
            raise IacError(message, hint="install it, or remove it from `extensions` of the stack") from None
        raise _broken(called, error) from None
    except Exception as error:  # noqa: BLE001 - somebody else's code may raise anything
        raise _broken(called, error) from None


def _broken(name: str, error: Exception) -> IacError:
    return IacError(f"The extension {name} cannot be imported: {type(error).__name__}: {error}.")


def folders_of(stack: Path) -> tuple[str, str]:
    """Where an extension that is not installed is looked for."""
    folder = stack.resolve().parent
    return str(folder), str(folder.parent)


@contextmanager
def import_folders(stack: Path) -> Iterator[None]:
    """Let modules beside the stack file and in the folder above be imported."""
    before = list(sys.path)
    sys.path[:0] = folders_of(stack)
    try:
        yield
    finally:
        sys.path[:] = before


def extensions_named_in(stack: Path) -> tuple[str, ...] | None:
    """What a stack file names, read without running it: `--help` must not wait for it. None when that cannot be known
    from its text; nothing where there is no such file, or none that can be read."""
    try:
        text = stack.read_text(encoding="utf-8")
        tree = ast.parse(text) if "extensions" in text else ast.Module([], [])
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError, RecursionError):
        return ()
    given = [
        keyword.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "extensions"
    ]
    found: list[str] = []
    for each in given:
        try:
            value = ast.literal_eval(each)
        except ValueError:
            return None
        if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
            return None
        found += value
    return tuple(found)

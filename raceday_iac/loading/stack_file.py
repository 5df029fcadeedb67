"""Run a stack file and hand out the `Stack` it built. A mistake in it is reported with its line, not a traceback."""

from __future__ import annotations

import builtins
import importlib.util
import os
import re
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType

from ..errors import IacError, Interrupted, StackError
from ..model import stack as language
from ..model.declarations import nearest
from ..model.resource import Diagnostic, Location
from ..model.stack import Stack

#: A place where no cached bytecode lies.
_NO_CACHE = str(Path(os.devnull) / "cache")


def load_stack(path: Path) -> Stack:
    """The module variable `stack` of the file. Raises StackError when the file cannot be run or has none."""
    if not path.is_file():
        others = [str(each) for each in sorted(path.parent.glob("*.py"))]
        hint = (
            f"choose one with --stack FILE: {', '.join(others)}"
            if others
            else "begin one: raceday-iac init, or name it: --stack FILE"
        )
        raise IacError(f"There is no stack file {path}{nearest(str(path), others)}.", hint=hint, unchanged=True)
    stack = _run(path)
    if not isinstance(stack, Stack):
        raise StackError(
            [Diagnostic(Location(str(path)), "", "the file must set the variable `stack` to a Stack(...)")]
        )
    return stack


def _run(path: Path) -> object:
    specification = importlib.util.spec_from_file_location(f"raceday_stack_{path.stem}", path.resolve())
    if specification is None or specification.loader is None:
        raise StackError([Diagnostic(Location(str(path)), "", "a stack file is a Python file (.py)")])
    module = importlib.util.module_from_spec(specification)
    folder = str(path.resolve().parent)
    before, here = set(sys.modules), Path.cwd()
    sys.path.insert(0, folder)
    # A stack is compiled each time: Python's cache compares whole seconds and sizes, and a full disk may have cut it.
    cache = (sys.pycache_prefix, sys.dont_write_bytecode)
    sys.pycache_prefix, sys.dont_write_bytecode = _NO_CACHE, True
    # Dataclasses look their module up by name.
    sys.modules[module.__name__] = module
    try:
        # Standard output is the answer's, which may be a document for a machine.
        with redirect_stdout(sys.stderr):
            specification.loader.exec_module(module)
    except Interrupted:
        raise
    except SyntaxError as error:
        place = Location(_shown(error.filename or str(path)), error.lineno or 0)
        raise StackError([Diagnostic(place, "", f"syntax error: {error.msg}")]) from None
    except SystemExit as error:
        raise StackError(
            [Diagnostic(Location(str(path)), "", f"the file ends the process: exit({error.code})")]
        ) from None
    except Exception as error:  # noqa: BLE001 - the user's own code may raise anything
        raise StackError([Diagnostic(_place(error, folder, path), "", _sentence(error))]) from None
    finally:
        # Everything else is looked for relative to it.
        os.chdir(here)
        sys.pycache_prefix, sys.dont_write_bytecode = cache
        sys.path.remove(folder)
        _forget_siblings(before, folder)
    return getattr(module, "stack", None)


def _sentence(error: Exception) -> str:
    """What went wrong, with the nearest name to one that is mistyped: Python says that only under a traceback."""
    # What the methods of a stack refuse says itself what it is.
    is_ours = isinstance(error, TypeError) and "has no argument" in str(error)
    said = str(error) if is_ours else f"{type(error).__name__}: {error}"
    if isinstance(error, AttributeError) and error.name:
        known = [name for name in dir(error.obj) if not name.startswith("_")]
        if type(error.obj).__module__ == language.__name__:
            return f"a {type(error.obj).__name__} has no {error.name!r}{nearest(error.name, known)}"
        return said + nearest(error.name, known)
    if isinstance(error, NameError) and error.name:
        return said + nearest(error.name, {*dir(builtins), *language.__all__, *_globals(error)})
    if isinstance(error, ImportError) and not isinstance(error, ModuleNotFoundError):
        missing, module = re.match(r"cannot import name '(\w+)'", str(error)), sys.modules.get(error.name or "")
        if missing and isinstance(module, ModuleType):
            return f"{error.name} has no {missing[1]!r}{nearest(missing[1], dir(module))}"
    unexpected = re.fullmatch(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", str(error))
    if isinstance(error, TypeError) and unexpected and unexpected[1] in language.__all__:
        known = list(getattr(getattr(language, unexpected[1]), "__dataclass_fields__", ()))
        return f"a {unexpected[1]} has no argument {unexpected[2]!r}{nearest(unexpected[2], known)}"
    return said


def _globals(error: Exception) -> set[str]:
    """The names of the module in which it happened."""
    deepest = error.__traceback__
    while deepest is not None and deepest.tb_next is not None:
        deepest = deepest.tb_next
    return set(deepest.tb_frame.f_globals) if deepest is not None else set()


def _forget_siblings(before: set[str], folder: str) -> None:
    """Modules beside the stack file are its own: another stack may have its own of the same name."""
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(folder):
            del sys.modules[name]


def _place(error: Exception, folder: str, path: Path) -> Location:
    """The deepest line of the user's own files."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(folder)]
    if not frames:
        return Location(str(path))
    return Location(_shown(frames[-1].filename), frames[-1].lineno or 0)


def _shown(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file

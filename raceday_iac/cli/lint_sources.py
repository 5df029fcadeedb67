"""What `lint` and `schedule` look at: the stack in its environment, or an appwrite.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ..errors import IacError, StackError
from ..linting.acceptance import read_acceptances
from ..linting.appwrite_json import read_configuration
from ..linting.facts import Configuration
from ..linting.findings import Acceptance
from ..linting.reading import read_stack
from ..loading.environment import load_environment
from ..loading.resolve import resolve
from ..loading.stack_file import load_stack
from ..model.desired import Desired, LeftOut
from ..model.problem import Location, Problem
from ..packaging import pack_all
from ..packaging.bundle import SHARED, vendored_modules
from .options import Options

#: Beside the stack file.
POLICIES = "policies.yaml"


def configuration_of(options: Options, file: Path | None) -> Configuration:
    """Read it. Raises IacError for what cannot be read at all; mistakes in a stack become part of the result."""
    return _stack(options) if file is None else read_configuration(_json(file), str(file))


def acceptances_of(options: Options) -> tuple[Acceptance, ...]:
    """What `policies.yaml` beside the stack file accepts; nothing without one."""
    path = options.stack.parent / POLICIES
    if not path.exists():
        return ()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StackError([Problem(Location(str(path)), "", f"cannot be read: {error}")]) from None
    return read_acceptances(text, str(path))


def first_day(text: str) -> date:
    """The day that a year is looked at from. Raises IacError for what is none."""
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise IacError(f"--from {text!r} is not a date; write it as 2025-07-17.") from None


def _stack(options: Options) -> Configuration:
    stack, environment = load_stack(options.stack), load_environment(options.stack, options.env)
    problems: tuple[Problem, ...] = ()
    desired = Desired("", {})
    files: dict[str, Mapping[str, bytes]] | None = None
    left_out: dict[str, tuple[LeftOut, ...]] = {}
    try:
        desired = resolve(stack, environment, options.root)
        bundles = pack_all(desired)
        files = {name: bundle.files for name, bundle in bundles.items()}
        left_out = {name: bundle.left_out for name, bundle in bundles.items()}
    except StackError as error:
        problems = tuple(error.problems)
    folders = {name: source.folder for name, source in desired.code.items()}
    copies = {name: _copies(folder) for name, folder in folders.items()}
    shared = {name: content for each in folders.values() for name, content in _shared(each).items()}
    return read_stack(stack, environment, problems, files, copies, shared, left_out)


def _shared(folder: Path) -> dict[str, bytes]:
    return vendored_modules(folder.parent / SHARED)


def _copies(folder: Path) -> dict[str, bytes]:
    """Copies of shared modules that lie in a function's own folder."""
    paths = sorted(path for path in folder.rglob("vendor/*.py") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise IacError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise IacError(f"{path} is not valid JSON: {error}.") from None

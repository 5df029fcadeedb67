"""The bundle as such: it runs where nothing else is, with the standard library alone, and takes the lock first."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .bundles import BOOKKEEPING, FUNCTIONS, assemble
from .small_schema import small_schema

#: Loaded only after the lock is held, because importing them takes longer than asking for the lock.
HEAVY = ["concurrent.futures", "dataclasses", "asyncio", "http.client", "email", "ssl", "urllib.parse"]
HEAVY += ["random_bundle.src.actions", "random_bundle.src.schema"]


def alone(folder: Path, code: str) -> str:
    """Run code in an empty environment: no site packages, no environment variables, only this folder to import from."""
    program = f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={}, cwd=folder, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("place", ["function", "."])
def test_every_module_imports_where_nothing_else_is(tmp_path: Path, place: str) -> None:
    """In a package named by the runtime, and with `src` at the top."""
    empty = tmp_path / "empty"
    shutil.copytree(assemble(tmp_path, small_schema()), empty / place)
    package = "src" if place == "." else f"{place}.src"
    modules = [path.stem for path in (FUNCTIONS / "database-setup" / "src").glob("*.py")]

    code = "\n".join(f"import {package}.{module}" for module in modules) + f"\nprint({package}.main.main)"

    assert "function main" in alone(empty, code)


def test_only_what_the_lock_needs_is_imported_before_it_is_held(tmp_path: Path) -> None:
    assemble(tmp_path, small_schema()).rename(tmp_path / "random_bundle")

    loaded = alone(tmp_path, "import random_bundle.src.main\nimport json\nprint(json.dumps(sorted(sys.modules)))")

    assert [name for name in HEAVY if name in json.loads(loaded)] == []


@pytest.mark.parametrize("folder", ["_shared", "database-setup/src"])
def test_the_code_uses_the_standard_library_only(folder: str) -> None:
    foreign = set()
    # The client of NZ TAB needs the HTTP library; only bundles that list it import that module.
    for path in set((FUNCTIONS / folder).glob("*.py")) - {FUNCTIONS / "_shared" / "nztab.py"}:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            foreign |= {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)

    assert foreign <= {""}


def test_nothing_has_to_be_installed() -> None:
    assert (FUNCTIONS / "database-setup" / "requirements.txt").read_text().strip() == ""


def test_the_code_writes_only_what_the_declared_collections_have(tmp_path: Path) -> None:
    """Unknown attributes are refused by the server: writers and declaration must not drift apart."""
    from _shared import lock_protocol as protocol

    declared = {each["id"]: {part["key"] for part in each["attributes"]} for each in BOOKKEEPING}
    claim, numbers = protocol.Claim("o", "e", "2026-11-24"), protocol.Numbers(60, 20, 280)
    stamp = "2026-11-24T20:24:26.332+00:00"
    found = protocol.read_found({"owner": "x", "$createdAt": stamp, "$updatedAt": stamp})
    written = {
        *protocol.first_document(claim, numbers),
        *protocol.takeover_document(claim, numbers, found, 1.0),
        *("beats", "phase", "progress", "backoffUntil", "attempts"),
    }

    assert written <= declared["locks"]

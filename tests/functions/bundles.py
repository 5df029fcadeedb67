"""Lays a function out as it is deployed: its own folder, the shared code as `src/vendor`, generated JSON beside."""

from __future__ import annotations

import compileall
import hashlib
import importlib
import itertools
import json
import py_compile
import shutil
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from raceday_iac.packaging.bundle import vendored_rules

FUNCTIONS = Path(__file__).parents[2] / "functions"
BOOKKEEPING: list[dict[str, Any]] = json.loads((FUNCTIONS / "_shared" / "collections.json").read_text())["collections"]
LOCK = {
    "function": "database-setup",
    "lockId": "database-setup-lock",
    "databaseId": "raceday-db",
    "collectionId": "locks",
    "staleAfterSeconds": 60,
    "heartbeatSeconds": 20,
    "expirySeconds": 280,
    "checkTargetMs": None,
}
_numbers = itertools.count()


def schema_document(*collections: Mapping[str, Any], name: str = "RaceDay Database") -> dict[str, Any]:
    """A `schema.json` of these collections and the two that the functions themselves need."""
    content = {
        "database": {"id": "raceday-db", "name": name, "enabled": True},
        "collections": [*collections, *BOOKKEEPING],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {"formatVersion": 1, "schemaHash": hashlib.sha256(text.encode()).hexdigest(), **content}


def assemble(target: Path, schema: Mapping[str, Any] | None = None, **lock: Any) -> Path:
    """Write the bundle of `database-setup` into a new folder below `target`. Keyword arguments change `lock.json`."""
    folder = target / f"bundle_{next(_numbers)}"
    for path, content in _code().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "src" / "lock.json").write_text(json.dumps({**LOCK, **lock}))
    if schema is not None:
        (folder / "src" / "schema.json").write_text(json.dumps(schema))
    return folder


@cache
def _code() -> dict[Path, bytes]:
    """The files that all these bundles have, and what Python makes of them: compiling takes longer than a set-up."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made, "bundle")
        shutil.copytree(FUNCTIONS / "database-setup", folder, ignore=shutil.ignore_patterns("__pycache__"))
        vendor = folder / "src" / "vendor"
        vendor.mkdir()
        for module in (FUNCTIONS / "_shared").glob("*.py"):
            shutil.copy(module, vendor)
        for name, content in vendored_rules().items():
            (vendor / name).parent.mkdir(exist_ok=True)
            (vendor / name).write_bytes(content)
        # By the content of the files, so that one that a test changes is compiled again.
        compileall.compile_dir(folder, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def load(folder: Path, module: str = "main") -> ModuleType:
    """Import a module of a bundle, as the runtime does: as part of a package that is named after the folder."""
    if str(folder.parent) not in sys.path:
        sys.path.insert(0, str(folder.parent))
    return importlib.import_module(f"{folder.name}.src.{module}")

"""What is deployed for a function: its folder, the shared code, and what is derived from the stack.

Each deployed function is self-contained. Shared modules are written once, in `functions/_shared/`, and copied into
every bundle with a header that names their version; lock numbers and schema come from the stack as JSON files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import BuildError
from ..kinds.base import thaw
from ..model.address import database_address, deployment_address, function_address
from ..model.desired import CodeSource, Desired
from ..model.limits import DEPLOYMENT_BYTES
from ..model.resource import Resource, frozen
from .archive import digest_of_files, make_archive

SHARED = "_shared"
MANIFEST = "raceday-iac.json"
_IGNORED_FOLDERS = frozenset(
    {"__pycache__", ".venv", "node_modules", ".git", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
)
_IGNORED_ENDINGS = (".pyc", ".pyo", ".swp", ".DS_Store")


@dataclass(frozen=True)
class Bundle:
    """A function's packed code. `digest` identifies its content."""

    source: CodeSource
    files: Mapping[str, bytes]
    digest: str

    def archive(self) -> bytes:
        """The archive to upload. Raises BuildError when it is larger than Appwrite takes."""
        content = make_archive(self.files)
        if len(content) > DEPLOYMENT_BYTES:
            raise BuildError(
                f"The bundle of {function_address(self.source.function)} has {len(content)} bytes; "
                f"Appwrite takes {DEPLOYMENT_BYTES}.",
                hint="remove files from its code folder that it does not need at run time",
            )
        return content


def pack_all(desired: Desired) -> dict[str, Bundle]:
    """Bundles by function id, for every function with managed code. The same inputs give the same digests."""
    # What several functions share is read and written once.
    shared = {folder: vendored_modules(folder) for folder in {_shared_of(each) for each in desired.code.values()}}
    databases = {each.schema_of for each in desired.code.values() if each.schema_of}
    schemas = {database: _json(schema_document(desired, database)) for database in databases}
    return {
        name: _pack(source, desired, shared[_shared_of(source)], schemas.get(source.schema_of))
        for name, source in desired.code.items()
    }


def _shared_of(source: CodeSource) -> Path:
    return source.folder.parent / SHARED


def _pack(source: CodeSource, desired: Desired, shared: Mapping[str, bytes], schema: bytes | None) -> Bundle:
    """The bundle of one function, with the modules to vendor and its database's schema."""
    files = dict(_own_files(source.folder))
    inner = PurePosixPath(source.entrypoint).parent
    for name, content in shared.items():
        files[str(inner / "vendor" / name)] = content
    if source.lock is not None:
        files[str(inner / "lock.json")] = _json(lock_settings(source, desired))
    if schema is not None:
        files[str(inner / "schema.json")] = schema
    # Commands, entrypoint and runtime are build inputs that no answer of Appwrite tells: a change of one is new code.
    files[MANIFEST] = _json(
        {
            "function": source.function,
            "entrypoint": source.entrypoint,
            "commands": source.commands,
            "runtime": source.runtime,
        }
    )
    return Bundle(source, files, digest_of_files(files))


def with_deployments(desired: Desired, bundles: Mapping[str, Bundle]) -> Desired:
    """The wanted side, with one deployment per bundle."""
    extra = {}
    for name, bundle in bundles.items():
        address = deployment_address(name)
        owner = function_address(name)
        fields = frozen({"digest": bundle.digest})
        extra[address] = Resource(address, fields, (owner,), desired.resources[owner].location)
    return desired.with_resources(extra)


def vendored_modules(shared: Path) -> dict[str, bytes]:
    """The shared modules as they are put into a bundle, each with a header: name, version, hash."""
    if not shared.is_dir():
        return {}
    found = {}
    for path in sorted(shared.glob("*.py")):
        content = path.read_bytes()
        short = hashlib.sha256(content).hexdigest()[:16]
        header = f"# Copied from functions/{SHARED}/{path.name}, version {short}. Do not edit.\n"
        found[path.name] = header.encode() + content
    return found


def lock_settings(source: CodeSource, desired: Desired) -> dict[str, Any]:
    """The lock numbers that the function's code reads. Seconds, except the target of the check."""
    lock = source.lock
    assert lock is not None
    database, collection = desired.lock_store
    return {
        "function": source.function,
        "lockId": lock.lock_id,
        "databaseId": database,
        "collectionId": collection,
        "staleAfterSeconds": lock.stale_after,
        "heartbeatSeconds": lock.heartbeat,
        "expirySeconds": lock.expiry,
        "checkTargetMs": lock.check_target_ms,
    }


def schema_document(desired: Desired, database: str) -> dict[str, Any]:
    """A database's declaration as `database-setup` reads it; `schemaHash` identifies its content."""
    owner = database_address(database)
    fields = desired.resources[owner].fields
    content: dict[str, Any] = {
        "database": {"id": database, **thaw(fields)},
        "collections": [_collection_document(desired, each) for each in desired.below(owner, "collection")],
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {"formatVersion": 1, "schemaHash": hashlib.sha256(canonical.encode()).hexdigest(), **content}


def _collection_document(desired: Desired, collection: Resource) -> dict[str, Any]:
    def members(kind: str) -> list[dict[str, Any]]:
        return [{"key": each.address.name, **thaw(each.fields)} for each in desired.below(collection.address, kind)]

    return {
        "id": collection.address.name,
        **thaw(collection.fields),
        "attributes": [_without_nothing(each) for each in members("attribute")],
        "relationships": members("relationship"),
        "indexes": members("index"),
    }


def _without_nothing(attribute: dict[str, Any]) -> dict[str, Any]:
    """Settings that an attribute does not have are left out; its default is always said."""
    return {name: value for name, value in attribute.items() if value is not None or name == "default"}


def _own_files(folder: Path) -> dict[str, bytes]:
    files = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if not path.is_file() or _IGNORED_FOLDERS & set(relative.parts) or _is_ignored(path.name):
            continue
        files[relative.as_posix()] = path.read_bytes()
    return files


def _is_ignored(name: str) -> bool:
    """Leftovers of tools, and `.env` files: those hold secrets of the machine that packs."""
    return name.endswith(_IGNORED_ENDINGS) or name == ".env" or name.startswith(".env.")


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()

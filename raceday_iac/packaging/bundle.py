"""What is deployed for a function or site: its folder, the shared code, and what is derived from the stack.

Each deployed function is self-contained. Shared modules are written once, in `functions/_shared/`, and copied into
every bundle with a header that names their version; lock numbers and schema come from the stack as JSON files. Code
that imports `vendor.kinds` gets the rules that a schema is compared and written by: modules of this package that need
nothing but Python.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import BuildError, StackError
from ..kinds import HAVING_CODE, KINDS, code_of, declared
from ..kinds.base import thaw
from ..model.address import Address, database_address, owners
from ..model.limits import DEPLOYMENT_BYTES
from ..model.resource import CodeSource, Desired, Diagnostic, LeftOut, Resource, frozen
from .contents import CodeFolder, Contents, read_contents

SHARED = "_shared"
#: Put into `vendor/` for code that sets up a schema. They import nothing but the standard library and each other.
RULES = ("kinds/schema_rules.py", "model/limits.py")
_PACKAGE = Path(__file__).parent.parent
MANIFEST = "raceday-iac.json"
#: Bytes that gzip adds at most to what it cannot compress: five for each block of 16 KiB, and its head and tail.
_GZIP_ADDS = 1 + 5 / 16_384
_COPY_HEADER = re.compile(rb"# Copied from \S+, version ([0-9a-f]{16})\. Do not edit\.\r?\n")


@dataclass(frozen=True)
class Bundle:
    """Packed code. `digest` identifies its content, modes included."""

    source: CodeSource
    files: Mapping[str, bytes]
    digest: str
    #: Files of mode 0755; all others have 0644.
    executable: frozenset[str] = frozenset()
    left_out: tuple[LeftOut, ...] = ()

    def archive(self) -> bytes:
        """The archive to upload. Raises BuildError when it is larger than Appwrite takes."""
        content = make_archive(self.files, self.executable)
        if len(content) > DEPLOYMENT_BYTES:
            raise BuildError(f"The bundle of {self.source.owner} {_too_large(len(content))}")
        return content

    def size_problem(self) -> str:
        """What is wrong with its size; empty when Appwrite takes it. Compresses only what may be too large."""
        if sum(map(len, self.files.values())) + 1_536 * len(self.files) + 10_240 <= DEPLOYMENT_BYTES / _GZIP_ADDS:
            return ""
        size = len(make_archive(self.files, self.executable))
        return f"its bundle {_too_large(size)}" if size > DEPLOYMENT_BYTES else ""


def pack_all(desired: Desired) -> dict[Address, Bundle]:
    """Bundles of everything with managed code, by whose code it is. The same inputs give the same digests.

    Raises StackError for all that cannot be packed, with everything that is wrong with it.
    """
    folders = {_shared_of(each): each for each in desired.code.values() if each.entrypoint}
    unusable = [
        Diagnostic(desired.resources[each.owner].location, "", problem)
        for folder, each in folders.items()
        for problem in _shared_problems(folder, each.project or each.folder.parent)
    ]
    if unusable:
        raise StackError(sorted(set(unusable)))
    # What several functions share is read and written once.
    shared = {folder: vendored_modules(folder) for folder in folders}
    databases = {each.schema_of for each in desired.code.values() if each.schema_of}
    schemas = {database: _json(schema_document(desired, database)) for database in databases}
    bundles, problems = {}, []
    for address, source in desired.code.items():
        # A site has no module that could import them.
        modules = shared[_shared_of(source)] if source.entrypoint else {}
        bundle, complaints = _pack(source, desired, modules, schemas.get(source.schema_of))
        bundles[address] = bundle
        problems += [Diagnostic(desired.resources[address].location, str(address), each) for each in complaints]
    if problems:
        raise StackError(sorted(set(problems)))
    return bundles


def _shared_of(source: CodeSource) -> Path:
    return source.folder.parent / SHARED


def _pack(
    source: CodeSource, desired: Desired, shared: Mapping[str, bytes], schema: bytes | None
) -> tuple[Bundle, list[str]]:
    """The bundle of one function, with the modules to vendor and its database's schema; and what is wrong with it."""
    code = CodeFolder(source.folder, source.project or source.folder, source.ignore, source.include)
    own = read_contents(code)
    added = {**_added(source, desired, shared, schema), **_rules_for(source, own.files)}
    problems = [*own.problems, *_clashes(own.files, added), *_entrypoint_problems(source, own)]
    files = {**own.files, **added}
    executable = frozenset(own.executable - added.keys())
    bundle = Bundle(source, files, digest_of_files(files, executable), executable, tuple(own.left_out))
    size_problem = "" if problems else bundle.size_problem()
    return bundle, [*problems, size_problem] if size_problem else problems


def _added(source: CodeSource, desired: Desired, shared: Mapping[str, bytes], schema: bytes | None) -> dict[str, bytes]:
    """What packing puts beside the function's own files."""
    inner = PurePosixPath(source.entrypoint).parent
    files = {str(inner / "vendor" / name): content for name, content in shared.items()}
    if source.lock is not None:
        files[str(inner / "lock.json")] = _json(lock_settings(source, desired))
    if schema is not None:
        files[str(inner / "schema.json")] = schema
    # What a build depends on beside its files no answer of Appwrite shows: a change of it is new code.
    files[MANIFEST] = _json({source.owner.kind: source.owner.path, **source.settings})
    return files


def _rules_for(source: CodeSource, own: Mapping[str, bytes]) -> dict[str, bytes]:
    """The rules of schemas, for code that imports them from where they will be."""
    if not any(name.endswith(".py") and b".vendor.kinds" in content for name, content in own.items()):
        return {}
    inner = PurePosixPath(source.entrypoint).parent
    return {str(inner / "vendor" / name): content for name, content in vendored_rules().items()}


def _clashes(own: Mapping[str, bytes], added: Mapping[str, bytes]) -> Iterator[str]:
    """Files of the user's that packing would put others in the place of. A copy of a shared module as packing wrote it
    is none of his, whatever its version; nor is what is the same."""
    reported = set[str]()
    for name, content in sorted(added.items()):
        above = [str(each) for each in PurePosixPath(name).parents if str(each) in own]
        below = [each for each in own if each.startswith(f"{name}/")]
        same = own.get(name) in (None, content) or is_whole_copy(own[name])
        for taken in {*above, *below[:1], *([] if same else [name])} - reported:
            reported.add(taken)
            yield (
                f"{taken} is a file of its code folder, but raceday-iac writes a file of its own to {name}; "
                "rename yours, or leave it out (ignore=)"
            )


def is_whole_copy(content: bytes) -> bool:
    """Whether a copy of a shared module is as packing wrote it: its header names the digest of the rest."""
    header = _COPY_HEADER.match(content)
    return header is not None and _short_hash(content[header.end() :]) == header[1].decode()


def _short_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _entrypoint_problems(source: CodeSource, own: Contents) -> Iterator[str]:
    """Code without the file that it begins with. Commands may make that file on the server."""
    if not source.entrypoint:
        return
    entry = str(PurePosixPath(source.entrypoint))
    if entry in own.files or source.settings.get("commands") or own.problems:
        return
    found = [each for each in own.left_out if each.path == entry or entry.startswith(each.path)]
    why = f": {found[0].why}{f' ({found[0].detail})' if found[0].detail else ''}" if found else ""
    yield f"entrypoint {source.entrypoint} is not in its bundle{why}; to include it: include="


def _too_large(size: int) -> str:
    return (
        f"has {size:,} bytes, but Appwrite accepts {DEPLOYMENT_BYTES:,}; leave out what it does not need at run time "
        "(ignore=)"
    )


def with_deployments(desired: Desired, bundles: Mapping[Address, Bundle]) -> Desired:
    """The wanted side, with one deployment per bundle, and with what was left out of them."""
    extra = {}
    for owner, bundle in bundles.items():
        address = code_of(owner)
        fields = frozen({"digest": bundle.digest})
        extra[address] = Resource(address, fields, (owner,), desired.resources[owner].location)
    left_out = {owner: bundle.left_out for owner, bundle in bundles.items() if bundle.left_out}
    return replace(desired.with_resources(extra), left_out=left_out)


def vendored_modules(shared: Path) -> dict[str, bytes]:
    """The shared modules as they are put into a bundle, each with a header: name, version, hash. Raises OSError."""
    return {path.name: _copy(path, f"functions/{SHARED}/{path.name}") for path in _shared_files(shared)}


@cache
def vendored_rules() -> Mapping[str, bytes]:
    """The rules of schemas as they are put into a bundle, by path in `vendor/`."""
    return {name: _copy(_PACKAGE / name, f"{_PACKAGE.name}/{name}") for name in RULES}


def _copy(path: Path, name: str) -> bytes:
    content = path.read_bytes()
    return f"# Copied from {name}, version {_short_hash(content)}. Do not edit.\n".encode() + content


def _shared_files(shared: Path) -> list[Path]:
    return [path for path in sorted(shared.glob("*.py")) if path.is_file()]


def _shared_problems(shared: Path, project: Path) -> Iterator[str]:
    """Shared modules that cannot be packed."""
    for path in sorted(shared.glob("*.py")):
        name, target = f"{SHARED}/{path.name}", path.resolve()
        if path.is_symlink() and not target.exists():
            yield f"{name} is a link to a file that does not exist"
        elif path.is_symlink() and not target.is_relative_to(project):
            yield f"{name} is a link that leads out of the project, to {target}"
        elif path.is_file() and not os.access(path, os.R_OK):
            yield f"{name} cannot be read"


def lock_settings(source: CodeSource, desired: Desired) -> dict[str, Any]:
    """The lock numbers that the function's code reads. Seconds, except the target of the check."""
    lock = source.lock
    assert lock is not None
    database, collection = desired.lock_store
    return {
        "function": source.owner.path,
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
    collections = declared(desired, lambda kind: kind.holds_documents_itself)
    content: dict[str, Any] = {
        "database": {"id": database, **thaw(fields)},
        "collections": [_collection_document(desired, each) for each in collections if owner in owners(each.address)],
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {"formatVersion": 1, "schemaHash": hashlib.sha256(canonical.encode()).hexdigest(), **content}


def _collection_document(desired: Desired, collection: Resource) -> dict[str, Any]:
    members = {
        kind.plural: [_member_document(each) for each in desired.below(collection.address, name)]
        for name, kind in KINDS.items()
        if kind.listed
    }
    return {"id": collection.address.name, **thaw(collection.fields), **members}


def _member_document(member: Resource) -> dict[str, Any]:
    """Settings that an attribute does not have are left out; its default is always said."""
    said = {name: value for name, value in thaw(member.fields).items() if value is not None or name == "default"}
    return {"key": member.address.name, **said}


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


# Archives that come out the same, byte for byte, wherever and whenever they are made.


#: Every file carries this time (1980-01-01, the earliest that all archivers know).
_EPOCH = 315_532_800
_AT_ONCE = 1_048_576


def make_archive(files: Mapping[str, bytes], executable: Collection[str] = ()) -> bytes:
    """A gzip-compressed tar of the files, by path relative to its root. Those named `executable` have mode 0755, all
    others 0644."""
    return gzip.compress(b"".join(_tar_of(files, executable)), compresslevel=9, mtime=0)


def digest_of_files(files: Mapping[str, bytes], executable: Collection[str] = ()) -> str:
    """What identifies the archive's content: SHA-256 of the tar before compression, which varies between zlibs."""
    digest = hashlib.sha256()
    for part in _tar_of(files, executable):
        digest.update(part)
    return digest.hexdigest()


def digest_of_archive(archive: bytes) -> str:
    """The same digest from an archive; empty when it is no gzip file (made by somebody else)."""
    digest = hashlib.sha256()
    try:
        # In pieces: what it holds may be a thousand times as large.
        with gzip.open(io.BytesIO(archive)) as tar:
            while piece := tar.read(_AT_ONCE):
                digest.update(piece)
    except (OSError, EOFError, zlib.error):
        return ""
    return digest.hexdigest()


def _tar_of(files: Mapping[str, bytes], executable: Collection[str]) -> Iterator[bytes]:
    """The bytes of a tar, in parts: what has to be known of a bundle at every plan is their digest alone."""
    size = 0
    for path, content in sorted(files.items()):
        head = _tar_head(path, len(content), 0o755 if path in executable else 0o644)
        padding = b"\0" * (-len(content) % tarfile.BLOCKSIZE)
        yield from (head, content, padding)
        size += len(head) + len(content) + len(padding)
    # Two empty blocks end it, and it is filled up to a whole record.
    size += 2 * tarfile.BLOCKSIZE
    yield b"\0" * (2 * tarfile.BLOCKSIZE + -size % tarfile.RECORDSIZE)


@lru_cache(1024)
def _tar_head(path: str, size: int, mode: int) -> bytes:
    """What stands before a file's content. All functions have the shared modules."""
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode, entry.mtime = size, mode, _EPOCH
    return entry.tobuf(tarfile.GNU_FORMAT)


# What a source archive says of itself: its digest, and whether this tool made it, and for which function or site.
#
# An archive that holds our manifest was packed by us. That is how a deployment is known to be ours when no state is
# left to say so; without it a deployment is somebody else's and is never deleted.


#: A manifest has four short fields. Whatever is larger is somebody else's file of the same name.
_LARGEST_MANIFEST = 100_000


@dataclass(frozen=True)
class Origin:
    """`digest` is empty for what is no gzip file; there is no `owner` of what we did not make."""

    digest: str = ""
    owner: Address | None = None


def origin_of_archive(archive: bytes) -> Origin:
    """What an archive says of itself. Never fails: an archive may be anything."""
    digest = digest_of_archive(archive) if archive else ""
    return Origin(digest, _owner_in(archive) if digest else None)


def _owner_in(archive: bytes) -> Address | None:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            entry = tar.getmember(MANIFEST)
            file = tar.extractfile(entry) if entry.isfile() and entry.size <= _LARGEST_MANIFEST else None
            content = json.loads(file.read()) if file is not None else {}
    except (tarfile.TarError, KeyError, ValueError, OSError, EOFError):
        return None
    named = ((name, content.get(name)) for name in HAVING_CODE) if isinstance(content, dict) else ()
    return next((Address(name, said) for name, said in named if isinstance(said, str) and said), None)

"""Buckets. The files in them are data: counted before they are lost, and else left alone."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..model.declarations import Declared, Id, Name
from ..model.resource import Fields
from .base import Contents, Danger
from .fields import IDENTITY, Wire
from .plain import SET, PermissionField, granted, plain_kind

Extension = Annotated[str, Field(min_length=1, max_length=64)]


class BucketDeclaration(Declared):
    """A bucket. `maximum_file_size` in bytes; the server has a limit of its own (30 000 000, where its operator has not
    set another), which is what a new bucket gets where nothing is said. With `file_security`, each file has permissions
    beside those of the bucket. `allowed_file_extensions` without a dot; none are all. Files above 20 MB are neither
    compressed nor encrypted nor scanned (Appwrite 1.8.1)."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name
    permissions: PermissionField = ()
    file_security: bool = False
    enabled: bool = True
    maximum_file_size: Annotated[int | None, Wire(is_left=True)] = Field(default=None, ge=1)
    allowed_file_extensions: Annotated[Sequence[Extension], SET] = Field(default=(), max_length=100)
    compression: Literal["none", "gzip", "zstd"] = "none"
    encryption: bool = True
    antivirus: bool = True
    transformations: Annotated[bool, Wire(is_answered=False)] = True


_EVERYBODY = ("any", "guests")
_WRITES = ("create", "update", "delete")
_GRANT_LESS = "grant less, or set file_security=True and give each file its own permissions"


def _anyone_writes(fields: Fields) -> Iterator[tuple[str, str]]:
    """Nobody is asked who they are: whoever knows the project's id can fill the disk, or replace what others download.

    Fix: grant less, or give each file its own permissions with `file_security=True`.
    """
    for role, actions in granted(fields["permissions"]):
        writes = [action for action in actions if action in _WRITES]
        if role in _EVERYBODY and writes:
            yield f'"{role}" may {", ".join(writes)} files without signing in', _GRANT_LESS


def _anyone_reads(fields: Fields) -> Iterator[tuple[str, str]]:
    """Right for what a website shows to everybody: accept it.

    Fix: grant less, or accept the finding.
    """
    for role, actions in granted(fields["permissions"]):
        if role in _EVERYBODY and "read" in actions:
            yield f'"{role}" may read all its files', _GRANT_LESS


def _users_change(fields: Fields) -> Iterator[tuple[str, str]]:
    """`users` may update or delete, and files have no permissions of their own.

    Fix: grant less, or give each file its own permissions with `file_security=True`.
    """
    for role, actions in granted(fields["permissions"]):
        changes = [action for action in actions if action in ("update", "delete")]
        if role.startswith("users") and changes and not fields["fileSecurity"]:
            yield f'"{role}" may {", ".join(changes)} every file, also those of others', _GRANT_LESS


KIND = plain_kind(
    "bucket",
    BucketDeclaration,
    "/storage/buckets",
    stage=42,
    absent="storage_bucket_not_found",
    contents=Contents("files", "file", "sizeOriginal", are_files=True, alike=("sizeOriginal", "signature", "name")),
    left_out={"totalSize": "what lies in it, which is data"},
    file_lists=("buckets",),
    file_unsaid=("transformations",),
    is_read_by_code=True,
    dangers=(
        Danger("BKT001", "error", "a bucket that anyone may write", _anyone_writes),
        Danger("BKT002", "warning", "a bucket that anyone may read", _anyone_reads),
        Danger("BKT003", "warning", "a bucket where each user may change the files of all others", _users_change),
    ),
    terraform_types=("appwrite_storage_bucket", "appwrite_bucket"),
    reached_through=lambda fields: frozenset({"storage"} if fields["permissions"] or fields["fileSecurity"] else ()),
)

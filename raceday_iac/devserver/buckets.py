"""Storage: buckets, and the files that lie in them. Files are kept whole, in the server's database."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from . import records
from .ages import ONLY_MAIN
from .databases.formats import COLLECTION_KINDS, DOCUMENT_KINDS, aggregate, permission_list
from .errors import ApiError
from .params import Param, custom_id, existing_id, list_of, loose_boolean, one_of, or_null, text, whole_number
from .records import LIST, Record, Records
from .web import Reply, Request, Routes, Upload

if TYPE_CHECKING:
    from .server import Server

#: Bytes of the largest file (`_APP_STORAGE_LIMIT`).
LARGEST_FILE = 30_000_000
SCHEMA = (
    records.SCHEMA
    + """
CREATE TABLE IF NOT EXISTS file_contents (file INTEGER PRIMARY KEY, content BLOB NOT NULL);
"""
)
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")

routes = Routes()
BUCKETS = Records(
    "bucket",
    "Bucket",
    "storage_bucket_not_found",
    "storage_bucket_already_exists",
    {
        "enabled": "boolean",
        "name": "text",
        "fileSecurity": "boolean",
        "maximumFileSize": "number",
        "encryption": "boolean",
        "antivirus": "boolean",
        "transformations": "boolean",
    },
)
FILES = Records(
    "file",
    "File",
    "storage_file_not_found",
    "storage_file_already_exists",
    {
        "name": "text",
        "signature": "text",
        "mimeType": "text",
        "sizeOriginal": "number",
        "chunksTotal": "number",
        "chunksUploaded": "number",
    },
)
BUCKET_ID = Param("bucketId", existing_id)
FILE_ID = Param("fileId", existing_id)
PERMISSIONS = Param("permissions", or_null(permission_list(COLLECTION_KINDS)), None, nullable=True)
#: What an update resets when it leaves it out (observed on 1.9.6); permissions stay.
SETTINGS = (
    Param("fileSecurity", loose_boolean, False),
    Param("enabled", loose_boolean, True),
    Param("maximumFileSize", whole_number(1, LARGEST_FILE), LARGEST_FILE),
    Param("allowedFileExtensions", list_of(text(1, 64), 100), ()),
    Param("compression", one_of("none", "gzip", "zstd"), "none"),
    Param("encryption", loose_boolean, True),
    Param("antivirus", loose_boolean, True),
    Param("transformations", loose_boolean, True),
)
ONE = "/storage/buckets/{bucketId}"
FILE = ONE + "/files/{fileId}"


def on_start(server: Server) -> None:
    """Storage has nothing to resume."""


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {each.name: values[each.name] for each in (Param("name", text(1, 128)), *SETTINGS)}
    if values["permissions"] is not None:
        found["$permissions"] = aggregate(values["permissions"], with_create=True)
    return {**found, "allowedFileExtensions": list(found["allowedFileExtensions"])}


def _bucket(server: Server, record: Record) -> dict[str, Any]:
    # The counter of bytes is one that a worker keeps; it stood still in all recordings.
    return record.answer(**({"totalSize": 0} if server.age.has_fields_of_1_9 else {}))


@routes.add(
    "POST",
    "/storage/buckets",
    "buckets.write",
    Param("bucketId", custom_id),
    Param("name", text(1, 128)),
    PERMISSIONS,
    *SETTINGS,
)
def create_bucket(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    fields = {"$permissions": [], **_fields(values)}
    return Reply(
        201, _bucket(server, BUCKETS.create(server, request.project, values["bucketId"], fields)), model="bucket"
    )


@routes.add("GET", "/storage/buckets", "buckets.read", *LIST)
def list_buckets(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return BUCKETS.listed(server, request, values, "buckets", shown=partial(_bucket, server))


@routes.add("GET", ONE, "buckets.read", BUCKET_ID)
def get_bucket(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, _bucket(server, BUCKETS.find(server, request.project, values["bucketId"])), model="bucket")


@routes.add("PUT", ONE, "buckets.write", BUCKET_ID, Param("name", text(1, 128)), PERMISSIONS, *SETTINGS)
def update_bucket(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = BUCKETS.find(server, request.project, values["bucketId"])
    return Reply(200, _bucket(server, BUCKETS.change(server, record, _fields(values))), model="bucket")


@routes.add("DELETE", ONE, "buckets.write", BUCKET_ID)
def delete_bucket(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Files go with their bucket, and nobody is asked."""
    record = BUCKETS.find(server, request.project, values["bucketId"])
    BUCKETS.delete(server, record)
    lying = "SELECT sequence FROM records WHERE project = ? AND kind = ? AND owner = ?"
    server.db.execute(f"DELETE FROM file_contents WHERE file IN ({lying})", (request.project, FILES.kind, record.id))
    FILES.delete_all(server, request.project, record.id)
    return Reply(204)


# Files.


@routes.add("GET", ONE + "/files", "files.read", BUCKET_ID, *LIST)
def list_files(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    bucket = BUCKETS.find(server, request.project, values["bucketId"])
    return FILES.listed(server, request, values, "files", bucket.id)


@routes.add("GET", FILE, "files.read", BUCKET_ID, FILE_ID)
def get_file(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, _file(server, request, values).answer(), model="file")


@routes.add("GET", FILE + "/download", "files.read", BUCKET_ID, FILE_ID)
@routes.add("GET", FILE + "/view", "files.read", BUCKET_ID, FILE_ID)
def download_file(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = _file(server, request, values)
    row = server.db.execute("SELECT content FROM file_contents WHERE file = ?", (record.sequence,)).fetchone()
    return Reply(200, bytes(row["content"]), {"content-type": record.fields["mimeType"]})


@routes.add("DELETE", FILE, "files.write", BUCKET_ID, FILE_ID)
def delete_file(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = _file(server, request, values)
    server.db.execute("DELETE FROM file_contents WHERE file = ?", (record.sequence,))
    FILES.delete(server, record)
    return Reply(204)


def _file(server: Server, request: Request, values: Mapping[str, Any]) -> Record:
    bucket = BUCKETS.find(server, request.project, values["bucketId"])
    return FILES.find(server, request.project, values["fileId"], bucket.id)


@routes.add(
    "POST",
    ONE + "/files",
    "files.write",
    BUCKET_ID,
    Param("fileId", custom_id),
    Param("permissions", or_null(permission_list(DOCUMENT_KINDS)), None, nullable=True),
    Param("folder", text(0, 1024), "", ages=ONLY_MAIN),
    limit=(60, 60),
)
def upload_file(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """A file, whole or in pieces. Pieces come one after the other and name the id of the first one's answer."""
    bucket = BUCKETS.find(server, request.project, values["bucketId"])
    upload = request.files.get("file")
    if upload is None:
        raise ApiError("storage_file_empty")
    allowed = bucket.fields["allowedFileExtensions"]
    if allowed and PurePosixPath(upload.filename).suffix.removeprefix(".").lower() not in map(str.lower, allowed):
        raise ApiError("storage_file_type_unsupported", "File extension not allowed")
    start, size = _place(request, upload)
    if size > bucket.fields["maximumFileSize"]:
        raise ApiError("storage_invalid_file_size", "File size not allowed")
    if start:
        record = FILES.find(server, request.project, values["fileId"], bucket.id)
        row = server.db.execute("SELECT content FROM file_contents WHERE file = ?", (record.sequence,)).fetchone()
        content = bytes(row["content"]) + upload.content
        record = FILES.change(server, record, _received(record.fields, content, size))
    else:
        content = upload.content
        fields = _new_file(server, bucket, values, upload, size)
        fields |= _received(fields, content, size)
        record = FILES.create(server, request.project, values["fileId"], fields, bucket.id)
    server.db.execute(
        "INSERT INTO file_contents (file, content) VALUES (?, ?) "
        "ON CONFLICT (file) DO UPDATE SET content = excluded.content",
        (record.sequence, content),
    )
    return Reply(201, record.answer(), model="file")


def _place(request: Request, upload: Upload) -> tuple[int, int]:
    """Where a piece begins, and the size of the whole file."""
    announced = request.headers.get("content-range", "")
    if not announced:
        return 0, len(upload.content)
    found = CONTENT_RANGE.fullmatch(announced)
    if found is None:
        raise ApiError("storage_invalid_content_range")
    return int(found[1]), int(found[3])


def _new_file(server: Server, bucket: Record, values: Mapping[str, Any], upload: Upload, size: int) -> dict[str, Any]:
    folder = "/".join(filter(None, values.get("folder", "").split("/")))
    place = {"folder": f"{folder}/" if folder else "", "key": f"{folder}/{upload.filename}".lstrip("/")}
    stored = {"sizeActual": 0, "encryption": bucket.fields["encryption"], "compression": bucket.fields["compression"]}
    return {
        "bucketId": bucket.id,
        "$permissions": aggregate(values["permissions"] or [], with_create=False),
        "name": upload.filename,
        **(place if server.age.has_folders else {}),
        "signature": "",
        "mimeType": "",
        "sizeOriginal": 0,
        "chunksTotal": max(1, -(-size // max(1, len(upload.content)))),
        "chunksUploaded": 0,
        **(stored if server.age.has_fields_of_1_9 else {}),
    }


def _received(fields: Mapping[str, Any], content: bytes, size: int) -> dict[str, Any]:
    """What a file says of itself after a piece. With the last one, it says all."""
    found: dict[str, Any] = {"chunksUploaded": fields["chunksUploaded"] + 1}
    if len(content) >= size:
        found |= {
            "signature": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "mimeType": mimetypes.guess_type(fields["name"])[0] or "application/octet-stream",
            "sizeOriginal": size,
            **({"sizeActual": _stored(fields, content)} if "sizeActual" in fields else {}),
        }
    return found


def _stored(fields: Mapping[str, Any], content: bytes) -> int:
    """Bytes on the disk. What is encrypted is kept as Base64 (observed on 1.9.6: 5 bytes become 8)."""
    size = len(gzip.compress(content)) if fields["compression"] == "gzip" else len(content)
    return -(-size // 3) * 4 if fields["encryption"] else size

"""Receiving source archives, whole or in pieces that come in any order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..params import CUSTOM_ID, Param, existing_id, loose_boolean, text
from ..web import Reply, Request, Routes, Upload
from . import files as storage
from . import store
from .builds import builder_of
from .models import Row, deployment_model

if TYPE_CHECKING:
    from ..server import Server

routes = Routes()

CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class Piece:
    """Bytes `start` to `end`, both included, of `size`; `deployment` is empty for the first piece."""

    start: int
    end: int
    size: int
    deployment: str


@routes.add(
    "POST",
    "/functions/{functionId}/deployments",
    "functions.write",
    Param("functionId", existing_id),
    Param("entrypoint", text(1, 1028), None, nullable=True),
    Param("commands", text(0, 8192), None, nullable=True),
    Param("activate", loose_boolean),
)
def create_deployment(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    function = store.get_function(server, request.project, values["functionId"])
    entrypoint = function["entrypoint"] if values["entrypoint"] is None else values["entrypoint"]
    if not entrypoint:
        raise ApiError("function_entrypoint_missing")
    upload = _archive(request)
    piece = _piece(request, upload)
    limit = server.settings.compute_size_limit
    if limit and piece.size > limit:
        raise ApiError("storage_invalid_file_size")
    row = store.find(server, "deployments", request.project, piece.deployment) if piece.deployment else None
    if row is None:
        values["entrypoint"] = entrypoint
        values["commands"] = function["commands"] if values["commands"] is None else values["commands"]
        row = _insert(server, request, function, piece, values)
    elif row["function"] != function["id"]:
        raise ApiError("deployment_not_found")
    return _receive(server, function, row, piece, upload)


def _archive(request: Request) -> Upload:
    upload = request.files.get("code")
    if upload is None:
        raise ApiError("storage_file_empty", "No file sent")
    if not upload.filename.lower().endswith(".gz"):
        raise ApiError("storage_file_type_unsupported")
    return upload


def _piece(request: Request, upload: Upload) -> Piece:
    header = request.headers.get("content-range", "")
    if not header:
        size = len(upload.content)
        return Piece(0, size - 1, size, "")
    match = CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        raise ApiError("storage_invalid_content_range")
    start, end, size = (int(number) for number in match.groups())
    if not start <= end < size or len(upload.content) != end - start + 1:
        raise ApiError("storage_invalid_content_range")
    deployment = request.headers.get("x-appwrite-id", "")
    if deployment and not CUSTOM_ID.fullmatch(deployment):
        raise ApiError("storage_invalid_appwrite_id")
    return Piece(start, end, size, deployment)


def _insert(server: Server, request: Request, function: Row, piece: Piece, values: dict[str, Any]) -> Row:
    identifier, now = piece.deployment or server.new_id(), server.timestamp()
    store.insert(
        server,
        "deployments",
        project=request.project,
        id=identifier,
        function=function["id"],
        created_at=now,
        updated_at=now,
        type="cli" if request.headers.get("x-sdk-language") == "cli" else "manual",
        entrypoint=values["entrypoint"],
        commands=values["commands"],
        activate=values["activate"],
        source_size=piece.size,
        total_size=piece.size,
        status="waiting",
    )
    return show_as_latest(server, function, identifier)


def show_as_latest(server: Server, function: Row, deployment: str) -> Row:
    """Name a new deployment on its function."""
    row = store.find(server, "deployments", function["project"], deployment)
    assert row is not None
    store.change(
        server,
        "functions",
        function,
        latest_deployment_id=row["id"],
        latest_deployment_created_at=row["created_at"],
        latest_deployment_status=row["status"],
    )
    return row


def _receive(server: Server, function: Row, row: Row, piece: Piece, upload: Upload) -> Reply:
    """Store a piece; the last one to come, whichever it is, starts the build."""
    project, identifier = row["project"], row["id"]
    if not storage.is_complete(row["received"], row["source_size"]):
        storage.write_chunk(storage.files_of(server, project, identifier).source, piece.start, upload.content)
        received = storage.add_range(row["received"], piece.start, piece.end)
        if piece.deployment:
            store.change(server, "deployments", row, received=received)
        else:
            server.db.execute("UPDATE deployments SET received = ? WHERE sequence = ?", (received, row["sequence"]))
        if storage.is_complete(received, row["source_size"]):
            _complete(server, function, row)
    current = store.find(server, "deployments", project, identifier)
    assert current is not None
    return Reply(202, deployment_model(current), model="deployment")


def _complete(server: Server, function: Row, row: Row) -> None:
    if row["activate"]:
        clear_activation(server, function, row["id"])
    builder_of(server).enqueue(row["project"], row["id"])


def clear_activation(server: Server, function: Row, but: str) -> None:
    """A deployment that is to be activated takes that wish from all others, but not from one that is being built:
    the build worker writes its own copy back (observed on 1.8.1)."""
    server.db.execute(
        "UPDATE deployments SET activate = 0, updated_at = ? "
        "WHERE project = ? AND function = ? AND activate = 1 AND id != ? AND status NOT IN ('processing', 'building')",
        (server.timestamp(), function["project"], function["id"], but),
    )

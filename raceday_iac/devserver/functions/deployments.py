"""Reading, activating, cancelling, copying and deleting deployments of functions and sites."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..ages import EVERY, ONLY_1_8, ONLY_1_9, ONLY_MAIN, SINCE_1_9, UNTIL_1_9
from ..errors import ApiError
from ..params import CUSTOM_ID, Param, boolean, existing_id, one_of, or_null, spoken_boolean, text
from ..records import COLUMN_SETS, LIST, Scope, parse_queries, read_page
from ..storage import private_file, private_folder
from ..web import Handler, Reply, Request, Routes, Upload
from . import files as storage
from . import store
from .builds import builder_of, notice
from .crud import discard_deployments, reply
from .store import FUNCTIONS, SITES, Row, Service, deployment_model

if TYPE_CHECKING:
    from ..server import Server


routes = Routes()

DEPLOYMENT_ID = Param("deploymentId", existing_id)
LISTED, ONE, ACTIVE = "/deployments", "/deployments/{deploymentId}", "/deployment"
DOWNLOADED = Param("type", one_of("source", "output"), "source")
RANGE = re.compile(r"bytes=(\d+)-(\d*)")
ALWAYS_SHOWN = ("$id", "$createdAt", "$updatedAt")
#: The build worker writes to the log of a canceled build some time after the answer (observed on 1.8.1).
CANCEL_NOTICE_DELAY = 0.25


def _add(
    method: str,
    path: str,
    *params: Param,
    ages: frozenset[str] = EVERY,
    is_public: bool = False,
    services: Sequence[Service] = (FUNCTIONS, SITES),
) -> Callable[[Handler], Handler]:
    """Decorator that registers a handler below functions and below sites."""

    def register(handler: Handler) -> Handler:
        for each in services:
            scope = f"{each.name}.{'read' if method == 'GET' else 'write'}"
            scopes = ("public", scope) if is_public else scope
            given = (Param(each.id_parameter, existing_id), *params)
            routes.add(method, each.path + path, scopes, *given, ages=ages)(handler)
        return handler

    return register


def _owner(server: Server, request: Request, values: dict[str, Any]) -> Row:
    """The function or site whose deployments are meant."""
    owner = store.asked_owner(server, request.project, values)
    assert owner is not None
    return owner


def _both(server: Server, request: Request, values: dict[str, Any]) -> tuple[Row, Row]:
    owner = _owner(server, request, values)
    return owner, store.get_deployment(server, owner, values["deploymentId"])


@_add("GET", LISTED, *LIST)
def list_deployments(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    owner = _owner(server, request, values)
    if values["search"]:
        # A defect (observed): there is no index to search.
        said = "Invalid query: Attribute not found in schema: search"
        raise ApiError("general_query_invalid", said) if server.age.refuses_search else ApiError("general_unknown")
    asked = parse_queries(values["queries"], COLUMN_SETS["deployments"], selectable=True)
    scope = Scope("deployments", "Deployment", {"project": request.project, "function": store.key_of(owner)})
    page = read_page(server.db, scope, asked)
    shown = [_selected(deployment_model(row), asked.select) for row in page.rows]
    return Reply(200, {"total": page.total, "deployments": shown}, model="" if asked.select else "deployments")


def _selected(model: dict[str, Any], names: list[str]) -> dict[str, Any]:
    if not names or "*" in names:
        return model
    return {name: value for name, value in model.items() if name in names or name in ALWAYS_SHOWN}


@_add("GET", ONE, DEPLOYMENT_ID)
def get_deployment(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, deployment_model(_both(server, request, values)[1]), model="deployment")


@_add("PATCH", ONE, DEPLOYMENT_ID, services=(FUNCTIONS,))
@_add("PATCH", ACTIVE, DEPLOYMENT_ID)
def activate_deployment(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Neither checks whose deployment it is nor touches `live` (1.8.1, Functions/Deployment/Update.php)."""
    owner = _owner(server, request, values)
    deployment = store.find(server, "deployments", request.project, values["deploymentId"])
    if deployment is None:
        raise ApiError("deployment_not_found")
    if deployment["status"] != "ready":
        raise ApiError("build_not_ready")
    if owner["deployment_id"] != deployment["id"]:
        store.activate(server, owner, deployment)
    if store.service_of(owner) is FUNCTIONS:
        store.arm_schedule(server, request.project, owner["id"])
    return reply(server, owner)


@_add("PATCH", f"{ONE}/status", DEPLOYMENT_ID)
def cancel_build(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    owner, deployment = _both(server, request, values)
    if deployment["status"] in {"ready", "failed"}:
        raise ApiError("build_already_completed")
    store.change(server, "deployments", deployment, status="canceled")
    store.set_latest_status(server, request.project, deployment, "canceled")
    builder_of(server).cancel(request.project, deployment["id"])
    server.later(CANCEL_NOTICE_DELAY, lambda: _note_cancel(server, request.project, deployment["id"]))
    current = store.get_deployment(server, owner, deployment["id"])
    return Reply(200, deployment_model(current), model="deployment")


def _note_cancel(server: Server, project: str, identifier: str) -> None:
    row = store.find(server, "deployments", project, identifier)
    if row is not None:
        line = notice(server.clock.now(), "Build has been canceled.", "stop")
        store.change(server, "deployments", row, build_logs=row["build_logs"] + line)


@_add("POST", f"{LISTED}/duplicate", DEPLOYMENT_ID, Param("buildId", existing_id, ""), services=(FUNCTIONS,))
@_add("POST", f"{LISTED}/duplicate", DEPLOYMENT_ID, services=(SITES,))
def duplicate_deployment(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Build the same source again, with the entrypoint and commands of today."""
    owner, original = _both(server, request, values)
    source = storage.files_of(server, request.project, original["id"]).source
    if not source.exists():
        raise ApiError("deployment_not_found")
    identifier = server.new_id()
    if server.age.activates_duplicates:
        clear_activation(server, owner, identifier)
    copy = storage.files_of(server, request.project, identifier).source
    private_folder(copy.parent)
    private_file(copy)
    shutil.copyfile(source, copy)
    return _begun(
        server,
        owner,
        identifier,
        total_size=original["source_size"],
        activate=server.age.activates_duplicates or original["activate"],
        **{name: original[name] for name in ("type", "source_size", "chunks", "received")},
    )


def _begun(server: Server, owner: Row, identifier: str, **facts: Any) -> Reply:
    """A deployment that waits for its build, with the entrypoint and commands of today."""
    now = server.timestamp()
    store.insert(
        server,
        "deployments",
        project=owner["project"],
        id=identifier,
        function=store.key_of(owner),
        created_at=now,
        updated_at=now,
        **_build_of(owner),
        status="waiting",
        **facts,
    )
    row = show_as_latest(server, owner, identifier)
    builder_of(server).enqueue(owner["project"], identifier)
    return Reply(202, deployment_model(row), model="deployment")


def _build_of(owner: Row) -> dict[str, str]:
    """What a deployment keeps of how it is built."""
    if store.service_of(owner) is FUNCTIONS:
        return {"entrypoint": owner["entrypoint"], "commands": owner["commands"]}
    return {"entrypoint": "", **site_build(owner["install_command"], owner["build_command"], owner["output_directory"])}


def site_build(install: str, build: str, output: str) -> dict[str, str]:
    """Both commands of a site as one shell line, and where the files to be served are then."""
    return {"commands": " && ".join(filter(str.strip, (install, build))), "output_directory": output}


@_add("DELETE", ONE, DEPLOYMENT_ID)
def delete_deployment(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    owner, deployment = _both(server, request, values)
    server.db.execute("DELETE FROM deployments WHERE sequence = ?", (deployment["sequence"],))
    if owner["latest_deployment_id"] == deployment["id"]:
        _fall_back(server, owner)
    if owner["deployment_id"] == deployment["id"]:
        # The time is that of the deletion, and the schedule goes on (both observed on 1.8.1).
        store.change_owner(server, owner, deployment_id="", deployment_created_at=server.timestamp())
    discard_deployments(server, request.project, [deployment["id"]])
    return Reply(204)


def _fall_back(server: Server, owner: Row) -> None:
    """The newest of the remaining deployments becomes the latest."""
    newest = server.db.execute(
        "SELECT * FROM deployments WHERE project = ? AND function = ? ORDER BY sequence DESC LIMIT 1",
        (owner["project"], store.key_of(owner)),
    ).fetchone()
    store.change_owner(
        server,
        owner,
        latest_deployment_id=newest["id"] if newest else "",
        latest_deployment_created_at=newest["created_at"] if newest else "",
        latest_deployment_status=newest["status"] if newest else "",
    )


@_add("GET", f"{ONE}/download", DEPLOYMENT_ID, DOWNLOADED, ages=UNTIL_1_9)
@_add("GET", f"{ONE}/download", DEPLOYMENT_ID, DOWNLOADED, ages=ONLY_MAIN, is_public=True)
def download_deployment(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    if request.key.kind == "guest":
        raise ApiError("user_unauthorized")
    _, deployment = _both(server, request, values)
    files = storage.files_of(server, request.project, deployment["id"])
    path = files.output if values["type"] == "output" else files.source
    if not path.exists():
        raise ApiError("deployment_not_found")
    name, kind = values["type"], "application/gzip"
    if name == "output" and server.age.offers_downloads:
        name, kind = "output-code", "application/octet-stream"
    headers = {
        "content-type": kind,
        "cache-control": "private, max-age=3888000",
        "content-disposition": f'attachment; filename="{deployment["id"]}-{name}.tar.gz"',
    }
    content = path.read_bytes()
    asked = request.headers.get("range", "")
    if not asked:
        return Reply(200, content, headers)
    start, end = _byte_range(asked, len(content))
    headers |= {"accept-ranges": "bytes", "content-range": f"bytes {start}-{end}/{len(content)}"}
    return Reply(206, content[start : end + 1], headers)


#: What of a repository is to be deployed. A site of 1.8 may also name a tag.
REFERENCE = (Param("reference", text(1, 255)), Param("activate", boolean, False))
VCS = (Param("type", one_of("branch", "commit")), *REFERENCE)
SITE_VCS = (Param("type", one_of("branch", "commit", "tag")), *REFERENCE)
TEMPLATE = (
    Param("repository", text(0, 128)),
    Param("owner", text(0, 128)),
    Param("rootDirectory", text(0, 128)),
    Param("type", one_of("commit", "branch", "tag")),
    Param("reference", text(0, 128)),
    Param("activate", boolean, False),
)


def _byte_range(header: str, size: int) -> tuple[int, int]:
    match = RANGE.fullmatch(header.strip())
    if match is None:
        raise ApiError("storage_invalid_range")
    start, end = int(match[1]), int(match[2]) if match[2] else size - 1
    if start >= end or end >= size:
        raise ApiError("storage_invalid_range")
    return start, end


@_add("POST", f"{LISTED}/template", *TEMPLATE, ages=ONLY_1_8)
@_add("POST", f"{LISTED}/vcs", *VCS, ages=ONLY_MAIN)
@_add("POST", f"{LISTED}/vcs", *VCS, ages=ONLY_1_8, services=(FUNCTIONS,))
@_add("POST", f"{LISTED}/vcs", *SITE_VCS, ages=ONLY_1_8, services=(SITES,))
def deploy_from_repository(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """There is no version control on this server."""
    _owner(server, request, values)
    raise ApiError("installation_not_found")


@_add("POST", f"{LISTED}/vcs", *VCS, ages=ONLY_1_9)
def deploy_without_installation(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """1.9.6 does not foresee a function or site without an installation."""
    _owner(server, request, values)
    raise ApiError("general_unknown")


@_add("POST", f"{LISTED}/template", *TEMPLATE, ages=SINCE_1_9)
def deploy_template(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Its build fails, as that of a real server without a way to the repository."""
    owner = _owner(server, request, values)
    identifier = server.new_id()
    url = f"https://github.com/{values['owner']}/{values['repository']}"
    provider = {
        "providerRepositoryName": values["repository"],
        "providerRepositoryOwner": values["owner"],
        "providerRepositoryUrl": url,
        "providerBranch": values["reference"] if server.age.shows_references else "",
        "providerBranchUrl": f"{url}/blob/{values['reference']}",
    }
    if values["activate"] and server.age.clears_all_wishes:
        clear_activation(server, owner, identifier)
    provider_facts = json.dumps(provider)
    return _begun(server, owner, identifier, type="vcs", activate=values["activate"], provider=provider_facts)


# Receiving source archives, whole or in pieces that come in any order.


#: Parameters of a site's deployment, and its columns that count where one is left out.
SITE_BUILD = {
    "installCommand": "install_command",
    "buildCommand": "build_command",
    "outputDirectory": "output_directory",
}
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class Piece:
    """Bytes `start` to `end`, both included, of `size`; `deployment` is empty for the first piece."""

    start: int
    end: int
    size: int
    deployment: str


@_add(
    "POST",
    LISTED,
    Param("entrypoint", or_null(text(1, 1028)), None, nullable=True),
    Param("commands", or_null(text(0, 8192)), None, nullable=True),
    Param("activate", spoken_boolean),
    services=(FUNCTIONS,),
)
def deploy_function(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    owner = _owner(server, request, values)
    build = {name: owner[name] if values[name] is None else values[name] for name in ("entrypoint", "commands")}
    if not build["entrypoint"]:
        raise ApiError("function_entrypoint_missing")
    return _deployed(server, request, owner, values["activate"], build)


@_add(
    "POST",
    LISTED,
    *(Param(name, or_null(text(0, 8192)), None, nullable=True) for name in SITE_BUILD),
    Param("activate", spoken_boolean, ages=ONLY_1_8),
    Param("activate", spoken_boolean, False, ages=SINCE_1_9),
    services=(SITES,),
)
def deploy_site(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    owner = _owner(server, request, values)
    said = [owner[column] if values[name] is None else values[name] for name, column in SITE_BUILD.items()]
    return _deployed(server, request, owner, values["activate"], {"entrypoint": "", **site_build(*said)})


def _deployed(server: Server, request: Request, owner: Row, activate: bool, build: Mapping[str, str]) -> Reply:
    upload = _archive(request)
    piece = _piece(request, upload)
    limit = server.settings.compute_size_limit
    if limit and piece.size > limit:
        raise ApiError("storage_invalid_file_size")
    row = store.find(server, "deployments", request.project, piece.deployment) if piece.deployment else None
    if row is None:
        row = _insert(server, request, owner, piece, {"activate": activate, **build})
    elif row["function"] != store.key_of(owner):
        raise ApiError("deployment_not_found")
    return _receive(server, owner, row, piece, upload)


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


def _insert(server: Server, request: Request, owner: Row, piece: Piece, values: Mapping[str, Any]) -> Row:
    identifier, now = piece.deployment or server.new_id(), server.timestamp()
    store.insert(
        server,
        "deployments",
        project=request.project,
        id=identifier,
        function=store.key_of(owner),
        created_at=now,
        updated_at=now,
        type="cli" if request.headers.get("x-sdk-language") == "cli" else "manual",
        **values,
        source_size=piece.size,
        total_size=piece.size,
        status="waiting",
    )
    return show_as_latest(server, owner, identifier)


def show_as_latest(server: Server, owner: Row, deployment: str) -> Row:
    """Name a new deployment on its owner. Since 1.9 it is not until its build is on its way."""
    row = store.find(server, "deployments", owner["project"], deployment)
    assert row is not None
    if server.age.latest_from is not None:
        return row
    store.change_owner(
        server,
        owner,
        latest_deployment_id=row["id"],
        latest_deployment_created_at=row["created_at"],
        latest_deployment_status=row["status"],
    )
    return row


def _receive(server: Server, owner: Row, row: Row, piece: Piece, upload: Upload) -> Reply:
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
            _complete(server, owner, row)
    current = store.find(server, "deployments", project, identifier)
    assert current is not None
    return Reply(202, deployment_model(current), model="deployment")


def _complete(server: Server, owner: Row, row: Row) -> None:
    if row["activate"]:
        clear_activation(server, owner, row["id"])
    builder_of(server).enqueue(row["project"], row["id"])


def clear_activation(server: Server, owner: Row, but: str) -> None:
    """A deployment that is to be activated takes that wish from all others. Before main not from one that is being
    built: the build worker writes its own copy back (observed on 1.8.1)."""
    spared = "" if server.age.clears_all_wishes else " AND status NOT IN ('processing', 'building')"
    server.db.execute(
        "UPDATE deployments SET activate = 0, updated_at = ? "
        f"WHERE project = ? AND function = ? AND activate = 1 AND id != ?{spared}",
        (server.timestamp(), owner["project"], store.key_of(owner), but),
    )

"""Sites. Their variables, deployments and builds are served by the code for those of functions."""

from __future__ import annotations

import json
import mimetypes
import posixpath
import tarfile
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from .ages import ONLY_MAIN, SINCE_1_9
from .errors import ApiError
from .functions import store
from .functions.crud import (
    REPOSITORY,
    RETENTION,
    check_repository,
    delete_owner,
    reply,
    repository_columns,
    scopes_of,
    specification_of,
)
from .functions.files import files_of
from .functions.store import SITES, Row, owner_model
from .instance import default_specification
from .params import NO_IDS, Check, Param, anything, boolean, custom_id, existing_id, one_of, text, whole_number
from .records import COLUMN_SETS, LIST, PAGE, Scope, parse_queries, read_page
from .web import Reply, Request, Routes

if TYPE_CHECKING:
    from .server import Server

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS sites (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    name TEXT NOT NULL,
    framework TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    live INTEGER NOT NULL DEFAULT 1,
    logging INTEGER NOT NULL,
    timeout INTEGER NOT NULL,
    install_command TEXT NOT NULL,
    build_command TEXT NOT NULL,
    start_command TEXT NOT NULL,
    output_directory TEXT NOT NULL,
    build_runtime TEXT NOT NULL,
    adapter TEXT NOT NULL,
    fallback_file TEXT NOT NULL,
    scopes TEXT NOT NULL,
    specification TEXT NOT NULL,
    build_specification TEXT NOT NULL,
    deployment_retention INTEGER NOT NULL,
    {store.CODE_COLUMNS},
    provider_branches TEXT NOT NULL,
    provider_paths TEXT NOT NULL,
    UNIQUE (project, id)
);
"""
#: What every age takes, whether or not the catalogue of an instance lists it.
FRAMEWORKS = (
    "analog angular nextjs react nuxt vue sveltekit astro tanstack-start remix lynx flutter react-native vite other"
).split()
#: `live` goes off when one of these is changed; any other update switches it on (observed on 1.9.6 and main).
NEEDS_BUILD = (
    "name",
    "framework",
    "install_command",
    "build_command",
    "start_command",
    "output_directory",
    "provider_root_directory",
)
COMMAND = text(0, 8192)

routes = Routes()


def _runtime(server: Server) -> Check:
    return one_of(*server.age.runtimes)


def _timeout(server: Server) -> Check:
    return whole_number(1, server.settings.site_timeout_limit)


SITE_ID = Param("siteId", existing_id)
NAMED = (Param("name", text(1, 128)), Param("framework", one_of(*FRAMEWORKS)))
SETTINGS = (
    Param("enabled", boolean, True),
    Param("logging", boolean, True),
    Param("timeout", anything, 30, of_server=_timeout),
    Param("installCommand", COMMAND, ""),
    Param("buildCommand", COMMAND, ""),
    Param("startCommand", COMMAND, "", ages=SINCE_1_9),
    Param("outputDirectory", COMMAND, ""),
    Param("adapter", one_of("static", "ssr"), ""),
    Param("fallbackFile", text(0, 255), ""),
    *REPOSITORY,
    *(
        Param(name, anything, None, ages=SINCE_1_9, of_server=specification_of)
        for name in ("buildSpecification", "runtimeSpecification")
    ),
    Param("scopes", anything, None, ages=ONLY_MAIN, of_server=scopes_of),
    RETENTION,
)


@routes.add("GET", "/sites", "sites.read", *LIST)
def list_sites(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    asked = parse_queries(values["queries"], COLUMN_SETS["sites"])
    scope = Scope("sites", "Site", {"project": request.project})
    page = read_page(server.db, scope, asked, (values["search"], "id", "name", "framework"))
    return Reply(200, {"total": page.total, "sites": [owner_model(server, row) for row in page.rows]}, model="sites")


@routes.add("GET", SITES.path, "sites.read", SITE_ID)
def get_site(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return reply(server, SITES.get(server, request.project, values["siteId"]))


@routes.add(
    "POST",
    "/sites",
    "sites.write",
    Param("siteId", custom_id),
    *NAMED,
    Param("buildRuntime", anything, of_server=_runtime),
    *SETTINGS,
)
def create_site(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    _check(server, values)
    site = server.new_id() if values["siteId"] in NO_IDS else str(values["siteId"])
    if store.find(server, SITES.name, request.project, site) is not None:
        raise ApiError("site_already_exists")
    now = server.timestamp()
    columns = _columns(server, values)
    store.insert(server, SITES.name, project=request.project, id=site, created_at=now, updated_at=now, **columns)
    return reply(server, SITES.get(server, request.project, site), 201)


@routes.add(
    "PUT",
    SITES.path,
    "sites.write",
    SITE_ID,
    *NAMED,
    Param("buildRuntime", anything, "", of_server=_runtime),
    *SETTINGS,
)
def update_site(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """A full replacement: what is left out goes back to its default. On main what concerns builds stays."""
    site = SITES.get(server, request.project, values["siteId"])
    _check(server, values)
    columns = _columns(server, values, site)
    changed = {"live": all(columns[name] == site[name] for name in NEEDS_BUILD), **columns}
    if not server.age.unchanged_keeps_time or any(site[name] != value for name, value in changed.items()):
        store.change_owner(server, site, **changed)
    return reply(server, site)


@routes.add("DELETE", SITES.path, "sites.write", SITE_ID)
def delete_site(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    delete_owner(server, SITES.get(server, request.project, values["siteId"]))
    return Reply(204)


def _check(server: Server, values: dict[str, Any]) -> None:
    allowed, runtime = server.settings.site_runtimes, values["buildRuntime"]
    if runtime and allowed and runtime not in allowed:
        raise ApiError("general_argument_invalid", f'Runtime "{runtime}" is not supported')
    check_repository(values)


def _columns(server: Server, values: dict[str, Any], before: Row | None = None) -> dict[str, Any]:
    kept = before if server.age.sites_have_scopes else None
    largest = default_specification(server.settings)
    one = values.get("specification")
    return {
        **{name: values[name] for name in ("name", "framework", "enabled", "logging", "timeout", "adapter")},
        "install_command": values["installCommand"],
        "build_command": values["buildCommand"],
        "start_command": values.get("startCommand", ""),
        "output_directory": values["outputDirectory"],
        "fallback_file": values["fallbackFile"],
        "build_runtime": values["buildRuntime"] or (kept["build_runtime"] if kept else ""),
        "scopes": json.dumps(values["scopes"])
        if values.get("scopes") is not None
        else kept["scopes"]
        if kept
        else "[]",
        "specification": values.get("runtimeSpecification") or one or largest,
        "build_specification": values.get("buildSpecification")
        or one
        or (kept["build_specification"] if kept else server.age.site_build_specification or largest),
        **repository_columns(values, before),
    }


@routes.add("GET", f"{SITES.path}/logs", "log.read", SITE_ID, *PAGE)
def list_logs(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Records of requests to a site: this server does not note who looks at one."""
    SITES.get(server, request.project, values["siteId"])
    return Reply(200, {"total": 0, "executions": []}, model="executions")


# A site is shown at a host of its own, as a real server shows it: its links may begin with a slash.


#: `SITE.PROJECT` comes before it. Browsers take all names below `localhost` for this machine.
DOMAIN = ".sites.localhost"


def page(server: Server, host: str, path: str) -> Reply | None:
    """What the site of a host shows at a path: a file of its active deployment, or its page for what is not there. None
    for a host that is no site's."""
    name = host.partition(":")[0].lower()
    if not name.endswith(DOMAIN):
        return None
    site, _, project = name.removesuffix(DOMAIN).rpartition(".")
    found = server.db.execute(
        "SELECT * FROM sites WHERE lower(project) = ? AND id = ? AND enabled AND deployment_id != ''", (project, site)
    ).fetchone()
    if found is None:
        return _NOT_THERE
    wanted = unquote(path).strip("/")
    places = dict.fromkeys(filter(None, (wanted, f"{wanted}/index.html".lstrip("/"), found["fallback_file"])))
    with tarfile.open(files_of(server, found["project"], found["deployment_id"]).output) as archive:
        held = {posixpath.normpath(each.name): each for each in archive if each.isfile()}
        chosen = next((each for each in places if each in held), None)
        content = archive.extractfile(held[chosen]) if chosen is not None else None
        if chosen is None or content is None:
            return _NOT_THERE
        kind = mimetypes.guess_type(chosen)[0] or "application/octet-stream"
        return Reply(200, content.read(), {"content-type": kind})


_NOT_THERE = Reply(
    404, b"<!DOCTYPE html><title>404</title><h1>There is no such page</h1>", {"content-type": "text/html"}
)


def on_start(server: Server) -> None:
    """Nothing goes on by itself."""

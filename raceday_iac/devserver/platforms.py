"""Platforms of a project. Whoever asks from a page is let in or not by `keys`, which does not look here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import records
from .ages import SINCE_1_9
from .errors import ApiError
from .params import Param, Refused, custom_id, existing_id, text
from .records import PAGE, Records
from .web import Reply, Request, Routes

if TYPE_CHECKING:
    from .server import Server

SCHEMA = records.SCHEMA
routes = Routes()
PLATFORMS = Records(
    "platform",
    "Platform",
    "platform_not_found",
    "platform_already_exists",
    {
        "name": "text",
        "type": "text",
        "hostname": "text",
        "bundleIdentifier": "text",
        "applicationId": "text",
        "packageName": "text",
        "packageIdentifierName": "text",
    },
    is_server_wide=True,
)
PLATFORM_ID = Param("platformId", existing_id)
PATH = "/project/platforms"
LABEL = re.compile(r"\*|[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")


def on_start(server: Server) -> None:
    """Platforms have nothing to resume."""


def host_name(value: Any) -> str:
    """The check of a parameter."""
    if not isinstance(value, str) or not all(map(LABEL.fullmatch, value.split("."))):
        raise Refused("Value must be a valid hostname without path, port and protocol.")
    return value


#: By type: the field that names the app, and its check.
TYPES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "web": ("hostname", host_name),
    "apple": ("bundleIdentifier", text(1, 256)),
    "android": ("applicationId", text(1, 256)),
    "linux": ("packageName", text(1, 256)),
    "windows": ("packageIdentifierName", text(1, 256)),
}


def _register(name: str, field: str, check: Callable[[Any], Any]) -> None:
    """The routes of a type."""
    name_param, own = Param("name", text(1, 128)), Param(field, check)
    # A name alone may be changed of a website only (observed on 1.9.6).
    changed = Param(field, check, None) if name == "web" else own

    @routes.add(
        "POST",
        f"{PATH}/{name}",
        "platforms.write",
        Param("platformId", custom_id),
        name_param,
        own,
        ages=SINCE_1_9,
    )
    def create(server: Server, request: Request, values: dict[str, Any]) -> Reply:
        more = {"key": ""} if name == "web" else {}
        fields = {"name": values["name"], "type": name, field: values[field], **more}
        record = PLATFORMS.create(server, request.project, values["platformId"], fields)
        return Reply(201, record.answer(), model="platform")

    @routes.add(
        "PUT",
        f"{PATH}/{name}/{{platformId}}",
        "platforms.write",
        PLATFORM_ID,
        name_param,
        changed,
        ages=SINCE_1_9,
    )
    def update(server: Server, request: Request, values: dict[str, Any]) -> Reply:
        record = PLATFORMS.find(server, request.project, values["platformId"])
        if record.fields["type"] != name:
            raise ApiError("platform_method_unsupported")
        given = {each: values[each] for each in ("name", field) if values[each] is not None}
        return Reply(200, PLATFORMS.change(server, record, given).answer(), model="platform")


for _name, (_field, _check) in TYPES.items():
    _register(_name, _field, _check)


@routes.add("GET", PATH, "platforms.read", *PAGE, ages=SINCE_1_9)
def list_platforms(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return PLATFORMS.listed(server, request, values, "platforms")


@routes.add("GET", f"{PATH}/{{platformId}}", "platforms.read", PLATFORM_ID, ages=SINCE_1_9)
def get_platform(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, PLATFORMS.find(server, request.project, values["platformId"]).answer(), model="platform")


@routes.add("DELETE", f"{PATH}/{{platformId}}", "platforms.write", PLATFORM_ID, ages=SINCE_1_9)
def delete_platform(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    PLATFORMS.delete(server, PLATFORMS.find(server, request.project, values["platformId"]))
    return Reply(204)

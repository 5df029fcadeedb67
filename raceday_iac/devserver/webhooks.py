"""Webhooks of a project. None is ever called."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import records
from .ages import SINCE_1_9
from .databases.formats import is_url
from .params import Check, Param, Refused, boolean, custom_id, existing_id, is_event, list_of, or_null, text
from .records import PAGE, Record, Records
from .web import Reply, Request, Routes

if TYPE_CHECKING:
    from .server import Server

SCHEMA = records.SCHEMA
routes = Routes()
WEBHOOKS = Records(
    "webhook",
    "Webhook",
    "webhook_not_found",
    "webhook_already_exists",
    {
        "name": "text",
        "url": "text",
        "enabled": "boolean",
        "tls": "boolean",
        "authUsername": "text",
        "attempts": "number",
    },
    is_server_wide=True,
)
ONE = "/webhooks/{webhookId}"
WEBHOOK_ID = Param("webhookId", existing_id)
SECRET = Param("secret", or_null(text(8, 256)), None, nullable=True)
URL_RULE = "1. Value must be a valid URL with following schemes (http, https) \n2. Value must be a public domain \n"
#: Names that never lead out of a network.
NOT_PUBLIC = frozenset({"localhost", "local", "test", "invalid", "example", "internal"})


def on_start(server: Server) -> None:
    """Webhooks have nothing to resume."""


def _url(value: Any) -> str:
    host = urlsplit(value).hostname if isinstance(value, str) and is_url(value) else None
    last = (host or "").rpartition(".")[2]
    is_public = "." in (host or "") and last.isalpha() and last not in NOT_PUBLIC
    if not is_public or not str(value).startswith(("http://", "https://")):
        raise Refused(URL_RULE)
    return str(value)


def _events(server: Server) -> Check:
    def event(value: Any) -> str:
        if not isinstance(value, str) or not is_event(value, server.age):
            raise Refused("Event is not valid.")
        return value

    return list_of(event, 100)


#: What an update resets when it leaves it out; the key of the signature stays (observed on 1.9.6).
FIELDS = (
    Param("name", text(1, 128)),
    Param("url", _url),
    Param("events", list_of(text(1, 256), 100), of_server=_events),
    Param("enabled", boolean, True),
    Param("tls", boolean, False),
    Param("authUsername", text(1, 256), ""),
    Param("authPassword", text(1, 256), ""),
)


def _answer(record: Record, secret: str = "") -> dict[str, Any]:
    """The key of the signature is shown by the answer that sets it, and never again."""
    return record.answer(secret=secret)


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    found = {each.name: values[each.name] for each in FIELDS}
    return {**found, "events": list(found["events"])}


@routes.add("POST", "/webhooks", "webhooks.write", Param("webhookId", custom_id), *FIELDS, SECRET, ages=SINCE_1_9)
def create_webhook(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    secret = values["secret"] or secrets.token_hex(64)
    fields = {**_fields(values), "secret": secret, "logs": "", "attempts": 0}
    record = WEBHOOKS.create(server, request.project, values["webhookId"], fields)
    return Reply(201, _answer(record, secret), model="webhook")


@routes.add("GET", "/webhooks", "webhooks.read", *PAGE, ages=SINCE_1_9)
def list_webhooks(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return WEBHOOKS.listed(server, request, values, "webhooks", shown=_answer)


@routes.add("GET", ONE, "webhooks.read", WEBHOOK_ID, ages=SINCE_1_9)
def get_webhook(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, _answer(WEBHOOKS.find(server, request.project, values["webhookId"])), model="webhook")


@routes.add("PUT", ONE, "webhooks.write", WEBHOOK_ID, *FIELDS, ages=SINCE_1_9)
def update_webhook(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = WEBHOOKS.find(server, request.project, values["webhookId"])
    return Reply(200, _answer(WEBHOOKS.change(server, record, _fields(values))), model="webhook")


@routes.add("PATCH", f"{ONE}/secret", "webhooks.write", WEBHOOK_ID, SECRET, ages=SINCE_1_9)
def renew_secret(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = WEBHOOKS.find(server, request.project, values["webhookId"])
    secret = values["secret"] or secrets.token_hex(64)
    return Reply(200, _answer(WEBHOOKS.change(server, record, {"secret": secret}), secret), model="webhook")


@routes.add("DELETE", ONE, "webhooks.write", WEBHOOK_ID, ages=SINCE_1_9)
def delete_webhook(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    WEBHOOKS.delete(server, WEBHOOKS.find(server, request.project, values["webhookId"]))
    return Reply(204)

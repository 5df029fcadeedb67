"""The keys of a project's API as resources. What opens the door with one is in `keys`; here is what is shown of it.

Keys that the server made for its operator are none of these, unless they have a name.
"""

from __future__ import annotations

import secrets
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from . import keys, records
from .ages import SINCE_1_9
from .databases.php_dates import RULE, parse
from .errors import ApiError
from .params import Check, Param, Refused, custom_id, existing_id, list_of, one_of, or_null, text, whole_number
from .records import PAGE, Record, Records
from .server import stamp
from .web import Reply, Request, Routes

if TYPE_CHECKING:
    from .server import Server

SCHEMA = records.SCHEMA
routes = Routes()
KEYS = Records(
    "key",
    "Key",
    "key_not_found",
    "key_already_exists",
    {"name": "text", "expire": "text", "accessedAt": "text"},
    is_server_wide=True,
)
PATH = "/project/keys"
ONE = f"{PATH}/{{keyId}}"
KEY_ID = Param("keyId", existing_id)


def on_start(server: Server) -> None:
    """Keys have nothing to resume."""


def _scopes(server: Server) -> Check:
    return list_of(one_of(*server.age.scopes), server.age.most_scopes)


def _expire(server: Server) -> Check:
    def check(value: Any) -> str:
        instant = parse(value, server.clock.now()) if isinstance(value, str) else None
        if instant is None:
            raise Refused(RULE)
        return stamp(instant)

    return or_null(check)


FIELDS = (
    Param("name", text(1, 128)),
    Param("scopes", list_of(text(1, 64), 100), of_server=_scopes),
    Param("expire", text(0, 64), None, nullable=True, of_server=_expire),
)


def make(server: Server, project: str, identifier: str, values: dict[str, Any]) -> Record:
    """A key, which may be used at once."""
    secret = f"standard_{secrets.token_hex(128)}"
    fields = {**_fields(values), "secret": secret, "accessedAt": "", "sdks": []}
    record = KEYS.create(server, project, identifier, fields)
    _let_in(server, project, record)
    return record


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    return {"name": values["name"], "expire": values["expire"] or "", "scopes": list(values["scopes"])}


def _let_in(server: Server, project: str, record: Record) -> None:
    fields = record.fields
    keys.create_key(server.db, project, fields["scopes"], record.created_at, fields["secret"], expire=fields["expire"])


@routes.add("POST", PATH, "keys.write", Param("keyId", custom_id), *FIELDS, ages=SINCE_1_9)
def create_key(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """On main, only who is logged in may."""
    if not server.age.lets_keys_make_keys:
        raise ApiError("key_creation_denied")
    return Reply(201, make(server, request.project, values["keyId"], values).answer(), model="key")


@routes.add(
    "POST",
    f"{PATH}/ephemeral",
    "keys.write",
    FIELDS[1],
    Param("duration", whole_number(1, 3600)),
    ages=SINCE_1_9,
)
def create_ephemeral_key(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """One that ends by itself and is kept nowhere. Its times are as the database has them (observed on 1.9.6)."""
    now, lifetime = server.clock.now().astimezone(UTC), values["duration"]
    created = now.replace(tzinfo=None).isoformat(" ", "milliseconds")
    answer = {
        "$id": server.new_id(),
        "$createdAt": created,
        "$updatedAt": created,
        "name": "",
        "expire": (now + timedelta(seconds=lifetime)).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z",
        "scopes": list(values["scopes"]),
        "secret": keys.mint_ephemeral_key(
            server.db, request.project, values["scopes"], now=now.timestamp(), lifetime=lifetime
        ),
        "accessedAt": "",
        "sdks": [],
    }
    return Reply(201, answer, model="key")


@routes.add("GET", PATH, "keys.read", *PAGE, ages=SINCE_1_9)
def list_keys(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return KEYS.listed(server, request, values, "keys")


@routes.add("GET", ONE, "keys.read", KEY_ID, ages=SINCE_1_9)
def get_key(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, KEYS.find(server, request.project, values["keyId"]).answer(), model="key")


@routes.add("PUT", ONE, "keys.write", KEY_ID, *FIELDS, ages=SINCE_1_9)
def update_key(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = KEYS.change(server, KEYS.find(server, request.project, values["keyId"]), _fields(values))
    _let_in(server, request.project, record)
    return Reply(200, record.answer(), model="key")


@routes.add("DELETE", ONE, "keys.write", KEY_ID, ages=SINCE_1_9)
def delete_key(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = KEYS.find(server, request.project, values["keyId"])
    KEYS.delete(server, record)
    keys.delete_key(server.db, record.fields["secret"])
    return Reply(204)

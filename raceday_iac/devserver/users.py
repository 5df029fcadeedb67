"""Users, as far as teams and topics need some: nobody can log in here, so no password is kept."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from . import records
from .databases.formats import EMAIL_RULE, is_email
from .errors import ApiError
from .params import Param, Refused, custom_id, existing_id, one_of, text
from .records import LIST, PAGE, Record, Records
from .web import Reply, Request, Routes

if TYPE_CHECKING:
    from .server import Server

SCHEMA = records.SCHEMA
routes = Routes()
USERS = Records(
    "user",
    "User",
    "user_not_found",
    "user_already_exists",
    {"name": "text", "email": "text", "phone": "text", "status": "boolean"},
)
TARGETS = Records(
    "target",
    "Target",
    "user_target_not_found",
    "user_target_already_exists",
    {"providerType": "text", "userId": "text"},
)
USER_ID = Param("userId", existing_id)
_HASH = {"hash": "argon2", "hashOptions": {"type": "argon2", "memory_cost": 65536, "time_cost": 4, "threads": 3}}
#: Of whom a mailbox costs nothing; Appwrite knows more.
_FREE = ("gmail.com", "outlook.com", "yahoo.com", "proton.me")


def on_start(server: Server) -> None:
    """Users have nothing to resume."""


def mail_address(value: Any) -> str:
    """The check of a parameter."""
    if not is_email(value):
        raise Refused(EMAIL_RULE)
    return str(value)


_PHONE = re.compile(r"\+[1-9]\d{6,14}")


def phone_number(value: Any) -> str:
    """The check of a parameter."""
    if not isinstance(value, str) or not _PHONE.fullmatch(value):
        raise Refused("Phone number must start with a '+' can have a maximum of fifteen digits.")
    return value


def create(
    server: Server, project: str, identifier: str, name: str, email: str = "", password: str = "", phone: str = ""
) -> Record:
    """A user, with the targets that messages to an address of mail and to a phone go to."""
    for kind, value in (("email", email), ("phone", phone)):
        if value and USERS.among(server, project, kind, value):
            raise ApiError("user_already_exists")
    now = server.timestamp()
    fields = {
        "name": name,
        "password": "(not kept)" if password else None,
        **_HASH,
        "registration": now,
        "status": True,
        "labels": [],
        "passwordUpdate": now if password else "",
        "email": email,
        "phone": phone,
        "emailVerification": False,
        **(_mail_facts(email) if server.age.has_fields_of_1_9 else {}),
        "phoneVerification": False,
        "mfa": False,
        "prefs": {},
        "accessedAt": "",
        **({"impersonator": False, "impersonatorUserId": None} if server.age.has_fields_of_1_9 else {}),
    }
    record = USERS.create(server, project, identifier, fields, now=now)
    if email:
        TARGETS.create(server, project, "unique()", _target(record, "email", email), record.id)
    if phone:
        TARGETS.create(server, project, "unique()", _target(record, "sms", phone), record.id)
    return record


def _mail_facts(email: str) -> dict[str, Any]:
    names = ("emailCanonical", "emailIsFree", "emailIsDisposable", "emailIsCorporate", "emailIsCanonical")
    if not email:
        return dict.fromkeys(names)
    is_free = email.rpartition("@")[2].lower() in _FREE
    return dict(zip(names, (email.lower(), is_free, False, not is_free, email == email.lower()), strict=True))


def _target(user: Record, kind: str, identifier: str, provider: str | None = None, name: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "userId": user.id,
        "providerId": provider,
        "providerType": kind,
        "identifier": identifier,
        "expired": False,
    }


def _answer(server: Server, project: str, record: Record) -> dict[str, Any]:
    _, targets = TARGETS.page(server, project, {"queries": ()}, record.id)
    return record.answer(targets=[each.answer() for each in targets])


@routes.add(
    "POST",
    "/users",
    "users.write",
    Param("userId", custom_id),
    Param("email", mail_address, "", nullable=True),
    Param("phone", phone_number, "", nullable=True),
    Param("password", text(8, 256), "", nullable=True),
    Param("name", text(0, 128), ""),
)
def create_user(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    given = [values[name] or "" for name in ("name", "email", "password", "phone")]
    record = create(server, request.project, values["userId"], *given)
    return Reply(201, _answer(server, request.project, record), model="user")


@routes.add("GET", "/users", "users.read", *LIST)
def list_users(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return USERS.listed(server, request, values, "users", shown=partial(_answer, server, request.project))


@routes.add("GET", "/users/{userId}", "users.read", USER_ID)
def get_user(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = USERS.find(server, request.project, values["userId"])
    return Reply(200, _answer(server, request.project, record), model="user")


@routes.add("DELETE", "/users/{userId}", "users.write", USER_ID)
def delete_user(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = USERS.find(server, request.project, values["userId"])
    TARGETS.delete_all(server, request.project, record.id)
    USERS.delete(server, record)
    return Reply(204)


@routes.add("GET", "/users/{userId}/targets", ("users.read", "targets.read"), USER_ID, *PAGE)
def list_targets(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    user = USERS.find(server, request.project, values["userId"])
    return TARGETS.listed(server, request, values, "targets", user.id, search=("id",))


@routes.add(
    "POST",
    "/users/{userId}/targets",
    ("users.write", "targets.write"),
    USER_ID,
    Param("targetId", custom_id),
    Param("providerType", one_of("email", "sms", "push")),
    Param("identifier", text(1, 2048)),
    Param("providerId", existing_id, None, nullable=True),
    Param("name", text(0, 128), ""),
)
def create_target(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    user = USERS.find(server, request.project, values["userId"])
    fields = _target(user, values["providerType"], values["identifier"], values["providerId"], values["name"])
    record = TARGETS.create(server, request.project, values["targetId"], fields, user.id)
    return Reply(201, record.answer(), model="target")

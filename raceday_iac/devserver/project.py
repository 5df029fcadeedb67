"""The project itself and what is set of it: how users may sign in, policies, services, protocols, labels, mail.

All of it is one document for each project. No mail is sent, no server of mails is called and no provider of sign-ins is
asked whether its credentials are right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from .ages import SINCE_1_9
from .errors import ApiError
from .params import (
    Check,
    Param,
    Refused,
    boolean,
    list_of,
    loose_boolean,
    one_of,
    or_null,
    text,
    whole_number,
)
from .records import parse_queries, query_texts
from .teams import mail_address
from .web import Reply, Request, Routes

if TYPE_CHECKING:
    from .server import Server

SCHEMA = """
CREATE TABLE IF NOT EXISTS project_settings (
    project TEXT PRIMARY KEY,
    updated_at TEXT NOT NULL,
    settings TEXT NOT NULL
);
"""
routes = Routes()

METHODS = ("email-password", "magic-url", "email-otp", "anonymous", "invites", "jwt", "phone")
SERVICES = (
    "account",
    "avatars",
    "databases",
    "tablesdb",
    "locale",
    "health",
    "project",
    "storage",
    "teams",
    "users",
    "vcs",
    "sites",
    "functions",
    "proxy",
    "graphql",
    "migrations",
    "messaging",
    "advisor",
)
PROTOCOLS = ("rest", "graphql", "websocket")
_SMTP: Mapping[str, Any] = {
    "enabled": False,
    "senderName": "",
    "senderEmail": "",
    "replyToName": "",
    "replyToEmail": "",
    "host": "",
    "port": 0,
    "username": "",
    "password": "",
    "secure": "",
}


def on_start(server: Server) -> None:
    """Settings have nothing to resume."""


def settings_of(server: Server, project: str) -> dict[str, Any]:
    """What was set, by part."""
    row = server.db.execute("SELECT settings FROM project_settings WHERE project = ?", (project,)).fetchone()
    found: dict[str, Any] = json.loads(row["settings"]) if row else {}
    return found


def save(server: Server, project: str, part: str, value: Any) -> None:
    settings = {**settings_of(server, project), part: value}
    server.db.execute(
        "INSERT INTO project_settings (project, updated_at, settings) VALUES (?, ?, ?) "
        "ON CONFLICT (project) DO UPDATE SET updated_at = excluded.updated_at, settings = excluded.settings",
        (project, server.timestamp(), json.dumps(settings)),
    )


def raw_time(instant: str) -> str:
    """An instant as the database keeps it; some answers show it so."""
    return datetime.fromisoformat(instant).astimezone(UTC).replace(tzinfo=None).isoformat(" ", "milliseconds")


def _switches(names: Sequence[str], switched: Mapping[str, bool]) -> list[dict[str, Any]]:
    return [{"$id": name, "enabled": switched.get(name, True)} for name in names]


def answer(server: Server, project: str) -> dict[str, Any]:
    """The project, as it is answered. The password of its mail server is not."""
    row = server.db.execute("SELECT created_at FROM projects WHERE id = ?", (project,)).fetchone()
    changed = server.db.execute("SELECT updated_at FROM project_settings WHERE project = ?", (project,)).fetchone()
    settings = settings_of(server, project)
    smtp = {**_SMTP, **settings.get("smtp", {}), "password": ""}
    onboarding = {"project.createKey": {"status": "completed", "at": raw_time(row["created_at"]), "actorType": "admin"}}
    return {
        "$id": project,
        "$createdAt": row["created_at"],
        "$updatedAt": changed["updated_at"] if changed else row["created_at"],
        "name": project,
        "teamId": "t",
        "region": "default",
        "devKeys": [],
        **{f"smtp{name[0].upper()}{name[1:]}": value for name, value in smtp.items()},
        "pingCount": 0,
        "pingedAt": "",
        "labels": settings.get("labels", []),
        "status": "active",
        **({"onboarding": onboarding, "wafEnabled": False} if server.age.has_policies_of_main else {}),
        "authMethods": _switches(METHODS, settings.get("authMethods", {})),
        "services": _switches(SERVICES, settings.get("services", {})),
        "protocols": _switches(PROTOCOLS, settings.get("protocols", {})),
        "blocks": [],
        "consoleAccessedAt": row["created_at"],
    }


def whole(server: Server, request: Request) -> Reply:
    return Reply(200, answer(server, request.project), model="project")


@routes.add("GET", "/project", "project.read", ages=SINCE_1_9)
def get_project(server: Server, request: Request, _values: dict[str, Any]) -> Reply:
    return whole(server, request)


@routes.add("DELETE", "/project", "project.write", ages=SINCE_1_9)
def delete_project(server: Server, request: Request, _values: dict[str, Any]) -> Reply:
    """A key that may write the project may delete it, and itself."""
    tables = [row["name"] for row in server.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        columns = {row["name"] for row in server.db.execute(f"PRAGMA table_info({table})")}
        if "project" in columns:
            server.db.execute(f"DELETE FROM {table} WHERE project = ?", (request.project,))
    server.db.execute("DELETE FROM projects WHERE id = ?", (request.project,))
    return Reply(204)


def _switch(part: str, id_name: str, server: Server, request: Request, values: dict[str, Any]) -> Reply:
    switched = settings_of(server, request.project).get(part, {})
    save(server, request.project, part, {**switched, values[id_name]: values["enabled"]})
    return whole(server, request)


for _part, _path, _id, _names in (
    ("authMethods", "auth-methods", "methodId", METHODS),
    ("services", "services", "serviceId", SERVICES),
    ("protocols", "protocols", "protocolId", PROTOCOLS),
):
    routes.add(
        "PATCH",
        f"/project/{_path}/{{{_id}}}",
        "project.write",
        Param(_id, one_of(*_names)),
        Param("enabled", boolean),
        ages=SINCE_1_9,
    )(partial(_switch, _part, _id))


def page(values: Mapping[str, Any], items: Sequence[Any], key: str) -> Reply:
    """Part of a list that only knows limit and offset; without a limit, all that is left."""
    asked = parse_queries(values["queries"], {})
    is_limited = any('"limit"' in each for each in values["queries"])
    shown = items[asked.offset :][: asked.limit if is_limited else None]
    return Reply(200, {"total": len(items), key: shown}, model=key)


LIST = (Param("queries", query_texts, ()), Param("total", loose_boolean, True))


# Labels, and the server of mails.


def spelled(minimum: int, maximum: int, letters: str) -> Check:
    """A text of certain letters."""
    size = f"exactly {minimum} chars" if minimum == maximum else f"at least {minimum} chars"
    longest = "" if minimum == maximum else f" and no longer than {maximum} chars"
    rule = f"Value must be a valid string and {size}{longest} and only consist of '{', '.join(letters)}' chars"

    def check(value: Any) -> str:
        if not isinstance(value, str) or not minimum <= len(value) <= maximum or set(value) - set(letters):
            raise Refused(rule)
        return value

    return check


DIGITS = "0123456789"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LABEL = spelled(1, 36, DIGITS + _LETTERS + _LETTERS.lower())


@routes.add("PUT", "/project/labels", "project.write", Param("labels", list_of(_LABEL, 1000)), ages=SINCE_1_9)
def set_labels(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    save(server, request.project, "labels", list(dict.fromkeys(values["labels"])))
    return whole(server, request)


_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


def _host(value: Any) -> str:
    if not isinstance(value, str) or not _HOST.fullmatch(value):
        raise Refused("Value must be a valid hostname without path, port and protocol.")
    return value


def _mail_or_empty(value: Any) -> str:
    return "" if value == "" else mail_address(value)


def maybe(name: str, check: Check) -> Param:
    return Param(name, or_null(check), None, nullable=True)


_SENDER = (
    maybe("senderEmail", _mail_or_empty),
    maybe("senderName", text(0, 256)),
    maybe("replyToEmail", _mail_or_empty),
    maybe("replyToName", text(0, 256)),
)


@routes.add(
    "PATCH",
    "/project/smtp",
    "project.write",
    maybe("host", _host),
    maybe("port", whole_number(-(2**31), 2**31 - 1)),
    maybe("username", text(0, 256)),
    maybe("password", text(0, 256)),
    *_SENDER,
    maybe("secure", one_of("tls", "ssl")),
    maybe("enabled", boolean),
    ages=SINCE_1_9,
)
def update_smtp(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """What is null stays. A real server calls the other one before it believes that it is enabled."""
    smtp = {**_SMTP, **settings_of(server, request.project).get("smtp", {})}
    smtp |= {name: value for name, value in values.items() if value is not None}
    missing = [name for name in ("host", "port", "senderEmail") if smtp["enabled"] and not smtp[name]]
    if missing:
        raise ApiError("general_argument_invalid", f'Param "{missing[0]}" is not optional.')
    save(server, request.project, "smtp", smtp)
    return whole(server, request)


def _has_smtp(server: Server, project: str) -> bool:
    return bool(settings_of(server, project).get("smtp", {}).get("enabled"))


@routes.add("POST", "/project/smtp/tests", "project.write", Param("emails", list_of(mail_address, 10)), ages=SINCE_1_9)
def try_smtp(server: Server, request: Request, _values: dict[str, Any]) -> Reply:
    """Nobody is sent a mail."""
    if not _has_smtp(server, request.project):
        raise ApiError("general_argument_invalid", "SMTP must be enabled on the project to send a test email.")
    return Reply(204)


# Templates of mails.

TEMPLATES = ("verification", "magicSession", "recovery", "invitation", "mfaChallenge", "sessionAlert", "otpSession")
_EMAIL_TEMPLATE = "/project/templates/email"
_TEMPLATE_ID = Param("templateId", one_of(*TEMPLATES))
_LOCALE = Param("locale", text(0, 10), "")
#: As answers have them.
_TEMPLATE_TEXTS = ("message", "senderName", "senderEmail", "replyToEmail", "replyToName", "subject")


def _name_of(key: str) -> tuple[str, str]:
    name, _, locale = key.partition("-")
    return name, locale


def _template(name: str, locale: str, held: Mapping[str, Any]) -> dict[str, Any]:
    return {"templateId": name, "locale": locale, **{each: held.get(each, "") for each in _TEMPLATE_TEXTS}}


@routes.add("GET", _EMAIL_TEMPLATE, "templates.read", *LIST, ages=SINCE_1_9)
def list_templates(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Those that were set."""
    found = settings_of(server, request.project).get("templates", {})
    return page(values, [_template(*_name_of(key), held) for key, held in found.items()], "templates")


@routes.add("GET", _EMAIL_TEMPLATE + "/{templateId}", "templates.read", _TEMPLATE_ID, _LOCALE, ages=SINCE_1_9)
def get_template(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """One that was set, or a default one, of which Appwrite has a text in each language and this server has one."""
    name, locale = values["templateId"], values["locale"] or "en"
    default = {"subject": f"{name} for {{{{project}}}}", "message": "<p>{{redirect}}</p>"}
    held = settings_of(server, request.project).get("templates", {}).get(f"{name}-{locale}", {})
    return Reply(200, _template(name, locale, {**default, **held}))


@routes.add(
    "PATCH",
    _EMAIL_TEMPLATE,
    "templates.write",
    _TEMPLATE_ID,
    _LOCALE,
    maybe("subject", text(1, 255)),
    maybe("message", text(1, 10_485_760)),
    *_SENDER,
    ages=SINCE_1_9,
)
def update_template(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """What is null stays; a new one needs a subject and a message."""
    if not _has_smtp(server, request.project):
        message = "SMTP must be enabled on the project to configure custom email templates."
        raise ApiError("general_argument_invalid", message)
    name, locale = values["templateId"], values["locale"] or "en"
    templates = settings_of(server, request.project).get("templates", {})
    said = {each: values[each] for each in _TEMPLATE_TEXTS if values[each] is not None}
    held = {**templates.get(f"{name}-{locale}", {}), **said}
    missing = [each for each in ("subject", "message") if not held.get(each)]
    if missing:
        raise ApiError("general_argument_invalid", f'Param "{missing[0]}" is not optional.')
    save(server, request.project, "templates", {**templates, f"{name}-{locale}": held})
    return Reply(200, _template(name, locale, held))

"""Messaging: topics with their subscribers, and providers. No message is ever sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import records
from .ages import EVERY, SINCE_1_9, UNTIL_1_9
from .errors import ApiError
from .functions.crud import execute_roles
from .params import (
    Check,
    Param,
    Refused,
    custom_id,
    existing_id,
    loose_boolean,
    one_of,
    or_null,
    text,
    whole_number,
)
from .records import LIST, PAGE, Record, Records
from .teams import TARGETS, USERS, mail_address
from .web import Reply, Request, Routes

if TYPE_CHECKING:
    from .server import Server

SCHEMA = records.SCHEMA
routes = Routes()
TOPICS = Records(
    "topic",
    "Topic",
    "topic_not_found",
    "topic_already_exists",
    {"name": "text", "emailTotal": "number", "smsTotal": "number", "pushTotal": "number"},
)
SUBSCRIBERS = Records(
    "subscriber",
    "Subscriber",
    "subscriber_not_found",
    "subscriber_already_exists",
    {"targetId": "text", "topicId": "text", "userId": "text", "providerType": "text"},
)
PROVIDERS = Records(
    "provider",
    "Provider",
    "provider_not_found",
    "provider_already_exists",
    {"name": "text", "provider": "text", "type": "text", "enabled": "boolean"},
)
TOPIC_ID = Param("topicId", existing_id)
NAME = Param("name", text(1, 128))
TOPIC = "/messaging/topics/{topicId}"
SUBSCRIBER = TOPIC + "/subscribers/{subscriberId}"


def on_start(server: Server) -> None:
    """Messaging has nothing to resume."""


# Topics.


@routes.add(
    "POST",
    "/messaging/topics",
    "topics.write",
    Param("topicId", custom_id),
    NAME,
    Param("subscribe", execute_roles, ("users",)),
)
def create_topic(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    counts = dict.fromkeys(("emailTotal", "smsTotal", "pushTotal"), 0)
    fields = {"name": values["name"], **counts, "subscribe": list(values["subscribe"])}
    return Reply(201, TOPICS.create(server, request.project, values["topicId"], fields).answer(), model="topic")


@routes.add("GET", "/messaging/topics", "topics.read", *LIST)
def list_topics(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return TOPICS.listed(server, request, values, "topics")


@routes.add("GET", TOPIC, "topics.read", TOPIC_ID)
def get_topic(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, TOPICS.find(server, request.project, values["topicId"]).answer(), model="topic")


@routes.add(
    "PATCH",
    TOPIC,
    "topics.write",
    TOPIC_ID,
    Param("name", text(1, 128), None, nullable=True),
    Param("subscribe", execute_roles, None, nullable=True),
)
def update_topic(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """What is left out, or null, stays."""
    record = TOPICS.find(server, request.project, values["topicId"])
    given = {name: values[name] for name in ("name", "subscribe") if values[name] is not None}
    return Reply(200, TOPICS.change(server, record, given).answer(), model="topic")


@routes.add("DELETE", TOPIC, "topics.write", TOPIC_ID)
def delete_topic(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    record = TOPICS.find(server, request.project, values["topicId"])
    TOPICS.delete(server, record)
    SUBSCRIBERS.delete_all(server, request.project, record.id)
    return Reply(204)


@routes.add("GET", TOPIC + "/logs", "topics.read", TOPIC_ID, *PAGE, ages=UNTIL_1_9)
def list_topic_logs(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Nothing is logged here."""
    TOPICS.find(server, request.project, values["topicId"])
    return Reply(200, {"total": 0, "logs": []})


# Subscribers.


def _count(server: Server, topic: Record, kind: str, change: int) -> None:
    name = f"{kind}Total"
    TOPICS.change(server, topic, {name: topic.fields[name] + change})


@routes.add(
    "POST",
    TOPIC + "/subscribers",
    "subscribers.write",
    TOPIC_ID,
    Param("subscriberId", custom_id),
    Param("targetId", existing_id),
)
def create_subscriber(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    topic = TOPICS.find(server, request.project, values["topicId"])
    target = TARGETS.anywhere(server, request.project, values["targetId"])
    if any(each.fields["targetId"] == target.id for each in SUBSCRIBERS.all(server, request.project, topic.id)):
        raise ApiError("subscriber_already_exists")
    user = USERS.find(server, request.project, target.fields["userId"])
    fields = {
        "targetId": target.id,
        "target": target.answer(),
        "userId": user.id,
        "userName": user.fields["name"],
        "topicId": topic.id,
        "providerType": target.fields["providerType"],
    }
    record = SUBSCRIBERS.create(server, request.project, values["subscriberId"], fields, topic.id)
    _count(server, topic, target.fields["providerType"], 1)
    return Reply(201, record.answer(), model="subscriber")


@routes.add("GET", TOPIC + "/subscribers", "subscribers.read", TOPIC_ID, *LIST)
def list_subscribers(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    topic = TOPICS.find(server, request.project, values["topicId"])
    return SUBSCRIBERS.listed(server, request, values, "subscribers", topic.id, search=("userId",))


@routes.add("GET", SUBSCRIBER, "subscribers.read", TOPIC_ID, Param("subscriberId", existing_id))
def get_subscriber(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    topic = TOPICS.find(server, request.project, values["topicId"])
    record = SUBSCRIBERS.find(server, request.project, values["subscriberId"], topic.id)
    return Reply(200, record.answer(), model="subscriber")


@routes.add("DELETE", SUBSCRIBER, "subscribers.write", TOPIC_ID, Param("subscriberId", existing_id))
def delete_subscriber(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    topic = TOPICS.find(server, request.project, values["topicId"])
    record = SUBSCRIBERS.find(server, request.project, values["subscriberId"], topic.id)
    SUBSCRIBERS.delete(server, record)
    _count(server, topic, record.fields["providerType"], -1)
    return Reply(204)


# Providers. What is said of one is a credential or an option; keys are shown the credentials (1.9.6).


def _words(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused("Value must be a valid object.")
    return value


@dataclass(frozen=True)
class Field:
    """A setting. `default` is what a creation makes of one that is left out; None: it has none then."""

    name: str
    check: Check
    default: Any = None


TEXT, SHORT = text(1, 0), text(1, 128)
_FROM = Field("from", text(1, 256))
_MAIL = (
    Field("fromName", SHORT, ""),
    Field("fromEmail", mail_address, ""),
    Field("replyToName", SHORT, ""),
    Field("replyToEmail", mail_address, ""),
)


@dataclass(frozen=True)
class Type:
    """A type of provider. One can be enabled when it has all that it `needs`."""

    channel: str
    credentials: tuple[Field, ...]
    options: tuple[Field, ...]
    needs: tuple[str, ...]
    required: tuple[str, ...] = ()
    ages: frozenset[str] = EVERY


def _texts(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, TEXT) for name in names)


TYPES = {
    "smtp": Type(
        "email",
        (
            Field("host", TEXT),
            Field("port", or_null(whole_number(1, 65535)), 587),
            Field("username", TEXT, ""),
            Field("password", TEXT, ""),
        ),
        (
            Field("encryption", one_of("none", "ssl", "tls"), ""),
            Field("autoTLS", loose_boolean, True),
            Field("mailer", TEXT, ""),
            *_MAIL,
        ),
        ("host", "fromEmail"),
        ("host",),
    ),
    "sendgrid": Type("email", _texts("apiKey"), _MAIL, ("apiKey", "fromEmail")),
    "mailgun": Type(
        "email",
        (*_texts("apiKey", "domain"), Field("isEuRegion", loose_boolean)),
        _MAIL,
        ("apiKey", "domain", "isEuRegion", "fromEmail"),
    ),
    "resend": Type("email", _texts("apiKey"), _MAIL, ("apiKey", "fromEmail")),
    "ses": Type(
        "email",
        _texts("accessKey", "secretKey", "region"),
        _MAIL,
        ("accessKey", "secretKey", "region", "fromEmail"),
        ages=SINCE_1_9,
    ),
    "twilio": Type("sms", _texts("accountSid", "authToken"), (_FROM,), ("accountSid", "authToken", "from")),
    "vonage": Type("sms", _texts("apiKey", "apiSecret"), (_FROM,), ("apiKey", "apiSecret", "from")),
    "msg91": Type("sms", _texts("templateId", "senderId", "authKey"), (), ("templateId", "senderId", "authKey")),
    "telesign": Type("sms", _texts("customerId", "apiKey"), (_FROM,), ("customerId", "apiKey", "from")),
    "textmagic": Type("sms", _texts("username", "apiKey"), (_FROM,), ("username", "apiKey", "from")),
    "fcm": Type("push", (Field("serviceAccountJSON", _words),), (), ("serviceAccountJSON",)),
    "apns": Type(
        "push",
        _texts("authKey", "authKeyId", "teamId", "bundleId"),
        (Field("sandbox", loose_boolean, False),),
        ("authKey", "authKeyId", "teamId", "bundleId"),
    ),
}


def _answer(record: Record) -> dict[str, Any]:
    """To PHP, what is empty is a list."""
    answer = record.answer()
    return {**answer, **{name: answer[name] or [] for name in ("credentials", "options")}}


def _has_all(of: Type, said: Mapping[str, Any]) -> bool:
    return all(said.get(name) not in (None, "") for name in of.needs)


def _register(name: str, of: Type) -> None:
    """The routes of a type."""
    fields = (*of.credentials, *of.options)
    given = [Param(each.name, each.check, each.default, nullable=True) for each in fields]
    new = [Param(each.name, each.check) if each.name in of.required else each for each in given]
    enabled = Param("enabled", loose_boolean, None, nullable=True)

    @routes.add(
        "POST",
        f"/messaging/providers/{name}",
        "providers.write",
        Param("providerId", custom_id),
        NAME,
        *new,
        enabled,
        ages=of.ages,
    )
    def create(server: Server, request: Request, values: dict[str, Any]) -> Reply:
        """One that lacks something is not enabled, whatever was asked for."""
        said = {each.name: values[each.name] for each in fields}
        parts = [
            {each.name: said[each.name] for each in part if said[each.name] is not None}
            for part in (of.credentials, of.options)
        ]
        record = PROVIDERS.create(
            server,
            request.project,
            values["providerId"],
            {
                "name": values["name"],
                "provider": name,
                "enabled": bool(values["enabled"]) and _has_all(of, said),
                "type": of.channel,
                "credentials": parts[0],
                "options": parts[1],
            },
        )
        return Reply(201, _answer(record), model="provider")

    optional = [Param(each.name, each.check, None, nullable=True) for each in fields]

    @routes.add(
        "PATCH",
        f"/messaging/providers/{name}/{{providerId}}",
        "providers.write",
        Param("providerId", existing_id),
        Param("name", text(1, 128), None, nullable=True),
        *optional,
        enabled,
        ages=of.ages,
    )
    def update(server: Server, request: Request, values: dict[str, Any]) -> Reply:
        """What is left out, or null, stays."""
        record = PROVIDERS.find(server, request.project, values["providerId"])
        if record.fields["provider"] != name:
            raise ApiError("provider_incorrect_type")
        parts = {}
        for part, own in (("credentials", of.credentials), ("options", of.options)):
            sent = {each.name: values[each.name] for each in own if values[each.name] is not None}
            parts[part] = {**record.fields[part], **sent}
        changed: dict[str, Any] = dict(parts)
        if values["name"] is not None:
            changed["name"] = values["name"]
        if values["enabled"] is not None:
            if values["enabled"] and not _has_all(of, {**parts["credentials"], **parts["options"]}):
                raise ApiError("provider_missing_credentials")
            changed["enabled"] = values["enabled"]
        return Reply(200, _answer(PROVIDERS.change(server, record, changed)), model="provider")


for _name, _type in TYPES.items():
    _register(_name, _type)

PROVIDER_ID = Param("providerId", existing_id)
PROVIDER = "/messaging/providers/{providerId}"


@routes.add("GET", "/messaging/providers", "providers.read", *LIST)
def list_providers(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return PROVIDERS.listed(server, request, values, "providers", shown=_answer)


@routes.add("GET", PROVIDER, "providers.read", PROVIDER_ID)
def get_provider(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    return Reply(200, _answer(PROVIDERS.find(server, request.project, values["providerId"])), model="provider")


@routes.add("DELETE", PROVIDER, "providers.write", PROVIDER_ID)
def delete_provider(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    PROVIDERS.delete(server, PROVIDERS.find(server, request.project, values["providerId"]))
    return Reply(204)


@routes.add("GET", PROVIDER + "/logs", "providers.read", PROVIDER_ID, *PAGE, ages=UNTIL_1_9)
def list_provider_logs(server: Server, request: Request, values: dict[str, Any]) -> Reply:
    """Nothing is logged here."""
    PROVIDERS.find(server, request.project, values["providerId"])
    return Reply(200, {"total": 0, "logs": []})
